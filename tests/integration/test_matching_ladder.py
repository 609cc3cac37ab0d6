from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from bank_paper import Batch, Line, Paper
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from engine.database import Database
from engine.vault import Vault
from reconciliation import expectations, matching
from reconciliation.breaks import BreakClass, close, open_breaks
from reconciliation.intake import load_statement, register_account
from reconciliation.matching import MatchCounts, MatchNotUndone, Rule
from reconciliation.references import make_reference

ACCOUNTS = ("8800000000001", "8800000000002")
DAY = date(2026, 11, 2)
LATER = DAY + timedelta(days=30)
AT = datetime(2026, 11, 6, 18, tzinfo=timezone(timedelta(hours=7)))


def pn(number: int) -> str:
    return make_reference("PN", number)


def _found(counts: MatchCounts) -> dict[Rule, int]:
    return {rule: count for rule, count in counts.matched.items() if count}


class Bank:
    """Our side and the bank's: two accounts, what is expected on them, statements one after another."""

    def __init__(self, database: Database, vault: Vault, directory: Path) -> None:
        self.database = database
        self.vault = vault
        self.directory = directory
        self.papers = [Paper(account, 10_000_000_000) for account in ACCOUNTS]
        self.files = 0
        with database.transaction() as connection:
            self.accounts = [
                register_account(connection, vault.fingerprint("account", account), f"cash_at_bank.{account[-1]}")
                for account in ACCOUNTS
            ]

    def expect(
        self,
        *payments: tuple[int, int | None],
        account: int = 0,
        sign: str = "debit",
        batch: str | None = None,
        due_on: date = DAY,
        party: str | None = None,
        counterparty: str | None = None,
    ) -> None:
        """Payments by number and amount."""
        rows = [
            {
                "account": self.accounts[account],
                "sign": sign,
                "reference": pn(number),
                "batch": batch,
                "amount": amount,
                "due_on": due_on,
                "party": party,
                "counterparty": self.vault.fingerprint("account", counterparty) if counterparty else None,
                "until_on": DAY + timedelta(days=2) if counterparty else None,
            }
            for number, amount in payments
        ]
        with self.database.transaction() as connection:
            expectations.open_staging(connection)
            connection.execute(
                text(
                    f"INSERT INTO {expectations.STAGING} (own_account_id, sign, reference, batch_reference, "
                    "amount_vnd, due_on, kind, party, counterparty, until_on) VALUES (:account, :sign, :reference, "
                    ":batch, :amount, :due_on, 'payment', :party, :counterparty, :until_on)"
                ),
                rows,
            )
            assert expectations.expect_staged(connection) == len(rows)

    def know(self, party: str, kind: str, value: str) -> None:
        sign = self.vault.fingerprint("account", value).hex() if kind == "virtual_account" else value
        with self.database.transaction() as connection:
            expectations.know_party(connection, party, kind, sign, DAY)

    def withdraw(self, *numbers: int) -> int:
        with self.database.transaction() as connection:
            return expectations.withdraw(
                connection, "SELECT unnest(CAST(:gone AS text[]))", {"gone": [pn(number) for number in numbers]}
            )

    def tells(self, *lines: Line | Batch, account: int = 0) -> MatchCounts:
        """The bank's next statement is loaded and matched."""
        return self.load(self.write(lines, account))

    def write(self, lines: Sequence[Line | Batch], account: int = 0) -> Path:
        self.files += 1
        return self.papers[account].statement(self.directory / f"{self.files}.xml", DAY, lines)

    def load(self, path: Path) -> MatchCounts:
        with self.database.transaction() as connection:
            loaded = load_statement(
                connection,
                path,
                fingerprint=lambda account: self.vault.fingerprint("account", account),
                protect=lambda words: self.vault.encrypt("statement_text", words.encode()),
                recorded_at=AT,
            )
            runs = list(matching.match_file(connection, loaded.file_id, AT))
            (again,) = matching.match_again(connection, AT)
            assert sum(again.matched.values()) == sum(again.breaks.values()) == 0
            matched, opened = Counter[Rule](), Counter[BreakClass]()
            for run in runs:
                matched.update(run.matched)
                opened.update(run.breaks)
            return MatchCounts(again.run_id, matched, opened)

    def settled(self, file_id: int) -> list[tuple[str, int, bool, str]]:
        with self.database.transaction() as connection:
            run = text("SELECT run_id FROM reconciliation.matching_run WHERE file_id = :file_id")
            run_id = connection.scalar(run, {"file_id": file_id})
            rows = connection.execute(text(matching.MATCHED_ITEMS), {"run_id": run_id})
            return sorted((row.reference, row.amount_vnd, row.returned, row.rule) for row in rows)

    def breaks(self) -> list[tuple[BreakClass, str | None]]:
        with self.database.transaction() as connection:
            return sorted((found.break_class, found.reference) for found in open_breaks(connection, LATER))


