"""One camt entry with its transaction details."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from lxml import etree

from reconciliation.errors import Problem, ProblemCode
from reconciliation.formats.amounts import Unreadable, read_decimal_point, read_iso_date, shown
from reconciliation.formats.camt_elements import (
    LOCAL_NAMES,
    account_number,
    child,
    children,
    choice,
    local_name,
    text_at,
    text_of,
)
from reconciliation.formats.spooled import Spooled
from reconciliation.statement import NO_REFERENCES, BankReferences, Detail, Entry, EntryStatus, Sign, Statement

_SIGNS: Final = {"CRDT": Sign.CREDIT, "DBIT": Sign.DEBIT}
_STATUSES: Final = {
    "BOOK": EntryStatus.BOOKED,
    "PDNG": EntryStatus.PENDING,
    "FUTR": EntryStatus.PENDING,
    "INFO": EntryStatus.INFORMATION,
}
_CODES: Final = frozenset({"Cd", "Prtry"})
_DAYS: Final = frozenset({"Dt", "DtTm"})
_TRUTHS: Final = {"true": True, "1": True, "false": False, "0": False}
_ONCE: Final = ("Amt", "CdtDbtInd", "RvslInd", "Sts", "BookgDt", "ValDt")


_NO_DETAIL: Final = Detail(Sign.CREDIT, None)


class ForeignEntry(Unreadable):
    """The entry is in another currency than its account: it is told, but not added up."""

    def __init__(self, currency: str, account_currency: str | None, status: EntryStatus) -> None:
        detail = f"the entry is in {currency}, the account in {account_currency}"
        super().__init__(ProblemCode.CURRENCY, detail, "/Amt/@Ccy")
        self.status = status


@dataclass(slots=True)
class Party:
    """Debtor or creditor of a transaction."""

    account: str | None = field(default=None, repr=False)
    name: str | None = field(default=None, repr=False)


@dataclass(slots=True, repr=False)
class RawDetail:
    """The details of one transaction, before the entry around it is known."""

    sign: str | None
    amount: str | None
    currency: str | None
    references: BankReferences
    bank_reference: str | None
    return_reason: str | None
    debtor: Party
    creditor: Party
    creditor_reference: str | None
    text: str | None
    additional_text: str | None


def read_detail(element: etree._Element) -> RawDetail:
    """Reads a TxDtls element, which may then be freed."""
    fields = children(element)
    amount = fields.get("Amt")
    if amount is None:
        amounts = fields.get("AmtDtls")
        amount = child(amounts, "TxAmt", "Amt")
        if amount is None:
            amount = child(amounts, "InstdAmt", "Amt")
    references, bank_reference = _references(fields.get("Refs"))
    debtor, creditor = _parties(fields.get("RltdPties"))
    creditor_reference, text = _remittance(fields.get("RmtInf"))
    return RawDetail(
        sign=text_of(fields.get("CdtDbtInd")),
        amount=text_of(amount),
        currency=amount.get("Ccy") if amount is not None else None,
        references=references,
        bank_reference=bank_reference,
        return_reason=_return_reason(fields.get("RtrInf")),
        debtor=debtor,
        creditor=creditor,
        creditor_reference=creditor_reference,
        text=text,
        additional_text=text_of(fields.get("AddtlTxInf")),
    )


def read_entry(
    element: etree._Element, place: str, statement: Statement, raw_details: Spooled[RawDetail]
) -> tuple[Entry, list[Problem]]:
    """Reads an Ntry element, and names the details whose amounts cannot be (their place is relative to the entry)."""
    fields = children(element)
    if len(fields) < len(element):
        _refuse_twice(element)
    sign = _sign(text_of(fields.get("CdtDbtInd")), "/CdtDbtInd")
    status = _status(fields.get("Sts"))
    amount = _amount(fields.get("Amt"), statement.currency, status)
    impossible: list[Problem] = []
    details = _details(raw_details, sign, statement, impossible)
    count, batch = _batch(element, fields)
    single = next(iter(details)) if len(details) == 1 and count in (None, 1) else _NO_DETAIL
    entry = Entry(
        place=place,
        sign=sign,
        amount=amount,
        status=status,
        reversal=_reversal(fields.get("RvslInd")),
        booked_on=_date(fields.get("BookgDt"), "/BookgDt"),
        value_on=_date(fields.get("ValDt"), "/ValDt"),
        bank_reference=text_of(fields.get("AcctSvcrRef")) or single.bank_reference,
        entry_reference=text_of(fields.get("NtryRef")),
        references=_merged(single.references, batch),
        return_reason=single.return_reason,
        bank_transaction_code=_transaction_code(fields.get("BkTxCd")),
        batch_count=count,
        text=single.text,
        additional_text=_joined((single.additional_text, text_of(fields.get("AddtlNtryInf")))),
        details=details,
    )
    return entry, impossible


def _refuse_twice(element: etree._Element) -> None:
    """What counts stands there once; a second amount must not be overlooked."""
    names = [local_name(candidate) for candidate in element]
    for name in _ONCE:
        if names.count(name) > 1:
            raise Unreadable(ProblemCode.MALFORMED_ENTRY, f"{name} stands there twice", f"/{name}[2]")


def _sign(text: str | None, where: str) -> Sign:
    sign = _SIGNS.get(text or "")
    if sign is None:
        detail = "no sign" if text is None else f"{shown(text)} is neither CRDT nor DBIT"
        raise Unreadable(ProblemCode.SIGN, detail, where)
    return sign


def _amount(element: etree._Element | None, account_currency: str | None, status: EntryStatus) -> int:
    text = text_of(element)
    if element is None or text is None:
        raise Unreadable(ProblemCode.AMOUNT, "no amount", "/Amt")
    currency = element.get("Ccy")
    if currency is None:
        raise Unreadable(ProblemCode.CURRENCY, "the amount names no currency", "/Amt/@Ccy")
    try:
        amount = read_decimal_point(text, currency)
    except Unreadable as error:
        raise Unreadable(error.code, error.detail, "/Amt") from error
    if currency != account_currency:
        raise ForeignEntry(currency, account_currency, status)
    return amount


def _status(element: etree._Element | None) -> EntryStatus:
    text = None if element is None else choice(element, _CODES)
    if text is None:
        # Version 08 requires it and some banks leave it out: their statements hold bookings only.
        return EntryStatus.BOOKED
    status = _STATUSES.get(text)
    if status is None:
        raise Unreadable(ProblemCode.STATUS, f"{shown(text)} is no status of an entry", "/Sts")
    return status


def _reversal(element: etree._Element | None) -> bool:
    text = text_of(element)
    if text is None:
        return False
    truth = _TRUTHS.get(text)
    if truth is None:
        raise Unreadable(ProblemCode.MALFORMED_ENTRY, f"{shown(text)} is neither true nor false", "/RvslInd")
    return truth


def _date(element: etree._Element | None, where: str) -> date | None:
    """A choice of Dt and DtTm; version 01 may write the date itself."""
    if element is None:
        return None
    text = choice(element, _DAYS)
    if text is None:
        return None
    try:
        return read_iso_date(text)
    except Unreadable as error:
        raise Unreadable(error.code, error.detail, where) from error


def _transaction_code(element: etree._Element | None) -> str | None:
    """`PMNT/RCDT/DMCT`, or the bank's own code."""
    domain = child(element, "Domn")
    if domain is None:
        return text_at(element, "Prtry", "Cd")
    domain_fields = children(domain)
    family = children(domain_fields.get("Fmly"))
    codes = (text_of(domain_fields.get("Cd")), text_of(family.get("Cd")), text_of(family.get("SubFmlyCd")))
    return "/".join(code for code in codes if code) or None


