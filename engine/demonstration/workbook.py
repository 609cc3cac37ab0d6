"""Writes claims as the award workbook that clerks hand in; the forms' own words come from their reader."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

from xlsxwriter import Workbook  # type: ignore[import-untyped]
from xlsxwriter.worksheet import Worksheet  # type: ignore[import-untyped]

from engine.awards import workbook as form
from engine.awards.claim import Claim
from engine.people.person import (
    AREA,
    AREA_COLUMN,
    BIRTH_DATE,
    INSURED_NUMBER,
    NAME,
    PERSONAL_ID,
    PHONE,
    PROVINCE,
    SEX,
    SEX_COLUMN,
    Person,
)
from engine.people.workbook import Sheet

_Cell = str | int | Decimal | date | None


def write_claims(path: Path, claims: Sequence[Claim]) -> None:
    """The three sheets; numbers that identify are text, dates are real dates."""
    with Workbook(str(path), {"constant_memory": True, "default_date_format": "dd/mm/yyyy"}) as workbook:
        _write(workbook.add_worksheet(form.CLAIMS.name), form.CLAIMS, map(_claim_row, claims))
        _write(workbook.add_worksheet(form.HISTORY.name), form.HISTORY, _history_rows(claims))
        _write(workbook.add_worksheet(form.RELATIVES.name), form.RELATIVES, _relative_rows(claims))


def _write(worksheet: Worksheet, sheet: Sheet, rows: Iterator[Mapping[str, _Cell]]) -> None:
    columns = [*sheet.required, *sheet.optional]
    worksheet.write_row(0, 0, columns)
    worksheet.set_column(0, len(columns) - 1, 16)
    worksheet.freeze_panes(1, 0)
    for at, row in enumerate(rows, 1):
        for place, column in enumerate(columns):
            value = row.get(column)
            if isinstance(value, str):
                worksheet.write_string(at, place, value)
            elif isinstance(value, date):
                worksheet.write_datetime(at, place, value)
            elif value is not None:
                worksheet.write_number(at, place, value)


def _claim_row(claim: Claim) -> dict[str, _Cell]:
    row: dict[str, _Cell] = {
        form.CLAIM_NO: claim.claim_no,
        form.BENEFIT: _word(form.BENEFITS, claim.benefit),
        form.RECEIVED: claim.received_on,
        form.OFFICE: claim.office_code,
        form.STARTS: claim.starts_on,
        form.AMOUNT_BEFORE: claim.amount_before_vnd,
        form.BEFORE_1995: "Có" if claim.stopped_before_1995 else None,
        form.IMPAIRMENT: claim.impairment_percent or None,
        **_person(claim.insured),
    }
    if claim.claimant.personal_id != claim.insured.personal_id and not claim.relatives:
        row.update(_person(claim.claimant, form.CLAIMANT))
    if claim.death is not None:
        row[form.DIED] = claim.death.on
        row[form.CAUSE] = _word(form.CAUSES, "work_accident" if claim.death.work_accident else "ordinary")
        row[form.STATUS] = _word(form.STATUSES, claim.death.status)
        row[form.PENSION_AT_DEATH] = claim.death.pension_vnd
        row[form.PENSION_MONTHS] = claim.death.pension_months
    return row


def _history_rows(claims: Sequence[Claim]) -> Iterator[dict[str, _Cell]]:
    for claim in claims:
        for stretch in claim.history:
            yield {
                form.CLAIM_NO: claim.claim_no,
                form.FIRST_MONTH: f"{stretch.first_month:%m/%Y}",
                form.LAST_MONTH: f"{stretch.last_month:%m/%Y}",
                form.REGIME: _word(form.REGIMES, stretch.regime),
                form.WAGE: stretch.wage_vnd,
                form.COEFFICIENT: stretch.coefficient,
                form.SENIORITY: stretch.seniority_percent,
            }


def _relative_rows(claims: Sequence[Claim]) -> Iterator[dict[str, _Cell]]:
    for claim in claims:
        for relative in claim.relatives:
            yield {
                form.CLAIM_NO: claim.claim_no,
                form.RELATION: _word(form.RELATIONS, relative.relation),
                form.INCOME: relative.monthly_income_vnd or None,
                form.IMPAIRMENT: relative.impairment_percent or None,
                form.STUDYING: "Có" if relative.studying else "Không",
                form.ALONE: "Có" if relative.alone else "Không",
                **_person(relative.person),
            }


def _person(person: Person, prefix: str = "") -> dict[str, _Cell]:
    return {
        prefix + NAME: person.name,
        prefix + SEX_COLUMN: _word(SEX, person.sex),
        prefix + BIRTH_DATE: person.birth_date,
        prefix + INSURED_NUMBER: person.insured_number,
        prefix + PERSONAL_ID: person.personal_id,
        prefix + PHONE: person.phone,
        prefix + PROVINCE: person.province,
        prefix + AREA_COLUMN: _word(AREA, person.area),
    }


def _word(words: Mapping[str, str], code: str) -> str:
    """The form's word for a code."""
    return next(word for word, meaning in words.items() if meaning == code)