@pytest.fixture
def bank(database: Database, vault: Vault, tmp_path: Path) -> Bank:
    return Bank(database, vault, tmp_path)


def test_a_payment_is_matched_by_the_bank_s_echo(bank: Bank) -> None:
    bank.expect((1, 3_000_000), (2, 4_000_000), batch="B1")
    counts = bank.tells(Batch((Line(-3_000_000, pn(1)), Line(-4_000_000, pn(2))), "B1"))
    assert counts.matched[Rule.ECHO] == 2
    assert bank.settled(1) == [(pn(1), 3_000_000, False, "echo"), (pn(2), 4_000_000, False, "echo")]
    assert bank.breaks() == []


def test_a_payment_is_matched_by_our_code_in_what_the_bank_made_of_the_text(bank: Bank) -> None:
    bank.expect((1, 3_000_000))
    memo = f"MBVCB.1234567890.123456.{pn(1).lower()[:6]} {pn(1).lower()[6:]} luong huu T11.CT tu 0011 toi 99"
    assert bank.tells(Line(-3_000_000, text=memo)).matched[Rule.CODE] == 1
    assert bank.settled(1) == [(pn(1), 3_000_000, False, "code")]


def test_a_batch_booked_without_details_pays_what_is_still_expected_of_it(bank: Bank) -> None:
    bank.expect((1, 3_000_000), (2, 4_000_000), (3, 5_000_000), batch="B1")
    assert bank.withdraw(2) == 1
    counts = bank.tells(Batch((Line(-3_000_000), Line(-5_000_000)), "B1", with_details=False))
    assert counts.matched[Rule.BATCH] == 2
    assert bank.settled(1) == [(pn(1), 3_000_000, False, "batch"), (pn(3), 5_000_000, False, "batch")]
    assert bank.tells(Batch((Line(-8_000_000),), "B1", with_details=False)).breaks == {BreakClass.DUPLICATE_AT_BANK: 1}


def test_a_batch_with_another_sum_is_a_break(bank: Bank) -> None:
    bank.expect((1, 3_000_000), (2, 4_000_000), batch="B1")
    counts = bank.tells(Batch((Line(-6_999_999),), "B1", with_details=False))
    assert counts.breaks == {BreakClass.AMOUNT_DIFFERS: 1}
    assert sum(counts.matched.values()) == 0


def test_a_return_is_tied_to_the_payment_it_undoes(bank: Bank) -> None:
    bank.expect((1, 3_000_000), (2, 4_000_000))
    counts = bank.tells(Line(3_000_000, pn(1), reason="AC04"), Line(-3_000_000, pn(1)), Line(-4_000_000, pn(2)))
    assert _found(counts) == {Rule.ECHO: 2, Rule.RETURN: 1}
    assert bank.settled(1) == [
        (pn(1), 3_000_000, False, "echo"),
        (pn(1), 3_000_000, True, "return"),
        (pn(2), 4_000_000, False, "echo"),
    ]
    assert bank.breaks() == [(BreakClass.RETURNED, pn(1))]


