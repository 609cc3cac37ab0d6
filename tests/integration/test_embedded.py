import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from engine.database import Database
from engine.embedded import EmbeddedServer


def test_the_server_is_postgresql_18_with_durable_writes_and_no_network(database: Database) -> None:
    with database.transaction() as connection:
        rows = connection.execute(text("SELECT name, setting FROM pg_settings"))
        settings = {row.name: row.setting for row in rows}
    assert settings["server_version"].startswith("18.")
    assert settings["fsync"] == settings["synchronous_commit"] == "on"
    assert settings["listen_addresses"] == ""
    assert settings["password_encryption"] == "scram-sha-256"


def test_starting_a_running_server_changes_nothing(server: EmbeddedServer) -> None:
    before = server.url("application", "x")
    server.ensure_running()
    assert server.url("application", "x") == before


def test_the_unit_of_work_knows_its_person_only_inside_the_transaction(database: Database) -> None:
    with database.transaction("lan") as connection:
        assert connection.scalar(text("SELECT engine.acting_person()")) == "lan"
    with database.engine.connect() as connection:
        assert connection.scalar(text("SELECT engine.acting_person()")) is None


def test_the_audit_trail_cannot_be_changed_by_anybody(application: Engine, owner: Engine) -> None:
    with application.begin() as connection:
        connection.execute(text("SELECT set_config('thuchi.person', 'lan', true)"))
        connection.execute(
            text("INSERT INTO engine.audit_record (recorded_at, act, subject) VALUES (now(), 'looked', 'x')")
        )
    for engine in (application, owner):
        for statement in ("UPDATE engine.audit_record SET act = 'y'", "DELETE FROM engine.audit_record"):
            with pytest.raises(DBAPIError, match=r"append-only|permission denied"), engine.begin() as connection:
                connection.execute(text(statement))


def test_an_advisory_lock_is_held_once_and_freed_at_the_end(database: Database) -> None:
    with database.advisory_lock(1, 7) as held:
        assert held
        with database.advisory_lock(1, 7) as second:
            assert not second
    with database.advisory_lock(1, 7) as again:
        assert again
