"""Wallets and payment pages against their simulators over real HTTP: two codes that share nothing must agree."""

import http.server
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from typer.testing import CliRunner

from engine.cli import app
from gateways.attempts import Attempt, answered, inquired, notified
from gateways.banks.mbbank_gateway import MbBank
from gateways.banks.vietinbank_gateway import VietinBank
from gateways.contract import Instrument, NameCheck, Outcome
from gateways.credentials import Environment, MixedEnvironments, Profile, read_credentials
from gateways.errors import Ambiguous, BadBatch, UnsafeKey, Unsupported
from gateways.momo.gateway import Momo
from gateways.online import (
    Asking,
    CollectionOrder,
    Collector,
    Holder,
    Inviter,
    Notification,
    Notifier,
    OnlineAnswer,
    OnlineOperation,
    Payer,
    Payout,
    Receiver,
    Refund,
    Refunder,
    Verdict,
    Verifier,
)
from gateways.payos.gateway import PayOs
from gateways.providers import capabilities_of, open_provider, providers
from gateways.simulator.bank import Bank
from gateways.simulator.books import read_books
from gateways.simulator.client import SimulatorControl
from gateways.simulator.errors import ControlRefused
from gateways.simulator.faults import Call as FaultCall
from gateways.simulator.faults import Fault
from gateways.simulator.journal import FILE_NAME
from gateways.simulator.process import Address, ensure_running, read_address, stop, write_address
from gateways.simulator.providers_client import ProvidersControl
from gateways.simulator.purse import FOLDER, Purse, Stage
from gateways.simulator.service import server
from gateways.vnpay.gateway import VnPay
from gateways.zalopay.gateway import ZaloPay
from gateways.zalopay.requests import order_id, refund_id

NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)
FUNDS_VND = 100_000_000
ASKING = Asking("R1", NOW)
SECRETS = {"secret_key": "SKsimulated", "key1": "K1simulated", "key2": "K2simulated", "hash_secret": "HSsimulated"}
SECRETS |= {"api_key": "AKsimulated", "checksum_key": "CKsimulated", "access_key": "ACsimulated"}


@dataclass
class Simulation:
    home: Path
    base_url: str
    keys: Path
    callback_url: str
    control: ProvidersControl
    faults: SimulatorControl
    momo: Momo
    zalopay: ZaloPay
    vnpay: VnPay
    payos: PayOs
    notified: list[tuple[str, Notification | None]]

    def credits(self, reference: str) -> int:
        return sum(row["credits"] for row in read_books(self.home) if row["reference"] == reference)


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 1024)  # noqa: S505 - read anew by each adapter; a short one is read quickly


def pem(key: rsa.RSAPrivateKey) -> str:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


def public_pem(key: rsa.RSAPrivateKey) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def written(path: Path, provider: str, keys: dict[str, str], environment: str = "simulated", mode: int = 0o600) -> Path:
    path.write_text(json.dumps({"provider": provider, "environment": environment, "keys": keys}), "utf-8")
    path.chmod(mode)
    return path


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Purse, str]]:
    """The simulators on a thread of this process: the same code on the same wire, started once."""
    home, token = tmp_path_factory.mktemp("simulators") / "bank", Address.new(0).control_token
    books, purse = Bank(home), Purse(home)
    books.set_clock(NOW)
    serving = server(books, 0, token, purse)
    thread = threading.Thread(target=serving.run)
    thread.start()
    while not serving.started:
        assert thread.is_alive()
        os.sched_yield()
    address = Address(serving.servers[0].sockets[0].getsockname()[1], token, None)
    write_address(home, address)
    yield home, purse, address.base_url
    serving.should_exit = True
    thread.join()
    purse.close()
    books.close()


@pytest.fixture(scope="module")
def receiving() -> Iterator[http.server.HTTPServer]:
    """Our own address for notifications."""
    server_ = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Receiver)
    thread = threading.Thread(target=server_.serve_forever, args=(0.01,))
    thread.start()
    yield server_
    server_.shutdown()
    thread.join()
    server_.server_close()


@pytest.fixture
def simulation(
    tmp_path: Path, served: tuple[Path, Purse, str], receiving: http.server.HTTPServer, rsa_key: rsa.RSAPrivateKey
) -> Iterator[Simulation]:
    """Simulators with empty books, and our adapters."""
    home, purse, base_url = served
    purse.close()
    (home / FOLDER / FILE_NAME).unlink()
    now = purse.now
    Purse.__init__(purse, home)
    purse.now = now
    simulation = _opened(tmp_path, home, base_url, receiving, rsa_key)
    simulation.faults.clear_faults()
    _Receiver.simulation = simulation
    yield simulation
    for opened in (simulation.control, simulation.faults, simulation.momo, simulation.zalopay):
        opened.close()
    simulation.vnpay.close()
    simulation.payos.close()


