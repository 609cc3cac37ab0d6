"""Đợt chi trả: a planned run is submitted by one person and approved by two others; stopped, cancelled, held in part.

What the signatures cover is hashed by the database, shard by shard: payee, account, amount, purpose, law version. The
hash is computed again at each signature and before each batch is built, so a change after signing stops the money.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError

from engine import audit
from engine.clock import business_date
from engine.errors import NotAllowed, NotFound
from engine.payments.payment import (
    APPROVE,
    CANCEL,
    CANCEL_HELD,
    DROP,
    HOLD,
    RELEASE,
    TAKE_BACK,
    Transition,
    Voucher,
    free_for_reissue,
    move,
)
from engine.payments.recovery import follow_deductions
from engine.payments.signed_content import LEVELS, SHARD_HASHES, require_unchanged
from reconciliation import breaks
from reconciliation.breaks import BreakClass


class SignedAlready(NotAllowed):
    """Who has signed a run signs no further level of it: maker and checkers are different persons."""

    code = "signed_already"


class RoleMayNotSign(NotAllowed):
    """This level of a run is signed by an active person of another role."""

    code = "role_may_not_sign"


class ReasonMissing(NotAllowed):
    """Who sends a run back or holds a payment says why, so that whoever looks next knows."""

    code = "reason_missing"


class RunHasMoved(NotAllowed):
    """Somebody else acted on the run meanwhile; look at it again before acting."""

    code = "run_has_moved"


def submit(connection: Connection, run_code: str, person: str, at: datetime) -> None:
    """Trình duyệt: the preparer signs (level 0). From here on, what the signatures cover must not change."""
    run_id = _lock(connection, run_code, "planned")
    shards = SHARD_HASHES.format(shards="")
    connection.execute(
        text(f"INSERT INTO engine.run_shard (run_id, shard, payments, amount_vnd, content_hash) {shards}"),
        {"run_id": run_id},
    )
    _sign(connection, run_id, 0, person, at)
    _set_state(connection, run_id, "submitted")
    audit.record(connection, "submitted", run_code, at)


def approve(connection: Connection, run_code: str, person: str, at: datetime) -> int:
    """Duyệt: signs the next level and returns it; the last one makes the payments payable (Nợ chi phí / Có phải trả).

    Raises `NotAllowed` if anything covered by the signatures has changed since it was submitted. The database refuses
    a second signature by the same person and one by a person whose role may not sign that level.
    """
    run_id = _lock(connection, run_code, "submitted")
    require_unchanged(connection, run_id)
    level: int = connection.execute(
        text("SELECT max(level) + 1 FROM engine.run_signature WHERE run_id = :run_id"), {"run_id": run_id}
    ).scalar_one()
    _sign(connection, run_id, level, person, at)
    audit.record(connection, "approved", run_code, at, level=level)
    if level == len(LEVELS) - 1:
        _make_payable(connection, run_id, run_code, at)
        follow_deductions(connection, at)
        _set_state(connection, run_id, "approved")
    return level


def hold(connection: Connection, reference: str, reason: str, at: datetime) -> None:
    """Keeps one approved payment back; no money moves and no signature is voided."""
    _move_one(connection, HOLD, reference, reason, at)


def release(connection: Connection, reference: str, reason: str, at: datetime) -> None:
    """Lets a held payment go with the next dispatch."""
    _move_one(connection, RELEASE, reference, reason, at)


def withdraw(connection: Connection, reference: str, reason: str, at: datetime) -> None:
    """Hủy một khoản: cancels one held payment; its award's month is due again unless something else forbids it."""
    require_role(connection, "a held payment is cancelled by an approver or authoriser")
    _move_one(connection, CANCEL_HELD, reference, reason, at)
    free_for_reissue(connection)
    follow_deductions(connection, at)


def stop(connection: Connection, run_code: str, at: datetime) -> None:
    """Stops a run at any moment: no further batch of it is sealed; what is already with the bank is followed up."""
    run_id = _lock(connection, run_code, "planned", "submitted", "approved")
    _set_state(connection, run_id, "stopped")
    audit.record(connection, "stopped", run_code, at)


