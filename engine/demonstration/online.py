"""The employer of the demonstration pays a part of its notice through a simulated payment page, VNPAY's.

It goes to the page as a browser would, pays, and is sent back with what VNPAY tells its merchant as well. The money
counts when the settlement file of the day brings it; until then it stands at the notice as announced.
"""

import json
import secrets
from datetime import date
from typing import Any
from urllib.parse import urlsplit

import httpx2

from engine.api.callbacks import take
from engine.contributions.collection import open_provider_account
from engine.contributions.online import Wish, begin, list_orders
from engine.errors import DoesNotHold
from engine.installation import SIMULATOR_ADDRESS, Installation
from engine.payments import gateways
from engine.payments.settlement import import_statement
from gateways.online import Notifier, Verdict
from gateways.simulator import process as simulator
from gateways.simulator.providers_client import ProvidersControl

GATEWAY, TERMINAL = "vnpay", "SIMVNP01"
PART_VND = 10_000_000
"""What is paid online; the rest goes by bank."""


def open_till(installation: Installation) -> None:
    """Makes us a merchant of the simulated VNPAY: keys, gateway, and the account of what it holds for us."""
    keys = {"terminal": TERMINAL, "hash_secret": secrets.token_hex(16)}
    simulator.ensure_running(installation.simulator_home)
    with ProvidersControl(installation.simulator_home) as control:
        control.register(GATEWAY, keys)
    path = installation.provider_keys(GATEWAY)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps({"provider": GATEWAY, "environment": "simulated", "keys": keys}), encoding="utf-8")
    with installation.database.transaction("preparer") as connection:
        gateways.onboard(connection, GATEWAY, GATEWAY, SIMULATOR_ADDRESS, "")
        open_provider_account(connection, installation.vault, GATEWAY, TERMINAL)


def pay_part(installation: Installation, notice: dict[str, Any]) -> None:
    """The employer pays a part at the page; VNPAY tells us."""
    at = installation.clock().now()
    with installation.database.transaction() as connection:
        employer_id = connection.exec_driver_sql(
            "SELECT employer_id FROM engine.notice WHERE notice_no = %s", (notice["notice_no"],)
        ).scalar_one()
    till = installation.till(GATEWAY, returning_to="http://127.0.0.1")
    try:
        wish = Wish(notice["notice_no"], employer_id, PART_VND, "127.0.0.1")
        reference = begin(till, wish, f"employer:{employer_id}", at)
        with installation.database.transaction() as connection:
            (order,) = list_orders(connection, installation.vault, employer_id=employer_id, reference=reference)
        told = _paid_at(order.pay_url or "", reference)
        if not isinstance(till.provider, Notifier) or (news := till.provider.read_notification(told)) is None:
            raise DoesNotHold("the simulated payment page told nothing that can be verified")
        with installation.database.transaction() as connection:
            if take(connection, installation, GATEWAY, news, at) is not Verdict.TAKEN:
                raise DoesNotHold(f"what the simulated payment page told of {reference} was not taken")
    finally:
        till.provider.close()


def _paid_at(pay_url: str, reference: str) -> bytes:
    """The payer's browser opens the page, pays, and is sent back: the query that comes with it."""
    page = urlsplit(pay_url)
    with httpx2.Client(base_url=f"{page.scheme}://{page.netloc}", trust_env=False, follow_redirects=False) as browser:
        browser.get(f"{page.path}?{page.query}").raise_for_status()
        back = browser.post(f"/paymentv2/{reference}/paid")
    return urlsplit(back.headers["location"]).query.encode()


def settle(installation: Installation, day: date) -> None:
    """Imports VNPAY's settlement file of a day that is over."""
    simulator.ensure_running(installation.simulator_home)
    path = installation.incoming / f"{GATEWAY}-{day}.csv"
    with ProvidersControl(installation.simulator_home) as control:
        path.touch(mode=0o600)
        path.write_bytes(control.settlement(GATEWAY, day))
    with installation.database.transaction() as connection:
        import_statement(connection, installation.vault, path, installation.clock().now())
