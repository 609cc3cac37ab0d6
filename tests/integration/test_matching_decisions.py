"""What two people decide about a break: forced matches, write-offs, gaps, and matches taken back."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import builders
import pytest
from bank_paper import Line, Paper
from pypdfium2 import PdfDocument  # type: ignore[import-untyped]
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from engine.clock import VIET_NAM
from engine.database import Database
from engine.demonstration import month
from engine.errors import DoesNotHold, NotAllowed
from engine.installation import SIMULATOR_ADDRESS, Installation
from engine.payments import decisions as deciding
from engine.payments.agreement import require_agreement
from engine.payments.proof import prove
from engine.payments.settlement import import_statement
from engine.reconcile import close_month, prove_day, reconcile, report, three_ways
from engine.settings import Settings
from engine.statements import fetch_statements
from engine.vault import Vault
from engine.workers.relay import work
from gateways.simulator import process
from ledger import balances
from ledger.accounts import open_account
from ledger.periods import closed_through
from reconciliation import decisions, expectations, matching
from reconciliation.break_history import UnknownBreak, history
from reconciliation.breaks import AwaitedClass, BreakClass, awaited, open_breaks
from reconciliation.day_proofs import content_hash
from reconciliation.decisions import DecisionRefused
from reconciliation.formats.sheets import read_xlsx
from reconciliation.intake import register_account
from reconciliation.proof_book import write_proof
from reconciliation.proof_paper import proof_pdf
from reconciliation.references import make_reference
from reconciliation.suggestions import suggest

ACCOUNT = "8800000000001"
DAY = date(2026, 11, 2)
LATER = DAY + timedelta(days=3)
AT = datetime(2026, 11, 5, 18, tzinfo=VIET_NAM)
AFTERWARDS = datetime(2026, 12, 1, 9, tzinfo=VIET_NAM)


@dataclass
class Books:
    """One account of ours, and the bank's statements of it."""

    database: Database
    vault: Vault
    directory: Path
    paper: Paper
    ledger_account: str = "cash_at_bank.simbank.retirement"

    def load(self, path: Path) -> None:
        with self.database.transaction() as connection:
            import_statement(connection, self.vault, path, AT)

    def write(self, name: str, on: date, *lines: Line) -> Path:
        return self.paper.statement(self.directory / f"{name}.xml", on, lines)

    def only_break(self, connection: Connection) -> int:
        (found,) = (each for each in open_breaks(connection, LATER) if each.break_id is not None)
        assert found.break_id is not None
        return found.break_id


@pytest.fixture
def books(database: Database, vault: Vault, tmp_path: Path) -> Books:
    with database.transaction() as connection:
        ledger_account = open_account(connection, "cash_at_bank", "simbank.retirement")
        register_account(connection, vault.fingerprint("account", ACCOUNT), ledger_account)
    return Books(database, vault, tmp_path, Paper(ACCOUNT, 0))


def test_a_small_debit_is_borne_by_two_people_within_limits(books: Books) -> None:
    books.load(books.write("a", DAY, Line(5_000_000), Line(-9_900)))
    with books.database.transaction() as connection:
        debit, credit = (
            next(each.break_id for each in open_breaks(connection, LATER) if each.line_vnd == amount)
            for amount in (9_900, 5_000_000)
        )
        assert debit is not None
        assert credit is not None
        with pytest.raises(DecisionRefused, match="never written off"):
            decisions.prepare_write_off(connection, credit, "unknown payer", "lan", AT)
        decision = decisions.prepare_write_off(connection, debit, "the bank cannot say what it was", "lan", AT)
        with pytest.raises(DecisionRefused, match="cannot approve"):
            deciding.approve(connection, decision, "lan", AT)
        deciding.approve(connection, decision, "minh", AT)
        with pytest.raises(DecisionRefused, match="does not wait"):
            deciding.approve(connection, decision, "hoa", AT)
        assert balances.balance(connection, books.ledger_account, on=DAY).vnd == -9_900
        (account,) = reconcile(connection, LATER, AT).accounts
        assert (account.proof.difference_vnd, [each.breaks for each in account.breaks]) == (0, [1])