def resume(connection: Connection, run_code: str, at: datetime) -> None:
    """Lets a stopped run go on from the level to which it is signed."""
    run_id = _lock(connection, run_code, "stopped")
    levels = connection.scalar(
        text("SELECT count(*) FROM engine.run_signature WHERE run_id = :run_id"), {"run_id": run_id}
    )
    _set_state(connection, run_id, {0: "planned", len(LEVELS): "approved"}.get(levels or 0, "submitted"))
    audit.record(connection, "resumed", run_code, at)


def cancel(connection: Connection, run_code: str, reason: str, at: datetime) -> int:
    """Hủy đợt: cancels what is not with a bank yet, and returns how many payments that are; they become due again.

    What was sealed into a batch goes its way. An approved run is cancelled by a person who may approve.
    """
    run_id = _lock(connection, run_code, "planned", "submitted", "approved", "stopped")
    _require_checker(connection, run_id)
    cancelled = _cancel_payments(connection, run_id, run_code, reason, at)
    _set_state(connection, run_id, "cancelled")
    audit.record(connection, "cancelled", run_code, at, payments=cancelled, reason=reason)
    return cancelled


def cancel_what_came_back(connection: Connection, run_id: UUID, at: datetime) -> None:
    """Of a cancelled run nothing stays payable: what was on its way then, and was never taken, is cancelled as well."""
    row = connection.execute(
        text("SELECT run_code, state FROM engine.payment_run WHERE run_id = :run_id FOR UPDATE"), {"run_id": run_id}
    ).one()
    if row.state == "cancelled":
        cancelled = _cancel_payments(connection, run_id, row.run_code, "its run was cancelled", at)
        audit.record(connection, "cancelled_later", row.run_code, at, payments=cancelled)


def send_back(connection: Connection, run_code: str, reason: str, at: datetime) -> int:
    """Trả lại: an approver or authoriser refuses what was submitted. Its payments become due again, to be planned anew.

    What was signed is never edited: a run that is sent back is cancelled, and the next one has signatures of its own.
    """
    require_role(connection, "a submitted run is sent back by an approver or authoriser")
    _lock(connection, run_code, "submitted")
    audit.record(connection, "sent_back", run_code, at, reason=reason)
    return cancel(connection, run_code, reason, at)


def require_seen(connection: Connection, run_code: str, state: str, signatures: int) -> None:
    """Raises `RunHasMoved` unless the run still is as somebody saw it who is about to act; locks it until the end."""
    row = connection.execute(
        text("SELECT run_id, state FROM engine.payment_run WHERE run_code = :run_code FOR UPDATE"),
        {"run_code": run_code},
    ).one_or_none()
    if row is None:
        raise NotFound(f"there is no payment run {run_code}")
    # Counted only once the lock is held: a statement that waited for it would count what stood before.
    signed = connection.scalar(
        text("SELECT count(*) FROM engine.run_signature WHERE run_id = :run_id"), {"run_id": row.run_id}
    )
    if (row.state, signed) != (state, signatures):
        raise RunHasMoved(f"run {run_code} is {row.state} with {signed} signatures by now")


def show(connection: Connection, run_code: str) -> dict[str, Any]:
    """A run as a person asks for it: its state, who has signed, and where its payments and its money stand."""
    row = connection.execute(
        text("""
            SELECT run_id, run_code, period, pay_on, state, allowed_unconfirmed FROM engine.payment_run
            WHERE run_code = :run_code"""),
        {"run_code": run_code},
    ).one_or_none()
    if row is None:
        raise NotFound(f"there is no payment run {run_code}")
    signatures = connection.execute(
        text("SELECT level, person, signed_at FROM engine.run_signature WHERE run_id = :id ORDER BY level"),
        {"id": row.run_id},
    )
    states = connection.execute(
        text("""
            SELECT state, count(*) AS payments, sum(amount_vnd)::bigint AS amount_vnd FROM engine.payment
            WHERE run_id = :id GROUP BY state ORDER BY state"""),
        {"id": row.run_id},
    )
    return {
        **{key: value for key, value in row._asdict().items() if key != "run_id"},
        "signatures": [signature._asdict() for signature in signatures],
        "payments": [state._asdict() for state in states],
    }


def _lock(connection: Connection, run_code: str, *states: str) -> UUID:
    row = connection.execute(
        text("SELECT run_id, state FROM engine.payment_run WHERE run_code = :run_code FOR UPDATE"),
        {"run_code": run_code},
    ).one_or_none()
    if row is None:
        raise NotFound(f"there is no payment run {run_code}")
    if row.state not in states:
        raise NotAllowed(f"run {run_code} is {row.state}; this step needs it {' or '.join(states)}")
    run_id: UUID = row.run_id
    return run_id


