"""Kiểm tra nguồn tiền: whether what is about to be sent is there, and within what a gateway may send in a day."""

from sqlalchemy import Connection, text

from engine.errors import NotAllowed
from ledger.balances import balance


def require_funds(connection: Connection) -> None:
    """Checks what stands in the temporary table `waiting`, before it is put into batches.

    Raises `NotAllowed`, which names every paying account without enough money for it and for what is on its way
    already, and every gateway whose cap for the day would be passed.
    """
    # Two runs that go out at once would each see the whole of the money, and of the cap.
    connection.execute(
        text("""
            SELECT pg_advisory_xact_lock(hashtextextended('dispatch ' || gateway, 0))
            FROM (SELECT DISTINCT gateway FROM waiting ORDER BY gateway) one""")
    )
    problems = [*_short_accounts(connection), *_passed_caps(connection)]
    if problems:
        raise NotAllowed("\n".join(problems))


def _short_accounts(connection: Connection) -> list[str]:
    rows = connection.execute(
        text("""
            SELECT a.ledger_account, sum(w.amount_vnd)::bigint AS waiting_vnd,
                (SELECT coalesce(sum(p.amount_vnd), 0)::bigint FROM engine.payment p
                 WHERE p.gateway = a.gateway AND p.fund = a.fund AND (p.state = 'in_transit' OR p.state = 'approved'
                     AND EXISTS (SELECT FROM engine.attempt t
                         WHERE t.payment_id = p.payment_id AND t.state <> 'failed'))) AS on_their_way_vnd
            FROM waiting w JOIN engine.paying_account a USING (paying_account_id)
            GROUP BY a.paying_account_id ORDER BY 1""")
    ).all()
    problems = []
    for row in rows:
        there_vnd = balance(connection, row.ledger_account).vnd - row.on_their_way_vnd
        if row.waiting_vnd > there_vnd:
            problems.append(
                f"{row.ledger_account}: {row.waiting_vnd} đ are to be sent, {there_vnd} đ are there"
                f" beside {row.on_their_way_vnd} đ on their way"
            )
    return problems


def _passed_caps(connection: Connection) -> list[str]:
    rows = connection.execute(
        text("""
            SELECT g.gateway, g.daily_cap_vnd, sum(w.amount_vnd)::bigint AS waiting_vnd,
                (SELECT coalesce(sum(b.amount_vnd), 0)::bigint FROM engine.batch b
                 WHERE b.gateway = g.gateway AND b.execution_on = w.execution_on AND b.state <> 'rejected') AS sent_vnd
            FROM waiting w JOIN engine.gateway g USING (gateway)
            WHERE g.daily_cap_vnd IS NOT NULL GROUP BY g.gateway, w.execution_on ORDER BY 1, w.execution_on""")
    )
    return [
        f"{row.gateway}: {row.waiting_vnd} đ beside {row.sent_vnd} đ of the day pass its cap of {row.daily_cap_vnd} đ"
        for row in rows
        if row.waiting_vnd + row.sent_vnd > row.daily_cap_vnd
    ]
