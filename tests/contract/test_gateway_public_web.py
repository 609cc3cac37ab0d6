"""Webhooks leave for public addresses only, and callers are let in only so often."""

from ipaddress import ip_address

import httpx2
import pytest

from gateways import webhooks
from gateways.callers import CallerLimit
from gateways.public_web import Delivered, PrivateAddress, PublicTransport, deliver, is_public, public_address

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
URL = "https://employer.example.vn/hooks?x=1"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",  # noqa: S104
        "224.0.0.1", "255.255.255.255", "198.18.0.1", "::1", "::", "fe80::1", "fc00::1", "fd12::1", "ff02::1",
        "::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::a00:1", "2002:a00:1::1", "2001:0:1::1", "2001:db8::1",
    ],
)  # fmt: skip
def test_an_address_of_our_own_network_is_never_public(address: str) -> None:
    assert not is_public(ip_address(address))
    with pytest.raises(PrivateAddress):
        public_address("employer.example.vn", lambda _: [address])
    with pytest.raises(PrivateAddress):
        public_address("employer.example.vn", lambda _: ["203.113.1.1", address])


@pytest.mark.parametrize("address", ["203.113.131.1", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_an_address_of_the_open_internet_is_public(address: str) -> None:
    assert is_public(ip_address(address))


class Keeping(httpx2.BaseTransport):
    """Keeps what would leave."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.seen: list[httpx2.Request] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.seen.append(request)
        return httpx2.Response(self.status, headers={"location": "http://127.0.0.1/"})


def test_the_connection_goes_to_the_address_that_was_looked_at_and_is_verified_by_name() -> None:
    inner = Keeping()
    lookups: list[str] = []

    def resolve(host: str) -> list[str]:
        lookups.append(host)
        return ["203.113.131.1"]

    told = deliver(URL, [SECRET], "msg_1", 1_763_778_600, '{"type":"paid"}', PublicTransport(resolve, inner))

    (request,) = inner.seen
    assert told is Delivered.DONE
    assert lookups == ["employer.example.vn"]
    assert str(request.url) == "https://203.113.131.1/hooks?x=1"
    assert request.headers["host"] == "employer.example.vn"
    assert request.extensions["sni_hostname"] == "employer.example.vn"
    assert webhooks.verifies(SECRET, request.headers, '{"type":"paid"}', 1_763_778_600)


@pytest.mark.parametrize(
    "url",
    [
        "http://employer.example.vn/",
        "https://employer.example.vn:8443/",
        "https://user:pass@employer.example.vn/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://2130706433/",
    ],
)
def test_nothing_leaves_for_an_address_that_is_not_plain_https(url: str) -> None:
    inner = Keeping()

    def resolve(host: str) -> list[str]:
        return ["127.0.0.1"] if host != "employer.example.vn" else ["203.113.131.1"]

    with pytest.raises(PrivateAddress):
        deliver(url, [SECRET], "msg_1", 1, "{}", PublicTransport(resolve, inner))
    assert inner.seen == []


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (204, Delivered.DONE),
        (301, Delivered.AGAIN),
        (307, Delivered.AGAIN),
        (410, Delivered.GONE),
        (429, Delivered.SLOW_DOWN),
        (502, Delivered.SLOW_DOWN),
        (500, Delivered.AGAIN),
        (401, Delivered.AGAIN),
    ],
)
def test_a_receiver_says_by_its_status_what_becomes_of_the_message(status: int, told: Delivered) -> None:
    inner = Keeping(status)
    transport = PublicTransport(lambda _: ["203.113.131.1"], inner)

    assert deliver(URL, [SECRET], "msg_1", 1, "{}", transport) is told
    assert len(inner.seen) == 1


def test_a_receiver_that_does_not_answer_is_tried_again() -> None:
    def fail(_: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("away")

    transport = PublicTransport(lambda _: ["203.113.131.1"], httpx2.MockTransport(fail))

    assert deliver(URL, [SECRET], "msg_1", 1, "{}", transport) is Delivered.AGAIN


def test_a_caller_is_let_in_as_often_as_agreed_and_others_do_not_suffer() -> None:
    seconds = [100.0]
    limit = CallerLimit(lambda: seconds[0], burst=3, per_second=0.5)

    assert [limit.admits("a") for _ in range(5)] == [True, True, True, False, False]
    assert limit.wait_seconds("a") == 2
    assert limit.admits("b")
    seconds[0] += 2
    assert [limit.admits("a") for _ in range(2)] == [True, False]
    seconds[0] += 3600
    assert [limit.admits("a") for _ in range(4)] == [True, True, True, False]


def test_a_flood_of_callers_does_not_fill_the_memory() -> None:
    limit = CallerLimit(lambda: 0.0, burst=1)
    for number in range(10_500):
        limit.admits(f"caller {number}")

    assert len(limit._buckets) == 10_000
    assert not limit.admits("caller 10499")
