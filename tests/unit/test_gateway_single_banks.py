"""MB Bank's transfers and VietinBank's notifications, against answers written by hand."""

import base64
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from gateways.banks.mbbank_gateway import Choices, MbBank
from gateways.banks.vietinbank import Expected
from gateways.banks.vietinbank_gateway import VietinBank
from gateways.contract import Instrument, NameCheck, Outcome
from gateways.credentials import Credentials, Environment, MixedEnvironments, Profile
from gateways.errors import BadBatch
from gateways.online import Asking, Movement, Payout, Receiver, Verdict
from gateways.providers import open_provider

RECEIVER = Receiver(Instrument.BANK_ACCOUNT, "0011004123456", "Nguyễn Văn Ân", bank="970436")
PAYOUT = Payout("PN2612000000001", 4_250_000, "LUONG HUU T12", RECEIVER)
NOW = datetime(2026, 12, 1, tzinfo=UTC)
Handler = Callable[[httpx2.Request], httpx2.Response]


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def pem(key: rsa.RSAPrivateKey) -> str:
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, plain).decode()


class Bank:
    """The other end of the line: hands out tokens and answers as told."""

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        self.key = key
        self.respond: Handler = lambda _: httpx2.Response(404)
        self.tokens = 0
        self.refused_tokens: set[str] = set()
        self.asked: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/private/oauth2/v1/token":
            assert request.headers["authorization"] == "Basic " + base64.b64encode(b"id:sesame").decode()
            self.tokens += 1
            return httpx2.Response(200, json={"access_token": f"T{self.tokens}", "expires_in": 3600})
        self.asked.append(request)
        if request.headers["authorization"].removeprefix("Bearer ") in self.refused_tokens:
            return httpx2.Response(401, json={})
        return self.respond(request)


@pytest.fixture
def bank(key: rsa.RSAPrivateKey) -> Bank:
    return Bank(key)


@pytest.fixture
def mb(bank: Bank, tmp_path: Path) -> Iterator[MbBank]:
    keys = {"client_id": "id", "client_secret": "sesame", "rsa_private_key": pem(bank.key)}
    keys |= {"news_user": "mb", "news_password": "NPsimulated"}
    path = tmp_path / "mb.yaml"
    path.write_text(json.dumps({"provider": "mbbank", "environment": "simulated", "keys": keys}), "utf-8")
    path.chmod(0o600)
    profile = Profile("mbbank", Environment.SIMULATED, "http://127.0.0.1", path)
    choices = Choices("0123456789", "BHXH VIET NAM")
    adapter = MbBank(profile, choices, lambda: 1000.0, transport=httpx2.MockTransport(bank))
    yield adapter
    adapter.close()


def answering(**told: Any) -> Handler:
    return lambda _: httpx2.Response(200, json=told)


def test_a_transfer_is_signed_and_carries_the_same_reference_for_ever(mb: MbBank, bank: Bank) -> None:
    bank.respond = answering(errorCode="000", data={"status": "SUCCESS", "ftNumber": "FT1"})

    answer = mb.send_payout(mb.build_payout(PAYOUT, Asking("M1", NOW)), PAYOUT)
    mb.send_payout(mb.build_payout(PAYOUT, Asking("M2", NOW)), PAYOUT)

    assert (answer.outcome, answer.provider_reference) == (Outcome.SUCCESS, "FT1")
    first, second = bank.asked
    assert first.headers["transactionId"] == second.headers["transactionId"] == PAYOUT.reference
    assert (first.headers["clientMessageId"], second.headers["clientMessageId"]) == ("M1", "M2")
    body = json.loads(first.content)
    assert (body["transferType"], body["bankCode"], body["transferAmount"]) == ("FAST", "970436", "4250000")
    signed = "0123456789BHXH VIET NAM0011004123456Nguyễn Văn Ân4250000".encode()
    signature = base64.b64decode(first.headers["signature"])
    bank.key.public_key().verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
    assert bank.tokens == 1


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        ({"errorCode": "000", "data": {"status": "FAILED"}}, Outcome.FAILED),
        ({"errorCode": "00", "data": {"status": "PROCESSING"}}, Outcome.PENDING),
        ({"errorCode": "000", "data": {"status": "ELSE"}}, Outcome.UNKNOWN),
        ({"errorCode": "000"}, Outcome.UNKNOWN),
        ({"errorCode": "002"}, Outcome.UNKNOWN),
        ({"errorCode": "777", "data": {"status": "SUCCESS"}}, Outcome.UNKNOWN),
        ({"errorCode": "000", "data": {"status": "SUCCESS", "transferAmount": "4250001"}}, Outcome.UNKNOWN),
        ({"errorCode": "000", "data": {"status": "SUCCESS", "transactionId": "another"}}, Outcome.UNKNOWN),
    ],
)
def test_only_what_is_listed_is_final(mb: MbBank, bank: Bank, told: dict[str, Any], outcome: Outcome) -> None:
    bank.respond = answering(**told)
    assert mb.send_payout(mb.build_payout(PAYOUT, Asking("M1", NOW)), PAYOUT).outcome is outcome


