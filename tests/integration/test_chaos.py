"""The short form of `thuchi chaos`: real processes, real SIGKILL, PostgreSQL stopped at once."""

import builders
from rich.console import Console

from engine.demonstration.chaos import run_chaos
from engine.settings import Settings


def test_killing_whatever_works_loses_and_doubles_nothing() -> None:
    with builders.embedded_home("chaos") as home:
        report = run_chaos(Settings(home, None, None, None), 12, 300, 11, 5, Console(quiet=True))
    assert report.problems == []
    assert report.kills >= 10
    assert len(report.kills_by_victim) >= 3
    assert report.faulty_answers > 0
    assert report.credits > 250
