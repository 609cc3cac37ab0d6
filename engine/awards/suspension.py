"""Tạm dừng hưởng, hưởng tiếp: payment of an award stops on a legal ground, and begins again as two persons say.

A suspension takes no month away. The months from its first on are not planned while it stands; once it is resumed they
are due, and the next run pays them as arrears without interest (truy lĩnh; Luật 41/2024/QH15, Điều 75). One person may
stop money; that it flows again is proposed by one and approved by another who may approve. Grounds are data.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Connection, Row, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from engine import audit
from engine.errors import NotAllowed, NotFound, WrongInput


@cache
def grounds() -> Mapping[str, Mapping[str, str]]:
    """The legal grounds by code: label, label_en, citation, confidence."""
    content: dict[str, dict[str, str]] = yaml.safe_load(
        (Path(__file__).parent / "suspension_grounds.yaml").read_text(encoding="utf-8")
    )
    return content


def suspend(
    connection: Connection, award_nos: Sequence[str], ground: str, from_month: date, evidence: str, at: datetime
) -> int:
    """Suspends monthly awards from a month on; returns how many were not suspended on this ground before.

    Raises `WrongInput` with every award that is not on record or is paid once, and an unknown ground.
    """
    problems = []
    if ground not in grounds():
        problems.append(f"{ground} is no ground for suspension: {', '.join(grounds())}")
    if not evidence.strip():
        problems.append("a suspension names the document it rests on")
    rows: dict[str, Row[Any]] = {
        row.award_no: row
        for row in connection.execute(
            text("SELECT award_id, award_no, frequency FROM engine.award WHERE award_no = ANY(:award_nos)"),
            {"award_nos": list(award_nos)},
        )
    }
    for award_no in award_nos:
        if award_no not in rows:
            problems.append(f"there is no award {award_no}")
        elif rows[award_no].frequency != "monthly":
            problems.append(f"award {award_no} is paid once and cannot be suspended")
    if problems:
        raise WrongInput(problems)
    suspended = connection.execute(
        text("""
            INSERT INTO engine.suspension (award_id, from_month, ground, evidence, suspended_at)
            SELECT DISTINCT award_id, CAST(:from_month AS date), :ground, :evidence, CAST(:at AS timestamptz)
            FROM unnest(CAST(:ids AS uuid[])) AS award_id
            ON CONFLICT (award_id, ground) WHERE resumed_at IS NULL DO NOTHING"""),
        {
            "from_month": from_month.replace(day=1),
            "ground": ground,
            "evidence": evidence,
            "at": at,
            "ids": [row.award_id for row in rows.values()],
        },
    ).rowcount
    for award_no in sorted(rows):
        audit.record(connection, "award_suspended", f"award {award_no}", at, ground=ground, evidence=evidence)
    return suspended


def propose_resumption(connection: Connection, award_no: str, ground: str, evidence: str, at: datetime) -> None:
    """Đề nghị hưởng tiếp: the first of two persons; the award stays suspended until another approves."""
    if not evidence.strip():
        raise WrongInput(["a resumption names the document it rests on"])
    suspension_id = _open(connection, award_no, ground).suspension_id
    connection.execute(
        text("""
            UPDATE engine.suspension SET resumption_evidence = :evidence, proposed_at = :at,
                proposed_by = engine.acting_person() WHERE suspension_id = :id"""),
        {"evidence": evidence, "at": at, "id": suspension_id},
    )
    audit.record(connection, "resumption_proposed", f"award {award_no}", at, ground=ground, evidence=evidence)


def resume(connection: Connection, award_no: str, ground: str, at: datetime) -> None:
    """Duyệt hưởng tiếp: the second person. The months in between are due from now on.

    Raises `NotAllowed` for who proposed it, for who may not approve, and if nobody has proposed it.
    """
    row = _open(connection, award_no, ground)
    if row.proposed_by is None:
        raise NotAllowed(f"nobody has proposed to resume award {award_no}")
    try:
        connection.execute(
            text("""
                UPDATE engine.suspension SET resumed_at = :at, resumed_by = engine.acting_person()
                WHERE suspension_id = :id"""),
            {"at": at, "id": row.suspension_id},
        )
    except IntegrityError as error:
        raise NotAllowed("who proposed a resumption does not approve it: two persons") from error
    except DBAPIError as error:
        raise NotAllowed(str(error.orig).splitlines()[0]) from error
    audit.record(connection, "award_resumed", f"award {award_no}", at, ground=ground)


def suspensions_of(connection: Connection, award_no: str) -> list[dict[str, Any]]:
    """Every suspension of an award with its legal ground and by whom it was resumed, in order of time."""
    rows = connection.execute(
        text("""
            SELECT s.from_month, s.ground, s.evidence, s.suspended_at, s.suspended_by, s.resumption_evidence,
                   s.proposed_by, s.resumed_at, s.resumed_by
            FROM engine.suspension s JOIN engine.award a USING (award_id)
            WHERE a.award_no = :award_no ORDER BY s.suspension_id"""),
        {"award_no": award_no},
    )
    return [row._asdict() | {"citation": grounds()[row.ground]["citation"]} for row in rows]


def _open(connection: Connection, award_no: str, ground: str) -> Row[Any]:
    row = connection.execute(
        text("""
            SELECT s.suspension_id, s.proposed_by FROM engine.suspension s JOIN engine.award a USING (award_id)
            WHERE a.award_no = :award_no AND s.ground = :ground AND s.resumed_at IS NULL FOR UPDATE OF s"""),
        {"award_no": award_no, "ground": ground},
    ).one_or_none()
    if row is None:
        raise NotFound(f"award {award_no} is not suspended on the ground {ground}")
    return row
