"""Accounts: the chart of event accounts, and opening an account under a chart code.

An account is a chart code with an optional qualifier, written `in_transit.simbank` or
`cash_at_bank.simbank.retirement`. Its normal side and its limit are fixed when it is opened.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from importlib.resources import files

import yaml
from sqlalchemy import Connection, select, text

from ledger import tables
from ledger.errors import ChartInvalid, UnknownAccount, refusals
from ledger.statutory import StatutoryNumber, from_chart


class NormalSide(StrEnum):
    """The side on which an account grows: Nợ or Có."""

    DEBIT = "debit"
    CREDIT = "credit"


class BalanceLimit(StrEnum):
    """What the balance, counted on the normal side, may never become. The database enforces it."""

    NONE = "none"
    NEVER_NEGATIVE = "never_negative"
    NEVER_POSITIVE = "never_positive"


@dataclass(frozen=True, slots=True)
class ChartAccount:
    """One account of the chart, for business dated from `valid_from` to the end of `valid_until`.

    `funds` are those whose lines may stand on it, null for every fund. `statutory` are its numbers in the fund's
    statutory chart, by their time.
    """

    code: str
    name: str
    name_en: str
    funds: tuple[str, ...] | None
    normal_side: NormalSide
    limit: BalanceLimit
    valid_from: date
    valid_until: date | None
    statutory: tuple[StatutoryNumber, ...]

    def holds_on(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_until is None or day <= self.valid_until)


@dataclass(frozen=True, slots=True)
class AccountRequest:
    """An account to open. Without a limit of its own it takes that of the chart.

    `label` is what people read for the qualifier, behind the name that the chart gives.
    """

    chart_code: str
    qualifier: str | None = None
    limit: BalanceLimit | None = None
    label: str | None = None

    @property
    def code(self) -> str:
        return self.chart_code if self.qualifier is None else f"{self.chart_code}.{self.qualifier}"


@cache
def chart() -> Mapping[str, ChartAccount]:
    """The chart of accounts that comes with the program, by code."""
    return read_chart(files("ledger").joinpath("chart.yaml").read_text(encoding="utf-8"))


def read_chart(source: str) -> dict[str, ChartAccount]:
    accounts: dict[str, ChartAccount] = {}
    for code, given in yaml.safe_load(source).items():
        if code.startswith("."):
            continue  # words that accounts share
        try:
            account = ChartAccount(
                code=code,
                name=given.pop("name"),
                name_en=given.pop("name_en"),
                funds=tuple(given.pop("funds")) if "funds" in given else None,
                normal_side=NormalSide(given.pop("normal_side")),
                limit=BalanceLimit(given.pop("limit", BalanceLimit.NONE)),
                valid_from=given.pop("valid_from"),
                valid_until=given.pop("valid_until"),
                statutory=from_chart(code, given.pop("statutory")),
            )
        except (KeyError, ValueError) as error:
            raise ChartInvalid(f"account {code} of the chart: {error}") from error
        if given:
            raise ChartInvalid(f"account {code} of the chart: unknown fields {', '.join(given)}")
        accounts[code] = account
    return accounts


def open_account(
    connection: Connection,
    chart_code: str,
    qualifier: str | None = None,
    *,
    limit: BalanceLimit | None = None,
    label: str | None = None,
) -> str:
    """The code of the account, which is opened unless it is open already."""
    return open_accounts(connection, [AccountRequest(chart_code, qualifier, limit, label)])[0]


def open_accounts(connection: Connection, requests: Sequence[AccountRequest]) -> list[str]:
    """The codes of the accounts, in the order of the requests; those not open yet are opened, by one statement."""
    unknown = sorted({request.chart_code for request in requests} - chart().keys())
    if unknown:
        raise UnknownAccount(f"the chart knows no account {', '.join(unknown)}")
    entries = [chart()[request.chart_code] for request in requests]
    arguments = {
        "chart_codes": [entry.code for entry in entries],
        "qualifiers": [request.qualifier for request in requests],
        "names": [_name(entry.name, request) for entry, request in zip(entries, requests, strict=True)],
        "names_en": [_name(entry.name_en, request) for entry, request in zip(entries, requests, strict=True)],
        "normal_sides": [entry.normal_side.value for entry in entries],
        "limits": [(request.limit or entry.limit).value for entry, request in zip(entries, requests, strict=True)],
    }
    with refusals():
        connection.execute(_OPEN, arguments)
    return [request.code for request in requests]


_OPEN = text(
    "SELECT ledger.open_accounts(:chart_codes, CAST(:qualifiers AS text[]), :names, :names_en, :normal_sides, :limits)"
)


def _name(name: str, request: AccountRequest) -> str:
    label = request.label or request.qualifier
    return name if label is None else f"{name} – {label}"


@dataclass(frozen=True, slots=True)
class Account:
    """An open account."""

    account_id: int
    code: str
    chart_code: str
    name: str
    name_en: str
    normal_side: NormalSide
    limit: BalanceLimit


def find_account(connection: Connection, code: str) -> Account:
    row = connection.execute(select(tables.account).where(tables.account.c.code == code)).one_or_none()
    if row is None:
        raise UnknownAccount(f"there is no account {code}")
    return Account(
        account_id=row.account_id,
        code=row.code,
        chart_code=row.chart_code,
        name=row.name,
        name_en=row.name_en,
        normal_side=NormalSide(row.normal_side),
        limit=BalanceLimit(row.balance_limit),
    )
