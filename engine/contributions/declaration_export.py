"""A declared month as the form that declares it (D02-LT): taken in again it changes nothing."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, text

from engine.contributions import declaration_form as form
from engine.contributions.employer import Employer, employer_on
from engine.errors import NotFound
from engine.vault import Vault
from ledger.sheets import Cell, write_form

_UNPAID = next(words for words, change in form.CHANGES.items() if change == form.UNPAID)


def export_declaration(
    connection: Connection, vault: Vault, unit_code: str, period: date, path: Path, made_at: datetime
) -> int:
    """Writes whom an employer has declared for a month, as it stands with its corrections; returns how many."""
    employer = employer_on(connection, unit_code, period)
    if employer is None:
        raise NotFound(f"there is no employer {unit_code}")
    staff = connection.execute(_STAFF, {"id": employer.employer_id, "period": period}).all()
    if not staff:
        raise NotFound(f"{unit_code} has declared nobody for {period:%m/%Y}")
    write_form(path, "D02-LT", _rows(vault, employer, period, staff), made_at)
    return len(staff)


def _rows(vault: Vault, employer: Employer, period: date, staff: Sequence[Row[Any]]) -> Iterator[list[Cell]]:
    yield [f"Tên đơn vị: {employer.name}"]
    yield [f"{form.UNIT}: {employer.unit_code}"]
    yield [f"{form.AGENCY}: {employer.agency_code}"]
    yield ["DANH SÁCH LAO ĐỘNG THAM GIA BHXH, BHYT, BHTN, BHTNLĐ, BNN"]
    yield [f"{form.PERIOD}: {period:%m/%Y}"]
    yield [column.partition(" ")[2] for column in form.COLUMNS]
    yield [column.partition(" ")[0] for column in form.COLUMNS]
    for place, row in enumerate(staff, 1):
        kind = "insured_number" if row.insured_number_ciphertext else "personal_id"
        told: dict[str, Cell] = {
            form.NUMBER: place,
            form.NAME: row.name,
            form.INSURED_NUMBER: vault.open(kind, bytes(getattr(row, f"{kind}_ciphertext"))),
            form.BIRTH_DATE: row.birth_date,
            form.POSITION: row.position,
            form.WAGE: row.wage_vnd,
            form.FROM_MONTH: f"{period:%m/%Y}",
            form.CHANGE: _UNPAID if row.unpaid else None,
        }
        yield [told.get(column) for column in form.COLUMNS]


_STAFF = text("""
    SELECT p.name, p.birth_date, p.insured_number_ciphertext, p.personal_id_ciphertext, m.position, m.wage_vnd, m.unpaid
    FROM engine.employment m JOIN engine.person p USING (person_id)
    WHERE m.employer_id = :id AND m.months @> CAST(:period AS date) AND upper_inf(m.recorded_during)
    ORDER BY p.folded_name, p.birth_date, p.person_id
""")