def _opened(
    folder: Path, home: Path, base_url: str, receiving: http.server.HTTPServer, key: rsa.RSAPrivateKey
) -> Simulation:
    callback = f"http://127.0.0.1:{receiving.server_address[1]}"
    momo = {"partner_code": "MOMOSIM", "access_key": SECRETS["access_key"], "secret_key": SECRETS["secret_key"]}
    zalopay = {"app_id": "2553", "key1": SECRETS["key1"], "key2": SECRETS["key2"]}
    vnpay = {"terminal": "SIMVNP01", "hash_secret": SECRETS["hash_secret"]}
    payos = {"client_id": "client", "api_key": SECRETS["api_key"], "checksum_key": SECRETS["checksum_key"]}
    control = ProvidersControl(home)
    control.register("momo", momo | {"rsa_private_key": pem(key)}, FUNDS_VND)
    control.register("zalopay", zalopay | {"rsa_public_key": public_pem(key)}, FUNDS_VND)
    control.register("vnpay", vnpay | {"notification_url": f"{callback}/vnpay"})
    control.register("payos", payos | {"notification_url": f"{callback}/payos"}, FUNDS_VND)
    mine = {"momo": momo | {"rsa_public_key": public_pem(key)}, "zalopay": zalopay | {"rsa_private_key": pem(key)}}
    mine |= {"vnpay": vnpay, "payos": payos}
    profiles = {
        name: Profile(
            name,
            Environment.SIMULATED,
            base_url,
            written(folder / f"{name}.yaml", name, keys),
            f"{callback}/{name}",
            "https://pay.example.vn/return",
            folder / "exchanges.jsonl",
        )
        for name, keys in mine.items()
    }
    return Simulation(
        home,
        base_url,
        folder,
        callback,
        control,
        SimulatorControl(home),
        Momo(profiles["momo"]),
        ZaloPay(profiles["zalopay"]),
        VnPay(profiles["vnpay"]),
        PayOs(profiles["payos"]),
        [],
    )


class _Receiver(http.server.BaseHTTPRequestHandler):
    simulation: Simulation

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        adapter: Any = getattr(self.simulation, self.path.strip("/"))
        self._answer(adapter, adapter.read_notification(body))

    def do_GET(self) -> None:
        adapter = self.simulation.vnpay
        self._answer(adapter, adapter.read_notification(self.path.partition("?")[2].encode()))

    def _answer(self, adapter: Any, notification: Notification | None) -> None:
        self.simulation.notified.append((type(adapter).__name__, notification))
        acknowledgement = adapter.acknowledge(Verdict.BAD_SIGNATURE if notification is None else Verdict.TAKEN, b"")
        self.send_response(acknowledgement.status)
        self.end_headers()
        self.wfile.write(acknowledgement.body)

    def log_message(self, *_: object) -> None:
        pass


def to_wallet(reference: str, number: str = "0901234567", amount_vnd: int = 4_250_000) -> Payout:
    return Payout(reference, amount_vnd, "Lương hưu 11/2026", Receiver(Instrument.WALLET, number, "NGUYEN VAN AN"))


def to_bank(reference: str, number: str = "0011004123456", amount_vnd: int = 3_800_000) -> Payout:
    receiver = Receiver(Instrument.BANK_ACCOUNT, number, "TRAN THI BICH", bank="970436")
    return Payout(reference, amount_vnd, "Tro cap BHXH", receiver)


def pay_momo(simulation: Simulation, payout: Payout) -> OnlineAnswer:
    return simulation.momo.send_payout(simulation.momo.build_payout(payout, ASKING), payout)


def pay_zalopay(simulation: Simulation, payout: Payout) -> OnlineAnswer:
    return simulation.zalopay.send_payout(simulation.zalopay.build_payout(payout, ASKING), payout)


def pay_payos(simulation: Simulation, payout: Payout) -> OnlineAnswer:
    return simulation.payos.send_payout(simulation.payos.build_payout(payout, ASKING), payout)


PAYERS: dict[str, tuple[Callable[..., OnlineAnswer], Callable[..., Payout], Callable[..., OnlineAnswer]]] = {
    "momo wallet": (pay_momo, to_wallet, lambda s, p: s.momo.query_payout(p, ASKING)),
    "momo bank": (pay_momo, to_bank, lambda s, p: s.momo.query_payout(p, ASKING)),
    "zalopay": (pay_zalopay, to_wallet, lambda s, p: s.zalopay.query_payout(p, ASKING)),
    "payos": (pay_payos, to_bank, lambda s, p: s.payos.query_payout(p, ASKING)),
}


@pytest.fixture(params=PAYERS)
def payer(request: pytest.FixtureRequest) -> Any:
    return PAYERS[request.param]


