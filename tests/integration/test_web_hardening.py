"""What the web door answers when it is asked oddly: no failure that tells of our insides, nobody else's matters."""

import base64
import http.client
import itertools
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote
from uuid import UUID

import builders
import pytest
import uvicorn
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import Engine, text
from structlog.testing import capture_logs

from engine.api import problems
from engine.api.contributions import list_notices
from engine.api.identity import COOKIE, SESSION_LASTS, Role, Session, User
from engine.api.payments import list_payments
from engine.clock import Clock
from engine.contributions.collection import open_collection_account
from engine.contributions.declaration import import_declaration
from engine.contributions.employer import TAX_CODE, UNIT_CODE, import_employers
from engine.contributions.notices import notice_document
from engine.database import Database
from engine.demonstration import employer
from engine.doctor import look
from engine.errors import WrongInput
from engine.installation import Installation
from engine.payments import run
from engine.payments.observation import open_case
from engine.portal import wording
from engine.portal.finance import balance_lines
from engine.settings import Settings
from engine.web import create_app, serve
from ledger.balances import TrialBalanceRow
from ledger.money import Dong

HOST = "http://127.0.0.1"
RUN = builders.RUN
OCTOBER = date(2026, 10, 1)
HOUSEHOLD_TAX_CODE = "001085000123"
ODD_TEXTS = (
    "\0",
    "a\0b",
    "%00",
    "'; SELECT 1 --",
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "\\\\host\\share",
    "ệ",
    "１２３",
    "\ud7ff\uffff",
    "9" * 19,
    "9" * 40,
    "-1",
    "0",
    "1e9",
    "NaN",
    " ",
    "x" * 5000,
)
"""What is written into every place of every address."""
PAGES = (
    "/",
    "/sign-in",
    "/beneficiary",
    "/beneficiary/payments/{}",
    "/employer",
    "/employer/account",
    "/employer/notices/{}",
    "/employer/notices/{}/pdf",
    "/finance",
    "/finance/runs/{}",
    "/finance/payments",
    "/finance/payments/{}",
    "/finance/open-items",
    "/finance/proof",
)
PROGRAM_ADDRESSES = (
    "/v1/breaks",
    "/v1/declarations",
    "/v1/declarations/{}",
    "/v1/notices",
    "/v1/notices/{}",
    "/v1/payments",
    "/v1/payments/{}",
    "/v1/problems/{}",
    "/v1/proof",
    "/v1/receipts",
    "/v1/results",
    "/v1/runs",
    "/v1/runs/{}",
    "/v1/trial-balance",
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
)
VALUES = {
    "/v1/breaks": ("on", "cursor", "limit"),
    "/v1/declarations": ("unit_code", "cursor", "limit"),
    "/v1/notices": ("cursor", "limit"),
    "/v1/payments": ("run", "state", "cursor", "limit"),
    "/v1/proof": ("on",),
    "/v1/receipts": ("cursor",),
    "/v1/results": ("unit_code", "on", "cursor", "limit"),
    "/v1/runs": ("cursor",),
    "/v1/trial-balance": ("on",),
    "/sign-in": ("lang", "unknown"),
    "/finance/payments": ("run", "state", "cursor", "lang"),
    "/finance/proof": ("on",),
}
REFUSED = {400, 401, 403, 404, 405, 413, 422}


class Portal(NamedTuple):
    """The whole application over a small world: payees with a run, two employers with a notice each."""

    client: TestClient
    installation: Installation
    employers: dict[str, UUID]

    def sign_in(self, user: User) -> str:
        """Returns the cookie."""
        sealed = Session.begin(user.code, Clock().now()).sealed(self.installation.vault)
        self.client.cookies.set(COOKIE, sealed)
        return sealed

    def employer(self, unit_code: str) -> User:
        return User(Role.EMPLOYER, "", self.employers[unit_code])

    def payee(self, place: int) -> tuple[User, str]:
        with self.installation.database.transaction() as connection:
            row = connection.execute(
                text("SELECT person_id, reference FROM engine.payment ORDER BY payment_no OFFSET :place LIMIT 1"),
                {"place": place},
            ).one()
        return User(Role.BENEFICIARY, "", row.person_id), row.reference

    def today(self, day: date, owner: Engine) -> None:
        with owner.begin() as connection:
            connection.execute(text("UPDATE engine.demonstration SET now_at = :at"), {"at": f"{day} 09:00+07"})


