"""Keeps test keys from live addresses and live keys from test ones, before the first byte leaves.

A key does not show what it is for, so its file says it: a line `Environment: live` or `Environment: test` before
`-----BEGIN PRIVATE KEY-----`. Without such a line a key is for a simulator on this machine and for nothing else.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from gateways.credentials import Environment, MixedEnvironments

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_LINE = re.compile(r"(?m)^Environment: (\w+)\s*$")


def environment_of(key: Path) -> Environment:
    """What a key file says it is for."""
    preamble = key.read_text("utf-8", "replace").partition("-----BEGIN")[0]
    found = _LINE.findall(preamble)
    if not found:
        return Environment.SIMULATED
    if len(found) > 1 or found[0] not in tuple(Environment):
        raise MixedEnvironments(f"{key}: one line `Environment: live` or `Environment: test` is wanted")
    return Environment(found[0])


def require_one_environment(base_url: str, key: Path, hosts: Mapping[str, str]) -> None:
    """`hosts`: the addresses of the bank by environment, from its sheet."""
    environment = environment_of(key)
    if urlsplit(base_url).hostname in _LOOPBACK:
        if environment is not Environment.SIMULATED:
            raise MixedEnvironments(f"{key} is a {environment} key; a simulator is never given one")
    elif environment is Environment.SIMULATED:
        raise MixedEnvironments(f"{key} does not say whether it is for live or for test")
    elif base_url.rstrip("/") != hosts.get(environment, "").rstrip("/"):
        raise MixedEnvironments(f"{base_url} is not the {environment} address of this bank")
