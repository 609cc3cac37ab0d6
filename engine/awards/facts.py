"""What claims tell of people: deaths, contributions, relations.

What we know already is not written twice; what contradicts what we know, or another claim, is a problem that a person
has to look at.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg.types.range import Range
from sqlalchemy import ARRAY, Connection, Select, Table, Uuid, any_, func, literal, select, text

from engine.awards import workbook as form
from engine.awards.claim import Claim, Relative, Stretch
from engine.people import tables
from engine.people.bulk import copy_rows
from engine.people.person import Roll
from engine.people.workbook import Row

_Pair = tuple[UUID, UUID]
"""The deceased and the relative."""


@dataclass(slots=True)
class Facts:
    """Facts by the person they are about; a relation as the columns of its row."""

    deaths: dict[UUID, date] = field(default_factory=dict)
    histories: dict[UUID, list[Stretch]] = field(default_factory=lambda: defaultdict(list))
    relations: dict[_Pair, dict[str, object]] = field(default_factory=dict)


def compare_with_known(connection: Connection, roll: Roll, claims: Iterable[tuple[Row, Claim]]) -> Facts:
    """The facts of these claims that are new to us; contradictions are noted at the claim's row."""
    known, new = _known(connection, roll), Facts()
    for row, claim in claims:
        person_id = roll.ids[claim.insured.personal_id]
        if claim.death is not None:
            first = known.deaths.get(person_id) or new.deaths.setdefault(person_id, claim.death.on)
            if first != claim.death.on:
                row.problem(form.DIED, f"the death is recorded, or stands in another claim, as of {first:%d/%m/%Y}")
        _compare_history(row, claim, known.histories[person_id], new.histories[person_id])
        for relative in claim.relatives:
            pair = person_id, roll.ids[relative.person.personal_id]
            told = _relation(relative)
            if (known.relations.get(pair) or new.relations.setdefault(pair, told)) != told:
                row.problem(form.CLAIM_NO, f"{relative.person.name} is recorded as a relative with other facts")
    for pair in known.relations.keys() & new.relations.keys():
        del new.relations[pair]
    return new


def write_facts(connection: Connection, facts: Facts, recorded_at: datetime) -> None:
    """Writes facts as known from this instant on."""
    known = {"recorded_during": Range(recorded_at, None, bounds="[)")}
    copy_rows(
        connection,
        tables.vital_event,
        ({"person_id": who, "kind": "death", "happened_on": day, **known} for who, day in facts.deaths.items()),
    )
    copy_rows(
        connection,
        tables.contribution_period,
        (
            {"person_id": who, **_period(stretch), **known}
            for who, history in facts.histories.items()
            for stretch in history
        ),
    )
    copy_rows(
        connection,
        tables.relation,
        (
            {"person_id": deceased, "relative_person_id": relative, **columns, **known}
            for (deceased, relative), columns in facts.relations.items()
        ),
    )


def replace_history(
    connection: Connection, person_id: UUID, periods: Sequence[Mapping[str, Any]], recorded_at: datetime
) -> None:
    """Puts a corrected history of contributions in place of what was known; without periods nothing changes."""
    if not periods:
        return
    connection.execute(
        text("""
            UPDATE engine.contribution_period SET recorded_during = tstzrange(lower(recorded_during), :at)
            WHERE person_id = :person AND upper_inf(recorded_during)"""),
        {"at": recorded_at, "person": person_id},
    )
    copy_rows(
        connection,
        tables.contribution_period,
        (
            {
                "person_id": person_id,
                "months": Range(
                    date.fromisoformat(period["first_month"]), date.fromisoformat(period["end_month"]), bounds="[)"
                ),
                "regime": period["regime"],
                "wage_vnd": period["wage_vnd"],
                "coefficient": period["coefficient"] and Decimal(period["coefficient"]),
                "seniority_percent": period["seniority_percent"] and Decimal(period["seniority_percent"]),
                "recorded_during": Range(recorded_at, None, bounds="[)"),
            }
            for period in periods
        ),
    )


def _compare_history(row: Row, claim: Claim, known: Sequence[Stretch], new: list[Stretch]) -> None:
    for stretch in claim.history:
        if stretch in known or stretch in new:
            continue
        if any(stretch.overlaps(other) for other in (*known, *new)):
            months = f"{stretch.first_month:%m/%Y}–{stretch.last_month:%m/%Y}"
            row.problem(form.CLAIM_NO, f"the contributions of {months} contradict those recorded or in another claim")
        new.append(stretch)


def _known(connection: Connection, roll: Roll) -> Facts:
    """What is recorded of those people of a roll whom we knew before."""
    facts = Facts()
    newcomers = {person.personal_id for person in roll.newcomers}
    ids = [person_id for number, person_id in roll.ids.items() if number not in newcomers]
    if not ids:
        return facts
    for row in connection.execute(_believed(tables.vital_event, ids)):
        facts.deaths[row.person_id] = row.happened_on
    for row in connection.execute(_believed(tables.contribution_period, ids)):
        last_month = (row.months.upper - timedelta(days=1)).replace(day=1)
        facts.histories[row.person_id].append(
            Stretch(row.months.lower, last_month, row.regime, row.wage_vnd, row.coefficient, row.seniority_percent)
        )
    for row in connection.execute(_believed(tables.relation, ids)):
        columns = ("relation", "monthly_income_vnd", "impairment_percent", "studying", "alone")
        facts.relations[row.person_id, row.relative_person_id] = {name: getattr(row, name) for name in columns}
    return facts


def _believed(facts: Table, ids: Sequence[UUID]) -> Select[Any]:
    """The rows about these people that no later row has taken the place of."""
    return select(facts).where(
        facts.c.person_id == any_(literal(ids, ARRAY(Uuid))), func.upper_inf(facts.c.recorded_during)
    )


def _period(stretch: Stretch) -> dict[str, object]:
    return {
        "months": Range(stretch.first_month, stretch.end_month, bounds="[)"),
        "regime": stretch.regime,
        "wage_vnd": stretch.wage_vnd,
        "coefficient": stretch.coefficient,
        "seniority_percent": stretch.seniority_percent,
    }


def _relation(relative: Relative) -> dict[str, object]:
    return {
        "relation": relative.relation,
        "monthly_income_vnd": relative.monthly_income_vnd,
        "impairment_percent": relative.impairment_percent,
        "studying": relative.studying,
        "alone": relative.alone,
    }
