"""Carries wake-ups from the relay to the actors: Redis between processes, memory inside one.

A message is a number: which outbox row to look at. Money actors have no retries and no time limit of the broker's: the
outbox decides what is done again, and an interrupted call is found out about, not repeated.
"""

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.stub import StubBroker

from engine.settings import Settings

QUEUE = "thuchi"


def open_broker(settings: Settings) -> dramatiq.Broker:
    if settings.redis_url:
        broker: dramatiq.Broker = RedisBroker(  # type: ignore[no-untyped-call]
            url=settings.redis_url, namespace="thuchi", middleware=[]
        )
    else:
        broker = StubBroker(middleware=[])
    broker.declare_queue(QUEUE)
    return broker