FINANCE = User(Role.FINANCE, "", None)


@pytest.fixture
def portal(database: Database, owner: Engine, tmp_path: Path) -> Iterator[Portal]:
    installation = Installation(Settings(tmp_path, None, None, None), database)
    builders.add_world(database, installation.vault, builders.payees(3))
    builders.approved_run(database)
    with owner.begin() as connection:
        connection.execute(
            text("INSERT INTO engine.demonstration (payees, seed, now_at) VALUES (3, 1, :at)"), {"at": builders.AT}
        )
    employers = {code: add_employer(installation, tmp_path, code, tax) for code, tax in UNITS.items()}
    with TestClient(create_app(installation), base_url=HOST, follow_redirects=False) as client:
        yield Portal(client, installation, employers)


UNITS = {employer.UNIT_CODE: "0100000001-002", "TZ0002H": HOUSEHOLD_TAX_CODE}


def add_employer(installation: Installation, directory: Path, unit_code: str, tax_code: str) -> UUID:
    """An employer with a declared October and its notice; no collection account is open yet."""
    listed = directory / f"{unit_code}.csv"
    columns = {UNIT_CODE: unit_code, "Tên đơn vị": f"Đơn vị {unit_code}", TAX_CODE: tax_code}
    columns |= {"Mã cơ quan BHXH": "07901", "Vùng": "I", "Phương thức đóng (tháng)": "1"}
    columns |= {"Hiệu lực từ ngày": "01/01/2026"}
    listed.write_text(f"{','.join(columns)}\n{','.join(columns.values())}\n", encoding="utf-8")
    declared = directory / f"{unit_code}.xlsx"
    staff = employer.invent_staff(1 + len(unit_code) + ord(unit_code[-1]), 1)
    with installation.database.transaction("lan") as connection:
        import_employers(connection, installation.vault, listed, builders.AT)
    employer.write_declaration(declared, OCTOBER, staff, unit_code)
    with installation.database.transaction("lan") as connection:
        import_declaration(connection, installation.vault, declared, builders.AT)
        employer_id: UUID = connection.execute(
            text("SELECT employer_id FROM engine.employer WHERE unit_code = :code"), {"code": unit_code}
        ).scalar_one()
    return employer_id


def addresses(shapes: tuple[str, ...]) -> Iterator[str]:
    """Every address with every odd text in its path, and behind it as every value that it takes."""
    for shape, odd in itertools.product(shapes, ODD_TEXTS):
        told = quote(odd, safe="", errors="surrogatepass")
        if "{}" in shape:
            yield shape.format(told)
        yield from (f"{shape}?{name}={told}" for name in VALUES.get(shape, ()))
    yield from (f"{shape}/{quote(odd, safe='')}" for shape in shapes for odd in ("\0", "..") if "{}" not in shape)


def check(answer: Response, address: str) -> None:
    """What holds for every answer whatever was asked."""
    assert answer.status_code in {200, 303, 307} | REFUSED, (address, answer.status_code)
    assert "default-src 'none'" in answer.headers["content-security-policy"], address
    assert answer.headers["x-content-type-options"] == "nosniff", address
    assert answer.headers["cache-control"] == "no-store", address
    assert not re.search(r"psycopg|sqlalchemy|Traceback|engine\.\w+_|DataError", answer.text), address
    assert "<script>alert" not in answer.text, address
    if answer.status_code in {303, 307}:
        assert re.match(rf"/(?!/)|{HOST}/", answer.headers["location"]), address


def test_no_odd_address_fails_or_tells_of_our_insides(portal: Portal) -> None:
    payee, _ = portal.payee(0)
    for user in (None, payee, portal.employer(employer.UNIT_CODE), FINANCE):
        if user:
            portal.sign_in(user)
        for address in addresses(PROGRAM_ADDRESSES):
            answer = portal.client.get(address)
            check(answer, address)
            if answer.status_code in REFUSED:
                assert answer.headers["content-type"] == problems.MEDIA_TYPE, address
                assert answer.json()["status"] == answer.status_code
        for address in addresses(PAGES):
            answer = portal.client.get(address)
            check(answer, address)
            if answer.status_code in REFUSED:
                assert "<h1>" in answer.text, address


