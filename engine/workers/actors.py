"""The actors: thin, safe to run twice, each works one outbox message to its end.

A message may be delivered by several brokers, twice, or late. Whoever gets it first locks it; the lock dies with the
process that holds it, so work that was interrupted is taken up again as soon as the relay offers it.
"""

import threading
from collections.abc import Callable
from datetime import datetime
from functools import partial
from uuid import UUID

import dramatiq
import structlog
from sqlalchemy import Connection, text
from sqlalchemy.exc import InterfaceError, OperationalError

from engine import outbox
from engine.contributions.online import INQUIRE_COLLECTION, Till
from engine.contributions.online_inquiry import inquire_order
from engine.errors import ServerUnavailable
from engine.installation import Installation
from engine.payments.batch import INQUIRE_BATCH, SEND_BATCH
from engine.payments.dispatch import Sender, inquire_batch, send_batch
from engine.payments.notifications import SEND_NOTIFICATIONS, FileSender, send_notifications
from engine.payments.observation import open_case
from engine.payments.parcel import SingleSender
from engine.payments.single import send_parcel
from engine.payments.single_inquiry import inquire_parcel
from engine.workers.broker import QUEUE
from gateways.online import Payer
from gateways.pace import Pace

_OUTBOX_LOCKS = 1
"""The space of advisory locks that belong to outbox messages."""

Actors = dict[str, Callable[[int], object]]
_Work = Callable[[int, UUID, datetime], None]
_Worked = Callable[[int, UUID], None]
log = structlog.get_logger()


def declare_actors(installation: Installation, broker: dramatiq.Broker) -> Actors:
    """The actors of this process on a broker; the value sends a message to one of them."""
    senders, tills = _Senders(installation), _Tills(installation)
    works: dict[str, _Worked] = {
        name: partial(_work_batch, installation, senders, name) for name in (SEND_BATCH, INQUIRE_BATCH)
    }
    works[INQUIRE_COLLECTION] = partial(_work_collection, installation, tills)
    works[SEND_NOTIFICATIONS] = partial(_work_notifications, installation)
    actors: Actors = {}
    for name, work in works.items():
        actor = dramatiq.Actor(
            partial(_work_alone, installation, name, work),
            broker=broker,
            actor_name=name,
            queue_name=QUEUE,
            priority=0,
            options={"max_retries": 0},
        )
        actors[name] = actor.send
    return actors


class _Senders:
    """The gateways of this process, each opened when it is first needed: one breaker and one pace for all threads."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._opened: dict[str, Sender | SingleSender] = {}
        self._lock = threading.Lock()

    def work_of(self, actor: str, gateway: str) -> _Work:
        """What the messages of an actor ask for at a gateway."""
        sender = self._sender(gateway)
        if isinstance(sender, SingleSender):
            return partial({SEND_BATCH: send_parcel, INQUIRE_BATCH: inquire_parcel}[actor], sender)
        return partial({SEND_BATCH: send_batch, INQUIRE_BATCH: inquire_batch}[actor], sender)

    def _sender(self, name: str) -> Sender | SingleSender:
        with self._lock:
            if name not in self._opened:
                installation, gateway = self._installation, self._installation.sending(name)
                self._opened[name] = (
                    SingleSender(
                        installation.database, installation.vault, gateway, Pace(gateway.capabilities.calls_per_second)
                    )
                    if isinstance(gateway, Payer)
                    else Sender(installation.database, installation.vault, gateway, installation.outgoing)
                )
            return self._opened[name]


class _Tills:
    """The providers of this process at which payers pay, each opened when it is first asked about an order."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._opened: dict[str, Till] = {}
        self._lock = threading.Lock()

    def till(self, gateway: str) -> Till:
        with self._lock:
            if gateway not in self._opened:
                self._opened[gateway] = self._installation.till(gateway)
            return self._opened[gateway]


def _work_alone(installation: Installation, actor: str, work: _Worked, message_id: int) -> None:
    """Works a message, unless its work is done or somebody else is at it.

    Work that fails is noted and rests; what keeps failing becomes a case for a person, under the id that the log has.
    """
    with structlog.contextvars.bound_contextvars(correlation_id=f"{actor}-{message_id}"):
        with installation.database.advisory_lock(_OUTBOX_LOCKS, message_id % 2**31) as held:
            if not held:
                return
            with installation.database.transaction() as connection:
                subject = outbox.subject(connection, message_id)
            if subject is None:
                return
            try:
                work(message_id, UUID(subject))
            except (OperationalError, InterfaceError, ServerUnavailable):
                # The database was stopped under the work: no fault of the message, which is offered again.
                raise
            except Exception as error:
                log.exception("work_failed")
                with installation.database.transaction() as connection:
                    _note_failure(connection, actor, message_id, error, installation.clock().now())


def _note_failure(connection: Connection, actor: str, message_id: int, error: Exception, at: datetime) -> None:
    if outbox.note_failure(connection, message_id) >= outbox.STUCK_AFTER:
        problem = f"its work fails again and again: {type(error).__name__}"
        open_case(connection, f"{actor}-{message_id}", problem, at)


def _work_batch(installation: Installation, senders: _Senders, actor: str, message_id: int, batch_id: UUID) -> None:
    with installation.database.transaction() as connection:
        name = connection.scalar(text("SELECT gateway FROM engine.batch WHERE batch_id = :id"), {"id": batch_id})
    if name is not None:
        senders.work_of(actor, name)(message_id, batch_id, installation.clock().now())


def _work_notifications(installation: Installation, message_id: int, _news: UUID) -> None:
    sender = FileSender(installation.notifications)
    send_notifications(installation.database, installation.vault, sender, message_id, installation.clock().now())


def _work_collection(installation: Installation, tills: _Tills, message_id: int, order_id: UUID) -> None:
    with installation.database.transaction() as connection:
        name = connection.scalar(text("SELECT gateway FROM engine.online_order WHERE order_id = :id"), {"id": order_id})
    if name is not None:
        inquire_order(tills.till(name), message_id, order_id, installation.clock().now())
