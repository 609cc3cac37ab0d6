"""The books of the simulated providers: merchants, what they asked to be collected and paid, and what became of it.

A journal of its own beside the bank's, written before anything is answered; the state is what its lines add up to.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from gateways.simulator.errors import Contradiction
from gateways.simulator.journal import Event, Journal, events

FOLDER = "providers"


class Stage(StrEnum):
    """Where a payout, a collection or a refund stands at a provider."""

    WORKING = "working"
    DONE = "done"
    REFUSED = "refused"
    RETURNED = "returned"


@dataclass(slots=True)
class Order:
    """A collection, a payout or a refund under the reference its merchant gave it."""

    provider: str
    kind: str
    reference: str
    amount_vnd: int
    number: int
    """The provider's own, counted up."""
    stage: Stage
    reason: str | None = None
    """Why it was refused or came back, in the provider's code."""
    request: str = ""
    """What made it: the key by which the provider knows a repeat of the same request."""
    about: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Who is paid, what is given back, what a notification repeats."""
    times_done: int = 0
    done_at: datetime | None = None
    returned_at: datetime | None = None

    @property
    def in_vnd(self) -> int:
        """What it brings to the merchant: a collection money, a payout or a refund the loss of it."""
        return self.amount_vnd if self.kind == "collection" else -self.amount_vnd

    def moves(self) -> list[tuple[datetime, int, Stage]]:
        """When it moved money at the provider, how much came in, and what it was then."""
        moved = ((self.done_at, self.in_vnd, Stage.DONE), (self.returned_at, -self.in_vnd, Stage.RETURNED))
        return [(at, in_vnd, stage) for at, in_vnd, stage in moved if at is not None]


@dataclass(frozen=True, slots=True)
class Ending:
    """What a provider does with a payout, by how the receiver's number ends."""

    refused_for: str | None = None
    """One of `missing`, `locked`, `name`: each provider says it in its own code."""
    later: bool = False
    """It stays in work until it is decided by hand."""


ENDINGS = {
    "9001": Ending(refused_for="missing"),
    "9002": Ending(refused_for="locked"),
    "9003": Ending(refused_for="name"),
    "9005": Ending(later=True),
}


def ending_of(number: str) -> Ending:
    return ENDINGS.get(number[-4:], Ending())


class PurseState:
    """What the books of all providers add up to. Pure: the same events give the same state."""

    def __init__(self) -> None:
        self._merchants: dict[str, dict[str, str]] = {}
        self._balances: dict[str, int] = {}
        self._orders: dict[tuple[str, str, str], Order] = {}

    def merchant(self, provider: str) -> dict[str, str]:
        """What the provider knows of its one merchant: keys and addresses. Empty where none was registered."""
        return self._merchants.get(provider, {})

    def balance_vnd(self, provider: str) -> int:
        return self._balances.get(provider, 0)

    def find(self, provider: str, kind: str, reference: str) -> Order | None:
        return self._orders.get((provider, kind, reference))

    def orders(self, provider: str | None = None) -> list[Order]:
        return [order for order in self._orders.values() if provider in (None, order.provider)]

    def apply(self, event: Event) -> None:
        provider = event["provider"]
        match event["event"]:
            case "merchant":
                self._merchants[provider] = event["keys"]
                self._balances[provider] = event["balance_vnd"]
            case "order":
                order = Order(
                    provider,
                    event["kind"],
                    event["reference"],
                    event["amount_vnd"],
                    len(self._orders) + 1,
                    Stage.WORKING,
                    request=event["request"],
                    about=event["about"],
                )
                self._orders[provider, order.kind, order.reference] = order
            case "decided":
                self._decide(self._orders[provider, event["kind"], event["reference"]], event)
            case other:
                raise ValueError(f"books with an unknown event {other!r}")

    def _decide(self, order: Order, event: Event) -> None:
        """Money comes in by a collection, goes out by a payout or a refund, and comes back by a return."""
        order.stage, order.reason = Stage(event["stage"]), event["reason"]
        at = datetime.fromisoformat(event["at"])
        if order.stage is Stage.DONE:
            order.times_done += 1
            order.done_at = at
            self._balances[order.provider] = self.balance_vnd(order.provider) + order.in_vnd
        elif order.stage is Stage.RETURNED:
            order.returned_at = at
            self._balances[order.provider] = self.balance_vnd(order.provider) - order.in_vnd


class Purse(PurseState):
    """The books, open for writing; safe under threads."""

    def __init__(self, home: Path) -> None:
        super().__init__()
        self._journal = Journal(home / FOLDER)
        self.now: Callable[[], datetime] = lambda: datetime.fromtimestamp(time.time(), UTC)
        """The time of all providers; the service sets its bank's in its place."""
        self.lock = threading.RLock()
        for event in events(home / FOLDER):
            self.apply(event)

    def close(self) -> None:
        self._journal.close()

    def register(self, provider: str, keys: Mapping[str, str], balance_vnd: int) -> None:
        with self.lock:
            self._write({"event": "merchant", "provider": provider, "keys": dict(keys), "balance_vnd": balance_vnd})

    def take(
        self, provider: str, kind: str, reference: str, amount_vnd: int, request: str, about: Mapping[str, Any]
    ) -> Order:
        """A new order; a payout is decided at once, unless it is one that takes its time."""
        with self.lock:
            if self.find(provider, kind, reference) is not None:
                raise Contradiction(f"{reference} is known")
            taken: Event = {"event": "order", "provider": provider, "kind": kind, "reference": reference}
            self._write({**taken, "amount_vnd": amount_vnd, "request": request, "about": dict(about)})
            order = self._orders[provider, kind, reference]
            if kind == "payout":
                ending = ending_of(str(about["number"]))
                if ending.refused_for is not None:
                    self.decide(order, Stage.REFUSED, ending.refused_for)
                elif not ending.later:
                    self.decide(order, Stage.DONE)
            return order

    def decide(self, order: Order, stage: Stage, reason: str | None = None) -> None:
        """What becomes of an order. Only one in work is decided, and only one that is done comes back."""
        with self.lock:
            allowed = {Stage.WORKING: {Stage.DONE, Stage.REFUSED}, Stage.DONE: {Stage.RETURNED}}
            if stage not in allowed.get(order.stage, set()):
                raise Contradiction(f"{order.reference} is {order.stage}")
            decided: Event = {"event": "decided", "provider": order.provider, "kind": order.kind}
            decided |= {"reference": order.reference, "stage": stage, "reason": reason, "at": self.now().isoformat()}
            self._write(decided)

    def _write(self, event: Event) -> None:
        self._journal.append(event)
        self.apply(event)


def orders_of(home: Path) -> list[Order]:
    """Every order of every provider, read from the books alone."""
    state = PurseState()
    for event in events(home / FOLDER):
        state.apply(event)
    return state.orders()


def credited(home: Path) -> list[dict[str, Any]]:
    """Every payout whose money left, read from the books alone; works while the simulation is stopped."""
    return [
        {
            "reference": order.reference,
            "account": str(order.about["number"]),
            "amount_vnd": order.amount_vnd,
            "credits": order.times_done,
        }
        for order in orders_of(home)
        if order.kind == "payout" and order.times_done
    ]
