"""Rules of the house that a linter does not know."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("engine", "gateways", "ledger", "reconciliation")
MONEY_ROOMS = (
    "ledger/",
    "engine/law/",
    "engine/payments/",
    "engine/awards/",
    "engine/bookkeeping.py",
    "reconciliation/",
)


def _modules() -> Iterator[tuple[str, ast.Module]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))


def test_no_float_touches_money() -> None:
    """Use Dong, int, Fraction, or Decimal read from text."""
    found = [
        f"{name}:{node.lineno}"
        for name, tree in _modules()
        if name.startswith(MONEY_ROOMS)
        for node in ast.walk(tree)
        if (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float")
    ]
    assert found == []


def test_time_comes_from_the_clock_alone() -> None:
    """Take `as_of` or `at` as an argument; entry points ask engine/clock.py."""
    found = [
        f"{name}:{node.lineno}"
        for name, tree in _modules()
        if name != "engine/clock.py" and not name.startswith("gateways/simulator/")
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in ("now", "today", "utcnow")
        and isinstance(node.value, ast.Name)
        and node.value.id in ("datetime", "date")
    ]
    assert found == []


def test_no_vague_module_names() -> None:
    vague = {"utils", "helpers", "common", "misc", "manager", "base"}
    found = [str(path) for package in PACKAGES for path in (ROOT / package).rglob("*.py") if path.stem in vague]
    assert found == []


def test_modules_stay_readable() -> None:
    """Split along a noun."""
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
    }
    assert {name: length for name, length in lengths.items() if length > 600} == {}


def test_the_lock_pins_hashes_and_names_no_registry() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    assert "--index-url" not in lock
    pinned = re.findall(r"^[A-Za-z0-9_.-]+(?:\[[^]]*\])?==", lock, flags=re.MULTILINE)
    assert len(pinned) > 40
    assert lock.count("--hash=sha256:") >= len(pinned)


@pytest.mark.parametrize("setting", re.findall(r"THUCHI_[A-Z_]+", (ROOT / "engine/settings.py").read_text()))
def test_every_setting_is_documented(setting: str) -> None:
    assert f"`{setting}`" in (ROOT / "docs/operations.md").read_text(encoding="utf-8")
