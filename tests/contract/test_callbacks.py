"""What providers tell us: taken once, compared, answered in their own words, and never more than news."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import builders
import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import Engine, text

from engine.api import callbacks
from engine.database import Database
from engine.installation import SIMULATOR_ADDRESS, Installation
from engine.payments import gateways, observation
from engine.payments.agreement import require_agreement
from engine.payments.observation import Source
from engine.settings import Settings
from engine.web import create_app
from engine.workers.actors import declare_actors
from engine.workers.broker import open_broker
from gateways.callers import CallerLimit
from gateways.contract import Outcome
from gateways.simulator import momo, process, vnpay, zalopay
from gateways.simulator.journal import events
from gateways.simulator.purse import FOLDER, Order, PurseState, Stage

AMOUNT_VND = 2_000_000


@pytest.fixture
def installation(database: Database, tmp_path: Path, owner: Engine) -> Iterator[Installation]:
    with owner.begin() as connection:
        connection.execute(
            text("INSERT INTO engine.demonstration (payees, seed, now_at) VALUES (1, 1, :at)"), {"at": builders.AT}
        )
    installation = Installation(Settings(tmp_path, None, None, None, "https://thuchi.example.vn"), database)
    builders.open_wallet(installation)
    yield installation
    process.stop(installation.simulator_home)


@pytest.fixture
def client(installation: Installation) -> Iterator[TestClient]:
    with TestClient(create_app(installation), base_url="http://127.0.0.1") as client:
        yield client


def _send_only(installation: Installation, number: str = "0901000007") -> str:
    """One payout was asked for; what became of it is not inquired about. Returns its reference at the wallet."""
    builders.add_wallet_world(installation, [builders.Payee(number, AMOUNT_VND, bank_bin=builders.MOMO_WALLET)])
    builders.dispatched_wallet_run(installation)
    broker = open_broker(installation.settings)
    declare_actors(installation, broker)
    with installation.database.transaction() as connection:
        message_id = connection.scalar(text("SELECT message_id FROM engine.outbox"))
    broker.get_actor("send_batch").fn(message_id)
    broker.close()
    with installation.database.transaction() as connection:
        return str(connection.scalar(text("SELECT instruction_id FROM engine.attempt")))


def _books(installation: Installation) -> Any:
    state = PurseState()
    for event in events(installation.simulator_home / FOLDER):
        state.apply(event)
    return state


def _told(
    installation: Installation,
    reference: str,
    *,
    amount_vnd: int = AMOUNT_VND,
    key: str = "SKsimulated",
    **changed: Any,
) -> bytes:
    """What MoMo would tell of a payout."""
    books = _books(installation)
    order = books.find("momo", "payout", reference)
    for name, value in changed.items():
        setattr(order, name, value)
    return momo.notification(books, order, amount_vnd=amount_vnd, key=key)


def _attempt(installation: Installation) -> tuple[str, int]:
    with installation.database.transaction() as connection:
        require_agreement(connection)
        row = connection.execute(text("SELECT state, rank FROM engine.attempt")).one()
        return row.state, row.rank


def _cases(installation: Installation) -> list[str]:
    with installation.database.transaction() as connection:
        return list(connection.scalars(text("SELECT problem FROM engine.open_case WHERE closed_at IS NULL")))


def _post(client: TestClient, body: bytes, gateway: str = "momo") -> Response:
    return client.post(f"/callbacks/{gateway}", content=body)


def test_a_payout_in_work_is_done_once_its_wallet_says_so(installation: Installation, client: TestClient) -> None:
    reference = _send_only(installation, "0901009005")
    assert _attempt(installation) == ("pending", Source.ANSWER)
    done = _told(installation, reference, stage=Stage.DONE)
    assert client.post("/callbacks/momo", content=iter([done[:50], done[50:]])).status_code == 204
    assert [_post(client, done).status_code for _ in range(3)] == [204] * 3
    assert _attempt(installation) == ("success", Source.CALLBACK)
    with installation.database.transaction() as connection:
        assert connection.scalar(text("SELECT count(*) FROM engine.callback")) == 1
        assert connection.scalar(text("SELECT count(*) FROM engine.observation WHERE source = 'callback'")) == 1
        # Nothing is settled by what is told.
        assert connection.scalar(text("SELECT state FROM engine.payment")) == "in_transit"


def test_a_bad_signature_changes_nothing(installation: Installation, client: TestClient) -> None:
    reference = _send_only(installation, "0901009005")
    assert _post(client, _told(installation, reference, key="another", stage=Stage.DONE)).status_code == 400
    assert _post(client, b"").status_code == 400
    assert _attempt(installation) == ("pending", Source.ANSWER)
    with installation.database.transaction() as connection:
        assert connection.scalar(text("SELECT count(*) FROM engine.callback")) == 0


def test_another_amount_is_a_case_and_no_news(installation: Installation, client: TestClient) -> None:
    reference = _send_only(installation, "0901009005")
    body = _told(installation, reference, amount_vnd=AMOUNT_VND + 1, stage=Stage.DONE)
    assert _post(client, body).status_code == 204
    assert _attempt(installation) == ("pending", Source.ANSWER)
    assert len(_cases(installation)) == 1


def test_news_of_lower_rank_that_comes_late_is_nothing(installation: Installation, client: TestClient) -> None:
    reference = _send_only(installation)
    assert _attempt(installation) == ("success", Source.ANSWER)
    assert _post(client, _told(installation, reference, stage=Stage.WORKING)).status_code == 204
    assert _attempt(installation) == ("success", Source.ANSWER)
    assert _cases(installation) == []


def test_a_refusal_after_a_success_is_a_case(installation: Installation, client: TestClient) -> None:
    reference = _send_only(installation)
    assert _post(client, _told(installation, reference, stage=Stage.REFUSED, reason="missing")).status_code == 204
    assert _attempt(installation)[0] == "success"
    assert len(_cases(installation)) == 1


def test_a_success_after_a_failure_keeps_the_payment_back(installation: Installation, client: TestClient) -> None:
    """The attempt failed so that the payment would go again; then the wallet says that it was paid."""
    reference = _send_only(installation, "0901009005")
    with installation.database.transaction() as connection:
        attempt_id = connection.scalar(text("SELECT attempt_id FROM engine.attempt"))
        observation.observe_attempt(connection, attempt_id, Source.INQUIRY, Outcome.FAILED, "NOT_FOUND", builders.AT)
        assert connection.scalar(text("SELECT state FROM engine.payment")) == "approved"
    assert _post(client, _told(installation, reference, stage=Stage.DONE)).status_code == 204
    with installation.database.transaction() as connection:
        require_agreement(connection)
        assert connection.scalar(text("SELECT state FROM engine.payment")) == "held"
    assert len(_cases(installation)) == 1


def test_every_provider_is_answered_in_its_own_words(installation: Installation, client: TestClient) -> None:
    """Of an order that nobody knows, and with a signature that is not theirs."""
    with installation.database.transaction() as connection:
        for provider in ("vnpay", "zalopay"):
            builders.open_wallet(installation, provider)
            gateways.onboard(connection, provider, provider, SIMULATOR_ADDRESS, "")
    books = _books(installation)
    order = Order("zalopay", "collection", "261102_1", 50_000, 7, Stage.DONE, about={"text": "dong BHXH"})
    mac = {"zalopay": "K2simulated", "vnpay": "HSsimulated"}
    answers = []
    for key in (mac, dict.fromkeys(mac, "another")):
        query = vnpay.notification(books, order, amount_vnd=50_000, key=key["vnpay"])
        answers.append(client.get(f"/callbacks/vnpay?{query}").json()["RspCode"])
        body = zalopay.notification(books, order, amount_vnd=50_000, key=key["zalopay"])
        answers.append(_post(client, body, "zalopay").json()["return_code"])
    assert answers == ["01", 2, "97", -1]


ODD_BODIES = (
    b"",
    b"null",
    b"[]",
    b"1",
    b'"a"',
    b'{"a":',
    b"[" * 8_000,
    b"\xff\xfe{}",
    b'{"amount": NaN, "data": {"amount": NaN}, "signature": "a"}',
    b'{"data": {"a": {"b": [1.5, null]}}, "mac": [1], "signature": {"a": 1}, "type": 1}',
    b'{"amount": ' + b"9" * 5_000 + b"}",
    # Half a surrogate pair and a NUL: JSON can say them, and nothing can keep them.
    b'{"orderId": "\\ud800", "transId": "\\ud800", "data": "\\ud800", "mac": "0", "signature": "\\ud800", "type": 1}',
    b'{"orderId": "a\\u0000", "transId": "a\\u0000", "data": "a\\u0000", "mac": "0", "signature": "0", "type": 1}',
)


def test_whatever_a_stranger_sends_is_refused_in_the_words_of_the_provider(
    installation: Installation, client: TestClient
) -> None:
    with installation.database.transaction() as connection:
        for provider in ("momo", "zalopay", "payos", "vnpay"):
            builders.open_wallet(installation, provider)
            gateways.onboard(connection, provider, provider, SIMULATOR_ADDRESS, "")
    for body in ODD_BODIES:
        assert _post(client, body).status_code == 400, body[:60]
        assert _post(client, body, "payos").status_code == 400, body[:60]
        assert _post(client, body, "zalopay").json()["return_code"] == -1, body[:60]
        assert _post(client, body, "vnpay").json()["RspCode"] == "97", body[:60]
    for query in (
        f"vnp_Amount={'9' * 6_000}",
        "vnp_Amount=%ff",
        "vnp_Amount=100&vnp_Amount=100",
        "vnp_SecureHash=%ed%a0",
    ):
        assert client.get(f"/callbacks/vnpay?{query}").json()["RspCode"] == "97", query[:60]
    # As a whole, or in chunks that do not say how many will come.
    for sent in (b"x" * 20_000, iter([b"x" * 10_000] * 2)):
        huge = client.post("/callbacks/momo", content=sent)
        assert (huge.status_code, huge.json()["code"]) == (413, "body_too_large")
    with installation.database.transaction() as connection:
        assert connection.scalar(text("SELECT count(*) FROM engine.callback")) == 0


def test_a_gateway_that_is_none_is_not_found(installation: Installation, client: TestClient) -> None:
    answer = _post(client, b"{}", "nobody")
    assert (answer.status_code, json.loads(answer.content)["code"]) == (404, "not_found")


def test_one_address_calls_only_so_often(
    installation: Installation, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with installation.database.transaction() as connection:
        gateways.onboard(connection, "momo", "momo", SIMULATOR_ADDRESS, "")
    monkeypatch.setattr(callbacks, "_LIMIT", CallerLimit(lambda: 0.0, burst=2))
    answers = [_post(client, b"{}") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [400, 400, 429]
    assert answers[-1].headers["retry-after"] == "1"


def test_our_trouble_makes_the_provider_call_again(
    installation: Installation, client: TestClient, owner: Engine
) -> None:
    reference = _send_only(installation, "0901009005")
    with owner.begin() as connection:
        connection.execute(text("ALTER TABLE engine.callback RENAME TO away"))
    assert _post(client, _told(installation, reference, stage=Stage.DONE)).status_code == 500
    assert _attempt(installation) == ("pending", Source.ANSWER)
