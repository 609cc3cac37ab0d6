"""Lô lệnh: approved payments become attempts in batches, each batch one file to one gateway.

One file is one paying account, one purpose, one rail and one day of execution: the rail follows from the amount, the
day from the rail's cut-off and banking days. A batch's message id and file name are fixed here, before anything is
written; so is everything random that will be on the wire. The outbox message that will send it stands in the same
transaction.
"""

from datetime import date, datetime

from sqlalchemy import Connection, text

from engine import audit, outbox
from engine.errors import NotAllowed, NotFound
from engine.payments.funding import require_funds
from engine.payments.payout_requests import follow_ended
from gateways.banking_days import executed_on
from gateways.contract import Capabilities, Rail
from gateways.online import OnlineCapabilities

SEND_BATCH = "send_batch"
INQUIRE_BATCH = "inquire_batch"
PARCEL_SIZE = 200
"""Single payouts in one parcel: what one worker sends one after another, and one message speaks of."""


def dispatch(
    connection: Connection,
    run_code: str,
    capabilities: Capabilities | OnlineCapabilities,
    execution_on: date,
    at: datetime,
) -> list[str]:
    """Gửi lệnh: puts every payment of an approved run that waits into batches; returns their message ids.

    Payments whose earlier attempt failed for no fault of the payee go again, as a new attempt. Nothing is sent here:
    a worker does that, once, however often it is told to. Raises `NotAllowed` if the money is not there.
    """
    run = connection.execute(
        text("SELECT run_id, state FROM engine.payment_run WHERE run_code = :run_code FOR UPDATE"),
        {"run_code": run_code},
    ).one_or_none()
    if run is None:
        raise NotFound(f"there is no payment run {run_code}")
    if run.state != "approved":
        raise NotAllowed(f"run {run_code} is {run.state}; only an approved run is dispatched")
    follow_ended(connection, execution_on, at)
    connection.execute(
        text("""
            CREATE TEMPORARY TABLE waiting (payment_id uuid, reference text, payment_no bigint, amount_vnd bigint,
                purpose text, paying_account_id integer, gateway text, number integer, rail text, execution_on date,
                slice bigint) ON COMMIT DROP""")
    )
    connection.execute(
        text("""
            INSERT INTO waiting
            SELECT p.payment_id, p.reference, p.payment_no, p.amount_vnd, p.purpose, a.paying_account_id, a.gateway,
                   1 + coalesce((SELECT max(number) FROM engine.attempt t WHERE t.payment_id = p.payment_id), 0),
                   CAST(:rail AS text), :execution_on, 0
            FROM engine.payment p JOIN engine.paying_account a USING (gateway, fund)
            WHERE p.run_id = :run_id AND p.state = 'approved' AND NOT EXISTS (
                SELECT FROM engine.attempt t WHERE t.payment_id = p.payment_id AND t.state <> 'failed')"""),
        {
            "run_id": run.run_id,
            "rail": None if isinstance(capabilities, Capabilities) else Rail.FAST.value,
            "execution_on": execution_on,
        },
    )
    if isinstance(capabilities, Capabilities):
        _route(connection, capabilities, execution_on, at)
    require_funds(connection)
    if isinstance(capabilities, Capabilities):
        _slice(connection, capabilities)
        message_ids = _insert_batches(connection, run.run_id, at, ending=".xml")
    else:
        _cut_parcels(connection)
        message_ids = _insert_batches(connection, run.run_id, at, ending=None)
    for batch_id in message_ids.values():
        outbox.put(connection, SEND_BATCH, batch_id, weight=len(message_ids))
    audit.record(connection, "dispatched", run_code, at, batches=len(message_ids))
    return sorted(message_ids)


def _route(connection: Connection, capabilities: Capabilities, wanted_on: date, at: datetime) -> None:
    """Gives each payment the first rail that takes its amount, and the day on which that rail executes it."""
    for rail in capabilities.rails:
        taken = {"least": rail.min_amount_vnd, "most": rail.max_amount_vnd}
        if not connection.scalar(text(f"SELECT EXISTS (SELECT FROM waiting WHERE {_TAKEN})"), taken):
            continue  # so that nobody asks for the holidays of a rail that is not used
        connection.execute(
            text(f"UPDATE waiting SET rail = :rail, execution_on = :execution_on WHERE {_TAKEN}"),
            taken | {"rail": rail.rail.value, "execution_on": executed_on(rail, at, wanted_on)},
        )
    without = connection.scalars(text("SELECT reference FROM waiting WHERE rail IS NULL ORDER BY payment_no")).all()
    if without:
        shown = ", ".join(without[:_SHOWN])
        raise NotAllowed(f"no rail of {capabilities.gateway} takes the amount of {len(without)} payments: {shown}")