def test_a_payout_is_paid_once_however_often_it_is_sent(simulation: Simulation, payer: Any) -> None:
    pay, made, query = payer
    payout = made("PN1")

    first, again = pay(simulation, payout), pay(simulation, payout)

    assert (first.outcome, first.amount_vnd) == (Outcome.SUCCESS, payout.amount_vnd)
    assert again.outcome in (Outcome.SUCCESS, Outcome.UNKNOWN)
    assert query(simulation, payout).outcome is Outcome.SUCCESS
    assert simulation.credits("PN1") == 1


def test_a_stored_call_sent_again_after_a_crash_is_one_payment(simulation: Simulation) -> None:
    """Killed between sending and storing the answer: what is stored is the call, byte for byte."""
    for adapter, payout in (
        (simulation.momo, to_wallet("PN40")),
        (simulation.zalopay, to_wallet("PN41")),
        (simulation.payos, to_bank("PN42")),
    ):
        payer: Payer = adapter
        stored = payer.build_payout(payout, ASKING)
        payer.send_payout(stored, payout)
        attempt = Attempt(payout.reference, payout.amount_vnd, sends=1)
        assert not attempt.may_be_sent
        attempt = inquired(attempt, payer.query_payout(payout, Asking("R2", NOW)))
        again = answered(attempt, payer.send_payout(stored, payout))
        assert (again.outcome, again.booked_times, again.cases) == (Outcome.SUCCESS, 1, ())
        assert simulation.credits(payout.reference) == 1


def test_a_killed_process_keeps_what_it_answered(tmp_path: Path, rsa_key: rsa.RSAPrivateKey) -> None:
    home = tmp_path / "bank"
    base_url = ensure_running(home)
    keys = {"client_id": "client", "api_key": "a", "checksum_key": "c"}
    profile = Profile("payos", Environment.SIMULATED, base_url, written(tmp_path / "k.yaml", "payos", keys))
    payos, payout = PayOs(profile), to_bank("PN43")
    with ProvidersControl(home) as control:
        control.register("payos", keys, FUNDS_VND)
    stored = payos.build_payout(payout, ASKING)
    assert payos.send_payout(stored, payout).outcome is Outcome.SUCCESS
    address = read_address(home)
    assert address is not None
    assert address.pid is not None
    os.kill(address.pid, signal.SIGKILL)
    while Path(f"/proc/{address.pid}/cmdline").exists() and Path(f"/proc/{address.pid}/cmdline").read_bytes():
        os.sched_yield()

    assert payos.send_payout(stored, payout).outcome in (Outcome.NOT_ACCEPTED, Outcome.UNKNOWN)
    assert ensure_running(home) == base_url
    assert payos.send_payout(stored, payout).outcome is Outcome.SUCCESS
    payos.close()
    stop(home)
    assert [row["credits"] for row in read_books(home)] == [1]


@pytest.mark.parametrize(
    ("fault", "done"),
    [
        (Fault.DROP_BEFORE, False),
        (Fault.HTTP_500, False),
        (Fault.DROP_AFTER, True),
        (Fault.HTML_PAGE, True),
        (Fault.TRUNCATED, True),
    ],
)
def test_what_cannot_be_read_is_unknown_until_it_is_asked_about(
    simulation: Simulation, payer: Any, fault: Fault, done: bool
) -> None:
    pay, made, query = payer
    payout = made("PN2")
    simulation.faults.plan_fault(fault, FaultCall.SUBMIT, message_id="PN2")

    attempt = answered(Attempt("PN2", payout.amount_vnd), pay(simulation, payout))

    assert (attempt.outcome, attempt.may_be_sent) == (Outcome.UNKNOWN, False)
    attempt = inquired(attempt, query(simulation, payout))
    assert attempt.outcome is (Outcome.SUCCESS if done else Outcome.UNKNOWN)
    assert attempt.booked_times == simulation.credits("PN2") == (1 if done else 0)


def test_a_fault_may_choose_by_account_and_by_schedule(simulation: Simulation, payer: Any) -> None:
    pay, made, query = payer
    struck, spared = made("PN15", "0901111111"), made("PN16", "0902222222")
    simulation.faults.plan_fault(Fault.DROP_AFTER, account="0901111111", times=9)
    simulation.faults.plan_fault(Fault.DROP_BEFORE, from_at=NOW + timedelta(days=1), times=9)

    assert pay(simulation, struck).outcome is Outcome.UNKNOWN
    assert pay(simulation, spared).outcome is Outcome.SUCCESS
    simulation.faults.plan_fault(Fault.HTML_PAGE, FaultCall.INQUIRE, account="0901111111")
    assert query(simulation, struck).outcome is Outcome.UNKNOWN
    assert query(simulation, struck).outcome is Outcome.SUCCESS
    assert (simulation.credits("PN15"), simulation.credits("PN16")) == (1, 1)


