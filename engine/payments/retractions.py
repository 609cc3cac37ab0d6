"""Báo tử nhầm: the register, or a clerk, named a death that did not happen. Two persons take it from the record.

What was held goes; what was dropped or came back is due again, and the next run pays the months in between as arrears.
Where money that arrived after the day was made recoverable, or benefits after the death stand, those are ended first:
they rest on the death, and two persons decided or will decide them.
"""

from datetime import datetime

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from engine import audit
from engine.clock import business_date
from engine.errors import NotAllowed, NotFound, WrongInput
from engine.payments.deaths import PAYEE_HAS_DIED
from engine.payments.payment import RELEASE, Voucher, move
from engine.payments.suspensions import follow_suspensions


def propose(connection: Connection, award_no: str, evidence: str, at: datetime) -> int:
    """Proposes that the payee of an award has not died; returns the number of the proposal.

    Raises `WrongInput` with every problem.
    """
    problems = [] if evidence.strip() else ["a retraction names the document that it rests on"]
    death = connection.execute(
        text("""
            SELECT v.vital_event_id, v.person_id FROM engine.award a JOIN engine.vital_event v USING (person_id)
            WHERE a.award_no = :award_no AND v.kind = 'death' AND upper_inf(v.recorded_during)"""),
        {"award_no": award_no},
    ).one_or_none()
    if death is None:
        raise WrongInput([*problems, f"no death of the payee of {award_no} is on record"])
    found = connection.execute(_RESTS_ON_IT, {"person": death.person_id}).one()
    if found.recoverable:
        problems.append(
            f"{found.recoverable} payments after the death are recoverable by it: they cannot be undone here"
        )
    if found.awards:
        problems.append(f"awards rest on the death and are terminated first: {', '.join(found.awards)}")
    if problems:
        raise WrongInput(problems)
    retraction_no: int = connection.execute(
        text("""
            INSERT INTO engine.death_retraction (vital_event_id, evidence, proposed_at)
            VALUES (:death, :evidence, :at) RETURNING retraction_no"""),
        {"death": death.vital_event_id, "evidence": evidence, "at": at},
    ).scalar_one()
    audit.record(connection, "retraction_proposed", f"award {award_no}", at, evidence=evidence)
    return retraction_no


def approve(connection: Connection, retraction_no: int, at: datetime) -> int:
    """Duyệt: the second person. The death is believed no more; returns how many held payments may go."""
    row = connection.execute(
        text("""
            SELECT x.approved_at, v.vital_event_id, v.person_id, upper_inf(v.recorded_during) AS stands
            FROM engine.death_retraction x JOIN engine.vital_event v USING (vital_event_id)
            WHERE x.retraction_no = :no FOR UPDATE OF x"""),
        {"no": retraction_no},
    ).one_or_none()
    if row is None:
        raise NotFound(f"there is no retraction {retraction_no}")
    if row.approved_at is not None or not row.stands:
        raise NotAllowed(f"retraction {retraction_no} is decided already")
    found = connection.execute(_RESTS_ON_IT, {"person": row.person_id}).one()
    if found.recoverable or found.awards:
        raise NotAllowed("money or awards rest on the death by now: propose it anew once they are ended")
    try:
        connection.execute(
            text("""
                UPDATE engine.death_retraction SET approved_at = :at, approved_by = engine.acting_person()
                WHERE retraction_no = :no"""),
            {"at": at, "no": retraction_no},
        )
    except IntegrityError as error:
        raise NotAllowed("who proposed a retraction does not approve it: two persons") from error
    except DBAPIError as error:
        raise NotAllowed(str(error.orig).splitlines()[0]) from error
    connection.execute(
        text("""
            UPDATE engine.vital_event SET recorded_during = tstzrange(lower(recorded_during), :at)
            WHERE vital_event_id = :death"""),
        {"at": at, "death": row.vital_event_id},
    )
    audit.record(connection, "death_retracted", f"retraction {retraction_no}", at)
    released = _release(connection, retraction_no, row.person_id, at)
    follow_suspensions(connection, at)
    return released


def _release(connection: Connection, retraction_no: int, person_id: object, at: datetime) -> int:
    held = "FROM engine.payment WHERE person_id = :person AND state = 'held' AND state_reason = :why"
    values = {"person": person_id, "why": PAYEE_HAS_DIED}
    count: int = connection.execute(text(f"SELECT count(*) {held}"), values).scalar_one()
    voucher = Voucher(f"retraction:{retraction_no}", f"retraction {retraction_no}", business_date(at), at)
    move(connection, RELEASE, voucher, chosen=f"SELECT payment_id, NULL AS reason {held}", expected=count, **values)
    return count


_RESTS_ON_IT = text("""
    SELECT (SELECT count(*) FROM engine.overpayment v JOIN engine.payment p USING (payment_id)
            WHERE p.person_id = :person AND v.reason = 'payee_had_died' AND p.state = 'settled') AS recoverable,
        (SELECT array_agg(a.award_no ORDER BY a.award_no) FROM engine.claim c JOIN engine.award a USING (claim_id)
            WHERE c.insured_person_id = :person
                AND c.benefit IN ('funeral_grant', 'survivor_allowance', 'survivor_lump_sum')
                AND EXISTS (SELECT FROM engine.award_amount w
                    WHERE w.award_id = a.award_id AND upper_inf(w.recorded_during))) AS awards""")
