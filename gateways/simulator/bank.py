"""The bank at work: decides, writes the decision into its books, and only then answers."""

import threading
from dataclasses import asdict, astuple, dataclass
from datetime import date, datetime, time, timedelta, timezone
from fnmatch import fnmatchcase
from pathlib import Path

from gateways.simulator import reports
from gateways.simulator.behaviour import Behaviour, behaviour_of
from gateways.simulator.errors import Contradiction, Unread
from gateways.simulator.journal import Event, Journal, events
from gateways.simulator.reading import OrderedFile, digest_of, read_order, read_questions
from gateways.simulator.state import FileState, PaymentFile, State

VIET_NAM = timezone(timedelta(hours=7))
CUT_OFF = time(16, 30)
DUPLICATE = "AM05"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The bank's answer to an upload: HTTP status, code, words."""

    status: int
    code: str
    text: str
    content_digest: str


class Bank:
    """Safe under threads; one process per home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._journal = Journal(home)
        self._lock = threading.Lock()
        self._plans: list[tuple[str, Behaviour]] = []
        self._state = State()
        for event in events(home):
            self._state.apply(event)

    def close(self) -> None:
        self._journal.close()

    def receive(self, message_id: str, content: bytes, computer_time: datetime) -> Receipt:
        """A payment file. The same content again is the same file; other content under its name is a duplicate."""
        digest = digest_of(content)
        with self._lock:
            self._notice_date(computer_time)
            known = self._state.files.get(message_id)
            if known is not None:
                return _repeated(known, digest)
            try:
                order = read_order(content, message_id)
            except Unread as refusal:
                refused = {"event": "refused", "message_id": message_id, "digest": digest}
                self._write({**refused, "reason": refusal.answer_code, "text": str(refusal)})
                return Receipt(422, refusal.answer_code, str(refusal), digest)
            self._write(self._taken(message_id, digest, order, computer_time))
            return Receipt(202, "ACCEPTED", f"{len(order.payments)} payments received", digest)

    def plan_payment(self, reference: str, behaviour: Behaviour) -> None:
        """What becomes of payments whose reference fits the pattern, in files that come from now on. The plan is no
        part of the books; what was decided by it is."""
        with self._lock:
            self._plans.insert(0, (reference, behaviour))

    def status(
        self, message_id: str, computer_time: datetime, listing: reports.Listing = reports.Listing.IN_ORDER
    ) -> bytes | None:
        """The pain.002 about a file, or None where the bank has no such file."""
        with self._lock:
            self._notice_date(computer_time)
            file = self._state.files.get(message_id)
            return None if file is None else reports.status_report(file, self._now(computer_time), listing)

    def verify_accounts(self, message_id: str, content: bytes, computer_time: datetime) -> bytes:
        """The acmt.024 that answers an acmt.023; nothing is booked, so nothing is written down."""
        questions = read_questions(content, message_id)
        return reports.verification_report(message_id, questions, self.now(computer_time))

    def payments_of(self, message_id: str) -> list[tuple[str, str]]:
        """Reference and account of each payment of a file."""
        with self._lock:
            file = self._state.files.get(message_id)
            return [] if file is None else [(one.end_to_end_id, one.account) for one, _ in file.payments]

    def now(self, computer_time: datetime) -> datetime:
        with self._lock:
            return self._now(computer_time)

    def statements(self, on: date) -> list[str]:
        with self._lock:
            return [statement.name for statement in self._state.statements.values() if statement.on == on]

    def statement(self, name: str) -> bytes | None:
        with self._lock:
            statement = self._state.statements.get(name)
        # Written outside the lock: a closed day no longer changes, and a large one must not hold up payments.
        return None if statement is None else reports.statement_document(statement)

    def public_keys(self) -> dict[str, str]:
        with self._lock:
            return dict(self._state.public_keys)

    def register_client(self, client_id: str, public_key: str) -> None:
        with self._lock:
            if self._state.public_keys.get(client_id) != public_key:
                self._write({"event": "client", "client_id": client_id, "public_key": public_key})

    def set_clock(self, at: datetime) -> None:
        """The bank's own time stands at `at` until it is set again; payments whose date has come are executed."""
        with self._lock:
            local = at.astimezone(VIET_NAM)
            if self._state.last_closed is not None and local.date() < self._state.last_closed:
                raise Contradiction(f"{self._state.last_closed} is already closed")
            self._write({"event": "clock", "at": local.isoformat(), "on": local.date().isoformat()})

    def open_account(self, account: str, name: str, balance_vnd: int, computer_time: datetime) -> None:
        with self._lock:
            self._notice_date(computer_time)
            known = self._state.accounts.get(account)
            if known is None:
                opened = {"event": "account", "account": account, "name": name, "balance_vnd": balance_vnd}
                self._write({**opened, "on": self._state.on.isoformat()})
            elif known.name != name:
                raise Contradiction("the account belongs to somebody else")

    def add_credit(
        self,
        credit_id: str,
        account: str,
        payer_name: str,
        payer_account: str,
        memo: str,
        amount_vnd: int,
        computer_time: datetime,
    ) -> None:
        """Money that comes in; the same `credit_id` comes in once."""
        with self._lock:
            self._notice_date(computer_time)
            if account not in self._state.accounts:
                raise Contradiction("there is no such account")
            if credit_id in self._state.credit_ids:
                return
            paid: Event = {"event": "credit", "credit_id": credit_id, "account": account, "amount_vnd": amount_vnd}
            paid |= {"payer_name": payer_name, "payer_account": payer_account, "memo": memo}
            self._write({**paid, "on": self._state.booking_date(date.min, after_cut_off=False).isoformat()})

    def close_day(self, on: date, computer_time: datetime) -> str:
        """Executes what is due, books returns that fall due and writes the day's statement; its name."""
        with self._lock:
            self._notice_date(computer_time)
            for statement in self._state.statements.values():
                if statement.on == on:
                    return statement.name
            if self._state.last_closed is not None and on < self._state.last_closed:
                raise Contradiction(f"{self._state.last_closed} is already closed")
            closed_at = self._now(computer_time).isoformat(timespec="seconds")
            self._write({"event": "closed", "on": on.isoformat(), "at": closed_at})
            return next(reversed(self._state.statements))

    def overview(self) -> dict[str, object]:
        with self._lock:
            state = self._state
            return {
                "on": state.on.isoformat(),
                "last_closed": state.last_closed.isoformat() if state.last_closed else None,
                "files": {file.message_id: file.state.value for file in state.files.values()},
                "balances_vnd": {account.number: account.balance_vnd for account in state.accounts.values()},
                "statements": list(state.statements),
            }

    def _taken(self, message_id: str, digest: str, order: OrderedFile, computer_time: datetime) -> Event:
        """The event of a file that is taken, with what the bank decides on each payment."""
        accepted_here: set[str] = set()
        payments = []
        planned: dict[str, Behaviour] = {}
        for payment in order.payments:
            decided = self._planned(payment.end_to_end_id)
            if decided is not None:
                planned[payment.end_to_end_id] = decided
            rejected_for = (decided or behaviour_of(payment.account)).rejected_for
            if payment.end_to_end_id in accepted_here or payment.end_to_end_id in self._state.live_references:
                rejected_for = DUPLICATE
            if rejected_for is None:
                accepted_here.add(payment.end_to_end_id)
            payments.append([*astuple(payment), rejected_for])
        after_cut_off = self._now(computer_time).time() > CUT_OFF
        return {
            "event": "file",
            "message_id": message_id,
            "digest": digest,
            "payment_info_id": order.payment_info_id,
            "one_debit": order.one_debit,
            "debtor_account": order.debtor_account,
            "booking_on": self._state.booking_date(order.execution_on, after_cut_off).isoformat(),
            "payments": payments,
            "planned": {reference: asdict(behaviour) for reference, behaviour in planned.items()},
        }

    def _planned(self, reference: str) -> Behaviour | None:
        return next((behaviour for pattern, behaviour in self._plans if fnmatchcase(reference, pattern)), None)

    def _now(self, computer_time: datetime) -> datetime:
        return self._state.clock_at or computer_time.astimezone(VIET_NAM)

    def _notice_date(self, computer_time: datetime) -> None:
        """A new day begins, unless the bank's time was set and stands still."""
        on = computer_time.astimezone(VIET_NAM).date()
        if self._state.clock_at is None and on > self._state.on:
            self._write({"event": "date", "on": on.isoformat()})

    def _write(self, event: Event) -> None:
        self._journal.append(event)
        self._state.apply(event)


def _repeated(file: PaymentFile, digest: str) -> Receipt:
    if file.digest != digest:
        return Receipt(409, "DUPL", "another file was received under this message id", file.digest)
    if file.state is FileState.REFUSED:
        return Receipt(422, str(file.reason), file.text, digest)
    return Receipt(200, "REPEATED", "this file was received before", digest)
