"""Lệnh thu trực tuyến: an employer pays a notice through a wallet or payment page (VNPAY, MoMo, ZaloPay).

The order is stored before anything is asked, under a reference of our own, with everything random in the request; from
then on it is `unknown`, for a crash now means just that. Its reference is called for once and never again on hope: what
became of it is told or asked. States are the outcome words of `gateways`, and news counts by its rank.

An order moves no money in our books. A receipt is what the provider's settlement file tells under its reference; until
then the notice shows the money as announced. Every line of it counts, also a second one of the same order: it is the
employer's, and what nothing is owed for waits for the next dues.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, Row, text

from engine import outbox
from engine.contributions.collection import RECEIPT
from engine.contributions.employer import lock_employers
from engine.database import Database
from engine.errors import NotAllowed, NotFound, WrongInput
from engine.vault import Vault
from gateways.attempts import FINAL, Attempt, Source, answered, notified
from gateways.contract import Outcome
from gateways.online import (
    Asking,
    Call,
    CollectionOrder,
    Inviter,
    Notification,
    OnlineAnswer,
    OnlineOperation,
    PaymentPage,
    Verdict,
)
from reconciliation import expectations
from reconciliation.references import make_reference

PREFIX = "TT"
"""The first two letters of an order's reference (thanh toán trực tuyến)."""
INQUIRE_COLLECTION = "inquire_collection"
"""The outbox message that asks what became of an order; its subject is the order's id."""
LASTS = timedelta(minutes=15)
"""How long the payer may take at the provider's page."""
OPEN = (Outcome.UNKNOWN, Outcome.PENDING)


@dataclass(frozen=True, slots=True)
class Till:
    """What taking payments through one provider needs."""

    database: Database
    vault: Vault
    gateway: str
    provider: Inviter | PaymentPage


@dataclass(frozen=True, slots=True)
class Wish:
    """What an employer wants to pay of a notice: all that is owed, a part, or more, which stays its own."""

    notice_no: int
    employer_id: UUID
    amount_vnd: int
    payer_address: str
    """The internet address of whoever pays, which VNPAY wants to know."""


@dataclass(frozen=True, slots=True)
class OnlineOrder:
    """An order as its employer sees it. Amounts in đồng."""

    reference: str
    notice_no: int
    gateway: str
    provider: str
    amount_vnd: int
    state: Outcome
    made_at: datetime
    expires_at: datetime
    pay_url: str | None
    received_vnd: int
    """What settlement files have brought under its reference."""
    receipts: Sequence[int]
    """The numbers of those receipts."""


def begin(till: Till, wish: Wish, person: str, at: datetime) -> str:
    """Makes an order for a notice and the address to pay at; returns the order's reference.

    Whoever asks again for the same while the first order can still be paid is led to that order.
    """
    _require_amount(till, wish.amount_vnd)
    with till.database.transaction(person) as connection:
        notice = _payable(connection, till.gateway, wish)
        lock_employers(connection, [wish.employer_id])
        again = connection.scalar(_STILL_OPEN, _of(wish, till.gateway, at))
        if again is not None:
            return str(again)
        row, call = _store(till, connection, notice, wish, at)
    if call is None or not isinstance(till.provider, Inviter):
        return str(row.reference)
    answer = till.provider.send_collection(call, order_of(row))
    with till.database.transaction() as connection:
        _take_answer(till.vault, connection, row.order_id, answer, at)
    return str(row.reference)


def _require_amount(till: Till, amount_vnd: int) -> None:
    limit = till.provider.capabilities.limit(OnlineOperation.COLLECT_CREATE)
    if not limit.min_vnd <= amount_vnd <= limit.max_vnd:
        raise WrongInput(
            [f"{till.provider.capabilities.name} takes {limit.min_vnd} to {limit.max_vnd} đ at once, not {amount_vnd}"]
        )


