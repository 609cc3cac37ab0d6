"""A death that becomes known: what waits stops, what arrived is recoverable, what came back is owed to nobody."""

import csv
import threading
import uuid
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import date, timedelta
from pathlib import Path

import builders
import pytest
from sqlalchemy import Engine, text

from engine.database import Database
from engine.demonstration import month
from engine.errors import NotAllowed, WrongInput
from engine.installation import SIMULATOR_ADDRESS, Installation
from engine.payments import planning, run
from engine.payments.agreement import require_agreement
from engine.payments.deaths import DEATHS, DeathsImported, follow_deaths, import_deaths
from engine.payments.proof import prove
from engine.settings import Settings
from engine.statements import fetch_statements
from engine.workers.relay import work
from gateways.simulator import process
from ledger.balances import balance

GOOD, CLOSED_LATER = "1021000000017", "1021000009011"
NEXT_DAY = builders.PAY_ON + timedelta(days=1)
AT = builders.AT + timedelta(hours=1)
PENSION = "benefit_expense.pension"


@pytest.fixture
def installation(database: Database, owner: Engine, tmp_path: Path) -> Iterator[Installation]:
    """A simulated bank that knows us; November is planned, submitted and approved for two payees."""
    with owner.begin() as connection:
        connection.execute(
            text("INSERT INTO engine.demonstration (payees, seed, now_at) VALUES (1, 1, :at)"), {"at": builders.AT}
        )
    installation = Installation(Settings(tmp_path, None, None, None), database)
    builders.open_bank(installation)
    world = [builders.Payee(GOOD, 3_000_000), builders.Payee(CLOSED_LATER, 3_000_001)]
    builders.add_world(database, installation.vault, world, SIMULATOR_ADDRESS)
    yield installation
    process.stop(installation.simulator_home)


def _list(directory: Path, *rows: tuple[str, str, str]) -> Path:
    path = directory / "bao-tu.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([DEATHS.required, *rows])
    return path


def _die(installation: Installation, *numbers: int, on: str = "20/10/2026") -> DeathsImported:
    rows = [(f"0010{number:08d}", "Nguyễn Văn", on) for number in numbers]
    path = _list(installation.settings.home, *rows)
    with installation.database.transaction("lan") as connection:
        imported = import_deaths(connection, installation.vault, path, AT)
        require_agreement(connection)
        assert not any(asdict(follow_deaths(connection, AT)).values())
        return imported


def _send(installation: Installation) -> None:
    builders.dispatch_run(installation)
    _work(installation)


def _work(installation: Installation) -> None:
    work(installation, threading.Event(), until_idle=True)
    with installation.database.transaction() as connection:
        require_agreement(connection)


def _bring_statement(installation: Installation, day: date) -> None:
    month.end_day(installation, day)
    fetch_statements(installation, "simbank", day)
    _work(installation)


def _states(installation: Installation) -> list[str]:
    with installation.database.transaction() as connection:
        return list(connection.scalars(text("SELECT state FROM engine.payment ORDER BY payment_no")))


def _balances(installation: Installation, *codes: str) -> list[int]:
    with installation.database.transaction() as connection:
        return [balance(connection, code).vnd for code in codes]


def test_what_is_planned_for_a_month_after_the_death_is_dropped_and_the_rest_approved(
    installation: Installation,
) -> None:
    with installation.database.transaction("lan") as connection:
        planning.plan(connection, builders.PERIOD, builders.PAY_ON, "simbank", frozenset(), builders.AT)
        run.submit(connection, builders.RUN, "lan", builders.AT)
    imported = _die(installation, 1)
    assert imported == DeathsImported(1, 0, 1, 0, 0, 0, 0, 0)
    for person in ("minh", "hoa"):
        with installation.database.transaction(person) as connection:
            run.approve(connection, builders.RUN, person, AT)
    assert _states(installation) == ["cancelled", "approved"]
    assert _balances(installation, PENSION) == [3_000_001]


def test_the_month_of_death_itself_is_paid(installation: Installation) -> None:
    builders.approved_run(installation.database)
    assert not any(list(asdict(_die(installation, 1, on="01/11/2026")).values())[2:])
    assert _states(installation) == ["approved", "approved"]


