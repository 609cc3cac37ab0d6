"""The database in use and the unit of work: one transaction with an acting person and a correlation id."""

import contextlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.pool import NullPool

from engine.embedded import EmbeddedServer
from engine.errors import ServerUnavailable, WrongInput
from engine.settings import Settings

EMBEDDED_DATABASE = "thuchi"
SYSTEM = "system"
"""The acting person of work that no person asked for: workers, imports of statements, schedules."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the database is, by role, as libpq addresses."""

    application: str
    owner: str
    superuser: str | None


def addresses(settings: Settings) -> Addresses:
    """The addresses in use; starts the embedded server where no other database is named."""
    if settings.database_url:
        return Addresses(settings.database_url, settings.database_owner_url or settings.database_url, None)
    server = EmbeddedServer(settings.home)
    server.ensure_running()
    server.ensure_database(EMBEDDED_DATABASE)
    return Addresses(
        application=server.url("application", EMBEDDED_DATABASE),
        owner=server.url("owner", EMBEDDED_DATABASE),
        superuser=server.url("superuser", EMBEDDED_DATABASE),
    )


class Database:
    """Connections of the application role. Transactions are opened here and nowhere else, by entry points."""

    def __init__(self, address: str) -> None:
        self.engine: Engine = create_engine(sqlalchemy_url(address), pool_size=10, max_overflow=20)

    @contextlib.contextmanager
    def transaction(self, person: str = SYSTEM) -> Iterator[Connection]:
        """One unit of work by `person`: committed at the end of the block, rolled back if it raises."""
        with self.engine.begin() as connection:
            correlation = structlog.contextvars.get_contextvars().get("correlation_id") or uuid.uuid4().hex
            connection.execute(
                text("SELECT set_config('thuchi.person', :person, true), set_config('thuchi.correlation', :id, true)"),
                {"person": person, "id": correlation},
            )
            yield connection

    @contextlib.contextmanager
    def advisory_lock(self, space: int, key: int) -> Iterator[bool]:
        """Yields whether this process alone holds the lock; it is given up when the block or the process ends."""
        with self.engine.connect() as connection:
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")  # noqa: PLW2901
            arguments = {"space": space, "key": key}
            held = bool(connection.scalar(text("SELECT pg_try_advisory_lock(:space, :key)"), arguments))
            try:
                yield held
            finally:
                if held:
                    connection.execute(text("SELECT pg_advisory_unlock(:space, :key)"), arguments)

    def close(self) -> None:
        self.engine.dispose()


def sqlalchemy_url(address: str) -> str:
    scheme, _, rest = address.partition("://")
    if scheme not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise WrongInput([f"the database address must begin with postgresql://, not {scheme}://"])
    return f"postgresql+psycopg://{rest}"


def upgrade(owner_address: str) -> None:
    """Brings the tables to the newest migration."""
    with _owner_connection(owner_address) as connection:
        configuration = _alembic()
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, "head")
        connection.commit()


def require_current_schema(database: Database) -> None:
    """Refuses to work on tables that are not at the newest migration."""
    with database.engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    expected = ScriptDirectory.from_config(_alembic()).get_current_head()
    if found != expected:
        raise WrongInput(
            [f"the database is at migration {found or 'none'}, this program needs {expected}: run `thuchi db upgrade`"]
        )


@contextlib.contextmanager
def _owner_connection(address: str) -> Iterator[Connection]:
    engine = create_engine(sqlalchemy_url(address), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            yield connection
    except OSError as error:
        raise ServerUnavailable(str(error)) from error
    finally:
        engine.dispose()


def _alembic() -> Config:
    configuration = Config()
    configuration.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return configuration
