"""The import contracts of .importlinter hold; `make check` prints them in full."""

from importlinter.cli import lint_imports


def test_import_contracts_hold() -> None:
    assert lint_imports(config_filename=".importlinter", no_cache=True) == 0
