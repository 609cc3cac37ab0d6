"""The calls of MoMo, built and signed. No I/O; what is random (the encrypted receiver) is made once and stored."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from gateways.contract import Instrument
from gateways.errors import BadBatch
from gateways.line import json_body
from gateways.momo.method import BankAccount, Wallet, encrypted
from gateways.momo.signing import Keys, Operation, sign
from gateways.online import Call, CollectionOrder, OnlineOperation, Payout, Refund, read_sheet

CAPABILITIES: Final = read_sheet(Path(__file__).with_name("sheet.yaml"))
WALLET_COLLECTION: Final = "captureWallet"

_API: Final = "/v2/gateway/api"
_PATHS: Final[Mapping[Operation, str]] = {
    Operation.CREATE: f"{_API}/create",
    Operation.QUERY: f"{_API}/query",
    Operation.CONFIRM: f"{_API}/confirm",
    Operation.REFUND: f"{_API}/refund",
    Operation.VERIFY: f"{_API}/disbursement/verify",
    Operation.PAY_WALLET: f"{_API}/disbursement/pay",
    Operation.PAY_BANK: f"{_API}/disbursement/pay",
    Operation.BALANCE: f"{_API}/disbursement/balance",
    Operation.BATCH_CREATE: f"{_API}/disbursement/batch/create",
    Operation.BATCH_QUERY: f"{_API}/disbursement/batch/query",
    Operation.BATCH_PAY: f"{_API}/disbursement/batch/pay",
}
_REFERENCE: Final = re.compile(r"[0-9a-zA-Z](?:[-_.0-9a-zA-Z]{0,61}[0-9a-zA-Z])?")


@dataclass(frozen=True, slots=True)
class Choices:
    """What the facts leave open, with what we take and what it risks. Confirm each when we are onboarded."""

    refund_query_path: str = f"{_API}/refund/query"
    """One source names it. Wrong: refund queries are refused and refunds stay unknown until a statement."""
    collection_type: str = WALLET_COLLECTION
    """`payWithATM` and others need a contract. Wrong: the order is refused with 47 or 20."""
    auto_capture: bool = True
    """One-step capture, so that 9000 counts as paid. Wrong: money that is only reserved would be booked."""
    language: str = "vi"


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One wallet of a batch; `method` is encrypted already."""

    id: str
    method: str = field(repr=False)
    amount_vnd: int
    description: str


def create(
    order: CollectionOrder, request_id: str, *, notification_url: str, return_url: str, keys: Keys, choices: Choices
) -> Call:
    """An order, at whose address the payer pays. The notification address takes no query string."""
    _require_reference(order.reference)
    CAPABILITIES.limit(OnlineOperation.COLLECT_CREATE).require(order.amount_vnd)
    fields = {
        "requestId": request_id,
        "orderId": order.reference,
        "amount": order.amount_vnd,
        "orderInfo": order.description,
        "redirectUrl": return_url,
        "ipnUrl": notification_url,
        "requestType": choices.collection_type,
        "extraData": "",
        "autoCapture": choices.auto_capture,
        "lang": choices.language,
    }
    return _signed(Operation.CREATE, fields, keys)


def query(reference: str, request_id: str, *, keys: Keys, choices: Choices) -> Call:
    """Asks about a collection or a payout, by our reference."""
    fields = {"requestId": request_id, "orderId": reference, "lang": choices.language}
    return _signed(Operation.QUERY, fields, keys)


def confirm(reference: str, request_id: str, amount_vnd: int, *, capture: bool, keys: Keys) -> Call:
    """Takes or lets go what a payer authorised in two steps."""
    fields = {
        "requestId": request_id,
        "orderId": reference,
        "amount": amount_vnd,
        "description": "",
        "requestType": "capture" if capture else "cancel",
    }
    return _signed(Operation.CONFIRM, fields, keys)


def refund(undoing: Refund, request_id: str, *, keys: Keys, choices: Choices) -> Call:
    _require_reference(undoing.reference)
    CAPABILITIES.limit(OnlineOperation.COLLECT_REFUND).require(undoing.amount_vnd)
    fields = {
        "requestId": request_id,
        "orderId": undoing.reference,
        "amount": undoing.amount_vnd,
        "transId": undoing.provider_reference,
        "description": undoing.description,
        "lang": choices.language,
    }
    return _signed(Operation.REFUND, fields, keys)


def refund_query(reference: str, request_id: str, *, keys: Keys, choices: Choices) -> Call:
    fields = {"requestId": request_id, "orderId": reference, "lang": choices.language}
    return _signed(Operation.REFUND_QUERY, fields, keys, path=choices.refund_query_path)


