"""`python -m gateways.simulator --home DIR --port N`: runs the simulated bank until it is stopped or idle."""

import argparse
import os
import sys
from pathlib import Path

from gateways.simulator.bank import Bank
from gateways.simulator.errors import BooksInUse
from gateways.simulator.process import Address, read_address, write_pid
from gateways.simulator.purse import Purse
from gateways.simulator.service import server


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m gateways.simulator", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="where its books are kept")
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    parser.add_argument("--detach", action="store_true", help="leave the caller and run in the background")
    arguments = parser.parse_args()
    if arguments.detach and not _is_detached_child(arguments.home):
        return 0
    try:
        bank = Bank(arguments.home)
    except BooksInUse:
        sys.stderr.write(f"{arguments.home}: another process keeps these books\n")
        return 1
    address = read_address(arguments.home) or Address.new(arguments.port)
    write_pid(arguments.home, address, arguments.port)
    purse = Purse(arguments.home)
    server(bank, arguments.port, address.control_token, purse).run()
    purse.close()
    bank.close()
    return 0


def _is_detached_child(home: Path) -> bool:
    """Leaves the caller's session, so that its end is not ours and ours leaves it nothing to wait for."""
    if os.fork() > 0:
        return False
    os.setsid()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = os.open(home / "simulator.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, nothing), (1, log), (2, log)):
        os.dup2(source, target)
    return True


if __name__ == "__main__":
    sys.exit(main())
