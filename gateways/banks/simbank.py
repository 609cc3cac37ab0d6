"""SimBank: files of payments host to host, ISO 20022 over signed HTTPS. Its contract is in `docs/add-a-bank.md`."""

import json
import re
from collections.abc import Iterable, Iterator
from datetime import date, time, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

import yaml

from gateways.contract import (
    BatchAnswer,
    BatchOrder,
    Capabilities,
    Instruction,
    Instrument,
    Operation,
    Outcome,
    StatementFile,
    StatusReport,
)
from gateways.errors import Ambiguous, BadBatch, BadDocument, NotSent, Refused
from gateways.http import Answer, Wire
from gateways.integrity import require_same_content, require_same_message, require_whole
from gateways.iso20022 import pain001, pain002
from gateways.iso20022.charset import folded
from gateways.scrub import scrub

_VIET_NAM = timezone(timedelta(hours=7))
_FILE_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_TOLD_CHARACTERS = 500


class SimBank:
    """The adapter; it keeps nothing between calls but its connection settings."""

    def __init__(self, capabilities: Capabilities, wire: Wire) -> None:
        self._capabilities = capabilities
        self._wire = wire

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    def write_batch(self, order: BatchOrder, instructions: Iterable[Instruction], to: BinaryIO) -> None:
        limits = self._capabilities
        problems = []
        if not 1 <= order.count <= limits.max_lines_per_file:
            problems.append(f"{order.count} payments; a file holds 1 to {limits.max_lines_per_file}")
        if order.total_vnd > limits.max_total_per_file_vnd:
            problems.append(f"{order.total_vnd} VND; a file holds at most {limits.max_total_per_file_vnd}")
        if problems:
            raise BadBatch(problems)
        allowed = frozenset(limits.charset)
        header = pain001.Header(
            message=limits.message_version,
            message_id=order.message_id,
            created_at=order.created_at.astimezone(_VIET_NAM),
            initiator_name=_text(order.initiator_name, allowed, limits.name_length).upper(),
            payment_info_id=order.payment_info_id,
            batch_booking=limits.batch_booking_honoured,
            category_purpose=order.category_purpose,
            execution_on=order.execution_on,
            debtor_name=_text(order.debtor_name, allowed, limits.name_length).upper(),
            debtor_account=order.debtor_account,
            debtor_agent=pain001.Agent(bic=order.debtor_bank_bic),
            count=order.count,
            total_vnd=order.total_vnd,
            charge_bearer=_sheet()["charge_bearer"],
            smallest_vnd=limits.min_amount_vnd,
            largest_vnd=limits.max_amount_vnd,
        )
        pain001.write(header, _payments(instructions, limits), to)

    def submit_batch(self, message_id: str, file_name: str, content: bytes) -> BatchAnswer:
        if not _FILE_NAME.fullmatch(file_name):
            raise BadBatch([f"{file_name!r} is no file name: letters, digits, `.`, `_`, `-`, at most 100"])
        try:
            answer = self._wire.call(
                "PUT",
                f"/h2h/payments/{quote(message_id, safe='')}",
                content,
                {"content-type": "application/xml", "file-name": file_name},
            )
            told = _told(answer)
            outcome = _submit_outcome(answer.status, told.get("code"))
            if outcome in (Outcome.PENDING, Outcome.FAILED):
                require_same_message(message_id, told.get("message_id"))
                require_same_content(content, told.get("content_digest"))
        except NotSent as error:
            return BatchAnswer(Outcome.NOT_ACCEPTED, error.code, str(error))
        except Ambiguous as error:
            return BatchAnswer(Outcome.UNKNOWN, error.code, str(error))
        return BatchAnswer(outcome, str(told.get("code")), scrub(str(told.get("text", "")))[:_TOLD_CHARACTERS])

    def inquire_batch(self, message_id: str) -> StatusReport:
        try:
            answer = self._wire.call("GET", f"/h2h/payments/{quote(message_id, safe='')}/status")
            if answer.status == 404:
                told = _told(answer)
                require_same_message(message_id, told.get("message_id"))
                return StatusReport(found=False if told.get("code") == "NOT_FOUND" else None)
            if answer.status != 200:
                return StatusReport(found=None)
            require_whole(answer.body, answer.headers.get("content-digest"))
            report = pain002.read(answer.body)
            require_same_message(message_id, report.original_message_id)
        except (NotSent, Ambiguous, BadDocument):
            return StatusReport(found=None)
        return StatusReport(
            found=True,
            group_status=report.group.status,
            group_outcome=report.unlisted_outcome(),
            instructions=report.instructions(),
            document=answer.body,
        )

    def list_statements(self, on: date) -> tuple[str, ...]:
        answer = self._wire.call("GET", f"/h2h/statements?on={on.isoformat()}")
        names = _told(_granted(answer)).get("statements")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise Ambiguous("the list of statements cannot be read")
        return tuple(names)

    def fetch_statement(self, name: str) -> StatementFile:
        answer = _granted(self._wire.call("GET", f"/h2h/statements/{quote(name, safe='')}"))
        require_whole(answer.body, answer.headers.get("content-digest"))
        return StatementFile(self._capabilities.statement_format, name, answer.body)

    def close(self) -> None:
        self._wire.close()


