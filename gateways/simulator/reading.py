"""How the simulated bank reads a customer's file and checks its signature: by its own code, sharing none with the
side that writes and signs, so that a mistake made there is not made here too."""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from lxml import etree

from gateways.errors import BadDocument
from gateways.iso20022.schemas import safe_parser, validate
from gateways.simulator.errors import Unread, Unsigned

_READ = ("pain.001.001.03", "pain.001.001.09")
_MAX_PAYMENTS = 5000
_CLOCK_TOLERANCE_SECONDS = 600
_SIGNATURE_INPUT = re.compile(r'sig1=(\(((?:"[@a-z-]+" ?)+)\);created=(\d+);keyid="([^"]+)";alg="ed25519")')
_ALWAYS_COVERED = {"@method", "@path", "@query", "content-digest"}


@dataclass(frozen=True, slots=True)
class OrderedPayment:
    """One payment as the bank read it."""

    end_to_end_id: str
    instruction_id: str
    amount_vnd: int
    bank: str
    account: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class OrderedFile:
    """A file as the bank read it."""

    payment_info_id: str
    one_debit: bool
    execution_on: date
    debtor_account: str
    payments: tuple[OrderedPayment, ...]


@dataclass(frozen=True, slots=True)
class AskedAccount:
    """One account that a customer asks about."""

    id: str
    name: str = field(repr=False)
    account: str = field(repr=False)


def read_questions(content: bytes, message_id: str) -> tuple[AskedAccount, ...]:
    """The accounts an acmt.023 asks about; `Unread` with FF01 where the bank cannot take it."""
    try:
        validate(content, "acmt.023.001.04")
    except BadDocument as error:
        raise Unread("FF01", str(error)) from error
    root = etree.fromstring(content, safe_parser())
    if root.findtext("*/{*}Assgnmt/{*}MsgId") != message_id:
        raise Unread("FF01", "MsgId is not the one of the address")
    return tuple(
        AskedAccount(
            asked.findtext("{*}Id") or "",
            asked.findtext("{*}PtyAndAcctId/{*}Pty/{*}Nm") or "",
            asked.findtext("{*}PtyAndAcctId/{*}Acct/{*}Id/{*}Othr/{*}Id") or "",
        )
        for asked in root.iterfind("*/{*}Vrfctn")
    )


def payments_named(content: bytes) -> list[tuple[str, str]]:
    """Reference and account of each payment, from whatever was sent: a file that cannot be read names none."""
    try:
        root = etree.fromstring(content, safe_parser())
    except etree.XMLSyntaxError:
        return []
    return [
        (payment.findtext("{*}PmtId/{*}EndToEndId") or "", payment.findtext("{*}CdtrAcct/{*}Id/{*}Othr/{*}Id") or "")
        for payment in root.iter("{*}CdtTrfTxInf")
    ]


def read_order(content: bytes, message_id: str) -> OrderedFile:
    """The file in the bytes; `Unread` with FF01, AM10 or AM18 where the bank cannot take it."""
    found = re.search(rb"urn:iso:std:iso:20022:tech:xsd:(pain\.001\.001\.\d\d)", content[:2000])
    message = found[1].decode() if found else ""
    if message not in _READ:
        raise Unread("FF01", f"not one of {', '.join(_READ)}")
    try:
        validate(content, message)
    except BadDocument as error:
        raise Unread("FF01", str(error)) from error
    root = etree.fromstring(content, safe_parser())
    for element in root.iter(etree.Element):
        element.tag = etree.QName(element).localname
    group, informations = root.find("*/GrpHdr"), root.findall("*/PmtInf")
    if group is None or len(informations) != 1:
        raise Unread("FF01", "one PmtInf is taken per file")
    if group.findtext("MsgId") != message_id:
        raise Unread("FF01", "MsgId is not the one of the address")
    order = _ordered_file(informations[0])
    if len(order.payments) > _MAX_PAYMENTS:
        raise Unread("FF01", f"at most {_MAX_PAYMENTS} payments are taken per file")
    total_vnd = sum(payment.amount_vnd for payment in order.payments)
    for level in (group, informations[0]):
        if level.findtext("NbOfTxs") != str(len(order.payments)):
            raise Unread("AM18", "NbOfTxs is not the number of payments")
        if level.findtext("CtrlSum") != str(total_vnd):
            raise Unread("AM10", "CtrlSum is not the sum of the payments")
    return order


