"""What an adapter brings so that the suite can try it: its simulator, a way to pay, and a look into the bank's books.

The suite speaks of single payments, so that adapters of files and of single transfers are tried by the same cases. A
bench keeps one simulator for the whole suite; references are the suite's and new for each case.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import ClassVar

from gateways.contract import Outcome


class LineFault(StrEnum):
    """Where a call breaks."""

    BEFORE_SENDING = "before_sending"
    AFTER_SENDING = "after_sending"
    WHILE_READING = "while_reading"


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment that the suite wants made. `account` None: one that is credited."""

    reference: str
    amount_vnd: int = 4_250_000
    name: str = field(default="Nguyễn Văn Ân", repr=False)
    account: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What an inquiry about one payment told. `outcome` None: nothing was said of it."""

    found: bool | None
    outcome: Outcome | None


@dataclass(frozen=True, slots=True)
class Mapped:
    """One code of a provider: what the documents say it means, and what the adapter made of it."""

    code: str
    documented: Outcome
    made: Outcome | None


@dataclass(frozen=True, slots=True)
class Limits:
    """The least and the most of one payment, in đồng."""

    min_vnd: int
    max_vnd: int


class Bench(ABC):
    """Made with a directory of its own, closed at the end. A generator of problems yields none where all is well."""

    not_for: ClassVar[Mapping[int, str]] = {}
    """Cases that cannot be tried on this adapter, by number, and why."""

    def __init__(self, home: Path) -> None:
        self.home = home

    @property
    @abstractmethod
    def limits(self) -> Limits: ...

    @abstractmethod
    def restart(self) -> None:
        """Throws the adapter away and opens it anew, as after its process was killed."""

    @abstractmethod
    def pay(self, payment: Payment) -> Outcome:
        """Hands the payment over, once, in a call whose reference follows from the payment's."""

    @abstractmethod
    def pay_something_else(self, payment: Payment) -> Outcome:
        """Another payment under a reference that was used."""

    @abstractmethod
    def inquire(self, reference: str) -> Inquiry: ...

    @abstractmethod
    def hide_once(self, reference: str) -> None:
        """The next inquiry about this payment is told that there is none."""

    @abstractmethod
    def credits(self, reference: str) -> int:
        """How many times the simulator's books credit it."""

    @abstractmethod
    def received_name(self, reference: str) -> str:
        """The beneficiary's name as it came to the bank."""

    @abstractmethod
    def break_line(self, fault: LineFault, payment: Payment) -> Outcome:
        """Pays over a line that breaks."""

    @abstractmethod
    def vector_problems(self) -> Iterator[str]:
        """Case 1: requests, byte by byte, and signatures good and bad, against vectors of the protocol."""

    @abstractmethod
    def codes(self) -> Iterator[Mapped]:
        """Case 2: every code of every table, and at least one that is in none, documented as unknown."""

    @abstractmethod
    def odd_answers(self) -> Iterator[tuple[str, Outcome]]:
        """Case 4: 500, 502, 503, 504, 429, HTML, empty, cut, of another type; what a payment made of each."""

    @abstractmethod
    def odd_inquiries(self) -> Iterator[tuple[str, Inquiry]]:
        """Case 4: the same about an inquiry."""

    @abstractmethod
    def repeated_news_problems(self, payment: Payment) -> Iterator[str]:
        """Case 7: news twice, in another order, about another, with another amount, with a bad signature."""

    @abstractmethod
    def return_problems(self, payment: Payment) -> Iterator[str]:
        """Case 9: paid, and then returned; what the bank says of it must come through."""

    @abstractmethod
    def clock_problems(self) -> Iterator[str]:
        """Case 11: a clock ten minutes away, a day that changes at GMT+7."""

    @abstractmethod
    def recording_problems(self, payment: Payment) -> Iterator[str]:
        """Case 12: a recorded exchange is searched for keys, names and whole numbers."""

    @abstractmethod
    def capability_problems(self) -> Iterator[str]:
        """Case 13: an operation that is not declared is refused before anything is called."""

    @abstractmethod
    def environment_problems(self) -> Iterator[str]:
        """Case 14: keys of one environment at an address of another."""

    @abstractmethod
    def close(self) -> None: ...