def test_not_found_early_proves_nothing_and_is_found_later(simulation: Simulation, payer: Any) -> None:
    pay, made, query = payer
    payout = made("PN3")
    pay(simulation, payout)
    simulation.faults.plan_fault(Fault.STATUS_NOT_FOUND, FaultCall.INQUIRE, message_id="PN3")

    missing, there = query(simulation, payout), query(simulation, payout)

    assert (missing.found, missing.outcome) == (False, Outcome.UNKNOWN)
    assert (there.found, there.outcome) == (True, Outcome.SUCCESS)


def test_an_inquiry_that_fails_says_nothing_of_the_payment(simulation: Simulation, payer: Any) -> None:
    pay, made, query = payer
    payout = made("PN4")
    pay(simulation, payout)
    for fault in (Fault.DROP_BEFORE, Fault.HTTP_500, Fault.HTML_PAGE, Fault.TRUNCATED):
        simulation.faults.plan_fault(fault, FaultCall.INQUIRE, message_id="PN4")
        answer = query(simulation, payout)
        assert (answer.outcome, answer.found) == (Outcome.UNKNOWN, None)
        simulation.faults.clear_faults()


@pytest.mark.parametrize(("ending", "code"), [("9001", "1007"), ("9002", "4001"), ("9003", "4003")])
def test_a_refused_receiver_is_a_failed_payout(simulation: Simulation, payer: Any, ending: str, code: str) -> None:
    pay, made, query = payer
    payout = made("PN5", f"090{ending}")

    answer = pay(simulation, payout)

    assert answer.outcome is Outcome.FAILED
    assert pay is not pay_momo or answer.code == code
    assert simulation.credits("PN5") == 0
    assert pay is pay_zalopay or query(simulation, payout).outcome is Outcome.FAILED


def test_a_payout_in_work_is_pending_until_it_is_decided(simulation: Simulation, payer: Any) -> None:
    pay, made, query = payer
    provider = pay.__name__.removeprefix("pay_")
    payout, refused = made("PN6", "0909005"), made("PN7", "0909005")

    assert [pay(simulation, one).outcome for one in (payout, refused)] == [Outcome.PENDING] * 2
    simulation.control.decide(provider, "payout", "PN6", Stage.DONE)
    simulation.control.decide(provider, "payout", "PN7", Stage.REFUSED)

    assert query(simulation, payout).outcome is Outcome.SUCCESS
    assert query(simulation, refused).outcome is Outcome.FAILED
    assert (simulation.credits("PN6"), simulation.credits("PN7")) == (1, 0)


def test_a_payos_payout_may_come_back(simulation: Simulation) -> None:
    payout = to_bank("PN8")
    attempt = answered(Attempt("PN8", payout.amount_vnd), pay_payos(simulation, payout))
    simulation.control.decide("payos", "payout", "PN8", Stage.RETURNED)

    attempt = inquired(attempt, simulation.payos.query_payout(payout, ASKING))

    assert (attempt.outcome, attempt.booked_times, attempt.cases) == (Outcome.RETURNED, 1, ())
    assert simulation.control.settlement("payos", NOW.date()).decode().splitlines()[3:] == [
        "Số dư đầu kỳ: 100000000",
        "Thời gian giao dịch,Mã đơn hàng,Mã giao dịch,Số tiền giao dịch,Phí giao dịch,Trạng thái",
        "25/11/2026 16:00:00,PN8,1,-3800000,0,Thành công",
        "25/11/2026 16:00:00,PN8,1,3800000,0,Hoàn trả",
        "Số dư cuối kỳ: 100000000",
    ]


def test_empty_funds_are_not_the_beneficiarys_fault(simulation: Simulation) -> None:
    answer = pay_momo(simulation, to_wallet("PN9", amount_vnd=FUNDS_VND + 1))
    assert (answer.outcome, answer.code) == (Outcome.NOT_ACCEPTED, "1100")


def test_balances_and_names_are_told(simulation: Simulation) -> None:
    holders: tuple[Holder, ...] = (simulation.momo, simulation.zalopay, simulation.payos)
    assert [holder.balance_vnd(ASKING) for holder in holders] == [FUNDS_VND] * 3
    verifiers: tuple[Verifier, ...] = (simulation.momo, simulation.zalopay)
    for number, found, by_zalopay in (
        ("0901234567", NameCheck.MATCH, NameCheck.MATCH),
        ("0909003", NameCheck.NO_MATCH, NameCheck.MATCH),
        ("0909001", NameCheck.INVALID_ACCOUNT, NameCheck.INVALID_ACCOUNT),
        ("0909002", NameCheck.NOT_ALLOWED, NameCheck.INVALID_ACCOUNT),
    ):
        payout = to_wallet(f"V{number}", number)
        assert [verifier.verify_beneficiary(payout, ASKING) for verifier in verifiers] == [found, by_zalopay]
    user = simulation.zalopay.find_user("0901234567", ASKING)
    assert user is not None
    assert (user.id, user.name) == ("mu0901234567", "NGUYEN VAN AN")