def test_a_debit_above_the_limit_is_not_written_off(books: Books) -> None:
    books.load(books.write("a", DAY, Line(-100_001)))
    with books.database.transaction() as connection, pytest.raises(DecisionRefused, match="of one case"):
        decisions.prepare_write_off(connection, books.only_break(connection), "?", "lan", AT)


def test_the_database_refuses_a_decision_of_one_person(books: Books) -> None:
    books.load(books.write("a", DAY, Line(-100)))
    with books.database.transaction("lan") as connection:
        decisions.prepare_write_off(connection, books.only_break(connection), "?", "lan", AT)
    with pytest.raises(DBAPIError, match="decision"), books.database.transaction("lan") as connection:
        connection.execute(
            text("UPDATE reconciliation.decision SET approved_by = 'lan', approved_at = :at"), {"at": AT}
        )


def test_a_gap_that_the_bank_will_not_fill_is_closed_by_two_people(books: Books) -> None:
    books.load(books.write("a", DAY, Line(1_000)))
    books.write("missing", DAY + timedelta(days=1), Line(500))
    books.load(books.write("c", DAY + timedelta(days=2), Line(2_000)))
    with books.database.transaction() as connection:
        gap = next(
            each.break_id
            for each in open_breaks(connection, LATER)
            if each.break_class is BreakClass.STATEMENT_GAP and each.break_id
        )
        states = text("SELECT array_agg(state ORDER BY to_on) FROM reconciliation.statement")
        assert connection.scalar(states) == ["accepted", "waiting"]
        decision = decisions.prepare_close_gap(connection, gap, "the bank lost the day", "lan", AT)
        assert connection.scalar(states) == ["accepted", "waiting"]
        deciding.approve(connection, decision, "minh", AT)
        assert connection.scalar(states) == ["accepted", "accepted"]
        assert not any(each.break_class is BreakClass.STATEMENT_GAP for each in open_breaks(connection, LATER))
        # Nobody knows what the lost 500 đ were: nothing is posted for them, and the proof goes on naming them.
        (account,) = reconcile(connection, LATER, AT).accounts
        assert account.proof.difference_vnd == 500


def test_a_fee_that_was_none_is_taken_back_by_two_people(books: Books) -> None:
    path = books.write("a", DAY, Line(-1_100))
    path.write_text(path.read_text().replace("<SubFmlyCd>DMCT", "<SubFmlyCd>CHRG"))
    books.load(path)
    with books.database.transaction() as connection:
        decision = decisions.prepare_undo(connection, 1, "the bank moved it by mistake", "lan", AT)
        deciding.approve(connection, decision, "minh", AT)
        for code in ("bank_fee_expense", books.ledger_account):
            assert balances.balance(connection, code, on=LATER).vnd == 0
        assert books.only_break(connection)
        (account,) = reconcile(connection, LATER, AT).accounts
        assert account.proof.difference_vnd == 0


def test_a_fee_of_the_bank_is_booked_once(books: Books) -> None:
    path = books.write("a", DAY, Line(-1_100))
    path.write_text(path.read_text().replace("<SubFmlyCd>DMCT", "<SubFmlyCd>CHRG"))
    books.load(path)
    with books.database.transaction() as connection:
        found = reconcile(connection, LATER, AT)
        assert (found.matched, found.closes) == (0, True)
        assert balances.balance(connection, "bank_fee_expense", on=DAY).vnd == 1_100


@pytest.fixture
def installation(database: Database, owner: Engine, tmp_path: Path) -> Iterator[Installation]:
    installation = Installation(Settings(tmp_path, None, None, None), database)
    builders.open_bank(installation)
    with owner.begin() as connection:
        connection.execute(
            text("INSERT INTO engine.demonstration (payees, seed, now_at) VALUES (1, 1, :at)"), {"at": builders.AT}
        )
    yield installation
    process.stop(installation.simulator_home)


