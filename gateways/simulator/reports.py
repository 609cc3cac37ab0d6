"""What the bank writes: pain.002.001.10 about a file, camt.053.001.08 about a closed day."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta, timezone
from enum import StrEnum
from io import BytesIO
from typing import Any

from lxml import etree

from gateways.simulator.behaviour import behaviour_of
from gateways.simulator.reading import AskedAccount
from gateways.simulator.state import BIC, AccountStatement, Detail, Entry, FileState, PaymentFile, Statement

_VIET_NAM = timezone(timedelta(hours=7))
_PREFIX = "urn:iso:std:iso:20022:tech:xsd:"
_REPORT = "pain.002.001.10"
STATEMENT = "camt.053.001.08"
VERIFICATION = "acmt.024.001.04"


class Listing(StrEnum):
    """How a report lists the payments of a file."""

    IN_ORDER = "in_order"
    NOT_YET = "not_yet"
    """Not at all: it says only that the file was received."""
    TWICE = "twice"
    REVERSED = "reversed"


def status_report(file: PaymentFile, at: datetime, listing: Listing = Listing.IN_ORDER) -> bytes:
    """The status of a file and of each payment in it."""
    settled = listing is not Listing.NOT_YET
    to = BytesIO()
    with etree.xmlfile(to, encoding="UTF-8") as out:
        out.write_declaration()
        with out.element("Document", nsmap={None: _PREFIX + _REPORT}), out.element("CstmrPmtStsRpt"):
            with out.element("GrpHdr"):
                _text(out, "MsgId", f"{BIC}-{at:%Y%m%d%H%M%S}")
                _text(out, "CreDtTm", at.isoformat(timespec="seconds"))
            with out.element("OrgnlGrpInfAndSts"):
                _text(out, "OrgnlMsgId", file.message_id)
                _text(out, "OrgnlMsgNmId", "pain.001")
                _text(out, "GrpSts", _group_status(file) if settled else "RCVD")
                if settled and file.reason is not None:
                    _reason(out, file.reason)
            if settled and file.state in (FileState.BOOKED, FileState.WAITING):
                _write_transactions(out, file, listing)
    return to.getvalue()


def statement_document(statement: Statement) -> bytes:
    """One file with one statement for each account."""
    to = BytesIO()
    with etree.xmlfile(to, encoding="UTF-8") as out:
        out.write_declaration()
        with out.element("Document", nsmap={None: _PREFIX + STATEMENT}), out.element("BkToCstmrStmt"):
            with out.element("GrpHdr"):
                _text(out, "MsgId", f"{BIC}-{statement.on:%Y%m%d}")
                _text(out, "CreDtTm", statement.closed_at)
            for account in statement.accounts:
                with out.element("Stmt"):
                    _write_statement(out, statement, account)
    return to.getvalue()


def _group_status(file: PaymentFile) -> str:
    if file.state in (FileState.REFUSED, FileState.REJECTED) or not file.accepted:
        return "RJCT"
    if len(file.accepted) < len(file.payments):
        return "PART"
    return "ACSC" if file.state is FileState.BOOKED else "ACCP"


def verification_report(message_id: str, questions: Sequence[AskedAccount], at: datetime) -> bytes:
    """acmt.024.001.04: of each account whether it is the person's, and why not."""
    to = BytesIO()
    with etree.xmlfile(to, encoding="UTF-8") as out:
        out.write_declaration()
        with out.element("Document", nsmap={None: _PREFIX + VERIFICATION}), out.element("IdVrfctnRpt"):
            with out.element("Assgnmt"):
                _text(out, "MsgId", f"{BIC}-{at:%Y%m%d%H%M%S}")
                _text(out, "CreDtTm", at.isoformat(timespec="seconds"))
                for name in ("Assgnr", "Assgne"):
                    with out.element(name), out.element("Agt"), out.element("FinInstnId"):
                        _text(out, "BICFI", BIC)
            with out.element("OrgnlAssgnmt"):
                _text(out, "MsgId", message_id)
                _text(out, "CreDtTm", at.isoformat(timespec="seconds"))
            for question in questions:
                _write_verification(out, question)
    return to.getvalue()


def _write_verification(out: Any, question: AskedAccount) -> None:
    reason = behaviour_of(question.account).verified_as
    with out.element("Rpt"):
        _text(out, "OrgnlId", question.id)
        _text(out, "Vrfctn", "true" if reason is None else "false")
        if reason is not None:
            with out.element("Rsn"):
                _text(out, "Cd", reason)
        if reason == "PN02":
            with out.element("UpdtdPtyAndAcctId"), out.element("Pty"):
                _text(out, "Nm", f"{question.name} ANH")


