"""The generated page of parameters is the one in docs."""

from pathlib import Path

from typer.testing import CliRunner

from engine.law.commands import app
from engine.law.parameters import Parameters

PAGE = Path(__file__).parents[2] / "docs" / "law-parameters.md"


def test_the_page_in_docs_is_up_to_date() -> None:
    """Write it anew: .venv/bin/thuchi law page > docs/law-parameters.md"""
    assert CliRunner().invoke(app, ["page"]).stdout == PAGE.read_text(encoding="utf-8")


def test_every_parameter_and_every_value_stands_on_the_page_with_its_confidence() -> None:
    text = PAGE.read_text(encoding="utf-8")
    law = Parameters.load()

    for name in law.names():
        parameter = law.parameter(name)
        section = text.split(f"### {name}\n", 1)[1].split("\n#", 1)[0]
        rows = [line for line in section.splitlines() if line.startswith("| ") and not line.startswith("| From")]
        assert len(rows) == len(parameter.values) + len(parameter.gaps), name
        for value in parameter.values:
            assert any(value.citation.vietnamese in row and value.confidence in row for row in rows), name