def test_a_settled_payment_is_taken_back_with_a_reversing_entry_and_matched_by_two_people(
    installation: Installation,
) -> None:
    database = installation.database
    builders.add_world(database, installation.vault, builders.payees(2), SIMULATOR_ADDRESS)
    builders.approved_run(database)
    builders.dispatch_run(installation)
    work(installation, threading.Event(), until_idle=True)
    month.end_day(installation, builders.PAY_ON)
    fetch_statements(installation, "simbank", builders.PAY_ON)
    reference = make_reference("PN", 1)
    states = text("SELECT state FROM engine.payment ORDER BY payment_no")
    with database.transaction() as connection:
        assert list(connection.scalars(states)) == ["settled", "settled"]
        match_id = connection.scalar(
            text(
                "SELECT match_id FROM reconciliation.match JOIN reconciliation.expectation USING (expectation_id) "
                "WHERE reference = :reference"
            ),
            {"reference": reference},
        )
        assert match_id is not None
        told = matching.explain(connection, match_id)
        assert (told["rule"], told["rank"], told["evidence"]) == ("echo", 1, {"reference": reference})
        decision = decisions.prepare_undo(connection, match_id, "another payee's", "lan", AT)
        deciding.approve(connection, decision, "minh", AT)
        assert list(connection.scalars(states)) == ["in_transit", "settled"]
        require_agreement(connection)
        line = next(each for each in open_breaks(connection, LATER) if each.break_class is BreakClass.UNDONE)
        assert line.break_id is not None
        assert suggest(connection, line.break_id)[0].reference == reference
        with pytest.raises(DecisionRefused, match="is not expected"):
            decisions.prepare_force(connection, line.break_id, make_reference("PN", 2), "?", "lan", AT)
        decision = decisions.prepare_force(connection, line.break_id, reference, "the bank confirmed it", "lan", AT)
        deciding.approve(connection, decision, "minh", AT)
        assert list(connection.scalars(states)) == ["settled", "settled"]
        require_agreement(connection)
        assert prove(connection, LATER).differences == ()
        (way,) = three_ways(connection, LATER)
        assert (way.difference_vnd, way.sent_vnd) == (0, way.statement_paid_vnd)
        assert way.told_success_vnd == way.sent_vnd


def test_a_day_is_proven_by_the_statement_of_the_morning_after(books: Books) -> None:
    """A line that nobody knows explains the difference of its day, though its break is opened later."""
    books.load(books.write("a", DAY, Line(-9_900)))
    with books.database.transaction() as connection:
        (account,) = report(connection, DAY)
        assert (account.proof.ledger_vnd, account.proof.statement_vnd, account.proof.difference_vnd) == (0, -9_900, 0)
        assert [each.break_class for each in account.breaks] == ["unknown_to_us"]
        assert account.keeps_open == ("cash_at_bank.simbank.retirement: 1 unknown_to_us, 9900 đ (payments)",)
        decision = decisions.prepare_write_off(connection, books.only_break(connection), "a fee", "lan", AT)
        deciding.approve(connection, decision, "minh", AT)
    with books.database.transaction() as connection:
        for day in (DAY, DAY + timedelta(days=1), LATER):
            (account,) = report(connection, day)
            assert (account.proof.difference_vnd, account.breaks, account.keeps_open) == (0, (), ())


def test_a_break_tells_all_that_was_done_about_it(books: Books) -> None:
    books.load(books.write("a", DAY, Line(-9_900)))
    with books.database.transaction() as connection:
        number = books.only_break(connection)
        told = history(connection, number)
        assert (told.open, told.amount_vnd, told.sign, told.booked_on, told.file_name) == (
            True, 9_900, "debit", DAY, "a.xml"
        )  # fmt: skip
        decision = decisions.prepare_write_off(connection, number, "a fee", "lan", AT)
        deciding.approve(connection, decision, "minh", AT + timedelta(days=1))
        told = history(connection, number)
        assert not told.open
        assert [(step.what, step.by) for step in told.steps] == [
            (f"break {number} opened: unknown_to_us", None),
            (f"decision {decision}: write_off proposed", "lan"),
            (f"decision {decision}: write_off approved", "minh"),
            (f"break {number} closed", None),
        ]
        assert [step.on for step in told.steps] == [DAY + timedelta(days=3)] * 2 + [DAY + timedelta(days=4)] * 2
        with pytest.raises(UnknownBreak):
            history(connection, number + 1)


