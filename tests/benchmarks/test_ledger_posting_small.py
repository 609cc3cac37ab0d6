"""The benchmark itself, far too short to measure: what it posts is right, and it leaves nothing behind."""

from collections.abc import Iterator

import pytest
from benchmarks import ledger_posting
from benchmarks.ledger_posting import Place
from sqlalchemy import create_engine

from engine.database import sqlalchemy_url
from ledger.verifier import verify

ACCOUNTS = 20


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with ledger_posting.durable_place(ACCOUNTS) as place:
        ledger_posting.prepare_peers(place, None, ACCOUNTS)
        yield place
        engine = create_engine(sqlalchemy_url(place.application))
        with engine.begin() as connection:
            assert verify(connection).first_difference is None
        engine.dispose()


def test_singles_are_measured(place: Place) -> None:
    for case in ("uniform", "hot", "limited"):
        assert ledger_posting.post_directly(place.application, case, ACCOUNTS, 0.1) > 0
        assert ledger_posting.post_alone(place.application, case, ACCOUNTS, 0.1) > 0
        assert ledger_posting.through_poster(place.application, case, ACCOUNTS, 4, 0.1) > 0
    assert ledger_posting.in_processes(ledger_posting.insert_rows, place.superuser, "", 0, 1, 0.1) > 0


def test_calls_are_measured(place: Place) -> None:
    assert ledger_posting.batches(place.application, "limited", ACCOUNTS, 0.1, 50) > 0
    assert ledger_posting.batches_of_lines(place.application, "uniform", ACCOUNTS, 0.1, 50) > 0


def test_a_long_entry_is_measured_against_copy(place: Place) -> None:
    found = ledger_posting.million(place, ACCOUNTS, 2_000)
    assert found.posted > 0
    assert found.copied > 0
