"""The actors: thin, safe to run twice, each works one outbox message to its end.

A message may be delivered by several brokers, twice, or late. Whoever gets it first locks it; the lock dies with the
process that holds it, so work that was interrupted is taken up again as soon as the relay offers it.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from uuid import UUID

import dramatiq
import structlog
from sqlalchemy import text

from engine import outbox
from engine.installation import Installation
from engine.payments.batch import INQUIRE_BATCH, SEND_BATCH
from engine.payments.dispatch import Sender, inquire_batch, send_batch
from engine.workers.broker import QUEUE
from gateways.contract import Gateway

_OUTBOX_LOCKS = 1
"""The space of advisory locks that belong to outbox messages."""

Actors = dict[str, Callable[[int], object]]
log = structlog.get_logger()


def declare_actors(installation: Installation, broker: dramatiq.Broker) -> Actors:
    """The actors of this process on a broker; the value sends a message to one of them."""
    gateways: dict[str, Gateway] = {}
    actors: Actors = {}
    for name, work in ((SEND_BATCH, send_batch), (INQUIRE_BATCH, inquire_batch)):
        function = partial(_work_batch, installation, gateways, name, work)
        actor = dramatiq.Actor(
            function, broker=broker, actor_name=name, queue_name=QUEUE, priority=0, options={"max_retries": 0}
        )
        actors[name] = actor.send
    return actors


def _work_batch(
    installation: Installation,
    gateways: dict[str, Gateway],
    actor: str,
    work: Callable[[Sender, int, UUID, datetime], None],
    message_id: int,
) -> None:
    with structlog.contextvars.bound_contextvars(correlation_id=f"{actor}-{message_id}"):
        with installation.database.advisory_lock(_OUTBOX_LOCKS, message_id % 2**31) as held:
            if not held:
                return
            with installation.database.transaction() as connection:
                subject = outbox.subject(connection, message_id)
                name = connection.scalar(
                    text("SELECT gateway FROM engine.batch WHERE batch_id = CAST(:id AS uuid)"), {"id": subject}
                )
            if subject is None:
                return
            if name not in gateways:
                gateways[name] = installation.gateway(name)
            sender = Sender(installation.database, installation.vault, gateways[name], installation.outgoing)
            work(sender, message_id, UUID(subject), installation.clock().now())
