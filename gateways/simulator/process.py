"""Starts the simulated bank as a process of its own when it is not there, and stops the one that was started."""

import fcntl
import json
import os
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Self

import httpx2

from gateways.simulator.errors import SimulatorUnavailable

_ADDRESS_FILE = "simulator.json"
_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.05
NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For plain HTTP on this machine: to read the authorities would take longer than a call."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the bank of a home is reached, kept beside its books and readable by the owner only."""

    port: int
    control_token: str = field(repr=False)
    pid: int | None

    @classmethod
    def new(cls, port: int) -> Self:
        return cls(port, secrets.token_urlsafe(32), None)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def ensure_running(home: Path, python: str = sys.executable) -> str:
    """The base URL of the bank in `home`, which is started in the background where it is not healthy."""
    home = home.resolve()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (home / "start.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        started, deadline = False, time.monotonic() + _START_SECONDS
        while True:
            address = read_address(home)
            if address is not None and _is_healthy(address):
                return address.base_url
            if time.monotonic() > deadline:
                raise SimulatorUnavailable(f"{home / 'simulator.log'} may say why")
            # A bank that is there but busy is waited for: a second one could not have its books.
            gone = not started if address is None or address.pid is None else not _is_bank_of(address.pid, home)
            if gone:
                _start(home, python, address)
                started = True
            time.sleep(_POLL_SECONDS)


def stop(home: Path) -> bool:
    """Ends the bank of this home, found by the process id it left and verified; False where none was running."""
    home = home.resolve()
    address = read_address(home)
    if address is None or address.pid is None or not _is_bank_of(address.pid, home):
        return False
    pid = address.pid
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while _is_bank_of(pid, home):
        if time.monotonic() > deadline:
            raise SimulatorUnavailable(f"process {pid} does not end")
        time.sleep(_POLL_SECONDS)
    return True


def is_running(home: Path) -> bool:
    """Whether the bank of this home answers; nothing is started."""
    address = read_address(home.resolve())
    return address is not None and _is_healthy(address)


def read_address(home: Path) -> Address | None:
    path = home / _ADDRESS_FILE
    return Address(**json.loads(path.read_text())) if path.exists() else None


def write_address(home: Path, address: Address) -> None:
    draft = home / f"{_ADDRESS_FILE}.{os.getpid()}"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(asdict(address), file)
    draft.rename(home / _ADDRESS_FILE)


def write_pid(home: Path, address: Address, port: int) -> None:
    """Called by the bank itself once its books are its own."""
    write_address(home, replace(address, port=port, pid=os.getpid()))


def _start(home: Path, python: str, known: Address | None) -> None:
    """Starts the bank on the port it had before, unless another program has taken that."""
    address = known or Address.new(_free_port())
    if not _is_free(address.port):
        address = replace(address, port=_free_port())
    write_address(home, replace(address, pid=None))
    command = [python, "-m", "gateways.simulator", "--home", str(home), "--port", str(address.port), "--detach"]
    subprocess.run(command, check=True, cwd=home, stdin=subprocess.DEVNULL)


def _is_healthy(address: Address) -> bool:
    """The control token is asked for, so that another service on the port is not taken for this bank."""
    try:
        answer = httpx2.get(
            f"{address.base_url}/control/health",
            headers={"authorization": f"Bearer {address.control_token}"},
            timeout=2,
            trust_env=False,
            verify=NO_AUTHORITIES,
        )
    except httpx2.HTTPError:
        return False
    return answer.status_code == httpx2.codes.OK


def _is_bank_of(pid: int, home: Path) -> bool:
    """Whether the process is alive and was started for this home: a process id may be another's by now."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return b"gateways.simulator" in command and os.fsencode(home) in command


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