def _batch(entry: etree._Element, fields: dict[str, etree._Element]) -> tuple[int | None, BankReferences]:
    """The batches an entry says it holds: how many transactions, and the references where there is one batch."""
    if len(fields) == len(entry):
        only = child(fields.get("NtryDtls"), "Btch")
        batches = [] if only is None else [only]
    else:
        batches = [found for part in entry if (found := child(part, "Btch")) is not None]
    if "Btch" in fields:
        batches.append(fields["Btch"])
    if not batches:
        return None, NO_REFERENCES
    counts = [text_at(batch, "NbOfTxs") for batch in batches]
    total = sum(int(count[:15]) for count in counts if count and count.isascii() and count.isdigit())
    only = batches[0] if len(batches) == 1 else None
    return total or None, BankReferences(payment_info_id=text_at(only, "PmtInfId"), message_id=text_at(only, "MsgId"))


_HELD_AT_MOST: Final = 500
"""Details of one entry that are held in memory; of a longer batch each is made anew when it is asked for."""


@dataclass(frozen=True, slots=True)
class _Batch:
    """The details of a long batch."""

    raw: Spooled[RawDetail]
    sign: Sign
    statement: Statement

    def __len__(self) -> int:
        return len(self.raw)

    def __contains__(self, detail: object) -> bool:
        return any(own == detail for own in self)

    def __iter__(self) -> Iterator[Detail]:
        return (_detail(raw, place, self.sign, self.statement, []) for place, raw in enumerate(self.raw, 1))


