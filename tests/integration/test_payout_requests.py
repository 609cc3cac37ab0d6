"""Somebody else's account: asked for by a file, approved by another person, and stopped when the authority ends."""

import csv
from datetime import date, timedelta
from pathlib import Path

import builders
import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import text

from engine.database import Database
from engine.errors import NotAllowed, WrongInput
from engine.payments import payout_requests, planning, run, tracing
from engine.payments.batch import dispatch
from engine.payments.lists import write_lists
from engine.payments.payout_requests import Requested
from engine.payments.planning import PlannedRun
from engine.payments.validation import validate
from engine.people.receivers import RECEIVERS
from engine.vault import Vault
from gateways.banks.simbank import capabilities

AT, PERIOD, PAY_ON = builders.AT, builders.PERIOD, builders.PAY_ON
DECEMBER = date(2026, 12, 1)
ACCOUNT = "10290000012347"
LATER = AT + timedelta(hours=1)
_HUGE = 10**12


@pytest.fixture
def world(database: Database, vault: Vault) -> Database:
    builders.add_world(database, vault, builders.payees(2))
    return database


def mandates(path: Path, until: str = "01/06/2027", kind: str = "Ủy quyền", receiver_id: str = "001180123456") -> Path:
    row = ["001000000001", "NGUYEN VAN", kind, receiver_id, "970436", ACCOUNT, "TRẦN THỊ MAI", "UQ 12/2026"]
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        headings = [*RECEIVERS.required, *RECEIVERS.optional]
        csv.writer(file, delimiter=";").writerows([headings, [*row, "01/11/2026", until]])
    return path


def _asked(world: Database, vault: Vault, file: Path) -> list[Requested]:
    with world.transaction("lan") as connection:
        return payout_requests.import_mandates(connection, vault, file, LATER)


def _approved(world: Database, vault: Vault, file: Path) -> int:
    (requested,) = _asked(world, vault, file)
    with world.transaction("minh") as connection:
        assert payout_requests.approve(connection, vault, [requested.request_no], LATER) == 1
    return requested.request_no


def _planned(world: Database, month: date = DECEMBER, pay_on: date = DECEMBER) -> PlannedRun:
    with world.transaction("lan") as connection:
        planned = planning.plan(connection, month, pay_on, "simbank", frozenset(), AT + timedelta(days=1))
        run.submit(connection, planned.run_code, "lan", AT)
    return planned


def _sign(world: Database, run_code: str) -> None:
    for person in ("minh", "hoa"):
        with world.transaction(person) as connection:
            run.approve(connection, run_code, person, AT)


def _states(world: Database) -> list[tuple[str, str | None]]:
    with world.transaction() as connection:
        rows = connection.execute(text("SELECT state, state_reason FROM engine.payment ORDER BY payment_no"))
        return [(row.state, row.state_reason) for row in rows]


def test_a_proxy_is_paid_from_the_next_list_on_and_shown_wherever_a_person_looks(
    world: Database, vault: Vault, tmp_path: Path
) -> None:
    _approved(world, vault, mandates(tmp_path / "m.csv"))
    builders.approved_run(world)  # November goes to the account that was known
    planned = _planned(world)
    assert (planned.payments, planned.authority_ended) == (2, 0)
    with world.transaction("lan") as connection:
        holders = connection.scalars(
            text(
                "SELECT o.holder_name FROM engine.payment JOIN engine.payout_account o USING (payout_account_id)"
                " ORDER BY payment_no"
            )
        ).all()
        assert [name == "TRAN THI MAI" for name in holders] == [False, False, True, False]
        found = validate(connection, planned.run_code, _HUGE, AT + timedelta(days=1))
        notable = {each.rule: each for each in found.notable}
        assert notable["received_by_somebody_else"].payments == 1
        (reference,) = notable["received_by_somebody_else"].references
        (receiver,) = tracing.trace(connection, reference)["receiver"]
        assert (receiver["receiver"], receiver["evidence"]) == ("proxy", "UQ 12/2026")
        assert (receiver["requested_by"], receiver["decided_by"]) == ("lan", "minh")
        (written,) = write_lists(connection, vault, planned.run_code, tmp_path, AT)
    sheet = CalamineWorkbook.from_path(tmp_path / written.file).get_sheet_by_index(0).to_python()
    assert [row[9] for row in sheet[1:3]] == ["TRAN THI MAI (ủy quyền)", ""]
    assert ACCOUNT not in str(sheet)


