"""A corrected record of wages changes every month since the award: back pay, or a recoverable amount, never an edit."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import builders
import pytest
from sqlalchemy import text

from engine.awards.claim import Claim, Claimed, Stretch
from engine.awards.correction import Proposed, approve_correction, corrections_of, propose_corrections
from engine.awards.files import import_awards
from engine.database import Database
from engine.demonstration.workbook import write_claims
from engine.errors import NotAllowed, WrongInput
from engine.payments import planning
from engine.payments.overpayments import follow_lowered_amounts
from engine.payments.payment import SEND, SETTLE, Voucher, move
from engine.people.person import Person
from engine.vault import Vault
from ledger.balances import balance

AT = datetime(2026, 6, 20, 1, tzinfo=UTC)
LATER = datetime(2026, 8, 20, 1, tzinfo=UTC)
AUGUST, SEPTEMBER = date(2026, 8, 1), date(2026, 9, 1)
HOA = Person("Trần Thị Hoa", "F", date(1969, 5, 20), "001169123456", "0112345678", None, "01", "urban")
FIRST, LAST = date(2011, 6, 1), date(2026, 5, 1)


def claim(wage_vnd: int, claim_no: str = "HS-1") -> Claim:
    """A pension from June 2026 after fifteen years at one wage."""
    stretch = Stretch(FIRST, LAST, "private", wage_vnd, None, None)
    received = date(2026, 6, 1)
    return Claim(claim_no, Claimed.PENSION, received, HOA, HOA, starts_on=received, history=(stretch,))


@pytest.fixture
def paid(database: Database, vault: Vault, tmp_path: Path) -> Database:
    """June, July and August are paid at a wage of 10,000,000: 5,570,750 in June, then 6,016,410."""
    write_claims(tmp_path / "first.xlsx", [claim(10_000_000)])
    with database.transaction("lan") as connection:
        builders.add_staff(connection)
        builders.add_bank(connection, vault)
        import_awards(connection, vault, tmp_path / "first.xlsx", date(2026, 7, 1), AT)
        sealed = vault.seal("account", "1021000000017")
        connection.execute(
            text("""
                INSERT INTO engine.payout_account (person_id, bank_bin, account_ciphertext, account_fingerprint,
                    holder_name, valid_during, recorded_during)
                SELECT person_id, '970436', :ciphertext, :fingerprint, 'TRAN THI HOA', '[2026-01-01,)',
                    tstzrange(:at, NULL) FROM engine.person"""),
            {"ciphertext": sealed.ciphertext, "fingerprint": sealed.fingerprint, "at": AT},
        )
    with database.transaction("lan") as connection:
        planned = planning.plan(connection, date(2026, 6, 1), AUGUST, "simbank", _unconfirmed(database), AT, AUGUST)
        assert planned.amount_vnd == 5_570_750 + 2 * 6_016_410
        connection.execute(text("UPDATE engine.payment SET state = 'approved'"))
        for transition in (SEND, SETTLE):
            chosen = "SELECT payment_id, NULL AS reason FROM engine.payment"
            voucher = Voucher(transition.name, "test", AUGUST, AT)
            move(connection, transition, voucher, chosen=chosen, expected=3)
    return database


def _unconfirmed(database: Database) -> frozenset[str]:
    with database.transaction() as connection:
        return frozenset(
            connection.scalars(
                text("""
                    SELECT unnest(unconfirmed) FROM engine.award
                    UNION SELECT unnest(unconfirmed) FROM engine.award_amount""")
            )
        )


def _propose(database: Database, vault: Vault, directory: Path, corrected: Claim) -> list[Proposed]:
    write_claims(directory / "corrected.xlsx", [corrected])
    with database.transaction("lan") as connection:
        return propose_corrections(
            connection, vault, directory / "corrected.xlsx", "CV 12/BHXH", date(2026, 8, 20), LATER
        )


def _approve(database: Database, version_no: int) -> None:
    with database.transaction("minh") as connection:
        assert approve_correction(connection, version_no, LATER) == ["QĐ-HS-1"]


def test_a_higher_wage_is_back_pay_of_the_next_run(paid: Database, vault: Vault, tmp_path: Path) -> None:
    """At 11,000,000 the pension is a tenth more, to the rounding of the decree's adjustment."""
    (proposed,) = _propose(paid, vault, tmp_path, claim(11_000_000))
    with paid.transaction() as connection:
        assert (
            connection.scalar(text("SELECT count(*) FROM engine.award_amount WHERE NOT upper_inf(recorded_during)"))
            == 0
        )
    _approve(paid, proposed.version_no)
    assert (proposed.months, proposed.recoverable_vnd) == (3, 0)
    assert proposed.back_pay_vnd == 557_075 + 2 * 601_641
    with paid.transaction("lan") as connection:
        planned = planning.plan(connection, SEPTEMBER, SEPTEMBER, "simbank", _unconfirmed(paid), LATER)
        rows = connection.execute(
            text("SELECT entitled_month, part, amount_vnd FROM engine.payment WHERE state = 'planned' ORDER BY 1")
        ).all()
        (told,) = corrections_of(connection, "QĐ-HS-1")
    assert [tuple(row) for row in rows] == [
        (date(2026, 6, 1), 2, 557_075),
        (date(2026, 7, 1), 2, 601_641),
        (AUGUST, 2, 601_641),
        (SEPTEMBER, 1, 6_618_051),
    ]
    assert planned.amount_vnd == proposed.back_pay_vnd + 6_618_051
    assert told["months"][0]["before_vnd"] == 5_570_750
    assert (told["proposed_by"], told["approved_by"], told["evidence"]) == ("lan", "minh", "CV 12/BHXH")
    with paid.transaction() as connection:
        wages = connection.scalars(
            text("SELECT wage_vnd FROM engine.contribution_period WHERE upper_inf(recorded_during)")
        ).all()
        findings = connection.scalar(text("SELECT findings -> -1 ->> 'rule' FROM engine.correction"))
    assert (wages, findings) == ([11_000_000], "difference")


