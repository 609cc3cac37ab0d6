"""Matching against a small pure model: any order of the same lines, split over files in any way, gives the same."""

import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path

from bank_paper import Line, Paper
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from engine.database import Database
from reconciliation import expectations, matching
from reconciliation.breaks import open_breaks
from reconciliation.intake import load_statement, register_account
from reconciliation.references import make_reference

ACCOUNTS = ("8800000000001", "8800000000002")
DAY = date(2026, 11, 2)
AT = datetime(2026, 11, 6, 18, tzinfo=timezone(timedelta(hours=7)))
PAYMENTS = {1: (0, 3_000_000), 2: (0, 4_000_000), 3: (1, 3_000_000), 4: (0, 4_000_000)}
"""Account and amount of each; number 4 has been withdrawn, number 5 was never expected."""
WITHDRAWN = 4

Outcome = Counter[tuple[str, int | None, int, int]]
"""What happened, to which payment, for how much (below zero: out), on which account."""


@dataclass(frozen=True)
class Told:
    """A line of the bank: the payments whose codes it carries."""

    numbers: tuple[int, ...]
    signed_vnd: int
    account: int
    echoed: bool
    returned: bool

    def written(self) -> Line:
        references = [make_reference("PN", number) for number in self.numbers]
        echo = references[0] if references and self.echoed else "NOTPROVIDED"
        words = " va ".join(references if echo == "NOTPROVIDED" else references[1:])
        return Line(self.signed_vnd, echo, text=words, reason="AC04" if self.returned else "")


def told_lines() -> st.SearchStrategy[Told]:
    return st.builds(
        Told,
        numbers=st.one_of(st.sampled_from([(1,), (1,), (2,), (2,), (3,), (4,), (5,), ()]), st.just((1, 2))),
        signed_vnd=st.sampled_from([-3_000_000, -3_000_000, -4_000_000, -4_000_000, 3_000_000, 4_000_000, 2_999_999]),
        account=st.sampled_from([0, 0, 0, 1]),
        echoed=st.booleans(),
        returned=st.sampled_from([False, False, True]),
    )


def model(lines: Sequence[Told]) -> Outcome:
    """What must come out, worked out line by line without any database."""
    outcome: Outcome = Counter()
    fits = [line for line in lines if _pays(line)]
    paid = {line.numbers[0] for line in fits}
    returns = [line for line in lines if _returns(line, paid)]
    came_back = {line.numbers[0] for line in returns}
    for kind, matched in (("matched", fits), ("returned", returns)):
        for number in {line.numbers[0] for line in matched}:
            equal = [line for line in matched if line.numbers[0] == number]
            outcome[kind, number, equal[0].signed_vnd, equal[0].account] += 1
            if len(equal) > 1:
                outcome["duplicate_at_bank", number, equal[0].signed_vnd, equal[0].account] += len(equal) - 1
    for line in lines:
        if line not in fits and line not in returns:
            known = [number for number in line.numbers if number in PAYMENTS]
            only = known[0] if len(known) == 1 else None
            outcome[_why_left(line, known, paid, came_back), only, line.signed_vnd, line.account] += 1
    return outcome


def _agrees(line: Told) -> bool:
    return len(line.numbers) == 1 and PAYMENTS.get(line.numbers[0]) == (line.account, abs(line.signed_vnd))


def _pays(line: Told) -> bool:
    return _agrees(line) and line.signed_vnd < 0 and not line.returned and line.numbers[0] != WITHDRAWN


def _returns(line: Told, paid: set[int]) -> bool:
    return _agrees(line) and line.signed_vnd > 0 and (line.returned or line.echoed) and line.numbers[0] in paid


def _why_left(line: Told, known: list[int], paid: set[int], came_back: set[int]) -> str:
    if len(known) != 1:
        return "ambiguous" if known else "unknown_to_us"
    number = known[0]
    account, amount = PAYMENTS[number]
    if line.signed_vnd > 0:
        if number in came_back and (line.account, line.signed_vnd) == (account, amount):
            return "duplicate_at_bank"
        if line.returned and line.account == account and line.signed_vnd != amount:
            return "amount_differs"
        return "sign_differs"
    if line.account != account:
        return "account_differs"
    if -line.signed_vnd != amount:
        return "amount_differs"
    if number == WITHDRAWN:
        return "no_longer_expected"
    return "duplicate_at_bank" if number in paid else "ambiguous"


def reconciled(connection: Connection, lines: Sequence[Told], cuts: Sequence[int]) -> Outcome:
    """The same by the real thing: each cut ends a file."""
    accounts = [
        register_account(connection, account.encode(), f"cash_at_bank.{position}")
        for position, account in enumerate(ACCOUNTS)
    ]
    expectations.open_staging(connection)
    for number, (account, amount) in PAYMENTS.items():
        connection.execute(
            text(
                f"INSERT INTO {expectations.STAGING} (own_account_id, sign, reference, amount_vnd, due_on, kind) "
                "VALUES (:account, 'debit', :reference, :amount, :day, 'payment')"
            ),
            {
                "account": accounts[account],
                "reference": make_reference("PN", number),
                "amount": amount,
                "day": DAY + timedelta(days=60),
            },
        )
    expectations.expect_staged(connection)
    expectations.withdraw(connection, "SELECT :gone", {"gone": make_reference("PN", WITHDRAWN)})
    papers = [Paper(account, 1_000_000_000) for account in ACCOUNTS]
    edges = sorted({0, len(lines), *(cut % (len(lines) + 1) for cut in cuts)})
    with tempfile.TemporaryDirectory() as directory:
        for position, (start, end) in enumerate(pairwise(edges)):
            for account, paper in enumerate(papers):
                part = [line.written() for line in lines[start:end] if line.account == account]
                path = paper.statement(Path(directory) / f"{position}-{account}.xml", DAY, part)
                loaded = load_statement(connection, path, fingerprint=str.encode, protect=str.encode, recorded_at=AT)
                list(matching.match_file(connection, loaded.file_id, AT))
    return _outcome(connection, accounts)


def _outcome(connection: Connection, accounts: list[int]) -> Outcome:
    numbers = {make_reference("PN", number): number for number in PAYMENTS}
    outcome: Outcome = Counter()
    matches = connection.execute(
        text("SELECT reference, returned, sign, amount_vnd, own_account_id FROM reconciliation.matched_item")
    )
    for row in matches:
        signed = row.amount_vnd if row.sign == "credit" else -row.amount_vnd
        kind = "returned" if row.returned else "matched"
        outcome[kind, numbers[row.reference], signed, accounts.index(row.own_account_id)] += 1
    for found in open_breaks(connection, DAY + timedelta(days=9)):
        if found.break_class == "returned":
            continue
        assert found.line_vnd is not None
        signed = found.line_vnd if found.sign == "credit" else -found.line_vnd
        number = numbers.get(found.reference) if found.reference else None
        outcome[found.break_class.value, number, signed, int(found.ledger_account[-1])] += 1
    return outcome


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    arranged=st.lists(told_lines(), max_size=10).flatmap(
        lambda lines: st.tuples(st.just(lines), st.permutations(lines))
    ),
    cuts=st.tuples(st.lists(st.integers(0, 10), max_size=3), st.lists(st.integers(0, 10), max_size=3)),
)
def test_any_order_and_split_gives_what_the_model_says(
    database: Database, arranged: tuple[list[Told], list[Told]], cuts: tuple[list[int], list[int]]
) -> None:
    expected = model(arranged[0])
    for lines, at in zip(arranged, cuts, strict=True):
        with database.engine.connect() as connection:
            assert reconciled(connection, lines, at) == expected
            connection.rollback()