def test_a_token_that_is_over_is_renewed_once(mb: MbBank, bank: Bank) -> None:
    bank.respond = answering(errorCode="000", data={"status": "SUCCESS"})
    bank.refused_tokens = {"T1"}
    assert mb.send_payout(mb.build_payout(PAYOUT, Asking("M1", NOW)), PAYOUT).outcome is Outcome.SUCCESS
    assert bank.tokens == 2
    bank.refused_tokens = {"T2", "T3", "T4"}
    assert mb.send_payout(mb.build_payout(PAYOUT, Asking("M2", NOW)), PAYOUT).outcome is Outcome.NOT_ACCEPTED
    assert mb.query_payout(PAYOUT, Asking("M3", NOW)).outcome is Outcome.UNKNOWN


def test_an_inquiry_says_whether_the_bank_knows_the_transfer(mb: MbBank, bank: Bank) -> None:
    for told, found, outcome in (
        ({"errorCode": "51173"}, False, Outcome.UNKNOWN),
        ({"errorCode": "000", "data": {"transStatus": "SUCCESS"}}, True, Outcome.SUCCESS),
        ({"errorCode": "500"}, None, Outcome.UNKNOWN),
    ):
        bank.respond = answering(**told)
        answer = mb.query_payout(PAYOUT, Asking("M1", NOW))
        assert (answer.found, answer.outcome) == (found, outcome)
    bank.respond = lambda _: httpx2.Response(502, html="<html></html>")
    assert mb.query_payout(PAYOUT, Asking("M1", NOW)).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("told", "result"),
    [
        ("NGUYEN VAN AN", NameCheck.MATCH),
        ("NGUYEN  V AN", NameCheck.CLOSE_MATCH),
        ("TRAN VAN AN", NameCheck.NO_MATCH),
        ("NGUYEN *** AN", NameCheck.UNABLE),
        (None, NameCheck.UNABLE),
    ],
)
def test_a_name_is_compared_without_marks(mb: MbBank, bank: Bank, told: str | None, result: NameCheck) -> None:
    bank.respond = answering(errorCode="000", data={"accountName": told})
    assert mb.verify_beneficiary(PAYOUT, Asking("M1", NOW)) is result


@pytest.mark.parametrize("amount_vnd", [0, 1999, 500_000_000])
def test_amounts_outside_the_rail_never_leave(mb: MbBank, amount_vnd: int) -> None:
    with pytest.raises(BadBatch):
        mb.build_payout(Payout("P1", amount_vnd, "x", RECEIVER), Asking("M1", NOW))


def notification(key: rsa.RSAPrivateKey, **changed: Any) -> bytes:
    fields = {
        "msgId": "M1",
        "providerId": "VTB01",
        "transId": "FT1",
        "transTime": "20261122093214",
        "transType": "C",
        "custCode": "C26110001",
        "amount": "18750000",
        "bankTransId": "0099",
        "remark": "CTY ANH DUONG nop BHXH",
        "currencyCode": "VND",
    }
    text = "".join(fields[n] for n in ("transId", "transTime", "custCode", "amount", "bankTransId", "remark"))
    signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return json.dumps({**fields, "signature": base64.b64encode(signature).decode(), **changed}).encode()


def movement(**changed: object) -> bytes:
    told = {"bankaccount": "0123456789", "amount": 500_000, "transType": "C", "content": "TD1", "transactionid": "T1"}
    return json.dumps(told | {"transactiontime": 1795340194000, "referencenumber": "FT9", **changed}).encode()


def test_mb_tells_of_money_in_by_a_token_of_ours(mb: MbBank) -> None:
    basic = "Basic " + base64.b64encode(b"mb:NPsimulated").decode()
    token = json.loads(mb.give_token(basic, NOW).body)["access_token"]
    assert mb.admits(f"Bearer {token}", NOW)
    for wrong in ("", "Bearer", f"Bearer {token}0", f"Basic {token}", f"Bearer 9{token}", "Bearer ٣.x"):
        assert not mb.admits(wrong, NOW), wrong
    assert not mb.admits(f"Bearer {token}", NOW + timedelta(seconds=300))
    for unknown in ("", "Basic", "Basic é", "Basic " + base64.b64encode(b"mb:another").decode(), f"Bearer {token}"):
        assert mb.give_token(unknown, NOW).status == 401, unknown

    told = mb.read_notification(movement())
    assert told is not None
    assert (told.reference, told.amount_vnd) == ("FT9", 500_000)
    assert told.movement == Movement("0123456789", (), "TD1", date(2026, 11, 22), "970422")
    for time, day in ((1795340194, date(2026, 11, 22)), ("", None), (10**20, None), (-1, None)):
        told = mb.read_notification(movement(transactiontime=time))
        assert told is not None
        assert told.movement is not None
        assert told.movement.made_on == day


