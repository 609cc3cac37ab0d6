"""What commands share: their common arguments, and the installation they work on."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from engine.installation import Installation, open_installation
from engine.logs import configure_logs
from engine.settings import Settings

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
As = Annotated[str, typer.Option("--as", help="The acting person (staff code).")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept for ever.")]
On = Annotated[datetime | None, typer.Option("--on", formats=["%Y-%m-%d"], help="A date; today without it.")]
ExistingFile = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)]
RunCode = Annotated[str, typer.Argument(help="Such as 2026-11/1.")]


@contextmanager
def opened() -> Iterator[Installation]:
    """The installation that the environment names, with its logs."""
    settings = Settings.read()
    configure_logs(settings.home)
    with open_installation(settings) as installation:
        yield installation


def day_of(installation: Installation, on: datetime | None) -> date:
    return on.date() if on else installation.clock().today()
