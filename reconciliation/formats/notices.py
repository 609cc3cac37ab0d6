"""Balance-change notices (tin báo biến động số dư) as JSON: the bodies of the web calls of SePay, Casso and payOS.

A file holds one body, a list of them, or one after another as they were archived; a body tells of one movement, or of
several under `data`. Notices may be lost, come twice or late, so they are early news: they have no balances and settle
nothing. Fields that are not known are passed over, for providers add some without a word; what is needed is read
strictly. A time without zone is that of Viet Nam.

Fields: SePay https://developer.sepay.vn/en/sepay-webhooks and /bankhub, payOS https://payos.vn/docs, Casso in both
shapes as public programs read them.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import BinaryIO, Final

from reconciliation.errors import Problem, ProblemCode, StatementRefused, UnknownFormat
from reconciliation.formats.amounts import Unreadable, decimals_of, read_decimal_point, shown
from reconciliation.statement import (
    BankReferences,
    Entry,
    EntryStatus,
    Sign,
    Statement,
    StatementEvent,
    StatementStart,
    Tally,
)

FORMAT: Final = "notice"
_FILE_AT_MOST_BYTES: Final = 4 * 2**20
_PROBLEMS_AT_MOST: Final = 100
_VIET_NAM: Final = timezone(timedelta(hours=7))
Body = dict[str, object]


@dataclass(frozen=True, slots=True)
class _Shape:
    """How one provider calls its fields."""

    name: str
    told_by: frozenset[str]
    """Fields that this provider alone has."""
    account: tuple[str, ...]
    at: str
    amount: str
    sign: str | None
    """Its word for the direction; without one the number has a sign, and that of payOS is always money in."""
    bank_reference: str
    text: str
    reference: str | None = None
    virtual_account: str | None = None
    counterparty_account: str | None = None


_SHAPES: Final = (
    _Shape(
        "sepay",
        frozenset({"transferType", "transferAmount"}),
        ("accountNumber",),
        "transactionDate",
        "transferAmount",
        "transferType",
        "referenceCode",
        "content",
        "code",
        "subAccount",
    ),
    _Shape(
        "sepay",
        frozenset({"transfer_type", "bank_account_xid"}),
        ("account_number",),
        "transaction_date",
        "amount",
        "transfer_type",
        "reference_code",
        "content",
        "payment_code",
        "va",
    ),
    _Shape(
        "payos",
        frozenset({"orderCode", "paymentLinkId"}),
        ("accountNumber",),
        "transactionDateTime",
        "amount",
        None,
        "reference",
        "description",
        "orderCode",
        "virtualAccountNumber",
        "counterAccountNumber",
    ),
    _Shape(
        "casso",
        frozenset({"runningBalance", "transactionDateTime"}),
        ("accountNumber",),
        "transactionDateTime",
        "amount",
        None,
        "reference",
        "description",
        None,
        "virtualAccountNumber",
        "counterAccountNumber",
    ),
    _Shape(
        "casso",
        frozenset({"cusum_balance", "when"}),
        ("bank_sub_acc_id", "subAccId"),
        "when",
        "amount",
        None,
        "tid",
        "description",
        None,
        "virtualAccount",
        "corresponsiveAccount",
    ),
)
_SIGNS: Final = {"in": Sign.CREDIT, "out": Sign.DEBIT, "credit": Sign.CREDIT, "debit": Sign.DEBIT}


def read(file: BinaryIO) -> Iterator[StatementEvent]:
    """The notices of a file, account by account."""
    problems: list[Problem] = []
    told: dict[tuple[str, str, str], list[Entry]] = {}
    for number, body in enumerate(_bodies(file), 1):
        place = f"notice[{number}]"
        shape = next((shape for shape in _SHAPES if shape.told_by <= body.keys()), None)
        if shape is None:
            raise UnknownFormat([Problem(ProblemCode.UNKNOWN_FORMAT, place, "no notice of SePay, Casso or payOS")])
        try:
            account, currency, entry = _entry(body, shape, place)
        except Unreadable as error:
            problems.append(Problem(error.code, f"{place}{error.where}", error.detail))
            if len(problems) >= _PROBLEMS_AT_MOST:
                break
            continue
        told.setdefault((shape.name, account, currency), []).append(entry)
    for (name, account, currency), entries in told.items():
        yield from _statement(name, account, currency, entries)
    if problems:
        raise StatementRefused(problems)


def _statement(name: str, account: str, currency: str, entries: list[Entry]) -> Iterator[StatementEvent]:
    days = [entry.booked_on for entry in entries if entry.booked_on is not None]
    statement = Statement(
        format=f"{FORMAT}.{name}",
        account=account,
        currency=currency,
        id=None,
        sequence=None,
        page=None,
        from_on=min(days),
        to_on=max(days),
        opening=None,
        closing=None,
    )
    tally = Tally()
    yield StatementStart(statement)
    for entry in entries:
        tally.add(entry)
        yield entry
    yield tally.end(statement, FORMAT, [])


def _bodies(file: BinaryIO) -> Iterator[Body]:
    """Each movement told: of one body after another, of lists, and of what stands under `data`."""
    data = file.read(_FILE_AT_MOST_BYTES + 1)
    if len(data) > _FILE_AT_MOST_BYTES:
        raise _refused("file", f"more than {_FILE_AT_MOST_BYTES} bytes of notices")
    decoder = json.JSONDecoder(object_pairs_hook=_once, parse_int=str, parse_float=str, parse_constant=_no_number)
    try:
        text, place = data.decode("utf-8-sig").strip(), 0
        while place < len(text):
            told, place = decoder.raw_decode(text, place)
            yield from _movements(told)
            while place < len(text) and text[place].isspace():
                place += 1
    except UnicodeDecodeError as error:
        raise _refused("file", "the text is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise _refused(f"line {error.lineno}", f"no JSON: {error.msg}") from error
    except RecursionError as error:
        raise _refused("file", "too deep") from error


def _movements(told: object) -> Iterator[Body]:
    for body in told if isinstance(told, list) else [told]:
        if not isinstance(body, dict):
            raise _refused("file", "a body that is no object")
        inside = body.get("data")
        if isinstance(inside, dict | list):
            yield from _movements(inside)
        else:
            yield body


def _once(pairs: list[tuple[str, object]]) -> Body:
    """An object whose names stand there once: of two amounts either could be meant."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _refused("file", "a name stands twice in an object")
    return found


