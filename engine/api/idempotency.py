"""The header `Idempotency-Key`: a call that changes something does it once, however often it arrives.

Rules of draft-ietf-httpapi-idempotency-key-header-07. The key is a structured-field string, so its quotes belong to
it; it is kept for its client and operation, with a fingerprint of the parsed request and the answer that was given.
"""

import hashlib
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

HEADER: Final = "idempotency-key"
REPLAYED: Final = "idempotent-replayed"
"""Says `true` in an answer that was given before."""

_MISSING, _RUNNING, _OTHER_PAYLOAD = 400, 409, 422
_STRUCTURED_STRING: Final = re.compile(r'"(?:[ !#-\[\]-~]|\\["\\]){1,255}"')


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call is answered: the HTTP status, the body, and whether it was given before."""

    status: int
    body: str = ""
    replayed: bool = False


@dataclass(slots=True)
class _Kept:
    """A key that was used: what for, and what was answered; no answer while the work is being done."""

    fingerprint: str
    answer: Answer | None = None


@dataclass(slots=True)
class IdempotencyKeys:
    """The keys of one process, for as long as it runs: what moves money has a unique reference beneath as well."""

    _kept: dict[tuple[str, str, str], _Kept] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def once(self, client: str, operation: str, key: str | None, body: str, work: Callable[[], Answer]) -> Answer:
        """The answer to a call: of the work, done once, or the refusal of a key that is missing, busy or taken.

        Work that fails keeps nothing, as its transaction does: the same key may then be tried again.
        """
        if key is None or not _STRUCTURED_STRING.fullmatch(key):
            return Answer(_MISSING)
        place, fingerprint = (client, operation, key), fingerprint_of(body)
        with self._lock:
            kept = self._kept.get(place)
            if kept is not None:
                return _repeated(kept, fingerprint)
            self._kept[place] = kept = _Kept(fingerprint)
        try:
            kept.answer = work()
        finally:
            if kept.answer is None:
                with self._lock:
                    del self._kept[place]
        return kept.answer


def fingerprint_of(body: str) -> str:
    """Of what the request says, not of its bytes: other blanks or another order of names are the same request.

    >>> fingerprint_of('{"a": 1, "b": 2}') == fingerprint_of('{"b":2,"a":1}')
    True
    """
    try:
        said = json.dumps(json.loads(body), sort_keys=True, separators=(",", ":"))
    except ValueError:
        said = body
    return hashlib.sha256(said.encode()).hexdigest()


def _repeated(kept: _Kept, fingerprint: str) -> Answer:
    if kept.fingerprint != fingerprint:
        return Answer(_OTHER_PAYLOAD)
    return Answer(_RUNNING) if kept.answer is None else replace(kept.answer, replayed=True)
