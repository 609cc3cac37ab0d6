"""What the bank's books add up to: files, accounts, entries, statements. Pure: the same events give the same state."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum

from gateways.simulator.behaviour import Behaviour, behaviour_of
from gateways.simulator.journal import Event
from gateways.simulator.reading import OrderedPayment

BIC = "SIMBVNVX"


class FileState(StrEnum):
    """Where a file stands at the bank."""

    REFUSED = "refused"
    """Not taken at all; `reason` says why."""
    WAITING = "waiting"
    """Taken, to be executed on its date."""
    BOOKED = "booked"
    REJECTED = "rejected"
    """Taken, and then not executed as a whole; `reason` says why."""


@dataclass(slots=True)
class PaymentFile:
    """A payment file as the bank keeps it."""

    message_id: str
    digest: str
    state: FileState
    reason: str | None
    text: str
    payment_info_id: str = ""
    one_debit: bool = True
    debtor_account: str = field(default="", repr=False)
    booking_on: date = date.max
    payments: tuple[tuple[OrderedPayment, str | None], ...] = field(default=(), repr=False)
    """Each payment with the reason for which it was rejected, or None."""
    planned: dict[str, Behaviour] = field(default_factory=dict)
    """What was decided of single payments by their reference when the file was taken."""

    def behaviour(self, payment: OrderedPayment) -> Behaviour:
        return self.planned.get(payment.end_to_end_id) or behaviour_of(payment.account)

    def debited_vnd(self, payment: OrderedPayment) -> int:
        return payment.amount_vnd + self.behaviour(payment).extra_vnd

    @property
    def accepted(self) -> list[OrderedPayment]:
        return [payment for payment, rejected_for in self.payments if rejected_for is None]

    @property
    def accepted_vnd(self) -> int:
        return sum(self.debited_vnd(payment) for payment in self.accepted)


@dataclass(frozen=True, slots=True)
class Detail:
    """One payment within an entry on the statement."""

    end_to_end_id: str | None
    instruction_id: str | None
    amount_vnd: int
    party: str = field(repr=False)
    account: str = field(repr=False)
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Entry:
    """One movement of an account: a debit below zero, a credit above."""

    on: date
    amount_vnd: int
    kind: str
    """Sub-family of the bank transaction code: DMCT a transfer, RRTN a return."""
    details: tuple[Detail, ...]
    batch: tuple[str, str] | None = None
    """MsgId and PmtInfId, where one debit stands for a whole file."""
    return_reason: str | None = None


@dataclass(slots=True)
class Account:
    """A customer's account. `entries` are those that no statement has shown yet."""

    number: str = field(repr=False)
    name: str
    opening_vnd: int
    balance_vnd: int
    opened_on: date
    next_sequence: int = 1
    entries: list[Entry] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class AccountStatement:
    number: str = field(repr=False)
    name: str
    sequence: int
    opening_vnd: int
    closing_vnd: int
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """All accounts of one closed day, in one file."""

    name: str
    from_on: date
    on: date
    closed_at: str
    accounts: tuple[AccountStatement, ...]


