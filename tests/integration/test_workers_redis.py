"""The same actors with a real Redis between relay and workers; losing Redis loses nothing."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import builders
import pytest
import redis
from sqlalchemy import text

from engine import outbox
from engine.database import Database
from engine.demonstration import month
from engine.installation import Installation
from engine.payments.agreement import require_agreement
from engine.settings import Settings
from engine.workers.relay import work
from gateways.simulator import process
from gateways.simulator.books import read_books


@pytest.fixture
def dispatched(database: Database, owner: object, tmp_path: Path, redis_url: str) -> Iterator[Installation]:
    """A small approved run whose batch waits to be sent."""
    with owner.begin() as connection:  # type: ignore[attr-defined]
        connection.execute(
            text("INSERT INTO engine.demonstration (payees, seed, now_at) VALUES (1, 1, :at)"), {"at": builders.AT}
        )
    installation = Installation(Settings(tmp_path, None, None, redis_url), database)
    builders.open_bank(installation)
    builders.add_world(database, installation.vault, builders.payees(3), "simulator:")
    builders.approved_run(database)
    builders.dispatch_run(installation)
    yield installation
    process.stop(installation.simulator_home)


def test_work_goes_through_redis(dispatched: Installation, redis_url: str) -> None:
    work(dispatched, threading.Event(), until_idle=True)
    client = redis.Redis.from_url(redis_url)
    assert [key for key in client.scan_iter() if b"thuchi" in key]
    client.close()
    assert [row["credits"] for row in read_books(dispatched.simulator_home)] == [1, 1, 1]


def test_a_small_run_put_in_later_goes_before_what_is_left_of_a_huge_one(database: Database) -> None:
    with database.transaction() as connection:
        for _file in range(6):
            outbox.put(connection, "send_batch", "of the huge run", weight=6)
        taken = outbox.offer(connection, 4)
        assert len(taken) == 4
        outbox.put(connection, "send_batch", "of the small run", weight=1)
        assert outbox.offer(connection, 4) == [], "no more than four are with the workers at once"
        outbox.finish(connection, taken[0].message_id)
        (following,) = outbox.offer(connection, 4)
        assert outbox.subject(connection, following.message_id) == "of the small run"
        for offer in taken[1:]:
            outbox.finish(connection, offer.message_id)
        assert len(outbox.offer(connection, 4)) == 2


def test_a_flushed_redis_loses_nothing(
    dispatched: Installation, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "LEASE_SECONDS", 1)
    with dispatched.database.transaction() as connection:
        assert outbox.offer(connection, 10)  # handed to a broker that forgets it
    client = redis.Redis.from_url(redis_url)
    client.flushall()
    client.close()
    work(dispatched, threading.Event(), until_idle=True)
    with dispatched.database.transaction() as connection:
        require_agreement(connection)
    assert [row["credits"] for row in read_books(dispatched.simulator_home)] == [1, 1, 1]


def test_several_workers_share_one_redis_and_pay_once(dispatched: Installation) -> None:
    month.set_time(dispatched, builders.PAY_ON, 9)
    databases = [Database(str(dispatched.database.engine.url.render_as_string(hide_password=False))) for _ in range(3)]
    workers = [
        threading.Thread(
            target=work, args=(replace(dispatched, database=database), threading.Event()), kwargs={"until_idle": True}
        )
        for database in databases
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    for database in databases:
        database.close()
    assert [row["credits"] for row in read_books(dispatched.simulator_home)] == [1, 1, 1]
    with dispatched.database.transaction() as connection:
        assert connection.scalar(text("SELECT sends FROM engine.batch")) == 1
