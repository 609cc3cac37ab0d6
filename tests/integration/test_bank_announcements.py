"""Banks tell of money on a collection account at once; the notice shows it, and the books wait for the statement."""

import base64
import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import builders
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from employer_world import DUES, NOVEMBER, OCTOBER, EmployerWorld
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import Engine, text

from engine.contributions.announcements import announced_vnd
from engine.contributions.collection import CollectionAccount, know_virtual_account, open_collection_account
from engine.contributions.lateness import urge
from engine.database import Database
from engine.demonstration import employer
from engine.installation import SIMULATOR_ADDRESS, Installation
from engine.law.parameters import Parameters
from engine.payments import gateways
from engine.settings import Settings
from engine.web import create_app
from gateways.simulator import process

BINS = {"vietinbank": "970415", "mbbank": "970422", "payos": "970436"}
VIRTUAL = "1ICSTZ0001Z"
TODAY = builders.PAY_ON
PAID = DUES + 100_000
"""More than is owed; what it is not owed for stays the employer's."""


class Bank:
    """One employer that owes October, and a bank that tells of its collection account in one of three shapes."""

    def __init__(self, gateway: str, installation: Installation, world: EmployerWorld, client: TestClient) -> None:
        self.gateway, self.installation, self.world, self.client = gateway, installation, world, client
        self.key = rsa.generate_private_key(65537, 2048)
        self.notice = world.notice(1)
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        pem = self.key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()
        plain = serialization.NoEncryption()
        ours = self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain).decode()
        if gateway == "vietinbank":
            keys = {"bank_rsa_public_key": pem, "rsa_private_key": ours, "provider_id": "VTB01"}
            path = installation.provider_keys(gateway)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_text(json.dumps({"provider": gateway, "environment": "simulated", "keys": keys}), "utf-8")
        else:
            builders.open_wallet(installation, gateway)
        with installation.database.transaction("lan") as connection:
            gateways.onboard(connection, gateway, gateway, SIMULATOR_ADDRESS, "")

    def tell(
        self,
        memo: str,
        amount_vnd: int = DUES,
        number: str = "FT1",
        on: date = TODAY,
        account: str = employer.COLLECTION.account,
        forged: bool = False,
    ) -> Response:
        """The bank's call, or that of somebody who has not its key."""
        match self.gateway:
            case "vietinbank":
                return self._as_vietinbank(memo, amount_vnd, number, on, account, forged)
            case "mbbank":
                return self._as_mb(memo, amount_vnd, number, on, account, forged)
            case _:
                return self._as_payos(memo, amount_vnd, number, on, account, forged)

    def _as_vietinbank(self, memo: str, amount_vnd: int, number: str, on: date, account: str, forged: bool) -> Response:
        fields = {"transId": number, "transTime": f"{on:%Y%m%d}093214", "amount": str(amount_vnd), "remark": memo}
        row = "".join(fields[name] for name in ("transId", "transTime", "amount", "remark"))
        signed = self.key.sign(row.encode(), padding.PKCS1v15(), hashes.SHA256())
        fields |= {"transType": "C", "currencyCode": "VND", "providerId": "VTB01", "recvAcctId": account}
        fields["signature"] = base64.b64encode(signed[::-1] if forged else signed).decode()
        return self.client.post("/callbacks/vietinbank", content=json.dumps(fields))

    def _as_mb(self, memo: str, amount_vnd: int, number: str, on: date, account: str, forged: bool) -> Response:
        basic = base64.b64encode(b"mb:NPsimulated").decode()
        asked = self.client.post(
            "/callbacks/mbbank/api/token_generate", headers={"Authorization": f"Basic {basic}"}
        ).json()
        assert (asked["token_type"], asked["expires_in"]) == ("Bearer", 300)
        fields = {"bankaccount": account, "amount": amount_vnd, "transType": "C", "content": memo}
        seconds = int(builders.AT.timestamp()) + (on - TODAY).days * 86400
        fields |= {"transactionid": "T", "referencenumber": number, "transactiontime": seconds * 1000}
        token = asked["access_token"][:-1] + "g" if forged else asked["access_token"]
        return self.client.post(
            "/callbacks/mbbank/bank/api/transaction-sync", json=fields, headers={"Authorization": f"Bearer {token}"}
        )

    def _as_payos(self, memo: str, amount_vnd: int, number: str, on: date, account: str, forged: bool) -> Response:
        data = {"orderCode": 123, "amount": amount_vnd, "description": memo, "accountNumber": account}
        data |= {"reference": number, "transactionDateTime": f"{on} 09:32:14", "currency": "VND", "code": "00"}
        row = "&".join(f"{name}={data[name]}" for name in sorted(data))
        secret = b"another" if forged else b"CKsimulated"
        signature = hmac.new(secret, row.encode(), "sha256").hexdigest()
        return self.client.post("/callbacks/payos", json={"code": "00", "data": data, "signature": signature})

    def heard(self, answer: Response) -> str:
        """The bank's own word for what we made of its call."""
        told = answer.json() if answer.content else {}
        word = {"vietinbank": "errorCode", "mbbank": "errorReason", "payos": "success"}[self.gateway]
        return f"{answer.status_code} {told.get(word)}"

    def announced(self) -> int:
        with self.installation.database.transaction() as connection:
            employer_id = connection.execute(text("SELECT employer_id FROM engine.employer")).scalar_one()
            return announced_vnd(connection, [employer_id]).get(1, 0)

    def cases(self) -> list[str]:
        with self.installation.database.transaction() as connection:
            return list(connection.scalars(text("SELECT problem FROM engine.open_case WHERE closed_at IS NULL")))

    def unbooked(self) -> bool:
        row = self.world.row()
        return (row.received_vnd, row.receivable_vnd) == (0, DUES)