def _ordered_file(information: etree._Element) -> OrderedFile:
    execution = information.findtext("ReqdExctnDt/Dt") or information.findtext("ReqdExctnDt") or ""
    return OrderedFile(
        payment_info_id=_required(information, "PmtInfId"),
        one_debit=information.findtext("BtchBookg") == "true",
        execution_on=date.fromisoformat(execution.strip()),
        debtor_account=_required(information, "DbtrAcct/Id/Othr/Id"),
        payments=tuple(_ordered_payment(transfer) for transfer in information.iterfind("CdtTrfTxInf")),
    )


def _ordered_payment(transfer: etree._Element) -> OrderedPayment:
    amount = transfer.find("Amt/InstdAmt")
    if amount is None or amount.get("Ccy") != "VND" or not re.fullmatch(r"[1-9]\d{0,14}", amount.text or ""):
        raise Unread("FF01", "an amount is not a whole number of VND")
    agent = transfer.find("CdtrAgt/FinInstnId")
    return OrderedPayment(
        end_to_end_id=_required(transfer, "PmtId/EndToEndId"),
        instruction_id=transfer.findtext("PmtId/InstrId") or "",
        amount_vnd=int(amount.text or ""),
        bank="" if agent is None else "".join(str(part) for part in agent.itertext()).strip(),
        account=_required(transfer, "CdtrAcct/Id/Othr/Id"),
        name=_required(transfer, "Cdtr/Nm"),
        text=transfer.findtext("RmtInf/Ustrd") or "",
    )


def _required(element: etree._Element, path: str) -> str:
    value = element.findtext(path)
    if not value:
        raise Unread("FF01", f"{path} is missing")
    return value


def digest_of(content: bytes) -> str:
    return "sha-256=:" + base64.standard_b64encode(hashlib.sha256(content).digest()).decode("ascii") + ":"


def verify_signature(
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    body: bytes,
    public_keys: Mapping[str, str],
    seconds_now: float,
) -> str:
    """The client who signed; the headers of an upload must be signed with it. Raises `Unsigned`."""
    stated = _SIGNATURE_INPUT.fullmatch(headers.get("signature-input", ""))
    signature = re.fullmatch(r"sig1=:([A-Za-z0-9+/=]+):", headers.get("signature", ""))
    if stated is None or signature is None:
        raise Unsigned("BAD_SIGNATURE", "no signature in the agreed form")
    names = [name.strip('"') for name in stated[2].split()]
    wanted = _ALWAYS_COVERED | ({"file-name", "content-type"} if method == "PUT" else set())
    if not wanted <= set(names):
        raise Unsigned("BAD_SIGNATURE", "the signature covers too little")
    if stated[4] not in public_keys:
        raise Unsigned("UNKNOWN_CLIENT", "no key is registered under this name")
    if headers.get("content-digest") != digest_of(body):
        raise Unsigned("BAD_SIGNATURE", "the digest does not fit the body")
    derived = {"@method": method, "@path": path, "@query": "?" + query}
    text = ""
    for name in names:
        text += f'"{name}": {derived[name] if name in derived else headers.get(name, "")}\n'
    text += f'"@signature-params": {stated[1]}'
    key = load_pem_public_key(public_keys[stated[4]].encode())
    if not isinstance(key, Ed25519PublicKey):
        raise Unsigned("UNKNOWN_CLIENT", "the registered key is no Ed25519 key")
    try:
        key.verify(base64.b64decode(signature[1]), text.encode())
    except (InvalidSignature, ValueError) as error:
        raise Unsigned("BAD_SIGNATURE", "the signature does not verify") from error
    if abs(seconds_now - int(stated[3])) > _CLOCK_TOLERANCE_SECONDS:
        raise Unsigned("CLOCK", f"signed more than {_CLOCK_TOLERANCE_SECONDS} seconds away from now")
    return stated[4]