def _payable(connection: Connection, gateway: str, wish: Wish) -> Row[Any]:
    """The employer's own notice, with the provider's account; another one is as unknown as none."""
    notice = connection.execute(_NOTICE, {"gateway": gateway, **_named(wish)}).one_or_none()
    if notice is None:
        raise NotFound(f"there is no notice {wish.notice_no}")
    if notice.own_account_id is None or notice.paused:
        raise NotAllowed(f"nothing can be paid through {gateway} now")
    return notice


def _store(
    till: Till, connection: Connection, notice: Row[Any], wish: Wish, at: datetime
) -> tuple[Row[Any], Call | None]:
    """Stores the order with its request, expects its money, and sees to it that its end is asked for."""
    number = connection.scalar(text("SELECT nextval('engine.online_order_order_no_seq')")) or 0
    reference = make_reference(PREFIX, number)
    order = CollectionOrder(
        reference=till.provider.order_reference(reference, at),
        amount_vnd=wish.amount_vnd,
        description=f"{reference} dong BHXH",
        payer=notice.unit_code,
        expires_seconds=int(LASTS.total_seconds()),
        made_at=at,
    )
    asking = Asking(uuid4().hex, at)
    pay_url, call, rank = None, None, 0
    if isinstance(till.provider, PaymentPage):
        # Nobody is asked: from here on the payer may pay.
        pay_url, rank = till.provider.payment_address(order, wish.payer_address), int(Source.ANSWER)
    else:
        call = till.provider.build_collection(order, asking)
    row = connection.execute(
        _INSERT,
        {
            "order_no": number,
            "reference": reference,
            "notice_id": notice.notice_id,
            "gateway": till.gateway,
            "provider_reference": order.reference,
            "amount_vnd": order.amount_vnd,
            "state": (Outcome.UNKNOWN if call else Outcome.PENDING).value,
            "rank": rank,
            "request_id": asking.request_id,
            "call": None if call is None else till.vault.encrypt("online_call", _kept(call)),
            "pay_url": None if pay_url is None else till.vault.encrypt("pay_url", pay_url.encode()),
            "at": at,
            "expires_at": at + LASTS,
        },
    ).one()
    _expect(connection, row.order_id)
    outbox.put(
        connection, INQUIRE_COLLECTION, str(row.order_id), till.provider.capabilities.inquiry_schedule_seconds[0]
    )
    return row, call


def _kept(call: Call) -> bytes:
    kept = {"method": call.method, "path": call.path, "headers": dict(call.headers), "body": call.body.decode()}
    return json.dumps(kept).encode()


def _expect(connection: Connection, order_id: UUID) -> None:
    """Expects what settlement files may tell under the reference, once or again; the amount is left open."""
    expectations.open_staging(connection)
    connection.execute(
        text(f"""
            INSERT INTO {expectations.STAGING}
                (own_account_id, sign, reference, batch_reference, amount_vnd, due_on, kind, party)
            SELECT c.own_account_id, 'credit', o.reference, NULL, NULL, n.due_on, :kind, e.unit_code
            FROM engine.online_order o JOIN engine.notice n USING (notice_id) JOIN engine.employer e USING (employer_id)
            JOIN engine.collection_account c ON c.gateway = o.gateway AND c.bank_bin IS NULL
            WHERE o.order_id = :order_id"""),
        {"kind": RECEIPT, "order_id": order_id},
    )
    expectations.expect_staged(connection)


def order_of(row: Row[Any]) -> CollectionOrder:
    """An order as its provider is asked about it."""
    return CollectionOrder(row.provider_reference, row.amount_vnd, f"{row.reference} dong BHXH", made_at=row.made_at)


def _take_answer(vault: Vault, connection: Connection, order_id: UUID, answer: OnlineAnswer, at: datetime) -> None:
    row = locked(connection, order_id)
    if answer.pay_url is not None:
        connection.execute(
            text("UPDATE engine.online_order SET pay_url_ciphertext = :url WHERE order_id = :order_id"),
            {"url": vault.encrypt("pay_url", answer.pay_url.encode()), "order_id": order_id},
        )
    # News that came before the answer has a higher rank and stays.
    after = answered(attempt_of(row), answer)
    keep_news(connection, row, after, Source.ANSWER, answer.code, answer.provider_reference, at)


