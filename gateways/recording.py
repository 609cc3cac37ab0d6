"""Keeps what was said on the wire, for whoever must prove it later: scrubbed first, then written, owner-only.

One exchange is one line of JSON. Account numbers, names, secrets and signatures are taken out before anything reaches
the disk; bodies are cut after scrubbing, never through a number.
"""

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path

from gateways.scrub import scrub

_SECRET_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "cookie", "set-cookie", "signature", "x-api-key", "x-ibm-client-secret"}
)
_SCRUBBED_BYTES = 64 * 1024
_KEPT_CHARACTERS = 8 * 1024

_log = logging.getLogger(__name__)


class Recorder:
    """Appends exchanges to a file. `None` as its path records nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        if path is not None:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)

    def record(
        self,
        *,
        at_seconds: int,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        came: str,
        answer_headers: Mapping[str, str],
        answer_body: bytes,
    ) -> None:
        """`came`: the HTTP status, or the name of the error that came in its place."""
        if self._path is None:
            return
        line = json.dumps(
            {
                "at_seconds": at_seconds,
                "call": f"{method} {scrub(path)}",
                "headers": _shown_headers(headers),
                "body": shown(body),
                "came": came,
                "answer_headers": _shown_headers(answer_headers),
                "answer_body": shown(answer_body),
            },
            ensure_ascii=False,
        )
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "ab") as file:
                file.write(line.encode() + b"\n")
        except OSError as error:
            # The call was made: what the bank answered is worth more than the record of it.
            _log.warning("not recorded: %s", error.strerror)


def shown(content: bytes) -> str:
    """The beginning of a body with nothing in it that must not be seen.

    Where the body is longer than what is looked at, a last run of letters and digits may be half an account number,
    which scrubbing would not know; it is left out.
    """
    seen = content[:_SCRUBBED_BYTES].decode("utf-8", "replace")
    if len(content) > _SCRUBBED_BYTES:
        seen = seen.rstrip("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
    return scrub(seen)[:_KEPT_CHARACTERS]


def _shown_headers(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: "•" if name.lower() in _SECRET_HEADERS else scrub(value) for name, value in headers.items()}
