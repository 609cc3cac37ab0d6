"""Keys, certificates, signatures, recordings and the circuit breaker: what keeps a stranger and a mistake out."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import IPv4Address
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateways.breaker import Breaker, CircuitOpen
from gateways.contract import Gateway, GatewaySettings, Outcome
from gateways.credentials import MixedEnvironments
from gateways.environments import require_one_environment
from gateways.errors import UnsafeKey
from gateways.http import Wire
from gateways.registry import open_gateway
from gateways.signing import content_digest, ensure_key

NOW = datetime(2026, 11, 25, tzinfo=UTC)
CONTENT = b"<Othr><Id>0011004123456</Id></Othr><Nm>NGUYEN VAN AN</Nm>"


class Authority:
    """A certificate authority of the test's own."""

    def __init__(self, name: str) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(self.name, self.key.public_key(), ca=True)

    def issue(self, directory: Path, stem: str, common_name: str) -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        certificate = self._sign(name, key.public_key(), ca=False)
        paths = directory / f"{stem}.tls.crt", directory / f"{stem}.tls.key"
        paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        paths[1].write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))
        paths[1].chmod(0o600)
        return paths

    def write(self, path: Path) -> Path:
        path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        return path

    def _sign(self, name: x509.Name, key: ec.EllipticCurvePublicKey, *, ca: bool) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
            .not_valid_after(datetime(2099, 1, 1, tzinfo=UTC))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .add_extension(_usage(ca=ca), critical=True)
        )
        return builder.sign(self.key, hashes.SHA256())


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=ca, crl_sign=ca, encipher_only=False, decipher_only=False,
    )  # fmt: skip


class _Taking(BaseHTTPRequestHandler):
    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["content-length"]))
        told = {"code": "ACCEPTED", "message_id": "M1", "content_digest": content_digest(content)}
        body = json.dumps(told).encode()
        self.send_response(202)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base class names it
        """Says nothing."""


