"""Writes pain.001, the customer credit transfer initiation, as a stream: one PmtInf, any number of payments.

Versions 001.001.09 and 001.001.03. One PmtInf is one debit account, date, category and rail. Amounts are whole đồng
and are written as integer text; Viet Nam has no IBAN, so accounts stand under Othr/Id.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import BinaryIO
from xml.sax.saxutils import escape

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
_MARKUP = re.compile("[&<>\r]")
_LISTED_PROBLEMS = 100
_WRITTEN_AT_ONCE = 500


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
    service_level: str | None = None
    """SvcLvl/Cd, such as URGP for the high-value rail or NURG."""
    local_instrument: str | None = None
    """LclInstrm/Cd, such as INST where a bank wants instant transfers named so."""
    account_scheme: str | None = None
    """SchmeNm/Prtry of account numbers, where the bank's guide wants one."""
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
    seen: set[str] = set()
    count = total_vnd = 0
    to.write(_opening(header).encode())
    written_payment = _payment_v03 if header.message == V03 else _payment_v09
    waiting: list[str] = []
    for payment in payments:
        count += 1
        total_vnd += payment.amount_vnd
        problems += _payment_problems(payment, count, header, seen)
        if len(problems) >= _LISTED_PROBLEMS:
            raise BadBatch(problems)
        if not problems:
            waiting.append(written_payment(payment, header.account_scheme))
        if len(waiting) >= _WRITTEN_AT_ONCE:
            to.write("".join(waiting).encode())
            waiting.clear()
    if count != header.count:
        problems.append(f"{count} payments were given, {header.count} are declared")
    if total_vnd != header.total_vnd:
        problems.append(f"the payments add up to {total_vnd} VND, {header.total_vnd} are declared")
    if problems:
        raise BadBatch(problems)
    to.write("".join([*waiting, "</PmtInf></CstmrCdtTrfInitn></Document>\n"]).encode())


def _opening(header: Header) -> str:
    """Everything before the first payment."""
    on = header.execution_on.isoformat()
    old = header.message == V03
    return (
        f"<?xml version='1.0' encoding='UTF-8'?>\n"
        f'<Document xmlns="{NAMESPACE_PREFIX}{header.message}"><CstmrCdtTrfInitn>'
        f"<GrpHdr><MsgId>{_text(header.message_id)}</MsgId>"
        f"<CreDtTm>{header.created_at.isoformat(timespec='seconds')}</CreDtTm>"
        f"<NbOfTxs>{header.count}</NbOfTxs><CtrlSum>{header.total_vnd}</CtrlSum>"
        f"<InitgPty><Nm>{_text(header.initiator_name)}</Nm></InitgPty></GrpHdr>"
        f"<PmtInf><PmtInfId>{_text(header.payment_info_id)}</PmtInfId><PmtMtd>TRF</PmtMtd>"
        f"<BtchBookg>{'true' if header.batch_booking else 'false'}</BtchBookg>"
        f"<NbOfTxs>{header.count}</NbOfTxs><CtrlSum>{header.total_vnd}</CtrlSum>"
        f"<PmtTpInf>{_coded('SvcLvl', header.service_level)}{_coded('LclInstrm', header.local_instrument)}"
        f"{_coded('CtgyPurp', header.category_purpose)}</PmtTpInf>"
        f"<ReqdExctnDt>{on if old else f'<Dt>{on}</Dt>'}</ReqdExctnDt>"
        f"<Dbtr><Nm>{_text(header.debtor_name)}</Nm></Dbtr>"
        f"<DbtrAcct>{_account(header.debtor_account, header.account_scheme)}<Ccy>VND</Ccy></DbtrAcct>"
        f"<DbtrAgt>{_agent(header.debtor_agent, 'BIC' if old else 'BICFI')}</DbtrAgt>"
        f"<ChrgBr>{header.charge_bearer}</ChrgBr>"
    )


def _payment_v09(payment: Payment, account_scheme: str | None) -> str:
    uetr = "" if payment.uetr is None else f"<UETR>{payment.uetr}</UETR>"
    return _payment(payment, uetr, "BICFI", account_scheme)


def _payment_v03(payment: Payment, account_scheme: str | None) -> str:
    return _payment(payment, "", "BIC", account_scheme)