def capabilities(gateway: str) -> Capabilities:
    """What `simbank.yaml` says, under the name by which our books know the gateway."""
    sheet = _sheet()
    return Capabilities(
        gateway=gateway,
        bank_name=sheet["bank_name"],
        bic=sheet["bic"],
        operations=frozenset(Operation(name) for name in sheet["operations"]),
        instruments=frozenset(Instrument(name) for name in sheet["instruments"]),
        cut_off=time.fromisoformat(sheet["cut_off"]),
        message_version=sheet["message_version"],
        statement_format=sheet["statement_format"],
        inquiry_schedule_seconds=tuple(sheet["inquiry_schedule_seconds"]),
        not_found_grace_seconds=sheet["not_found_grace_seconds"],
        charset=sheet["charset"],
        batch_booking_honoured=sheet["batch_booking_honoured"],
        **sheet["limits"],
    )


def _payments(instructions: Iterable[Instruction], limits: Capabilities) -> Iterator[pain001.Payment]:
    allowed = frozenset(limits.charset)
    for instruction in instructions:
        yield pain001.Payment(
            instruction_id=instruction.instruction_id,
            end_to_end_id=instruction.reference,
            uetr=instruction.uetr,
            amount_vnd=instruction.amount_vnd,
            agent=pain001.Agent(bin=instruction.creditor_bank_bin),
            name=_text(instruction.creditor_name, allowed, limits.name_length).upper(),
            account=instruction.creditor_account,
            purpose=instruction.purpose_code,
            # Begins with our reference, so that it survives in the text where a bank drops EndToEndId.
            remittance=_text(f"{instruction.reference} {instruction.remittance}", allowed, limits.remittance_length),
        )


def _text(text: str, allowed: frozenset[str], length: int) -> str:
    return folded(text, allowed)[:length].strip()


def _submit_outcome(status: int, code: object) -> Outcome:
    word = _sheet()["submit_codes"].get(f"{status} {code}")
    return Outcome.UNKNOWN if word is None else Outcome(word)


def _told(answer: Answer) -> dict[str, Any]:
    """The JSON object of an answer; anything else, such as a proxy's HTML page, tells nothing."""
    if answer.content_type != "application/json":
        raise Ambiguous(f"HTTP {answer.status} with {answer.content_type or 'no content type'}")
    try:
        told = json.loads(answer.body)
    except ValueError as error:
        raise Ambiguous(f"HTTP {answer.status} with JSON that cannot be read") from error
    if not isinstance(told, dict):
        raise Ambiguous(f"HTTP {answer.status} with JSON that is no object")
    return told


def _granted(answer: Answer) -> Answer:
    """A statement call that was answered with 200. Nothing depends on such a call having been made or not."""
    if answer.status == 200:
        return answer
    if 400 <= answer.status < 500 and answer.content_type == "application/json":
        raise Refused(f"HTTP {answer.status} {_told(answer).get('code')}")
    raise Ambiguous(f"HTTP {answer.status} with {answer.content_type or 'no content type'}")


@cache
def _sheet() -> dict[str, Any]:
    sheet: dict[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text("utf-8"))
    return sheet