def test_a_return_told_before_its_payment_is_tied_when_the_payment_comes(bank: Bank) -> None:
    bank.expect((1, 3_000_000))
    assert bank.tells(Line(3_000_000, pn(1), reason="AC04")).breaks == {BreakClass.SIGN_DIFFERS: 1}
    assert bank.tells(Line(-3_000_000, pn(1))).matched[Rule.RETURN] == 1
    assert bank.settled(2) == [(pn(1), 3_000_000, False, "echo"), (pn(1), 3_000_000, True, "return")]
    assert bank.breaks() == [(BreakClass.RETURNED, pn(1))]


def test_money_that_comes_back_twice_or_in_part_is_not_a_return(bank: Bank) -> None:
    bank.expect((1, 3_000_000), (2, 3_000_000))
    bank.tells(Line(-3_000_000, pn(1)), Line(-3_000_000, pn(2)))
    counts = bank.tells(
        Line(3_000_000, pn(1), reason="AC04"),
        Line(3_000_000, pn(1), reason="AC04"),
        Line(2_999_000, pn(2), reason="AC04"),
    )
    assert counts.matched[Rule.RETURN] == 1
    assert counts.breaks == {
        BreakClass.RETURNED: 1,
        BreakClass.DUPLICATE_AT_BANK: 1,
        BreakClass.AMOUNT_DIFFERS: 1,
    }


def test_a_credit_that_only_speaks_of_our_reference_is_left_to_a_person(bank: Bank) -> None:
    bank.expect((1, 3_000_000))
    bank.tells(Line(-3_000_000, pn(1)))
    assert bank.tells(Line(3_000_000, text=f"tra lai {pn(1)}")).breaks == {BreakClass.SIGN_DIFFERS: 1}


@pytest.mark.parametrize(
    ("line", "account", "expected"),
    [
        (Line(-3_000_001, pn(1)), 0, BreakClass.AMOUNT_DIFFERS),
        (Line(-3_000_000, pn(1)), 1, BreakClass.ACCOUNT_DIFFERS),
        (Line(3_000_000, pn(1)), 0, BreakClass.SIGN_DIFFERS),
        (Line(-3_000_000, pn(99)), 0, BreakClass.UNKNOWN_TO_US),
        (Line(-3_000_000), 0, BreakClass.UNKNOWN_TO_US),
        (Line(-3_000_000, text=f"{pn(1)} {pn(2)}"), 0, BreakClass.AMBIGUOUS),
        (Line(-3_000_000, pn(1), text=f"thay {pn(2)}"), 0, BreakClass.AMBIGUOUS),
        (Line(-3_000_000, pn(3)), 0, BreakClass.NO_LONGER_EXPECTED),
    ],
)
def test_a_reference_that_disagrees_leaves_the_ladder(
    bank: Bank, line: Line, account: int, expected: BreakClass
) -> None:
    bank.expect((1, 3_000_000), (2, 3_000_000), (3, 3_000_000))
    bank.withdraw(3)
    counts = bank.tells(line, account=account)
    assert counts.breaks == {expected: 1}
    assert sum(counts.matched.values()) == 0


def test_of_two_debits_for_one_payment_one_settles_and_the_other_is_to_be_recovered(bank: Bank) -> None:
    bank.expect((1, 3_000_000))
    counts = bank.tells(Line(-3_000_000, pn(1)), Line(-3_000_000, text=pn(1)))
    assert counts.matched[Rule.ECHO] == 1
    assert counts.breaks == {BreakClass.DUPLICATE_AT_BANK: 1}
    assert bank.tells(Line(-3_000_000, pn(1))).breaks == {BreakClass.DUPLICATE_AT_BANK: 1}


def test_a_receipt_of_open_amount_takes_whatever_comes_as_often_as_it_comes(bank: Bank) -> None:
    bank.expect((7, None), sign="credit")
    counts = bank.tells(Line(500, text=pn(7)), Line(500, text=pn(7)), Line(11, pn(7)))
    assert _found(counts) == {Rule.ECHO: 1, Rule.CODE: 2}
    assert bank.tells(Line(1, pn(7))).matched[Rule.ECHO] == 1


def test_amount_and_date_alone_never_match(bank: Bank) -> None:
    bank.expect((1, 3_141_592))
    assert sum(bank.tells(Line(-3_141_592)).matched.values()) == 0


