"""One camt entry with its transaction details."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

from lxml import etree

from reconciliation.errors import Problem, ProblemCode
from reconciliation.formats.amounts import Unreadable, read_decimal_point, read_iso_date, shown
from reconciliation.formats.camt_elements import (
    LOCAL_NAMES,
    account_number,
    amount_of,
    child,
    children,
    choice,
    local_name,
    text_at,
    text_of,
)
from reconciliation.formats.camt_shapes import Fields
from reconciliation.statement import BankReferences, Detail, Entry, EntryStatus, Sign, Statement

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


class RawDetail(NamedTuple):
    """The details of one transaction as they are written, before the entry around it is known."""

    sign: str | None
    amount: str | None
    currency: str | None
    end_to_end_id: str | None
    instruction_id: str | None
    uetr: str | None
    payment_info_id: str | None
    message_id: str | None
    transaction_id: str | None
    bank_reference: str | None
    return_reason: str | None
    debtor_account: str | None
    debtor_name: str | None
    creditor_account: str | None
    creditor_name: str | None
    creditor_reference: str | None
    text: str | None
    additional_text: str | None


class RawEntry(NamedTuple):
    """What an entry says of itself as it is written, without its details."""

    amount: str | None
    currency: str | None
    sign: str | None
    status: str | None
    reversal: str | None
    booked_on: str | None
    value_on: str | None
    bank_reference: str | None
    entry_reference: str | None
    domain: str | None
    family: str | None
    sub_family: str | None
    proprietary_code: str | None
    batch_counts: str | None
    """How many transactions each batch says it holds, one a line."""
    payment_info_id: str | None
    message_id: str | None
    additional_text: str | None


_ENTRY_FIELDS: Final = len(RawEntry._fields)


def raw_detail(element: etree._Element) -> RawDetail:
    """Reads a TxDtls element, which may then be freed."""
    fields = children(element)
    amount = fields.get("Amt")
    if amount is None:
        amounts = fields.get("AmtDtls")
        amount = child(amounts, "TxAmt", "Amt")
        if amount is None:
            amount = child(amounts, "InstdAmt", "Amt")
    references = {LOCAL_NAMES[each.tag]: text_of(each) for each in fields["Refs"]} if "Refs" in fields else {}
    parties = children(fields.get("RltdPties"))
    creditor_reference, text = _remittance(fields.get("RmtInf"))
    return RawDetail(
        sign=text_of(fields.get("CdtDbtInd")),
        amount=amount_of(amount),
        currency=amount.get("Ccy") if amount is not None else None,
        end_to_end_id=references.get("EndToEndId"),
        instruction_id=references.get("InstrId"),
        uetr=references.get("UETR"),
        payment_info_id=references.get("PmtInfId"),
        message_id=references.get("MsgId"),
        transaction_id=references.get("TxId"),
        bank_reference=references.get("AcctSvcrRef"),
        return_reason=_return_reason(fields.get("RtrInf")),
        debtor_account=account_number(parties.get("DbtrAcct")),
        debtor_name=_name(parties.get("Dbtr")),
        creditor_account=account_number(parties.get("CdtrAcct")),
        creditor_name=_name(parties.get("Cdtr")),
        creditor_reference=creditor_reference,
        text=text,
        additional_text=text_of(fields.get("AddtlTxInf")),
    )


def raw_entry(element: etree._Element) -> RawEntry:
    """Reads an Ntry element, whose details have been read before."""
    fields = children(element)
    if len(fields) < len(element):
        _refuse_twice(element)
    amount = fields.get("Amt")
    code = fields.get("BkTxCd")
    domain = children(child(code, "Domn"))
    family = children(domain.get("Fmly"))
    counts, batch = _batches(element, fields)
    return RawEntry(
        amount=amount_of(amount),
        currency=amount.get("Ccy") if amount is not None else None,
        sign=text_of(fields.get("CdtDbtInd")),
        status=_choice(fields.get("Sts"), _CODES),
        reversal=text_of(fields.get("RvslInd")),
        booked_on=_choice(fields.get("BookgDt"), _DAYS),
        value_on=_choice(fields.get("ValDt"), _DAYS),
        bank_reference=text_of(fields.get("AcctSvcrRef")),
        entry_reference=text_of(fields.get("NtryRef")),
        domain=text_of(domain.get("Cd")),
        family=text_of(family.get("Cd")),
        sub_family=text_of(family.get("SubFmlyCd")),
        proprietary_code=None if child(code, "Domn") is not None else text_at(code, "Prtry", "Cd"),
        batch_counts=counts,
        payment_info_id=text_at(batch, "PmtInfId"),
        message_id=text_at(batch, "MsgId"),
        additional_text=text_of(fields.get("AddtlNtryInf")),
    )


def details_of(entry: Iterable[etree._Element]) -> Iterator[etree._Element]:
    """The TxDtls among the parts of an entry, and not those of what a bank added for its own use.

    Version 01 has them in the entry itself.
    """
    for part in entry:
        name = LOCAL_NAMES[part.tag]
        if name == "NtryDtls":
            yield from (each for each in part if LOCAL_NAMES[each.tag] == "TxDtls")
        elif name == "TxDtls":
            yield part


def raw_entry_with_details(element: etree._Element) -> Fields:
    """An Ntry element, and after it each of its TxDtls."""
    fields: list[str | None] = [*raw_entry(element)]
    for detail in details_of(element):
        fields += raw_detail(detail)
    return tuple(fields)


def parted(fields: Fields) -> tuple[Fields, list[Fields]]:
    """The entry and its details apart again."""
    step = len(RawDetail._fields)
    return fields[:_ENTRY_FIELDS], [fields[start : start + step] for start in range(_ENTRY_FIELDS, len(fields), step)]


def read_entry(
    fields: Fields, place: str, statement: Statement, raw_details: Collection[Fields]
) -> tuple[Entry, list[Problem]]:
    """An entry of what was written, and the details whose amounts cannot be (their place is relative to the entry)."""
    raw = RawEntry._make(fields)
    sign = _sign(raw.sign, "/CdtDbtInd")
    status = _status(raw.status)
    amount = _amount(raw.amount, raw.currency, statement.currency, status)
    impossible: list[Problem] = []
    details = _details(raw_details, sign, statement, impossible)
    count = _count(raw.batch_counts)
    single = next(iter(details)) if len(details) == 1 and count in (None, 1) else _NO_DETAIL
    entry = Entry(
        place=place,
        sign=sign,
        amount=amount,
        status=status,
        reversal=_reversal(raw.reversal),
        booked_on=_date(raw.booked_on, "/BookgDt"),
        value_on=_date(raw.value_on, "/ValDt"),
        bank_reference=raw.bank_reference or single.bank_reference,
        entry_reference=raw.entry_reference,
        references=_merged(single.references, raw),
        return_reason=single.return_reason,
        bank_transaction_code="/".join([code for code in (raw.domain, raw.family, raw.sub_family) if code])
        or raw.proprietary_code,
        batch_count=count,
        text=single.text,
        additional_text=_joined((single.additional_text, raw.additional_text)),
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


def _amount(text: str | None, currency: str | None, account_currency: str | None, status: EntryStatus) -> int:
    if text is None:
        raise Unreadable(ProblemCode.AMOUNT, "no amount", "/Amt")
    if currency is None:
        raise Unreadable(ProblemCode.CURRENCY, "the amount names no currency", "/Amt/@Ccy")
    try:
        amount = read_decimal_point(text, currency)
    except Unreadable as error:
        raise Unreadable(error.code, error.detail, "/Amt") from error
    if currency != account_currency:
        raise ForeignEntry(currency, account_currency, status)
    return amount


def _choice(element: etree._Element | None, names: frozenset[str]) -> str | None:
    return None if element is None else choice(element, names)


def _status(text: str | None) -> EntryStatus:
    if text is None:
        # Version 08 requires it and some banks leave it out: their statements hold bookings only.
        return EntryStatus.BOOKED
    status = _STATUSES.get(text)
    if status is None:
        raise Unreadable(ProblemCode.STATUS, f"{shown(text)} is no status of an entry", "/Sts")
    return status


def _reversal(text: str | None) -> bool:
    if text is None:
        return False
    truth = _TRUTHS.get(text)
    if truth is None:
        raise Unreadable(ProblemCode.MALFORMED_ENTRY, f"{shown(text)} is neither true nor false", "/RvslInd")
    return truth


def _date(text: str | None, where: str) -> date | None:
    """A day, told as a choice of Dt and DtTm; version 01 may write it without the choice."""
    if text is None:
        return None
    try:
        return read_iso_date(text)
    except Unreadable as error:
        raise Unreadable(error.code, error.detail, where) from error


def _batches(entry: etree._Element, fields: dict[str, etree._Element]) -> tuple[str | None, etree._Element | None]:
    """How many transactions each batch of an entry says it holds, and the batch where there is one."""
    if len(fields) == len(entry):
        only = child(fields.get("NtryDtls"), "Btch")
        batches = [] if only is None else [only]
    else:
        batches = [found for part in entry if (found := child(part, "Btch")) is not None]
    if "Btch" in fields:
        batches.append(fields["Btch"])
    counts = _joined(text_at(batch, "NbOfTxs") for batch in batches)
    return counts, batches[0] if len(batches) == 1 else None


def _count(counts: str | None) -> int | None:
    if counts is None:
        return None
    return sum(int(count[:15]) for count in counts.split("\n") if count.isascii() and count.isdigit()) or None


_HELD_AT_MOST: Final = 500
"""Details of one entry that are held in memory; of a longer batch each is made anew when it is asked for."""


@dataclass(frozen=True, slots=True)
class _Batch:
    """The details of a long batch."""

    raw: Collection[Fields]
    sign: Sign
    statement: Statement

    def __len__(self) -> int:
        return len(self.raw)

    def __contains__(self, detail: object) -> bool:
        return any(own == detail for own in self)

    def __iter__(self) -> Iterator[Detail]:
        return (_detail(raw, place, self.sign, self.statement, []) for place, raw in enumerate(self.raw, 1))


def _details(
    raw_details: Collection[Fields], sign: Sign, statement: Statement, impossible: list[Problem]
) -> Collection[Detail]:
    """The details, each read once now so that what cannot be is found before the entry is used."""
    if len(raw_details) <= _HELD_AT_MOST:
        return tuple(
            [_detail(raw, position, sign, statement, impossible) for position, raw in enumerate(raw_details, 1)]
        )
    for position, raw in enumerate(raw_details, 1):
        _detail(raw, position, sign, statement, impossible)
    return _Batch(raw_details, sign, statement)


def _detail(fields: Fields, position: int, entry_sign: Sign, statement: Statement, impossible: list[Problem]) -> Detail:
    raw = RawDetail._make(fields)
    where = f"/NtryDtls/TxDtls[{position}]"
    sign = entry_sign if raw.sign is None else _sign(raw.sign, f"{where}/CdtDbtInd")
    amount = None
    if raw.amount is not None and raw.currency is not None and raw.currency == statement.currency:
        try:
            amount = read_decimal_point(raw.amount, raw.currency)
        except Unreadable as error:
            impossible.append(Problem(ProblemCode.DETAIL, f"{where}/Amt", error.detail))
    debtor, creditor = (raw.debtor_account, raw.debtor_name), (raw.creditor_account, raw.creditor_name)
    other, own = (debtor, creditor) if sign is Sign.CREDIT else (creditor, debtor)
    if other[0] == statement.account and own[0] not in (None, statement.account):
        # In a return some banks repeat the parties of the payment that came back.
        other, own = own, other
    return Detail(
        sign=sign,
        amount=amount,
        references=BankReferences(
            raw.end_to_end_id,
            raw.instruction_id,
            raw.uetr,
            raw.payment_info_id,
            raw.message_id,
            raw.transaction_id,
        ),
        bank_reference=raw.bank_reference,
        return_reason=raw.return_reason,
        counterparty_account=other[0],
        counterparty_name=other[1],
        virtual_account=own[0] if own[0] != statement.account else None,
        creditor_reference=raw.creditor_reference,
        text=raw.text,
        additional_text=raw.additional_text,
    )


def _merged(own: BankReferences, batch: RawEntry) -> BankReferences:
    """The transaction's references, completed by those of the batch it stands in."""
    if batch.payment_info_id is None and batch.message_id is None:
        return own
    return BankReferences(
        end_to_end_id=own.end_to_end_id,
        instruction_id=own.instruction_id,
        uetr=own.uetr,
        payment_info_id=own.payment_info_id or batch.payment_info_id,
        message_id=own.message_id or batch.message_id,
        transaction_id=own.transaction_id,
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