def _write_transactions(out: Any, file: PaymentFile, listing: Listing) -> None:
    payments = file.payments[::-1] if listing is Listing.REVERSED else file.payments
    status = "ACSC" if file.state is FileState.BOOKED else "PDNG"
    with out.element("OrgnlPmtInfAndSts"):
        _text(out, "OrgnlPmtInfId", file.payment_info_id)
        for number, (payment, rejected_for) in enumerate(payments * (1 + (listing is Listing.TWICE)), 1):
            with out.element("TxInfAndSts"):
                _text(out, "StsId", str(number))
                _text(out, "OrgnlInstrId", payment.instruction_id)
                _text(out, "OrgnlEndToEndId", payment.end_to_end_id)
                _text(out, "TxSts", "RJCT" if rejected_for else status)
                if rejected_for:
                    _reason(out, rejected_for)


def _reason(out: Any, code: str) -> None:
    with out.element("StsRsnInf"), out.element("Rsn"):
        _text(out, "Cd", code)


def _write_statement(out: Any, statement: Statement, account: AccountStatement) -> None:
    _text(out, "Id", f"{statement.on:%Y%m%d}-{account.sequence}")
    _text(out, "ElctrncSeqNb", str(account.sequence))
    _text(out, "CreDtTm", statement.closed_at)
    with out.element("FrToDt"):
        _text(out, "FrDtTm", datetime.combine(statement.from_on, time(), _VIET_NAM).isoformat())
        _text(out, "ToDtTm", datetime.combine(statement.on, time(23, 59, 59), _VIET_NAM).isoformat())
    with out.element("Acct"):
        _account(out, account.number)
        _text(out, "Ccy", "VND")
        with out.element("Ownr"):
            _text(out, "Nm", account.name)
        with out.element("Svcr"), out.element("FinInstnId"):
            _text(out, "BICFI", BIC)
    _balance(out, "OPBD", account.opening_vnd, statement.from_on)
    _balance(out, "CLBD", account.closing_vnd, statement.on)
    for number, entry in enumerate(account.entries, 1):
        with out.element("Ntry"):
            _write_entry(out, entry, f"{statement.on:%Y%m%d}-{account.sequence}-{number}")


def _balance(out: Any, kind: str, amount_vnd: int, on: date) -> None:
    with out.element("Bal"):
        with out.element("Tp"), out.element("CdOrPrtry"):
            _text(out, "Cd", kind)
        _amount(out, amount_vnd)
        with out.element("Dt"):
            _text(out, "Dt", on.isoformat())


def _write_entry(out: Any, entry: Entry, reference: str) -> None:
    _text(out, "NtryRef", reference)
    _amount(out, entry.amount_vnd)
    with out.element("Sts"):
        _text(out, "Cd", "BOOK")
    for name in ("BookgDt", "ValDt"):
        with out.element(name):
            _text(out, "Dt", entry.on.isoformat())
    _text(out, "AcctSvcrRef", f"FT{reference}")
    incoming = entry.amount_vnd > 0 and entry.return_reason is None
    with out.element("BkTxCd"), out.element("Domn"):
        _text(out, "Cd", "PMNT")
        with out.element("Fmly"):
            _text(out, "Cd", "RCDT" if incoming else "ICDT")
            _text(out, "SubFmlyCd", entry.kind)
    with out.element("NtryDtls"):
        if entry.batch is not None:
            _write_batch(out, entry, *entry.batch)
        for detail in entry.details:
            with out.element("TxDtls"):
                _write_detail(out, entry, detail)


def _write_batch(out: Any, entry: Entry, message_id: str, payment_info_id: str) -> None:
    with out.element("Btch"):
        _text(out, "MsgId", message_id)
        _text(out, "PmtInfId", payment_info_id)
        _text(out, "NbOfTxs", str(len(entry.details)))
        with out.element("TtlAmt", Ccy="VND"):
            out.write(str(abs(entry.amount_vnd)))
        _text(out, "CdtDbtInd", "DBIT")


def _write_detail(out: Any, entry: Entry, detail: Detail) -> None:
    with out.element("Refs"):
        if detail.instruction_id:
            _text(out, "InstrId", detail.instruction_id)
        _text(out, "EndToEndId", detail.end_to_end_id or "NOTPROVIDED")
    _amount(out, detail.amount_vnd if entry.amount_vnd > 0 else -detail.amount_vnd)
    party = "Dbtr" if detail.end_to_end_id is None else "Cdtr"
    with out.element("RltdPties"):
        with out.element(party), out.element("Pty"):
            _text(out, "Nm", detail.party)
        with out.element(f"{party}Acct"):
            _account(out, detail.account)
    if detail.text:
        with out.element("RmtInf"):
            _text(out, "Ustrd", detail.text)
    if entry.return_reason is not None:
        with out.element("RtrInf"), out.element("Rsn"):
            _text(out, "Cd", entry.return_reason)


def _amount(out: Any, amount_vnd: int) -> None:
    """Amt is never below zero; CdtDbtInd carries the sign."""
    with out.element("Amt", Ccy="VND"):
        out.write(str(abs(amount_vnd)))
    _text(out, "CdtDbtInd", "DBIT" if amount_vnd < 0 else "CRDT")


def _account(out: Any, number: str) -> None:
    with out.element("Id"), out.element("Othr"):
        _text(out, "Id", number)


def _text(out: Any, name: str, value: str) -> None:
    with out.element(name):
        out.write(value)