def test_what_is_expected_due_and_came_late_is_told_apart(books: Books) -> None:
    with books.database.transaction() as connection:
        expectations.open_staging(connection)
        for number, due_on in ((1, DAY - timedelta(days=1)), (2, DAY), (3, LATER)):
            connection.execute(
                text(
                    f"INSERT INTO {expectations.STAGING} (own_account_id, sign, reference, amount_vnd, due_on, kind) "
                    "SELECT own_account_id, 'debit', :reference, 1000000, :due_on, 'other' "
                    "FROM reconciliation.own_account"
                ),
                {"reference": make_reference("PN", number), "due_on": due_on},
            )
        expectations.expect_staged(connection)
    books.load(books.write("a", DAY, Line(-1_000_000, make_reference("PN", 1))))
    with books.database.transaction() as connection:
        for wanted, number in ((AwaitedClass.LATE, 1), (AwaitedClass.DUE, 2), (AwaitedClass.EXPECTED, 3)):
            (found,) = awaited(connection, DAY, wanted)
            assert (found.reference, found.expected_vnd) == (make_reference("PN", number), 1_000_000)
        (missing,) = open_breaks(connection, LATER)
        assert (missing.break_class, missing.reference) == (BreakClass.MISSING_AT_BANK, make_reference("PN", 2))


def test_what_the_bank_tells_late_of_a_closed_month_belongs_to_the_next_one(books: Books) -> None:
    books.load(books.write("a", DAY, Line(-9_900)))
    with books.database.transaction() as connection:
        decision = decisions.prepare_write_off(connection, books.only_break(connection), "a fee", "lan", AT)
        deciding.approve(connection, decision, "minh", AT)
        close_month(connection, DAY, AFTERWARDS)
    late = books.write("b", DAY + timedelta(days=20), Line(-9_000, text="a fee told late"))
    with books.database.transaction() as connection:
        import_statement(connection, books.vault, late, AFTERWARDS)
        (found,) = (each for each in open_breaks(connection, AFTERWARDS.date()) if each.break_id is not None)
        assert found.break_id is not None
        decision = decisions.prepare_write_off(connection, found.break_id, "a fee", "lan", AFTERWARDS)
        deciding.approve(connection, decision, "minh", AFTERWARDS)
        assert balances.balance(connection, books.ledger_account, on=date(2026, 11, 30)).vnd == -9_900
        assert balances.balance(connection, books.ledger_account, on=date(2026, 12, 1)).vnd == -18_900
        (account,) = report(connection, date(2026, 12, 1))
        assert (account.proof.difference_vnd, account.keeps_open) == (0, ())


def _text_of(pdf: bytes) -> str:
    pages = (page.get_textpage().get_text_range() for page in PdfDocument(pdf))
    return " ".join(" ".join(pages).replace("−", "-").split())


def test_the_proof_of_a_day_is_numbered_and_a_month_closes_only_on_it(books: Books, tmp_path: Path) -> None:
    books.load(books.write("a", DAY, Line(-9_900)))
    with books.database.transaction() as connection:
        first = prove_day(connection, DAY, AT)
        assert prove_day(connection, DAY, AT + timedelta(hours=1)).number == first.number
        assert not first.closes
        assert content_hash(first.content).hex() == first.sha256
        with pytest.raises(NotAllowed, match="not over"):
            close_month(connection, DAY, AT)
        with pytest.raises(DoesNotHold, match="unknown_to_us"):
            close_month(connection, DAY, AFTERWARDS)
    with books.database.transaction() as connection:
        decision = decisions.prepare_write_off(connection, books.only_break(connection), "a fee", "lan", AT)
        deciding.approve(connection, decision, "minh", AT)
        second = close_month(connection, DAY, AFTERWARDS)
        assert (second.closes, second.number > first.number) == (True, True)
        assert closed_through(connection) == date(2026, 11, 1)
    assert proof_pdf(first) == proof_pdf(first) != proof_pdf(second)
    told = _text_of(proof_pdf(first))
    for words in (
        f"Số: {first.number}",
        first.sha256,
        "Không nhận ra",
        "-9.900",
        "chưa khóa sổ được",
        "Kế toán trưởng",
    ):
        assert words in told
    closed = _text_of(proof_pdf(second))
    assert "khóa sổ được" in closed
    assert "Không nhận ra" not in closed
    write_proof(tmp_path / "proof.xlsx", second)
    with tmp_path.joinpath("proof.xlsx").open("rb") as file:
        rows = [row.cells for row in read_xlsx(file)]
    assert rows[0][1] == str(second.number)
    assert rows[2][1] == second.sha256
