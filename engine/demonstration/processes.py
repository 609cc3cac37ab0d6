"""The other processes of an installation, for a demonstration that has its work done elsewhere."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from engine.errors import WrongInput
from engine.settings import Settings

_COMMANDS = (["relay"], ["worker"], ["worker"])


@contextmanager
def relay_and_workers(settings: Settings) -> Iterator[list[subprocess.Popen[bytes]]]:
    """A relay and two workers as processes of their own; ended at the end, each by the id it was started with."""
    if settings.redis_url is None:
        raise WrongInput(["THUCHI_REDIS_URL is not set: processes of their own need a Redis between them"])
    environment = {**os.environ, "THUCHI_HOME": str(settings.home)}
    with ExitStack() as stack:
        processes = []
        for command in _COMMANDS:
            program = [sys.executable, "-c", "from engine.cli import main; main()", *command]
            process = stack.enter_context(subprocess.Popen(program, env=environment, stdin=subprocess.DEVNULL))
            stack.callback(process.terminate)
            processes.append(process)
        yield processes