def collect(simulation: Simulation, provider: str) -> tuple[CollectionOrder, Callable[[], OnlineAnswer]]:
    """An order made at a provider, and how it is asked about."""
    reference = order_id("C1", NOW) if provider == "zalopay" else "26110001"
    order = CollectionOrder(reference, 18_750_000, "Dong BHXH T11", "01011234", made_at=NOW)
    adapter: Collector = getattr(simulation, provider)
    if provider == "vnpay":
        address = simulation.vnpay.payment_address(order, "203.0.113.9")
        page = httpx2.get(f"{simulation.base_url}/paymentv2/vpcpay.html?{address.partition('?')[2]}", trust_env=False)
        assert page.status_code == 200
    else:
        inviter: Inviter = getattr(simulation, provider)
        answer = inviter.send_collection(inviter.build_collection(order, ASKING), order)
        assert answer.outcome is Outcome.PENDING
        assert answer.pay_url is not None
    return order, lambda: adapter.query_collection(order, ASKING)


@pytest.mark.parametrize("provider", ["momo", "zalopay", "vnpay", "payos"])
def test_a_collection_is_paid_told_once_and_booked_once(simulation: Simulation, provider: str) -> None:
    order, ask = collect(simulation, provider)
    attempt = Attempt(order.reference, order.amount_vnd)
    assert ask().outcome is Outcome.PENDING
    simulation.control.decide(provider, "collection", order.reference, Stage.DONE)

    bad = simulation.control.notify(provider, order.reference, bad_signature=True)
    attempt = notified(attempt, simulation.notified[-1][1])
    assert attempt == Attempt(order.reference, order.amount_vnd)
    good = simulation.control.notify(provider, order.reference, times=2)
    for _, notification in simulation.notified[-2:]:
        attempt = notified(attempt, notification)
    attempt = inquired(attempt, ask())

    assert (attempt.outcome, attempt.booked_times, attempt.cases) == (Outcome.SUCCESS, 1, ())
    refused, taken = {
        "momo": ((400, ""), (204, "")),
        "zalopay": ((200, "-1"), (200, "1")),
        "vnpay": ((200, "97"), (200, "00")),
        "payos": ((400, ""), (200, "true")),
    }[provider]
    assert (bad[0]["status"], refused[1] in bad[0]["body"]) == (refused[0], True)
    assert [(answer["status"], taken[1] in answer["body"]) for answer in good] == [(taken[0], True)] * 2


@pytest.mark.parametrize("provider", ["momo", "zalopay", "vnpay", "payos"])
def test_another_amount_is_never_booked_and_opens_a_case(simulation: Simulation, provider: str) -> None:
    order, _ = collect(simulation, provider)
    simulation.control.decide(provider, "collection", order.reference, Stage.DONE)
    simulation.control.notify(provider, order.reference, more_vnd=1)

    attempt = notified(Attempt(order.reference, order.amount_vnd), simulation.notified[-1][1])

    assert (attempt.outcome, attempt.booked_times, len(attempt.cases)) == (Outcome.UNKNOWN, 0, 1)


@pytest.mark.parametrize(
    ("provider", "secret"),
    [("momo", "secret_key"), ("zalopay", "key2"), ("vnpay", "hash_secret"), ("payos", "checksum_key")],
)
def test_while_a_secret_is_changed_both_are_taken(simulation: Simulation, provider: str, secret: str) -> None:
    order, _ = collect(simulation, provider)
    simulation.control.decide(provider, "collection", order.reference, Stage.DONE)
    path = simulation.keys / f"{provider}.yaml"
    keys = json.loads(path.read_text("utf-8"))["keys"]
    for changed, taken in (
        (keys | {secret: "new", f"previous_{secret}": keys[secret]}, True),
        (keys | {secret: "new"}, False),
    ):
        profile = Profile(provider, Environment.SIMULATED, simulation.base_url, written(path, provider, changed))
        setattr(simulation, provider, open_provider(profile))
        simulation.control.notify(provider, order.reference)
        assert (simulation.notified[-1][1] is not None) is taken
    getattr(simulation, provider).close()