@pytest.fixture
def make_bank(
    database: Database, tmp_path: Path, owner: Engine, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Bank]]:
    with owner.begin() as connection:
        connection.execute(
            text("INSERT INTO engine.demonstration (payees, seed, now_at) VALUES (1, 1, :at)"), {"at": builders.AT}
        )
    installation = Installation(Settings(tmp_path, None, None, None), database)
    with TestClient(create_app(installation), base_url="http://127.0.0.1") as client:

        def make(gateway: str) -> Bank:
            monkeypatch.setattr(employer, "COLLECTION", replace(employer.COLLECTION, bank_bin=BINS[gateway]))
            world = EmployerWorld(database, installation.vault, tmp_path)
            world.declare(OCTOBER)
            return Bank(gateway, installation, world, client)

        yield make
    process.stop(installation.simulator_home)


ANSWERS: dict[str, dict[str, str]] = {
    "vietinbank": {"taken": "200 00", "repeated": "200 05", "refused": "200 99", "unknown": "200 99"},
    "mbbank": {"taken": "200 000", "repeated": "200 000", "refused": "401 None", "unknown": "400 UNKNOWN_REFERENCE"},
    "payos": {"taken": "200 True", "repeated": "200 True", "refused": "400 None", "unknown": "200 True"},
}


@pytest.mark.parametrize("gateway", list(BINS))
def test_what_a_bank_tells_is_announced_until_its_statement_brings_it(
    make_bank: Callable[[str], Bank], gateway: str
) -> None:
    bank, answers = make_bank(gateway), ANSWERS[gateway]
    memo = f"MBVCB.1234.{bank.notice['memo']}"
    assert bank.heard(bank.tell(memo, forged=True)) == answers["refused"]
    assert bank.announced() == 0
    assert bank.heard(bank.tell(memo, PAID)) == answers["taken"]
    assert [bank.heard(bank.tell(memo, PAID)) for _ in range(2)] == [answers["repeated"]] * 2
    assert bank.announced() == PAID
    assert bank.unbooked()
    with bank.installation.database.transaction("lan") as connection:
        late = timedelta(days=40)
        assert urge(connection, (builders.AT + late).date(), builders.AT + late, Parameters.load()) == []
    bank.world.credit(TODAY, [(memo, PAID)])
    row = bank.world.row()
    assert (bank.announced(), row.receivable_vnd, row.surplus_vnd) == (0, 0, PAID - DUES)
    # The same again, long after: answered, and nothing more.
    assert bank.heard(bank.tell(memo, PAID)) == answers["repeated"]
    assert (bank.announced(), bank.cases()) == (0, [])


@pytest.mark.parametrize("gateway", list(BINS))
def test_what_is_not_for_a_notice_of_ours_is_nobodys(make_bank: Callable[[str], Bank], gateway: str) -> None:
    bank, answers = make_bank(gateway), ANSWERS[gateway]
    assert bank.heard(bank.tell("TD00000000999X ung ho", number="FT1")) == answers["taken"]
    assert bank.heard(bank.tell("ung ho", number="FT2")) == answers["taken"]
    assert bank.heard(bank.tell(bank.notice["memo"], number="FT3", account="9999999999")) == answers["unknown"]
    # An agency the employer never had, and two notices in one memo, are left to the statement.
    bank.world.credit(TODAY, [])
    assert bank.heard(bank.tell("+BHXH+103+00+TZ0001Z+00101+dong BHXH+", number="FT4")) == answers["taken"]
    assert bank.announced() == 0
    assert bank.unbooked()
    bank.world.declare(NOVEMBER)
    both = f"{bank.notice['memo']} {bank.world.notice(2)['memo']}"
    assert bank.heard(bank.tell(both, number="FT5")) == answers["taken"]
    assert bank.announced() == 0