def test_what_is_due_and_not_seen_is_missing_at_the_bank_after_its_day(bank: Bank) -> None:
    bank.expect((1, 3_000_000))
    with bank.database.transaction() as connection:
        assert open_breaks(connection, DAY) == []
        (missing,) = open_breaks(connection, DAY + timedelta(days=1))
    assert (missing.break_class, missing.reference, missing.expected_vnd) == (
        BreakClass.MISSING_AT_BANK,
        pn(1),
        3_000_000,
    )


def test_a_waiting_statement_is_matched_once_the_missing_one_has_come(bank: Bank) -> None:
    bank.expect((1, 3_000_000), (2, 4_000_000))
    bank.tells(Line(77))
    missing = bank.write([Line(-3_000_000, pn(1))])
    assert bank.tells(Line(-4_000_000, pn(2)), Line(-3_000_000, pn(1))).matched[Rule.ECHO] == 0
    assert bank.settled(2) == []
    assert bank.load(missing).matched[Rule.ECHO] == 2
    # Each in a run of its own, the earlier statement first.
    assert bank.settled(3) == [(pn(1), 3_000_000, False, "echo")]
    assert bank.settled(2) == [(pn(2), 4_000_000, False, "echo")]
    assert bank.breaks() == [(BreakClass.DUPLICATE_AT_BANK, pn(1)), (BreakClass.UNKNOWN_TO_US, None)]


def test_an_undone_match_is_open_again_and_left_to_people(bank: Bank) -> None:
    bank.expect((1, 3_000_000))
    bank.tells(Line(-3_000_000, pn(1)))
    with bank.database.transaction() as connection:
        matching.undo(connection, 1, "the bank confirmed another payee", AT)
    assert bank.breaks() == [(BreakClass.MISSING_AT_BANK, pn(1)), (BreakClass.UNDONE, None)]
    assert bank.settled(1) == []
    assert bank.tells(Line(-3_000_000, pn(1))).matched[Rule.ECHO] == 1
    with bank.database.transaction() as connection, pytest.raises(MatchNotUndone):
        matching.undo(connection, 1, "again", AT)


@pytest.mark.parametrize(
    "lines",
    [
        (Batch((Line(-3_000_000), Line(-4_000_000)), "B1", with_details=False),),
        (Line(-7_000_000, text=f"{pn(1)} {pn(2)}"),),
    ],
    ids=["batch", "merge"],
)
def test_a_batch_and_a_merge_are_undone_whole(bank: Bank, lines: tuple[Line | Batch, ...]) -> None:
    bank.expect((1, 3_000_000), (2, 4_000_000), batch="B1")
    bank.tells(*lines)
    with pytest.raises(DBAPIError, match="still stands"), bank.database.transaction() as connection:
        connection.execute(
            text("UPDATE reconciliation.match SET undone_at = now(), undone_reason = '?' WHERE match_id = 1")
        )
    with bank.database.transaction() as connection:
        matching.undo(connection, 1, "another batch's", AT)
    missing = [(BreakClass.MISSING_AT_BANK, pn(1)), (BreakClass.MISSING_AT_BANK, pn(2))]
    assert bank.breaks() == [*missing, (BreakClass.UNDONE, None)]
    assert bank.tells(Line(-3_000_000, pn(1)), Line(-4_000_000, pn(2))).matched[Rule.ECHO] == 2


def test_the_parts_of_a_split_are_undone_together(bank: Bank) -> None:
    bank.expect((1, 3_000_000))
    assert bank.tells(Line(-1_000_000, pn(1)), Line(-2_000_000, pn(1))).matched[Rule.SPLIT] == 2
    with bank.database.transaction() as connection:
        matching.undo(connection, 2, "another payee's", AT)
    undone = (BreakClass.UNDONE, None)
    assert bank.breaks() == [(BreakClass.MISSING_AT_BANK, pn(1)), undone, undone]


