"""A change of a value of the law is noticed: a sample here, every entry with `python -m tests.law.mutate`."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_sample_of_changed_values_is_noticed() -> None:
    command = [sys.executable, "-m", "tests.law.mutate", "--quick", "--sample", "10", "--seed", "7"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "10 changes: " in done.stdout
    assert ", 0 nothing" in done.stdout
