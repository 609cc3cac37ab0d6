"""Sends webhooks to addresses that others gave us, and never to a machine of our own.

Whoever may name an address could name one inside our network. So the name is looked up here, every address found must
be a public one, and the connection goes to the very address that was looked at: a name that answers otherwise a moment
later (DNS rebinding) leads nowhere. TLS is verified against the name. Nothing is followed, nothing repeated.
"""

import socket
import ssl
from collections.abc import Callable, Sequence
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import httpx2

from gateways import webhooks
from gateways.errors import Refused

_HTTPS_PORT = 443
_TIMEOUT_SECONDS = 15.0
_TRANSLATED = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
_SLOW_DOWN = frozenset({429, 502, 504})

Resolve = Callable[[str], Sequence[str]]


class PrivateAddress(Refused):
    """The address of a webhook leads into a private network, or is not https on its usual port."""

    code = "private_address"


class Delivered(StrEnum):
    """What became of one try."""

    DONE = "done"
    GONE = "gone"
    """The receiver wants no more, ever."""
    SLOW_DOWN = "slow_down"
    AGAIN = "again"


def resolved(host: str) -> list[str]:
    """Every address of a name, by the system's resolver."""
    try:
        found = socket.getaddrinfo(host, _HTTPS_PORT, type=socket.SOCK_STREAM)
    except OSError as error:
        raise PrivateAddress(f"{host}: no such name") from error
    return [str(info[4][0]) for info in found]


def public_address(host: str, resolve: Resolve = resolved) -> str:
    """The address to connect to. One private address among several refuses the name."""
    addresses = [ip_address(text.partition("%")[0]) for text in resolve(host)]
    if not addresses or not all(is_public(address) for address in addresses):
        raise PrivateAddress(f"{host} leads into a private network")
    return str(addresses[0])


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether the address is one of the open internet; addresses that carry another inside are judged by that.

    >>> [is_public(ip_address(text)) for text in ("8.8.8.8", "10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1")]
    [True, False, False, False]
    """
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address.sixtofour is not None or address.teredo is not None:
            return False
        if any(address in network for network in _TRANSLATED):
            return False
    return address.is_global and not address.is_multicast


class PublicTransport(httpx2.BaseTransport):
    """Lets through https to public addresses only."""

    def __init__(self, resolve: Resolve = resolved, inner: httpx2.BaseTransport | None = None) -> None:
        self._resolve = resolve
        self._inner = inner or httpx2.HTTPTransport(verify=ssl.create_default_context(), trust_env=False, retries=0)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        host = request.url.host
        if request.url.scheme != "https" or request.url.port not in (None, _HTTPS_PORT) or request.url.userinfo:
            raise PrivateAddress(f"{host}: webhooks go to https on port {_HTTPS_PORT}, without a user name")
        address = public_address(host, self._resolve)
        request.extensions = {**request.extensions, "sni_hostname": host}
        request.url = request.url.copy_with(host=address)
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


def deliver(
    url: str, secrets: Sequence[str], message_id: str, timestamp: int, body: str, transport: httpx2.BaseTransport
) -> Delivered:
    """One try by Standard Webhooks. Raises `PrivateAddress`; whatever else goes wrong is tried again later."""
    headers = {"content-type": "application/json", **webhooks.headers(secrets, message_id, timestamp, body)}
    with httpx2.Client(
        transport=transport, timeout=_TIMEOUT_SECONDS, follow_redirects=False, trust_env=False
    ) as client:
        try:
            status = client.post(url, content=body.encode(), headers=headers).status_code
        except httpx2.HTTPError:
            return Delivered.AGAIN
    if 200 <= status < 300:
        return Delivered.DONE
    if status == webhooks.GONE:
        return Delivered.GONE
    return Delivered.SLOW_DOWN if status in _SLOW_DOWN else Delivered.AGAIN
