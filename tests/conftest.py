"""Real parts for the tests: one embedded PostgreSQL for the whole run, a fresh database for each test that asks."""

import fcntl
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import redis
from hypothesis import HealthCheck, settings
from redis.backoff import ConstantBackoff
from redis.retry import Retry
from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import NullPool

from engine.database import Database, sqlalchemy_url, upgrade
from engine.demonstration.queue_server import queue_address, start_queue
from engine.embedded import EmbeddedServer
from engine.vault import Vault, open_vault

# How fast examples are made says something of the machine's other work, not of ours.
settings.register_profile("thuchi", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("thuchi")

_HOME_VARIABLE = "THUCHI_TEST_HOME"
TEMPLATE = "thuchi_template"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--payment-steps", type=int, default=2_400, help="steps of the machine that drives payments")


def pytest_configure(config: pytest.Config) -> None:
    """The controlling process makes the home; xdist workers inherit its address."""
    if not hasattr(config, "workerinput") and _HOME_VARIABLE not in os.environ:
        home = Path(tempfile.mkdtemp(prefix="thuchi-tests-"))
        home.chmod(0o711)
        os.environ[_HOME_VARIABLE] = str(home)


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        home = Path(os.environ.pop(_HOME_VARIABLE))
        EmbeddedServer(home).stop("immediate")
        shutil.rmtree(home)


@dataclass(frozen=True)
class TestDatabase:
    """A migrated, empty database and its addresses by role."""

    __test__ = False

    server: EmbeddedServer
    name: str

    def url(self, role: str) -> str:
        return self.server.url(role, self.name)


@pytest.fixture(scope="session")
def server() -> EmbeddedServer:
    home = Path(os.environ[_HOME_VARIABLE])
    server = EmbeddedServer(home)
    server.ensure_running()
    with (home / "template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "template.ready").exists():
            server.ensure_database(TEMPLATE)
            upgrade(server.url("owner", TEMPLATE))
            (home / "template.ready").touch()
    return server


@pytest.fixture
def test_database(server: EmbeddedServer) -> Iterator[TestDatabase]:
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(server.url("superuser", "postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} OWNER thuchi_owner")
    yield TestDatabase(server, name)
    server.drop_database(name)


@pytest.fixture
def database(test_database: TestDatabase) -> Iterator[Database]:
    """The application's own view of a fresh database: units of work with an acting person."""
    database = Database(test_database.url("application"))
    yield database
    database.close()


@pytest.fixture
def application(database: Database) -> Engine:
    return database.engine


@pytest.fixture
def owner(test_database: TestDatabase) -> Iterator[Engine]:
    yield from _engine(test_database.url("owner"))


@pytest.fixture
def superuser(test_database: TestDatabase) -> Iterator[Engine]:
    yield from _engine(test_database.url("superuser"))


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return open_vault(tmp_path / "keys" / "vault.json")


def _engine(address: str) -> Iterator[Engine]:
    engine = create_engine(sqlalchemy_url(address), poolclass=NullPool)
    yield engine
    engine.dispose()


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    """A Redis of our own on a Unix socket."""
    with start_queue(tmp_path) as server:
        try:
            client = redis.Redis.from_url(queue_address(tmp_path), retry=Retry(ConstantBackoff(0.1), 50))
            client.ping()
            client.close()
            yield queue_address(tmp_path)
        finally:
            server.terminate()
