"""Three months of pensions, and their figures held against what the bank's own books and the clerks' files say.

    PYTHONPATH=tests .venv/bin/python -m benchmarks.payment_figures [--payees 100000]

January 2026 is paid as the demonstration's month is, with its faults. February and March are paid together at the
beginning of February. The other side of the comparison knows nothing of the product's
tables: it replays the simulated bank's journal, reads the workbook and the list of accounts that were handed in, loads
both into temporary tables, and counts with SQL of its own.
"""

import argparse
import csv
import resource
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
from benchmarks.ledger_posting import table
from python_calamine import CalamineWorkbook
from sqlalchemy import text

from engine.database import addresses
from engine.demonstration import month
from engine.embedded import EmbeddedServer
from engine.installation import Installation
from engine.law.parameters import Parameters
from engine.payments import planning, run
from engine.payments.batch import dispatch
from engine.payments.figures import Figures, count_month
from engine.settings import Settings
from engine.statements import fetch_statements
from engine.workers.relay import work
from gateways.simulator import journal, process
from gateways.simulator.state import State

JANUARY, FEBRUARY, MARCH = date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)
PAY_ON, PAY_TOGETHER_ON = date(2026, 1, 5), date(2026, 2, 2)
PLANNED = {JANUARY: PAY_ON, FEBRUARY: date(2026, 1, 30)}
"""The day on which the list was made of what is paid in a month."""


@dataclass(frozen=True)
class Counted:
    """Both sides of one month."""

    ours: dict[str, Any]
    theirs: dict[str, Any]


@contextmanager
def paid_months(payees: int, seed: int, seconds: dict[str, float]) -> Iterator[Installation]:
    """An installation in a home of its own that has paid the three months."""
    home = Path(tempfile.mkdtemp(prefix="thuchi-benchmark-"))
    home.chmod(0o711)
    settings = Settings(home, None, None, None)
    report = month.Reporter(lambda name: _say(f"{name}\n"), lambda _done, _total, _shown: None, seconds)
    try:
        with report.timed("database"):
            installation = month.fresh_installation(settings, payees, seed, PAY_ON)
        unconfirmed = month.prepare(installation, payees, seed, report, PAY_ON)
        month.pay(installation, report, PAY_ON)
        month.follow_up(installation, unconfirmed, report, PAY_ON)
        with report.timed("two months together"):
            pay_together(installation)
        yield installation
        installation.database.close()
    finally:
        process.stop(home / "simulator")
        EmbeddedServer(home).stop("immediate")
        shutil.rmtree(home)


def pay_together(installation: Installation) -> None:
    """February and March in one run."""
    database = installation.database
    pass_days(installation, PAY_ON + timedelta(days=2), PLANNED[FEBRUARY] - timedelta(days=1))
    month.set_time(installation, PLANNED[FEBRUARY], 9)
    at = installation.clock().now()
    with database.transaction("preparer") as connection:
        unconfirmed = frozenset(connection.scalars(text("SELECT DISTINCT unnest(unconfirmed) FROM engine.award")))
        code = planning.plan(
            connection, FEBRUARY, PAY_TOGETHER_ON, month.GATEWAY, unconfirmed, at, through=MARCH
        ).run_code
        run.submit(connection, code, "preparer", at)
    for person in ("approver", "authoriser"):
        with database.transaction(person) as connection:
            run.approve(connection, code, person, at)
    pass_days(installation, PLANNED[FEBRUARY], PAY_TOGETHER_ON - timedelta(days=1))
    month.set_time(installation, PAY_TOGETHER_ON, 9)
    with database.transaction("preparer") as connection:
        capabilities = installation.gateway(month.GATEWAY).capabilities
        dispatch(connection, code, capabilities, PAY_TOGETHER_ON, installation.clock().now())
    work(installation, threading.Event(), until_idle=True)
    pass_days(installation, PAY_TOGETHER_ON, PAY_TOGETHER_ON + timedelta(days=1))


def pass_days(installation: Installation, first: date, last: date) -> None:
    """Every day ends with its statement."""
    day = first
    while day <= last:
        month.end_day(installation, day)
        fetch_statements(installation, month.GATEWAY, day)
        work(installation, threading.Event(), until_idle=True)
        day += timedelta(days=1)


