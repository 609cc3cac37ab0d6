"""A beneficiary asks for another account: told by telephone, free to object, paid there from its day on."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import builders
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from engine.database import Database
from engine.errors import NotAllowed, NotFound, WrongInput
from engine.installation import Installation
from engine.payments import payout_requests, planning
from engine.payments.payout_requests import list_requests
from engine.settings import Settings
from engine.web import create_app

PAGE = "/beneficiary/account"
LATER = builders.AT + timedelta(hours=1)
NEW, BANK = "19001234567890", "970407"
DECEMBER = date(2026, 12, 1)


@pytest.fixture
def installation(database: Database, owner: Engine, tmp_path: Path) -> Installation:
    installation = Installation(Settings(tmp_path, None, None, None), database)
    builders.add_world(database, installation.vault, builders.payees(2))
    sealed = installation.vault.seal("phone", "0912345671")
    with owner.begin() as connection:
        connection.execute(
            text("INSERT INTO engine.demonstration (payees, seed, now_at) VALUES (1, 1, :at)"), {"at": LATER}
        )
        connection.execute(text("ALTER TABLE engine.person DISABLE TRIGGER USER"))
        connection.execute(
            text("UPDATE engine.person SET phone_ciphertext = :c, phone_fingerprint = :f"),
            {"c": sealed.ciphertext, "f": sealed.fingerprint},
        )
    builders.approved_run(database)
    return installation


@pytest.fixture
def beneficiary(installation: Installation) -> Iterator[TestClient]:
    """The browser of a beneficiary who has signed in."""
    with TestClient(create_app(installation), base_url="http://127.0.0.1") as client:
        door = client.get("/sign-in").text
        user = min(re.findall(r'value="(beneficiary:[^"]+)"', door))
        client.post("/sign-in", data={"user": user, "form_token": _token(door)})
        yield client


def _token(page: str) -> str:
    found = re.search(r'name="form_token" value="([0-9a-f]+)"', page)
    assert found
    return found[1]


def _ask(beneficiary: TestClient, account: str = NEW) -> int:
    form = {"form_token": _token(beneficiary.get(PAGE).text), "bank": BANK, "account": account}
    return beneficiary.post(PAGE, data=form, follow_redirects=False).status_code


def _told(installation: Installation) -> list[str]:
    with installation.database.transaction() as connection:
        return list(connection.scalars(text("SELECT event FROM engine.notification ORDER BY notification_no")))


def _approve(installation: Installation) -> None:
    with installation.database.transaction("minh") as connection:
        assert payout_requests.approve(connection, installation.vault, [1], LATER) == 1


def _december(installation: Installation) -> list[str]:
    with installation.database.transaction("lan") as connection:
        planning.plan(connection, DECEMBER, DECEMBER, "simbank", frozenset(), LATER + timedelta(days=1))
        accounts = connection.scalars(
            text("""
                SELECT o.account_ciphertext FROM engine.payment p JOIN engine.payout_account o USING (payout_account_id)
                WHERE p.entitled_month = :month"""),
            {"month": DECEMBER},
        )
        return [installation.vault.open("account", bytes(account)) for account in accounts]


def test_another_account_is_asked_for_on_the_page_and_paid_from_its_day_on(
    installation: Installation, beneficiary: TestClient
) -> None:
    assert _ask(beneficiary) == 303
    assert _told(installation) == ["account_requested"]
    page = beneficiary.get(PAGE).text
    assert NEW not in page
    assert "01/12/2026" in page
    assert 'name="bank"' not in page  # one request waits at a time
    _approve(installation)
    assert NEW in _december(installation)


def test_who_objects_in_time_or_late_keeps_the_money_from_that_account(
    installation: Installation, beneficiary: TestClient
) -> None:
    assert _ask(beneficiary) == 303
    form = {"form_token": _token(beneficiary.get(PAGE).text)}
    assert beneficiary.post(f"{PAGE}/1/objection", data=form, follow_redirects=False).status_code == 303
    with pytest.raises(NotAllowed, match="refused"), installation.database.transaction("minh") as connection:
        payout_requests.approve(connection, installation.vault, [1], LATER)
    assert _ask(beneficiary) == 303
    with installation.database.transaction("minh") as connection:
        assert payout_requests.approve(connection, installation.vault, [2], LATER) == 1
    assert beneficiary.post(f"{PAGE}/2/objection", data=form, follow_redirects=False).status_code == 303
    assert len(_december(installation)) == 1  # the other beneficiary's alone
    with installation.database.transaction() as connection:
        stands = [(each["decision"], each["revoked_for"]) for each in list_requests(connection, installation.vault)]
    assert stands == [("approved", "người hưởng không đồng ý"), ("refused", None)]


@pytest.mark.parametrize("account", ["12", "9704151234567890", "not a number"])
def test_what_is_no_account_of_a_bank_is_refused_on_the_page(
    installation: Installation, beneficiary: TestClient, account: str
) -> None:
    assert _ask(beneficiary, account) == 400
    assert _told(installation) == []


def test_nobody_objects_to_what_is_anothers(installation: Installation) -> None:
    with installation.database.transaction("lan") as connection:
        vault, payee = installation.vault, payout_requests.payee_of(connection, "QD-000001")
        asked = payout_requests.ask_for_own(connection, vault, payee, BANK, NEW, "Mẫu 2-CBH", LATER)
        assert asked.valid_from == DECEMBER
        stranger = payout_requests.payee_of(connection, "QD-000002")
        with pytest.raises(NotFound):
            payout_requests.oppose(connection, stranger, asked.request_no, "x", LATER)
        with pytest.raises(WrongInput, match="wallet"):
            payout_requests.ask_for_own(connection, vault, stranger, builders.MOMO_WALLET, NEW, "x", LATER)


def test_what_is_asked_for_after_the_cut_off_waits_for_the_list_after_the_next(installation: Installation) -> None:
    with installation.database.transaction("lan") as connection:
        payee = payout_requests.payee_of(connection, "QD-000001")
        at = builders.AT.replace(day=21)
        asked = payout_requests.ask_for_own(connection, installation.vault, payee, BANK, NEW, "Mẫu 2-CBH", at)
    assert asked.valid_from == date(2027, 1, 1)
