"""The page on which a run is signed: what it shows, who is refused and why, and two who act at once."""

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from pathlib import Path
from typing import NamedTuple

import builders
import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import Engine, text

from engine.api.identity import COOKIE, Role, Session, User
from engine.clock import Clock
from engine.database import Database
from engine.installation import Installation
from engine.payments import planning, run
from engine.payments.validation import _RULES
from engine.portal import wording
from engine.portal.approval import ACTS_IN, Act
from engine.settings import Settings
from engine.web import create_app

PAGE = f"/finance/approvals/{builders.RUN}"


class Desk(NamedTuple):
    """The portal over a run that is planned, and a browser for each person."""

    installation: Installation
    app: Callable[[], TestClient]

    def browser(self, person: str | None) -> TestClient:
        client = self.app()
        user = User(Role.FINANCE, "", None, person)
        client.cookies.set(COOKIE, Session.begin(user.code, Clock().now()).sealed(self.installation.vault))
        return client

    def state(self) -> str:
        with self.installation.database.transaction() as connection:
            return str(connection.scalar(text("SELECT state FROM engine.payment_run")))


@pytest.fixture
def desk(database: Database, owner: Engine, tmp_path: Path) -> Desk:
    installation = Installation(Settings(tmp_path, None, None, None), database)
    world = [*builders.payees(2), builders.Payee("1021000000997", unconfirmed=("pension/top_up",))]
    builders.add_world(database, installation.vault, world)
    with owner.begin() as connection:
        connection.execute(
            text("INSERT INTO engine.demonstration (payees, seed, now_at) VALUES (3, 1, :at)"), {"at": builders.AT}
        )
    with database.transaction("lan") as connection:
        allowed = frozenset({"pension/top_up"})
        planning.plan(connection, builders.PERIOD, builders.PAY_ON, "simbank", allowed, builders.AT)
    app = create_app(installation)
    return Desk(installation, lambda: TestClient(app, base_url="http://127.0.0.1", follow_redirects=False))


def said(page: Response) -> str:
    """The words of a page, its marks among them."""
    return unescape(page.text)


def form_of(page: Response) -> dict[str, str]:
    """The hidden fields of the form to sign, as the page holds them."""
    (form,) = re.findall(r'<form class="acts".*?</form>', page.text, re.DOTALL)
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="(\w+)">', form))


def sign(client: TestClient, act: Act, **more: str) -> Response:
    return client.post(PAGE, data=form_of(client.get(PAGE)) | {"act": act.value, **more})


def test_three_persons_sign_what_the_page_shows(desk: Desk) -> None:
    lan, minh, hoa = (desk.browser(person) for person in ("lan", "minh", "hoa"))
    shown = lan.get(PAGE).text
    for words in ("11.001.000", "3 khoản", "pension/top_up", "Tài khoản chưa được ngân hàng xác nhận", "Mới hưởng"):
        assert words in shown, words
    for client, act in ((lan, Act.SUBMIT), (minh, Act.APPROVE), (hoa, Act.APPROVE)):
        answer = sign(client, act)
        assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}?done=1")
    assert desk.state() == "approved"
    with desk.installation.database.transaction() as connection:
        signed = connection.scalar(text("SELECT encode(content_hash, 'hex') FROM engine.run_signature WHERE level = 2"))
    assert str(signed) in minh.get(PAGE).text
    assert "Đã ghi nhận" in hoa.get(f"{PAGE}?done=1").text
    assert "Let the run go on" not in hoa.get(f"{PAGE}?lang=en").text
    assert "Stop the run" in hoa.get(f"{PAGE}?lang=en").text


def test_the_maker_is_no_checker_and_is_told_so(desk: Desk) -> None:
    lan = desk.browser("lan")
    sign(lan, Act.SUBMIT)
    refused = sign(lan, Act.APPROVE)
    assert refused.status_code == 403
    assert wording.RUN_REFUSALS["role_may_not_sign"] in said(refused)
    minh = desk.browser("minh")
    sign(minh, Act.APPROVE)
    refused = sign(minh, Act.APPROVE)
    assert refused.status_code == 403
    assert "another role" in said(minh.post(f"{PAGE}?lang=en", data=form_of(minh.get(PAGE)) | {"act": "approve"}))
    assert desk.state() == "submitted"


def test_a_role_that_changed_in_between_signs_no_more(desk: Desk, owner: Engine) -> None:
    sign(desk.browser("lan"), Act.SUBMIT)
    minh = desk.browser("minh")
    form = form_of(minh.get(PAGE)) | {"act": "approve"}
    with owner.begin() as connection:
        connection.execute(text("UPDATE engine.staff SET role = 'authoriser' WHERE person = 'minh'"))
    refused = minh.post(PAGE, data=form)
    assert refused.status_code == 403
    assert wording.RUN_REFUSALS["role_may_not_sign"] in said(refused)
    with owner.begin() as connection:
        connection.execute(text("UPDATE engine.staff SET active = false WHERE person = 'minh'"))
    assert minh.post(PAGE, data=form).headers["location"] == "/sign-in"


