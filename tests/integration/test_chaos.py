"""The short form of `thuchi chaos`: real processes, real SIGKILL."""

import builders
from rich.console import Console

from engine.demonstration.chaos import run_chaos
from engine.settings import Settings


def test_killing_the_sender_loses_and_doubles_nothing() -> None:
    with builders.embedded_home("chaos") as home:
        report = run_chaos(Settings(home, None, None, None), 3, 200, 11, Console(quiet=True))
    assert report.problems == []
    assert report.kills == 3
    assert report.credits > 0
    assert report.payments >= 600