def compare(installation: Installation) -> list[Counted]:
    """The figures of both months of payment, as the product counts them and as the bank's books and the files do."""
    with installation.database.transaction() as connection:
        ours = [_plain(count_month(connection, first, Parameters.load())) for first in (JANUARY, FEBRUARY)]
    with psycopg.connect(addresses(installation.settings).owner) as connection:
        load(connection, installation.simulator_home, installation.settings.home / "demonstration")
        theirs = [count(connection, first) for first in (JANUARY, FEBRUARY)]
    return [Counted(*pair) for pair in zip(ours, theirs, strict=True)]


def _plain(figures: Figures) -> dict[str, Any]:
    return {
        "shares": {
            (each.dimension, each.value): (
                each.persons,
                each.persons_cashless,
                each.amount_vnd,
                each.amount_cashless_vnd,
            )
            for each in figures.shares
        },
        "first_attempts": (figures.first_attempts, figures.first_attempts_succeeded),
        "returns": {reason: (payments, vnd) for reason, payments, vnd in figures.returns},
        "days_to_credit": dict(figures.days_to_credit),
        "unverified": figures.unverified,
        "target_reached": figures.targets[0].reached,
    }


_TABLES = """
    CREATE TEMPORARY TABLE bank_order (reference text, instruction text, on_day date, rejected_for text);
    CREATE TEMPORARY TABLE bank_line (on_day date, kind text, reference text, amount_vnd bigint, account text,
        words text, reason text);
    CREATE TEMPORARY TABLE payee (account text PRIMARY KEY, personal_id text, sex text, birth date, province text,
        area text, office text)"""


def load(connection: psycopg.Connection[Any], bank: Path, files: Path) -> None:
    """What the bank did and whom the clerks' files know, as temporary tables."""
    connection.execute(_TABLES)
    state = State()
    for event in journal.events(bank):
        state.apply(event)
    with connection.cursor() as cursor:
        with cursor.copy("COPY bank_order FROM STDIN") as copying:
            for file in state.files.values():
                for payment, reason in file.payments:
                    copying.write_row((payment.end_to_end_id, payment.instruction_id, file.booking_on, reason))
        with cursor.copy("COPY bank_line FROM STDIN") as copying:
            for row in _lines(state):
                copying.write_row(row)
        with cursor.copy("COPY payee FROM STDIN") as copying:
            for row in _payees(files):
                copying.write_row(row)
    connection.execute("CREATE INDEX ON bank_line (reference)")
    connection.execute("ANALYZE bank_line, bank_order, payee")


def _lines(state: State) -> Iterator[tuple[Any, ...]]:
    """Every movement of a payment on a statement of the bank."""
    for statement in state.statements.values():
        for account in statement.accounts:
            for entry in account.entries:
                for detail in entry.details:
                    if detail.end_to_end_id is not None:
                        kind = "debit" if entry.amount_vnd < 0 else "return"
                        told = (detail.amount_vnd, detail.account, detail.text, entry.return_reason)
                        yield (entry.on, kind, detail.end_to_end_id, *told)


_AREAS = {"Thành thị": "urban", "Nông thôn": "rural", "Đặc khu": "special_zone"}
_SEXES = {"Nam": "M", "Nữ": "F"}


_CLAIM_NO, _OFFICE = "Số hồ sơ", "Mã cơ quan BHXH"
_FIELDS = ("Số định danh", "Giới tính", "Ngày sinh", "Mã tỉnh", "Khu vực")


