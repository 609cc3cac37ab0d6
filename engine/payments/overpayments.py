"""Khoản chi thừa: what was paid above what is due, booked as recoverable from the payee (phải thu hồi).

A payment stays as it was; beside it stands how much of it was too much, why, and since when that is known.
"""

from datetime import datetime

from sqlalchemy import Connection, text

from engine import bookkeeping
from engine.clock import business_date
from ledger import book


def book_overpayments(connection: Connection, found: str, reason: str, at: datetime) -> tuple[int, int]:
    """Nợ phải thu hồi / Có chi phí, for what `found` selects: SQL giving payment_id and amount_vnd.

    Returns how many payments and how many đồng. The first reference with its count names the entry for ever, since a
    payment that is booked here is not found again for the same.
    """
    book.open_staging(connection)
    booked = connection.execute(
        text(f"""
            WITH added AS (
                INSERT INTO engine.overpayment (payment_id, reason, amount_vnd, found_at)
                SELECT payment_id, :reason, amount_vnd, :at FROM ({found}) f
                RETURNING overpayment_id, payment_id, amount_vnd
            ), staged AS (
                INSERT INTO pg_temp.staged_line
                    (debit, credit, amount_vnd, fund, run, debit_reference, credit_reference)
                SELECT {bookkeeping.OVERPAYMENT_FOUND.debit}, {bookkeeping.OVERPAYMENT_FOUND.credit},
                    added.amount_vnd, p.fund, r.run_code, p.reference, p.reference
                FROM added JOIN engine.payment p USING (payment_id) JOIN engine.payment_run r USING (run_id)
                ORDER BY p.payment_no
                RETURNING amount_vnd
            )
            SELECT count(*) AS payments, coalesce(sum(amount_vnd), 0)::bigint AS vnd,
                (SELECT min(overpayment_id) FROM added) AS first FROM staged"""),
        {"reason": reason, "at": at},
    ).one()
    if booked.payments:
        on = business_date(at)
        bookkeeping.post_staged(
            connection,
            bookkeeping.OVERPAYMENT_FOUND,
            key=f"overpayments:from:{booked.first}",
            document=f"{reason}, known on {on}",
            business_on=on,
            at=at,
        )
    return booked.payments, booked.vnd


def follow_lowered_amounts(connection: Connection, at: datetime) -> tuple[int, int]:
    """Books what was paid above an amount that is believed no more; how many payments, and how many đồng.

    Only months of amounts that were closed are looked at. Again changes nothing.
    """
    return book_overpayments(connection, _ABOVE_DUE, "amount_lowered", at)


# For each award and month: settled, with what was withheld, less what is known to be too much already, above what is
# due as believed now. It is taken from the parts of the month, the last one first.
_ABOVE_DUE = """
    WITH doubted AS (
        SELECT award_id, range_agg(entitled_during) AS months FROM engine.award_amount
        WHERE NOT upper_inf(recorded_during) GROUP BY award_id
    ), paid AS (
        SELECT p.payment_id, p.award_id, p.entitled_month, p.part,
            p.amount_vnd - coalesce((SELECT sum(v.amount_vnd) FROM engine.overpayment v
                WHERE v.payment_id = p.payment_id), 0)::bigint AS vnd,
            coalesce((SELECT d.amount_vnd FROM engine.deduction d WHERE d.payment_id = p.payment_id), 0) AS withheld_vnd
        FROM engine.payment p JOIN doubted d ON d.award_id = p.award_id AND d.months @> p.entitled_month
        WHERE p.state = 'settled'
    ), above AS (
        SELECT s.*, s.total_vnd - coalesce(w.amount_vnd, 0) AS above_vnd
        FROM (SELECT paid.*, sum(vnd + withheld_vnd) OVER (PARTITION BY award_id, entitled_month)::bigint AS total_vnd,
                (sum(vnd) OVER (PARTITION BY award_id, entitled_month ORDER BY part DESC) - vnd)::bigint AS later_vnd
            FROM paid) s
        LEFT JOIN engine.award_amount w ON w.award_id = s.award_id AND w.entitled_during @> s.entitled_month
            AND upper_inf(w.recorded_during)
    )
    SELECT payment_id, least(vnd, above_vnd - later_vnd) AS amount_vnd FROM above
    WHERE above_vnd > later_vnd AND vnd > 0
"""
