"""The relay offers outbox messages to the actors; `run` is relay and actors in one process."""

import threading
import time
from collections.abc import Callable

import dramatiq
import structlog
from dramatiq.errors import BrokerError
from redis.exceptions import RedisError

from engine import outbox
from engine.database import Database
from engine.errors import DoesNotHold
from engine.installation import Installation
from engine.workers.actors import Actors, declare_actors
from engine.workers.broker import open_broker

_PAUSE_SECONDS = 0.05
_WORKER_THREADS = 4
_AT_ONCE = 40
"""Messages with the workers at once, their queues among it: enough for ten workers of four threads."""

log = structlog.get_logger()


def relay(
    database: Database,
    actors: Actors,
    stop: threading.Event,
    *,
    until_idle: bool = False,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Offers messages until told to stop, or, with `until_idle`, until every message is done.

    `progress` is told how many messages are still open. With `until_idle` it raises `DoesNotHold` once nothing is open
    but messages whose work keeps failing: they are tried again later, and waiting for them would have no end.
    """
    while not stop.is_set():
        with database.transaction() as connection:
            offers = outbox.offer(connection, _AT_ONCE)
            still_open, stuck = outbox.open_messages(connection), outbox.stuck_messages(connection)
        try:
            for offer in offers:
                actors[offer.actor](offer.message_id)
        except (BrokerError, RedisError) as error:
            # What could not be handed on is offered again when its lease is over.
            log.warning("broker_unavailable", error=type(error).__name__)
        if progress is not None:
            progress(still_open)
        if until_idle and _is_over(still_open, stuck):
            return
        if not offers:
            time.sleep(_PAUSE_SECONDS)


def _is_over(still_open: int, stuck: int) -> bool:
    """Whether nothing is left to wait for; raises `DoesNotHold` if what is left keeps failing."""
    if still_open and still_open == stuck:
        raise DoesNotHold(f"{stuck} messages fail again and again; their cases are among the open items")
    return not still_open


def work(
    installation: Installation,
    stop: threading.Event,
    *,
    until_idle: bool = False,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Relay and actors in one process. With Redis, other processes may take their share of the messages."""
    broker = open_broker(installation.settings)
    actors = declare_actors(installation, broker)
    worker = dramatiq.Worker(broker, worker_threads=_WORKER_THREADS, worker_timeout=100)
    worker.start()
    try:
        relay(installation.database, actors, stop, until_idle=until_idle, progress=progress)
    finally:
        worker.stop()
        broker.close()


def wait_until_idle(installation: Installation, progress: Callable[[int], None]) -> None:
    """Watches relay and workers in other processes until no message is open."""
    while True:
        with installation.database.transaction() as connection:
            still_open, stuck = outbox.open_messages(connection), outbox.stuck_messages(connection)
        progress(still_open)
        if _is_over(still_open, stuck):
            return
        time.sleep(_PAUSE_SECONDS)


def relay_only(installation: Installation, stop: threading.Event) -> None:
    """Offers messages and leaves the work to `thuchi worker` processes that share the Redis."""
    broker = open_broker(installation.settings)
    try:
        relay(installation.database, declare_actors(installation, broker), stop)
    finally:
        broker.close()
