"""The deployment's parts without a container engine: the compose file's shape, and its commands as real processes.

PostgreSQL is reached over TCP with the roles that `deploy/roles.sh` makes, Redis lies between the processes, secrets
come from files.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import builders
import psycopg
import pytest
import yaml

from engine.demonstration.processes import other_processes
from engine.embedded import EmbeddedServer
from engine.errors import ServerUnavailable
from engine.settings import Settings
from gateways.simulator import process as simulator

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
_THUCHI = [sys.executable, "-c", "from engine.cli import main; main()"]


def test_every_service_has_a_health_check_and_no_secret_stands_in_the_file() -> None:
    assert set(COMPOSE["services"]) == {"postgres", "redis", "upgrade", "simulator", "api", "relay", "worker"}
    for name, service in COMPOSE["services"].items():
        assert "healthcheck" in service or name == "upgrade", name
        for setting, value in service.get("environment", {}).items():
            assert not re.search(r"(PASSWORD|_URL)$", setting) or value.startswith("redis://"), setting
    assert all(set(secret) == {"file"} for secret in COMPOSE["secrets"].values())
    assert COMPOSE["services"]["postgres"]["image"] == "postgres:18"


def test_only_the_upgrade_may_own_tables() -> None:
    owners = [name for name, service in COMPOSE["services"].items() if "owner_url" in service.get("secrets", [])]
    assert owners == ["upgrade"]


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[EmbeddedServer, int]]:
    """A PostgreSQL that listens on TCP, as a container's does."""
    with builders.embedded_home("tcp") as home:
        server = EmbeddedServer(home)
        server.ensure_running()
        server.stop()
        port = int(_free_port())
        # The socket keeps its name, so the program's own module still finds the server.
        with (server._data / "postgresql.conf").open("a") as file:
            file.write("listen_addresses = '127.0.0.1'\n")
        server._control("start", "-w", "-o", f"-p {port}", "-l", str(server._data / "server.log"))
        yield server, port


@pytest.fixture(scope="module")
def environment(address: tuple[EmbeddedServer, int], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a container of ours sees: addresses in files, made by the scripts of deploy/."""
    server, port = address
    work = tmp_path_factory.mktemp("deployment")
    shutil.copytree(ROOT / "deploy", work / "deploy")
    subprocess.run([work / "deploy" / "make-secrets.sh"], check=True)
    secrets = work / "secrets"
    superuser = json.loads(server._credentials.read_text())["postgres"]
    with psycopg.connect(f"postgresql://postgres:{superuser}@127.0.0.1:{port}/postgres", autocommit=True) as connection:
        for role in ("thuchi_app", "thuchi_application", "thuchi_owner"):
            connection.execute(f"DROP ROLE IF EXISTS {role}".encode())
        connection.execute("CREATE DATABASE thuchi")
    script = (work / "deploy" / "roles.sh").read_text().replace("/run/secrets", str(secrets))
    psql = {"PGHOST": "127.0.0.1", "PGPORT": str(port), "PGPASSWORD": superuser}
    path = f"{server._program / 'bin'}:{os.environ['PATH']}"
    subprocess.run(["/bin/bash", "-c", script], env={**os.environ, **psql, "PATH": path}, check=True)
    for name in ("owner_url", "application_url"):
        url = (secrets / name).read_text().replace("@postgres:5432", f"@127.0.0.1:{port}")
        (secrets / name).write_text(url)
    return {
        "THUCHI_HOME": str(work / "home"),
        "THUCHI_DATABASE_URL_FILE": str(secrets / "application_url"),
        "THUCHI_DATABASE_OWNER_URL_FILE": str(secrets / "owner_url"),
    }


def _thuchi(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*_THUCHI, *arguments], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def test_relay_workers_and_api_in_their_own_processes_run_the_month(
    environment: dict[str, str], redis_url: str
) -> None:
    environment = {**environment, "THUCHI_REDIS_URL": redis_url}
    done = _thuchi(
        environment, "demo", "--payees", "150", "--no-serve", "--processes", "--port", _free_port(), "--json"
    )
    assert done.returncode == 0, done.stderr
    proof = json.loads(done.stdout)["proof"]
    assert proof["differences"] == []
    assert proof["inquiries_resolved"] > 0
    books = json.loads(_thuchi(environment, "simulator", "books", "--json").stdout)
    assert {row["credits"] for row in books} == {1}
    assert _thuchi(environment, "ledger", "verify").returncode == 0


def test_without_a_redis_that_answers_no_process_is_started(tmp_path: Path) -> None:
    settings = Settings(tmp_path, None, None, f"unix://{tmp_path}/none.sock")
    with pytest.raises(ServerUnavailable, match="does not answer"), other_processes(settings, 8080):
        pytest.fail("it was entered")


def test_the_commands_of_the_compose_file_run_and_pass_their_health_checks(
    environment: dict[str, str], redis_url: str
) -> None:
    environment = {**environment, "THUCHI_REDIS_URL": redis_url}
    assert _thuchi(environment, "demo", "--payees", "60", "--no-serve", "--json").returncode == 0
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name in ("simulator", "api", "relay", "worker"):
            service = COMPOSE["services"][name]
            command, (kind, program, *check) = service["command"], service["healthcheck"]["test"]
            assert (kind, program) == ("CMD", "thuchi")
            if name == "api":
                # Containers have their own network; here the port may be taken.
                assert command[-1] == check[-1] == "8080"
                port = _free_port()
                command, check = [*command[:-1], port], [*check[:-1], port]
            running[name] = subprocess.Popen([*_THUCHI, *command], env={**os.environ, **environment})
            _wait_until_healthy(environment, check)
        for name, process in running.items():
            assert process.poll() is None, name
    finally:
        for process in running.values():
            process.terminate()
        for name, process in running.items():
            assert process.wait(30) in (0, -15), name
        simulator.stop(Path(environment["THUCHI_HOME"]) / "simulator")


def _free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def _wait_until_healthy(environment: dict[str, str], check: list[str]) -> None:
    deadline = time.monotonic() + 30
    while (done := _thuchi(environment, *check)).returncode != 0:
        assert time.monotonic() < deadline, done.stdout + done.stderr
