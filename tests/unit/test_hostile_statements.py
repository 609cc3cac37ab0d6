"""Hostile statement files, inspected in a process of its own whose memory is limited."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hostile_files import CODES, write_hostile

_INSPECT = """
import json, resource, sys
from pathlib import Path
from reconciliation.inspection import inspect

def mebibytes(name):
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith(name))) / 1024

inspect(Path(sys.argv[1]))  # what reading anything at all takes
resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
told = {}
for name in sys.argv[2:]:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
    before = mebibytes("VmRSS")
    found = inspect(Path(name))
    told[name] = {"exit": found.exit_code, "mebibytes": mebibytes("VmHWM") - before, **found.as_json()}
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def inspected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    directory = tmp_path_factory.mktemp("hostile")
    paths = {name: write_hostile(name, directory / f"{number}") for number, name in enumerate(CODES)}
    good = Path(__file__).parents[1] / "data/statements/camt053-gbp.xml"
    done = subprocess.run(
        [sys.executable, "-c", _INSPECT, str(good), *map(str, paths.values())],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    return {name: told[str(path)] for name, path in paths.items()}


@pytest.mark.parametrize("name", CODES)
def test_a_hostile_file_is_refused_with_its_reason_and_place(
    inspected: dict[str, dict[str, object]], name: str
) -> None:
    problems = inspected[name]["problems"]
    assert isinstance(problems, list)
    assert inspected[name]["exit"] == 2
    assert CODES[name].value in {problem["code"] for problem in problems}
    assert all(problem["place"] and problem["detail"] for problem in problems)


def test_no_hostile_file_takes_more_than_64_mebibytes(inspected: dict[str, dict[str, object]]) -> None:
    assert max(float(str(each["mebibytes"])) for each in inspected.values()) < 64