def take_notification(connection: Connection, gateway: str, notification: Notification, at: datetime) -> Verdict | None:
    """News that a provider brought of its own accord; None if the reference is that of no order through it."""
    order_id = connection.scalar(
        text("SELECT order_id FROM engine.online_order WHERE gateway = :gateway AND provider_reference = :reference"),
        {"gateway": gateway, "reference": notification.reference},
    )
    if order_id is None:
        return None
    row = locked(connection, order_id)
    after = notified(attempt_of(row), notification)
    keep_news(connection, row, after, Source.CALLBACK, notification.code, notification.provider_reference, at)
    return Verdict.TAKEN if notification.amount_vnd == row.amount_vnd else Verdict.WRONG_AMOUNT


def locked(connection: Connection, order_id: UUID) -> Row[Any]:
    return connection.execute(
        text("SELECT * FROM engine.online_order WHERE order_id = :order_id FOR UPDATE"), {"order_id": order_id}
    ).one()


def attempt_of(row: Row[Any]) -> Attempt:
    """What is known of an order, as news is weighed against it."""
    return Attempt(row.provider_reference, row.amount_vnd, Outcome(row.state), row.rank)


def keep_news(
    connection: Connection, row: Row[Any], after: Attempt, source: Source, code: str, number: str | None, at: datetime
) -> None:
    """Stores what one piece of news made of an order; what a person must look at becomes a case."""
    for problem in after.cases:
        open_case(connection, row.reference, f"{row.gateway}: {problem}", at)
    if (after.outcome.value, after.rank) == (row.state, row.rank):
        return
    known = {
        "order_id": row.order_id,
        "before": row.state,
        "state": after.outcome.value,
        "rank": after.rank,
        "source": source.name.lower(),
        "code": code,
        "number": number or None,
        "at": at,
    }
    connection.execute(_KEEP, known)
    if after.outcome not in OPEN:
        _end_inquiries(connection, row.order_id)


def open_case(connection: Connection, subject: str, problem: str, at: datetime) -> None:
    """A person must look; the same problem of the same thing is one case."""
    connection.execute(
        text("""
            INSERT INTO engine.open_case (opened_at, subject, problem) VALUES (:at, :subject, :problem)
            ON CONFLICT (subject, problem) DO UPDATE SET closed_at = NULL"""),
        {"at": at, "subject": subject, "problem": problem},
    )


def _end_inquiries(connection: Connection, order_id: UUID) -> None:
    messages = connection.scalars(
        text("SELECT message_id FROM engine.outbox WHERE actor = :actor AND subject = :id AND done_at IS NULL"),
        {"actor": INQUIRE_COLLECTION, "id": str(order_id)},
    )
    for message_id in messages.all():
        outbox.finish(connection, message_id)


def note_settled(connection: Connection, orders: Sequence[UUID], at: datetime) -> None:
    """The settlement file has the last word: what it tells of was paid, whatever was told before."""
    for order_id in dict.fromkeys(orders):
        row = locked(connection, order_id)
        known = attempt_of(row)
        after = Attempt(known.reference, known.amount_vnd, Outcome.SUCCESS, int(Source.STATEMENT))
        if known.outcome in FINAL and known.outcome is not Outcome.SUCCESS:
            problem = f"the settlement file tells of money, the provider had said {known.outcome}"
            open_case(connection, row.reference, f"{row.gateway}: {problem}", at)
        keep_news(connection, row, after, Source.STATEMENT, "SETTLED", None, at)


def list_orders(
    connection: Connection,
    vault: Vault,
    *,
    employer_id: UUID,
    notice_no: int | None = None,
    reference: str | None = None,
) -> list[OnlineOrder]:
    """The orders of an employer, of one notice or one by its reference; the latest first."""
    rows = connection.execute(
        _ORDERS, {"employer_id": employer_id, "notice_no": notice_no, "reference": reference}
    ).all()
    return [
        OnlineOrder(
            reference=row.reference,
            notice_no=row.notice_no,
            gateway=row.gateway,
            provider=row.provider,
            amount_vnd=row.amount_vnd,
            state=Outcome(row.state),
            made_at=row.made_at,
            expires_at=row.expires_at,
            pay_url=vault.open("pay_url", row.pay_url_ciphertext) if row.pay_url_ciphertext else None,
            received_vnd=row.received_vnd,
            receipts=tuple(row.receipts),
        )
        for row in rows
    ]


