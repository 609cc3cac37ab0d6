"""Any sequence of openings, posts, replays, reversals and closes agrees with a model of a few dictionaries."""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import Connection, Engine, text

from ledger.accounts import BalanceLimit, open_account
from ledger.balances import Position, balance, positions, trial_balance
from ledger.book import Posted, Result, post, post_entries, reverse
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
    nets: Counter[str] = field(default_factory=Counter)

    def add(self, entry_id: int, entry: Entry, reverses: int | None = None) -> None:
        self.entries[entry.key] = (entry_id, entry, reverses)
        if reverses is not None:
            self.reversed.add(reverses)
        for account in (*FREE, LIMITED):
            self.nets[account] += _moved(account, entry)

    def refusal(self, entry: Entry, reverses: int | None) -> type[LedgerError] | None:
        if entry.key in self.entries:
            _, known, known_reverses = self.entries[entry.key]
            return None if _content(known, known_reverses) == _content(entry, reverses) else KeyTaken
        if entry.business_on < self.closed_before:
            return PeriodClosed
        if self.nets[LIMITED] + _moved(LIMITED, entry) < 0:
            return PastLimit
        return AlreadyReversed if reverses in self.reversed else None


def _moved(account: str, entry: Entry) -> int:
    return sum(line.amount.vnd * ((line.debit == account) - (line.credit == account)) for line in entry.lines)


def _content(entry: Entry, reverses: int | None) -> tuple[object, ...]:
    return entry.event, entry.document, entry.business_on, entry.description, Counter(entry.lines), reverses


def _entry(key: str, given: Sequence[Line], day: date) -> Entry:
    return Entry(key=key, event="x", document="d", business_on=day, description="", lines=tuple(given))


def _post_in_model(model: Model, entries: Sequence[Entry]) -> list[type[LedgerError] | None]:
    """Why the model refuses each of them; those that it does not refuse stand in it, with an id still to be told."""
    foreseen = []
    for entry in entries:
        error = model.refusal(entry, None)
        foreseen.append(error)
        if error is None and entry.key not in model.entries:
            model.add(_TO_BE_TOLD, entry)
    return foreseen


def _agree(
    model: Model, entries: Sequence[Entry], results: Sequence[Result], foreseen: Sequence[type[LedgerError] | None]
) -> None:
    """Demands what the model foresaw, and tells it the ids of what was posted."""
    for entry, result, error in zip(entries, results, foreseen, strict=True):
        if error is not None:
            assert type(result.refusal) is error, (entry, result)
            continue
        assert result.refusal is None, (entry, result)
        assert result.entry_id is not None
        known = model.entries.get(entry.key)
        if known is None or known[0] == _TO_BE_TOLD:
            assert not result.replayed
            if known is None:
                model.add(result.entry_id, entry)
            else:
                model.entries[entry.key] = (result.entry_id, *known[1:])
        else:
            assert (result.entry_id, result.replayed) == (known[0], True)


_TO_BE_TOLD = -1


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
        self.model.add(found.entry_id, entry, reverses)

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
        self.step(_entry(key, given, day))
        return key

    @rule(given=st.lists(st.tuples(st.sampled_from("abcdefgh"), lines, days), max_size=5), leave_out=st.booleans())
    def post_many(self, given: list[tuple[str, list[Line], date]], leave_out: bool) -> None:
        entries = [_entry(key, posted, day) for key, posted, day in given]
        foreseen = _post_in_model(self.model if leave_out else deepcopy(self.model), entries)
        if not leave_out and any(foreseen):
            with pytest.raises(next(error for error in foreseen if error)):
                post_entries(self.connection, entries, AT)
            return
        results = post_entries(self.connection, entries, AT, on_refusal="leave_out" if leave_out else "undo_all")
        _agree(self.model, entries, results, foreseen)

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
            assert balance(self.connection, account) == Dong(sign * self.model.nets[account])
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


# Ten thousand operations, drawn at random: pytest-randomly prints the seed that draws the same again.


def _drawn_line(draw: random.Random) -> Line:
    debit, credit = draw.sample([*FREE, LIMITED], 2)
    return Line(debit, credit, Dong(draw.randint(1, 100)), "retirement", None, draw.choice([None, "payment-1"]))


def _drawn_entry(draw: random.Random, keys: int) -> Entry:
    day = date(2026, draw.randint(1, 12), draw.choice([1, 28]))
    return _entry(f"k{draw.randrange(keys)}", [_drawn_line(draw) for _ in range(draw.choice([1, 1, 2, 5]))], day)


def _open(connection: Connection) -> None:
    for code in (*FREE, LIMITED):
        chart_code, _, qualifier = code.partition(".")
        limit = BalanceLimit.NEVER_NEGATIVE if code == LIMITED else None
        open_account(connection, chart_code, qualifier or None, limit=limit)


