"""The other processes of an installation, for a demonstration that has its work done elsewhere."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from engine.doctor import look
from engine.errors import ServerUnavailable, WrongInput
from engine.settings import Settings

_COMMANDS = (["relay"], ["worker"], ["worker"])
_START_SECONDS = 60


@contextmanager
def other_processes(settings: Settings, api_port: int) -> Iterator[None]:
    """Relay, two workers and the API as processes of their own; each ended by the id it was started with."""
    if settings.redis_url is None:
        raise WrongInput(["THUCHI_REDIS_URL is not set: processes of their own need a Redis between them"])
    queue = look(settings, ("queue",), api_port)[0]
    if not queue.fit:
        # Workers wait for a Redis that is gone for a while, which here would be for ever.
        raise ServerUnavailable(f"the Redis of THUCHI_REDIS_URL does not answer: {queue.remark}")
    environment = {**os.environ, "THUCHI_HOME": str(settings.home)}
    with ExitStack() as stack:
        for command in (*_COMMANDS, ["serve", "--port", str(api_port)]):
            program = [sys.executable, "-c", "from engine.cli import main; main()", *command]
            process = stack.enter_context(subprocess.Popen(program, env=environment, stdin=subprocess.DEVNULL))
            stack.callback(process.terminate)
        _wait_for_the_api(settings, api_port)
        yield


def _wait_for_the_api(settings: Settings, api_port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not (found := look(settings, ("api",), api_port)[0]).fit:
        if time.monotonic() > deadline:
            raise ServerUnavailable(f"the API did not start: {found.remark}")
        time.sleep(0.2)
