"""A birth date was recorded wrongly: a pension begins later, a child's allowance ends in another month."""

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import builders
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from engine.awards.claim import Claim, Claimed, Death, Relative, Stretch
from engine.awards.correction import Proposed, approve_correction, propose_corrections
from engine.awards.files import import_awards
from engine.clock import VIET_NAM
from engine.database import Database
from engine.demonstration.workbook import write_claims
from engine.errors import NotAllowed, WrongInput
from engine.payments.overpayments import follow_lowered_amounts
from engine.payments.payment import SEND, SETTLE, Voucher, move
from engine.payments.planning import plan
from engine.people.accounts import Account, Change, change_accounts
from engine.people.person import Person
from engine.vault import Vault

AT = datetime(2026, 10, 5, 9, tzinfo=VIET_NAM)
LATER = datetime(2026, 11, 20, 9, tzinfo=VIET_NAM)
NOVEMBER = date(2026, 11, 1)
BINH = Person("Đỗ Văn Bình", "M", date(1961, 1, 15), "079061654321", "7912345678", None, "79", "urban")
TAM = Person("Lê Thị Tâm", "F", date(1962, 3, 2), "079162654322", None, None, "79", "urban")
MAI = Person("Đỗ Thị Mai", "F", date(2008, 9, 10), "079308000001", None, None, "79", "urban")
HOA = Person("Trần Thị Hoa", "F", date(1969, 5, 20), "001169123456", "0112345678", None, "01", "urban")
DEATH = Death(date(2026, 3, 10), False, "pensioner", 4_000_000, 60)


def survivors(*relatives: tuple[Person, str], died_on: date = DEATH.on) -> Claim:
    people = tuple(Relative(who, relation, 0, 0, studying=False, alone=False) for who, relation in relatives)
    received, payee, death = date(2026, 4, 1), relatives[0][0], replace(DEATH, on=died_on)
    return Claim("HS-3", Claimed.SURVIVOR_ALLOWANCE, received, BINH, payee, death=death, relatives=people)


def pension(of: Person, starts_on: date) -> Claim:
    """After sixteen years at one wage."""
    stretch = Stretch(date(2010, 6, 1), date(2026, 5, 1), "private", 10_000_000, None, None)
    return Claim("HS-1", Claimed.PENSION, date(2026, 6, 1), of, of, starts_on=starts_on, history=(stretch,))


class Office:
    def __init__(self, database: Database, vault: Vault, directory: Path) -> None:
        self.database, self.vault, self.directory = database, vault, directory
        with database.transaction("lan") as connection:
            builders.add_staff(connection)
            builders.add_bank(connection, vault)

    def write(self, claim: Claim) -> Path:
        path = self.directory / f"{len(list(self.directory.iterdir()))}.xlsx"
        write_claims(path, [claim])
        return path

    def award_and_pay(self, claim: Claim, first: date) -> None:
        """Everything from a month through October."""
        with self.database.transaction("lan") as connection:
            import_awards(connection, self.vault, self.write(claim), AT.date(), AT)
            for number, row in enumerate(connection.execute(text("SELECT person_id, name FROM engine.person"))):
                account = Account("970436", f"10210000{number:05d}7", row.name)
                change_accounts(connection, self.vault, [Change(row.person_id, account, first)], AT)
            planned = plan(connection, first, AT.date(), "simbank", self._unconfirmed(), AT, date(2026, 10, 1))
            connection.execute(text("UPDATE engine.payment SET state = 'approved'"))
            for transition in (SEND, SETTLE):
                chosen = "SELECT payment_id, NULL AS reason FROM engine.payment"
                voucher = Voucher(transition.name, "test", AT.date(), AT)
                move(connection, transition, voucher, chosen=chosen, expected=planned.payments)

    def propose(self, claim: Claim) -> list[Proposed]:
        with self.database.transaction("lan") as connection:
            path = self.write(claim)
            return propose_corrections(connection, self.vault, path, "Trích lục khai sinh 5/2026", LATER.date(), LATER)

    def approve(self, version_no: int) -> int:
        """What is recoverable by it, in đồng."""
        with self.database.transaction("minh") as connection:
            approve_correction(connection, version_no, LATER)
            return follow_lowered_amounts(connection, LATER)[1]

    def plan_november(self) -> list[tuple[str, date, int]]:
        with self.database.transaction("lan") as connection:
            plan(connection, NOVEMBER, LATER.date(), "simbank", self._unconfirmed(), LATER)
            return [
                tuple(row)
                for row in connection.execute(
                    text("""
                        SELECT a.award_no, p.entitled_month, p.amount_vnd FROM engine.payment p
                        JOIN engine.award a USING (award_id) WHERE p.state = 'planned' ORDER BY 1, 2""")
                )
            ]

    def born(self, name: str) -> date:
        with self.database.transaction() as connection:
            born_on: date = connection.execute(
                text("SELECT birth_date FROM engine.person WHERE name = :name"), {"name": name}
            ).scalar_one()
        return born_on

    def _unconfirmed(self) -> frozenset[str]:
        with self.database.transaction() as connection:
            return frozenset(
                connection.scalars(
                    text("""
                        SELECT unnest(unconfirmed) FROM engine.award
                        UNION SELECT unnest(unconfirmed) FROM engine.award_amount""")
                )
            )


