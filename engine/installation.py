"""One installation at work: its database, vault, clock, directories and gateways, opened once by an entry point."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, text

from engine.clock import Clock
from engine.contributions.online import Till
from engine.database import Database, addresses, require_current_schema
from engine.errors import NotFound, WrongInput
from engine.settings import Settings
from engine.vault import Vault, open_vault
from gateways.contract import Gateway, GatewaySettings
from gateways.credentials import Profile, read_credentials
from gateways.online import Adapter as Provider
from gateways.online import Inviter, Payer, PaymentPage
from gateways.providers import open_provider, providers
from gateways.registry import open_gateway
from gateways.simulator import process as simulator

SIMULATOR_ADDRESS = "simulator:"
"""As a gateway's address: the simulated bank of this home, started when it is needed."""
CALLBACKS = "/callbacks"
"""Where providers tell us, below the public address: `/callbacks/{gateway}`."""
RETURNS = "/paid-online"
"""Where they send a payer's browser back."""


@dataclass(frozen=True)
class Installation:
    settings: Settings
    database: Database

    @cached_property
    def vault(self) -> Vault:
        return open_vault(self.settings.home / "keys" / "vault.json")

    @cached_property
    def outgoing(self) -> Path:
        return self._private_directory("exchange/outgoing")

    @cached_property
    def notifications(self) -> Path:
        return self._private_directory("exchange/notifications")

    @cached_property
    def incoming(self) -> Path:
        return self._private_directory("exchange/incoming")

    @cached_property
    def archive(self) -> Path:
        return self._private_directory("exchange/archive")

    @property
    def simulator_home(self) -> Path:
        return self.settings.home / "simulator"

    def signing_key(self, gateway: str) -> Path:
        """The file of our private key towards a gateway."""
        return self.settings.home / "keys" / f"{gateway}.pem"

    def clock(self) -> Clock:
        """The computer's clock; in a demonstration database the instant that its month stands at."""
        with self.database.engine.connect() as connection:
            return clock_of(connection)

    def provider_keys(self, gateway: str) -> Path:
        """The file of the keys that a wallet or payment page gave us."""
        return self.settings.home / "keys" / f"{gateway}.yaml"

    def gateway(self, name: str) -> Gateway:
        """Opens a gateway that takes files, by the name under which it was onboarded."""
        row = self._onboarded(name)
        if row.adapter in providers():
            raise WrongInput(
                [f"{name} ({row.adapter}) is asked one payment at a time: it takes no files and gives none"]
            )
        return open_gateway(
            name,
            GatewaySettings(
                adapter=row.adapter,
                base_url=self._address(row.base_url),
                client_id=row.client_id,
                signing_key_path=self.signing_key(name),
                recording_path=self.settings.recordings,
            ),
        )

    def provider(self, name: str, returning_to: str | None = None) -> Provider:
        """Opens a wallet, payment page or bank that is asked one payment at a time, or that only tells us.

        Whether it is the live one, a test or a simulation is what its file of keys says; the address must agree.
        """
        row = self._onboarded(name)
        if row.adapter not in providers():
            raise WrongInput([f"{name} ({row.adapter}) takes files of payments, and tells nothing of its own accord"])
        return self.provider_at(name, row.adapter, row.base_url, returning_to)

    def provider_at(self, name: str, adapter: str, base_url: str, returning_to: str | None = None) -> Provider:
        """Opens a provider that may not be onboarded yet; its file of keys stands already."""
        keys, public_url = self.provider_keys(name), self.settings.public_url
        if not keys.exists():
            raise WrongInput([f"{keys}: the keys that {adapter} gave us are wanted there, with mode 0600"])
        return open_provider(
            Profile(
                provider=adapter,
                environment=read_credentials(keys).environment,
                base_url=self._address(base_url),
                credentials_path=keys,
                notification_url=f"{public_url}{CALLBACKS}/{name}" if public_url else "",
                return_url=f"{public_url or returning_to or ''}{RETURNS}",
                recording_path=self.settings.recordings,
            )
        )

    def sending(self, name: str) -> Gateway | Payer:
        """Opens a gateway through which benefits are paid: by files, or one at a time."""
        if self._onboarded(name).adapter not in providers():
            return self.gateway(name)
        provider = self.provider(name)
        if not isinstance(provider, Payer):
            raise WrongInput([f"{name} pays nothing out"])
        return provider

    def till(self, name: str, returning_to: str | None = None) -> Till:
        """Opens a wallet or payment page at which payers pay us.

        They come back to our public address, or where none is set to the one that they came from.
        """
        provider = self.provider(name, returning_to)
        if not isinstance(provider, Inviter | PaymentPage):
            provider.close()
            raise WrongInput([f"{name} takes no payments"])
        return Till(self.database, self.vault, name, provider)

    def _onboarded(self, name: str) -> Row[Any]:
        with self.database.engine.connect() as connection:
            row = connection.execute(
                text("SELECT adapter, base_url, client_id FROM engine.gateway WHERE gateway = :name"), {"name": name}
            ).one_or_none()
        if row is None:
            raise NotFound(f"there is no gateway {name}")
        return row

    def _address(self, base_url: str) -> str:
        return simulator.ensure_running(self.simulator_home) if base_url == SIMULATOR_ADDRESS else base_url

    def _private_directory(self, name: str) -> Path:
        path = self.settings.home / name
        for directory in (path.parent, path):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            directory.chmod(0o700)
        return path


def clock_of(connection: Connection) -> Clock:
    """The clock of the installation that a connection belongs to."""
    fixed_at: datetime | None = connection.scalar(text("SELECT now_at FROM engine.demonstration"))
    return Clock(fixed_at)


@contextlib.contextmanager
def open_installation(settings: Settings) -> Iterator[Installation]:
    """The installation over a database that is at the newest migration."""
    database = Database(addresses(settings).application)
    try:
        require_current_schema(database)
        yield Installation(settings, database)
    finally:
        database.close()
