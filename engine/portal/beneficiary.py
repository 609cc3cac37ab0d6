"""Người hưởng: what comes next, what was paid, and why the amount is what it is. Only the beneficiary's own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import Connection, select

from engine.api.asking import Beneficiary, Reading, TheInstallation, TheSession
from engine.api.payments import PaymentSummary, life_of, list_payments
from engine.awards.due import due_for
from engine.awards.tables import award
from engine.installation import clock_of
from engine.people.tables import payout_account
from engine.portal import pages
from engine.portal.explanation import explain, in_short
from engine.portal.timeline import timeline
from engine.vault import Vault, mask
from gateways.banks.directory import bank_of

router = APIRouter(prefix="/beneficiary")

_SHOWN = 60
"""Payments on the first page, the latest: five years of a monthly benefit."""


@dataclass(frozen=True, slots=True)
class NextPayment:
    """What is due for the coming month as things are known today; no promise before the run is approved."""

    benefit: str
    amount_vnd: int
    month: date
    bank: str | None
    account_masked: str | None


@router.get("")
def show_home(
    request: Request, user: Beneficiary, session: TheSession, installation: TheInstallation, connection: Reading
) -> Response:
    person_id = own(user.subject)
    payments = list_payments(connection, installation.vault, person_id=person_id, latest_first=True, limit=_SHOWN)
    coming = _coming(connection, installation.vault, person_id, payments, clock_of(connection).now())
    return pages.render(
        request,
        "beneficiary/home.html",
        payments=payments,
        coming=coming,
        user=user,
        form_token=session.form_token(installation.vault) if session else "",
    )


@router.get("/payments/{reference}")
def show_payment(
    request: Request,
    user: Beneficiary,
    session: TheSession,
    installation: TheInstallation,
    connection: Reading,
    reference: str,
) -> Response:
    life = life_of(connection, reference, own(user.subject))
    (summary,) = list_payments(connection, installation.vault, reference=reference, limit=1)
    steps = explain(_findings(life), summary.amount_vnd, pages.language_of(request))
    return pages.render(
        request,
        "beneficiary/payment.html",
        payment=summary,
        award=life["award"][0],
        steps=timeline(connection, reference),
        explanation_steps=steps,
        in_short=in_short(steps, summary.benefit),
        user=user,
        form_token=session.form_token(installation.vault) if session else "",
    )


def own(subject: UUID | None) -> UUID:
    """The person that a beneficiary's user stands for."""
    assert subject is not None  # noqa: S101  a beneficiary's user always names the person
    return subject


def _findings(life: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """How the award's first amount came about, and then what the law made of it since."""
    return [finding for part in ("award", "amount") for row in life[part] for finding in row["findings"]]


def _coming(
    connection: Connection, vault: Vault, person_id: UUID, payments: Sequence[PaymentSummary], at: datetime
) -> list[NextPayment]:
    """What the awards give for the month after the last one paid."""
    if not payments:
        return []
    month = _month_after(max(payment.entitled_month for payment in payments))
    due = due_for(month, month, at).where(award.c.person_id == person_id).subquery()
    rows = connection.execute(
        select(due, payout_account.c.bank_bin, payout_account.c.account_ciphertext)
        .outerjoin(payout_account, payout_account.c.payout_account_id == due.c.payout_account_id)
        .order_by(due.c.benefit)
    )
    return [_next_payment(row, month, vault) for row in rows]


def _next_payment(row: Any, month: date, vault: Vault) -> NextPayment:
    bank = bank_of(row.bank_bin) if row.bank_bin else None
    account = mask(vault.open("account", bytes(row.account_ciphertext))) if row.account_ciphertext else None
    return NextPayment(row.benefit, row.amount_vnd, month, bank.short_name if bank else None, account)


def _month_after(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)
