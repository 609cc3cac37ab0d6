"""What of an entry may be stored plainly: codes, amounts and dates. Words and names are protected, accounts cut out.

A code is what a machine echoes: letters and digits, both of them, without blanks. A name has no digits and an account
number no letters, so neither passes as a code; a value that is none goes among the protected words.
"""

import json
import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import Final

from reconciliation.references import find_references, find_units
from reconciliation.statement import BankReferences, Entry

COLUMNS: Final = (
    "statement_no",
    "entry_no",
    "detail_no",
    "is_item",
    "sign",
    "amount_vnd",
    "booked_on",
    "value_on",
    "bank_reference",
    "entry_reference",
    "payment_info_id",
    "message_id",
    "transaction_code",
    "reversal",
    "batch_count",
    "place",
    "text_ciphertext",
    "end_to_end_id",
    "instruction_id",
    "found_references",
    "returned",
    "return_reason",
    "counterparty",
    "virtual_account",
    "found_units",
)
"""Of the staging table: a row for the entry itself (detail 0), then one for each detail that can be matched."""

_CODE: Final = re.compile(r"(?=.*[A-Za-z])(?=.*[0-9])[A-Za-z0-9/?:().,'+_-]{1,35}")
_REASON: Final = re.compile(r"[A-Z0-9]{1,4}")
_RETURN_FAMILY: Final = "RRTN"
_KIND: Final = re.compile(r"[A-Z0-9]{3,4}(?:/[A-Z0-9]{4}){0,2}")
"""A bank transaction code of ISO 20022, or the type of an MT940 entry."""
_BLANKS: Final = re.compile(r"[\s.-]")
_LONG_NUMBER: Final = re.compile(r"[0-9]{9,}")

StagedRow = tuple[int | str | bool | bytes | date | list[str] | None, ...]


def rows(
    statement_no: int,
    entry_no: int,
    entry: Entry,
    account: str,
    protect: Callable[[str], bytes],
    fingerprint: Callable[[str], bytes],
) -> Iterator[StagedRow]:
    """The rows of one booked entry. If its details do not say all their amounts, the entry is matched as a whole."""
    details = entry.details if entry.details_add_up else ()
    single = len(details) == 1
    returned = _returned(entry, entry.return_reason)
    words = _words(entry.references, entry.return_reason, entry.text, entry.additional_text)
    yield (
        statement_no,
        entry_no,
        0,
        not details,
        entry.sign.value,
        entry.amount,
        entry.booked_on,
        entry.value_on,
        without_numbers(entry.bank_reference, account),
        without_numbers(entry.entry_reference, account),
        code(entry.references.payment_info_id),
        code(entry.references.message_id),
        _kind(entry.bank_transaction_code),
        entry.reversal,
        entry.batch_count,
        entry.place,
        protect(words) if words and not single else None,
        code(entry.references.end_to_end_id),
        code(entry.references.instruction_id),
        _found(entry.references, entry.text, entry.additional_text),
        returned,
        _reason(entry.return_reason),
        _number(entry.counterparty_account, fingerprint),
        _number(entry.virtual_account, fingerprint),
        _units(entry.text, entry.additional_text),
    )
    for detail_no, detail in enumerate(details, 1):
        # The words of the entry are about its one detail; of several, they are about none of them.
        texts = (detail.text, detail.additional_text, *((entry.text, entry.additional_text) if single else ()))
        reason = detail.return_reason or entry.return_reason
        words = _words(
            detail.references,
            reason,
            *texts,
            detail.counterparty_account,
            detail.counterparty_name,
            detail.virtual_account,
            detail.creditor_reference,
        )
        yield (
            statement_no,
            entry_no,
            detail_no,
            True,
            detail.sign.value,
            detail.amount,
            *(None,) * 10,
            protect(words) if words else None,
            code(detail.references.end_to_end_id),
            code(detail.references.instruction_id),
            _found(detail.references, *texts, detail.creditor_reference),
            _returned(entry, reason),
            _reason(reason),
            _number(detail.counterparty_account, fingerprint),
            _number(detail.virtual_account, fingerprint),
            _units(*texts),
        )


def code(value: str | None) -> str | None:
    """The value if it is a code, else nothing: `NOTPROVIDED`, names and account numbers are none."""
    return value if value is not None and _CODE.fullmatch(value) else None


def without_numbers(value: str | None, account: str) -> str | None:
    """A bank's own text with our account number cut out of it, all but the last four digits."""
    return value.replace(account, f"…{account[-4:]}") if value else None


def without_long_numbers(name: str) -> str:
    """A file name with every number that could be an account cut to its last four digits."""
    return _LONG_NUMBER.sub(lambda number: f"…{number[0][-4:]}", name)


def _returned(entry: Entry, reason: str | None) -> bool:
    """Whether the bank itself calls it money that came back, or the undoing of an earlier entry."""
    return reason is not None or entry.reversal or _RETURN_FAMILY in (entry.bank_transaction_code or "").split("/")


def _kind(value: str | None) -> str | None:
    return value if value is not None and _KIND.fullmatch(value) else code(value)


def _reason(reason: str | None) -> str | None:
    return reason if reason is not None and _REASON.fullmatch(reason) else None


def _found(references: BankReferences, *texts: str | None) -> list[str]:
    """Our references in the words, and in echoes that the bank has folded or joined with others."""
    echoes = (references.end_to_end_id, references.instruction_id, references.transaction_id)
    found: dict[str, None] = {}
    for part in (*echoes, *texts):
        if part:
            found.update(dict.fromkeys(find_references(part)))
    return list(found)


def _units(*texts: str | None) -> list[str]:
    """The units that the words name."""
    return list(dict.fromkeys(unit for text in texts if text for unit in find_units(text)))


def _number(account: str | None, fingerprint: Callable[[str], bytes]) -> bytes | None:
    """An account number as its fingerprint, blanks and hyphens left out."""
    bare = _BLANKS.sub("", account) if account else ""
    return fingerprint(bare) if bare else None


def _words(references: BankReferences, reason: str | None, *texts: str | None) -> str:
    """What is stored under protection: the bank's words, and echoes that are no codes."""
    echoes = (references.end_to_end_id, references.instruction_id)
    kept = [*(echo for echo in echoes if echo and not code(echo)), *(text for text in texts if text)]
    if reason is not None and _reason(reason) is None:
        kept.append(reason)
    return json.dumps(kept, ensure_ascii=False) if kept else ""
