"""Files to and from a bank over signed HTTPS: one address for each file, the digest echoed, the answer by code."""

import json
import re
from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import quote

from gateways.contract import BatchAnswer, Health, Outcome
from gateways.errors import Ambiguous, BadBatch, NotSent, Refused
from gateways.http import Answer, Wire
from gateways.integrity import require_same_content, require_same_message, require_whole
from gateways.iso20022.delivery import FoundReports
from gateways.scrub import scrub
from gateways.witness import SignedAtAnotherTime

_FILE_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_TOLD_CHARACTERS = 500
_CREDENTIALS_REFUSED = frozenset({401, 403})


class OverHttps:
    """The host-to-host door of a bank."""

    def __init__(self, wire: Wire, submit_codes: Mapping[str, Outcome]) -> None:
        self._wire = wire
        self._submit_codes = submit_codes

    def hand_over(self, message_id: str, file_name: str, content: bytes) -> BatchAnswer:
        if not _FILE_NAME.fullmatch(file_name):
            raise BadBatch([f"{file_name!r} is no file name: letters, digits, `.`, `_`, `-`, at most 100"])
        headers = {"content-type": "application/xml", "file-name": file_name}
        try:
            answer = self._wire.call("PUT", f"/h2h/payments/{quote(message_id, safe='')}", content, headers)
            told = _told(answer)
            outcome = self._submit_codes.get(f"{answer.status} {told.get('code')}", Outcome.UNKNOWN)
            if outcome in (Outcome.PENDING, Outcome.FAILED):
                require_same_message(message_id, told.get("message_id"))
                require_same_content(content, told.get("content_digest"))
        except NotSent as error:
            return BatchAnswer(Outcome.NOT_ACCEPTED, error.code, str(error))
        except Ambiguous as error:
            return BatchAnswer(Outcome.UNKNOWN, error.code, str(error))
        return BatchAnswer(outcome, str(told.get("code")), scrub(str(told.get("text", "")))[:_TOLD_CHARACTERS])

    def status_reports(self, message_id: str) -> FoundReports:
        try:
            answer = self._wire.call("GET", f"/h2h/payments/{quote(message_id, safe='')}/status")
            if answer.status == 404:
                told = _told(answer)
                require_same_message(message_id, told.get("message_id"))
                return FoundReports(found=False if told.get("code") == "NOT_FOUND" else None)
            if answer.status != 200:
                return FoundReports(found=None)
            require_whole(answer.body, answer.headers.get("content-digest"))
        except (NotSent, Ambiguous):
            return FoundReports(found=None)
        return FoundReports(found=True, documents=(answer.body,))

    def list_statements(self, on: date) -> tuple[str, ...]:
        names = _told(_granted(self._wire.call("GET", f"/h2h/statements?on={on.isoformat()}"))).get("statements")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise Ambiguous("the list of statements cannot be read")
        return tuple(names)

    def fetch_statement(self, name: str) -> bytes:
        answer = _granted(self._wire.call("GET", f"/h2h/statements/{quote(name, safe='')}"))
        require_whole(answer.body, answer.headers.get("content-digest"))
        return answer.body

    def verify(self, message_id: str, question: bytes) -> bytes:
        path = f"/h2h/verifications/{quote(message_id, safe='')}"
        answer = _granted(self._wire.call("POST", path, question, {"content-type": "application/xml"}))
        require_whole(answer.body, answer.headers.get("content-digest"))
        return answer.body

    def check(self, on: date) -> Health:
        """Lists a day's statements: it changes nothing, and only the right key is let in."""
        expires_on = self._wire.certificate_expires_on()
        try:
            answer = self._wire.call("GET", f"/h2h/statements?on={on.isoformat()}")
        except SignedAtAnotherTime as error:
            return Health(True, None, error.offset_seconds, expires_on, str(error))
        except (NotSent, Ambiguous) as error:
            return Health(isinstance(error, Ambiguous), None, None, expires_on, str(error))
        accepted: bool | None = None
        if answer.status == 200:
            accepted = True
        elif answer.status in _CREDENTIALS_REFUSED:
            accepted = False
        offset = self._wire.clock_offset_seconds(answer)
        code = _told(answer).get("code") if answer.content_type == "application/json" else answer.content_type
        return Health(True, accepted, offset, expires_on, f"HTTP {answer.status} {code or 'statements listed'}")

    def close(self) -> None:
        self._wire.close()


def _told(answer: Answer) -> dict[str, Any]:
    """The JSON object of an answer; anything else, such as a proxy's HTML page, tells nothing."""
    if answer.content_type != "application/json":
        raise Ambiguous(f"HTTP {answer.status} with {answer.content_type or 'no content type'}")
    try:
        told = json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise Ambiguous(f"HTTP {answer.status} with JSON that cannot be read") from error
    if not isinstance(told, dict):
        raise Ambiguous(f"HTTP {answer.status} with JSON that is no object")
    return told


def _granted(answer: Answer) -> Answer:
    """A call that was answered with 200. Nothing depends on such a call having been made or not."""
    if answer.status == 200:
        return answer
    if 400 <= answer.status < 500 and answer.content_type == "application/json":
        raise Refused(f"HTTP {answer.status} {_told(answer).get('code')}")
    raise Ambiguous(f"HTTP {answer.status} with {answer.content_type or 'no content type'}")
