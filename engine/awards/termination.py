"""Chấm dứt hưởng: an award ends with the month before one, on a ground and by a document, as two persons decide.

What is believed of its amounts from that month on is closed, never erased: what was paid for those months is then above
what is due, and recoverable. Grounds are data.
"""

from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path

import yaml
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from engine import audit
from engine.errors import NotAllowed, NotFound, WrongInput


@cache
def termination_grounds() -> Mapping[str, Mapping[str, str]]:
    """The grounds by code: label, label_en, citation, confidence."""
    content: dict[str, dict[str, str]] = yaml.safe_load(
        (Path(__file__).parent / "termination_grounds.yaml").read_text(encoding="utf-8")
    )
    return content


def propose_termination(
    connection: Connection, award_no: str, ground: str, from_month: date, evidence: str, at: datetime
) -> int:
    """Đề nghị chấm dứt: nothing changes before another person approves; returns the number of the proposal.

    Raises `WrongInput` with every problem, and if nothing is due from that month on.
    """
    problems = []
    if ground not in termination_grounds():
        problems.append(f"{ground} is no ground to end an award: {', '.join(termination_grounds())}")
    if not evidence.strip():
        problems.append("a termination names the document it rests on")
    award_id = connection.scalar(
        text("SELECT award_id FROM engine.award WHERE award_no = :award_no"), {"award_no": award_no}
    )
    if award_id is None:
        problems.append(f"there is no award {award_no}")
    elif not connection.scalar(
        text(f"SELECT EXISTS ({_DUE_FROM})"), {"award": award_id, "month": from_month.replace(day=1)}
    ):
        problems.append(f"nothing of {award_no} is due from {from_month:%Y-%m} on")
    if problems:
        raise WrongInput(problems)
    try:
        termination_no: int = connection.execute(
            text("""
                INSERT INTO engine.termination (award_id, from_month, ground, evidence, proposed_at)
                VALUES (:award, :month, :ground, :evidence, :at) RETURNING termination_no"""),
            {
                "award": award_id,
                "month": from_month.replace(day=1),
                "ground": ground,
                "evidence": evidence,
                "at": at,
            },
        ).scalar_one()
    except IntegrityError as error:
        if "one_open_termination" not in str(error.orig):
            raise
        raise NotAllowed(f"a termination of {award_no} waits for its decision already") from error
    audit.record(connection, "termination_proposed", f"award {award_no}", at, ground=ground, evidence=evidence)
    return termination_no


def approve_termination(connection: Connection, termination_no: int, at: datetime) -> str:
    """Duyệt chấm dứt: the second person. Nothing is due from that month on; returns the award's number."""
    row = connection.execute(
        text("""
            SELECT t.award_id, t.from_month, t.approved_at, a.award_no FROM engine.termination t
            JOIN engine.award a USING (award_id) WHERE t.termination_no = :no FOR UPDATE OF t"""),
        {"no": termination_no},
    ).one_or_none()
    if row is None:
        raise NotFound(f"there is no termination {termination_no}")
    if row.approved_at is not None:
        raise NotAllowed(f"termination {termination_no} is decided already")
    try:
        connection.execute(
            text("""
                UPDATE engine.termination SET approved_at = :at, approved_by = engine.acting_person()
                WHERE termination_no = :no"""),
            {"at": at, "no": termination_no},
        )
    except IntegrityError as error:
        raise NotAllowed("who proposed a termination does not approve it: two persons") from error
    except DBAPIError as error:
        raise NotAllowed(str(error.orig).splitlines()[0]) from error
    connection.execute(text(_END), {"award": row.award_id, "month": row.from_month, "at": at})
    audit.record(connection, "award_terminated", f"award {row.award_no}", at, from_month=row.from_month.isoformat())
    return str(row.award_no)


_DUE_FROM = """
    SELECT FROM engine.award_amount w WHERE w.award_id = :award AND upper_inf(w.recorded_during)
        AND w.entitled_during && daterange(CAST(:month AS date), NULL)"""

# What was due before the month goes on being known: it is written again, shortened.
_END = """
WITH closed AS (
    UPDATE engine.award_amount w SET recorded_during = tstzrange(lower(w.recorded_during), :at)
    WHERE w.award_id = :award AND upper_inf(w.recorded_during)
        AND w.entitled_during && daterange(CAST(:month AS date), NULL)
    RETURNING w.*
)
INSERT INTO engine.award_amount (award_id, entitled_during, amount_vnd, findings, unconfirmed, recorded_during)
SELECT award_id, entitled_during * daterange(NULL, CAST(:month AS date)), amount_vnd, findings, unconfirmed,
    tstzrange(:at, NULL)
FROM closed WHERE lower(entitled_during) < CAST(:month AS date)
"""
