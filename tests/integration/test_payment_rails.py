"""One file travels one way: by the amount of its payments, on a day on which that way is open."""

from datetime import date, datetime
from typing import Any

import builders
import pytest
from sqlalchemy import Row, text

from engine.clock import VIET_NAM
from engine.database import Database
from engine.errors import NotAllowed
from engine.payments.batch import dispatch
from engine.vault import Vault
from gateways.banks import simbank

LARGE_VND = 500_000_000
SATURDAY = date(2026, 11, 7)


def _batches(database: Database, vault: Vault, amounts: list[int], at: datetime) -> list[Row[Any]]:
    builders.add_world(database, vault, [builders.Payee(f"102100000{n}17", vnd) for n, vnd in enumerate(amounts)])
    builders.approved_run(database)
    with database.transaction("lan") as connection:
        dispatch(connection, builders.RUN, simbank.capabilities("simbank"), at.date(), at)
        return list(
            connection.execute(
                text("SELECT rail, execution_on, payments, amount_vnd FROM engine.batch ORDER BY rail, batch_no")
            )
        )


def test_what_the_fast_rail_does_not_take_goes_by_the_other(database: Database, vault: Vault) -> None:
    found = _batches(database, vault, [4_000_000, LARGE_VND, LARGE_VND - 1, LARGE_VND + 1], builders.AT)
    assert [tuple(row) for row in found] == [
        ("fast", builders.PAY_ON, 2, 4_000_000 + LARGE_VND - 1),
        ("high_value", builders.PAY_ON, 2, 2 * LARGE_VND + 1),
    ]


@pytest.mark.parametrize(
    ("at", "fast_on", "high_value_on"),
    [
        (datetime(2026, 11, 7, 9, tzinfo=VIET_NAM), SATURDAY, date(2026, 11, 9)),
        (datetime(2026, 11, 2, 16, 10, tzinfo=VIET_NAM), date(2026, 11, 2), date(2026, 11, 3)),
        (datetime(2026, 11, 6, 20, tzinfo=VIET_NAM), SATURDAY, date(2026, 11, 9)),
    ],
)
def test_a_rail_executes_within_its_hours_and_days(
    database: Database, vault: Vault, at: datetime, fast_on: date, high_value_on: date
) -> None:
    found = _batches(database, vault, [4_000_000, LARGE_VND], at)
    assert [(row.rail, row.execution_on) for row in found] == [("fast", fast_on), ("high_value", high_value_on)]


def test_what_no_rail_takes_is_named_and_nothing_is_sent(
    database: Database, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builders, "OPENING_VND", 10**15)
    with pytest.raises(NotAllowed, match="no rail of simbank takes the amount of 1 payments: PN"):
        _batches(database, vault, [4_000_000, 500_000_000_001], builders.AT)
    with database.transaction() as connection:
        assert connection.scalar(text("SELECT count(*) FROM engine.attempt")) == 0