def test_what_waits_is_held_and_can_be_withdrawn(installation: Installation) -> None:
    builders.approved_run(installation.database)
    builders.dispatch_run(installation)
    imported = _die(installation, 1)
    assert (imported.held, imported.dropped) == (1, 0)
    _work(installation)
    assert _states(installation)[0] == "held"
    with installation.database.transaction() as connection:
        reference = connection.scalar(text("SELECT reference FROM engine.payment WHERE state = 'held'"))
    with pytest.raises(NotAllowed), installation.database.transaction("lan") as connection:
        run.withdraw(connection, str(reference), "died", AT)
    with installation.database.transaction("minh") as connection:
        run.withdraw(connection, str(reference), "died", AT)
        require_agreement(connection)
    assert _states(installation)[0] == "cancelled"
    assert _balances(installation, PENSION) == [3_000_001]


def test_what_is_on_its_way_is_asked_back_and_recoverable_once_it_has_arrived(installation: Installation) -> None:
    builders.approved_run(installation.database)
    _send(installation)
    imported = _die(installation, 1)
    assert (imported.asked_back, imported.overpaid) == (1, 0)
    _bring_statement(installation, builders.PAY_ON)
    assert _states(installation) == ["settled", "settled"]
    assert _balances(installation, PENSION, "beneficiary_receivable") == [3_000_001, 3_000_000]
    with installation.database.transaction() as connection:
        problems = list(connection.scalars(text("SELECT problem FROM engine.open_case ORDER BY problem")))
        assert len(problems) == 2
        assert prove(connection, builders.PAY_ON).differences == ()


def test_what_comes_back_settles_what_was_recoverable(installation: Installation) -> None:
    builders.approved_run(installation.database)
    _send(installation)
    _bring_statement(installation, builders.PAY_ON)
    imported = _die(installation, 2)
    assert (imported.overpaid, imported.overpaid_vnd) == (1, 3_000_001)
    assert _balances(installation, PENSION, "beneficiary_receivable") == [3_000_000, 3_000_001]
    _bring_statement(installation, NEXT_DAY)
    assert _states(installation) == ["settled", "cancelled"]
    assert _balances(installation, PENSION, "beneficiary_receivable", "returned_payable") == [3_000_000, 0, 0]


def test_what_came_back_before_the_death_was_known_is_no_expense(installation: Installation) -> None:
    builders.approved_run(installation.database)
    _send(installation)
    for day in (builders.PAY_ON, NEXT_DAY):
        _bring_statement(installation, day)
    assert _die(installation, 2).taken_back == 1
    assert _balances(installation, PENSION, "beneficiary_receivable", "returned_payable") == [3_000_000, 0, 0]


def test_the_same_list_again_changes_nothing_and_a_known_death_is_told(installation: Installation) -> None:
    first = _die(installation, 1)
    with installation.database.transaction("lan") as connection:
        again = import_deaths(connection, installation.vault, installation.settings.home / "bao-tu.csv", AT)
    assert again == replace(first, already=True)
    assert (_die(installation, 1, 2).deaths, _die(installation, 1, 2).already) == (2, True)


def test_every_wrong_row_is_named_and_nothing_is_stored(installation: Installation) -> None:
    _die(installation, 1)
    path = _list(
        installation.settings.home,
        ("001000000001", "Nguyễn Văn", "21/10/2026"),
        ("001000000002", "Trần Thị Hai", "30/02/2026"),
        ("001000000002", "Nguyễn Văn", "03/11/2026"),
        ("001999999999", "Nguyễn Văn", "01/10/2026"),
    )
    with pytest.raises(WrongInput) as refused, installation.database.transaction("lan") as connection:
        import_deaths(connection, installation.vault, path, AT)
    told = str(refused.value)
    for words in ("the day on record is 20/10/2026", "not the name on record", "twice", "in the future", "nobody with"):
        assert words in told
    with installation.database.transaction() as connection:
        assert connection.scalar(text("SELECT count(*) FROM engine.vital_event")) == 1
        assert connection.scalar(text("SELECT person_id FROM engine.vital_event")) == uuid.UUID(int=11)
