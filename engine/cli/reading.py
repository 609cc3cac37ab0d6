"""Reading the ledger: trial balance, statement, journal and open items, on any day and as known at any instant."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Annotated

import typer
from sqlalchemy import Connection

from engine.cli.calling import AsJson, On, day_of, opened
from engine.cli.chart import MappingFile, numbered
from engine.cli.printing import err, print_trial_balance
from engine.cli.tables import Destination, Format, FormatOption, Listing, Output, deliver, deliver_object
from engine.clock import VIET_NAM
from engine.errors import WrongInput
from engine.installation import Installation
from ledger import balances
from ledger.accounts import find_account
from ledger.journal import JOURNAL_COLUMNS, journal, stream_journal
from ledger.money import Dong
from ledger.open_items import open_item_columns, open_items, stream_open_items
from ledger.places import Place
from ledger.sheets import Cell, Column, Kind
from ledger.statement import STATEMENT_COLUMNS, StatementLine, opening_balance, statement, stream_statement
from ledger.window import Window

app = typer.Typer()

_DAY = ["%Y-%m-%d"]
Since = Annotated[datetime | None, typer.Option("--from", formats=_DAY, help="The first business date.")]
Until = Annotated[datetime | None, typer.Option("--to", formats=_DAY, help="The last business date.")]
KnownAt = Annotated[
    str | None,
    typer.Option("--known-at", help="As the book knew it then: an instant, or a date for the end of that day."),
]
After = Annotated[str | None, typer.Option("--after", help="The place at which the page before ended.")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="A page of so many lines.")]

_LINES_ON_SCREEN = 1_000


@app.command("trial-balance")
def ledger_trial_balance(
    on: On = None,
    since: Since = None,
    until: Until = None,
    known_at: KnownAt = None,
    fund: Annotated[str | None, typer.Option("--fund", help="Of the lines of one fund alone.")] = None,
    mapping: MappingFile = None,
    form: FormatOption = Format.TABLE,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """Bảng cân đối tài khoản: closing balances, or with --from or --to opening, turnover and closing of a period."""
    to = Destination.asked(form, output, as_json=as_json)
    if on is not None and (since is not None or until is not None):
        raise WrongInput(["--on is for balances on one day, --from and --to for a period: not both"])
    whole = since is None and until is None and fund is None
    window = _window(since, on or until, known_at)
    with _reading() as (installation, connection):
        rows = balances.turnover(connection, window, fund)
        if whole and mapping is None and to.form is Format.TABLE:
            print_trial_balance(
                [
                    balances.TrialBalanceRow(r.account, r.name, r.name_en, r.closing_debit, r.closing_credit)
                    for r in rows
                ]
            )
        else:
            day = window.until or installation.clock().today()
            listing = _closing(rows) if whole else _period(rows)
            if to.form is not Format.JSON:
                listing = replace(listing, rows=[*listing.rows, _total(listing)])
            listing = numbered(listing, mapping, (0,), lambda _: day)
            deliver(listing, to, installation.clock().now())


_CLOSING_COLUMNS = (
    Column("account", "Tài khoản", "Account"),
    Column("name", "Tên tài khoản", "Name"),
    Column("name_en", "Tên tiếng Anh", "Name in English"),
    Column("debit", "Dư Nợ", "Debit", Kind.MONEY),
    Column("credit", "Dư Có", "Credit", Kind.MONEY),
)


def _closing(rows: list[balances.TurnoverRow]) -> Listing:
    shown = [(r.account, r.name, r.name_en, r.closing_debit, r.closing_credit) for r in rows]
    return Listing("Bảng cân đối tài khoản", _CLOSING_COLUMNS, shown, _BEYOND_SCREEN)


def _period(rows: list[balances.TurnoverRow]) -> Listing:
    shown = [(r.account, r.name, r.name_en, *r[4:]) for r in rows]
    return Listing("Bảng cân đối số phát sinh", balances.TURNOVER_COLUMNS, shown, _BEYOND_SCREEN)


def _total(listing: Listing) -> tuple[Cell, ...]:
    """The row that shows both sides alike."""
    sums = [
        sum(cell.vnd for cell in cells if isinstance(cell, Dong)) if column.kind is Kind.MONEY else None
        for column, cells in zip(listing.columns, zip(*listing.rows, strict=True), strict=False)
    ] or [None] * len(listing.columns)
    return ("", "Cộng", "Total", *sums[3:])


@app.command("statement")
def ledger_statement(
    account: str,
    since: Since = None,
    until: Until = None,
    known_at: KnownAt = None,
    after: After = None,
    limit: Limit = None,
    mapping: MappingFile = None,
    form: FormatOption = Format.TABLE,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """Sổ cái of one account, with contra accounts and running balance; the screen shows its first page."""
    to = Destination.asked(form, output, as_json=as_json)
    limit = _page(to, after, limit)
    window = _window(since, until, known_at)
    place = _place(after)
    with _reading() as (installation, connection):
        found = find_account(connection, account)
        page = None if limit is None else statement(connection, account, window, after=place, limit=limit)
        opening = opening_balance(connection, found, window) if page is None else page.opening
        lines = stream_statement(connection, account, window) if page is None else iter(page.lines)
        closing = opening

        def passing() -> Iterator[StatementLine]:
            nonlocal closing
            for line in lines:
                closing = line.balance
                yield line

        listing = Listing(f"{found.code} {found.name}", STATEMENT_COLUMNS, passing(), _BEYOND_SCREEN)
        listing = numbered(listing, mapping, _CONTRA, _business_on)
        following = page.next if page is not None else None
        if to.form is Format.JSON:
            head = {"account": found.code, "name": found.name, "opening": opening.vnd}
            deliver_object(listing, to, head, lambda: {"closing": closing.vnd, "next": following and str(following)})
        else:
            deliver(listing, to, installation.clock().now())
            _say_next(following)


@app.command("journal")
def ledger_journal(
    since: Since = None,
    until: Until = None,
    known_at: KnownAt = None,
    after: After = None,
    limit: Limit = None,
    mapping: MappingFile = None,
    form: FormatOption = Format.TABLE,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """Nhật ký chung: every line in the order of its date, Nợ and Có; the screen shows its first page."""
    to = Destination.asked(form, output, as_json=as_json)
    limit = _page(to, after, limit)
    window = _window(since, until, known_at)
    place = _place(after)
    with _reading() as (installation, connection):
        page = None if limit is None else journal(connection, window, after=place, limit=limit)
        lines = stream_journal(connection, window) if page is None else page.lines
        listing = numbered(
            Listing("Nhật ký chung", JOURNAL_COLUMNS, lines, _BEYOND_SCREEN), mapping, _BOTH_SIDES, _business_on
        )
        following = page.next if page is not None else None
        if to.form is Format.JSON:
            deliver_object(listing, to, {}, lambda: {"next": following and str(following)})
        else:
            deliver(listing, to, installation.clock().now())
            _say_next(following)


@app.command("open-items")
def ledger_open_items(
    account: Annotated[str, typer.Argument(help="An account, or a code of the chart for all accounts under it.")],
    on: On = None,
    known_at: KnownAt = None,
    ages: Annotated[str, typer.Option("--ages", help="The bounds of the age groups, in days.")] = "30,60,90,180,365",
    form: FormatOption = Format.TABLE,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """Khoản chưa tất toán: what does not cancel out under its reference, and how old it is."""
    to = Destination.asked(form, output, as_json=as_json)
    bounds = _bounds(ages)
    instant = _instant(known_at)
    with _reading() as (installation, connection):
        day = day_of(installation, on)
        if to.form is Format.TABLE:
            page = open_items(connection, account, day, bounds, known_at=instant, limit=_LINES_ON_SCREEN)
            items, following = iter(page.items), page.next
        else:
            items, following = stream_open_items(connection, account, day, bounds, known_at=instant), None
        rows = ((*item[:-1], *item.ages) for item in items)
        listing = Listing(f"Khoản chưa tất toán {account}", open_item_columns(bounds), rows)
        deliver(listing, to, installation.clock().now())
        if following is not None:
            err.print(f"There is more than {_LINES_ON_SCREEN} items: use --format json, csv or xlsx.")


_BEYOND_SCREEN = frozenset(
    {"line", "recorded_at", "event", "description", "fund", "run", "person", "contra_reference", "name_en"}
)
_CONTRA = tuple(at for at, column in enumerate(STATEMENT_COLUMNS) if column.name == "contra_account")
_BOTH_SIDES = tuple(
    at for at, column in enumerate(JOURNAL_COLUMNS) if column.name in ("debit_account", "credit_account")
)


def _business_on(row: Sequence[Cell]) -> date:
    """Of a line of a statement or of the journal: both have it in the same place."""
    on = row[2]
    return on if isinstance(on, date) else date.max


@contextmanager
def _reading() -> Iterator[tuple[Installation, Connection]]:
    """A snapshot of the book: what is posted meanwhile is not in it, so opening, lines and closing agree."""
    with opened() as installation, installation.database.engine.connect() as connection:
        snapshot = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with snapshot.begin():
            yield installation, snapshot


def _window(since: datetime | None, until: datetime | None, known_at: str | None) -> Window:
    try:
        return Window(since.date() if since else None, until.date() if until else None, _instant(known_at))
    except ValueError as error:
        raise WrongInput([str(error)]) from error


def _instant(text: str | None) -> datetime | None:
    """An instant, in Viet Nam's time where it says no other; a date stands for the end of its day there."""
    if text is None:
        return None
    try:
        if len(text) == len("2026-11-30"):
            following = date.fromisoformat(text) + timedelta(days=1)
            return datetime.combine(following, time(), VIET_NAM) - timedelta(microseconds=1)
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise WrongInput(
            [f"--known-at {text}: neither a date (2026-11-30) nor an instant (2026-11-30T09:00)"]
        ) from error
    return found if found.tzinfo is not None else found.replace(tzinfo=VIET_NAM)


def _place(text: str | None) -> Place | None:
    try:
        return None if text is None else Place.read(text)
    except ValueError as error:
        raise WrongInput([f"--after {text}: not a place that a page ended at"]) from error


def _page(to: Destination, after: str | None, limit: int | None) -> int | None:
    """How many lines: a page on the screen, everything elsewhere unless a page is asked for."""
    if to.for_sheets and (after is not None or limit is not None):
        raise WrongInput(["--after and --limit are for the screen and JSON: CSV and XLSX hold everything"])
    return _LINES_ON_SCREEN if limit is None and (to.form is Format.TABLE or after is not None) else limit


def _bounds(text: str) -> list[int]:
    try:
        bounds = [int(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise WrongInput([f"--ages {text}: days parted by commas, such as 30,60,90"]) from error
    if bounds != sorted(set(bounds)) or any(bound < 0 for bound in bounds):
        raise WrongInput([f"--ages {text}: each must be more than the one before"])
    return bounds


def _say_next(following: Place | None) -> None:
    if following is not None:
        err.print(f"There is more: --after {following}")
