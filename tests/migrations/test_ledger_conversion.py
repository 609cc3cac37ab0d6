"""A book that was kept before entries and lines had partitions goes on in them, unchanged."""

import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from alembic import command
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

from engine import database
from engine.embedded import EmbeddedServer
from ledger.book import post, reverse
from ledger.entries import EntryHeader, Line
from ledger.errors import AlreadyReversed, KeyTaken
from ledger.money import Dong
from ledger.seals import seal_entries
from ledger.verifier import verify

AT = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)
BEFORE = "0007_seals"
POST_AS_BEFORE = text("""
    SELECT ledger.post_lines('k' || n, 'x', 'd', '2026-11-01', '', '2026-10-03', ARRAY['cash_at_bank', 'cash_at_bank'],
        ARRAY['fund_balance', 'fund_balance'], ARRAY[n, 2 * n], ARRAY['f', 'f'], ARRAY[NULL, 'r'], ARRAY['p', 'q'],
        ARRAY[NULL, 'q']) FROM generate_series(1, 200) n
""")
ROWS = text("""SELECT entry_id, line_no, amount_vnd, debit_reference, content_hash, xact::text, recorded_at
    FROM ledger.entry JOIN ledger.line USING (entry_id) ORDER BY entry_id, line_no""")


@pytest.fixture
def addresses(server: EmbeddedServer) -> Iterator[tuple[str, str]]:
    name = f"test_{uuid.uuid4().hex}"
    server.ensure_database(name)
    yield server.url("owner", name), server.url("application", name)
    server.drop_database(name)


def engine_of(address: str) -> Engine:
    return create_engine(database.sqlalchemy_url(address), poolclass=NullPool)


def header(key: str) -> EntryHeader:
    return EntryHeader(key=key, event="x", document="d", business_on=date(2026, 11, 1), description="")


def test_a_book_of_before_goes_on_in_partitions(addresses: tuple[str, str]) -> None:
    owner, application = map(engine_of, addresses)
    with owner.begin() as connection:
        configuration = database._alembic()
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, BEFORE)
    with application.begin() as connection:
        connection.execute(
            text("""SELECT ledger.open_accounts(ARRAY['cash_at_bank', 'fund_balance'], ARRAY[NULL, NULL]::text[],
                ARRAY['', ''], ARRAY['', ''], ARRAY['debit', 'credit'], ARRAY['none', 'none'])""")
        )
        connection.execute(POST_AS_BEFORE)
        connection.execute(text("SELECT ledger.reverse_entry(7, 'undo', 'r', 'd', '2026-11-01', '', '2026-10-03')"))
        kept = connection.execute(ROWS).all()

    database.upgrade(addresses[0])
    with application.begin() as connection:
        assert connection.execute(ROWS).all() == kept
        assert len(kept) == 402
        found = verify(connection)
        assert (found.entries, found.first_difference) == (201, None)
        assert (
            post(connection, header("next"), [Line("cash_at_bank", "fund_balance", Dong(5), "f")], AT).entry_id == 202
        )
    with application.begin() as connection, pytest.raises(AlreadyReversed):
        reverse(connection, 7, key="again", document="d", business_on=AT.date(), description="", recorded_at=AT)
    with application.begin() as connection, pytest.raises(KeyTaken):
        post(connection, header("k1"), [Line("cash_at_bank", "fund_balance", Dong(6), "f")], AT)
    with application.begin() as connection:
        later = AT.replace(month=12)
        line = Line("cash_at_bank", "fund_balance", Dong(5), "f")
        assert post(connection, header("december"), [line], later).entry_id > 10**9
    with application.begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = '60s'"))
        seals = seal_entries(connection, Ed25519PrivateKey.generate(), AT)
        assert verify(connection).first_difference is None
    assert seals == [] or seals[0].first_position == 1
    owner.dispose()
    application.dispose()