def _set_state(connection: Connection, run_id: UUID, state: str) -> None:
    connection.execute(
        text("UPDATE engine.payment_run SET state = :state WHERE run_id = :run_id"), {"run_id": run_id, "state": state}
    )


def _sign(connection: Connection, run_id: UUID, level: int, person: str, at: datetime) -> None:
    try:
        connection.execute(
            text("""
                INSERT INTO engine.run_signature (run_id, level, person, content_hash, signed_at)
                SELECT :run_id, :level, :person, sha256(string_agg(content_hash, ''::bytea ORDER BY shard)), :at
                FROM engine.run_shard WHERE run_id = :run_id"""),
            {"run_id": run_id, "level": level, "person": person, "at": at},
        )
    except IntegrityError as error:
        if "one_person_one_level" in str(error.orig):
            raise SignedAlready(
                f"{person} has signed this run already: maker and checkers are different persons"
            ) from error
        raise NotAllowed(_first_line(error)) from error
    except ProgrammingError as error:
        raise RoleMayNotSign(_first_line(error)) from error


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).splitlines()[0]


def _require_checker(connection: Connection, run_id: UUID) -> None:
    """Raises `NotAllowed` if money is payable by the run's signatures and the acting person may give none of them."""
    payable = connection.scalar(
        text("SELECT EXISTS (SELECT FROM engine.run_signature WHERE run_id = :run_id AND level = :last)"),
        {"run_id": run_id, "last": len(LEVELS) - 1},
    )
    if payable:
        require_role(connection, "an approved run is cancelled by an approver or authoriser")


def require_role(connection: Connection, refusal: str) -> None:
    """Raises `NotAllowed` if the acting person is no approver or authoriser."""
    may = connection.scalar(
        text("""
            SELECT EXISTS (SELECT FROM engine.staff WHERE person = engine.acting_person() AND active
                AND role IN ('approver', 'authoriser'))""")
    )
    if not may:
        raise NotAllowed(refusal)


def _cancel_payments(connection: Connection, run_id: UUID, run_code: str, reason: str, at: datetime) -> int:
    """Cancels what of a run is not with a bank; of a parcel that is on its way, what was not called yet comes back."""
    connection.execute(
        text("""
            UPDATE engine.attempt t SET state = 'failed', code = 'CANCELLED' FROM engine.payment p
            WHERE p.payment_id = t.payment_id AND p.run_id = :run_id AND t.state = 'ready'
                AND p.state <> 'in_transit'"""),
        {"run_id": run_id},
    )
    cancelled = 0
    for transition in (DROP, CANCEL, CANCEL_HELD):
        cancelled += _cancel(connection, run_id, run_code, transition, reason, at)
    free_for_reissue(connection)
    follow_deductions(connection, at)
    return cancelled


def _cancel(
    connection: Connection, run_id: UUID, run_code: str, transition: Transition, reason: str, at: datetime
) -> int:
    parameters = {"run_id": run_id, "from_state": transition.source.value, "why": reason}
    found = connection.execute(
        text("""
            SELECT count(*) AS payments, min(payment_no) AS first FROM engine.payment
            WHERE run_id = :run_id AND state = :from_state"""),
        parameters,
    ).one()
    # A payment is cancelled once, so its number makes the key of the voucher the only one of its kind.
    key = f"run:{run_code}:cancelled:{transition.source}:{found.first}"
    move(
        connection,
        transition,
        Voucher(key, f"run {run_code}", business_date(at), at),
        chosen="SELECT payment_id, :why AS reason FROM engine.payment WHERE run_id = :run_id AND state = :from_state",
        expected=found.payments,
        **parameters,
    )
    payments: int = found.payments
    return payments


