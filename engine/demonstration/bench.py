"""The month at size N, measured: what each phase takes, against the plainest thing a database can do with as many rows.

It runs the demonstration's own month, faults included, in a home and a database of its own, and removes both. Absolute
times are those of the machine and its other work; the ratios within one run hold elsewhere too.
"""

import resource
import shutil
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import text

from engine.contributions.declaration import import_declaration
from engine.contributions.employer import EMPLOYERS, import_employers
from engine.contributions.unchanged import declare_shard
from engine.database import Database, addresses
from engine.demonstration import employer, month
from engine.embedded import EmbeddedServer
from engine.errors import WrongInput
from engine.installation import Installation
from engine.law.parameters import Parameters
from engine.settings import Settings
from gateways.simulator import process as simulator

STAFF = 5
"""Workers of each employer of the bench."""
_NOVEMBER = date(2026, 11, 1)


@dataclass(frozen=True, slots=True)
class Phase:
    """One part of the month. `of` says what is counted: payees, employers, or the phase itself."""

    name: str
    of: str
    count: int
    seconds: float
    a_second: float
    percent_of_all: int
    times_copy: int
    """How often a plain COPY of as many rows, measured in the same run, would fit into the phase."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What a month of so many payees and employers took. `memory_mib` is the most that this process held: without
    PostgreSQL and the simulated bank, which are processes of their own."""

    payees: int
    employers: int
    phases: tuple[Phase, ...]
    seconds: float
    copy_rows_a_second: int
    memory_mib: int
    database_mib: int
    totals: dict[str, int]
    differences: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def run_bench(settings: Settings, payees: int, employers: int, seed: int, report: month.Reporter) -> Bench:
    """Runs the month in a home of its own below the home in use; needs the embedded server."""
    if settings.database_url is not None:
        raise WrongInput(["the bench makes and drops its database: it works on the embedded server only"])
    settings = replace(settings, home=settings.home / "bench", redis_url=None)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, settings.home, ignore_errors=True)
        stack.callback(EmbeddedServer(settings.home).stop)
        stack.callback(simulator.stop, settings.home / "simulator")
        ran = month.run_month(settings, payees, seed, report)
        installation = Installation(settings, Database(addresses(settings).application))
        stack.callback(installation.database.close)
        if employers:
            _collect(installation, employers, report)
        rows_a_second = _copy(addresses(settings).owner, max(payees, employers))
        return _measured(installation, ran, payees, employers, rows_a_second)


def _collect(installation: Installation, employers: int, report: month.Reporter) -> None:
    """As many employers: their list, October declared file by file, November without changes for all at once."""
    directory, at = installation.settings.home / "demonstration", installation.clock().now()
    vault, database = installation.vault, installation.database
    with report.timed("employers"), database.transaction("preparer") as connection:
        import_employers(connection, vault, _write_employers(directory, employers), at)
    staff = employer.invent_staff(0, STAFF)
    with report.timed("declarations"):
        for number in range(employers):
            workers = [replace(one, number=f"98{number * STAFF + place:08}") for place, one in enumerate(staff)]
            path = directory / "bench.xlsx"
            employer.write_declaration(path, employer.PERIOD, workers, _unit_code(number))
            with database.transaction("preparer") as connection:
                import_declaration(connection, vault, path, at)
            report.advance(number + 1, employers, "tờ khai")
    with report.timed("unchanged"):
        law = Parameters.load()
        while True:
            with database.transaction("preparer") as connection:
                if not declare_shard(connection, _NOVEMBER, at, law).employers:
                    break


def _unit_code(number: int) -> str:
    return f"B{number:06}Z"


def _write_employers(directory: Path, employers: int) -> Path:
    path = directory / "bench-employers.csv"
    lines = (
        f"{_unit_code(number)},Đơn vị {number},{number + 200_000_000:010},{employer.AGENCY_CODE},I,1,01/01/2026\n"
        for number in range(employers)
    )
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(EMPLOYERS.required) + "\n")
        file.writelines(lines)
    return path


def _copy(owner_url: str, rows: int) -> int:
    """Rows a second of the plainest writing there is: COPY of a payment's columns into a table without rules."""
    with psycopg.connect(owner_url) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE plain (number bigint, reference text, amount_vnd bigint, on_day date)")
        began = time.perf_counter()
        with cursor.copy("COPY plain FROM STDIN") as copying:
            for number in range(rows):
                copying.write_row((number, f"TC{number:020}", 5_000_000 + number, month.PAY_ON))
        spent = time.perf_counter() - began
    return round(rows / spent)


_OF_EMPLOYERS = ("employers", "declarations", "unchanged")
_ONCE = ("database", "gateway", "employer")
"""Done once, however many payees there are."""


def _measured(installation: Installation, ran: month.Month, payees: int, employers: int, rows_a_second: int) -> Bench:
    whole = sum(ran.seconds.values())
    phases = []
    for name, seconds in ran.seconds.items():
        of, count = "payees", payees
        if name in _OF_EMPLOYERS:
            of, count = "employers", employers
        elif name in _ONCE:
            of, count = "once", 1
        phases.append(
            Phase(
                name,
                of,
                count,
                round(seconds, 2),
                round(count / seconds, 1),
                round(100 * seconds / whole),
                round(seconds * rows_a_second / count),
            )
        )
    with installation.database.transaction() as connection:
        database_bytes: int = connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
    told = ran.proof.as_json()
    return Bench(
        payees,
        employers,
        tuple(phases),
        round(whole, 2),
        rows_a_second,
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        database_bytes // 2**20,
        told["totals"],
        tuple(str(each) for each in told["differences"]),
    )