def test_a_cursor_that_we_did_not_give_out_is_a_bad_request(portal: Portal) -> None:
    portal.sign_in(FINANCE)
    for told in (b"after %d" % 2**63, "after １２".encode(), b"after -1", b"after ", b"", b"after 1\n", b"\0"):
        cursor = base64.urlsafe_b64encode(told).decode()
        for address in ("/v1/payments", "/v1/runs", "/v1/breaks", "/v1/notices", "/v1/receipts"):
            answer = portal.client.get(address, params={"cursor": cursor})
            assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor"), (address, told)
        assert portal.client.get("/finance/payments", params={"cursor": cursor}).status_code == 400
    last = base64.urlsafe_b64encode(b"after %d" % (2**63 - 500)).decode()
    assert portal.client.get("/v1/runs", params={"cursor": last}).json() == {"items": [], "next_cursor": None}


def test_a_nul_is_a_bad_request(portal: Portal) -> None:
    portal.sign_in(FINANCE)
    for address in ("/v1/runs/a%00b", "/v1/payments?run=%00", "/v1/payments?%00=1"):
        answer = portal.client.get(address)
        assert (answer.status_code, answer.json()["code"]) == (400, "address_unreadable")
        page = portal.client.get(address.replace("/v1", "/finance"))
        assert page.status_code == 400
        assert "Địa chỉ có chỗ chưa đúng" in page.text


def test_what_fails_on_our_side_tells_its_trace_id_alone(portal: Portal, owner: Engine) -> None:
    portal.sign_in(FINANCE)
    with owner.begin() as connection:
        connection.execute(text("ALTER TABLE engine.sending_switch RENAME TO gone"))
        connection.execute(text("ALTER TABLE engine.batch RENAME COLUMN message_id TO gone"))
    with capture_logs() as logged:
        program, page = portal.client.get(f"/v1/runs/{RUN}"), portal.client.get("/finance")
    assert [entry["event"] for entry in logged] == ["request_failed", "page_failed"]
    for answer in (program, page):
        assert answer.status_code == 500
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-correlation-id"] in answer.text
        assert not re.search(r"psycopg|message_id|sending_switch|gone|f405", answer.text)
    assert program.headers["content-type"] == problems.MEDIA_TYPE
    assert program.json()["code"] == problems.INTERNAL_ERROR
    assert portal.client.get(program.json()["type"]).json()["code"] == problems.INTERNAL_ERROR


def test_a_database_that_does_not_answer_is_said_to_be_away(portal: Portal) -> None:
    portal.sign_in(FINANCE)
    away = Database("postgresql://nobody@127.0.0.1:9/nowhere")
    client = TestClient(create_app(Installation(portal.installation.settings, away)), base_url=HOST)
    with capture_logs() as logged:
        answer, page = client.get("/v1/runs"), client.get("/finance")
    assert "database_unavailable" in {entry["event"] for entry in logged}
    assert (answer.status_code, answer.json()["code"]) == (503, "server_unavailable")
    assert page.status_code == 503
    assert "Hệ thống đang tạm nghỉ" in page.text
    assert "nowhere" not in answer.text + page.text


def test_what_can_be_got_can_be_asked_for_by_its_head(portal: Portal) -> None:
    portal.sign_in(FINANCE)
    for address in ("/sign-in", "/finance", "/finance/proof", "/v1/runs", "/healthz", "/static/portal.css", "/nowhere"):
        whole, head = portal.client.get(address), portal.client.head(address)
        assert head.status_code == whole.status_code, address
        assert head.content == b"", address
        for name in ("content-type", "content-length"):
            assert head.headers[name] == whole.headers[name], address


