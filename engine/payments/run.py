"""Đợt chi trả: a payment run is planned from awards, submitted by one person and approved by two others.

What the signatures cover is hashed by the database, shard by shard: payee, account, amount, purpose, law version. The
hash is computed again at each signature and before each batch is built, so a change after signing stops the money.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, column, insert, literal, select, table, text
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError

from engine import audit
from engine.awards.due import due_for
from engine.awards.tables import award
from engine.clock import business_date
from engine.errors import NotAllowed, NotFound, WrongInput
from engine.payments.payment import APPROVE, HOLD, RELEASE, Transition, Voucher, move
from reconciliation.references import reference_sql

payment = table("payment", column("award_id"), column("entitled_month"), column("state"), schema="engine")

SHARD_SIZE = 1000
"""Payments in one shard: what one hash covers and one journal entry posts."""

LEVELS = ("preparer", "approver", "authoriser")
"""Who signs: the maker (người lập) is level 0, then the checker (người duyệt) and the authoriser (người chuẩn chi)."""


@dataclass(frozen=True, slots=True)
class PlannedRun:
    run_code: str
    payments: int
    amount_vnd: int
    without_account: int
    """Payees left out because no payout account of theirs is known; they stay due."""
    unconfirmed: tuple[str, ...]
    """Unconfirmed legal values these payments rest on; the run names them and both approvers see them."""


def plan(
    connection: Connection, period: date, pay_on: date, gateway: str, allowed_unconfirmed: frozenset[str], at: datetime
) -> PlannedRun:
    """Plans everything due for a month that no live payment covers yet.

    Raises `WrongInput` if an award rests on an unconfirmed legal value that the run does not name, or if nothing is
    due. `period` is the first day of the month of entitlement (kỳ chi trả), `pay_on` the day of payment.
    """
    number = 1 + (
        connection.scalar(text("SELECT count(*) FROM engine.payment_run WHERE period = :period"), {"period": period})
        or 0
    )
    run_code = f"{period:%Y-%m}/{number}"
    run_id: UUID = connection.execute(
        text("""
            INSERT INTO engine.payment_run (run_code, period, pay_on, allowed_unconfirmed, planned_at)
            VALUES (:run_code, :period, :pay_on, :allowed, :at) RETURNING run_id"""),
        {
            "run_code": run_code,
            "period": period,
            "pay_on": pay_on,
            "allowed": sorted(allowed_unconfirmed),
            "at": at,
        },
    ).scalar_one()
    _stage_due(connection, period, pay_on, at)
    unconfirmed = _require_named(connection, allowed_unconfirmed)
    _require_paying_accounts(connection, gateway)
    connection.execute(
        text(f"""
            INSERT INTO engine.payment (payment_no, reference, run_id, shard, award_id, person_id, payout_account_id,
                gateway, entitled_month, benefit, fund, purpose, law_version, amount_vnd)
            SELECT number, {reference_sql("PN", "number")}, :run_id,
                   dense_rank() OVER (ORDER BY fund, purpose, slice), award_id, person_id, payout_account_id,
                   :gateway, entitled_month, benefit, fund, purpose, law_version, amount_vnd
            FROM (SELECT nextval(pg_get_serial_sequence('engine.payment', 'payment_no')) AS number, ordered.*
                  FROM (SELECT (row_number() OVER (PARTITION BY fund, purpose ORDER BY award_no) - 1) / :size AS slice,
                               due_row.*
                        FROM (SELECT *, CASE benefit WHEN 'pension' THEN 'PENS' ELSE 'SSBE' END AS purpose
                              FROM due WHERE payout_account_id IS NOT NULL) due_row
                        ORDER BY fund, purpose, award_no) ordered) numbered"""),
        {"run_id": run_id, "gateway": gateway, "size": SHARD_SIZE},
    )
    totals = connection.execute(
        text("""
            SELECT count(*) AS payments, coalesce(sum(amount_vnd), 0)::bigint AS amount_vnd,
                   (SELECT count(*) FROM due WHERE payout_account_id IS NULL) AS without_account
            FROM engine.payment WHERE run_id = :run_id"""),
        {"run_id": run_id},
    ).one()
    if totals.payments == 0:
        raise WrongInput([f"nothing is due for {period:%Y-%m} that no run covers yet"])
    audit.record(connection, "planned", run_code, at, payments=totals.payments, amount_vnd=totals.amount_vnd)
    return PlannedRun(run_code, totals.payments, totals.amount_vnd, totals.without_account, unconfirmed)


def submit(connection: Connection, run_code: str, person: str, at: datetime) -> None:
    """Trình duyệt: the preparer signs (level 0). From here on, what the signatures cover must not change."""
    run_id = _lock(connection, run_code, "planned")
    shards = _SHARD_HASHES.format(shards="")
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
        _set_state(connection, run_id, "approved")
    return level


def hold(connection: Connection, reference: str, reason: str, at: datetime) -> None:
    """Keeps one approved payment back; no money moves and no signature is voided."""
    _move_one(connection, HOLD, reference, reason, at)


def release(connection: Connection, reference: str, reason: str, at: datetime) -> None:
    """Lets a held payment go with the next dispatch."""
    _move_one(connection, RELEASE, reference, reason, at)


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


def require_unchanged(connection: Connection, run_id: UUID, shards: list[int] | None = None) -> None:
    """Raises `NotAllowed` naming the first shard whose payments differ from what the signatures cover."""
    computed = _SHARD_HASHES.format(shards="" if shards is None else "AND p.shard = ANY(:shards)")
    changed = connection.execute(
        text(f"""
            SELECT coalesce(signed.shard, now.shard) AS shard
            FROM (SELECT * FROM engine.run_shard WHERE run_id = :run_id
                  AND (CAST(:shards AS integer[]) IS NULL OR shard = ANY(:shards))) signed
            FULL JOIN ({computed}) now USING (shard)
            WHERE signed.content_hash IS DISTINCT FROM now.content_hash ORDER BY shard LIMIT 1"""),
        {"run_id": run_id, "shards": shards},
    ).one_or_none()
    if changed is not None:
        raise NotAllowed(
            f"payments of shard {changed.shard} were changed after the run was submitted; its signatures are void"
        )


_SHARD_HASHES = """
    SELECT p.run_id, p.shard, count(*), sum(p.amount_vnd)::bigint, sha256(string_agg(sha256(convert_to(concat_ws('|',
        p.reference, p.award_id, p.person_id, p.entitled_month, p.benefit, p.fund, p.purpose, p.law_version,
        p.amount_vnd, p.gateway, p.payout_account_id, o.bank_bin, encode(o.account_fingerprint, 'hex'), o.holder_name
    ), 'UTF8')), ''::bytea ORDER BY p.payment_no)) AS content_hash
    FROM engine.payment p JOIN engine.payout_account o USING (payout_account_id)
    WHERE p.run_id = :run_id {shards} GROUP BY p.run_id, p.shard"""


def _stage_due(connection: Connection, period: date, pay_on: date, at: datetime) -> None:
    """What is due and not yet covered, into the temporary table `due`."""
    connection.execute(
        text("""
            CREATE TEMPORARY TABLE due (award_id uuid, person_id uuid, benefit text, fund text, amount_vnd bigint,
                entitled_month date, payout_account_id uuid, law_version text, award_no text, unconfirmed text[])
            ON COMMIT DROP""")
    )
    found = due_for(period, pay_on, at).subquery("found")
    live = select(literal(1)).where(
        payment.c.award_id == found.c.award_id,
        payment.c.entitled_month == found.c.entitled_month,
        payment.c.state != "cancelled",
    )
    rows = (
        select(found, award.c.law_version, award.c.award_no, award.c.unconfirmed)
        .join(award, award.c.award_id == found.c.award_id)
        .where(~live.exists())
    )
    names = [str(selected.key) for selected in rows.selected_columns]
    connection.execute(insert(table("due", *(column(name) for name in names))).from_select(names, rows))


def _require_named(connection: Connection, allowed: frozenset[str]) -> tuple[str, ...]:
    rows = connection.execute(text("SELECT DISTINCT unnest(unconfirmed) AS name FROM due ORDER BY 1"))
    found = tuple(row.name for row in rows)
    missing = [name for name in found if name not in allowed]
    if missing:
        raise WrongInput(
            [f"the run rests on the unconfirmed legal value {name}: name it to allow it" for name in missing]
        )
    return found


def _require_paying_accounts(connection: Connection, gateway: str) -> None:
    rows = connection.execute(
        text("""
            SELECT DISTINCT fund FROM due WHERE fund NOT IN
                (SELECT fund FROM engine.paying_account WHERE gateway = :gateway) ORDER BY 1"""),
        {"gateway": gateway},
    )
    missing = [f"fund {row.fund} has no paying account at gateway {gateway}" for row in rows]
    if missing:
        raise WrongInput(missing)


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
            raise NotAllowed(
                f"{person} has signed this run already: maker and checkers are different persons"
            ) from error
        raise NotAllowed(_first_line(error)) from error
    except ProgrammingError as error:
        raise NotAllowed(_first_line(error)) from error


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).splitlines()[0]


def _make_payable(connection: Connection, run_id: UUID, run_code: str, at: datetime) -> None:
    pay_on: date = connection.execute(
        text("SELECT pay_on FROM engine.payment_run WHERE run_id = :run_id"), {"run_id": run_id}
    ).scalar_one()
    shards = connection.execute(
        text("SELECT shard, payments FROM engine.run_shard WHERE run_id = :run_id ORDER BY shard"), {"run_id": run_id}
    ).all()
    for shard, payments in shards:
        move(
            connection,
            APPROVE,
            Voucher(f"run:{run_code}:approved:{shard}", f"run {run_code}", pay_on, at),
            chosen="SELECT payment_id, NULL AS reason FROM engine.payment WHERE run_id = :run_id AND shard = :shard",
            expected=payments,
            run_id=run_id,
            shard=shard,
        )


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