def _details(
    raw_details: Spooled[RawDetail], sign: Sign, statement: Statement, impossible: list[Problem]
) -> Collection[Detail]:
    """The details, each read once now so that what cannot be is found before the entry is used."""
    made = (_detail(raw, position, sign, statement, impossible) for position, raw in enumerate(raw_details, 1))
    if len(raw_details) <= _HELD_AT_MOST:
        return tuple(made)
    for _ in made:
        pass
    return _Batch(raw_details, sign, statement)


def _detail(raw: RawDetail, position: int, entry_sign: Sign, statement: Statement, impossible: list[Problem]) -> Detail:
    where = f"/NtryDtls/TxDtls[{position}]"
    sign = entry_sign if raw.sign is None else _sign(raw.sign, f"{where}/CdtDbtInd")
    amount = None
    if raw.amount is not None and raw.currency is not None and raw.currency == statement.currency:
        try:
            amount = read_decimal_point(raw.amount, raw.currency)
        except Unreadable as error:
            impossible.append(Problem(ProblemCode.DETAIL, f"{where}/Amt", error.detail))
    other, own = (raw.debtor, raw.creditor) if sign is Sign.CREDIT else (raw.creditor, raw.debtor)
    if other.account == statement.account and own.account not in (None, statement.account):
        # In a return some banks repeat the parties of the payment that came back.
        other, own = own, other
    return Detail(
        sign=sign,
        amount=amount,
        references=raw.references,
        bank_reference=raw.bank_reference,
        return_reason=raw.return_reason,
        counterparty_account=other.account,
        counterparty_name=other.name,
        virtual_account=own.account if own.account != statement.account else None,
        creditor_reference=raw.creditor_reference,
        text=raw.text,
        additional_text=raw.additional_text,
    )


def _references(element: etree._Element | None) -> tuple[BankReferences, str | None]:
    if element is None:
        return NO_REFERENCES, None
    texts = {LOCAL_NAMES[candidate.tag]: text_of(candidate) for candidate in element}
    references = BankReferences(
        end_to_end_id=texts.get("EndToEndId"),
        instruction_id=texts.get("InstrId"),
        uetr=texts.get("UETR"),
        payment_info_id=texts.get("PmtInfId"),
        message_id=texts.get("MsgId"),
        transaction_id=texts.get("TxId"),
    )
    return references, texts.get("AcctSvcrRef")


def _merged(own: BankReferences, batch: BankReferences) -> BankReferences:
    """The transaction's references, completed by those of the batch it stands in."""
    if batch is NO_REFERENCES:
        return own
    return BankReferences(
        end_to_end_id=own.end_to_end_id,
        instruction_id=own.instruction_id,
        uetr=own.uetr,
        payment_info_id=own.payment_info_id or batch.payment_info_id,
        message_id=own.message_id or batch.message_id,
        transaction_id=own.transaction_id,
    )


_NOBODY: Final = Party()


def _parties(element: etree._Element | None) -> tuple[Party, Party]:
    if element is None:
        return _NOBODY, _NOBODY
    fields = children(element)
    return (
        Party(account_number(fields.get("DbtrAcct")), _name(fields.get("Dbtr"))),
        Party(account_number(fields.get("CdtrAcct")), _name(fields.get("Cdtr"))),
    )


def _name(party: etree._Element | None) -> str | None:
    return None if party is None else text_at(party, "Pty", "Nm") or text_at(party, "Nm")


def _remittance(element: etree._Element | None) -> tuple[str | None, str | None]:
    """The structured reference of the payee, and the payer's words."""
    if element is None:
        return None, None
    reference, words = None, []
    for candidate in element:
        match local_name(candidate):
            case "Ustrd":
                words.append(text_of(candidate))
            case "Strd":
                reference = (
                    reference or text_at(candidate, "CdtrRefInf", "Ref") or text_at(candidate, "CdtrRefInf", "CdtrRef")
                )
    return reference, _joined(words)


def _return_reason(element: etree._Element | None) -> str | None:
    if element is None:
        return None
    reason = child(element, "Rsn")
    if reason is None:
        reason = child(element, "RtrRsn")
    return text_at(reason, "Cd") or text_at(reason, "Prtry")


def _joined(texts: Iterable[str | None]) -> str | None:
    return "\n".join([text for text in texts if text]) or None
