"""A year of one beneficiary, told by `thuchi trace` on one page on which every number has its article."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import builders
import pytest
from sqlalchemy import text

from engine.awards.adjustment import adjust_running
from engine.awards.claim import Claim, Claimed, Death, Relative, Stretch
from engine.awards.correction import approve_correction, propose_corrections
from engine.awards.files import import_awards
from engine.clock import VIET_NAM
from engine.database import Database
from engine.demonstration.workbook import write_claims
from engine.law.calendar import Month
from engine.law.parameters import Parameters
from engine.payments import planning, recovery, run
from engine.payments.agreement import require_agreement
from engine.payments.deaths import follow_deaths
from engine.payments.life_of_award import life_of_award
from engine.payments.overpayments import follow_lowered_amounts
from engine.payments.payment import RETURN, SEND, SETTLE, Transition, Voucher, move
from engine.people.accounts import Account, Change, change_accounts
from engine.people.person import Person
from engine.vault import Vault
from ledger.balances import balance

BINH = Person("Đỗ Văn Bình", "M", date(1964, 6, 9), "079064654321", "7912345678", None, "79", "urban")
LAN = Person("Phạm Thị Lan", "F", date(1966, 1, 9), "079166654322", None, None, "79", "urban")
MAI = Person("Đỗ Thị Mai", "F", date(2015, 3, 10), "079315000001", None, None, "79", "urban")
DIED_ON = date(2026, 9, 10)


def pension(wage_vnd: int) -> Claim:
    """From January 2026, after twenty years at one wage."""
    stretch = Stretch(date(2006, 1, 1), date(2025, 12, 1), "private", wage_vnd, None, None)
    day = date(2026, 1, 1)
    return Claim("HS-1", Claimed.PENSION, day, BINH, BINH, starts_on=day, history=(stretch,))


class Year:
    """The office through the year: one preparer, two who sign, and a bank that does what it is told."""

    def __init__(self, database: Database, vault: Vault, directory: Path) -> None:
        self.database, self.vault, self.directory = database, vault, directory

    def at(self, month: int, day: int) -> datetime:
        return datetime(2026, month, day, 9, tzinfo=VIET_NAM)

    def write(self, *claims: Claim) -> Path:
        path = self.directory / f"{len(list(self.directory.iterdir()))}.xlsx"
        write_claims(path, claims)
        return path

    def award(self, on: datetime, *claims: Claim) -> None:
        with self.database.transaction("lan") as connection:
            imported = import_awards(connection, self.vault, self.write(*claims), on.date(), on)
            assert imported.awards == len(claims), imported.refused

    def account(self, who: Person, number: str, on: datetime) -> None:
        fingerprint = self.vault.fingerprint("personal_id", who.personal_id)
        with self.database.transaction("lan") as connection:
            person_id: UUID = connection.execute(
                text("SELECT person_id FROM engine.person WHERE personal_id_fingerprint = :print"),
                {"print": fingerprint},
            ).scalar_one()
            change = Change(person_id, Account("970436", number, who.name), on.date())
            change_accounts(connection, self.vault, [change], on)

    def pay(self, period: date, on: datetime, plan: Callable[..., planning.PlannedRun] | None = None) -> str:
        with self.database.transaction("lan") as connection:
            allowed = frozenset(
                connection.scalars(
                    text("""
                        SELECT unnest(unconfirmed) FROM engine.award
                        UNION SELECT unnest(unconfirmed) FROM engine.award_amount""")
                )
            )
            planned = (
                planning.plan_reissues(connection, on.date(), "simbank", allowed, on)
                if plan
                else planning.plan(connection, period, on.date(), "simbank", allowed, on)
            )
            run.submit(connection, planned.run_code, "lan", on)
        for person in ("minh", "hoa"):
            with self.database.transaction(person) as connection:
                run.approve(connection, planned.run_code, person, on)
        for transition in (SEND, SETTLE):
            self.bank(transition, planned.run_code, on)
        return planned.run_code

    def bank(self, transition: Transition, run_code: str, on: datetime) -> None:
        """What batches and statements do."""
        of_run = "run_id = (SELECT run_id FROM engine.payment_run WHERE run_code = :code)"
        with self.database.transaction() as connection:
            count = connection.execute(
                text(f"SELECT count(*) FROM engine.payment WHERE {of_run} AND state = '{transition.source}'"),
                {"code": run_code},
            ).scalar_one()
            move(
                connection,
                transition,
                Voucher(f"{run_code}:{transition.name}", run_code, on.date(), on),
                chosen=f"""
                    SELECT payment_id, 'AC04' AS reason FROM engine.payment
                    WHERE {of_run} AND state = '{transition.source}'""",
                expected=count,
                code=run_code,
            )
            if transition is RETURN:
                follow_deaths(connection, on)
            require_agreement(connection)


@pytest.fixture
def year(database: Database, vault: Vault, tmp_path: Path) -> Year:
    """2026, as it happened."""
    directory = tmp_path / "files"
    directory.mkdir()
    year = Year(database, vault, directory)
    with database.transaction("lan") as connection:
        builders.add_staff(connection)
        builders.add_bank(connection, vault)
    year.award(year.at(1, 5), pension(10_000_000))
    year.account(BINH, "1021000000017", year.at(1, 6))
    for month in (1, 2, 3):
        year.pay(date(2026, month, 1), year.at(month, 10))
    _correct(year)
    for month in (4, 5, 6):
        year.pay(date(2026, month, 1), year.at(month, 10))
    with database.transaction("lan") as connection:
        adjusted = adjust_running(connection, date(2026, 7, 1), Parameters.load(), year.at(7, 1))
        assert adjusted.pensions == 1
    year.account(BINH, "1021000009011", year.at(7, 5))
    returned = year.pay(date(2026, 7, 1), year.at(7, 10))
    year.bank(RETURN, returned, year.at(7, 11))
    year.account(BINH, "1021000000027", year.at(7, 15))
    year.pay(date(2026, 7, 1), year.at(7, 16), planning.plan_reissues)
    for month in (8, 9, 10):
        last = year.pay(date(2026, month, 1), year.at(month, 10))
    _learn_of_the_death(year, last)
    return year


def _correct(year: Year) -> None:
    """In April it turns out that the wage was 9,500,000: three months were too high, and are recovered by a fifth."""
    at = year.at(4, 2)
    with year.database.transaction("lan") as connection:
        (proposed,) = propose_corrections(
            connection, year.vault, year.write(pension(9_500_000)), "CV 7/BHXH", at.date(), at
        )
    with year.database.transaction("minh") as connection:
        approve_correction(connection, proposed.version_no, at)
        follow_lowered_amounts(connection, at)
    with year.database.transaction("lan") as connection:
        plan_no = recovery.propose(
            connection,
            "QĐ-HS-1",
            starts_month=date(2026, 4, 1),
            percent=20,
            floor_vnd=2_000_000,
            months=None,
            evidence="QĐ 15/QĐ-BHXH",
            at=at,
        )
    with year.database.transaction("minh") as connection:
        recovery.approve(connection, plan_no, at)


def _learn_of_the_death(year: Year, last: str) -> None:
    """He died in September; in November the register says so. October is recoverable, and the bank gives it back."""
    at = year.at(11, 2)
    status = Death(DIED_ON, False, "pensioner", 4_000_000, 9)
    history = pension(9_500_000).history
    arranged = Claim("HS-2", Claimed.FUNERAL_GRANT, at.date(), BINH, LAN, death=status, history=history)
    relatives = (Relative(MAI, "child", 0, 0, studying=True, alone=False),)
    survivors = Claim(
        "HS-3", Claimed.SURVIVOR_ALLOWANCE, at.date(), BINH, MAI, death=status, history=history, relatives=relatives
    )
    year.award(at, arranged, survivors)
    with year.database.transaction("lan") as connection:
        assert follow_deaths(connection, at).overpaid == 1
        assert balance(connection, "beneficiary_receivable").vnd > 0
    year.bank(RETURN, last, at + timedelta(days=1))
    for who, number in ((LAN, "1021000000037"), (MAI, "1021000000047")):
        year.account(who, number, at)
    year.pay(date(2026, 11, 1), year.at(11, 10))


def test_a_year_of_one_beneficiary_is_one_page_and_every_number_has_its_article(year: Year) -> None:
    with year.database.transaction() as connection:
        page = life_of_award(connection, "QĐ-HS-1")
        assert page == life_of_award(connection, "QĐ-HS-3-1")
        owed = balance(connection, "beneficiary_receivable").vnd
        assert recovery.debts(connection) == []
    assert owed == 0
    assert [event for event in page if event["amount_vnd"] is not None and not event["article"]] == []
    assert {event["what"] for event in page} == {
        *("awarded", "amount", "account", "corrected", "paid", "withheld", "recoverable", "died"),
    }
    told = [(event["what"], event["award"], event["month"], event["state"].split(",")[0]) for event in page]
    assert ("paid", "QĐ-HS-1", date(2026, 7, 1), "returned") in told
    assert ("paid", "QĐ-HS-1", date(2026, 7, 1), "settled") in told
    assert ("paid", "QĐ-HS-1", date(2026, 10, 1), "cancelled") in told
    assert ("recoverable", "QĐ-HS-1", date(2026, 10, 1), "payee_had_died") in told
    assert ("paid", "QĐ-HS-2", date(2026, 11, 1), "settled") in told
    assert ("paid", "QĐ-HS-3-1", date(2026, 11, 1), "settled") in told
    by_law = {event["article"] for event in page if event["what"] == "paid" and event["award"] == "QĐ-HS-1"}
    assert by_law == {"khoản 1 Điều 66 Luật 41/2024/QH15", "Điều 2 Nghị định 162/2026/NĐ-CP"}
    (back,) = [event["state"] for event in page if event["state"].startswith("returned")]
    assert back.startswith("returned, AC04, again by PN")
    # One for each account that was valid from a day of its own, the last two of the survivors.
    assert [event["award"] for event in page if event["what"] == "account"] == [
        *["QĐ-HS-1"] * 3,
        "QĐ-HS-2",
        "QĐ-HS-3-1",
    ]
    assert [event["day"] for event in page] == sorted(event["day"] for event in page)
    numbers = str(page)
    for secret in (BINH.personal_id, BINH.insured_number, "1021000000017", BINH.name):
        assert str(secret) not in numbers


def test_what_was_withheld_is_what_was_too_much_and_the_gross_is_the_expense(year: Year) -> None:
    """Three months too high are recovered; the expense is what was due for January to September."""
    with year.database.transaction() as connection:
        page = life_of_award(connection, "QĐ-HS-1")
        expense = balance(connection, "benefit_expense.pension").vnd
        due = {
            month: connection.execute(
                text("""
                    SELECT amount_vnd FROM engine.award_amount JOIN engine.award USING (award_id)
                    WHERE award_no = 'QĐ-HS-1' AND upper_inf(recorded_during)
                        AND entitled_during @> CAST(:month AS date)"""),
                {"month": (Month.of(2026, 1) + month).first_day},
            ).scalar_one()
            for month in range(9)
        }
    too_much = [event["amount_vnd"] for event in page if event["state"] == "amount_lowered"]
    withheld = [event["amount_vnd"] for event in page if event["what"] == "withheld"]
    assert len(too_much) == 3
    assert sum(withheld) == sum(too_much)
    assert expense == sum(due.values())
