"""What the documents promise is there."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from engine.cli import app

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_named_exists(document: Path) -> None:
    """`thuchi run plan` and the like, in text or in a block of commands."""
    text = document.read_text(encoding="utf-8")
    named = re.findall(r"`thuchi ([a-z][a-z -]*[a-z])|bin/thuchi ([a-z][a-z -]*[a-z])", text)
    assert [words for words in ("".join(pair) for pair in named) if not _exists(words)] == []


def _exists(words: str) -> bool:
    command: object = get_command(app)
    for word in words.split():
        if not hasattr(command, "commands"):
            return True  # the rest are arguments
        command = command.commands.get(word)
        if command is None:
            return False
    return True