def test_a_lower_wage_is_recoverable(paid: Database, vault: Vault, tmp_path: Path) -> None:
    (proposed,) = _propose(paid, vault, tmp_path, claim(9_000_000))
    _approve(paid, proposed.version_no)
    assert (proposed.back_pay_vnd, proposed.recoverable_vnd) == (0, 557_075 + 2 * 601_641)
    with paid.transaction("lan") as connection:
        assert follow_lowered_amounts(connection, LATER) == (3, proposed.recoverable_vnd)
        assert balance(connection, "beneficiary_receivable").vnd == proposed.recoverable_vnd


def test_corrected_facts_that_give_nothing_are_refused(paid: Database, vault: Vault, tmp_path: Path) -> None:
    earlier = replace(claim(10_000_000), starts_on=date(2026, 5, 1))
    stretch = Stretch(date(2011, 5, 1), date(2026, 4, 1), "private", 10_000_000, None, None)
    with pytest.raises(WrongInput, match="give nothing"):
        _propose(paid, vault, tmp_path, replace(earlier, history=(stretch,)))


def test_who_proposed_a_correction_does_not_approve_it(paid: Database, vault: Vault, tmp_path: Path) -> None:
    (proposed,) = _propose(paid, vault, tmp_path, claim(11_000_000))
    with pytest.raises(NotAllowed, match="approver or authoriser"), paid.transaction("lan") as connection:
        approve_correction(connection, proposed.version_no, LATER)
    (second,) = _propose(paid, vault, tmp_path, claim(12_000_000))
    _approve(paid, second.version_no)
    with pytest.raises(NotAllowed, match="changed since"), paid.transaction("minh") as connection:
        approve_correction(connection, proposed.version_no, LATER)


def test_a_claim_without_an_award_is_no_correction(paid: Database, vault: Vault, tmp_path: Path) -> None:
    with pytest.raises(WrongInput, match="no award that could be corrected"):
        _propose(paid, vault, tmp_path, claim(11_000_000, "HS-9"))
