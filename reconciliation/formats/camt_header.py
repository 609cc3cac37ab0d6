"""What a camt statement says before its entries: account, number, period and balances."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from lxml import etree

from reconciliation.errors import Problem, ProblemCode
from reconciliation.formats.amounts import Unreadable, decimals_of, read_decimal_point, read_iso_date, shown
from reconciliation.formats.camt_elements import account_number, amount_of, child, local_name, text_at, text_of
from reconciliation.formats.camt_summary import Stated, read_summary
from reconciliation.statement import Page, Statement

_VERSION: Final = re.compile(r"camt\.05[234]\.[0-9]{3}\.[0-9]{2}")
_OPENING: Final = ("OPBD", "PRCD")
_CLOSING: Final = ("CLBD",)
_AVAILABLE: Final = ("CLAV",)


@dataclass(frozen=True, slots=True)
class Header:
    """The statement, and the balances that are given impossibly (their place is relative to the statement)."""

    statement: Statement
    impossible: tuple[Problem, ...]
    summary: tuple[Stated, ...]


@dataclass(frozen=True, slots=True)
class _Balance:
    """One balance; its amount is none if it is given impossibly."""

    code: str
    amount: int | None
    on: date | None
    foreign: bool = False
    """In another currency than the account."""
    problem: Problem | None = None


_NOT_GIVEN: Final = _Balance("", None, None)


def read_page(element: etree._Element, name: str) -> Page | None:
    """The page number, which stands with the statement or with the message."""
    number = text_at(element, name, "PgNb")
    if number is None or not number.isascii() or not number.isdigit():
        return None
    return Page(
        int(number[:5]),
        {"true": True, "1": True, "false": False, "0": False}.get(text_at(element, name, "LastPgInd") or ""),
    )


def read_header(element: etree._Element, family: str, message_page: Page | None) -> Header:
    """Reads what stands before the first entry."""
    account = account_number(child(element, "Acct"))
    if account is None:
        raise Unreadable(ProblemCode.ACCOUNT, "the statement names no account", "/Acct")
    currency = _currency(element)
    impossible: list[Problem] = []
    balances = list(_balances(element, currency))
    opening = _balance(balances, _OPENING, impossible, latest=False)
    closing = _balance(balances, _CLOSING, impossible, latest=True)
    available = _balance(balances, _AVAILABLE, [], latest=True)
    period = child(element, "FrToDt")
    return Header(
        Statement(
            format=_format(element, family),
            account=account,
            currency=currency,
            id=text_at(element, "Id"),
            sequence=_sequence(element),
            page=_statement_page(element) or message_page,
            from_on=_period_date(period, "Fr") or opening.on,
            to_on=_period_date(period, "To") or closing.on,
            opening=opening.amount,
            closing=closing.amount,
            available=available.amount,
        ),
        tuple(impossible),
        read_summary(element, currency),
    )


def _statement_page(element: etree._Element) -> Page | None:
    pages = (read_page(element, f"{kind}Pgntn") for kind in ("Stmt", "Rpt", "Ntfctn"))
    return next((page for page in pages if page), None)


def _format(element: etree._Element, family: str) -> str:
    match = _VERSION.search(str(element.tag).rpartition("}")[0])
    return match[0] if match and match[0].startswith(family) else family


def _sequence(element: etree._Element) -> int | None:
    """ElctrncSeqNb, or LglSeqNb: a number of at most 18 digits."""
    text = text_at(element, "ElctrncSeqNb") or text_at(element, "LglSeqNb")
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= 18 else None


def _currency(element: etree._Element) -> str | None:
    """The account's currency; where the account does not say, that of the first balance or entry."""
    currency = text_at(element, "Acct", "Ccy")
    if currency is None:
        amount = child(element, "Bal", "Amt")
        if amount is None:
            amount = child(element, "Ntry", "Amt")
        currency = amount.get("Ccy") if amount is not None else None
    if currency is not None:
        decimals_of(currency)
    return currency


def _period_date(period: etree._Element | None, end: str) -> date | None:
    for name in (f"{end}DtTm", f"{end}Dt"):
        text = text_at(period, name)
        if text is not None:
            try:
                return read_iso_date(text)
            except Unreadable as error:
                raise Unreadable(error.code, error.detail, f"/FrToDt/{name}") from error
    return None


def _balances(element: etree._Element, currency: str | None) -> Iterator[_Balance]:
    position = 0
    for balance in element:
        if local_name(balance) != "Bal":
            continue
        position += 1
        kind = child(balance, "Tp", "CdOrPrtry")
        code = text_at(kind, "Cd") or text_at(kind, "Prtry") or text_at(balance, "Tp", "Cd")
        if code not in _OPENING + _CLOSING + _AVAILABLE:
            continue
        amount = child(balance, "Amt")
        own_currency = amount.get("Ccy") if amount is not None else None
        foreign = own_currency is not None and own_currency != currency
        try:
            yield _Balance(code, _signed(balance, amount, currency), _balance_date(balance))
        except Unreadable as error:
            problem = Problem(ProblemCode.BALANCE, f"/Bal[{position}]", f"balance {code}: {error.detail}")
            yield _Balance(code, None, None, foreign, problem)


def _signed(balance: etree._Element, amount: etree._Element | None, currency: str | None) -> int:
    text = amount_of(amount)
    if text is None or currency is None:
        raise Unreadable(ProblemCode.AMOUNT, "no amount")
    own_currency = amount.get("Ccy") if amount is not None else None
    if own_currency is not None and own_currency != currency:
        raise Unreadable(ProblemCode.CURRENCY, f"in {shown(own_currency)}, the account in {currency}")
    value = read_decimal_point(text, currency)
    sign = text_at(balance, "CdtDbtInd")
    # Some banks leave the indicator out; the balance is then in credit.
    if sign in (None, "CRDT"):
        return value
    if sign == "DBIT":
        return -value
    raise Unreadable(ProblemCode.SIGN, f"{shown(sign or '')} is neither CRDT nor DBIT")


def _balance_date(balance: etree._Element) -> date | None:
    day = child(balance, "Dt")
    text = text_at(day, "Dt") or text_at(day, "DtTm") or text_of(day)
    return None if text is None else read_iso_date(text)


def _balance(balances: list[_Balance], codes: tuple[str, ...], impossible: list[Problem], *, latest: bool) -> _Balance:
    """The balance of the first code that is given: of several days the first opening and the last closing.

    An account of several currencies has a balance in each; only the one in the account's own counts.
    """
    for code in codes:
        given = [balance for balance in balances if balance.code == code]
        given = [balance for balance in given if not balance.foreign] or given
        if not given:
            continue
        wrong = [balance.problem for balance in given if balance.problem is not None]
        if wrong:
            impossible.extend(wrong)
            return _NOT_GIVEN
        given.sort(key=lambda balance: balance.on or date.min, reverse=latest)
        same_day = {balance.amount for balance in given if balance.on == given[0].on}
        if len(same_day) > 1:
            impossible.append(Problem(ProblemCode.BALANCE, "/Bal", f"balance {code} is given twice and differs"))
            return _NOT_GIVEN
        return given[0]
    return _NOT_GIVEN