def gateways_for_payers(connection: Connection) -> list[tuple[str, str, str]]:
    """Through which gateways a notice can be paid now: gateway, adapter, name, in the order in which they came."""
    rows = connection.execute(_GATEWAYS)
    return [(row.gateway, row.adapter, row.bank_name) for row in rows]


def _of(wish: Wish, gateway: str, at: datetime) -> dict[str, object]:
    return {"gateway": gateway, "amount_vnd": wish.amount_vnd, "at": at, **_named(wish)}


def _named(wish: Wish) -> dict[str, object]:
    return {"notice_no": wish.notice_no, "employer_id": wish.employer_id}


_NOTICE = text("""
    SELECT n.notice_id, e.unit_code, c.own_account_id, coalesce(g.paused, true) AS paused
    FROM engine.notice n JOIN engine.employer e USING (employer_id)
    LEFT JOIN engine.gateway g ON g.gateway = :gateway
    LEFT JOIN engine.collection_account c ON c.gateway = g.gateway AND c.bank_bin IS NULL
    WHERE n.notice_no = :notice_no AND n.employer_id = :employer_id
""")

_STILL_OPEN = text("""
    SELECT o.reference FROM engine.online_order o JOIN engine.notice n USING (notice_id)
    WHERE n.notice_no = :notice_no AND n.employer_id = :employer_id AND o.gateway = :gateway
        AND o.amount_vnd = :amount_vnd AND o.state IN ('unknown', 'pending') AND o.expires_at > :at
    ORDER BY o.order_no DESC LIMIT 1
""")

_INSERT = text("""
    INSERT INTO engine.online_order (order_no, reference, notice_id, gateway, provider_reference, amount_vnd, state,
        rank, request_id, call_ciphertext, pay_url_ciphertext, made_at, expires_at)
    VALUES (:order_no, :reference, :notice_id, :gateway, :provider_reference, :amount_vnd, :state, :rank, :request_id,
        :call, :pay_url, :at, :expires_at)
    RETURNING *
""")

_KEEP = text("""
    WITH changed AS (
        UPDATE engine.online_order SET state = :state, rank = :rank, code = :code,
            provider_number = coalesce(:number, provider_number)
        WHERE order_id = :order_id)
    INSERT INTO engine.online_observation (order_id, source, state_before, state_after, code, observed_at)
    VALUES (:order_id, :source, :before, :state, :code, :at)
""")

_ORDERS = text("""
    SELECT o.*, n.notice_no, c.bank_name AS provider, coalesce(r.received_vnd, 0)::bigint AS received_vnd,
        coalesce(r.receipts, '{}') AS receipts
    FROM engine.online_order o JOIN engine.notice n USING (notice_id)
    JOIN engine.collection_account c ON c.gateway = o.gateway AND c.bank_bin IS NULL
    LEFT JOIN LATERAL (
        SELECT sum(amount_vnd) AS received_vnd, array_agg(receipt_no ORDER BY receipt_no) AS receipts
        FROM engine.receipt WHERE order_id = o.order_id) r ON true
    WHERE n.employer_id = :employer_id AND (CAST(:notice_no AS bigint) IS NULL OR n.notice_no = :notice_no)
        AND (CAST(:reference AS text) IS NULL OR o.reference = :reference)
    ORDER BY o.order_no DESC
""")

_GATEWAYS = text("""
    SELECT c.gateway, g.adapter, c.bank_name FROM engine.collection_account c JOIN engine.gateway g USING (gateway)
    WHERE c.bank_bin IS NULL AND NOT g.paused ORDER BY c.collection_account_id
""")
