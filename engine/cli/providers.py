"""`thuchi gateway providers`: what wallets, payment pages and single-transfer banks offer, and whether our keys fit."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.cli.calling import AsJson
from engine.cli.printing import print_json, print_table
from gateways.credentials import Environment, Profile
from gateways.online import OnlineCapabilities
from gateways.providers import capabilities_of, open_provider, providers

Keys = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="Credentials: read, and held against provider and address."),
]


def gateway_providers(
    name: Annotated[str | None, typer.Argument(help="One provider; all without it.")] = None,
    keys: Keys = None,
    environment: Annotated[Environment, typer.Option()] = Environment.TEST,
    as_json: AsJson = False,
) -> None:
    """What online providers offer, from their dated sheets. With `--keys` nothing is called, only checked."""
    sheets = [capabilities_of(name)] if name else [capabilities_of(each) for each in providers()]
    if keys is not None:
        for sheet in sheets:
            address = sheet.hosts.get(environment, "")
            open_provider(Profile(sheet.provider, environment, address, keys)).close()
    if as_json:
        print_json([provider_told(sheet) for sheet in sheets])
        return
    print_table("", [_row(sheet) for sheet in sheets])


def provider_told(sheet: OnlineCapabilities) -> dict[str, Any]:
    """The sheet as it is printed."""
    return {key: sorted(value) if isinstance(value, frozenset) else value for key, value in asdict(sheet).items()}


def _row(sheet: OnlineCapabilities) -> dict[str, Any]:
    return {
        "provider": sheet.provider,
        "as_of": sheet.as_of,
        "operations": sorted(sheet.operations),
        "instruments": sorted(sheet.instruments),
        "limits": [f"{name} {limit.min_vnd}-{limit.max_vnd}" for name, limit in sheet.limits.items()],
    }
