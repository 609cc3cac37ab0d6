"""Writes pain.001, the customer credit transfer initiation, as a stream: one PmtInf, any number of payments.

Versions 001.001.09 and 001.001.03. One PmtInf is one debit account, date, category and rail. Amounts are whole đồng
and are written as integer text; Viet Nam has no IBAN, so accounts stand under Othr/Id.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, BinaryIO

from lxml import etree

from gateways.errors import BadBatch
from gateways.iso20022.schemas import NAMESPACE_PREFIX

V09 = "pain.001.001.09"
V03 = "pain.001.001.03"

_ID_LENGTH = 35
_NAME_LENGTH = 140
_REMITTANCE_LENGTH = 140
_ACCOUNT_LENGTH = 34
_CODE = re.compile(r"[A-Z0-9]{4}")
_BIC = re.compile(r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?")
_UETR = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_CHARACTER_XML_FORBIDS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LISTED_PROBLEMS = 100


@dataclass(frozen=True, slots=True)
class Agent:
    """A bank, by BIC or by its six-digit BIN in the clearing system."""

    bic: str | None = None
    bin: str | None = None


@dataclass(frozen=True, slots=True)
class Header:
    """All that the payments of the file share."""

    message: str
    message_id: str
    created_at: datetime
    initiator_name: str
    payment_info_id: str
    batch_booking: bool
    category_purpose: str
    execution_on: date
    debtor_name: str
    debtor_account: str = field(repr=False)
    debtor_agent: Agent
    count: int
    total_vnd: int
    charge_bearer: str = "DEBT"
    smallest_vnd: int = 1
    """The least and the most that one payment of the file may be."""
    largest_vnd: int = 10**15 - 1


@dataclass(frozen=True, slots=True)
class Payment:
    """One CdtTrfTxInf."""

    instruction_id: str
    end_to_end_id: str
    uetr: str | None
    amount_vnd: int
    agent: Agent
    name: str = field(repr=False)
    account: str = field(repr=False)
    purpose: str
    remittance: str = field(repr=False)


def write(header: Header, payments: Iterable[Payment], to: BinaryIO) -> None:
    """Writes the file. On `BadBatch` what was written so far is no file and must be thrown away."""
    problems = _header_problems(header)
    if problems:
        raise BadBatch(problems)
    namespace = NAMESPACE_PREFIX + header.message
    seen: set[str] = set()
    count = total_vnd = 0
    with etree.xmlfile(to, encoding="UTF-8") as out:
        out.write_declaration()
        with out.element("Document", nsmap={None: namespace}), out.element("CstmrCdtTrfInitn"):
            _write_group_header(out, header)
            with out.element("PmtInf"):
                _write_payment_info(out, header)
                for payment in payments:
                    count += 1
                    total_vnd += payment.amount_vnd
                    problems += _payment_problems(payment, count, header, seen)
                    if len(problems) >= _LISTED_PROBLEMS:
                        raise BadBatch(problems)
                    if not problems:
                        _write_payment(out, payment, header.message)
    if count != header.count:
        problems.append(f"{count} payments were given, {header.count} are declared")
    if total_vnd != header.total_vnd:
        problems.append(f"the payments add up to {total_vnd} VND, {header.total_vnd} are declared")
    if problems:
        raise BadBatch(problems)


def _write_group_header(out: Any, header: Header) -> None:
    with out.element("GrpHdr"):
        _text(out, "MsgId", header.message_id)
        _text(out, "CreDtTm", header.created_at.isoformat(timespec="seconds"))
        _text(out, "NbOfTxs", str(header.count))
        _text(out, "CtrlSum", str(header.total_vnd))
        with out.element("InitgPty"):
            _text(out, "Nm", header.initiator_name)


def _write_payment_info(out: Any, header: Header) -> None:
    _text(out, "PmtInfId", header.payment_info_id)
    _text(out, "PmtMtd", "TRF")
    _text(out, "BtchBookg", "true" if header.batch_booking else "false")
    _text(out, "NbOfTxs", str(header.count))
    _text(out, "CtrlSum", str(header.total_vnd))
    with out.element("PmtTpInf"), out.element("CtgyPurp"):
        _text(out, "Cd", header.category_purpose)
    if header.message == V03:
        _text(out, "ReqdExctnDt", header.execution_on.isoformat())
    else:
        with out.element("ReqdExctnDt"):
            _text(out, "Dt", header.execution_on.isoformat())
    with out.element("Dbtr"):
        _text(out, "Nm", header.debtor_name)
    with out.element("DbtrAcct"):
        _write_account(out, header.debtor_account)
        _text(out, "Ccy", "VND")
    with out.element("DbtrAgt"):
        _write_agent(out, header.debtor_agent, header.message)
    _text(out, "ChrgBr", header.charge_bearer)


def _write_payment(out: Any, payment: Payment, message: str) -> None:
    with out.element("CdtTrfTxInf"):
        with out.element("PmtId"):
            _text(out, "InstrId", payment.instruction_id)
            _text(out, "EndToEndId", payment.end_to_end_id)
            if message != V03 and payment.uetr is not None:
                _text(out, "UETR", payment.uetr)
        with out.element("Amt"), out.element("InstdAmt", Ccy="VND"):
            out.write(str(payment.amount_vnd))
        with out.element("CdtrAgt"):
            _write_agent(out, payment.agent, message)
        with out.element("Cdtr"):
            _text(out, "Nm", payment.name)
        with out.element("CdtrAcct"):
            _write_account(out, payment.account)
        with out.element("Purp"):
            _text(out, "Cd", payment.purpose)
        with out.element("RmtInf"):
            _text(out, "Ustrd", payment.remittance)


def _write_account(out: Any, number: str) -> None:
    with out.element("Id"), out.element("Othr"):
        _text(out, "Id", number)


def _write_agent(out: Any, agent: Agent, message: str) -> None:
    with out.element("FinInstnId"):
        if agent.bic is not None:
            _text(out, "BIC" if message == V03 else "BICFI", agent.bic)
        else:
            with out.element("ClrSysMmbId"):
                _text(out, "MmbId", str(agent.bin))


def _text(out: Any, name: str, value: str) -> None:
    with out.element(name):
        out.write(value)


def _header_problems(header: Header) -> list[str]:
    problems = [] if header.message in (V09, V03) else [f"{header.message} cannot be written"]
    for name, value in (("MsgId", header.message_id), ("PmtInfId", header.payment_info_id)):
        problems += _text_problems(name, value, _ID_LENGTH)
    for name, value in (("InitgPty/Nm", header.initiator_name), ("Dbtr/Nm", header.debtor_name)):
        problems += _text_problems(name, value, _NAME_LENGTH)
    problems += _account_problems("DbtrAcct", header.debtor_account)
    problems += _agent_problems("DbtrAgt", header.debtor_agent)
    problems += _code_problems("CtgyPurp", header.category_purpose)
    return problems


def _payment_problems(payment: Payment, number: int, header: Header, seen: set[str]) -> list[str]:
    problems = [
        *_text_problems("InstrId", payment.instruction_id, _ID_LENGTH),
        *_text_problems("EndToEndId", payment.end_to_end_id, _ID_LENGTH),
        *_text_problems("Cdtr/Nm", payment.name, _NAME_LENGTH),
        *_text_problems("RmtInf/Ustrd", payment.remittance, _REMITTANCE_LENGTH),
        *_account_problems("CdtrAcct", payment.account),
        *_agent_problems("CdtrAgt", payment.agent),
        *_code_problems("Purp", payment.purpose),
    ]
    if not header.smallest_vnd <= payment.amount_vnd <= header.largest_vnd:
        problems.append(f"Amt: {payment.amount_vnd} VND; {header.smallest_vnd} to {header.largest_vnd} can be paid")
    if header.message != V03 and payment.uetr is not None and not _UETR.fullmatch(payment.uetr):
        problems.append("UETR: not a lower-case UUID of version 4")
    if payment.end_to_end_id in seen:
        problems.append("EndToEndId: used twice in the file")
    seen.add(payment.end_to_end_id)
    return [f"payment {number} ({payment.end_to_end_id}): {problem}" for problem in problems]


def _text_problems(name: str, value: str, length: int) -> list[str]:
    if not value.strip():
        return [f"{name}: empty"]
    if len(value) > length:
        return [f"{name}: {len(value)} characters, at most {length} fit"]
    if _CHARACTER_XML_FORBIDS.search(value):
        return [f"{name}: a character that XML cannot hold"]
    return []


def _account_problems(name: str, number: str) -> list[str]:
    """The number itself is never part of the message."""
    if 1 <= len(number) <= _ACCOUNT_LENGTH and number.isascii() and number.isalnum():
        return []
    return [f"{name}: not 1 to {_ACCOUNT_LENGTH} letters and digits"]


def _agent_problems(name: str, agent: Agent) -> list[str]:
    if agent.bic is not None:
        return [] if _BIC.fullmatch(agent.bic) else [f"{name}: {agent.bic!r} is no BIC"]
    if agent.bin is not None and re.fullmatch(r"\d{6}", agent.bin):
        return []
    return [f"{name}: {agent.bin!r} is no BIN of six digits"]


def _code_problems(name: str, code: str) -> list[str]:
    return [] if _CODE.fullmatch(code) else [f"{name}: {code!r} is no code of four letters"]
