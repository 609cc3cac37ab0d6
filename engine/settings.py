"""What an installation can set: one frozen object, read once from the environment at the entry point.

| Variable | Meaning | Without it |
|---|---|---|
| THUCHI_HOME | directory of everything this installation keeps on disk | `.thuchi` in the current directory |
| THUCHI_DATABASE_URL | PostgreSQL address of the application role | the embedded PostgreSQL under THUCHI_HOME |
| THUCHI_DATABASE_OWNER_URL | address of the role that owns the tables, for migrations | as above |
| THUCHI_REDIS_URL | Redis that carries wake-ups between processes | wake-ups stay inside the process |
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.errors import WrongInput


@dataclass(frozen=True, slots=True)
class Settings:
    home: Path
    database_url: str | None
    database_owner_url: str | None
    redis_url: str | None

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        database_url = environment.get("THUCHI_DATABASE_URL")
        owner_url = environment.get("THUCHI_DATABASE_OWNER_URL")
        if owner_url and not database_url:
            raise WrongInput(["THUCHI_DATABASE_OWNER_URL is set and THUCHI_DATABASE_URL is not: set both or neither"])
        return cls(
            home=Path(environment.get("THUCHI_HOME") or ".thuchi").absolute(),
            database_url=database_url or None,
            database_owner_url=owner_url or None,
            redis_url=environment.get("THUCHI_REDIS_URL") or None,
        )
