"""What the one way out makes of a line that fails, told apart by whether a byte of the request can have left."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import httpx2
import pytest

from gateways.contract import BatchAnswer, Gateway, GatewaySettings, Outcome, StatusReport
from gateways.errors import Ambiguous, BadBatch, NotSent, Refused, UnsafeKey, Unsupported
from gateways.registry import adapters, capabilities_of, open_gateway
from gateways.signing import content_digest, ensure_key

CONTENT = b"<Document/>"
Handler = Callable[[httpx2.Request], httpx2.Response]


@pytest.fixture
def settings(tmp_path: Path) -> GatewaySettings:
    ensure_key(tmp_path / "key.pem")
    return GatewaySettings("simbank", "http://127.0.0.1:9", "thuchi", tmp_path / "key.pem", 1, 1)


@contextmanager
def gateway_answering(settings: GatewaySettings, handler: Handler) -> Iterator[Gateway]:
    gateway = open_gateway("simbank", settings, transport=httpx2.MockTransport(handler))
    yield gateway
    gateway.close()


def submitted(settings: GatewaySettings, handler: Handler) -> BatchAnswer:
    with gateway_answering(settings, handler) as gateway:
        return gateway.submit_batch("M1", "M1.xml", CONTENT)


def told(status: int, **told: str) -> httpx2.Response:
    echo = {"message_id": "M1", "content_digest": content_digest(CONTENT)}
    return httpx2.Response(status, json={**echo, **told})


@contextmanager
def server_that(acts: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server on loopback that does one thing with its first connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            connection, _ = listening.accept()
            with connection:
                acts(connection)

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread.join()


def settings_at(settings: GatewaySettings, base_url: str) -> GatewaySettings:
    return GatewaySettings("simbank", base_url, settings.client_id, settings.signing_key_path, 1, 0.3)


def submitted_over_the_wire(settings: GatewaySettings, base_url: str) -> Outcome:
    gateway = open_gateway("simbank", settings_at(settings, base_url))
    answer = gateway.submit_batch("M1", "M1.xml", CONTENT)
    gateway.close()
    return answer.outcome


def test_a_refused_connection_is_not_accepted(settings: GatewaySettings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]

    assert submitted_over_the_wire(settings, f"http://127.0.0.1:{port}") is Outcome.NOT_ACCEPTED


@pytest.mark.parametrize(
    "acts",
    [
        pytest.param(lambda connection: connection.recv(10), id="reset after the request began"),
        pytest.param(lambda connection: (connection.recv(65536), connection.recv(65536)), id="no answer in time"),
        pytest.param(
            lambda connection: (connection.recv(65536), connection.sendall(b"HTTP/1.1 202 OK\r\nContent-Le")),
            id="header cut",
        ),
        pytest.param(
            lambda connection: (
                connection.recv(65536),
                connection.sendall(b"HTTP/1.1 202 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"),
            ),
            id="body cut",
        ),
        pytest.param(
            lambda connection: (connection.recv(65536), connection.sendall(b"nonsense\r\n\r\n")), id="no HTTP"
        ),
    ],
)
def test_a_call_that_began_and_failed_is_unknown(
    settings: GatewaySettings, acts: Callable[[socket.socket], None]
) -> None:
    with server_that(acts) as base_url:
        assert submitted_over_the_wire(settings, base_url) is Outcome.UNKNOWN


@pytest.mark.parametrize("error", [httpx2.ConnectTimeout, httpx2.ConnectError, httpx2.PoolTimeout])
def test_errors_before_the_first_byte_are_not_accepted(
    settings: GatewaySettings, error: type[httpx2.TransportError]
) -> None:
    def fail(request: httpx2.Request) -> httpx2.Response:
        raise error("before")

    assert submitted(settings, fail).outcome is Outcome.NOT_ACCEPTED
    with gateway_answering(settings, fail) as gateway:
        assert gateway.inquire_batch("M1") == StatusReport(found=None)
        with pytest.raises(NotSent):
            gateway.fetch_statement("S")


@pytest.mark.parametrize(
    "error", [httpx2.WriteTimeout, httpx2.WriteError, httpx2.ReadTimeout, httpx2.ReadError, httpx2.RemoteProtocolError]
)
def test_errors_from_the_first_byte_on_are_unknown(
    settings: GatewaySettings, error: type[httpx2.TransportError]
) -> None:
    def fail(request: httpx2.Request) -> httpx2.Response:
        raise error("after")

    assert submitted(settings, fail).outcome is Outcome.UNKNOWN
    with gateway_answering(settings, fail) as gateway:
        assert gateway.inquire_batch("M1") == StatusReport(found=None)
        with pytest.raises(Ambiguous):
            gateway.fetch_statement("S")


@pytest.mark.parametrize(
    "response",
    [
        httpx2.Response(200, html="<html>proxy</html>"),
        httpx2.Response(202, content=b"", headers={"content-type": "application/json"}),
        httpx2.Response(202, content=b'{"code": "ACCEP', headers={"content-type": "application/json"}),
        httpx2.Response(202, content=b'["ACCEPTED"]', headers={"content-type": "application/json"}),
        httpx2.Response(202, text='{"code": "ACCEPTED"}'),
        told(202, code="ACCEPTED", message_id="M2"),
        told(202, code="ACCEPTED", content_digest="sha-256=:other:"),
        told(202, code="NEW_CODE"),
        told(200, code="ACCEPTED"),
        told(422, code="ZZ99"),
        told(302, code="ACCEPTED"),
        told(429, code="BUSY"),
        *(told(status, code="ACCEPTED") for status in (500, 502, 503, 504)),
        *(httpx2.Response(status, html="<html/>") for status in (401, 404, 500, 502, 503, 504)),
    ],
)
def test_an_answer_that_is_not_the_agreed_one_is_unknown(settings: GatewaySettings, response: httpx2.Response) -> None:
    assert submitted(settings, lambda _: response).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        (202, "ACCEPTED", Outcome.PENDING),
        (200, "REPEATED", Outcome.PENDING),
        (422, "FF01", Outcome.FAILED),
        (422, "AM10", Outcome.FAILED),
        (422, "AM18", Outcome.FAILED),
        (409, "DUPL", Outcome.UNKNOWN),
        (401, "BAD_SIGNATURE", Outcome.NOT_ACCEPTED),
        (401, "UNKNOWN_CLIENT", Outcome.NOT_ACCEPTED),
        (401, "CLOCK", Outcome.NOT_ACCEPTED),
        (413, "TOO_LARGE", Outcome.NOT_ACCEPTED),
    ],
)
def test_every_code_maps_as_documented(settings: GatewaySettings, status: int, code: str, outcome: Outcome) -> None:
    assert submitted(settings, lambda _: told(status, code=code, text="t", more="fields")).outcome is outcome


@pytest.mark.parametrize(
    "response",
    [
        httpx2.Response(404, html="<html>no such page</html>"),
        httpx2.Response(404, json={"code": "NOT_FOUND", "message_id": "M2"}),
        httpx2.Response(404, json={"code": "GONE", "message_id": "M1"}),
        httpx2.Response(200, content=b"<Document/>", headers={"content-digest": content_digest(b"<Document/>")}),
        httpx2.Response(200, content=b"<Document/>"),
        httpx2.Response(503),
    ],
)
def test_an_inquiry_believes_only_a_whole_answer_about_this_file(
    settings: GatewaySettings, response: httpx2.Response
) -> None:
    with gateway_answering(settings, lambda _: response) as gateway:
        assert gateway.inquire_batch("M1") == StatusReport(found=None)


def test_a_call_is_made_once_and_never_follows(settings: GatewaySettings) -> None:
    calls: list[httpx2.Request] = []

    def redirect(request: httpx2.Request) -> httpx2.Response:
        calls.append(request)
        return httpx2.Response(307, headers={"location": "http://127.0.0.1/elsewhere"})

    assert submitted(settings, redirect).outcome is Outcome.UNKNOWN
    assert len(calls) == 1


def test_the_bank_s_words_come_back_without_account_numbers(settings: GatewaySettings) -> None:
    answer = submitted(settings, lambda _: told(422, code="FF01", text="'0011004123456' is not valid"))

    assert answer.text == "'•••••••••3456' is not valid"


def test_statements_are_listed_only_from_an_answer_of_the_agreed_form(settings: GatewaySettings) -> None:
    def listing(content: object) -> tuple[str, ...]:
        with gateway_answering(settings, lambda _: httpx2.Response(200, json=content)) as gateway:
            return gateway.list_statements(date(2026, 11, 25))

    assert listing({"statements": ["a", "b"]}) == ("a", "b")
    unreadable: list[object] = [[], {}, {"statements": [1]}, {"statements": "a"}]
    for content in unreadable:
        with pytest.raises(Ambiguous):
            listing(content)


def test_a_file_name_that_a_header_cannot_carry_is_refused_before_anything_is_sent(settings: GatewaySettings) -> None:
    with gateway_answering(settings, lambda _: pytest.fail("nothing may be sent")) as gateway:
        with pytest.raises(BadBatch):
            gateway.submit_batch("M1", "M1\r\nx: y", CONTENT)


def test_only_https_leaves_the_machine(settings: GatewaySettings) -> None:
    with pytest.raises(Refused, match="only https"):
        open_gateway("simbank", settings_at(settings, "http://bank.example.vn"))


def test_a_key_that_others_can_read_is_not_used(settings: GatewaySettings) -> None:
    settings.signing_key_path.chmod(0o644)

    with pytest.raises(UnsafeKey, match="0600"):
        open_gateway("simbank", settings)


def test_settings_and_answers_show_no_key_and_no_document(settings: GatewaySettings) -> None:
    shown = repr(settings) + repr(StatusReport(found=True, document=b"<Othr><Id>0011004123456</Id></Othr>"))

    assert "pem" not in shown
    assert "0011004123456" not in shown


def test_an_adapter_that_does_not_exist_is_unsupported(settings: GatewaySettings) -> None:
    with pytest.raises(Unsupported, match="known are simbank"):
        capabilities_of("x", "nobank")


@pytest.mark.parametrize("adapter", adapters())
def test_every_adapter_has_a_capability_sheet_that_makes_sense(adapter: str) -> None:
    sheet = capabilities_of("ours", adapter)

    assert sheet.gateway == "ours"
    assert 0 < sheet.min_amount_vnd <= sheet.max_amount_vnd <= sheet.max_total_per_file_vnd
    assert sheet.max_lines_per_file > 0
    assert sheet.inquiry_schedule_seconds
    assert sheet.not_found_grace_seconds > 0
    assert len(sheet.charset) == len(set(sheet.charset))


def test_what_is_signed_covers_method_path_body_file_name_and_time(settings: GatewaySettings) -> None:
    seen: list[httpx2.Request] = []

    def keep(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return told(202, code="ACCEPTED")

    gateway = open_gateway("simbank", settings, httpx2.MockTransport(keep), seconds_now=lambda: 1763778600.7)
    gateway.submit_batch("M1", "M1.xml", CONTENT)
    gateway.close()

    stated = seen[0].headers["signature-input"]
    assert stated == (
        'sig1=("@method" "@path" "@query" "content-digest" "content-type" "file-name")'
        ';created=1763778600;keyid="thuchi";alg="ed25519"'
    )
    assert json.loads(told(202).content)["content_digest"] == seen[0].headers["content-digest"]