def test_a_method_that_an_address_does_not_have_names_those_it_has(portal: Portal) -> None:
    portal.sign_in(FINANCE)
    for method, address, allowed in (
        ("POST", "/finance", "GET, HEAD"),
        ("DELETE", "/sign-in", "GET, POST, HEAD"),
        ("GET", "/sign-out", "POST"),
        ("HEAD", "/sign-out", "POST"),
        ("PUT", "/v1/runs/2026-11/1", "GET, HEAD"),
        ("OPTIONS", "/v1/payments", "GET, HEAD"),
        ("TRACE", "/healthz", "GET, HEAD"),
        ("POST", "/openapi.json", "GET, HEAD"),
        ("POST", "/static/portal.css", "GET, HEAD"),
    ):
        answer = portal.client.request(method, address)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed), (method, address)


def test_a_value_that_a_page_does_not_know_is_named(portal: Portal) -> None:
    portal.sign_in(FINANCE)
    for address, words in (
        ("/finance/proof?on=yesterday", "chọn một ngày có thật"),
        ("/finance/proof?on=2026-02-30", "chọn một ngày có thật"),
        ("/finance/proof?on=9999-12-31", "chọn một ngày có thật"),
        ("/finance/payments?state=lost", "chọn một trạng thái trong danh sách"),
        (f"/finance/payments?run={'9' * 41}", "không quá 40 ký tự"),
        ("/finance/proof?on=yesterday&lang=en", "choose a real day"),
    ):
        page = portal.client.get(address)
        assert page.status_code == 400, address
        assert page.text.count(words) == 1, address


def test_an_empty_field_of_a_form_is_no_value(portal: Portal) -> None:
    portal.sign_in(FINANCE)
    for address in ("/finance/proof?on=", "/finance/payments?run=&state="):
        assert portal.client.get(address).status_code == 200, address


def test_another_hosts_name_is_refused_in_the_readers_form(portal: Portal) -> None:
    for host in ("portal.example", "127.0.0.1.example", "127.0.0.1@example", "[::1", "", "a\\b"):
        program = portal.client.get("/v1/runs", headers={"host": host})
        assert program.status_code == 400, host
        assert program.headers["content-type"] == problems.MEDIA_TYPE
        assert program.json()["code"] == "wrong_host"
        assert program.json()["type"] == "/v1/problems/wrong_host"
        page = portal.client.get("/sign-in", headers={"host": host})
        assert page.status_code == 400, host
        assert "text/html" in page.headers["content-type"]
    for name in ("localhost:8080", "[::1]:8080", "127.0.0.1", "LOCALHOST"):
        assert portal.client.get("/healthz", headers={"host": name}).status_code == 200, name


def test_no_link_of_ours_leads_to_another_host(portal: Portal) -> None:
    for path in ("//host.example/", "///host.example", "/%5Chost.example/", "/%2F%2Fhost.example", "/%22%3E"):
        page = portal.client.get(f"{HOST}{path}")
        assert page.status_code == 404, path
        links = re.findall(r'(?:href|action)="([^"]*)"', page.text)
        assert len(links) > 3
        for link in links:
            assert re.match(r"[/#](?![/\\])|/$", link), (path, link)
        assert "?lang=en" in page.text


def test_a_page_for_a_wrong_address_speaks_both_languages(portal: Portal) -> None:
    assert "Không tìm thấy trang" in portal.client.get("/nowhere").text
    assert "Page not found" in portal.client.get("/nowhere?lang=en").text
    refused = portal.client.post("/sign-out?lang=en", data={"form_token": "0" * 64})
    assert refused.status_code == 403
    assert 'href="/"' in refused.text


def test_a_cookie_kept_after_signing_out_is_nobodys_in_any_process(portal: Portal) -> None:
    stolen = portal.sign_in(portal.employer(employer.UNIT_CODE))
    (token,) = set(re.findall(r'name="form_token" value="(\w+)"', portal.client.get("/employer").text))
    another = Session.begin("finance", Clock().now()).sealed(portal.installation.vault)
    assert portal.client.post("/sign-out", data={"form_token": token}).headers["location"] == "/sign-in"
    second_process = TestClient(create_app(portal.installation), base_url=HOST, follow_redirects=False)
    for client in (portal.client, second_process):
        client.cookies.set(COOKIE, stolen)
        assert client.get("/v1/notices").status_code == 401
        assert client.get("/employer").headers["location"] == "/sign-in"
        assert client.post("/sign-out", data={"form_token": token}).status_code == 403
        client.cookies.set(COOKIE, another)
        assert client.get("/v1/runs").status_code == 200


