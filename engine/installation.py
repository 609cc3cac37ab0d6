"""One installation at work: its database, vault, clock, directories and gateways, opened once by an entry point."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from sqlalchemy import Connection, text

from engine.clock import Clock
from engine.database import Database, addresses, require_current_schema
from engine.errors import NotFound
from engine.settings import Settings
from engine.vault import Vault, open_vault
from gateways.contract import Gateway, GatewaySettings
from gateways.registry import open_gateway
from gateways.simulator import process as simulator

SIMULATOR_ADDRESS = "simulator:"
"""As a gateway's address: the simulated bank of this home, started when it is needed."""


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

    def gateway(self, name: str) -> Gateway:
        """Opens a gateway by the name under which it was onboarded."""
        with self.database.engine.connect() as connection:
            row = connection.execute(
                text("SELECT adapter, base_url, client_id FROM engine.gateway WHERE gateway = :name"), {"name": name}
            ).one_or_none()
        if row is None:
            raise NotFound(f"there is no gateway {name}")
        simulated = row.base_url == SIMULATOR_ADDRESS
        return open_gateway(
            name,
            GatewaySettings(
                adapter=row.adapter,
                base_url=simulator.ensure_running(self.simulator_home) if simulated else row.base_url,
                client_id=row.client_id,
                signing_key_path=self.signing_key(name),
            ),
        )

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
