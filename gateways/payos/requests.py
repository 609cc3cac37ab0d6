"""The calls of payOS, built and signed. A payout is idempotent under its own reference, so a repeat is one payout."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

from gateways.contract import Instrument
from gateways.errors import BadBatch
from gateways.line import json_body
from gateways.online import Call, CollectionOrder, OnlineOperation, Payout, read_sheet
from gateways.payos.signing import Keys, link_string, payout_string, signature

CAPABILITIES: Final = read_sheet(Path(__file__).with_name("sheet.yaml"))
_LARGEST_ORDER_CODE: Final = 2**53 - 1


def create(order: CollectionOrder, *, return_url: str, cancel_url: str, keys: Keys) -> Call:
    """A payment link. Its reference is a whole number for payOS: ours must be digits."""
    CAPABILITIES.limit(OnlineOperation.COLLECT_CREATE).require(order.amount_vnd)
    fields: dict[str, object] = {
        "orderCode": order_code(order.reference),
        "amount": order.amount_vnd,
        "description": order.description,
        "cancelUrl": cancel_url,
        "returnUrl": return_url,
    }
    if len(order.description) > CAPABILITIES.lengths["description"]:
        raise BadBatch([f"description: at most {CAPABILITIES.lengths['description']} characters fit into the memo"])
    fields["signature"] = signature(link_string(fields), keys)
    return Call("POST", "/v2/payment-requests", json_body(fields), _headers(keys))


def query(reference: str, *, keys: Keys) -> Call:
    return Call("GET", f"/v2/payment-requests/{order_code(reference)}", headers=_headers(keys))


def payout(paid: Payout, *, keys: Keys) -> Call:
    body = {**_item(paid), "category": ["benefit"]}
    return _payout_call("/v1/payouts", body, paid.reference, keys)


def batch(reference: str, payouts: Sequence[Payout], *, keys: Keys) -> Call:
    """Several payouts under one reference. Destinations are checked before anything is sent."""
    size = CAPABILITIES.batch_size or 1
    if not 1 <= len(payouts) <= size:
        raise BadBatch([f"{len(payouts)} payouts; a batch holds 1 to {size}"])
    items = [_item(one) for one in payouts]
    body = {"referenceId": reference, "validateDestination": True, "category": ["benefit"], "payouts": items}
    return _payout_call("/v1/payouts/batch", body, reference, keys)


def payout_query(reference: str, *, keys: Keys) -> Call:
    """Finds a payout by our reference, through the list of payouts."""
    return Call("GET", f"/v1/payouts?referenceId={quote(reference, safe='')}&limit=2", headers=_headers(keys))


def balance(*, keys: Keys) -> Call:
    return Call("GET", "/v1/payouts-account/balance", headers=_headers(keys))


def order_number(reference: str) -> str:
    """The digits of a reference of ours, as payOS counts orders.

    >>> order_number("TT00000000042A")
    '42'
    """
    return "".join(filter(str.isdigit, reference)).lstrip("0")


def order_code(reference: str) -> int:
    """A reference as payOS counts: digits, at most 9,007,199,254,740,991."""
    if not (reference.isascii() and reference.isdigit()) or int(reference) > _LARGEST_ORDER_CODE:
        raise BadBatch([f"{reference!r}: payOS takes whole numbers up to {_LARGEST_ORDER_CODE} as references"])
    return int(reference)


def _item(paid: Payout) -> dict[str, object]:
    receiver = paid.receiver
    if receiver.instrument is not Instrument.BANK_ACCOUNT or receiver.bank is None:
        raise BadBatch([f"{paid.reference}: payouts go to bank accounts, by BIN"])
    CAPABILITIES.limit(OnlineOperation.PAYOUT_SUBMIT, receiver.instrument).require(paid.amount_vnd)
    return {
        "referenceId": paid.reference,
        "amount": paid.amount_vnd,
        "description": paid.description,
        "toBin": receiver.bank,
        "toAccountNumber": receiver.number,
    }


def _payout_call(path: str, body: dict[str, object], idempotency_key: str, keys: Keys) -> Call:
    signed = {"x-idempotency-key": idempotency_key, "x-signature": signature(payout_string(body), keys)}
    return Call("POST", path, json_body(body), _headers(keys) | signed)


def _headers(keys: Keys) -> dict[str, str]:
    named: Mapping[str, str] = {"x-client-id": keys.client_id, "x-api-key": keys.api_key}
    return {**named, "content-type": "application/json"}
