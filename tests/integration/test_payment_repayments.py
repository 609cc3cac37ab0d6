"""What was paid too much is paid back by transfer or in cash: two persons name the line, and the debt goes down."""

from datetime import timedelta
from pathlib import Path

import bank_paper
import builders
import pytest
from bank_paper import Paper
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from engine.contributions.collection import open_collection_account
from engine.contributions.proof import prove_contributions
from engine.database import Database
from engine.demonstration import employer
from engine.errors import NotAllowed, NotFound, WrongInput
from engine.payments import planning, recovery, repayments
from engine.payments.decisions import approve as approve_decision
from engine.payments.life_of_award import life_of_award
from engine.payments.overpayments import book_overpayments
from engine.payments.payment import SEND, SETTLE, Voucher, move
from engine.payments.settlement import import_statement
from engine.vault import Vault
from ledger.balances import balance
from reconciliation import breaks, decisions

AT = builders.AT + timedelta(days=2)
AWARD, OWED, CASH = "QD-000001", "beneficiary_receivable", "cash_at_bank.simbank.retirement"
EVIDENCE = "Giấy nộp tiền 12/11"


class Office:
    """Of a pension of 5,000,000, 1,500,000 of November was too much; then the bank tells of money that came in."""

    def __init__(self, database: Database, vault: Vault, directory: Path) -> None:
        self.database, self.vault, self.directory = database, vault, directory
        builders.add_world(database, vault, [builders.Payee("1021000000017"), builders.Payee("1021000000027")])
        builders.approved_run(database)
        with database.transaction("lan") as connection:
            for transition in (SEND, SETTLE):
                chosen = "SELECT payment_id, NULL AS reason FROM engine.payment"
                voucher = Voucher(f"test:{transition.name}", "test", builders.PAY_ON, builders.AT)
                move(connection, transition, voucher, chosen=chosen, expected=2)
            found = "SELECT payment_id, 1500000 AS amount_vnd FROM engine.payment WHERE payment_no = 1"
            assert book_overpayments(connection, found, "amount_lowered", builders.AT) == (1, 1_500_000)
        self.papers = {fund: Paper(account, builders.OPENING_VND) for fund, account in builders.ACCOUNTS.items()}
        self.papers["collection"] = Paper(employer.COLLECTION.account)

    def comes_in(self, *amounts_vnd: int, fund: str = "retirement") -> list[int]:
        """A statement with these credits; the breaks that they make."""
        paper = self.papers[fund]
        on = builders.PAY_ON + timedelta(days=len(paper.written))
        lines = [
            bank_paper.Line(vnd, text=f"NOP LAI TIEN LUONG HUU {place}", bank_reference=f"FT{on:%d}{place}")
            for place, vnd in enumerate(amounts_vnd)
        ]
        path = paper.statement(self.directory / f"{fund}-{on}.xml", on, lines)
        with self.database.transaction() as connection:
            import_statement(connection, self.vault, path, AT)
            found = [each for each in breaks.open_breaks(connection, on) if each.line_vnd in amounts_vnd]
        return [each.break_id or 0 for each in sorted(found, key=lambda each: amounts_vnd.index(each.line_vnd or 0))]

    def propose(self, break_id: int, award: str = AWARD) -> int:
        with self.database.transaction("lan") as connection:
            return repayments.propose(connection, break_id, award, EVIDENCE, AT)

    def approve(self, repayment_no: int, person: str = "minh") -> int:
        with self.database.transaction(person) as connection:
            return repayments.approve(connection, repayment_no, person, AT)

    def take_back(self) -> None:
        """The one match turns out to be wrong."""
        with self.database.transaction("lan") as connection:
            match_id = connection.scalar(text("SELECT match_id FROM reconciliation.match")) or 0
            decision = decisions.prepare_undo(connection, match_id, "nhầm người", "lan", AT)
        with self.database.transaction("minh") as connection:
            approve_decision(connection, decision, "minh", AT)

    def standing(self) -> tuple[int, int, list[int]]:
        """The receivable and the bank's account by the ledger, and what is open by the payments."""
        with self.database.transaction() as connection:
            open_vnd = [debt.open_vnd for debt in recovery.debts(connection)]
            return balance(connection, OWED).vnd, balance(connection, CASH).vnd, open_vnd


@pytest.fixture
def office(database: Database, vault: Vault, tmp_path: Path) -> Office:
    return Office(database, vault, tmp_path)


def test_a_debt_is_repaid_in_two_parts_and_the_trace_tells_it(office: Office) -> None:
    cash_vnd = office.standing()[1]
    first, second = office.comes_in(500_000, 1_000_000)
    assert office.approve(office.propose(first)) == 1_000_000
    assert office.standing() == (1_000_000, cash_vnd + 500_000, [1_000_000])
    with office.database.transaction() as connection:
        (debt,) = recovery.debts(connection)
        assert (debt.owed_vnd, debt.withheld_vnd, debt.repaid_vnd) == (1_500_000, 0, 500_000)
    assert office.approve(office.propose(second), "hoa") == 0
    assert office.standing() == (0, cash_vnd + 1_500_000, [])
    with office.database.transaction() as connection:
        assert [each for each in breaks.open_breaks(connection, builders.PAY_ON) if each.line_vnd] == []
        page = life_of_award(connection, AWARD)
    assert [(event["amount_vnd"], event["article"]) for event in page if event["what"] == "repaid"] == [
        (500_000, EVIDENCE),
        (1_000_000, EVIDENCE),
    ]