def test_refunds_are_decided_by_their_query(simulation: Simulation) -> None:
    order, ask = collect(simulation, "zalopay")
    simulation.control.decide("zalopay", "collection", order.reference, Stage.DONE)
    number = ask().provider_reference
    assert number is not None
    undoing = Refund(refund_id("RF1", 2553, NOW), order.reference, number, order.amount_vnd, "Hoan tien")
    refunder: Refunder = simulation.zalopay
    call = refunder.build_refund(undoing, ASKING)

    assert refunder.send_refund(call, undoing).outcome is Outcome.PENDING
    assert refunder.send_refund(call, undoing).outcome is Outcome.UNKNOWN
    assert refunder.query_refund(undoing, ASKING).outcome is Outcome.PENDING
    simulation.control.decide("zalopay", "refund", undoing.reference, Stage.DONE)
    assert refunder.query_refund(undoing, ASKING).outcome is Outcome.SUCCESS
    more = replace(undoing, reference=refund_id("RF2", 2553, NOW))
    assert refunder.send_refund(refunder.build_refund(more, ASKING), more).outcome is Outcome.FAILED


def test_momo_and_vnpay_give_back_what_was_paid(simulation: Simulation) -> None:
    order, ask = collect(simulation, "momo")
    undoing = Refund("RF3", order.reference, "4000000001", order.amount_vnd, "Hoàn tiền nộp thừa")
    refunder: Refunder = simulation.momo
    assert refunder.send_refund(refunder.build_refund(undoing, ASKING), undoing).outcome is Outcome.FAILED
    simulation.control.decide("momo", "collection", order.reference, Stage.DONE)
    assert ask().provider_reference == "4000000001"
    undoing = replace(undoing, reference="RF4")
    assert refunder.send_refund(refunder.build_refund(undoing, ASKING), undoing).outcome is Outcome.SUCCESS
    assert refunder.query_refund(undoing, ASKING).outcome is Outcome.SUCCESS

    order, ask = collect(simulation, "vnpay")
    simulation.control.decide("vnpay", "collection", order.reference, Stage.DONE)
    number = ask().provider_reference
    assert number is not None
    undoing = Refund("RF5", order.reference, number, order.amount_vnd, "Hoan tien nop thua", True, NOW, "ketoan01")
    refunder = simulation.vnpay
    for request in ("F1", "F2"):
        call = refunder.build_refund(undoing, Asking(request, NOW))
        assert refunder.send_refund(call, undoing).outcome is Outcome.PENDING
    # The payment still stands as paid: that its refund is done, no status of VNPAY's says.
    assert refunder.query_refund(undoing, ASKING).outcome is Outcome.UNKNOWN


def test_a_batch_of_wallets_is_paid_when_it_is_released(simulation: Simulation) -> None:
    momo = simulation.momo
    receivers = [("W1", "0901234567"), ("W2", "0909001"), ("W3", "0909005")]
    items = tuple(momo.batch_item(name, to_wallet(name, number, 2_000_000)) for name, number in receivers)
    token = momo.start_batch("BT1", "R1", 6_000_000)
    call = momo.build_batch("BT1", "R2", token, items)

    assert momo.send_batch(call, "BT1").outcome is Outcome.PENDING
    assert momo.send_batch(call, "BT1").outcome is Outcome.UNKNOWN
    assert [item.outcome for item in momo.query_batch("BT1", "Q1", 1, 50)] == [Outcome.UNKNOWN] * 3
    release = momo.build_batch_release("BT1", "R3")
    assert [momo.send_batch_release(release, "BT1").outcome for _ in range(2)] == [Outcome.PENDING] * 2

    pages = [momo.query_batch("BT1", f"Q{page}", page, 2) for page in (1, 2)]
    assert [[(item.id, item.outcome, item.code) for item in page] for page in pages] == [
        [("W1", Outcome.SUCCESS, "SUCCEEDED"), ("W2", Outcome.UNKNOWN, "FAILED")],
        [("W3", Outcome.UNKNOWN, "PROCESSING")],
    ]
    assert [simulation.credits(f"BT1/{name}") for name, _ in receivers] == [1, 0, 0]
    with pytest.raises(BadBatch):
        momo.build_batch("BT2", "R4", token, (items[0], items[0]))
    with pytest.raises(Ambiguous):
        momo.query_batch("BT9", "Q9", 1, 50)


def test_a_clock_that_is_wrong_is_not_accepted(simulation: Simulation) -> None:
    late = datetime.now(UTC) + timedelta(minutes=20)
    order = CollectionOrder(order_id("C9", late), 10_000, "Dong BHXH")
    call = simulation.zalopay.build_collection(order, Asking("R1", late))
    answer = simulation.zalopay.send_collection(call, order)
    assert (answer.outcome, answer.code) == (Outcome.NOT_ACCEPTED, "2/-401")