def method_of(payout: Payout, key: RSAPublicKey) -> str:
    """The encrypted receiver of a payout: other bytes each time, so it is made once and stored with the attempt."""
    receiver = payout.receiver
    if receiver.instrument is Instrument.WALLET:
        return encrypted(Wallet(receiver.number, receiver.name, receiver.personal_id), key)
    if receiver.bank is None:
        raise BadBatch([f"{payout.reference}: a bank account without its bank"])
    is_card = receiver.instrument is Instrument.CARD
    return encrypted(BankAccount(receiver.number, receiver.name, receiver.bank, is_card), key)


def verify(payout: Payout, method: str, request_id: str, *, keys: Keys) -> Call:
    """Whether the wallet exists and is of that name; moves nothing."""
    fields = {
        "requestId": request_id,
        "orderId": payout.reference,
        "requestType": "checkWallet",
        "disbursementMethod": method,
    }
    return _signed(Operation.VERIFY, fields, keys)


def pay(payout: Payout, method: str, request_id: str, *, notification_url: str, keys: Keys, choices: Choices) -> Call:
    _require_reference(payout.reference)
    instrument = payout.receiver.instrument
    CAPABILITIES.limit(OnlineOperation.PAYOUT_SUBMIT, instrument).require(payout.amount_vnd)
    to_wallet = instrument is Instrument.WALLET
    fields = {
        "requestId": request_id,
        "orderId": payout.reference,
        "amount": payout.amount_vnd,
        "orderInfo": payout.description,
        "requestType": "disburseToWallet" if to_wallet else "disburseToBank",
        "disbursementMethod": method,
        "extraData": "",
        "ipnUrl": notification_url,
        "lang": choices.language,
    }
    return _signed(Operation.PAY_WALLET if to_wallet else Operation.PAY_BANK, fields, keys)


def balance(reference: str, request_id: str, *, keys: Keys) -> Call:
    return _signed(Operation.BALANCE, {"requestId": request_id, "orderId": reference}, keys)


def batch_start(reference: str, request_id: str, total_vnd: int, *, keys: Keys) -> Call:
    """Opens a batch of wallets; the answer holds the `mToken` of the next step."""
    fields = {"requestId": request_id, "orderId": reference, "amount": total_vnd, "requestType": "initiate"}
    return _signed(Operation.BATCH_CREATE, fields | {"mToken": ""}, keys)


def batch_items(reference: str, request_id: str, token: str, items: Sequence[BatchItem], *, keys: Keys) -> Call:
    """Fills the batch. Its token and ids stand in headers too, as the provider's collection shows it."""
    size = CAPABILITIES.batch_size or 1
    if not 1 <= len(items) <= size:
        raise BadBatch([f"{len(items)} wallets; a batch holds 1 to {size}"])
    if len({item.id for item in items}) < len(items):
        raise BadBatch(["an id stands twice in the batch"])
    fields = {
        "requestId": request_id,
        "orderId": reference,
        "amount": sum(item.amount_vnd for item in items),
        "mToken": token,
        "requestType": "batchWallet",
        "items": [
            {"id": item.id, "method": item.method, "amount": item.amount_vnd, "description": item.description}
            for item in items
        ],
    }
    named = {"mToken": token, "orderId": reference, "requestId": request_id, "requestType": "batchWallet"}
    return _signed(Operation.BATCH_CREATE, fields, keys, headers={**named, "partnerCode": keys.partner_code})


def batch_query(reference: str, request_id: str, page: int, size: int, *, keys: Keys) -> Call:
    fields = {"requestId": request_id, "orderId": reference, "pageNum": page, "pageSize": size}
    return _signed(Operation.BATCH_QUERY, fields, keys)


def batch_release(reference: str, request_id: str, *, keys: Keys) -> Call:
    """Pays the batch: from here on its wallets may have the money."""
    return _signed(Operation.BATCH_PAY, {"requestId": request_id, "orderId": reference}, keys)


def _signed(
    operation: Operation,
    fields: Mapping[str, object],
    keys: Keys,
    *,
    path: str = "",
    headers: Mapping[str, str] | None = None,
) -> Call:
    body = {"partnerCode": keys.partner_code, **fields}
    body["signature"] = sign(operation, body, keys)
    return Call(
        "POST",
        path or _PATHS[operation],
        json_body(body),
        {"content-type": "application/json; charset=UTF-8", **(headers or {})},
    )


def _require_reference(reference: str) -> None:
    if not _REFERENCE.fullmatch(reference):
        raise BadBatch([f"{reference!r}: letters, digits, `-`, `_`, `.` inside, under 64 characters"])