def test_a_fee_that_was_none_is_awaited_by_nobody(bank: Bank) -> None:
    path = bank.write([Line(-1_100)])
    path.write_text(path.read_text().replace("<Cd>ICDT</Cd><SubFmlyCd>DMCT", "<Cd>ICDT</Cd><SubFmlyCd>CHRG"))
    assert _found(bank.load(path)) == {Rule.FEE: 1}
    with bank.database.transaction() as connection:
        matching.undo(connection, 1, "no fee", AT)
        assert connection.scalar(text("SELECT count(*) FROM reconciliation.awaited")) == 0
    assert bank.breaks() == [(BreakClass.UNDONE, None)]


def test_nobody_but_the_database_says_what_is_awaited(bank: Bank) -> None:
    bank.expect((1, 3_000_000))
    bank.tells(Line(-3_000_000, pn(1)))
    columns = "expectation_id, own_account_id, sign, reference, amount_vnd, due_on"
    for change in (
        f"INSERT INTO reconciliation.awaited ({columns}) SELECT {columns} FROM reconciliation.expectation",
        "UPDATE reconciliation.expectation SET withdrawn = true",
        "UPDATE reconciliation.match SET run_id = run_id + 1",
    ):
        with pytest.raises(DBAPIError), bank.database.transaction() as connection:
            connection.execute(text(change))


def test_a_match_that_was_returned_cannot_be_undone_before_its_return(bank: Bank) -> None:
    bank.expect((1, 3_000_000))
    bank.tells(Line(-3_000_000, pn(1)), Line(3_000_000, pn(1), reason="AC04"))
    with bank.database.transaction() as connection, pytest.raises(MatchNotUndone):
        matching.undo(connection, 1, "wrong", AT)


def test_a_break_closed_by_a_person_is_not_matched_afterwards(bank: Bank) -> None:
    bank.expect((1, 3_000_000))
    bank.tells(Line(3_000_000, pn(1), reason="AC04"))
    with bank.database.transaction() as connection:
        (found,) = (entry for entry in open_breaks(connection, DAY + timedelta(days=9)) if entry.break_id)
        assert found.break_id is not None
        assert close(connection, [found.break_id], "paid back by hand", DAY + timedelta(days=9)) == 1
    assert _found(bank.tells(Line(-3_000_000, pn(1)))) == {Rule.ECHO: 1}


def test_the_database_refuses_wrong_matches(bank: Bank) -> None:
    bank.expect((1, 3_000_000), (2, 3_000_000))
    bank.expect((3, 3_000_000), account=1)
    bank.tells(Line(-3_000_000, pn(1)), Line(-3_000_000), Line(3_000_000), Line(-2_000_000))
    insert = (
        "INSERT INTO reconciliation.match (item_id, expectation_id, amount_vnd, open_amount, rule, rank, evidence, "
        "matched_at) VALUES (:item, :expectation, :amount, false, 'echo', 1, '{}', :at)"
    )
    wrong = (
        (1, 2, 3_000_000),  # the item is used
        (2, 1, 3_000_000),  # the expectation is met
        (2, 2, 1_000_000),  # a part
        (3, 2, 3_000_000),  # the other way
        (4, 2, 2_000_000),  # another amount
        (2, 3, 3_000_000),  # another account
    )
    for item, expectation, amount in wrong:
        with pytest.raises(DBAPIError), bank.database.transaction() as connection:
            connection.execute(text(insert), {"item": item, "expectation": expectation, "amount": amount, "at": AT})
    with bank.database.transaction() as connection:
        connection.execute(text(insert), {"item": 2, "expectation": 2, "amount": 3_000_000, "at": AT})


def test_the_clear_lines_of_a_statement_are_matched_in_its_own_run_only(bank: Bank) -> None:
    bank.tells(Line(-3_000_000, pn(1)), Line(-3_000_000, text=pn(2)))
    bank.expect((1, 3_000_000), (2, 3_000_000))
    clear = text("SELECT rule, lines FROM reconciliation.match_clear_lines(1, :run, :at)")
    with bank.database.transaction() as connection:
        own = connection.scalar(text("SELECT matched_run_id FROM reconciliation.statement"))
        other = matching.open_run(connection, None, AT)
    with pytest.raises(DBAPIError, match="in its own run"), bank.database.transaction() as connection:
        connection.execute(clear, {"run": other, "at": AT})
    with bank.database.transaction() as connection:
        assert connection.execute(clear, {"run": own, "at": AT}).all() == [("echo", 1), ("code", 1)]
        assert connection.scalar(text("SELECT count(*) FROM reconciliation.awaited")) == 0


