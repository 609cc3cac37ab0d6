"""What programs can rely on under `/v1`: lists by cursor, money in whole đồng, problems, and nobody else's matters."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import builders
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

import engine
import gateways
import ledger
import reconciliation
from engine.api import problems
from engine.api.identity import COOKIE, Role, Session, User
from engine.clock import Clock
from engine.database import Database
from engine.installation import Installation
from engine.settings import Settings
from engine.web import create_app
from gateways.simulator.errors import SimulatorError

PAYEES = 5
ADDRESSES = {
    "/healthz",
    "/metrics",
    "/readyz",
    "/v1/breaks",
    "/v1/declarations",
    "/v1/declarations/{number}",
    "/v1/notices",
    "/v1/notices/{notice_no}",
    "/v1/payments",
    "/v1/payments/{reference}",
    "/v1/problems/{code}",
    "/v1/proof",
    "/v1/receipts",
    "/v1/results",
    "/v1/runs",
    "/v1/runs/{code}",
    "/v1/trial-balance",
}


@pytest.fixture
def installation(database: Database, tmp_path: Path) -> Installation:
    """A small world with one approved run; no demonstration until a test says so."""
    installation = Installation(Settings(tmp_path, None, None, None), database)
    builders.add_world(database, installation.vault, builders.payees(PAYEES))
    builders.approved_run(database)
    return installation


@pytest.fixture
def demonstration(installation: Installation, owner: Engine) -> Installation:
    with owner.begin() as connection:
        connection.execute(
            text("INSERT INTO engine.demonstration (payees, seed, now_at) VALUES (5, 1, :at)"), {"at": builders.AT}
        )
    return installation


@pytest.fixture
def visitor(demonstration: Installation) -> Iterator[TestClient]:
    with TestClient(create_app(demonstration), base_url="http://127.0.0.1") as client:
        yield client


@pytest.fixture
def finance(visitor: TestClient, demonstration: Installation) -> TestClient:
    return signed_in(visitor, demonstration, User(Role.FINANCE, "", None))


def signed_in(client: TestClient, installation: Installation, user: User) -> TestClient:
    client.cookies.set(COOKIE, Session.begin(user.code, Clock().now()).sealed(installation.vault))
    return client


def payee(installation: Installation, place: int) -> tuple[User, str]:
    """A payee as a user, and the reference of their payment."""
    with installation.database.transaction() as connection:
        row = connection.execute(
            text("SELECT person_id, reference FROM engine.payment ORDER BY payment_no OFFSET :place LIMIT 1"),
            {"place": place},
        ).one()
    return User(Role.BENEFICIARY, "", row.person_id), row.reference


def test_the_description_names_every_address(visitor: TestClient) -> None:
    description = visitor.get("/openapi.json").json()
    assert set(description["paths"]) == ADDRESSES
    assert all("get" in methods and methods["get"].get("description") for methods in description["paths"].values())


def test_every_address_describes_its_refusals_and_who_may_ask(visitor: TestClient) -> None:
    description = visitor.get("/openapi.json").json()
    assert description["components"]["securitySchemes"]["session"]["name"] == COOKIE
    assert "HTTPValidationError" not in description["components"]["schemas"]
    for address, methods in description["paths"].items():
        if not address.startswith("/v1/"):
            continue
        for status in ("4XX", "5XX"):
            (media_type,) = methods["get"]["responses"][status]["content"]
            assert media_type == problems.MEDIA_TYPE, address
        assert ("security" in methods["get"]) == ("problems" not in address), address
    schema = description["paths"]["/v1/runs"]["get"]["responses"]["4XX"]["content"][problems.MEDIA_TYPE]["schema"]
    refused = visitor.get("/v1/runs").json()
    assert set(schema["required"]) <= set(refused) <= set(schema["properties"])


def test_a_list_ends_each_page_with_a_cursor_and_repeats_nothing(finance: TestClient) -> None:
    seen: list[str] = []
    address, pages = "/v1/payments?limit=2", 0
    while address:
        page = finance.get(address).json()
        seen += [item["reference"] for item in page["items"]]
        pages += 1
        address = f"/v1/payments?limit=2&cursor={page['next_cursor']}" if page["next_cursor"] else ""
    assert pages == 3
    assert len(seen) == len(set(seen)) == PAYEES


def test_payments_are_masked_and_counted_in_whole_dong(finance: TestClient) -> None:
    item = finance.get("/v1/payments?state=approved&run=2026-11/1").json()["items"][0]
    assert item["amount_vnd"] == 3_000_000
    assert re.fullmatch(r"•+\d{4}", item["account_masked"])
    assert finance.get("/v1/payments?state=settled").json() == {"items": [], "next_cursor": None}


def test_a_run_tells_its_states_signatures_and_batches(finance: TestClient) -> None:
    (summary,) = finance.get("/v1/runs").json()["items"]
    run = finance.get(f"/v1/runs/{summary['run']}").json()
    assert run["summary"] == summary
    assert summary["states"] == [{"state": "approved", "payments": PAYEES, "amount_vnd": summary["amount_vnd"]}]
    assert [each["role"] for each in run["signatures"]] == ["preparer", "approver", "authoriser"]
    assert len({each["content_hash"] for each in run["signatures"]}) == 1
    assert run["batches"] == []


def test_proof_trial_balance_and_breaks_agree(finance: TestClient) -> None:
    proof = finance.get("/v1/proof").json()
    assert proof["on"] == builders.PAY_ON.isoformat()
    assert proof["totals"]["approved"] == proof["totals"]["waiting"]
    balance = finance.get("/v1/trial-balance").json()
    assert balance["total_debit_vnd"] == balance["total_credit_vnd"] > 0
    assert finance.get("/v1/breaks").json()["items"] == []


def test_a_beneficiary_sees_own_payments_and_no_others(visitor: TestClient, demonstration: Installation) -> None:
    user, own = payee(demonstration, 0)
    _, others = payee(demonstration, 1)
    signed_in(visitor, demonstration, user)
    assert [item["reference"] for item in visitor.get("/v1/payments").json()["items"]] == [own]
    life = visitor.get(f"/v1/payments/{own}").json()
    assert set(life) == {"payment", "award", "amount", "run", "statement_lines"}
    for address in (f"/v1/payments/{others}", "/v1/payments/PN00000000999X"):
        assert visitor.get(address).status_code == 404, address
    assert visitor.get(f"/beneficiary/payments/{others}").status_code == 404
    for address in ("/v1/runs", "/v1/proof", "/v1/trial-balance", "/v1/breaks", "/v1/notices", "/v1/receipts"):
        assert visitor.get(address).json()["code"] == "not_for_this_role", address
    for address in ("/finance", "/finance/payments", "/finance/proof", "/employer"):
        assert visitor.get(address).status_code == 403, address


def test_nobody_is_answered_before_signing_in(visitor: TestClient) -> None:
    for address in sorted(ADDRESSES - {"/healthz", "/metrics", "/readyz", "/v1/problems/{code}"}):
        answer = visitor.get(address.replace("{notice_no}", "1"))
        assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in"), address
    assert visitor.get("/finance", follow_redirects=False).headers["location"] == "/sign-in"


def test_without_a_demonstration_no_identity_is_configured(installation: Installation) -> None:
    with TestClient(create_app(installation), base_url="http://127.0.0.1") as client:
        signed_in(client, installation, User(Role.FINANCE, "", None))
        assert client.get("/v1/runs").json()["code"] == "no_identity"
        for address in ("/sign-in", "/finance"):
            page = client.get(address)
            assert page.status_code == 503, address
            assert "Chưa cấu hình đăng nhập" in page.text


def test_a_forged_or_changed_session_is_nobodys(visitor: TestClient, demonstration: Installation) -> None:
    user, _ = payee(demonstration, 0)
    sealed = Session.begin(user.code, Clock().now()).sealed(demonstration.vault)
    content, _, signature = sealed.rpartition(".")
    for cookie in (f"{content.replace('beneficiary', 'finance')}.{signature}", sealed[:-1], "", "a.b.c"):
        visitor.cookies.set(COOKIE, cookie)
        assert visitor.get("/v1/payments").status_code == 401, cookie


def test_a_form_needs_the_token_of_its_session(visitor: TestClient) -> None:
    page = visitor.get("/sign-in").text
    users = re.findall(r'name="user" value="([^"]+)"', page)
    (token,) = set(re.findall(r'name="form_token" value="(\w+)"', page))
    refused = visitor.post("/sign-in", data={"user": "finance", "form_token": "0" * 64})
    assert refused.status_code == 403
    assert visitor.get("/v1/runs").status_code == 401
    assert visitor.post("/sign-in", data={"user": "finance:nobody", "form_token": token}).status_code == 404
    assert visitor.post("/sign-in", data={"user": users[-1], "form_token": token}).status_code == 200
    assert visitor.get("/v1/runs").status_code == 200
    assert visitor.post("/sign-out", data={"form_token": token}).status_code == 403
    (token,) = set(re.findall(r'name="form_token" value="(\w+)"', visitor.get("/finance").text))
    visitor.post("/sign-out", data={"form_token": token})
    assert visitor.get("/v1/runs").status_code == 401


def test_every_answer_carries_the_headers_that_trust_nothing(visitor: TestClient) -> None:
    for address in ("/sign-in", "/v1/runs", "/nowhere", "/static/portal.css", "/openapi.json"):
        headers = visitor.get(address).headers
        assert "default-src 'none'" in headers["content-security-policy"], address
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    cookie = visitor.get("/sign-in").headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie


def test_another_hosts_name_is_refused(visitor: TestClient) -> None:
    assert visitor.get("/sign-in", headers={"host": "portal.example"}).status_code == 400


@pytest.mark.parametrize(
    ("address", "status", "code"),
    [
        ("/v1/runs/2026-11/9", 404, "not_found"),
        ("/v1/nowhere", 404, "not_found"),
        ("/v1/payments?cursor=xyz", 400, "bad_cursor"),
        ("/v1/payments?limit=0", 422, "invalid_parameter"),
        ("/v1/payments?state=lost", 422, "invalid_parameter"),
        ("/v1/proof?on=yesterday", 422, "invalid_parameter"),
        ("/v1/notices/77", 404, "not_found"),
    ],
)
def test_a_refusal_is_a_problem_with_a_stable_code(finance: TestClient, address: str, status: int, code: str) -> None:
    answer = finance.get(address)
    problem = answer.json()
    assert answer.headers["content-type"] == problems.MEDIA_TYPE
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert isinstance(problem["errors"], list)
    assert problem["trace_id"] == answer.headers["x-correlation-id"]
    assert finance.get(problem["type"]).json()["code"] == code


def test_an_invalid_parameter_is_named(finance: TestClient) -> None:
    (error,) = finance.get("/v1/payments?limit=0").json()["errors"]
    assert error["pointer"] == "/query/limit"


def test_every_class_of_error_has_a_row_and_every_code_one_meaning() -> None:
    """Give a new class of error its row in engine/api/problems.py."""
    for package in (engine, gateways, ledger, reconciliation):
        _import_all(package)
    found = {kind for root in problems.ROOTS for kind in _tree(root)}
    outside = set(_tree(SimulatorError)) - {SimulatorError}
    assert {kind.__qualname__ for kind in found - outside - set(problems.STATUS)} == set()
    codes = [kind["code"] for kind in problems.catalogue()]
    assert len(codes) == len(set(codes))


def test_the_watchers_are_answered(visitor: TestClient) -> None:
    assert visitor.get("/healthz").json() == {"status": "ok"}
    assert visitor.get("/readyz").json() == {"status": "ready"}
    metrics = visitor.get("/metrics").text
    assert f'thuchi_payments{{state="approved"}} {PAYEES}\n' in metrics
    assert "thuchi_outbox_open_messages 0\n" in metrics
    assert "thuchi_batches_unknown 0\n" in metrics


def test_a_database_behind_the_program_is_not_ready(visitor: TestClient, owner: Engine) -> None:
    with owner.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001_foundations'"))
    answer = visitor.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "server_unavailable")


def _import_all(package: ModuleType) -> None:
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if "migrations" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def _tree(kind: type[Exception]) -> Iterator[type[Exception]]:
    yield kind
    for branch in kind.__subclasses__():
        yield from _tree(branch)
