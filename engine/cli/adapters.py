"""What gateways can do, whether they answer, and whether their adapters conform."""

import tempfile
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import typer
from sqlalchemy import text

from engine.cli.calling import AsJson, On, day_of, opened
from engine.cli.printing import print_json, print_result, print_table
from engine.cli.providers import provider_told
from engine.clock import Clock
from engine.errors import NotFound
from engine.installation import Installation
from gateways.banking_days import next_banking_day
from gateways.conformance import suite
from gateways.contract import Capabilities, Health
from gateways.errors import Ambiguous, NotSent
from gateways.online import Asking, Holder
from gateways.providers import capabilities_of as provider_sheet
from gateways.providers import providers
from gateways.registry import capabilities_of

CLOCK_TOLERANCE_SECONDS = 300
CERTIFICATE_ALARM = timedelta(days=30)


def gateway_show(name: str, on: On = None, as_json: AsJson = False) -> None:
    """What a gateway can do and its limits, as its dated sheet says for a day."""
    with opened() as installation:
        day = day_of(installation, on)
        adapter = _adapter(installation, name)
    if adapter in providers():
        print_result(provider_told(provider_sheet(adapter)), as_json)
        return
    capabilities = capabilities_of(name, adapter, day)
    shown = _shown(capabilities) | {"next_banking_day": next_banking_day(day)}
    if not as_json:
        shown["rails"] = [_rail_in_words(rail) for rail in shown["rails"]]
    print_result(shown, as_json)


def gateway_check(name: str, as_json: AsJson = False) -> None:
    """Asks the bank something harmless: proves address, credentials, clock and certificate. Nothing is moved."""
    with opened() as installation:
        if _adapter(installation, name) in providers():
            health = _provider_health(installation, name)
        else:
            gateway = installation.gateway(name)
            try:
                health = gateway.check(day_of(installation, None))
            finally:
                gateway.close()
    problems = health_problems(health, Clock().today())
    print_result(asdict(health) | {"problems": problems}, as_json)
    raise typer.Exit(1 if problems else 0)


def _provider_health(installation: Installation, name: str) -> Health:
    """Asks a wallet or payment page how much of our money it holds, where it can be asked that."""
    provider = installation.provider(name)
    try:
        if not isinstance(provider, Holder):
            return Health(
                reachable=True,
                credentials_accepted=None,
                clock_offset_seconds=None,
                certificate_expires_on=None,
                text="keys and address fit; nothing harmless can be asked",
            )
        held_vnd = provider.balance_vnd(Asking(uuid4().hex, installation.clock().now()))
    except NotSent as error:
        return Health(False, None, None, None, str(error))
    except Ambiguous as error:
        return Health(True, False, None, None, str(error))
    finally:
        provider.close()
    return Health(True, True, None, None, f"{held_vnd} đ of ours are there")


def gateway_conformance(
    adapter: Annotated[str, typer.Argument(help="Name of an adapter, such as simbank.")], as_json: AsJson = False
) -> None:
    """Tries an adapter against its simulator by the fifteen cases; exit 1 if one fails."""
    with tempfile.TemporaryDirectory() as home:
        bench = suite.open_bench(adapter, Path(home))
        try:
            rows = suite.run(bench)
        finally:
            bench.close()
    told: list[dict[str, Any]] = [
        {
            "case": row.number,
            "title": row.title,
            "passed": row.passed,
            "problems": list(row.problems),
            "not_for": row.not_for,
        }
        for row in rows
    ]
    print_json(told) if as_json else print_table(adapter, told)
    raise typer.Exit(0 if all(row.passed for row in rows) else 1)


def health_problems(health: Health, today: date) -> list[str]:
    """What a person must look at; the certificate is told of thirty days before it ends."""
    problems = [] if health.reachable else [f"not reachable: {health.text}"]
    if health.credentials_accepted is False:
        problems.append(f"credentials refused: {health.text}")
    offset = health.clock_offset_seconds
    if offset is not None and abs(offset) > CLOCK_TOLERANCE_SECONDS:
        problems.append(f"the bank's clock is {offset} seconds from ours")
    expires = health.certificate_expires_on
    if expires is not None and expires - today < CERTIFICATE_ALARM:
        problems.append(f"our certificate ends on {expires}")
    return problems


def _adapter(installation: Installation, name: str) -> str:
    with installation.database.transaction() as connection:
        adapter: str | None = connection.scalar(
            text("SELECT adapter FROM engine.gateway WHERE gateway = :name"), {"name": name}
        )
    if adapter is None:
        raise NotFound(f"there is no gateway {name}")
    return adapter


def _shown(capabilities: Capabilities) -> dict[str, Any]:
    return {
        key: sorted(value) if isinstance(value, frozenset) else value for key, value in asdict(capabilities).items()
    }


def _rail_in_words(rail: dict[str, Any]) -> str:
    days = "banking days" if rail["banking_days_only"] else "every day"
    amounts = f"{rail['min_amount_vnd']:,} to {rail['max_amount_vnd']:,} đồng".replace(",", ".")
    return f"{rail['rail']} {amounts}, {rail['opens_at']:%H:%M} to {rail['cut_off']:%H:%M}, {days}"