def _no_number(word: str) -> object:
    raise _refused("file", f"{word} is no number")


def _refused(place: str, detail: str) -> StatementRefused:
    return StatementRefused([Problem(ProblemCode.NOT_READABLE, place, detail)])


def _entry(body: Body, shape: _Shape, place: str) -> tuple[str, str, Entry]:
    account = next((number for name in shape.account if (number := _text(body, name))), None)
    if account is None:
        raise Unreadable(ProblemCode.ACCOUNT, "the notice names no account", f", {shape.account[0]}")
    currency = _text(body, "currency") or "VND"
    decimals_of(currency)
    sign, amount = _amount(body, shape, currency)
    entry = Entry(
        place=place,
        sign=sign,
        amount=amount,
        status=EntryStatus.BOOKED,
        reversal=False,
        booked_on=_day(body, shape.at),
        value_on=None,
        bank_reference=_text(body, shape.bank_reference),
        entry_reference=_text(body, "id"),
        references=BankReferences(end_to_end_id=_text(body, shape.reference)),
        text=_text(body, shape.text),
        counterparty_account=_text(body, shape.counterparty_account),
        virtual_account=_text(body, shape.virtual_account),
    )
    return account, currency, entry


def _amount(body: Body, shape: _Shape, currency: str) -> tuple[Sign, int]:
    where, text = f", {shape.amount}", _text(body, shape.amount) or ""
    sign = Sign.CREDIT
    if shape.sign is not None:
        word = _text(body, shape.sign) or ""
        if word.lower() not in _SIGNS:
            raise Unreadable(ProblemCode.SIGN, f"{shown(word)} is neither in nor out", f", {shape.sign}")
        sign = _SIGNS[word.lower()]
    elif shape.name == "casso" and text.startswith("-"):
        sign, text = Sign.DEBIT, text[1:]
    try:
        return sign, read_decimal_point(text, currency)
    except Unreadable as error:
        raise Unreadable(error.code, error.detail, where) from error


def _day(body: Body, name: str) -> date:
    """The day in Viet Nam."""
    text = _text(body, name) or ""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Unreadable(ProblemCode.DATE, f"{shown(text)} is no date", f", {name}") from None
    return at.date() if at.tzinfo is None else at.astimezone(_VIET_NAM).date()


def _text(body: Body, name: str | None) -> str | None:
    """A text or a number as it is written; none of anything else."""
    value = body.get(name) if name is not None else None
    return value.strip() or None if isinstance(value, str) else None
