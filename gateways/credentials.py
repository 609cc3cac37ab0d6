"""Who we are to a provider: keys from a file that only its owner can read, bound to one environment.

A file says for which provider and environment its keys are. Live keys never go to a test address, nor test keys to a
live one: a provider's key does not show which it is, so we write it down and compare before the first byte leaves.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import yaml

from gateways.errors import Refused, UnsafeKey
from gateways.online import Notification

_Keys = TypeVar("_Keys", bound=Any)

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class Environment(StrEnum):
    """Which of a provider's worlds is spoken to."""

    LIVE = "live"
    TEST = "test"
    SIMULATED = "simulated"
    """Our own simulator, on this machine."""


class MixedEnvironments(Refused):
    """Keys of one environment were to be used at the address of another."""

    code = "mixed_environments"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The keys of one provider in one environment. None of them shows."""

    provider: str
    environment: Environment
    _values: Mapping[str, str] = field(repr=False)

    def __getitem__(self, name: str) -> str:
        if name not in self._values:
            raise UnsafeKey(f"the credentials for {self.provider} hold no {name}")
        return self._values[name]

    def get(self, name: str) -> str | None:
        return self._values.get(name)


@dataclass(frozen=True, slots=True)
class Profile:
    """One provider as this installation uses it. Where the facts are unsure, its settings have a field of their own."""

    provider: str
    environment: Environment
    base_url: str
    credentials_path: Path = field(repr=False)
    notification_url: str = ""
    """Where the provider tells us, from outside: without a query, since some providers cut it off."""
    return_url: str = ""
    """Where it sends a payer's browser back."""
    recording_path: Path | None = None
    """Where exchanges are recorded, scrubbed; None: nowhere."""


def read_credentials(path: Path) -> Credentials:
    """The keys in a YAML file of mode 0600: `provider`, `environment`, `keys`."""
    if path.stat().st_mode & 0o077:
        raise UnsafeKey(f"{path}: its mode must be 0600")
    try:
        sheet = yaml.safe_load(path.read_text("utf-8"))
        return Credentials(
            str(sheet["provider"]),
            Environment(sheet["environment"]),
            {str(name): str(value) for name, value in sheet["keys"].items()},
        )
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError):
        # The parser's own message would show the line, and so a key.
        raise UnsafeKey(f"{path}: not a YAML file with provider, environment and keys") from None


def credentials_of(profile: Profile) -> Credentials:
    """The keys of a profile that has no address of the provider's: it only tells us."""
    credentials = read_credentials(profile.credentials_path)
    if credentials.provider != profile.provider:
        raise MixedEnvironments(f"{profile.credentials_path} is for {credentials.provider}, not {profile.provider}")
    if credentials.environment is not profile.environment:
        raise MixedEnvironments(f"{credentials.environment} keys in a {profile.environment} profile")
    return credentials


def credentials_for(profile: Profile, hosts: Mapping[str, str]) -> Credentials:
    """The keys of a profile, after everything that speaks of an environment was found to speak of the same one."""
    credentials = credentials_of(profile)
    address = urlsplit(profile.base_url)
    if profile.environment is Environment.SIMULATED:
        if address.hostname not in _LOOPBACK:
            raise MixedEnvironments("a simulator is reached on this machine only")
    elif profile.base_url != hosts.get(profile.environment):
        raise MixedEnvironments(f"{profile.base_url} is not the {profile.environment} address of {profile.provider}")
    return credentials


def rotated(keys: _Keys, name: str, previous: str | None) -> tuple[_Keys, ...]:
    """The keys by which what comes in is checked: those in use, and while a secret is changed the one before it."""
    return (keys,) if previous is None else (keys, replace(keys, **{name: previous}))


def first_of(readings: Iterable[Notification | None]) -> Notification | None:
    """The reading by the first key that fits; all are tried, so that the time does not tell which did."""
    return next((reading for reading in list(readings) if reading is not None), None)