def test_signing_in_as_another_ends_the_session_before(portal: Portal) -> None:
    before = portal.sign_in(portal.employer(employer.UNIT_CODE))
    (token,) = set(re.findall(r'name="form_token" value="(\w+)"', portal.client.get("/sign-in").text))
    begun = portal.client.post("/sign-in", data={"user": "finance", "form_token": token})
    assert begun.headers["location"] == "/finance"
    portal.client.cookies.clear()
    portal.client.cookies.set(COOKIE, before)
    assert portal.client.get("/v1/notices").status_code == 401


def test_no_odd_form_signs_anybody_in(portal: Portal) -> None:
    portal.client.get("/sign-in")
    for form in (
        {},
        {"user": "finance"},
        {"user": "finance", "form_token": ""},
        {"user": "finance", "form_token": "ệ" * 20},
        {"user": "finance", "form_token": "x" * 81},
        {"user": "\0", "form_token": "\0"},
        {"user": "x" * 20_000, "form_token": "1"},
    ):
        for address in ("/sign-in", "/sign-out"):
            answer = portal.client.post(address, data=form)
            check(answer, address)
            assert answer.status_code in {400, 403, 404, 413}, form
            assert "<h1>" in answer.text
    for content_type in ("application/json", "multipart/form-data", "multipart/form-data; boundary=x", "text/plain"):
        answer = portal.client.post("/sign-in", content=b"--x\r\n\0\xff", headers={"content-type": content_type})
        check(answer, content_type)
        assert answer.status_code == 400, content_type
    assert portal.client.get("/v1/runs").status_code == 401


def test_nobody_reads_what_belongs_to_another(portal: Portal) -> None:
    first, second = UNITS
    notices = {}
    for unit_code in UNITS:
        portal.sign_in(portal.employer(unit_code))
        (notice,) = portal.client.get("/v1/notices").json()["items"]
        assert notice["unit_code"] == unit_code
        notices[unit_code] = notice["notice_no"]
    portal.sign_in(portal.employer(first))
    others = notices[second]
    for address in (f"/v1/notices/{others}", f"/employer/notices/{others}", f"/employer/notices/{others}/pdf"):
        answer, unknown = portal.client.get(address), portal.client.get(address.replace(str(others), "987654"))
        assert answer.status_code == unknown.status_code == 404, address
    (declared,) = portal.client.get("/v1/declarations").json()["items"]
    assert declared["declaration_no"].startswith(first)
    assert portal.client.get(f"/v1/declarations/{declared['declaration_no']}").json()["unit_code"] == first
    for address in (
        f"/v1/declarations/{declared['declaration_no'].replace(first, second)}",
        f"/v1/declarations?unit_code={second}",
        f"/v1/results?unit_code={second}",
    ):
        assert portal.client.get(address).status_code == 404, address
    user, own = portal.payee(0)
    _, others_payment = portal.payee(1)
    for role, allowed in (
        (
            portal.employer(first),
            (
                "/employer",
                f"/employer/notices/{notices[first]}",
                "/v1/notices",
                "/v1/receipts",
                "/v1/declarations",
                "/v1/results",
            ),
        ),
        (user, ("/beneficiary", f"/beneficiary/payments/{own}", "/v1/payments", f"/v1/payments/{own}")),
        (FINANCE, ("/finance", "/finance/proof", "/v1/runs", "/v1/proof", "/v1/notices", "/v1/payments")),
    ):
        portal.sign_in(role)
        for address in (
            *(shape.format(RUN if "runs" in shape else own) for shape in PAGES[2:]),
            *(
                shape.format(RUN if "runs" in shape else own)
                for shape in PROGRAM_ADDRESSES[:-4]
                if "problems" not in shape
            ),
            f"/employer/notices/{others}",
            f"/beneficiary/payments/{others_payment}",
            f"/v1/payments/{others_payment}",
            f"/v1/notices/{others}",
        ):
            ours = address.startswith(allowed) or (role is FINANCE and address.startswith(("/finance", "/v1/")))
            expected = {200, 404, 422} if ours else {403, 404, 422}
            if role is not FINANCE and address.endswith((others_payment, f"notices/{others}")):
                expected = {403, 404}
            assert portal.client.get(address).status_code in expected, (role.role, address)


