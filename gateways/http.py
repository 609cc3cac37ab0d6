"""The one way out: a client that never repeats a call, never follows, never waits without end, and classifies what
went wrong by the only thing that matters for money: whether one byte of the request can have left.
"""

import logging
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
from cryptography import x509

from gateways.breaker import Breaker
from gateways.contract import GatewaySettings
from gateways.environments import require_one_environment
from gateways.errors import Ambiguous, NotSent, Refused, UnsafeKey
from gateways.recording import Recorder, shown
from gateways.signing import load_key
from gateways.witness import BankKey

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_MAX_ANSWER_BYTES = 512 * 1024 * 1024  # a statement of a million payments
_LOGGED_CHARACTERS = 2000
_SERVER_TROUBLE = 500
_BEFORE_SENDING = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whole: an answer that was cut short never becomes one of these."""

    status: int
    content_type: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Wire:
    """Signed calls to one bank. A connection is used once, so none can have gone stale under a payment."""

    def __init__(
        self,
        settings: GatewaySettings,
        transport: httpx2.BaseTransport | None,
        seconds_now: Callable[[], float],
        hosts: Mapping[str, str] | None = None,
    ) -> None:
        if urlsplit(settings.base_url).scheme != "https" and urlsplit(settings.base_url).hostname not in _LOOPBACK:
            raise Refused(f"{settings.base_url}: only https leaves this machine")
        require_one_environment(settings.base_url, settings.signing_key_path, hosts or {})
        self._key = load_key(settings.client_id, settings.signing_key_path)
        bank_key = settings.beside_key("bank.pem")
        self._bank_key = None if bank_key is None else BankKey(bank_key, seconds_now)
        self._certificate = settings.beside_key("tls.crt")
        self._seconds_now = seconds_now
        self._breaker = Breaker(seconds_now)
        self._recorder = Recorder(settings.recording_path)
        self._client = httpx2.Client(
            base_url=settings.base_url,
            transport=transport or _transport(settings),
            timeout=httpx2.Timeout(settings.answer_timeout_seconds, connect=settings.connect_timeout_seconds),
            follow_redirects=False,
            trust_env=False,
        )

    def call(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        """One call, made once. Raises `NotSent` or `Ambiguous`; any HTTP status is an answer."""
        self._breaker.admit()
        created = int(self._seconds_now())
        signed = self._key.signed_headers(method, path, body, headers or {}, created=created)
        answer: Answer | None = None
        came = ""
        try:
            answer = self._exchange(method, path, body, signed)
            came = str(answer.status)
        except (NotSent, Ambiguous) as error:
            came = str(error)
            self._breaker.failed()
            raise
        finally:
            self._recorder.record(
                at_seconds=created,
                method=method,
                path=path,
                headers=signed,
                body=body,
                came=came,
                answer_headers={} if answer is None else answer.headers,
                answer_body=b"" if answer is None else answer.body,
            )
        if answer.status >= _SERVER_TROUBLE:
            self._breaker.failed()
        else:
            self._breaker.succeeded()
            if self._bank_key is not None:
                self._bank_key.require_signed(answer.status, answer.headers, answer.body)
        return answer

    def clock_offset_seconds(self, answer: Answer) -> int | None:
        """The bank's clock less ours, from the `Date` of an answer."""
        try:
            told = datetime.strptime(answer.headers.get("date", ""), "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
        except ValueError:
            return None
        return round(told.timestamp() - self._seconds_now())

    def certificate_expires_on(self) -> date | None:
        return None if self._certificate is None else expiry(self._certificate)

    def close(self) -> None:
        self._client.close()

    def _exchange(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        try:
            with self._client.stream(method, path, content=body, headers=dict(headers)) as response:
                answer = Answer(
                    response.status_code,
                    response.headers.get("content-type", "").partition(";")[0].strip().lower(),
                    dict(response.headers),
                    _read_whole(response),
                )
        except _BEFORE_SENDING as error:
            _log.warning("%s %s not sent: %s", method, path, type(error).__name__)
            raise NotSent(f"{method} {path}: {type(error).__name__}") from error
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            _log.warning("%s %s ambiguous: %s", method, path, type(error).__name__)
            raise Ambiguous(f"{method} {path}: {type(error).__name__}") from error
        if _log.isEnabledFor(logging.DEBUG):
            told = (shown(body)[:_LOGGED_CHARACTERS], answer.status, shown(answer.body)[:_LOGGED_CHARACTERS])
            _log.debug("%s %s\n%s\n-> %s\n%s", method, path, *told)
        return answer


def expiry(certificate: Path) -> date:
    """The last day of a certificate in a PEM file."""
    return x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc.date()


def _transport(settings: GatewaySettings) -> httpx2.HTTPTransport:
    """TLS is always verified; our certificate is shown where the bank asks for one (mutual TLS)."""
    authority = settings.beside_key("ca.crt")
    if urlsplit(settings.base_url).scheme == "https":
        verified = ssl.create_default_context(cafile=None if authority is None else str(authority))
    else:
        verified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody, and costs nothing to make
    verified.minimum_version = ssl.TLSVersion.TLSv1_2
    certificate, key = settings.beside_key("tls.crt"), settings.beside_key("tls.key")
    if certificate is not None:
        if key is None or key.stat().st_mode & 0o077:
            raise UnsafeKey(f"{certificate}: its key must stand beside it, with mode 0600")
        verified.load_cert_chain(certificate, key)
    return httpx2.HTTPTransport(
        verify=verified, trust_env=False, retries=0, limits=httpx2.Limits(max_keepalive_connections=0)
    )


def _read_whole(response: Any) -> bytes:
    parts = bytearray()
    for part in response.iter_bytes():
        parts += part
        if len(parts) > _MAX_ANSWER_BYTES:
            raise Ambiguous("the answer is too large to be read")
    return bytes(parts)
