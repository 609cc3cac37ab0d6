"""What an installation can set: one frozen object, read once from the environment at the entry point.

| Variable | Meaning | Without it |
|---|---|---|
| THUCHI_HOME | directory of everything this installation keeps on disk | `.thuchi` in the current directory |
| THUCHI_DATABASE_URL | PostgreSQL address of the application role | the embedded PostgreSQL under THUCHI_HOME |
| THUCHI_DATABASE_OWNER_URL | address of the role that owns the tables, for migrations | as above |
| THUCHI_REDIS_URL | Redis that carries wake-ups between processes | wake-ups stay inside the process |
| THUCHI_PUBLIC_URL | where wallets and payment pages reach us: `https://thuchi.example.vn` | they are told none |
| THUCHI_RECORDINGS | file to which exchanges with banks and wallets go, scrubbed | nothing is recorded |

The address of a server holds a password: each of the three can also be given as a file, by the same name with `_FILE`
behind it.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from engine.errors import WrongInput


@dataclass(frozen=True, slots=True)
class Settings:
    home: Path
    database_url: str | None
    database_owner_url: str | None
    redis_url: str | None
    public_url: str | None = None
    recordings: Path | None = None

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        database_url = _value(environment, "THUCHI_DATABASE_URL")
        owner_url = _value(environment, "THUCHI_DATABASE_OWNER_URL")
        if owner_url and not database_url:
            raise WrongInput(["THUCHI_DATABASE_OWNER_URL is set and THUCHI_DATABASE_URL is not: set both or neither"])
        return cls(
            home=Path(environment.get("THUCHI_HOME") or ".thuchi").absolute(),
            database_url=database_url,
            database_owner_url=owner_url,
            redis_url=_value(environment, "THUCHI_REDIS_URL"),
            public_url=_public_url(environment.get("THUCHI_PUBLIC_URL")),
            recordings=Path(recordings).absolute() if (recordings := environment.get("THUCHI_RECORDINGS")) else None,
        )


def _public_url(address: str | None) -> str | None:
    """Without a query, which some providers cut off, and without a slash at its end."""
    if not address:
        return None
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise WrongInput([f"THUCHI_PUBLIC_URL: {address} is no address such as https://thuchi.example.vn"])
    return address.rstrip("/")


def _value(environment: Mapping[str, str], name: str) -> str | None:
    """A setting, or the content of the file that `name`_FILE names; None if neither is given."""
    path = environment.get(f"{name}_FILE")
    if path is None:
        return environment.get(name) or None
    if environment.get(name):
        raise WrongInput([f"{name} and {name}_FILE are both set: set one of them"])
    try:
        return Path(path).read_text(encoding="utf-8").strip() or None
    except OSError as error:
        raise WrongInput([f"{name}_FILE: {path} cannot be read ({error.strerror})"]) from error
