"""Early news (tin báo trong ngày): camt.052, camt.054, MT942 and notices tell of money before the day is closed.

They explain why a payment is not missing. They prove nothing: they may be lost, come twice, or tell what is never
booked; so no payment is settled, no receipt booked and no balance believed because of them. Each line is kept with the
one reference of ours that it carries, if it carries exactly one.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from sqlalchemy import Connection, text

from reconciliation.errors import Problem, ProblemCode, StatementRefused
from reconciliation.formats import read_statements
from reconciliation.lines import without_long_numbers
from reconciliation.references import find_references
from reconciliation.statement import INTERIM, BankReferences, Entry, EntryStatus, Sign, StatementStart

_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class News:
    """What became of a file of news."""

    file_id: int
    already: bool
    lines: int
    with_reference: int


def is_news(path: Path) -> bool:
    """Whether a file tells of the day before it is closed. A file that cannot be read is left to who reads it whole."""
    try:
        first = next(iter(read_statements(path)), None)
    except StatementRefused:
        return False
    return isinstance(first, StatementStart) and first.statement.format.startswith(INTERIM)


def load_news(
    connection: Connection, path: Path, *, fingerprint: Callable[[str], bytes], recorded_at: datetime
) -> News:
    """Keeps what a file tells; again changes nothing. It must be readable whole and tell of our accounts."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").digest()
    values = {"sha256": sha256, "name": without_long_numbers(path.name), "at": recorded_at}
    known = connection.scalar(text("SELECT file_id FROM reconciliation.statement_file WHERE sha256 = :sha256"), values)
    if known is not None:
        return _told(connection, known, already=True)
    file_id: int = connection.execute(
        text(
            "INSERT INTO reconciliation.statement_file (sha256, file_name, format, recorded_at) "
            "VALUES (:sha256, :name, 'news', :at) RETURNING file_id"
        ),
        values,
    ).scalar_one()
    rows: list[dict[str, object]] = []
    for row in _rows(path, _own_accounts(connection), fingerprint):
        rows.append({**row, "file_id": file_id})
        if len(rows) == _AT_ONCE:
            connection.execute(_INSERT, rows)
            rows = []
    if rows:
        connection.execute(_INSERT, rows)
    return _told(connection, file_id, already=False)


def told_early(connection: Connection) -> dict[str, tuple[int, int]]:
    """Of each ledger account how many open expectations the news has told of already, and their đồng."""
    rows = connection.execute(
        text(
            "SELECT a.ledger_account, count(*) AS expected, sum(x.amount_vnd)::bigint AS amount_vnd "
            "FROM reconciliation.awaited x JOIN reconciliation.own_account a USING (own_account_id) "
            "WHERE x.amount_vnd IS NOT NULL AND EXISTS (SELECT FROM reconciliation.news n "
            "WHERE n.reference = x.reference AND n.own_account_id = x.own_account_id AND n.sign = x.sign) "
            "GROUP BY a.ledger_account"
        )
    )
    return {row.ledger_account: (row.expected, row.amount_vnd) for row in rows}


def _own_accounts(connection: Connection) -> dict[bytes, int]:
    found = connection.execute(text("SELECT fingerprint, own_account_id FROM reconciliation.own_account"))
    return {row.fingerprint: row.own_account_id for row in found}


def _rows(path: Path, own: dict[bytes, int], fingerprint: Callable[[str], bytes]) -> Iterator[dict[str, object]]:
    own_account_id = None
    for event in read_statements(path):
        if isinstance(event, StatementStart):
            own_account_id = own.get(fingerprint(event.statement.account))
            if own_account_id is None:
                raise StatementRefused([Problem(ProblemCode.ACCOUNT, "statement", "the account is not one of ours")])
            if event.statement.currency != "VND":
                raise StatementRefused([Problem(ProblemCode.CURRENCY, "statement", "only VND is imported")])
        elif isinstance(event, Entry):
            for sign, amount, references, words in _parts(event):
                yield {
                    "own": own_account_id,
                    "sign": sign.value,
                    "amount": amount,
                    "on": _day(event),
                    "booked": event.status is EntryStatus.BOOKED,
                    "reference": _only_reference(references, words),
                    "place": event.place,
                }


def _parts(entry: Entry) -> Iterator[tuple[Sign, int, BankReferences, tuple[str | None, ...]]]:
    """The details where they say all their amounts, else the entry."""
    if entry.details_add_up:
        for detail in entry.details:
            words = (detail.text, detail.additional_text, detail.creditor_reference)
            yield detail.sign, detail.amount or 0, detail.references, words
    else:
        yield entry.sign, entry.amount, entry.references, (entry.text, entry.additional_text)


def _day(entry: Entry) -> date | None:
    return entry.booked_on or entry.value_on


def _only_reference(references: BankReferences, words: tuple[str | None, ...]) -> str | None:
    parts = (references.end_to_end_id, references.instruction_id, *words)
    found = {reference for part in parts if part for reference in find_references(part)}
    return found.pop() if len(found) == 1 else None


def _told(connection: Connection, file_id: int, *, already: bool) -> News:
    row = connection.execute(
        text("SELECT count(*) AS lines, count(reference) AS known FROM reconciliation.news WHERE file_id = :file_id"),
        {"file_id": file_id},
    ).one()
    return News(file_id, already, row.lines, row.known)


_INSERT = text(
    "INSERT INTO reconciliation.news (file_id, own_account_id, sign, amount_vnd, told_on, booked, reference, place) "
    "VALUES (:file_id, :own, :sign, :amount, :on, :booked, :reference, :place)"
)