def test_of_clear_lines_for_one_payment_the_first_is_it_and_the_others_are_doubles(bank: Bank) -> None:
    """Of those that the bank's own field tells before those that the text tells."""
    bank.expect((1, 3_000_000), (2, 3_000_000), (4, 4_000_000))
    bank.expect((3, None), sign="credit")
    found = bank.tells(
        Line(-3_000_000, text=pn(1)),
        *[Line(-4_000_000, text=pn(4))] * 5,
        Line(-3_000_000, pn(1)),
        Line(-3_000_000, pn(1)),
        Line(-3_000_000, pn(2)),
        Line(3_000_000, pn(3)),
        Line(5_000_000, pn(3)),
    )
    assert _found(found) == {Rule.ECHO: 4, Rule.CODE: 1}
    assert found.breaks == {BreakClass.DUPLICATE_AT_BANK: 6}
    with bank.database.transaction() as connection:
        rows = connection.execute(
            text(
                "SELECT i.entry_no, x.reference, m.rule, m.rank FROM reconciliation.match m "
                "JOIN reconciliation.statement_item i USING (item_id) "
                "JOIN reconciliation.expectation x USING (expectation_id) ORDER BY 1"
            )
        ).all()
    assert rows == [
        (2, pn(4), "code", 2),
        (7, pn(1), "echo", 1),
        (9, pn(2), "echo", 1),
        (10, pn(3), "echo", 1),
        (11, pn(3), "echo", 1),
    ]


def test_one_reference_is_expected_once_at_a_time(bank: Bank) -> None:
    bank.expect((1, 3_000_000))
    with pytest.raises(DBAPIError, match="awaited_once"):
        bank.expect((1, 3_000_000))
    bank.withdraw(1)
    bank.expect((1, 3_000_000))


def test_one_line_that_names_several_payments_pays_them_if_it_is_their_sum(bank: Bank) -> None:
    bank.expect((1, 3_000_000), (2, 4_000_000), (3, 5_000_000), (4, 5_000_000))
    both = f"{pn(1)} va {pn(2)}"
    assert bank.tells(Line(-9_999_999, text=f"{pn(3)} {pn(4)}")).breaks == {BreakClass.AMBIGUOUS: 1}
    assert _found(bank.tells(Line(-7_000_000, text=both))) == {Rule.MERGE: 2}
    assert bank.settled(2) == [(pn(1), 3_000_000, False, "merge"), (pn(2), 4_000_000, False, "merge")]


def test_two_lines_that_name_the_same_payments_are_left_to_people(bank: Bank) -> None:
    bank.expect((1, 3_000_000), (2, 4_000_000))
    both = f"{pn(1)} va {pn(2)}"
    counts = bank.tells(Line(-7_000_000, text=both), Line(-7_000_000, text=both))
    assert (_found(counts), counts.breaks) == ({}, {BreakClass.AMBIGUOUS: 2})


def test_parts_of_one_day_that_are_the_whole_settle_a_payment_once(bank: Bank) -> None:
    bank.expect((1, 3_000_000), (2, 3_000_000), (3, 3_000_000))
    counts = bank.tells(
        Line(-1_000_000, text=pn(1)),
        Line(-2_000_000, text=pn(1)),
        Line(-1_000_000, text=pn(2)),  # a part is missing
        Line(-3_000_000, text=pn(3)),
        Line(-3_000_000, text=pn(3)),  # a double is no part
    )
    assert _found(counts) == {Rule.CODE: 1, Rule.SPLIT: 2}
    assert counts.breaks == {BreakClass.AMOUNT_DIFFERS: 1, BreakClass.DUPLICATE_AT_BANK: 1}


