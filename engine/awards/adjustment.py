"""Điều chỉnh: one adjustment by law reaches all running pensions and allowances at once.

Pensions rise by the percent of their decree, allowances of survivors follow the reference level. An amount is never
edited: what was believed is closed, and written again until the day, with the new amount from then on. Where months
from that day on were paid already, the next payment run pays the difference.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import Connection, Row, table, text

from engine import audit
from engine.awards.award import STATE_BUDGET
from engine.errors import WrongInput
from engine.law.findings import Record
from engine.law.indexation import adjust_pension
from engine.law.parameters import Parameters
from engine.law.survivors import monthly_allowance
from engine.people.bulk import copy_rows


@dataclass(frozen=True, slots=True)
class Adjusted:
    """What an adjustment did, in awards and in đồng a month."""

    on: str
    """YYYY-MM-DD."""
    pensions: int
    allowances: int
    raised_vnd: int
    unconfirmed: tuple[str, ...]
    """Unconfirmed legal values that the new amounts rest on; runs must name them."""


_Key = tuple[str, date, int, date]


def adjust_running(connection: Connection, on: date, law: Parameters, at: datetime) -> Adjusted:
    """Adjusts everything that runs, as of a day on which law adjusts it. Again changes nothing.

    Raises `WrongInput` if no adjustment of pensions and no change of the reference level begins on that day.
    """
    benefits = _benefits_adjusted(on, law)
    rows = connection.execute(_RUNNING, {"on": on, "benefits": benefits}).all()
    known: dict[_Key, tuple[int, Record]] = {}
    adjusted = [(row, *_adjust(row, on, law, known)) for row in rows]
    changed = [(row, amount_vnd, record) for row, amount_vnd, record in adjusted if amount_vnd != row.amount_vnd]
    _write(connection, changed, on, at)
    result = Adjusted(
        on=on.isoformat(),
        pensions=sum(row.benefit == "pension" for row, _, _ in changed),
        allowances=sum(row.benefit == "survivor_allowance" for row, _, _ in changed),
        raised_vnd=sum(amount_vnd - row.amount_vnd for row, amount_vnd, _ in changed),
        unconfirmed=tuple(sorted({name for _, _, record in changed for name in record.unconfirmed()})),
    )
    audit.record(
        connection,
        "awards_adjusted",
        on.isoformat(),
        at,
        awards=len(changed),
        raised_vnd=result.raised_vnd,
    )
    return result


def _benefits_adjusted(on: date, law: Parameters) -> list[str]:
    benefits = []
    if any(value.starts_on == on for value in law.parameter("pension_adjustment").values):
        benefits.append("pension")
    if any(value.starts_on == on for value in law.parameter("reference_level").values):
        benefits.append("survivor_allowance")
    if not benefits:
        raise WrongInput([f"{on}: the law adjusts nothing that runs on this day"])
    return benefits


def _adjust(row: Row[Any], on: date, law: Parameters, known: dict[_Key, tuple[int, Record]]) -> tuple[int, Record]:
    """The new amount and why. Many have the same amount since the same day, and are assessed once."""
    key = (row.benefit + row.fund, row.starts_on, row.amount_vnd, row.from_month)
    if key not in known:
        if row.benefit == "pension":
            found = adjust_pension(
                row.amount_vnd,
                row.starts_on,
                row.fund == STATE_BUDGET,
                on,
                law,
                paid_since=on - timedelta(days=1),
            )
            known[key] = found.amount_vnd, found.record
        else:
            # The share of the reference level that the law gave them; the level is a multiple of ten thousand.
            percent = Fraction(100 * row.amount_vnd, law.value("reference_level", row.from_month))
            record = Record()
            known[key] = monthly_allowance(percent, 1, on, law, record), record
    return known[key]


def _write(connection: Connection, changed: list[tuple[Row[Any], int, Record]], on: date, at: datetime) -> None:
    connection.execute(
        text("""
            CREATE TEMPORARY TABLE adjusted (award_amount_id uuid, amount_vnd bigint, findings jsonb,
                unconfirmed text[]) ON COMMIT DROP""")
    )
    copy_rows(
        connection,
        table("adjusted"),
        (_adjusted(row.award_amount_id, amount_vnd, record) for row, amount_vnd, record in changed),
    )
    parameters = {"on": on, "at": at}
    connection.execute(_CLOSE, parameters)
    connection.execute(_UNTIL, parameters)
    connection.execute(_FROM, parameters)
    connection.execute(text("DROP TABLE adjusted"))


def _adjusted(award_amount_id: UUID, amount_vnd: int, record: Record) -> dict[str, object]:
    return {
        "award_amount_id": award_amount_id,
        "amount_vnd": amount_vnd,
        "findings": Jsonb(record.as_json()),
        "unconfirmed": list(record.unconfirmed()),
    }


# Whose amount holds on the day and has not begun on it.
_RUNNING = text("""
    SELECT w.award_amount_id, w.amount_vnd, lower(w.entitled_during) AS from_month, a.benefit, a.fund, a.starts_on
    FROM engine.award_amount w JOIN engine.award a USING (award_id)
    WHERE a.frequency = 'monthly' AND a.benefit = ANY(:benefits) AND a.starts_on < :on
        AND w.entitled_during @> CAST(:on AS date) AND lower(w.entitled_during) < :on AND upper_inf(w.recorded_during)
    FOR UPDATE OF w
""")

_CLOSE = text("""
    UPDATE engine.award_amount w SET recorded_during = tstzrange(lower(w.recorded_during), :at)
    FROM adjusted d WHERE d.award_amount_id = w.award_amount_id AND upper_inf(w.recorded_during)
""")

_UNTIL = text("""
    INSERT INTO engine.award_amount (award_id, entitled_during, amount_vnd, findings, unconfirmed, recorded_during)
    SELECT w.award_id, daterange(lower(w.entitled_during), :on), w.amount_vnd, w.findings, w.unconfirmed,
        tstzrange(:at, NULL)
    FROM adjusted d JOIN engine.award_amount w USING (award_amount_id)
""")

_FROM = text("""
    INSERT INTO engine.award_amount (award_id, entitled_during, amount_vnd, findings, unconfirmed, recorded_during)
    SELECT w.award_id, daterange(:on, upper(w.entitled_during)), d.amount_vnd, d.findings, d.unconfirmed,
        tstzrange(:at, NULL)
    FROM adjusted d JOIN engine.award_amount w USING (award_amount_id)
""")
