"""The page on which an employer pays a notice online, and the page that tells what became of it."""

import re
from collections.abc import Iterator
from pathlib import Path

import builders
import pytest
from employer_world import DUES, OCTOBER, EmployerWorld
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from engine.contributions.collection import open_provider_account
from engine.database import Database
from engine.installation import SIMULATOR_ADDRESS, Installation
from engine.payments import gateways
from engine.settings import Settings
from engine.web import create_app
from gateways.simulator import process
from gateways.simulator.providers_client import ProvidersControl
from gateways.simulator.purse import Stage

PAY = "/employer/notices/1/pay"


@pytest.fixture
def installation(database: Database, tmp_path: Path, owner: Engine) -> Iterator[Installation]:
    with owner.begin() as connection:
        connection.execute(
            text("INSERT INTO engine.demonstration (payees, seed, now_at) VALUES (1, 1, :at)"), {"at": builders.AT}
        )
    installation = Installation(Settings(tmp_path, None, None, None), database)
    EmployerWorld(database, installation.vault, tmp_path).declare(OCTOBER)
    builders.open_wallet(installation, "momo")
    with database.transaction("lan") as connection:
        gateways.onboard(connection, "momo", "momo", SIMULATOR_ADDRESS, "")
        open_provider_account(connection, installation.vault, "momo", builders.MERCHANT)
    yield installation
    process.stop(installation.simulator_home)


@pytest.fixture
def employer(installation: Installation) -> Iterator[TestClient]:
    """The browser of an employer that has signed in."""
    with TestClient(create_app(installation), base_url="http://127.0.0.1") as client:
        door = client.get("/sign-in").text
        (user,) = set(re.findall(r'value="(employer:[^"]+)"', door))
        client.post("/sign-in", data={"user": user, "form_token": _token(door)})
        yield client


def _token(page: str) -> str:
    found = re.search(r'name="form_token" value="([0-9a-f]+)"', page)
    assert found
    return found[1]


def test_an_employer_pays_and_sees_what_became_of_it(installation: Installation, employer: TestClient) -> None:
    page = employer.get(PAY).text
    assert f'value="{DUES}"' in page
    form = {"form_token": _token(page), "amount": "3.200.000", "gateway": "momo"}
    paid = employer.post(PAY, data=form, follow_redirects=False)
    assert (paid.status_code, paid.headers["location"][-5:]) == (303, "?go=1")
    leading = employer.get(paid.headers["location"]).text
    reference = re.search(r"/employer/orders/(TT[0-9]{11}[A-Z])", paid.headers["location"])
    assert reference
    assert f'content="1; url=https://simulated.example/momo/{reference[1]}"' in leading
    assert "hx-trigger" not in leading
    # The same form again leads to the same order.
    assert employer.post(PAY, data=form, follow_redirects=False).headers["location"] == paid.headers["location"]

    address = f"/employer/orders/{reference[1]}"
    assert "Chờ thanh toán" in employer.get(address).text
    assert "hx-trigger" in employer.get(address).text
    with ProvidersControl(installation.simulator_home) as wallet:
        wallet.decide("momo", "collection", reference[1], Stage.DONE)
    with installation.database.transaction() as connection:
        connection.execute(text("UPDATE engine.online_order SET state = 'success', rank = 3"))
    told = employer.get(address).text
    assert "Đã nộp, chờ đối soát" in told
    assert "hx-trigger" not in told
    assert "Paid, awaits reconciliation" in employer.get("/employer/notices/1?lang=en").text
    (notice,) = employer.get("/v1/notices").json()["items"]
    assert (notice["outstanding_vnd"], notice["announced_vnd"]) == (DUES, DUES)
    assert 'value=""' in employer.get(PAY).text


def test_a_form_that_is_wrong_makes_no_order(installation: Installation, employer: TestClient) -> None:
    token = _token(employer.get(PAY).text)
    refused = [
        employer.post(PAY, data={"form_token": "0" * 64, "amount": "3200000", "gateway": "momo"}),
        employer.post(PAY, data={"form_token": token, "amount": "3200000", "gateway": "vnpay"}),
        employer.post("/employer/notices/2/pay", data={"form_token": token, "amount": "3200000", "gateway": "momo"}),
        employer.post(PAY, data={"form_token": token, "amount": "ba triệu", "gateway": "momo"}),
        employer.post(PAY, data={"form_token": token, "amount": "-1", "gateway": "momo"}),
        employer.post(PAY, data={"form_token": token, "amount": "50000001", "gateway": "momo"}),
    ]
    assert [answer.status_code for answer in refused] == [403, 404, 404, 400, 400, 400]
    assert "50.000.000" in refused[-1].text
    assert 'value="50000001"' in refused[-1].text
    assert employer.get("/employer/orders/TT00000000001A").status_code == 404
    with installation.database.transaction() as connection:
        assert connection.scalar(text("SELECT count(*) FROM engine.online_order")) == 0


def test_whoever_comes_back_is_led_to_the_order_and_believed_nothing(employer: TestClient) -> None:
    back = employer.get("/paid-online?orderId=TT00000000001Z&resultCode=0").text
    assert "/employer/orders/" not in back
    with TestClient(employer.app, base_url="http://127.0.0.1") as stranger:
        named = stranger.get("/paid-online?apptransid=261102_TT00000000001D")
        assert 'content="0; url=/employer/orders/TT00000000001D"' in named.text
        assert stranger.get('/paid-online?vnp_TxnRef="><script>').status_code == 200
