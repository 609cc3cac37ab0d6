"""The import contracts of .importlinter hold; `make check` prints them in full."""

import subprocess
import sys


def test_every_module_imports_only_what_its_room_may_use() -> None:
    # In a process of its own: it would silence the loggers of the others.
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as go; go()"]
    command += ["--config", ".importlinter", "--no-cache"]
    checked = subprocess.run(command, check=False, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
