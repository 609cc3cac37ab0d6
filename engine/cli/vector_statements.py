"""Test vectors of statements: MT940 and camt, read by reconciliation and told in the words of the vectors."""

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from reconciliation.errors import Problem, ProblemCode, StatementRefused
from reconciliation.formats import read
from reconciliation.statement import Detail, Entry, EntryStatus, Sign, StatementEnd, StatementStart

_MARKS: Final = {
    (Sign.CREDIT, False): "C",
    (Sign.DEBIT, False): "D",
    (Sign.DEBIT, True): "RC",
    (Sign.CREDIT, True): "RD",
}
_ERRORS: Final = {
    ProblemCode.TRUNCATED: "truncated",
    ProblemCode.MISSING_CLOSING_BALANCE: "truncated",
    ProblemCode.MISSING_OPENING_BALANCE: "missing_opening_balance",
    ProblemCode.FRACTION_IN_VND: "fraction_in_vnd",
    ProblemCode.CURRENCY: "currency",
    ProblemCode.MALFORMED_ENTRY: "malformed_entry",
    ProblemCode.AMOUNT: "malformed_entry",
    ProblemCode.SIGN: "malformed_entry",
    ProblemCode.DATE: "malformed_entry",
    ProblemCode.BALANCE_MISMATCH: "balance_mismatch",
}
"""Our codes in the vectors' words, the most telling first: a file that is cut need not add up."""
_STATEMENT_NUMBER: Final = re.compile(r"^:28C?:\s*([^/\r\n]*)(?:/([^\r\n]*))?", re.MULTILINE)
_BALANCE_CURRENCY: Final = re.compile(r"^:6[0245][FM]?:[CD]\d{6}([A-Z]{3})", re.MULTILINE)
_NARRATIVE_BREAK: Final = re.compile(r"\s*\n\s*")


@dataclass(slots=True)
class _Read:
    """Everything a file told."""

    entries: list[Entry] = field(default_factory=list)
    ends: list[StatementEnd] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def mt940(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What an MT940 says, or the first thing wrong with it."""
    text: str = inputs["text"]
    found = _read(text)
    error = _error(found, text)
    if error:
        return {"expected": error}
    statement, last = found.ends[0].statement, found.ends[-1].statement
    number = _STATEMENT_NUMBER.search(text)
    told = {
        "reference": statement.id,
        "account": statement.account,
        "statement": number[1].strip() if number else None,
        "sequence": number[2].strip() if number and number[2] else None,
        "currency": statement.currency,
        "opening_vnd": statement.opening,
        "closing_vnd": last.closing,
        "available_vnd": last.available,
        "intermediate": last.page is not None and last.page.last is False,
        "balance_ok": all(end.adds_up for end in found.ends),
        "entries": [_mt940_entry(entry) for entry in found.entries],
    }
    return {"expected": told}


def camt(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What a camt.053 or camt.054 says: every movement as we understand it; balances that do not meet are told."""
    found = _read(inputs["document"])
    error = _error(found, "")
    if error and error["error"] != "balance_mismatch":
        return {"expected": error}
    statement = found.ends[0].statement
    told: dict[str, Any] = {
        "account": statement.account,
        "movements": [movement for entry in found.entries for movement in _movements(entry)],
    }
    if statement.opening is not None or statement.closing is not None:
        told |= {
            "opening_vnd": statement.opening,
            "closing_vnd": statement.closing,
            "balance_ok": bool(found.ends[0].adds_up),
        }
    return {"expected": told | error}


def _read(document: str) -> _Read:
    found = _Read()
    try:
        for event in read(io.BytesIO(document.encode())):
            match event:
                case Entry():
                    found.entries.append(event)
                case StatementEnd():
                    found.ends.append(event)
                    found.problems += event.contradictions
                case StatementStart():
                    pass
    except StatementRefused as refused:
        found.problems += refused.problems
    return found


def _error(found: _Read, text: str) -> dict[str, Any]:
    """The vectors' word for what is wrong, with the difference where balances do not meet; empty if nothing is."""
    codes = {problem.code for problem in found.problems}
    currencies = set(_BALANCE_CURRENCY.findall(text))
    currencies |= {end.statement.currency for end in found.ends if end.statement.currency}
    if currencies - {"VND"}:
        return {"error": "currency"}
    for code, word in _ERRORS.items():
        if code in codes:
            difference = _difference(found.ends) if code is ProblemCode.BALANCE_MISMATCH else None
            return {"error": word} | ({} if difference is None else {"difference_vnd": difference})
    if codes or not found.ends:
        return {"error": min(codes).value if codes else "truncated"}
    return {}


def _difference(ends: Sequence[StatementEnd]) -> int | None:
    """By how much the closing balance is above what the entries give."""
    for end in ends:
        statement = end.statement
        if end.adds_up is False and statement.opening is not None and statement.closing is not None:
            return statement.closing - (statement.opening + end.sum_credits - end.sum_debits)
    return None


def _mt940_entry(entry: Entry) -> dict[str, Any]:
    return {
        "value_date": entry.value_on.isoformat() if entry.value_on else None,
        "signed_amount_vnd": entry.signed_amount,
        "mark": _MARKS[entry.sign, entry.reversal],
        "type": entry.bank_transaction_code,
        "customer_ref": entry.references.end_to_end_id,
        "bank_ref": entry.bank_reference,
        "narrative": None if entry.text is None else _NARRATIVE_BREAK.sub(" ", entry.text),
    }


def _movements(entry: Entry) -> list[dict[str, Any]]:
    """One movement for each payment inside an entry; an entry without details is one itself."""
    if not entry.details:
        return [_movement(entry, entry.signed_amount, entry.references.end_to_end_id, entry.return_reason, entry.text)]
    return [
        _movement(entry, _signed(detail, entry), detail.references.end_to_end_id, detail.return_reason, detail.text)
        for detail in entry.details
    ]


def _movement(
    entry: Entry, amount: int, end_to_end_id: str | None, return_reason: str | None, text: str | None
) -> dict[str, Any]:
    return {
        "entry_ref": entry.entry_reference,
        "signed_amount_vnd": amount,
        "end_to_end_id": end_to_end_id,
        "return_reason": return_reason,
        "remittance": text,
        "classification": _classification(entry, amount, return_reason),
    }


def _signed(detail: Detail, entry: Entry) -> int:
    if detail.amount is None:
        return entry.signed_amount
    return detail.amount if detail.sign is Sign.CREDIT else -detail.amount


def _classification(entry: Entry, amount: int, return_reason: str | None) -> str:
    """What a movement is to us: a payment that comes back is no income."""
    if entry.status is not EntryStatus.BOOKED:
        return "not_booked"
    returned = return_reason is not None or entry.reversal or (entry.bank_transaction_code or "").endswith("/RRTN")
    if amount > 0:
        return "returned_payout" if returned else "incoming"
    return "reversed_receipt" if returned else "outgoing"
