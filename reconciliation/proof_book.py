"""The proof of a day as a workbook for people: what is on the cover is what was hashed.

It has several sheets of one proof, so it is written here and not as a table by `ledger/sheets.py`, whose rule for texts
that a spreadsheet would run it keeps.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import xlsxwriter  # type: ignore[import-untyped]

from ledger.sheets import neutral
from reconciliation.day_proofs import KeptProof
from reconciliation.proof_words import WORDS

_MONEY = "#,##0;[Red]-#,##0"
_FIGURES = (
    "account",
    "ledger_opening_vnd",
    "ledger_in_vnd",
    "ledger_out_vnd",
    "ledger_vnd",
    "statement_on",
    "statement_opening_vnd",
    "statement_in_vnd",
    "statement_out_vnd",
    "statement_vnd",
    "difference_vnd",
    "expected",
    "expected_vnd",
)


def write_proof(path: Path, kept: KeptProof) -> None:
    """Four sheets: the cover with number and hash, ledger against statements, three ways per gateway, breaks."""
    content = kept.content
    with xlsxwriter.Workbook(path, {"strings_to_formulas": False, "strings_to_urls": False}) as book:
        money, bold = book.add_format({"num_format": _MONEY}), book.add_format({"bold": True})
        cover = book.add_worksheet("Biên bản")
        told = {
            "Biên bản đối chiếu số / Proof no.": kept.number,
            "Ngày / Day": kept.on.isoformat(),
            "SHA-256": kept.sha256,
            "Khóa sổ được / Closes": "có / yes" if kept.closes else "không / no",
        }
        for row, (label, value) in enumerate(told.items()):
            cover.write(row, 0, label, bold)
            cover.write(row, 1, value)
        for row, reason in enumerate(content["keeps_open"], len(told) + 1):
            cover.write_string(row, 0, neutral(reason))
        cover.set_column(0, 0, 36)
        accounts = content["accounts"]
        _sheet(book, "Sổ cái và sao kê", _FIGURES, accounts, money, bold)
        _sheet(book, "Ba bên", _columns(content["three_ways"]), content["three_ways"], money, bold)
        matched = [{"account": account["account"], **row} for account in accounts for row in account["matched"]]
        _sheet(book, "Khớp", _columns(matched), matched, money, bold)
        listed = [
            {"account": account["account"], "class": each["class"], "owner": each["owner"], **line}
            for account in accounts
            for each in account["breaks"]
            for line in each["listed"]
        ]
        _sheet(book, "Chênh lệch", _columns(listed), listed, money, bold)


def _columns(rows: list[dict[str, Any]]) -> tuple[str, ...]:
    return tuple(rows[0]) if rows else ()


def _sheet(
    book: Any, title: str, columns: tuple[str, ...], rows: Iterable[Mapping[str, Any]], money: Any, bold: Any
) -> None:
    sheet = book.add_worksheet(title)
    sheet.freeze_panes(1, 0)
    for place, column in enumerate(columns):
        sheet.write_string(0, place, WORDS[column], bold)
        sheet.set_column(place, place, 22)
    for number, row in enumerate(rows, 1):
        for place, column in enumerate(columns):
            value = row[column]
            if isinstance(value, int):
                sheet.write_number(number, place, value, money)
            elif value is not None:
                sheet.write_string(number, place, neutral(WORDS.get(value, value)))
