"""Scripts of what may happen to one payout, played to an adapter and the rules of an attempt.

Each step makes the adapter do what it would do, over a line that behaves as the step says; what the adapter reads goes
into the rules. The script knows no outcome: it is an address that answers, cuts, or tells.
"""

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx2

from gateways.attempts import FINAL, Attempt, answered, inquired, notified
from gateways.contract import Instrument
from gateways.credentials import Environment, Profile
from gateways.errors import Unsupported
from gateways.momo import requests
from gateways.momo.gateway import Momo
from gateways.momo.signing import Keys, Operation, sign
from gateways.online import Asking, Call, Payout, Receiver

Given = Mapping[str, Any]
Respond = Callable[[httpx2.Request], httpx2.Response]

_KEYS: Final = Keys("MOMOSCRIPT01", "AKscript", "SKscript")
_PAYOUT: Final = Payout(
    "PN2611000001", 4_250_000, "Luong huu", Receiver(Instrument.WALLET, "0900000000", "NGUYEN VAN AN")
)
_ASKING: Final = Asking("Q1", datetime(2026, 11, 22, tzinfo=UTC))
_METHOD: Final = "c2NyaXB0"
"""Stands for the encrypted receiver, which no step looks at."""


@dataclass(slots=True)
class _Line:
    """The provider's end of the line: does what the step says, and notes under which references it was asked to pay."""

    respond: Respond
    references: set[str] = field(default_factory=set)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/disbursement/pay"):
            self.references.add(json.loads(request.content)["orderId"])
        return self.respond(request)


def _play(inputs: Given, _: Given) -> dict[str, Any]:
    line = _Line(_silent)
    attempt = Attempt(_PAYOUT.reference, _PAYOUT.amount_vnd)
    bad_changes = 0
    with _adapter(line) as momo:
        for step in inputs["script"]:
            after = _step(step, attempt, momo, line)
            if step.endswith("(bad signature)"):
                bad_changes += after != attempt
            attempt = after
    return {
        "expected": {
            "outcome": attempt.outcome.value,
            "next": _next(attempt),
            "resubmitted": len(line.references) > 1,
            "booked_times": attempt.booked_times,
            "case_opened": bool(attempt.cases),
            "state_changes_from_bad_callback": bad_changes,
        }
    }


def _step(step: str, attempt: Attempt, momo: Momo, line: _Line) -> Attempt:
    kind, _, what = step.partition(": ")
    match kind:
        case "send" | "send again with same reference":
            line.respond = _answers(what)
            return answered(attempt, momo.send_payout(_call(), _PAYOUT))
        case "query" | "poll":
            line.respond = _answers(what)
            return inquired(attempt, momo.query_payout(_PAYOUT, _ASKING))
        case "callback":
            return notified(attempt, momo.read_notification(_callback(what)))
        case _:
            raise Unsupported(f"script step {step!r}")


def _call() -> Call:
    """The stored call, which a repeat sends again as it is."""
    return requests.pay(_PAYOUT, _METHOD, "R1", notification_url="", keys=_KEYS, choices=requests.Choices())


def _next(attempt: Attempt) -> str | None:
    if attempt.outcome in FINAL or not attempt.needs_inquiry:
        return None
    return "inquire_again" if attempt.inquiries else "inquire"


def _answers(what: str) -> Respond:
    name = what.partition(" (")[0]
    if name not in _LINES:
        raise Unsupported(f"script step {what!r}")
    return _LINES[name]


def _callback(what: str) -> bytes:
    """What the provider would tell us, signed by it; with `(bad signature)` by somebody else."""
    good = not what.endswith("(bad signature)")
    fields: dict[str, Any] = {
        "partnerCode": _KEYS.partner_code,
        "orderId": _PAYOUT.reference,
        "requestId": "R1",
        "amount": _PAYOUT.amount_vnd + (1 if "amount differs by 1" in what else 0),
        "orderInfo": _PAYOUT.description,
        "orderType": "momo_wallet",
        "transId": 4_014_083_433,
        "resultCode": 1006 if what.startswith("failed") else 0,
        "message": "",
        "payType": "wallet",
        "responseTime": 1_763_778_665_123,
        "extraData": "",
    }
    keys = _KEYS if good else Keys(_KEYS.partner_code, _KEYS.access_key, "somebody else's")
    return json.dumps({**fields, "signature": sign(Operation.NOTIFICATION, fields, keys)}).encode()


def _told(code: int, **more: Any) -> Respond:
    def respond(request: httpx2.Request) -> httpx2.Response:
        asked = json.loads(request.content)
        return httpx2.Response(200, json={"orderId": asked["orderId"], "resultCode": code, **more})

    return respond


def _timed_out(request: httpx2.Request) -> httpx2.Response:
    raise httpx2.ReadTimeout("script", request=request)


def _reset(request: httpx2.Request) -> httpx2.Response:
    raise httpx2.ReadError("script", request=request)


def _silent(request: httpx2.Request) -> httpx2.Response:
    raise httpx2.ConnectError("script", request=request)


def _page(_: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(502, html="<html><body>502 Bad Gateway</body></html>")


_LINES: Final[Mapping[str, Respond]] = {
    "accepted": _told(7000),
    "time-out": _timed_out,
    "connection reset after the request was written": _reset,
    "HTTP 502": _page,
    "duplicate reference": _told(41),
    "not found": _told(42),
    "pending": _told(7000),
    "success": _told(0, amount=_PAYOUT.amount_vnd, transId=4_014_083_433),
}


@contextmanager
def _adapter(line: _Line) -> Iterator[Momo]:
    """The real adapter, with keys from a file as always, on a line of the script's."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "momo.yaml"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            keys = {
                "partner_code": _KEYS.partner_code,
                "access_key": _KEYS.access_key,
                "secret_key": _KEYS.secret_key,
            }
            json.dump({"provider": "momo", "environment": "simulated", "keys": keys}, file)
        profile = Profile("momo", Environment.SIMULATED, "http://127.0.0.1", path)
        momo = Momo(profile, transport=httpx2.MockTransport(line))
    yield momo
    momo.close()


ADAPTER: Mapping[str, Callable[[Given, Given], dict[str, Any]]] = {"fault": _play}
