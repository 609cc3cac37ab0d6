"""Any sequence of openings, posts, replays, reversals and closes agrees with a model of a few dictionaries."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import Connection, Engine, text

from ledger.accounts import BalanceLimit, open_account
from ledger.balances import Position, balance, positions, trial_balance
from ledger.book import Posted, post, reverse
from ledger.entries import Entry, Line, reversal_of
from ledger.errors import AlreadyReversed, KeyTaken, LedgerError, PastLimit, PeriodClosed
from ledger.money import ZERO, Dong, total
from ledger.periods import close_period
from ledger.verifier import verify

AT = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)
FREE = ("benefit_expense.pension", "benefits_payable", "cash_at_bank.simbank")
LIMITED = "advance_to_agent.vnpost"

lines = st.lists(
    st.builds(
        lambda accounts, amount, fund, reference: Line(
            accounts[0], accounts[1], Dong(amount), fund, None, reference, reference
        ),
        st.permutations([*FREE, LIMITED]),
        st.integers(1, 100),
        st.sampled_from(["retirement", "sickness"]),
        st.sampled_from([None, "payment-1", "payment-2"]),
    ),
    min_size=1,
    max_size=4,
)
days = st.sampled_from([date(2026, month, day) for month in range(1, 9) for day in (1, 28)])


@dataclass
class Model:
    """The ledger in a few dictionaries."""

    entries: dict[str, tuple[int, Entry, int | None]] = field(default_factory=dict)
    reversed: set[int] = field(default_factory=set)
    closed_before: date = date.min

    def net(self, account: str, entries: list[Entry] | None = None) -> int:
        posted = [entry for _, entry, _ in self.entries.values()] if entries is None else entries
        moved = [line for entry in posted for line in entry.lines]
        return sum(line.amount.vnd * ((line.debit == account) - (line.credit == account)) for line in moved)

    def refusal(self, entry: Entry, reverses: int | None) -> type[LedgerError] | None:
        if entry.key in self.entries:
            _, known, known_reverses = self.entries[entry.key]
            return None if _content(known, known_reverses) == _content(entry, reverses) else KeyTaken
        if entry.business_on < self.closed_before:
            return PeriodClosed
        if self.net(LIMITED) + self.net(LIMITED, [entry]) < 0:
            return PastLimit
        return AlreadyReversed if reverses in self.reversed else None


def _content(entry: Entry, reverses: int | None) -> tuple[object, ...]:
    return entry.event, entry.document, entry.business_on, entry.description, Counter(entry.lines), reverses


class Book(RuleBasedStateMachine):
    """Runs in one transaction, each step in a savepoint, and takes everything back at the end."""

    engine: Engine
    keys: Bundle[str] = Bundle("keys")

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.connection: Connection = self.engine.connect()
        open_account(self.connection, "benefit_expense", "pension")
        open_account(self.connection, "benefits_payable")
        open_account(self.connection, "cash_at_bank", "simbank")
        assert open_account(self.connection, "advance_to_agent", "vnpost", limit=BalanceLimit.NEVER_NEGATIVE) == LIMITED

    def teardown(self) -> None:
        self.connection.rollback()
        self.connection.close()

    def step(self, entry: Entry, reverses: int | None = None) -> None:
        """Posts, and demands the outcome that the model foresees."""
        expected = self.model.refusal(entry, reverses)
        if expected is not None:
            with pytest.raises(expected), self.connection.begin_nested():
                self.post_or_reverse(entry, reverses)
            return
        with self.connection.begin_nested():
            found = self.post_or_reverse(entry, reverses)
        if entry.key in self.model.entries:
            assert found == Posted(self.model.entries[entry.key][0], replayed=True)
            return
        assert not found.replayed
        self.model.entries[entry.key] = (found.entry_id, entry, reverses)
        if reverses is not None:
            self.model.reversed.add(reverses)

    def post_or_reverse(self, entry: Entry, reverses: int | None) -> Posted:
        if reverses is None:
            return post(self.connection, entry, entry.lines, AT)
        return reverse(
            self.connection,
            reverses,
            key=entry.key,
            document=entry.document,
            business_on=entry.business_on,
            description=entry.description,
            recorded_at=AT,
        )

    @rule(target=keys, key=st.sampled_from("abcdefgh"), given=lines, day=days)
    def post_an_entry(self, key: str, given: list[Line], day: date) -> str:
        entry = Entry(key=key, event="x", document="d", business_on=day, description="", lines=tuple(given))
        self.step(entry)
        return key

    @rule(key=keys, data=st.data())
    def post_it_again_in_another_order(self, key: str, data: st.DataObject) -> None:
        if key in self.model.entries and self.model.entries[key][2] is None:
            known = self.model.entries[key][1]
            shuffled = data.draw(st.permutations(known.lines))
            self.step(
                Entry(
                    key=key,
                    event=known.event,
                    document=known.document,
                    business_on=known.business_on,
                    description=known.description,
                    lines=tuple(shuffled),
                )
            )

    @rule(target=keys, key=keys, undo=st.sampled_from("uvwxyz"), day=days)
    def reverse_an_entry(self, key: str, undo: str, day: date) -> str:
        if key in self.model.entries:
            entry_id, known, _ = self.model.entries[key]
            self.step(reversal_of(known, key=undo, document="r", business_on=day, description=""), entry_id)
        return undo

    @precondition(lambda self: self.model.closed_before < date(2026, 7, 1))
    @rule(month=st.integers(1, 6))
    def close_a_month(self, month: int) -> None:
        following = date(2026, month + 1, 1)
        assert close_period(self.connection, date(2026, month, 15), AT) == (following > self.model.closed_before)
        self.model.closed_before = max(self.model.closed_before, following)

    @invariant()
    def balances_agree_with_the_model(self) -> None:
        for account in (*FREE, LIMITED):
            sign = -1 if account == "benefits_payable" else 1
            assert balance(self.connection, account) == Dong(sign * self.model.net(account))
            assert balance(self.connection, account, date(2026, 12, 31)) == balance(self.connection, account)
        rows = trial_balance(self.connection)
        assert total(row.debit for row in rows) == total(row.credit for row in rows)

    @invariant()
    def positions_agree_with_the_model(self) -> None:
        expected: defaultdict[Position, Dong] = defaultdict(lambda: ZERO)
        for _, entry, _ in self.model.entries.values():
            for line in entry.lines:
                expected[Position(line.debit, line.fund, None)] -= line.amount
                expected[Position(line.credit, line.fund, None)] += line.amount
        payable = {at: amount for at, amount in expected.items() if at.account == "benefits_payable" and amount}
        assert positions(self.connection, "benefits_payable") == payable

    @invariant()
    def the_verifier_finds_nothing(self) -> None:
        self.connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        self.connection.execute(text("SET CONSTRAINTS ALL DEFERRED"))
        found = verify(self.connection)
        assert (found.entries, found.first_difference) == (len(self.model.entries), None)
        assert found.lines == sum(len(entry.lines) for _, entry, _ in self.model.entries.values())


def test_any_sequence_of_acts_agrees_with_the_model(application: Engine) -> None:
    class OfThisDatabase(Book):
        engine = application

    run_state_machine_as_test(
        OfThisDatabase,
        settings=settings(
            max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