def test_mb_is_answered_as_it_asks(mb: MbBank) -> None:
    heard = mb.acknowledge(Verdict.TAKEN, movement())
    assert json.loads(heard.body) == {
        "error": False,
        "errorReason": "000",
        "toastMessage": "",
        "object": {"reftransactionid": "FT9"},
    }
    assert mb.acknowledge(Verdict.REPEATED, movement()).body == heard.body
    assert mb.read_notification(movement(transType="D")) is None
    assert mb.acknowledge(Verdict.BAD_SIGNATURE, movement(transType="D")).status == 200
    wrong = (b"", b"[]", b"{", b"\xff", movement(amount=0), movement(amount="1.5"), movement(amount=True))
    for body in (*wrong, movement(referencenumber="", transactionid=None)):
        assert mb.read_notification(body) is None
        assert mb.acknowledge(Verdict.BAD_SIGNATURE, body).status == 400
    for verdict in (Verdict.UNKNOWN_REFERENCE, Verdict.WRONG_AMOUNT, Verdict.TROUBLE):
        answer = mb.acknowledge(verdict, movement())
        assert (answer.status >= 400, json.loads(answer.body)["error"]) == (True, True)


@pytest.fixture
def vietinbank(key: rsa.RSAPrivateKey) -> VietinBank:
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    keys = {"bank_rsa_public_key": public.decode(), "rsa_private_key": pem(key)}
    return VietinBank(Credentials("vietinbank", Environment.TEST, keys), Expected(provider_id="VTB01"))


def test_money_in_is_told(vietinbank: VietinBank, key: rsa.RSAPrivateKey) -> None:
    told = vietinbank.read_notification(notification(key))
    assert told is not None
    assert (told.outcome, told.amount_vnd, told.reference) == (Outcome.SUCCESS, 18_750_000, "FT1")
    told = vietinbank.read_notification(
        notification(key, transType="3", recvAcctId="116", recvVirtualAcctId="C26110001")
    )
    assert told is not None
    assert told.movement == Movement("116", ("C26110001",), "CTY ANH DUONG nop BHXH", date(2026, 11, 22), "970415")


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"amount": "18750001"}, None),
        ({"signature": "not base64"}, None),
        ({"signature": None}, None),
        ({"currencyCode": "USD"}, "currency"),
        ({"transType": "D"}, "type"),
        ({"transType": "1"}, "type"),
        ({"providerId": "VTB02"}, "provider"),
    ],
)
def test_what_is_not_signed_or_not_ours_is_not_taken(
    vietinbank: VietinBank, key: rsa.RSAPrivateKey, changed: dict[str, Any], why: str | None
) -> None:
    body = notification(key, **changed)
    judgement = vietinbank.judge(body)
    assert vietinbank.read_notification(body) is None
    assert (judgement.accept, judgement.signature_ok) == (False, why is not None)
    assert why is None or str(judgement.why_not).startswith(why)


def test_every_answer_is_signed(vietinbank: VietinBank, key: rsa.RSAPrivateKey) -> None:
    for verdict, code in ((Verdict.TAKEN, "00"), (Verdict.REPEATED, "05"), (Verdict.BAD_SIGNATURE, "99")):
        answer = json.loads(vietinbank.acknowledge(verdict, notification(key)).body)
        assert (answer["transId"], answer["errorCode"]) == ("FT1", code)
        text = f"FT1{code}{answer['errorDesc']}".encode()
        signature = base64.b64decode(answer["signature"])
        key.public_key().verify(signature, text, padding.PKCS1v15(), hashes.SHA256())
    # Money out is nothing to us, and need not come again.
    out = json.loads(vietinbank.acknowledge(Verdict.BAD_SIGNATURE, notification(key, transType="D")).body)
    assert out["errorCode"] == "00"
    odd = (
        notification(key, transType="D", amount="1"),
        notification(key, transId="\ud800"),
        b'{"transId": "a\\u0000"}',
    )
    for body in (b"", b"[]", b"{", b"\xff", *odd):
        assert vietinbank.read_notification(body) is None
        assert not vietinbank.judge(body).accept
        assert json.loads(vietinbank.acknowledge(Verdict.BAD_SIGNATURE, body).body)["errorCode"] == "99"


def test_both_banks_are_opened_by_name_with_keys_of_their_own(tmp_path: Path, key: rsa.RSAPrivateKey) -> None:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    public = key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()
    vietinbank = {"bank_rsa_public_key": public, "rsa_private_key": pem(key), "provider_id": "VTB01"}
    mb = {"client_id": "i", "client_secret": "s", "rsa_private_key": pem(key), "debit_account": "1", "debit_name": "B"}
    path = tmp_path / "keys.yaml"
    for name, keys, address in (("vietinbank", vietinbank, ""), ("mbbank", mb, "https://api-sandbox.mbbank.com.vn")):
        path.write_text(json.dumps({"provider": name, "environment": "test", "keys": keys}), "utf-8")
        path.chmod(0o600)
        adapter = open_provider(Profile(name, Environment.TEST, address, path))
        assert adapter.capabilities.provider == name
        adapter.close()
        for other in (Profile(name, Environment.LIVE, address, path), Profile("momo", Environment.TEST, address, path)):
            with pytest.raises(MixedEnvironments):
                open_provider(other)