def _make_payable(connection: Connection, run_id: UUID, run_code: str, at: datetime) -> None:
    pay_on: date = connection.execute(
        text("SELECT pay_on FROM engine.payment_run WHERE run_id = :run_id"), {"run_id": run_id}
    ).scalar_one()
    # Those dropped since the run was submitted, because the payee has died, are not paid.
    shards = connection.execute(
        text("""
            SELECT shard, count(*) FILTER (WHERE state = 'planned') AS payments FROM engine.payment
            WHERE run_id = :run_id GROUP BY shard ORDER BY shard"""),
        {"run_id": run_id},
    ).all()
    _take_back_failed(connection, run_id, run_code, pay_on, at)
    for shard, payments in shards:
        move(
            connection,
            APPROVE,
            Voucher(f"run:{run_code}:approved:{shard}", f"run {run_code}", pay_on, at),
            chosen="""
                SELECT payment_id, NULL AS reason FROM engine.payment
                WHERE run_id = :run_id AND shard = :shard AND state = 'planned'""",
            expected=payments,
            run_id=run_id,
            shard=shard,
        )
    _close_returned(connection, run_id, run_code, at)


def _take_back_failed(connection: Connection, run_id: UUID, run_code: str, pay_on: date, at: datetime) -> None:
    """What failed and is paid again by this run is taken back first, so that it is expensed once."""
    again = """
        FROM engine.payment o JOIN engine.payment p ON p.payment_id = o.reissued_by
        WHERE p.run_id = :run_id AND o.state = 'failed'"""
    failed: int = connection.execute(text(f"SELECT count(*) {again}"), {"run_id": run_id}).scalar_one()
    move(
        connection,
        TAKE_BACK,
        Voucher(f"run:{run_code}:taken_back", f"run {run_code}", pay_on, at),
        chosen=f"SELECT o.payment_id, 're-issued as ' || p.reference AS reason {again}",
        expected=failed,
        run_id=run_id,
    )
    _skip_failed(connection, run_id)


def _skip_failed(connection: Connection, run_id: UUID) -> None:
    """What came back, and failed when it was paid again, is paid again by this run: out of the money that came back."""
    chains = connection.execute(
        text("""
            SELECT o.payment_id AS returned, p.payment_id AS failed, q.payment_id AS again
            FROM engine.payment q JOIN engine.payment p ON p.reissued_by = q.payment_id
            JOIN engine.payment o ON o.reissued_by = p.payment_id
            WHERE q.run_id = :run_id AND p.state = 'cancelled' AND o.state = 'returned'"""),
        {"run_id": run_id},
    ).all()
    for chain in chains:
        connection.execute(
            text("UPDATE engine.payment SET reissued_by = NULL WHERE payment_id = :failed"), chain._asdict()
        )
        connection.execute(
            text("UPDATE engine.payment SET reissued_by = :again WHERE payment_id = :returned"), chain._asdict()
        )


def _close_returned(connection: Connection, run_id: UUID, run_code: str, at: datetime) -> None:
    """Returned money that goes out again needs nobody any more."""
    references = set(
        connection.scalars(
            text("""
                SELECT o.reference FROM engine.payment o JOIN engine.payment p ON p.payment_id = o.reissued_by
                WHERE p.run_id = :run_id AND o.state = 'returned'"""),
            {"run_id": run_id},
        )
    )
    if not references:
        return
    on = business_date(at)
    found = [
        each.break_id
        for each in breaks.open_breaks(connection, on)
        if each.break_class is BreakClass.RETURNED and each.reference in references and each.break_id is not None
    ]
    breaks.close(connection, found, f"re-issued by run {run_code}", on)


def _move_one(connection: Connection, transition: Transition, reference: str, reason: str, at: datetime) -> None:
    row = connection.execute(
        text("SELECT state FROM engine.payment WHERE reference = :reference FOR UPDATE"), {"reference": reference}
    ).one_or_none()
    if row is None:
        raise NotFound(f"there is no payment {reference}")
    if row.state != transition.source:
        raise NotAllowed(f"payment {reference} is {row.state} and cannot be {transition.target}")
    # A batch that is not sealed yet lets the payment go; a sealed one has moved it on already.
    connection.execute(
        text("""
            UPDATE engine.attempt t SET state = 'failed', code = 'HELD' FROM engine.payment p
            WHERE p.payment_id = t.payment_id AND p.reference = :reference AND t.state = 'ready'"""),
        {"reference": reference},
    )
    move(
        connection,
        transition,
        Voucher(f"payment:{reference}:{transition.name}", reference, business_date(at), at),
        chosen="SELECT payment_id, :why AS reason FROM engine.payment WHERE reference = :reference",
        expected=1,
        reference=reference,
        why=reason,
    )
    audit.record(connection, transition.name, reference, at, reason=reason)