class _QuietServer(HTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A handshake that fails is what some tests want."""


@contextmanager
def tls_bank(directory: Path, authority: Authority, clients: Authority) -> Iterator[str]:
    """A bank on loopback that shows a certificate of `authority` and lets in only clients of `clients`."""
    certificate, key = authority.issue(directory, "server", "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(clients.write(directory / "clients.crt"))
    context.verify_mode = ssl.CERT_REQUIRED
    server = _QuietServer(("127.0.0.1", 0), _Taking)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"https://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def settings(tmp_path: Path) -> GatewaySettings:
    directory = tmp_path / "keys"
    directory.mkdir()
    ensure_key(directory / "simbank.pem")
    return GatewaySettings("simbank", "http://127.0.0.1:9", "thuchi", directory / "simbank.pem", 2, 2)


def submitted(settings: GatewaySettings, base_url: str) -> Outcome:
    gateway = open_gateway("simbank", replace(settings, base_url=base_url))
    outcome = gateway.submit_batch("M1", "M1.xml", CONTENT).outcome
    gateway.close()
    return outcome


def test_a_bank_with_mutual_tls_lets_us_in_by_our_certificate(settings: GatewaySettings, tmp_path: Path) -> None:
    bank, ours = Authority("Bank CA"), Authority("Client CA")
    keys = settings.signing_key_path.parent
    bank.write(keys / "simbank.ca.crt")
    ours.issue(keys, "simbank", "thuchi")

    with tls_bank(tmp_path, bank, ours) as base_url:
        assert submitted(settings, base_url) is Outcome.PENDING


def test_a_bank_that_cannot_prove_who_it_is_gets_nothing(settings: GatewaySettings, tmp_path: Path) -> None:
    bank, ours = Authority("Bank CA"), Authority("Client CA")
    keys = settings.signing_key_path.parent
    ours.issue(keys, "simbank", "thuchi")

    with tls_bank(tmp_path, bank, ours) as base_url:
        assert submitted(settings, base_url) is Outcome.NOT_ACCEPTED
        Authority("Another CA").write(keys / "simbank.ca.crt")
        assert submitted(settings, base_url) is Outcome.NOT_ACCEPTED


@pytest.mark.parametrize("shown", ["none", "another's"])
def test_a_client_that_the_bank_does_not_know_pays_nothing(
    settings: GatewaySettings, tmp_path: Path, shown: str
) -> None:
    """With TLS 1.3 the refusal comes after we may have written, so it is unknown, never success."""
    bank, ours = Authority("Bank CA"), Authority("Client CA")
    keys = settings.signing_key_path.parent
    bank.write(keys / "simbank.ca.crt")
    if shown == "another's":
        Authority("Another CA").issue(keys, "simbank", "thuchi")

    with tls_bank(tmp_path, bank, ours) as base_url:
        assert submitted(settings, base_url) in (Outcome.UNKNOWN, Outcome.NOT_ACCEPTED)


def test_a_tls_key_that_others_can_read_is_not_used(settings: GatewaySettings) -> None:
    _, key = Authority("Client CA").issue(settings.signing_key_path.parent, "simbank", "thuchi")
    key.chmod(0o640)

    with pytest.raises(UnsafeKey, match="0600"):
        open_gateway("simbank", settings)


HOSTS = {"live": "https://api.bank.example.vn", "test": "https://sandbox.bank.example.vn"}


@pytest.mark.parametrize(
    ("line", "address", "fits"),
    [
        ("Environment: live\n", HOSTS["live"], True),
        ("Environment: test\n", HOSTS["test"] + "/", True),
        ("", "http://127.0.0.1:8801", True),
        ("Environment: live\n", HOSTS["test"], False),
        ("Environment: test\n", HOSTS["live"], False),
        ("Environment: live\n", "http://127.0.0.1:8801", False),
        ("", HOSTS["live"], False),
        ("", HOSTS["test"], False),
        ("Environment: live\n", "https://elsewhere.example.vn", False),
        ("Environment: staging\n", HOSTS["live"], False),
        ("Environment: live\nEnvironment: test\n", HOSTS["live"], False),
    ],
)
def test_a_key_is_used_only_at_the_address_of_its_own_environment(
    settings: GatewaySettings, line: str, address: str, fits: bool
) -> None:
    key = settings.signing_key_path
    key.write_text(line + key.read_text())
    if fits:
        require_one_environment(address, key, HOSTS)
        Wire(replace(settings, base_url=address), None, NOW.timestamp, HOSTS).close()
    else:
        with pytest.raises(MixedEnvironments):
            Wire(replace(settings, base_url=address), None, NOW.timestamp, HOSTS)


def gateway_that_answers(
    settings: GatewaySettings, answer: Callable[[httpx2.Request], httpx2.Response], seconds: list[float]
) -> Gateway:
    return open_gateway("simbank", settings, httpx2.MockTransport(answer), seconds_now=lambda: seconds[0])


def test_after_five_failures_nothing_leaves_for_a_while_and_then_one_call_decides(settings: GatewaySettings) -> None:
    calls, seconds, working = [0], [1000.0], [False]

    def answer(_: httpx2.Request) -> httpx2.Response:
        calls[0] += 1
        told = {"code": "ACCEPTED", "message_id": "M1", "content_digest": content_digest(CONTENT)}
        return httpx2.Response(202, json=told) if working[0] else httpx2.Response(503)

    gateway = gateway_that_answers(settings, answer, seconds)

    def submit() -> Outcome:
        return gateway.submit_batch("M1", "M1.xml", CONTENT).outcome

    assert [submit() for _ in range(7)] == [Outcome.UNKNOWN] * 5 + [Outcome.NOT_ACCEPTED] * 2
    assert calls == [5]
    seconds[0] += 5
    assert [submit(), submit()] == [Outcome.UNKNOWN, Outcome.NOT_ACCEPTED]
    seconds[0] += 5
    working[0] = True
    assert [submit(), submit()] == [Outcome.PENDING] * 2
    gateway.close()


def test_one_call_is_let_through_a_half_open_circuit() -> None:
    breaker = Breaker(lambda: 100.0, threshold=1, open_seconds=0.0)
    breaker.failed()
    breaker.admit()
    half_open = Breaker(lambda: 100.0, threshold=1, open_seconds=5.0)
    half_open.failed()

    with pytest.raises(CircuitOpen):
        half_open.admit()
    half_open.succeeded()
    half_open.admit()


def test_recorded_exchanges_hold_no_secret_no_name_and_no_whole_number(
    settings: GatewaySettings, tmp_path: Path
) -> None:
    recording = tmp_path / "recordings" / "simbank.jsonl"

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/status"):
            raise httpx2.ReadTimeout("slow")
        headers = {"set-cookie": "session=verysecret", "authorization": "Bearer verysecret"}
        return httpx2.Response(422, json={"code": "FF01", "text": "account 0011004123456"}, headers=headers)

    gateway = gateway_that_answers(replace(settings, recording_path=recording), answer, [1000.0])
    gateway.submit_batch("M1", "M1.xml", CONTENT)
    gateway.submit_batch("M2", "M2.xml", b"<Nm>" + b"x" * 65_520 + b"</Nm><Id>" + b"0011004123456" * 2)
    gateway.inquire_batch("M1")
    gateway.close()

    recorded = recording.read_text()
    first, _, third = map(json.loads, recorded.splitlines())
    assert (first["call"], first["came"]) == ("PUT /h2h/payments/M1", "422")
    assert third["came"] == "GET /h2h/payments/M1/status: ReadTimeout"
    private = settings.signing_key_path.read_text().splitlines()[1]
    for secret in ("0011004123456", "NGUYEN VAN AN", "verysecret", private, "sig1=:"):
        assert secret not in recorded
    assert recording.stat().st_mode & 0o077 == 0


def test_an_answer_outlives_a_record_that_cannot_be_written(settings: GatewaySettings, tmp_path: Path) -> None:
    told = {"code": "ACCEPTED", "message_id": "M1", "content_digest": content_digest(CONTENT)}
    (tmp_path / "full").mkdir()
    gateway = gateway_that_answers(
        replace(settings, recording_path=tmp_path / "full"), lambda _: httpx2.Response(202, json=told), [1000.0]
    )

    assert gateway.submit_batch("M1", "M1.xml", CONTENT).outcome is Outcome.PENDING
    gateway.close()


def test_the_check_tells_when_our_certificate_ends(settings: GatewaySettings) -> None:
    Authority("Client CA").issue(settings.signing_key_path.parent, "simbank", "thuchi")
    date_header = {"date": "Wed, 25 Nov 2026 00:01:00 GMT"}

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(401, json={"code": "BAD_SIGNATURE"}, headers=date_header)

    gateway = gateway_that_answers(settings, answer, [NOW.timestamp()])
    health = gateway.check(NOW.date())
    gateway.close()

    assert (health.reachable, health.credentials_accepted, health.clock_offset_seconds) == (True, False, 60)
    assert health.certificate_expires_on == date(2099, 1, 1)
    assert timedelta(days=30) < health.certificate_expires_on - NOW.date()