def test_who_asked_does_not_approve_and_the_same_file_asks_once(world: Database, vault: Vault, tmp_path: Path) -> None:
    file = mandates(tmp_path / "m.csv")
    (requested,) = _asked(world, vault, file)
    assert _asked(world, vault, file) == []
    for person in ("lan", "nobody"):
        with pytest.raises(NotAllowed), world.transaction(person) as connection:
            payout_requests.approve(connection, vault, [requested.request_no], LATER)
    with world.transaction("lan") as connection:
        payout_requests.refuse(connection, requested.request_no, "sai giấy tờ", AT)
    with pytest.raises(NotAllowed, match="refused"), world.transaction("minh") as connection:
        payout_requests.approve(connection, vault, [requested.request_no], LATER)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"until": ""}, "last day"),
        ({"until": "02/11/2027"}, "12 months"),
        ({"until": "01/10/2026", "kind": "Giám hộ"}, "before the first"),
        ({"receiver_id": "001000000001"}, "own"),
        ({"kind": "Con"}, "none of"),
    ],
)
def test_a_mandate_that_the_rules_do_not_allow_is_refused(
    world: Database, vault: Vault, tmp_path: Path, changes: dict[str, str], problem: str
) -> None:
    with pytest.raises(WrongInput, match=problem):
        _asked(world, vault, mandates(tmp_path / "m.csv", **changes))


def test_a_guardian_without_a_last_day_is_taken(world: Database, vault: Vault, tmp_path: Path) -> None:
    _approved(world, vault, mandates(tmp_path / "m.csv", until="", kind="Giám hộ"))
    assert _planned(world, pay_on=date(2030, 1, 2)).authority_ended == 0


def test_an_authority_that_ended_is_not_planned_and_its_payee_is_told_of(
    world: Database, vault: Vault, tmp_path: Path
) -> None:
    _approved(world, vault, mandates(tmp_path / "m.csv"))
    planned = _planned(world, pay_on=date(2027, 6, 2))
    assert (planned.payments, planned.without_account, planned.authority_ended) == (1, 1, 1)


def test_one_that_ends_after_the_signatures_is_held_with_its_reason(
    world: Database, vault: Vault, tmp_path: Path
) -> None:
    _approved(world, vault, mandates(tmp_path / "m.csv"))
    planned = _planned(world, pay_on=date(2027, 6, 1))
    _sign(world, planned.run_code)
    with world.transaction("lan") as connection:
        dispatch(connection, planned.run_code, capabilities("simbank"), date(2027, 6, 2), AT)
    assert _states(world) == [("held", "authority_ended"), ("approved", None)]


def test_a_revoked_one_stops_what_is_planned_and_blocks_the_run(world: Database, vault: Vault, tmp_path: Path) -> None:
    number = _approved(world, vault, mandates(tmp_path / "m.csv"))
    planned = _planned(world)
    with world.transaction("tam") as connection:
        connection.execute(
            text("""
                UPDATE engine.payout_request SET revoked_at = :at, revoked_by = 'tam', revoked_for = 'x'
                WHERE request_no = :no"""),
            {"at": AT, "no": number},
        )
        found = validate(connection, planned.run_code, _HUGE, AT + timedelta(days=1))
        assert "authority_ended" in {each.rule for each in found.notable if each.blocking}
        connection.rollback()
    with world.transaction("tam") as connection:
        assert payout_requests.revoke(connection, number, "người hưởng báo", AT + timedelta(days=1)) == (1, 0)
    assert _states(world) == [("cancelled", "authority_ended"), ("planned", None)]


def test_a_proxy_who_died_receives_nothing(world: Database, vault: Vault, tmp_path: Path) -> None:
    _approved(world, vault, mandates(tmp_path / "m.csv", receiver_id="001000000002"))
    with world.transaction("lan") as connection:
        connection.execute(
            text("""
                INSERT INTO engine.vital_event (person_id, kind, happened_on, recorded_during)
                SELECT person_id, 'death', '2026-11-03', tstzrange(:at, NULL) FROM engine.award
                WHERE award_no = 'QD-000002'"""),
            {"at": AT},
        )
    with pytest.raises(WrongInput, match="nothing is due"):
        _planned(world)