def _people_of(sheet: list[list[Any]], offices: dict[str, str]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    heading, *rows = sheet
    places = {str(title): place for place, title in enumerate(heading)}
    prefixes = {title.removesuffix(_FIELDS[0]) for title in places if title.endswith(_FIELDS[0])}
    for row in rows:
        for prefix in prefixes:
            personal_id, sex, birth, province, area = (row[places[prefix + field]] for field in _FIELDS)
            if personal_id:
                office = offices[row[places[_CLAIM_NO]]]
                yield str(personal_id), (_SEXES[str(sex)], birth, province, _AREAS[str(area)], office)


def _payees(files: Path) -> Iterator[tuple[Any, ...]]:
    """Each account of the list with its holder as the workbook of claims describes them."""
    people: dict[str, tuple[Any, ...]] = {}
    for path in files.glob("ho-so-huong*.xlsx"):
        workbook = CalamineWorkbook.from_path(str(path))
        heading, *claims = workbook.get_sheet_by_name("Hồ sơ").to_python()
        number, office = heading.index(_CLAIM_NO), heading.index(_OFFICE)
        offices = {str(row[number]): str(row[office]) for row in claims}
        for name in ("Hồ sơ", "Thân nhân"):
            people.update(_people_of(workbook.get_sheet_by_name(name).to_python(), offices))
    with (files / "tai-khoan-nhan.csv").open(encoding="utf-8", newline="") as file:
        for personal_id, _name, _bank, account, *_rest in list(csv.reader(file))[1:]:
            yield (account, personal_id, *people[personal_id])


_PAID = """
    SELECT d.reference, d.amount_vnd, d.on_day, y.*,
        CASE WHEN d.words ILIKE ANY (ARRAY['%%luong huu thang%%', '%%tro cap tuat thang%%']) THEN 'monthly'
            ELSE 'once' END AS benefit_group,
        CASE WHEN y.birth + interval '80 years' <= d.on_day THEN '80 and more'
            WHEN y.birth + interval '70 years' <= d.on_day THEN '70-79'
            WHEN y.birth + interval '60 years' <= d.on_day THEN '60-69' ELSE 'under 60' END AS age_band
    FROM bank_line d JOIN payee y USING (account)
    WHERE d.kind = 'debit' AND d.on_day >= %(first)s AND d.on_day < %(first)s + interval '1 month'
        AND d.reference NOT IN (SELECT reference FROM bank_line WHERE kind = 'return')"""


def count(connection: psycopg.Connection[Any], first: date) -> dict[str, Any]:
    """The figures of a month by the bank's books; everything went to accounts, so all of it is cashless."""
    asked = {"first": first, "planned": PLANNED[first]}

    def rows(query: str) -> list[tuple[Any, ...]]:
        # Composed of the constants of this file alone.
        return connection.execute(query, asked).fetchall()

    shares = {}
    for dimension in ("all", "area", "province", "office", "benefit_group", "sex", "age_band"):
        value = "'all'::text" if dimension == "all" else dimension
        for found, persons, vnd in rows(
            f"SELECT {value}, count(DISTINCT personal_id), sum(amount_vnd)::bigint FROM ({_PAID}) p GROUP BY 1"
        ):
            shares[dimension, found] = (persons, persons, vnd, vnd)
    ((tried, succeeded),) = rows("""
        SELECT count(*), count(*) FILTER (WHERE well) FROM (
            SELECT reference, min(on_day) AS on_day,
                bool_or(instruction = reference || '-1' AND rejected_for IS NULL)
                    AND reference NOT IN (SELECT reference FROM bank_line WHERE kind = 'return') AS well
            FROM bank_order GROUP BY reference) o
        WHERE on_day >= %(first)s AND on_day < %(first)s + interval '1 month'""")
    returns = rows("""
        SELECT reason, count(*), sum(amount_vnd)::bigint FROM bank_line
        WHERE kind = 'return' AND on_day >= %(first)s AND on_day < %(first)s + interval '1 month' GROUP BY 1""")
    days = rows(f"SELECT on_day - %(planned)s, count(*) FROM ({_PAID}) p GROUP BY 1")
    urban = shares["area", "urban"]
    return {
        "shares": shares,
        "first_attempts": (tried, succeeded),
        "returns": {reason: (payments, vnd) for reason, payments, vnd in returns},
        "days_to_credit": dict(days),
        "unverified": shares["all", "all"][0],
        "target_reached": urban[1] * 2 >= urban[0],
    }


def _say(words: str) -> None:
    sys.stderr.write(words)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--payees", type=int, default=100_000)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    seconds: dict[str, float] = {}
    with paid_months(given.payees, given.seed, seconds) as installation:
        began = time.perf_counter()
        found = compare(installation)
        seconds["figures on both sides"] = time.perf_counter() - began
    table(["phase", "seconds"], [[name, f"{spent:.1f}"] for name, spent in seconds.items()])
    told = Counter(part for each in found for part in each.ours if each.ours[part] != each.theirs[part])
    for each in found:
        told_of_all = {name: part for name, part in each.ours.items() if name != "shares"}
        sys.stdout.write(f"{told_of_all} {each.ours['shares']['all', 'all']}\n")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    sys.stdout.write(
        f"{given.payees:,} payees; {peak} MiB at most in this process; differences: {dict(told) or 'none'}\n"
    )
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())