_TAKEN = "rail IS NULL AND amount_vnd BETWEEN :least AND :most"
_SHOWN = 20


def _cut_parcels(connection: Connection) -> None:
    """Cuts what waits for single calls by paying account, purpose and number."""
    connection.execute(
        text("""
            UPDATE waiting SET slice = cut.slice FROM (
                SELECT payment_id, (row_number() OVER (
                    PARTITION BY paying_account_id, purpose ORDER BY payment_no) - 1) / :size AS slice
                FROM waiting) cut
            WHERE cut.payment_id = waiting.payment_id"""),
        {"size": PARCEL_SIZE},
    )


def _slice(connection: Connection, capabilities: Capabilities) -> None:
    """Cuts what waits by paying account, purpose, rail, and the bank's limits on money and lines in one file.

    Money first: a slice begins anew every (limit - largest payment), so none can pass the limit; then lines within it.
    """
    connection.execute(
        text("""
            UPDATE waiting SET slice = cut.slice FROM (
                SELECT payment_id, dense_rank() OVER (
                    PARTITION BY paying_account_id, purpose, rail ORDER BY by_money,
                    (row_in_money - 1) / :lines) AS slice
                FROM (SELECT *, row_number() OVER (
                          PARTITION BY paying_account_id, purpose, rail, by_money ORDER BY payment_no) AS row_in_money
                      FROM (SELECT *, (sum(amount_vnd) OVER (
                                PARTITION BY paying_account_id, purpose, rail ORDER BY payment_no) - 1)::bigint
                                / greatest(:total - max(amount_vnd) OVER (
                                    PARTITION BY paying_account_id, purpose, rail), 1) AS by_money
                            FROM waiting) by_money) by_row) cut
            WHERE cut.payment_id = waiting.payment_id"""),
        {"lines": capabilities.max_lines_per_file, "total": capabilities.max_total_per_file_vnd},
    )


def _insert_batches(connection: Connection, run_id: object, at: datetime, *, ending: str | None) -> dict[str, str]:
    """`ending` of the file name of each; None where there is no file."""
    batches = connection.execute(
        text("""
            INSERT INTO engine.batch (batch_no, run_id, paying_account_id, gateway, message_id, file_name,
                category_purpose, rail, execution_on, created_at, payments, amount_vnd)
            SELECT batch_no, :run_id, paying_account_id, gateway, name, name || CAST(:ending AS text), purpose, rail,
                   execution_on, :at, payments, amount_vnd
            FROM (SELECT numbered.*, 'TC' || to_char(execution_on, 'YYYYMMDD') || '-'
                         || lpad(batch_no::text, 8, '0') AS name
                  FROM (SELECT nextval(pg_get_serial_sequence('engine.batch', 'batch_no')) AS batch_no, grouped.*
                        FROM (SELECT paying_account_id, gateway, purpose, rail, execution_on, slice,
                                     count(*) AS payments, sum(amount_vnd) AS amount_vnd, min(payment_no) AS first_no
                              FROM waiting GROUP BY paying_account_id, gateway, purpose, rail, execution_on, slice
                              ORDER BY first_no) grouped) numbered) named
            RETURNING batch_id, batch_no, message_id"""),
        {"run_id": run_id, "at": at, "ending": ending},
    ).all()
    connection.execute(
        text("""
            INSERT INTO engine.attempt (payment_id, number, batch_id, instruction_id)
            SELECT w.payment_id, w.number, b.batch_id, w.reference || '-' || w.number
            FROM waiting w
            JOIN (SELECT paying_account_id, purpose, rail, slice, row_number() OVER (ORDER BY min(payment_no)) AS place
                  FROM waiting GROUP BY paying_account_id, purpose, rail, slice) g
                USING (paying_account_id, purpose, rail, slice)
            JOIN (SELECT batch_id, row_number() OVER (ORDER BY batch_no) AS place
                  FROM engine.batch WHERE batch_no = ANY(:numbers)) b USING (place)
            ORDER BY w.payment_no"""),
        {"numbers": [row.batch_no for row in batches]},
    )
    return {row.message_id: str(row.batch_id) for row in batches}
