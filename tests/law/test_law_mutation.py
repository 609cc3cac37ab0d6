"""A change of a value of the law is noticed: a sample here, every entry with `python -m tests.law.mutate`."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_sample_of_changed_values_is_noticed() -> None:
    command = [sys.executable, "-m", "tests.law.mutate", "--quick", "--sample", "10", "--seed", "7"]

    # The tool runs tests of its own, which must not take the home of this session for theirs.
    alone = {name: value for name, value in os.environ.items() if not name.startswith(("THUCHI", "PYTEST"))}
    done = subprocess.run(command, cwd=ROOT, env=alone, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "10 changes: " in done.stdout
    assert ", 0 nothing" in done.stdout