def test_a_debt_never_falls_below_zero(office: Office) -> None:
    too_much, first, second = office.comes_in(1_500_001, 1_000_000, 600_000)
    with pytest.raises(WrongInput, match="brings 1500001 đ, and the payee of QD-000001 owes 1500000 đ"):
        office.propose(too_much)
    waiting = [office.propose(first), office.propose(second)]
    assert office.approve(waiting[0]) == 500_000
    with pytest.raises(NotAllowed, match="brings 600000 đ, and 500000 đ is owed by now"):
        office.approve(waiting[1])
    assert office.standing()[2] == [500_000]


def test_what_a_plan_withholds_counts_before_a_repayment(office: Office) -> None:
    (line,) = office.comes_in(1_500_000)
    waiting = office.propose(line)
    with office.database.transaction("lan") as connection:
        plan_no = recovery.propose(
            connection,
            AWARD,
            starts_month=builders.PERIOD.replace(month=12),
            percent=20,
            floor_vnd=2_000_000,
            months=None,
            evidence=EVIDENCE,
            at=AT,
        )
    with office.database.transaction("minh") as connection:
        recovery.approve(connection, plan_no, AT)
        planned = planning.plan(
            connection, builders.PERIOD.replace(month=12), builders.PAY_ON, "simbank", frozenset(), AT
        )
    assert planned.withheld_vnd == 1_000_000
    with pytest.raises(NotAllowed, match="500000 đ is owed by now"):
        office.approve(waiting)


def test_one_proposes_and_another_who_may_approves_once(office: Office) -> None:
    (line,) = office.comes_in(500_000)
    with pytest.raises(WrongInput) as refused:
        office.propose(999, "QD-999999")
    assert len(refused.value.problems) == 2
    with pytest.raises(WrongInput, match="owes 0 đ"):
        office.propose(line, "QD-000002")
    waiting = office.propose(line)
    with pytest.raises(NotAllowed, match="waits for its decision already"):
        office.propose(line)
    for person in ("lan", "nobody"):
        with pytest.raises(NotAllowed, match="approver or authoriser"):
            office.approve(waiting, person)
    office.approve(waiting)
    with pytest.raises(NotAllowed, match="decided already"):
        office.approve(waiting, "hoa")
    with pytest.raises(NotFound):
        office.approve(99)


def test_who_proposed_and_became_an_approver_does_not_approve(office: Office, superuser: Engine) -> None:
    (line,) = office.comes_in(500_000)
    waiting = office.propose(line)
    with superuser.begin() as connection:
        connection.execute(text("UPDATE engine.staff SET role = 'approver' WHERE person = 'lan'"))
    with pytest.raises(NotAllowed, match="two persons"):
        office.approve(waiting, "lan")


def test_a_refused_repayment_leaves_the_line_to_be_known_by_somebody_else(office: Office) -> None:
    (line,) = office.comes_in(500_000)
    waiting = office.propose(line)
    with office.database.transaction("minh") as connection:
        repayments.refuse(connection, waiting, "của người khác", AT)
    with pytest.raises(NotAllowed, match="decided already"):
        office.approve(waiting)
    assert office.approve(office.propose(line)) == 1_000_000


def test_money_on_the_account_of_another_fund_is_not_this_debts(office: Office) -> None:
    (line,) = office.comes_in(500_000, fund="state_budget")
    with pytest.raises(WrongInput, match="is of state_budget, QD-000001 of retirement"):
        office.propose(line)


def test_what_came_to_a_collection_account_is_taken_out_of_suspense_and_back(office: Office) -> None:
    nobodys = "receipts_unallocated.unidentified"
    with office.database.transaction("lan") as connection:
        open_collection_account(connection, office.vault, employer.COLLECTION)
    (line,) = office.comes_in(500_000, fund="collection")
    waiting = office.propose(line)
    with office.database.transaction() as connection:
        assert balance(connection, nobodys).vnd == 500_000
    assert office.approve(waiting) == 1_000_000
    with office.database.transaction() as connection:
        assert (balance(connection, nobodys).vnd, balance(connection, OWED).vnd) == (0, 1_000_000)
        assert prove_contributions(connection).differences == ()
    office.take_back()
    with office.database.transaction() as connection:
        assert (balance(connection, nobodys).vnd, balance(connection, OWED).vnd) == (500_000, 1_500_000)
        assert prove_contributions(connection).differences == ()


def test_a_match_taken_back_brings_the_debt_back(office: Office) -> None:
    before = office.standing()
    (line,) = office.comes_in(500_000)
    office.approve(office.propose(line))
    office.take_back()
    assert office.standing() == before
    with office.database.transaction() as connection:
        (undone,) = breaks.open_breaks(connection, AT.date())
    assert office.approve(office.propose(undone.break_id or 0)) == 1_000_000


def test_the_database_itself_keeps_the_two_persons_apart(office: Office, application: Engine) -> None:
    (line,) = office.comes_in(500_000)
    waiting = office.propose(line)
    approval = text("""
        WITH acting AS (SELECT set_config('thuchi.person', :person, true))
        UPDATE engine.repayment SET approved_at = now(), approved_by = :person, booked_on = '2026-11-02', entry_id = 1
        FROM acting WHERE repayment_no = :no""")
    with pytest.raises(DBAPIError, match="in person"), application.begin() as connection:
        connection.execute(approval, {"person": "lan", "no": waiting})
    with pytest.raises(DBAPIError, match="permission denied"), application.begin() as connection:
        connection.execute(text("UPDATE engine.repayment SET amount_vnd = 1"))