def test_a_personal_tax_code_is_masked_and_a_companys_is_not(portal: Portal) -> None:
    shown = {}
    for unit_code, user in ((code, portal.employer(code)) for code in UNITS):
        portal.sign_in(user)
        (notice,) = portal.client.get("/v1/notices").json()["items"]
        document = portal.client.get(f"/v1/notices/{notice['notice_no']}").json()
        shown[unit_code] = document["employer"]["tax_code"]
        assert HOUSEHOLD_TAX_CODE not in portal.client.get(f"/employer/notices/{notice['notice_no']}").text
    assert list(shown.values()) == ["0100000001-002", "••••••••0123"]


def test_a_notice_without_an_account_says_so_aloud(portal: Portal) -> None:
    portal.sign_in(portal.employer(employer.UNIT_CODE))
    (notice,) = portal.client.get("/v1/notices").json()["items"]
    program, page = f"/v1/notices/{notice['notice_no']}", f"/employer/notices/{notice['notice_no']}"
    document = portal.client.get(program).json()
    with portal.installation.database.transaction() as connection:
        assert document == notice_document(connection, portal.installation.vault, notice["notice_no"])
    assert (document["accounts"], document["qr"]) == ([], None)
    assert [warning["code"] for warning in document["warnings"]] == ["no_collection_account"]
    assert "Chưa mở tài khoản chuyên thu nào" in portal.client.get(page).text
    assert "No collection account is open yet" in portal.client.get(f"{page}?lang=en").text
    settings = Settings(portal.installation.settings.home, address_of(portal.installation), None, None)
    (finding,) = look(settings, ("collection",), 8080)
    assert not finding.fit
    assert "2 notices" in finding.remark
    with portal.installation.database.transaction("lan") as connection:
        open_collection_account(connection, portal.installation.vault, employer.COLLECTION)
    document = portal.client.get(program).json()
    assert document["warnings"] == []
    assert document["qr"]
    assert "Chưa mở tài khoản chuyên thu nào" not in portal.client.get(page).text
    assert look(settings, ("collection",), 8080)[0].fit


def address_of(installation: Installation) -> str:
    return installation.database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


def test_what_is_late_is_owed_with_its_charge_until_both_are_paid(portal: Portal, owner: Engine) -> None:
    portal.sign_in(portal.employer(employer.UNIT_CODE))
    (open_notice,) = portal.client.get("/v1/notices").json()["items"]
    assert open_notice["outstanding_vnd"] == open_notice["principal_outstanding_vnd"] == open_notice["dues_vnd"]
    assert open_notice["late_charge_outstanding_vnd"] == 0
    page = f"/employer/notices/{open_notice['notice_no']}"
    assert "Chờ nộp" in portal.client.get(page).text

    portal.today(date(2026, 12, 10), owner)
    (late,) = portal.client.get("/v1/notices").json()["items"]
    assert late["late_charge_outstanding_vnd"] > 0
    assert late["outstanding_vnd"] == late["dues_vnd"] + late["late_charge_outstanding_vnd"]
    assert "Quá hạn" in portal.client.get(page).text
    assert "Quá hạn" in portal.client.get("/employer").text

    pay_principal(portal, open_notice["notice_no"], owner)
    (charged,) = portal.client.get("/v1/notices").json()["items"]
    assert charged["principal_outstanding_vnd"] == 0
    assert charged["outstanding_vnd"] == charged["late_charge_outstanding_vnd"] == late["late_charge_outstanding_vnd"]
    for address in (page, "/employer"):
        shown = portal.client.get(address).text
        assert "Còn nợ tiền chậm đóng" in shown
        assert "Đã nộp đủ" not in shown


def pay_principal(portal: Portal, notice_no: int, owner: Engine) -> None:
    """The dues of a notice are paid on 10 December and their charge is not, as an allocation of its own would say."""
    with owner.begin() as connection:
        connection.execute(text("ALTER TABLE engine.allocation DROP CONSTRAINT IF EXISTS allocation_receipt_id_fkey"))
        connection.execute(
            text("""
                INSERT INTO engine.allocation
                    (receipt_id, declaration_id, fund, kind, priority, value_on, amount_vnd, recorded_at)
                SELECT uuidv7(), n.declaration_id, d.fund, 'principal', false, '2026-12-10',
                    d.employee_vnd + d.employer_vnd, now()
                FROM engine.notice n JOIN engine.dues d USING (declaration_id) WHERE n.notice_no = :notice_no"""),
            {"notice_no": notice_no},
        )