def test_ten_thousand_operations_in_batches_agree_with_the_model(application: Engine) -> None:
    draw = random.Random(random.getrandbits(64))
    model = Model()
    with application.begin() as connection:
        _open(connection)
    operations = 0
    past: list[Entry] = []
    while operations < 7_000:
        entries = [_drawn_entry(draw, 6_000) for _ in range(draw.choice([1, 3, 30, 150]))]
        entries += draw.sample(past, min(len(past), draw.choice([0, 5])))
        draw.shuffle(entries)
        past = (past + entries)[-500:]
        with application.begin() as connection:
            foreseen = _post_in_model(model, entries)
            _agree(model, entries, post_entries(connection, entries, AT, on_refusal="leave_out"), foreseen)
        operations += len(entries)
        if draw.random() < 0.03 and model.closed_before.month < 8:
            month = max(model.closed_before, date(2026, 1, 1))
            with application.begin() as connection:
                assert close_period(connection, month, AT)
            model.closed_before = date(2026, month.month + 1, 1)
    _demand_the_model(application, model)


def _demand_the_model(application: Engine, model: Model) -> None:
    with application.begin() as connection:
        for account in (*FREE, LIMITED):
            assert balance(connection, account) == Dong(_SIGN.get(account, 1) * model.nets[account])
        found = verify(connection)
        assert (found.entries, found.first_difference) == (len(model.entries), None)
        assert found.lines == sum(len(entry.lines) for _, entry, _ in model.entries.values())


_SIGN = {"benefits_payable": -1}

Told = tuple[Entry, int | None, int | None, type[LedgerError] | None]
"""An entry, what it reverses, the id that stands for its key, or why it was refused."""


def test_many_threads_leave_what_the_model_of_their_answers_says(application: Engine) -> None:
    """Singles, batches, reversals, replays and closes from eight threads: each answer, put in the order of the entry
    ids, is one that the model gives. On a limited account that order is the one in which the lock was held."""
    with application.begin() as connection:
        _open(connection)
    seed = random.getrandbits(64)

    def thread(number: int) -> list[Told]:
        draw = random.Random(seed + number)
        told: list[Told] = []
        while len(told) < 500:
            told += draw.choices(ACTS, weights=[4, 2, 1, 0.02])[0](application, draw, told)
        return told

    with ThreadPoolExecutor(8) as pool:
        told = [answer for answers in pool.map(thread, range(8)) for answer in answers]
    assert len(told) >= 4_000
    model = Model()
    for entry, reverses, entry_id, error in sorted(told, key=lambda answer: answer[2] or 0):
        known = model.entries.get(entry.key)
        if entry_id is None:
            continue
        if known is None:
            assert model.nets[LIMITED] + _moved(LIMITED, entry) >= 0
            assert reverses not in model.reversed
            model.add(entry_id, entry, reverses)
        else:
            assert (entry_id, error) == (known[0], None)
            assert _content(entry, reverses) == _content(known[1], known[2])
    _demand_the_model(application, model)
    for entry, reverses, entry_id, error in told:
        if error is KeyTaken:
            assert _content(entry, reverses) != _content(*model.entries[entry.key][1:])
        elif error is AlreadyReversed:
            assert reverses in model.reversed
        elif error is PeriodClosed:
            assert entry.business_on < date(2026, 7, 1)
        elif entry_id is None:
            assert error is PastLimit


def _one(engine: Engine, draw: random.Random, told: list[Told]) -> list[Told]:
    entry = _drawn_entry(draw, 3_000)
    return [_told(entry, None, lambda c: post(c, entry, entry.lines, AT), engine)]


def _batch(engine: Engine, draw: random.Random, told: list[Told]) -> list[Told]:
    entries = [_drawn_entry(draw, 3_000) for _ in range(20)] + [answer[0] for answer in told[-3:] if not answer[1]]
    with engine.begin() as connection:
        results = post_entries(connection, entries, AT, on_refusal="leave_out")
    return [
        (entry, None, result.entry_id, type(result.refusal) if result.refusal else None)
        for entry, result in zip(entries, results, strict=True)
    ]


def _reversal(engine: Engine, draw: random.Random, told: list[Told]) -> list[Told]:
    originals = [(entry, entry_id) for entry, _, entry_id, _ in told if entry_id is not None]
    if not originals:
        return []
    original, original_id = draw.choice(originals)
    entry = reversal_of(
        original, key=f"r{draw.randrange(500)}", document="r", business_on=date(2026, 12, 1), description=""
    )

    def act(connection: Connection) -> Posted:
        words = {"key": entry.key, "document": "r", "description": ""}
        return reverse(connection, original_id, **words, business_on=entry.business_on, recorded_at=AT)

    return [_told(entry, original_id, act, engine)]


def _close(engine: Engine, draw: random.Random, told: list[Told]) -> list[Told]:
    with engine.begin() as connection:
        close_period(connection, date(2026, draw.randint(1, 6), 1), AT)
    return []


def _told(entry: Entry, reverses: int | None, act: Callable[[Connection], Posted], engine: Engine) -> Told:
    try:
        with engine.begin() as connection:
            return entry, reverses, act(connection).entry_id, None
    except LedgerError as error:
        return entry, reverses, None, type(error)


ACTS = [_one, _batch, _reversal, _close]