VIRTUAL = "19031234567890"
"""The number that the invented bank credits: not the account's own."""
MEMO = "+BHXH+103+00+{unit}+{agency}+dong BHXH+"


def test_a_virtual_account_tells_the_employer_whatever_the_memo_says(bank: Bank) -> None:
    bank.expect((1, None), (2, None), sign="credit", party="TA0001Z")
    bank.know("TA0001Z", "virtual_account", VIRTUAL)
    assert _found(bank.tells(Line(500, text="tien thang 11"))) == {Rule.VIRTUAL_ACCOUNT: 1}
    assert bank.settled(1) == [(pn(1), 500, False, "virtual_account")]
    # Our own reference is surer, and that of the other notice of the same employer.
    assert _found(bank.tells(Line(500, text=pn(2)))) == {Rule.CODE: 1}


def test_a_virtual_account_and_a_memo_that_disagree_are_left_to_a_person(bank: Bank) -> None:
    bank.expect((1, None), sign="credit", party="TA0001Z")
    bank.expect((2, None), sign="credit", party="YN0002A")
    bank.know("TA0001Z", "virtual_account", VIRTUAL)
    counts = bank.tells(Line(500, text=MEMO.format(unit="YN0002A", agency="07901")), Line(600, text=pn(2)))
    assert (_found(counts), counts.breaks) == ({}, {BreakClass.AMBIGUOUS: 2})


@pytest.mark.parametrize(
    ("memo", "matched"),
    [
        ("MBVCB.123456." + MEMO.format(unit="TA0001Z", agency="07901"), 1),
        ("BHXH 103 00 TA0001Z", 1),
        (MEMO.format(unit="TA0001Z", agency="07999"), 0),  # another agency
        (MEMO.format(unit="TB0001Z", agency="07901"), 0),  # no unit of ours
        ("hoan tien " + MEMO.format(unit="TA0001Z", agency="07901"), 0),  # money that comes back
        (MEMO.format(unit="TA0001Z", agency="07901") + MEMO.format(unit="YN0002A", agency="07901"), 0),
    ],
)
def test_the_memo_of_the_social_insurance_form_tells_the_employer(bank: Bank, memo: str, matched: int) -> None:
    bank.expect((1, None), sign="credit", party="TA0001Z")
    bank.expect((2, None), sign="credit", party="YN0002A")
    bank.know("TA0001Z", "agency", "07901")
    counts = bank.tells(Line(500, text=memo))
    assert _found(counts).get(Rule.UNIT, 0) == matched
    assert sum(counts.matched.values()) + sum(counts.breaks.values()) == 1


def test_the_payee_s_account_with_the_amount_matches_where_it_is_alone(bank: Bank) -> None:
    bank.expect((1, 3_000_000), (2, 4_000_000), counterparty=VIRTUAL)
    bank.expect((3, 5_000_000), (4, 5_000_000), counterparty=VIRTUAL)
    bank.expect((5, 6_000_000), counterparty="190399999")
    counts = bank.tells(
        Line(-3_000_000),
        Line(-4_000_000, pn(77)),  # it points to something else
        Line(-5_000_000),  # two are expected
        Line(-6_000_000),  # another account
    )
    assert _found(counts) == {Rule.COUNTERPARTY: 1}
    assert bank.settled(1) == [(pn(1), 3_000_000, False, "counterparty")]


def test_two_equal_lines_to_one_account_are_left_to_a_person(bank: Bank) -> None:
    bank.expect((1, 3_000_000), counterparty=VIRTUAL)
    assert _found(bank.tells(Line(-3_000_000), Line(-3_000_000))) == {}


def test_a_fee_is_known_by_the_bank_s_own_code(bank: Bank) -> None:
    path = bank.write([Line(-1_100)])
    path.write_text(path.read_text().replace("<Cd>ICDT</Cd><SubFmlyCd>DMCT", "<Cd>ICDT</Cd><SubFmlyCd>CHRG"))
    assert _found(bank.load(path)) == {Rule.FEE: 1}
    assert _found(bank.tells(Line(-1_100))) == {}