def test_keys_that_are_wrong_are_not_accepted_and_say_nothing_of_a_payment(
    simulation: Simulation, rsa_key: rsa.RSAPrivateKey
) -> None:
    keys = {"partner_code": "MOMOSIM", "access_key": SECRETS["access_key"], "secret_key": "wrong"}
    keys |= {"rsa_public_key": public_pem(rsa_key)}
    path = written(simulation.keys / "wrong.yaml", "momo", keys)
    momo = Momo(Profile("momo", Environment.SIMULATED, simulation.base_url, path))
    payout = to_wallet("PN10")
    answer = momo.send_payout(momo.build_payout(payout, ASKING), payout)
    inquiry = momo.query_payout(payout, ASKING)
    momo.close()
    assert (answer.outcome, answer.code) == (Outcome.NOT_ACCEPTED, "13")
    assert (inquiry.outcome, inquiry.found) == (Outcome.UNKNOWN, None)


def test_the_books_of_the_providers_outlive_them(simulation: Simulation) -> None:
    pay_momo(simulation, to_wallet("PN11"))
    assert read_books(simulation.home) == [
        {"reference": "PN11", "account": "0901234567", "amount_vnd": 4_250_000, "credits": 1}
    ]
    assert simulation.control.overview("momo") == {
        "balance_vnd": FUNDS_VND - 4_250_000,
        "orders": {"payout PN11": "done"},
    }


def test_a_simulator_calls_this_machine_only(simulation: Simulation) -> None:
    simulation.control.register("payos", {"notification_url": "https://example.com/"})
    keys = {"client_id": "client", "api_key": SECRETS["api_key"], "checksum_key": SECRETS["checksum_key"]}
    simulation.control.register("payos", keys | {"notification_url": "https://example.com/"})
    order, _ = collect(simulation, "payos")
    with pytest.raises(ControlRefused, match="this machine only"):
        simulation.control.notify("payos", order.reference)


@pytest.mark.parametrize(
    ("environment", "base_url", "keys_for", "provider"),
    [
        (Environment.LIVE, "https://payment.momo.vn", "test", "momo"),
        (Environment.TEST, "https://payment.momo.vn", "test", "momo"),
        (Environment.LIVE, "https://test-payment.momo.vn", "live", "momo"),
        (Environment.SIMULATED, "https://payment.momo.vn", "simulated", "momo"),
        (Environment.LIVE, "http://127.0.0.1:1", "live", "momo"),
        (Environment.LIVE, "https://payment.momo.vn.example.com", "live", "momo"),
        (Environment.LIVE, "https://payment.momo.vn", "live", "zalopay"),
    ],
)
def test_keys_of_one_world_never_reach_another(
    tmp_path: Path, environment: Environment, base_url: str, keys_for: str, provider: str
) -> None:
    path = written(tmp_path / "k.yaml", provider, {"partner_code": "x", "access_key": "y", "secret_key": "z"}, keys_for)
    with pytest.raises(MixedEnvironments):
        Momo(Profile("momo", environment, base_url, path))


def test_a_credentials_file_is_its_owners_and_never_shows(tmp_path: Path) -> None:
    path = written(tmp_path / "k.yaml", "momo", {"secret_key": "sesame"}, mode=0o640)
    with pytest.raises(UnsafeKey, match="0600"):
        read_credentials(path)
    path.chmod(0o600)
    credentials = read_credentials(path)
    assert credentials["secret_key"] == "sesame"
    assert "sesame" not in repr(credentials)
    with pytest.raises(UnsafeKey, match="hold no access_key"):
        credentials["access_key"]
    path.write_text("provider: momo\nkeys: [sesame", "utf-8")
    with pytest.raises(UnsafeKey) as refused:
        read_credentials(path)
    assert "sesame" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_nothing_secret_is_logged_or_recorded(simulation: Simulation, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    for pay, made, query in PAYERS.values():
        payout = made(f"LG{pay.__name__}{made.__name__}".replace("_", ""))
        pay(simulation, payout)
        query(simulation, payout)
    for provider in ("momo", "zalopay", "payos", "vnpay"):
        collect(simulation, provider)
    logged = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("gateways"))
    assert "POST /v2/gateway/api/disbursement/pay" in logged
    assert [secret for secret in SECRETS.values() if secret in logged] == []
    assert [number for number in ("0901234567", "0011004123456") if number in logged] == []
    recorded = (simulation.keys / "exchanges.jsonl").read_text("utf-8")
    assert (simulation.keys / "exchanges.jsonl").stat().st_mode & 0o077 == 0
    assert "POST /v1/payouts" in recorded
    assert [secret for secret in SECRETS.values() if secret in recorded] == []
    assert [number for number in ("0901234567", "0011004123456", "TRAN THI BICH") if number in recorded] == []
    shown = repr((simulation.momo._keys, simulation.zalopay._keys, simulation.vnpay._keys, simulation.payos._keys))
    assert [secret for secret in SECRETS.values() if secret in shown] == []


