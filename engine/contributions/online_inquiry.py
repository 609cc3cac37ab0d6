"""Tra soát lệnh thu: what became of an order that nobody told us of.

An inquiry names the order's reference, for ever the same. That the provider does not know it proves nothing before the
grace time is over and a settlement file covers the day: a payer may still stand at the page.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, Row, text

from engine import outbox
from engine.clock import business_date
from engine.contributions.online import (
    INQUIRE_COLLECTION,
    OPEN,
    Till,
    attempt_of,
    keep_news,
    locked,
    open_case,
    order_of,
)
from gateways.attempts import Source, inquired
from gateways.contract import Outcome
from gateways.online import Asking, OnlineAnswer


def inquire_order(till: Till, message_id: int, order_id: UUID, at: datetime) -> None:
    """Works an outbox message: asks about an order whose end is not known, and stores what is said."""
    with till.database.transaction() as connection:
        row = locked(connection, order_id)
        if Outcome(row.state) not in OPEN:
            outbox.finish(connection, message_id)
            return
    answer = till.provider.query_collection(order_of(row), Asking(uuid4().hex, at))
    with till.database.transaction() as connection:
        _take_inquiry(till, connection, locked(connection, order_id), answer, at)
        row = locked(connection, order_id)
        if Outcome(row.state) in OPEN:
            _inquire_later(till, connection, row, message_id, at)


def _take_inquiry(till: Till, connection: Connection, row: Row[Any], answer: OnlineAnswer, at: datetime) -> None:
    known = attempt_of(row)
    grace = timedelta(seconds=till.provider.capabilities.not_found_grace_seconds)
    if answer.found is not False:
        after, code = inquired(known, answer), answer.code
    elif at - row.expires_at > grace and _is_covered(connection, row):
        # Nothing under this reference is known to the provider, and none of the day's money bears it.
        after, code = replace(known, outcome=Outcome.FAILED, rank=int(Source.INQUIRY)), "NOT_FOUND"
    else:
        return
    keep_news(connection, row, after, Source.INQUIRY, code, answer.provider_reference, at)


def _is_covered(connection: Connection, row: Row[Any]) -> bool:
    """Whether accepted settlement files tell of the days on which the order could be paid."""
    return bool(
        connection.scalar(
            text("""
                SELECT EXISTS (
                    SELECT FROM engine.collection_account c JOIN reconciliation.statement s USING (own_account_id)
                    WHERE c.gateway = :gateway AND c.bank_bin IS NULL AND s.state = 'accepted' AND s.to_on >= :until)
                AND NOT EXISTS (
                    SELECT FROM engine.collection_account c JOIN reconciliation.statement s USING (own_account_id)
                    WHERE c.gateway = :gateway AND c.bank_bin IS NULL AND s.state <> 'accepted' AND s.from_on <= :until)
                AND NOT EXISTS (SELECT FROM engine.receipt r WHERE r.order_id = :order_id)"""),
            {"gateway": row.gateway, "until": business_date(row.expires_at), "order_id": row.order_id},
        )
    )


def _inquire_later(till: Till, connection: Connection, row: Row[Any], message_id: int, at: datetime) -> None:
    """Asks again by the provider's schedule; after its last step the next settlement file makes us ask again."""
    schedule = till.provider.capabilities.inquiry_schedule_seconds
    connection.execute(
        text("UPDATE engine.online_order SET inquiries = inquiries + 1 WHERE order_id = :order_id"),
        {"order_id": row.order_id},
    )
    if row.inquiries + 1 < len(schedule):
        outbox.postpone(connection, message_id, schedule[row.inquiries + 1])
        return
    outbox.finish(connection, message_id)
    if row.state == Outcome.UNKNOWN and row.call_ciphertext is not None:
        open_case(connection, row.reference, f"{row.gateway}: still unknown after every inquiry", at)


def inquire_unanswered(connection: Connection) -> None:
    """A settlement file may decide what inquiries alone could not: orders that nobody asks about are asked about."""
    rows = connection.execute(
        text("""
            SELECT o.order_id FROM engine.online_order o
            JOIN engine.collection_account c ON c.gateway = o.gateway AND c.bank_bin IS NULL
            WHERE o.state IN ('unknown', 'pending')
                AND EXISTS (SELECT FROM reconciliation.statement s WHERE s.own_account_id = c.own_account_id
                    AND s.state = 'accepted' AND s.to_on >= (o.expires_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date)
                AND NOT EXISTS (SELECT FROM engine.outbox m
                    WHERE m.actor = :actor AND m.subject = o.order_id::text AND m.done_at IS NULL)"""),
        {"actor": INQUIRE_COLLECTION},
    ).all()
    for row in rows:
        outbox.put(connection, INQUIRE_COLLECTION, str(row.order_id))