def test_news_that_comes_after_the_statement_announces_nothing(make_bank: Callable[[str], Bank]) -> None:
    bank = make_bank("vietinbank")
    memo = bank.notice["memo"]
    bank.world.credit(TODAY, [(memo, 1_000_000), (memo, 1_000_000)])
    for number in ("FT1", "FT2"):
        assert bank.heard(bank.tell(memo, 1_000_000, number)) == "200 00"
        assert bank.announced() == 0
    # A third of the same amount is another one.
    bank.tell(memo, 1_000_000, "FT3")
    assert bank.announced() == 1_000_000
    assert bank.world.row().received_vnd == 2_000_000


def test_another_amount_under_a_known_number_is_a_case(make_bank: Callable[[str], Bank]) -> None:
    bank = make_bank("payos")
    bank.tell(bank.notice["memo"], 2_000_000)
    assert bank.heard(bank.tell(bank.notice["memo"], 2_000_001)) == "200 True"
    assert bank.announced() == 2_000_000
    assert len(bank.cases()) == 1


def test_what_no_statement_shows_is_announced_no_longer(make_bank: Callable[[str], Bank]) -> None:
    """Told on a Monday: the statement of Monday may miss it, that of Tuesday may not."""
    bank = make_bank("mbbank")
    bank.tell(bank.notice["memo"], 2_000_000)
    bank.world.credit(TODAY, [(bank.notice["memo"], 1_200_000)])
    assert (bank.announced(), bank.cases()) == (2_000_000, [])
    bank.world.credit(TODAY + timedelta(days=1), [])
    assert (bank.announced(), len(bank.cases())) == (0, 1)
    assert bank.world.row().received_vnd == 1_200_000
    # It came after all.
    bank.world.credit(TODAY + timedelta(days=3), [(bank.notice["memo"], 2_000_000)])
    assert (bank.announced(), bank.world.row().receivable_vnd) == (0, 0)
    with bank.installation.database.transaction() as connection:
        assert connection.scalar(text("SELECT state FROM engine.announcement")) == "received"


def test_a_virtual_account_tells_the_employer_and_a_memo_may_contradict_it(make_bank: Callable[[str], Bank]) -> None:
    bank = make_bank("vietinbank")
    with bank.installation.database.transaction("lan") as connection:
        know_virtual_account(connection, bank.installation.vault, employer.UNIT_CODE, VIRTUAL, builders.AT)
    row = f"FT120261102093214{VIRTUAL}500000x"
    fields: dict[str, Any] = {"transId": "FT1", "transTime": "20261102093214", "custCode": VIRTUAL, "remark": "x"}
    fields |= {"amount": "500000", "transType": "3", "currencyCode": "VND", "providerId": "VTB01"}
    signed = bank.key.sign(row.encode(), padding.PKCS1v15(), hashes.SHA256())
    fields["signature"] = base64.b64encode(signed).decode()
    # The account itself is not told: it is the bank's only one.
    assert bank.client.post("/callbacks/vietinbank", json=fields).json()["errorCode"] == "00"
    assert bank.announced() == 500_000
    another = CollectionAccount("simbank", "970415", "Another", "BHXH VIET NAM - CHUYEN THU", "8800000000009")
    with bank.installation.database.transaction("lan") as connection:
        open_collection_account(connection, bank.installation.vault, another)
    fields |= {"transId": "FT2"}
    signed = bank.key.sign(f"FT2{row[3:]}".encode(), padding.PKCS1v15(), hashes.SHA256())
    fields["signature"] = base64.b64encode(signed).decode()
    assert bank.client.post("/callbacks/vietinbank", json=fields).json()["errorCode"] == "99"
    assert bank.announced() == 500_000


def test_only_who_signs_nothing_is_given_a_token(make_bank: Callable[[str], Bank]) -> None:
    bank = make_bank("mbbank")
    assert bank.client.post("/callbacks/mbbank/api/token_generate").status_code == 401
    with bank.installation.database.transaction("lan") as connection:
        builders.open_wallet(bank.installation)
        gateways.onboard(connection, "momo", "momo", SIMULATOR_ADDRESS, "")
    assert bank.client.post("/callbacks/momo/api/token_generate").status_code == 404
    assert bank.client.post("/callbacks/mbbank", json={}).status_code == 401