@pytest.mark.parametrize("amount_vnd", [-1, 0, 999, 200_000_001, 2**53])
def test_amounts_outside_the_limits_never_leave(simulation: Simulation, amount_vnd: int) -> None:
    payout = to_wallet("PN12", amount_vnd=amount_vnd)
    with pytest.raises(BadBatch):
        simulation.momo.build_payout(payout, ASKING)


def test_what_a_provider_does_not_offer_is_refused_by_its_sheet(simulation: Simulation) -> None:
    sheets = [adapter.capabilities for adapter in (simulation.momo, simulation.zalopay, simulation.vnpay)]
    assert [sheet.reversible for sheet in sheets] == [False, False, True]
    with pytest.raises(Unsupported):
        simulation.vnpay.capabilities.require(OnlineOperation.PAYOUT_SUBMIT)
    with pytest.raises(Unsupported):
        simulation.vnpay.capabilities.limit(OnlineOperation.PAYOUT_SUBMIT)
    with pytest.raises(BadBatch):
        simulation.zalopay.build_payout(to_bank("PN13"), ASKING)
    with pytest.raises(BadBatch):
        simulation.payos.build_payout(to_wallet("PN14"), ASKING)


def test_a_provider_that_does_not_answer_is_left_alone_for_a_moment(simulation: Simulation) -> None:
    simulation.faults.plan_fault(Fault.HTTP_500, FaultCall.SUBMIT, message_id="*", times=5)
    for number in range(5):
        assert pay_momo(simulation, to_wallet(f"PN2{number}")).outcome is Outcome.UNKNOWN
    held = pay_momo(simulation, to_wallet("PN30"))
    assert (held.outcome, held.code) == (Outcome.NOT_ACCEPTED, "circuit_open")


def test_every_sheet_agrees_with_its_adapter(simulation: Simulation) -> None:
    """An adapter has the calls of the operations its sheet declares, and no others."""
    calls = {
        OnlineOperation.COLLECT_QUERY: "query_collection",
        OnlineOperation.COLLECT_REFUND: "send_refund",
        OnlineOperation.REFUND_QUERY: "query_refund",
        OnlineOperation.NOTIFICATION: "read_notification",
        OnlineOperation.VERIFY_BENEFICIARY: "verify_beneficiary",
        OnlineOperation.PAYOUT_SUBMIT: "send_payout",
        OnlineOperation.PAYOUT_QUERY: "query_payout",
        OnlineOperation.BATCH_SUBMIT: "build_batch",
        OnlineOperation.BALANCE: "balance_vnd",
    }
    classes = {"momo": Momo, "zalopay": ZaloPay, "vnpay": VnPay, "payos": PayOs, "mbbank": MbBank}
    for name, adapter in {**classes, "vietinbank": VietinBank}.items():
        offered = capabilities_of(name).operations
        assert {operation for operation in calls if operation in offered} == {
            operation for operation, call in calls.items() if hasattr(adapter, call)
        }, name
    assert set(providers()) == {*classes, "vietinbank"}
    notifiers: tuple[Notifier, ...] = (simulation.momo, simulation.zalopay, simulation.vnpay, simulation.payos)
    assert [notifier.read_notification(b"") for notifier in notifiers] == [None] * 4
    for name in ("momo", "zalopay", "vnpay", "payos"):
        path = simulation.keys / f"{name}.yaml"
        opened = open_provider(Profile(name, Environment.SIMULATED, simulation.base_url, path))
        assert opened.capabilities.provider == name
        opened.close()
    with pytest.raises(Unsupported):
        open_provider(Profile("nobody", Environment.SIMULATED, simulation.base_url, simulation.keys / "momo.yaml"))


def test_the_command_shows_sheets_and_checks_keys(tmp_path: Path) -> None:
    shown = CliRunner().invoke(app, ["gateway", "providers", "--json"])
    assert [sheet["provider"] for sheet in json.loads(shown.stdout)] == list(providers())
    path = written(tmp_path / "k.yaml", "vnpay", {"terminal": "T", "hash_secret": "s"}, "test")
    checked = CliRunner().invoke(app, ["gateway", "providers", "vnpay", "--keys", str(path)])
    assert checked.exit_code == 0
    mixed = CliRunner().invoke(app, ["gateway", "providers", "vnpay", "--keys", str(path), "--environment", "live"])
    assert isinstance(mixed.exception, MixedEnvironments)


def test_a_balance_that_is_not_told_is_ambiguous(simulation: Simulation) -> None:
    for fault in (Fault.HTML_PAGE, Fault.TRUNCATED):
        simulation.faults.plan_fault(fault, FaultCall.SUBMIT, message_id="B9")
        with pytest.raises(Ambiguous):
            simulation.momo.balance_vnd(Asking("B9", NOW))
        simulation.faults.clear_faults()