class State:
    """The bank at one moment."""

    def __init__(self) -> None:
        self.on = date.min
        self.clock_at: datetime | None = None
        self.last_closed: date | None = None
        self.public_keys: dict[str, str] = {}
        self.accounts: dict[str, Account] = {}
        self.files: dict[str, PaymentFile] = {}
        self.statements: dict[str, Statement] = {}
        self.live_references: set[str] = set()
        """References of payments that were accepted: a second one is a duplicate."""
        self.credit_ids: set[str] = set()
        self._waiting: list[PaymentFile] = []
        self._returns: list[tuple[date, str, OrderedPayment, str]] = []

    def apply(self, event: Event) -> None:
        match event["event"]:
            case "client":
                self.public_keys[event["client_id"]] = event["public_key"]
            case "clock":
                self.clock_at = datetime.fromisoformat(event["at"])
                self._reach(date.fromisoformat(event["on"]))
            case "date":
                self._reach(date.fromisoformat(event["on"]))
            case "account":
                opened_on = date.fromisoformat(event["on"])
                self.accounts[event["account"]] = Account(
                    event["account"], event["name"], event["balance_vnd"], event["balance_vnd"], opened_on
                )
            case "refused":
                self.files[event["message_id"]] = PaymentFile(
                    event["message_id"], event["digest"], FileState.REFUSED, event["reason"], event["text"]
                )
            case "file":
                self._take(event)
            case "credit":
                self._credit(event)
            case "closed":
                self._close(date.fromisoformat(event["on"]), event["at"])
            case other:
                raise ValueError(f"books with an unknown event {other!r}")

    def booking_date(self, execution_on: date, after_cut_off: bool) -> date:
        """When a file that arrives now is executed: never on a day that is closed, nor today after the cut-off."""
        earliest = self.on + timedelta(days=1) if after_cut_off else self.on
        if self.last_closed is not None:
            earliest = max(earliest, self.last_closed + timedelta(days=1))
        return max(execution_on, earliest)

    def credited(self) -> Iterator[tuple[OrderedPayment, int]]:
        """Every payment whose money left, with how many times it was credited."""
        times: dict[str, int] = {}
        payments: dict[str, OrderedPayment] = {}
        for file in self.files.values():
            if file.state is FileState.BOOKED:
                for payment in file.accepted:
                    times[payment.end_to_end_id] = times.get(payment.end_to_end_id, 0) + 1
                    payments[payment.end_to_end_id] = payment
        for reference, payment in payments.items():
            yield payment, times[reference]

    def _take(self, event: Event) -> None:
        payments = tuple((OrderedPayment(*values), reason) for *values, reason in event["payments"])
        file = PaymentFile(
            event["message_id"],
            event["digest"],
            FileState.WAITING,
            None,
            "",
            event["payment_info_id"],
            event["one_debit"],
            event["debtor_account"],
            date.fromisoformat(event["booking_on"]),
            payments,
            {reference: Behaviour(**told) for reference, told in event.get("planned", {}).items()},
        )
        self.files[file.message_id] = file
        self._waiting.append(file)
        self.live_references.update(payment.end_to_end_id for payment in file.accepted)
        self._book_due(self.on)

    def _reach(self, on: date) -> None:
        self.on = on
        self._book_due(on)

    def _book_due(self, on: date) -> None:
        for file in self._waiting:
            if file.booking_on <= on:
                self._book(file)
        self._waiting = [file for file in self._waiting if file.state is FileState.WAITING]

    def _book(self, file: PaymentFile) -> None:
        account = self.accounts.get(file.debtor_account)
        if account is None or account.balance_vnd < file.accepted_vnd:
            file.state, file.reason = FileState.REJECTED, "AC02" if account is None else "AM04"
            self.live_references.difference_update(payment.end_to_end_id for payment in file.accepted)
            return
        file.state = FileState.BOOKED
        account.balance_vnd -= file.accepted_vnd
        details = tuple(_outgoing(payment, file.debited_vnd(payment)) for payment in file.accepted)
        if file.one_debit and details:
            batch = (file.message_id, file.payment_info_id)
            account.entries.append(Entry(file.booking_on, -file.accepted_vnd, "DMCT", details, batch))
        elif details:
            account.entries += [Entry(file.booking_on, -one.amount_vnd, "DMCT", (one,)) for one in details]
        for payment in file.accepted:
            behaviour = file.behaviour(payment)
            if behaviour.returned_for is not None:
                due_on = file.booking_on + timedelta(days=behaviour.return_days)
                self._returns.append((due_on, file.debtor_account, payment, behaviour.returned_for))

    def _credit(self, event: Event) -> None:
        account = self.accounts[event["account"]]
        account.balance_vnd += event["amount_vnd"]
        detail = Detail(None, None, event["amount_vnd"], event["payer_name"], event["payer_account"], event["memo"])
        account.entries.append(Entry(date.fromisoformat(event["on"]), event["amount_vnd"], "DMCT", (detail,)))
        self.credit_ids.add(event["credit_id"])

    def _close(self, on: date, closed_at: str) -> None:
        self.on = max(self.on, on)
        self._book_due(on)
        self._return_due(on)
        opened = [account.opened_on for account in self.accounts.values()]
        from_on = self.last_closed + timedelta(days=1) if self.last_closed else min([*opened, on])
        name = f"{BIC}_{on:%Y%m%d}_camt053.xml"
        statements = tuple(_statement(account, on) for account in self.accounts.values())
        self.statements[name] = Statement(name, from_on, on, closed_at, statements)
        self.last_closed = on

    def _return_due(self, on: date) -> None:
        due = [item for item in self._returns if item[0] <= on]
        self._returns = [item for item in self._returns if item[0] > on]
        for due_on, debtor_account, payment, reason in due:
            account = self.accounts[debtor_account]
            account.balance_vnd += payment.amount_vnd
            details = (_outgoing(payment, payment.amount_vnd),)
            account.entries.append(Entry(due_on, payment.amount_vnd, "RRTN", details, return_reason=reason))


def _outgoing(payment: OrderedPayment, amount_vnd: int) -> Detail:
    return Detail(
        payment.end_to_end_id, payment.instruction_id, amount_vnd, payment.name, payment.account, payment.text
    )


def _statement(account: Account, on: date) -> AccountStatement:
    """The account's statement up to a day; entries dated later stay for the next one."""
    shown = [entry for entry in account.entries if entry.on <= on]
    account.entries = [entry for entry in account.entries if entry.on > on]
    opening_vnd, sequence = account.opening_vnd, account.next_sequence
    account.opening_vnd = opening_vnd + sum(entry.amount_vnd for entry in shown)
    account.next_sequence += 1
    return AccountStatement(account.number, account.name, sequence, opening_vnd, account.opening_vnd, tuple(shown))
