"""The audit trail is sealed into a chain; whatever is changed afterwards is found and named."""

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine, text

from engine import audit
from engine.audit_seals import AuditVerification, seal_records, verify_records
from engine.database import Database

AT = datetime(2026, 11, 2, 8, tzinfo=UTC)
KEY = Ed25519PrivateKey.generate()


@pytest.fixture
def sealed(database: Database) -> Database:
    """Two seals of two records each, and one record that is not sealed yet."""
    for number in range(5):
        with database.transaction("lan") as connection:
            audit.record(connection, "planned", f"run {number}", AT, payments=number)
        if number in (1, 3):
            with database.transaction() as connection:
                assert seal_records(connection, KEY, AT).records == 2
    return database


def _verify(database: Database, keys: set[bytes] | None = None) -> AuditVerification:
    with database.transaction() as connection:
        return verify_records(connection, keys)


def _tamper(superuser: Engine, statement: str) -> None:
    with superuser.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text(statement))


def test_what_nobody_touched_is_found_whole(sealed: Database) -> None:
    found = _verify(sealed, {KEY.public_key().public_bytes_raw()})
    assert found == AuditVerification(5, 4, 2, True, True, True, None)
    with sealed.transaction() as connection:
        assert seal_records(connection, KEY, AT).records == 1
        assert seal_records(connection, KEY, AT).seal_no is None


def test_a_record_that_is_committed_late_goes_into_a_later_seal(sealed: Database) -> None:
    with sealed.transaction("lan") as slow:
        audit.record(slow, "planned", "slow", AT)
        with sealed.transaction() as connection:
            assert seal_records(connection, KEY, AT).records == 1
    with sealed.transaction() as connection:
        assert seal_records(connection, KEY, AT).records == 1
    assert _verify(sealed).first_difference is None


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE engine.audit_record SET person = 'minh' WHERE subject = 'run 2'", "audit seal 2: 2 records"),
        ("UPDATE engine.audit_record SET detail = '{}' WHERE subject = 'run 0'", "audit seal 1: 2 records"),
        ("UPDATE engine.audit_record SET recorded_at = recorded_at + interval '1 microsecond' WHERE subject = 'run 0'",
         "audit seal 1: 2 records"),
        ("DELETE FROM engine.audit_record WHERE subject = 'run 3'", "audit seal 2: 2 records were sealed, of which 1"),
        ("DELETE FROM engine.sealed_audit_record WHERE audit_id = 1", "audit seal 1: 2 records were sealed"),
        ("DELETE FROM engine.audit_seal WHERE seal_no = 1", "audit seal 2: does not follow"),
        ("UPDATE engine.audit_seal SET digest = sha256('x') WHERE seal_no = 2", "audit seal 2"),
        ("UPDATE engine.audit_seal SET sealed_at = sealed_at + interval '1 day' WHERE seal_no = 1",
         "audit seal 1: its hash"),
        ("UPDATE engine.audit_seal SET signature = set_bit(signature, 7, 1 - get_bit(signature, 7)) WHERE seal_no = 2",
         "audit seal 2: its signature"),
        ("UPDATE engine.audit_seal SET previous_hash = sha256('x') WHERE seal_no = 2", "audit seal 2"),
    ],
)  # fmt: skip
def test_whatever_is_changed_is_found_and_named(
    sealed: Database, superuser: Engine, statement: str, words: str
) -> None:
    _tamper(superuser, statement)
    assert words in str(_verify(sealed).first_difference)


def test_a_chain_of_somebody_elses_making_is_not_believed(sealed: Database) -> None:
    ours = {KEY.public_key().public_bytes_raw()}
    with sealed.transaction() as connection:
        seal_records(connection, Ed25519PrivateKey.generate(), AT)
    found = _verify(sealed, ours)
    assert (found.contents_match, found.chain_matches, found.signatures_match) == (True, True, False)
    assert "audit seal 3" in str(found.first_difference)