def _payment(payment: Payment, uetr: str, bic_element: str, account_scheme: str | None) -> str:
    """One CdtTrfTxInf as text: elements made one by one by lxml cost four times as much."""
    return (
        f"<CdtTrfTxInf><PmtId><InstrId>{_text(payment.instruction_id)}</InstrId>"
        f"<EndToEndId>{_text(payment.end_to_end_id)}</EndToEndId>{uetr}</PmtId>"
        f'<Amt><InstdAmt Ccy="VND">{payment.amount_vnd}</InstdAmt></Amt>'
        f"<CdtrAgt>{_agent(payment.agent, bic_element)}</CdtrAgt>"
        f"<Cdtr><Nm>{_text(payment.name)}</Nm></Cdtr>"
        f"<CdtrAcct>{_account(payment.account, account_scheme)}</CdtrAcct>"
        f"<Purp><Cd>{payment.purpose}</Cd></Purp>"
        f"<RmtInf><Ustrd>{_text(payment.remittance)}</Ustrd></RmtInf></CdtTrfTxInf>"
    )


def _account(number: str, scheme: str | None) -> str:
    """Viet Nam has no IBAN: accounts stand under Othr, with a scheme name where the bank's guide wants one."""
    named = "" if scheme is None else f"<SchmeNm><Prtry>{scheme}</Prtry></SchmeNm>"
    return f"<Id><Othr><Id>{number}</Id>{named}</Othr></Id>"


def _agent(agent: Agent, bic_element: str) -> str:
    if agent.bic is not None:
        return f"<FinInstnId><{bic_element}>{agent.bic}</{bic_element}></FinInstnId>"
    return f"<FinInstnId><ClrSysMmbId><MmbId>{agent.bin}</MmbId></ClrSysMmbId></FinInstnId>"


def _coded(name: str, code: str | None) -> str:
    return "" if code is None else f"<{name}><Cd>{code}</Cd></{name}>"


def _text(value: str) -> str:
    """A bare carriage return would be read as a line feed, so it is written as a reference."""
    return escape(value, {"\r": "&#13;"}) if _MARKUP.search(value) else value


def _header_problems(header: Header) -> list[str]:
    problems = [] if header.message in (V09, V03) else [f"{header.message} cannot be written"]
    for name, value in (("MsgId", header.message_id), ("PmtInfId", header.payment_info_id)):
        problems += text_problems(name, value, _ID_LENGTH)
    for name, value in (("InitgPty/Nm", header.initiator_name), ("Dbtr/Nm", header.debtor_name)):
        problems += text_problems(name, value, _NAME_LENGTH)
    problems += account_problems("DbtrAcct", header.debtor_account)
    problems += agent_problems("DbtrAgt", header.debtor_agent)
    problems += _code_problems("CtgyPurp", header.category_purpose)
    problems += _code_problems("ChrgBr", header.charge_bearer)
    for name, code in (("SvcLvl", header.service_level), ("LclInstrm", header.local_instrument)):
        problems += [] if code is None else _code_problems(name, code)
    if header.account_scheme is not None and not re.fullmatch(r"[A-Za-z0-9]{1,35}", header.account_scheme):
        problems.append(f"SchmeNm: {header.account_scheme!r} is no name of letters and digits")
    return problems


def _payment_problems(payment: Payment, number: int, header: Header, seen: set[str]) -> list[str]:
    problems = [
        *text_problems("InstrId", payment.instruction_id, _ID_LENGTH),
        *text_problems("EndToEndId", payment.end_to_end_id, _ID_LENGTH),
        *text_problems("Cdtr/Nm", payment.name, _NAME_LENGTH),
        *text_problems("RmtInf/Ustrd", payment.remittance, _REMITTANCE_LENGTH),
        *account_problems("CdtrAcct", payment.account),
        *agent_problems("CdtrAgt", payment.agent),
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


def text_problems(name: str, value: str, length: int) -> list[str]:
    if not value.strip():
        return [f"{name}: empty"]
    if len(value) > length:
        return [f"{name}: {len(value)} characters, at most {length} fit"]
    if _CHARACTER_XML_FORBIDS.search(value):
        return [f"{name}: a character that XML cannot hold"]
    return []


def account_problems(name: str, number: str) -> list[str]:
    """The number itself is never part of the message."""
    if 1 <= len(number) <= _ACCOUNT_LENGTH and number.isascii() and number.isalnum():
        return []
    return [f"{name}: not 1 to {_ACCOUNT_LENGTH} letters and digits"]


def agent_problems(name: str, agent: Agent) -> list[str]:
    if agent.bic is not None:
        return [] if _BIC.fullmatch(agent.bic) else [f"{name}: {agent.bic!r} is no BIC"]
    if agent.bin is not None and re.fullmatch(r"\d{6}", agent.bin):
        return []
    return [f"{name}: {agent.bin!r} is no BIN of six digits"]


def _code_problems(name: str, code: str) -> list[str]:
    return [] if _CODE.fullmatch(code) else [f"{name}: {code!r} is no code of four letters"]
