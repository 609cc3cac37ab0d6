"""What a declaration may say by law and a person may yet want to look at: wages below the lowest ones, hidden rows."""

from collections.abc import Iterator

from engine.contributions.declaration_form import INSURED_NUMBER, WAGE
from engine.contributions.declaration_sheet import DeclaredMonth
from engine.contributions.dues import AssessedMonth
from engine.contributions.employer import Employer
from engine.law.parameters import Parameters

_MOST_NOTES = 100


def notes_of(declared: DeclaredMonth, assessed: AssessedMonth, employer: Employer, law: Parameters) -> list[str]:
    """The notes by rows, the first hundred; none of them hinders the declaration."""
    notes = []
    if declared.hidden_rows:
        notes.append(f"{declared.place}: {declared.hidden_rows} rows of workers are hidden in the file and count too")
    by_row = [*_wage_notes(declared, assessed, employer, law), *_number_notes(declared)]
    notes += by_row[:_MOST_NOTES]
    if len(by_row) > _MOST_NOTES:
        notes.append(f"{declared.place}: {len(by_row) - _MOST_NOTES:,} more rows to look at")
    return notes


def _wage_notes(declared: DeclaredMonth, assessed: AssessedMonth, employer: Employer, law: Parameters) -> Iterator[str]:
    """Wages that the law raises to its floor, and wages that only a part-time contract allows."""
    if declared.period is None:
        return
    floor, minimum = law.at("base_floor", declared.period), law.at("regional_minimum_wage", declared.period)
    rows = {worker.number: row.number for row, worker in declared.workers}
    for one in assessed.staff:
        if one.worker.number not in rows:
            continue  # as declared before
        rule = None
        if one.contribution.base_vnd > one.worker.wage_vnd:
            rule = (
                f"{_vnd(one.worker.wage_vnd)} is below the lowest contribution base: contributions are due on "
                f"{_vnd(one.contribution.base_vnd)} ({floor.citation.english})"
            )
        elif not one.worker.unpaid and one.worker.wage_vnd < minimum.value[employer.region]:
            rule = (
                f"{_vnd(one.worker.wage_vnd)} is below the minimum wage of region {employer.region} "
                f"({_vnd(minimum.value[employer.region])}, {minimum.citation.english}): right for part-time work only"
            )
        if rule is not None:
            yield f"{declared.place}, row {rows[one.worker.number]}, column {WAGE}: {rule}"


_PERSONAL_ID_DIGITS = 12


def _number_notes(declared: DeclaredMonth) -> Iterator[str]:
    """Personal ids that tell another year of birth: digit 4 has century and sex, digits 5 and 6 the year.

    Circular 59/2021/TT-BCA, Article 4, and Decree 137/2015/NĐ-CP, Article 13 (as remembered).
    """
    for row, worker in declared.workers:
        if len(worker.number) == _PERSONAL_ID_DIGITS:
            year = 1900 + 100 * (int(worker.number[3]) // 2) + int(worker.number[4:6])
            if year != worker.birth_date.year:
                yield (
                    f"{declared.place}, row {row.number}, column {INSURED_NUMBER}: the personal id tells another year "
                    "of birth than column 2: mistyped?"
                )


def _vnd(amount_vnd: int) -> str:
    return f"{amount_vnd:,}".replace(",", ".")