def test_the_portal_listens_on_this_computer_alone_and_says_nothing_before(portal: Portal) -> None:
    announced: list[str] = []
    for host in ("0.0.0.0", "192.168.1.1", "::", "example.org"):  # noqa: S104  refused
        with pytest.raises(WrongInput, match="this computer alone"):
            serve(portal.installation, host, 8080, announced.append)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(WrongInput, match=f"--port {port}: .*in use"):
            serve(portal.installation, "127.0.0.1", port, announced.append)
    assert announced == []


def test_an_unmigrated_database_is_answered_with_the_command_to_run() -> None:
    with builders.embedded_home("unmigrated") as home:
        done = subprocess.run(
            [sys.executable, "-c", "from engine.cli import main; main()", "serve", "--port", "0"],
            env={"THUCHI_HOME": str(home), "PATH": "/usr/bin:/bin"},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 2
    assert "`thuchi db upgrade`" in done.stderr
    assert "http://" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


@contextmanager
def listening_portal(portal: Portal) -> Iterator[int]:
    """The portal behind a real socket; its port."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listening:
        server = uvicorn.Server(uvicorn.Config(portal.client.app, log_config=None, proxy_headers=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


def test_bytes_that_are_no_request_end_with_an_answer(portal: Portal) -> None:
    """Huge headers, odd lines, two lengths."""
    with listening_portal(portal) as port:
        for request in (
            b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
            b"GET /\xff HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
            b"GET / HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"NONSENSE\r\n\r\n",
        ):
            with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
                connection.sendall(request)
                assert re.match(rb"HTTP/1.1 4\d\d ", connection.recv(100)), request[:60]


def test_many_who_ask_at_once_are_all_answered(portal: Portal) -> None:
    """More than there are connections to the database or threads."""
    cookie = portal.sign_in(FINANCE)

    def ask(address: str) -> int:
        asking = http.client.HTTPConnection("127.0.0.1", port, timeout=25)
        asking.request("GET", address, headers={"Cookie": f"{COOKIE}={cookie}"})
        status = asking.getresponse().status
        asking.close()
        return status

    with listening_portal(portal) as port, ThreadPoolExecutor(100) as pool:
        assert set(pool.map(ask, ["/v1/notices", "/finance/proof"] * 50)) == {200}


def test_a_session_runs_out_with_the_working_day(portal: Portal) -> None:
    for age, status in ((SESSION_LASTS - timedelta(minutes=1), 200), (SESSION_LASTS, 401), (timedelta(-1), 401)):
        begun = Session.begin("finance", Clock().now() - age)
        portal.client.cookies.set(COOKIE, begun.sealed(portal.installation.vault))
        assert portal.client.get("/v1/runs").status_code == status, age


def test_what_people_and_banks_wrote_is_shown_as_they_wrote_it(portal: Portal) -> None:
    """A per cent sign is no pattern and an angle bracket no markup, in either language."""
    written = "chờ 50% <b>hồ sơ</b> %(x)s %"
    _, reference = portal.payee(0)
    with portal.installation.database.transaction("lan") as connection:
        run.hold(connection, reference, written, builders.AT)
        open_case(connection, reference, written, builders.AT)
    portal.sign_in(FINANCE)
    for address in ("/finance/open-items", f"/finance/payments/{reference}"):
        for language in ("", "?lang=en"):
            page = portal.client.get(f"{address}{language}")
            assert page.status_code == 200, address
            assert "chờ 50% &lt;b&gt;hồ sơ&lt;/b&gt; %(x)s %" in page.text, address
            assert "Ngân hàng không thực hiện được" not in page.text


def test_what_was_paid_again_waits_for_nobody_and_back_pay_is_named(portal: Portal, superuser: Engine) -> None:
    user, reference = portal.payee(0)
    other, again = portal.payee(1)
    with superuser.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(
            text("""
                UPDATE engine.payment o SET state = 'failed', state_reason = 'AC04', reissued_by = p.payment_id
                FROM engine.payment p WHERE o.reference = :reference AND p.reference = :again"""),
            {"reference": reference, "again": again},
        )
        connection.execute(text("UPDATE engine.payment SET part = 2 WHERE reference = :again"), {"again": again})
    portal.sign_in(user)
    home = portal.client.get("/beneficiary").text
    assert f"đã chi lại bằng khoản {again}" in home
    assert "Cần ông bà giúp" not in home
    page = portal.client.get(f"/beneficiary/payments/{reference}").text
    assert "Đã lập khoản chi lại" in page
    assert "Chi lại sau khi có thông tin" not in page
    portal.sign_in(other)
    assert "truy lĩnh" in portal.client.get("/beneficiary").text
    assert "phần chênh lệch" in portal.client.get(f"/beneficiary/payments/{again}").text
    portal.sign_in(FINANCE)
    assert "AC04" not in portal.client.get("/finance/open-items").text
    assert f"Đã chi lại bằng khoản {again}" in portal.client.get(f"/finance/payments/{reference}").text


def test_every_state_that_the_database_allows_has_its_word(owner: Engine) -> None:
    """Give a new state its look in engine/portal/wording.py."""
    for table, column, words in (
        ("payment", "state", wording.PAYMENT_STATES),
        ("payment", "state", wording.STATES_TOLD_TO_PAYEES),
        ("payment_run", "state", wording.RUN_STATES),
        ("batch", "state", wording.BATCH_STATES),
        ("observation", "source", wording.OBSERVED_BY),
        ("staff", "role", wording.SIGNING_ROLES),
        ("dues", "fund", wording.COMPONENT_FUNDS),
        ("allocation", "kind", wording.ALLOCATED_TO),
        ("award", "fund", wording.FUNDS),
        ("award", "benefit", wording.BENEFITS),
    ):
        with owner.connect() as connection:
            definitions = connection.scalars(
                text("""
                    SELECT pg_get_constraintdef(c.oid) FROM pg_constraint c
                    WHERE c.conrelid = CAST(:name AS regclass) AND c.contype = 'c'"""),
                {"name": f"engine.{table}"},
            ).all()
        allowed = {
            word
            for definition in definitions
            if (found := re.fullmatch(rf"CHECK \(\({column} = ANY \(ARRAY\[(.*)\]\)\)\)", definition))
            for word in re.findall(r"'(\w+)'::text", found[1])
        }
        assert allowed <= set(words), (table, column)
        assert allowed or (table, column) in {("award", "benefit"), ("payment", "state")}, (table, definitions)


def test_many_accounts_of_one_kind_are_one_line_of_the_page_and_both_sides_stay() -> None:
    receivable = [
        TrialBalanceRow(f"contributions_receivable.TZ{number:04}", f"Phải thu – TZ{number:04}", "Owed – X", owed, ahead)
        for number in range(1000)
        for owed, ahead in [(Dong(7), Dong(0)) if number % 4 else (Dong(0), Dong(2))]
    ]
    few = [TrialBalanceRow("cash_at_bank.a.b", "Tiền gửi – a.b", "Cash – a.b", Dong(5), Dong(0))]
    cash, owed = balance_lines([*few, *receivable])
    assert (cash.account, cash.accounts, cash.debit_vnd) == ("cash_at_bank.a.b", 1, 5)
    assert (owed.account, owed.name, owed.accounts) == ("contributions_receivable", "Phải thu", 1000)
    assert (owed.debit_vnd, owed.credit_vnd) == (750 * 7, 250 * 2)


def test_a_list_that_is_cut_off_can_show_its_latest(portal: Portal) -> None:
    """What a first page shows of many years are the last ones."""
    with portal.installation.database.transaction() as connection:
        for first in (False, True):
            payments = list_payments(connection, portal.installation.vault, latest_first=first, limit=2)
            assert [payment.payment_no for payment in payments] == ([3, 2] if first else [1, 2])
            (notice,) = list_notices(connection, builders.PAY_ON, latest_first=first, limit=1)
            assert notice.notice_no == (2 if first else 1)
