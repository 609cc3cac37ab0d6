"""What an employer sees of its account: the ledger's own lines, months declared again, what is late; both languages."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from io import BytesIO
from pathlib import Path

import builders
import pytest
from employer_world import DUES, NOVEMBER, OCTOBER, EmployerWorld
from fastapi.testclient import TestClient
from python_calamine import CalamineWorkbook
from sqlalchemy import Engine, text

from engine.api.identity import COOKIE, Role, Session, User
from engine.clock import VIET_NAM, Clock
from engine.contributions.declaration_returns import note_return
from engine.contributions.lateness import urge
from engine.contributions.refunds import request_refund
from engine.database import Database
from engine.installation import Installation
from engine.law.parameters import Parameters
from engine.payments.refunds import plan_refunds
from engine.people.accounts import Account
from engine.settings import Settings
from engine.vault import Vault
from engine.web import create_app

AT = datetime(2026, 12, 5, 9, tzinfo=VIET_NAM)


@dataclass(frozen=True)
class Site:
    """The portal over one employer's account."""

    client: TestClient
    installation: Installation
    world: EmployerWorld

    def page(self, user: User, address: str) -> str:
        sealed = Session.begin(user.code, Clock().now()).sealed(self.installation.vault)
        self.client.cookies.set(COOKIE, sealed)
        answer = self.client.get(address)
        assert answer.status_code == 200
        return answer.text


@pytest.fixture
def site(database: Database, owner: Engine, vault: Vault, tmp_path: Path) -> Iterator[Site]:
    installation = Installation(Settings(tmp_path, None, None, None), database)
    with owner.begin() as connection:
        connection.execute(
            text("INSERT INTO engine.demonstration (payees, seed, now_at) VALUES (1, 1, :at)"), {"at": AT}
        )
    world = EmployerWorld(database, installation.vault, tmp_path)
    with TestClient(create_app(installation), base_url="http://127.0.0.1", follow_redirects=False) as client:
        yield Site(client, installation, world)


def _employer(site: Site) -> User:
    with site.world.database.transaction() as connection:
        employer_id = connection.scalar(text("SELECT employer_id FROM engine.employer"))
    return User(Role.EMPLOYER, "", employer_id)


def test_the_statement_of_account_is_the_ledgers_own(site: Site) -> None:
    declared = site.world.declare(OCTOBER)
    site.world.credit(builders.PAY_ON, [(declared.payment_code, 1_000_000)])
    with site.world.database.transaction("lan") as connection:
        urge(connection, date(2026, 12, 4), AT, Parameters.load())
    raised = replace(site.world.worker(0, 12_000_000), from_month=OCTOBER)
    site.world.declare(NOVEMBER, AT, [raised], changes_only=True)
    with site.world.database.transaction("lan") as connection:
        note_return(connection, site.world.directory / f"{OCTOBER}.xlsx", ["row 7: is wrong"], AT)
    user = _employer(site)
    page = site.page(user, "/employer/account")
    for words in (
        "Sổ chi tiết của đơn vị",
        "Phân bổ vào các quỹ",
        "Chậm đóng",
        "đã đôn đốc ngày 04/12/2026",
        "Truy thu",
    ):
        assert words in page
    assert "TZ0001Z/2026-10/2" in page
    assert "640.000" in page
    assert "/employer/account/c83a" in page
    assert "Đã tiếp nhận" in page
    assert "Trả lại, 1 lỗi" in page
    book = site.client.get("/employer/account/c83a").content
    (sheet,) = CalamineWorkbook.from_filelike(BytesIO(book)).sheet_names
    assert sheet == "C83a-HD"
    english = site.page(user, "/employer/account?lang=en")
    for words in ("Statement of account", "Allocated to the funds", "urged on", "Collected afterwards"):
        assert words in english
    assert "/employer/account" in site.page(user, "/employer")


def test_programs_read_declarations_certificates_and_results_of_the_employer_alone(site: Site) -> None:
    declared = site.world.declare(OCTOBER, staff=[site.world.worker(0), site.world.worker(1)])
    site.world.credit(builders.PAY_ON, [(declared.payment_code, 1_000_000)])
    with site.world.database.transaction("lan") as connection:
        note_return(connection, site.world.directory / f"{OCTOBER}.xlsx", ["row 7: is wrong"], AT)
    user, finance = _employer(site), User(Role.FINANCE, "", None)
    own = json.loads(site.page(user, "/v1/declarations"))["items"]
    assert [(one["state"], one["declaration_no"], one["problems"]) for one in own] == [
        ("returned", None, ["row 7: is wrong"]),
        ("accepted", "TZ0001Z/2026-10/1", []),
    ]
    certified = json.loads(site.page(user, "/v1/declarations/TZ0001Z/2026-10/1"))
    assert certified["file_sha256"] == own[1]["file_sha256"]
    assert (certified["period"], certified["accepted_at"], certified["notice_no"]) == (
        "2026-10-01",
        own[1]["handled_at"],
        1,
    )
    first = json.loads(site.page(user, "/v1/results?limit=1"))
    (result,) = first["items"]
    rest = json.loads(site.page(user, f"/v1/results?cursor={first['next_cursor']}"))
    workers = [result, *rest["items"]]
    assert [one["name"] for one in workers] == sorted((one["name"] for one in workers), key=str)
    paid = [fund["paid_vnd"] for one in workers for fund in one["funds"].values()]
    due = [fund["due_vnd"] for one in workers for fund in one["funds"].values()]
    assert (sum(paid), sum(due)) == (1_000_000, 2 * DUES)
    assert json.loads(site.page(finance, "/v1/results?unit_code=TZ0001Z&limit=1")) == first
    assert site.client.get("/v1/results").json()["code"] == "wrong_input"
    assert site.client.get("/v1/declarations?unit_code=TZ0002Z").status_code == 404


def test_a_refund_is_a_payment_that_finance_sees_like_any_other(site: Site) -> None:
    declared = site.world.declare(OCTOBER)
    site.world.credit(builders.PAY_ON, [(declared.payment_code, DUES + 500_000)])
    payee = Account("970436", "1021000000017", "CONG TY HUU NGHI")
    with site.world.database.transaction("lan") as connection:
        request_refund(connection, site.installation.vault, "TZ0001Z", 500_000, payee, "nộp thừa", AT)
        planned = plan_refunds(connection, AT.date(), "simbank", AT)
        reference = connection.scalar(text("SELECT reference FROM engine.payment"))
    finance = User(Role.FINANCE, "", None)
    assert "Hoàn trả tiền đóng" in site.page(finance, "/finance/payments")
    assert "Hoàn trả tiền đóng" in site.page(finance, f"/finance/payments/{reference}")
    assert planned.run_code in site.page(finance, f"/finance/runs/{planned.run_code}")
    for address in ("/finance", "/finance/open-items", "/finance/proof", "/v1/payments", "/v1/runs"):
        site.page(finance, address)