@pytest.fixture
def office(database: Database, vault: Vault, tmp_path: Path) -> Office:
    return Office(database, vault, tmp_path)


IN_SEPTEMBER = replace(HOA, birth_date=date(1969, 9, 20))


def test_a_pension_begins_with_the_corrected_age_and_what_came_before_is_recoverable(office: Office) -> None:
    """47 % of 12,750,000 is 5,992,500, and 6,471,900 after 1 July; who begins in October has no adjustment of July."""
    office.award_and_pay(pension(HOA, date(2026, 6, 1)), date(2026, 6, 1))
    with pytest.raises(WrongInput, match=r"give nothing \(age\): claim the month from which they do"):
        office.propose(pension(IN_SEPTEMBER, date(2026, 6, 1)))
    (proposed,) = office.propose(pension(IN_SEPTEMBER, date(2026, 10, 1)))
    assert office.born(HOA.name) == HOA.birth_date
    assert office.approve(proposed.version_no) == 5_992_500 + 3 * 6_471_900 + (6_471_900 - 5_992_500)
    assert office.born(HOA.name) == IN_SEPTEMBER.birth_date
    assert office.plan_november() == [("QĐ-HS-1", NOVEMBER, 5_992_500)]


@pytest.mark.parametrize(
    ("born_on", "recoverable_vnd", "of_november"),
    [
        (date(2008, 12, 10), 0, [("QĐ-HS-3-2", date(2026, 10, 1), 1_265_000), ("QĐ-HS-3-2", NOVEMBER, 1_265_000)]),
        (date(2008, 7, 10), 2 * 1_265_000, []),
    ],
    ids=["18 in December", "18 in July"],
)
def test_a_childs_allowance_ends_by_the_corrected_age(
    office: Office, born_on: date, recoverable_vnd: int, of_november: list[tuple[str, date, int]]
) -> None:
    """On record Mai is 18 in September, her last month; the corrected claim names the relatives the other way round."""
    office.award_and_pay(survivors((TAM, "spouse"), (MAI, "child")), date(2026, 4, 1))
    proposed = office.propose(survivors((replace(MAI, birth_date=born_on), "child"), (TAM, "spouse")))
    assert [(each.award_no, each.months > 0) for each in proposed] == [("QĐ-HS-3-1", False), ("QĐ-HS-3-2", True)]
    assert office.approve(proposed[0].version_no) == recoverable_vnd
    assert office.born(MAI.name) == born_on
    assert office.plan_november() == [("QĐ-HS-3-1", NOVEMBER, 1_265_000), *of_november]


def test_another_name_another_day_of_death_and_another_relative_are_refused(office: Office) -> None:
    office.award_and_pay(survivors((TAM, "spouse"), (MAI, "child")), date(2026, 4, 1))
    renamed = replace(MAI, name="Đỗ Thị Minh", birth_date=date(2008, 12, 10))
    with pytest.raises(WrongInput, match="another name, sex or birth date"):
        office.propose(survivors((TAM, "spouse"), (renamed, "child")))
    with pytest.raises(WrongInput, match="the death is recorded as of 10/03/2026"):
        office.propose(survivors((TAM, "spouse"), (MAI, "child"), died_on=date(2026, 3, 9)))
    mother = Person("Trần Thị Hoa", "F", date(1940, 5, 20), "001140123456", None, None, "01", "urban")
    with pytest.raises(WrongInput, match="survivor_allowance of Trần Thị Hoa is no award of this claim yet"):
        office.propose(survivors((TAM, "spouse"), (MAI, "child"), (mother, "mother")))


def test_of_two_corrections_of_one_birth_the_second_is_proposed_anew(office: Office) -> None:
    office.award_and_pay(survivors((MAI, "child"), (TAM, "spouse")), date(2026, 4, 1))
    first = office.propose(survivors((replace(MAI, birth_date=date(2008, 12, 10)), "child"), (TAM, "spouse")))
    second = office.propose(survivors((replace(MAI, birth_date=date(2008, 11, 10)), "child"), (TAM, "spouse")))
    office.approve(second[0].version_no)
    with pytest.raises(NotAllowed, match="propose it anew"):
        office.approve(first[0].version_no)
    assert office.born(MAI.name) == date(2008, 11, 10)


def test_the_database_takes_a_birth_date_from_an_approved_version_alone(office: Office, application: Engine) -> None:
    office.award_and_pay(survivors((MAI, "child"), (TAM, "spouse")), date(2026, 4, 1))
    office.propose(survivors((replace(MAI, birth_date=date(2008, 12, 10)), "child"), (TAM, "spouse")))
    by_hand = text("UPDATE engine.person SET birth_date = '2008-12-10' WHERE name = :name")
    with pytest.raises(DBAPIError, match="by an approved version of a claim"), application.begin() as connection:
        connection.execute(by_hand, {"name": MAI.name})
