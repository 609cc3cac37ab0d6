"""Who is to be paid for a month (danh sách chi trả), as one SQL statement over all awards.

The payment run plans from it in one `INSERT … SELECT`: nothing here is fetched person by person.
"""

from datetime import date, datetime

from sqlalchemy import ColumnElement, Label, Select, and_, exists, literal, or_, select

from engine.awards.tables import award, award_amount, suspension
from engine.people.tables import payout_account, vital_event


def due_for(period: date, paid_on: date, known_at: datetime) -> Select[tuple[object, ...]]:
    """What is due for the month that begins on `period`, as known at `known_at`.

    One row per award: award_id, person_id, benefit, fund, amount_vnd, entitled_month, payout_account_id,
    unconfirmed (the legal values it rests on that nobody has confirmed). The account
    is the one valid on `paid_on`; where there is none, payout_account_id is null and the payment cannot be sent.
    A pension or allowance is due for the month of death, and for no month after it; while its payment is suspended it
    waits.
    """
    account_now = and_(
        payout_account.c.person_id == award.c.person_id,
        payout_account.c.valid_during.contains(paid_on),
        payout_account.c.recorded_during.contains(known_at),
    )
    return (
        select(
            award.c.award_id,
            award.c.person_id,
            award.c.benefit,
            award.c.fund,
            award_amount.c.amount_vnd,
            _month(period),
            payout_account.c.payout_account_id,
            (award.c.unconfirmed + award_amount.c.unconfirmed).label("unconfirmed"),
        )
        .select_from(award)
        .join(award_amount, award_amount.c.award_id == award.c.award_id)
        .outerjoin(payout_account, account_now)
        .where(
            award_amount.c.entitled_during.contains(period),
            award_amount.c.recorded_during.contains(known_at),
            or_(award.c.frequency == "once", ~_dead_before(period, known_at)),
            ~_suspended(period, known_at),
        )
    )


def _month(period: date) -> Label[date]:
    return literal(period).label("entitled_month")


def _dead_before(period: date, known_at: datetime) -> ColumnElement[bool]:
    """Whether the payee's death before the month is on record."""
    return exists().where(
        vital_event.c.person_id == award.c.person_id,
        vital_event.c.kind == "death",
        vital_event.c.happened_on < period,
        vital_event.c.recorded_during.contains(known_at),
    )


def _suspended(period: date, known_at: datetime) -> ColumnElement[bool]:
    """Whether a suspension stands against paying the month."""
    return exists().where(
        suspension.c.award_id == award.c.award_id,
        suspension.c.from_month <= period,
        suspension.c.suspended_at <= known_at,
        or_(suspension.c.resumed_at.is_(None), suspension.c.resumed_at > known_at),
    )
