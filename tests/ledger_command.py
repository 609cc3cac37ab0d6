"""`thuchi ledger …` in this process, on a test's own database."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import TestDatabase

from engine.cli import main


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code in (0, 1), self.err
        return json.loads(self.out)


LedgerCommand = Callable[..., Done]


def ledger_command(
    database: TestDatabase, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> LedgerCommand:
    """Runs the commands as a person would, with their exit codes and what they print."""
    monkeypatch.setenv("THUCHI_HOME", str(home))
    monkeypatch.setenv("THUCHI_DATABASE_URL", database.url("application"))
    monkeypatch.delenv("THUCHI_DATABASE_OWNER_URL", raising=False)
    monkeypatch.delenv("THUCHI_REDIS_URL", raising=False)
    home.mkdir()

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["thuchi", "ledger", *arguments])
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        printed = capsys.readouterr()
        return Done(code, printed.out, printed.err)

    return run