def test_of_two_tabs_that_approve_at_once_one_wins_and_the_other_is_told(desk: Desk) -> None:
    sign(desk.browser("lan"), Act.SUBMIT)
    tabs = [desk.browser(person) for person in ("minh", "minh", "tam")]
    forms = [form_of(tab.get(PAGE)) | {"act": "approve"} for tab in tabs]
    together = threading.Barrier(len(tabs))

    def approve(tab: TestClient, form: dict[str, str]) -> Response:
        together.wait()
        return tab.post(PAGE, data=form)

    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(approve, tabs, forms))
    assert sorted(answer.status_code for answer in answers) == [303, 409, 409]
    for answer in answers:
        if answer.status_code == 409:
            assert wording.RUN_REFUSALS["run_has_moved"] in said(answer)
            assert form_of(answer)["seen_signatures"] == "2", "the refused page shows the run as it stands now"
    with desk.installation.database.transaction() as connection:
        assert len(run.show(connection, builders.RUN)["signatures"]) == 2


def test_an_amount_edited_by_plain_sql_stops_the_signature_with_its_reason(desk: Desk, superuser: Engine) -> None:
    sign(desk.browser("lan"), Act.SUBMIT)
    minh = desk.browser("minh")
    form = form_of(minh.get(PAGE)) | {"act": "approve"}
    with superuser.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("UPDATE engine.payment SET amount_vnd = amount_vnd + 1 WHERE payment_no = 2"))
    refused = minh.post(PAGE, data=form)
    assert refused.status_code == 409
    assert wording.RUN_REFUSALS["content_changed"] in said(refused)
    assert desk.state() == "submitted"


def test_a_run_is_sent_back_with_a_reason_and_becomes_due_again(desk: Desk) -> None:
    sign(desk.browser("lan"), Act.SUBMIT)
    assert wording.RUN_REFUSALS["not_allowed"] in sign(desk.browser("lan"), Act.SEND_BACK, reason="sai").text
    minh = desk.browser("minh")
    missing = sign(minh, Act.SEND_BACK)
    assert missing.status_code == 422
    assert wording.RUN_REFUSALS["reason_missing"] in missing.text
    assert sign(minh, Act.SEND_BACK, reason="Thiếu người mới hưởng").status_code == 303
    assert desk.state() == "cancelled"
    with desk.installation.database.transaction("lan") as connection:
        allowed = frozenset({"pension/top_up"})
        again = planning.plan(connection, builders.PERIOD, builders.PAY_ON, "simbank", allowed, builders.AT)
    assert (again.run_code, again.payments) == ("2026-11/2", 3)


def test_a_run_is_stopped_and_goes_on_and_a_payment_is_held_and_released(desk: Desk) -> None:
    lan, minh, hoa = (desk.browser(person) for person in ("lan", "minh", "hoa"))
    for client, act in ((lan, Act.SUBMIT), (minh, Act.APPROVE), (minh, Act.STOP), (minh, Act.RESUME)):
        assert sign(client, act).status_code == 303
    assert desk.state() == "submitted", "a run goes on from the level to which it is signed"
    sign(hoa, Act.APPROVE)
    with desk.installation.database.transaction() as connection:
        reference = connection.scalar(text("SELECT reference FROM engine.payment WHERE payment_no = 1"))
    address = f"/finance/payments/{reference}"
    for what, state in (("hold", "held"), ("release", "approved")):
        answer = minh.post(address, data=form_of(minh.get(address)) | {"act": what, "reason": "chờ xác minh"})
        assert answer.status_code == 303
        with desk.installation.database.transaction() as connection:
            assert connection.scalar(text("SELECT state FROM engine.payment WHERE payment_no = 1")) == state


def test_nobody_without_a_name_signs_and_no_foreign_form_is_taken(desk: Desk) -> None:
    anonymous = desk.browser(None)
    page = anonymous.get(PAGE)
    assert page.status_code == 200
    assert '<form class="acts"' not in page.text
    lan = desk.browser("lan")
    form = form_of(lan.get(PAGE)) | {"act": "submit"}
    assert anonymous.post(PAGE, data=form).status_code == 403
    assert lan.post(PAGE, data=form | {"form_token": "0" * 64}).status_code == 403
    assert desk.browser("minh").post(PAGE, data=form).status_code == 403
    assert lan.post(PAGE, data=form | {"act": "pay"}).status_code == 400
    assert lan.post("/finance/approvals/2026-12/9", data=form).status_code == 404
    assert desk.state() == "planned"


def test_every_state_act_and_rule_has_its_words() -> None:
    assert set(ACTS_IN) == set(wording.RUN_STATES)
    assert set(wording.RUN_ACTS) == set(Act)
    assert set(wording.VALIDATION_RULES) == {rule.name for rule in _RULES}
