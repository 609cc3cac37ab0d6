"""Cán bộ tài chính: the board of runs, one run, the proof of the day, and what needs a hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field
from sqlalchemy import Connection, Row, text

from engine.api import runs
from engine.api.asking import FinanceStaff, Reading, TheInstallation, TheSession
from engine.api.identity import Session, User
from engine.api.paging import Cursor, cursor_at, place_of
from engine.api.payments import list_payments
from engine.installation import Installation, clock_of
from engine.payments import tracing
from engine.payments.payment import PaymentState
from engine.payments.proof import prove
from engine.portal import pages
from engine.portal.explanation import explain
from engine.portal.timeline import timeline
from engine.vault import Vault, mask
from gateways.banks.directory import bank_of
from ledger.balances import TrialBalanceRow, trial_balance
from reconciliation.breaks import open_breaks

router = APIRouter(prefix="/finance")

_RUNS_SHOWN = 24
_PAYMENTS_SHOWN = 50
_EXCEPTIONS_SHOWN = 100
_EMPLOYERS_SHOWN = 50
_ACCOUNTS_SHOWN = 20
"""Of more accounts of one kind, such as one for each employer, the page shows their sum."""
_UNFINISHED = {PaymentState.APPROVED, PaymentState.IN_TRANSIT}
OnDay = Annotated[date, Field(ge=date(1995, 1, 1), le=date(2999, 12, 31))]
NEEDS_A_HAND = (PaymentState.FAILED, PaymentState.RETURNED, PaymentState.HELD)


@dataclass(frozen=True, slots=True)
class Stuck:
    """A payment that went wrong and waits for somebody: who it is for, and why it waits."""

    reference: str
    state: str
    reason: str | None
    payee: str
    benefit: str
    bank: str
    account_masked: str
    amount_vnd: int


@dataclass(frozen=True, slots=True)
class ReasonGroup:
    """Payments that wait for the same reason."""

    state: str
    reason: str | None
    payments: int
    amount_vnd: int
    stuck: Sequence[Stuck]


@dataclass(frozen=True, slots=True)
class OpenCase:
    """Something the machine left to people; `batch_state` is what its batch is known to be by now."""

    subject: str
    problem: str
    opened_at: datetime
    batch_state: str | None
    settled: bool


@dataclass(frozen=True, slots=True)
class BalanceLine:
    """One line of the trial balance on a page: an account, or the sums of all of its kind, which are not set off."""

    account: str
    name: str
    name_en: str
    accounts: int
    debit_vnd: int
    credit_vnd: int


@router.get("")
def show_board(
    request: Request, user: FinanceStaff, session: TheSession, installation: TheInstallation, connection: Reading
) -> Response:
    found = runs.list_runs(connection, skip=0, limit=_RUNS_SHOWN)
    totals = {state.value: 0 for state in PaymentState}
    for run in found:
        for each in run.states:
            totals[each.state] += each.amount_vnd
    switch = connection.execute(text("SELECT stopped, reason FROM engine.sending_switch")).one()
    return pages.render(
        request,
        "finance/board.html",
        runs=found,
        totals=totals,
        waiting_for_hand=sum(group.amount_vnd for group in _waiting(connection)),
        switch=switch,
        today=clock_of(connection).today(),
        **_head(user, session, installation),
    )


@router.get("/runs/{code:path}")
def show_run(
    request: Request,
    user: FinanceStaff,
    session: TheSession,
    installation: TheInstallation,
    connection: Reading,
    code: str,
) -> Response:
    run = runs.show_run(connection, code)
    return pages.render(
        request,
        "finance/run.html",
        run=run,
        moving=run.summary.state == "approved" and any(each.state in _UNFINISHED for each in run.summary.states),
        **_head(user, session, installation),
    )


@router.get("/payments")
def show_payments(
    request: Request,
    user: FinanceStaff,
    session: TheSession,
    installation: TheInstallation,
    connection: Reading,
    run: Annotated[str | None, Query(max_length=40)] = None,
    state: Annotated[Literal[""] | PaymentState, Query()] = "",
    cursor: Cursor = None,
) -> Response:
    found = list_payments(
        connection,
        installation.vault,
        run=run or None,
        states=(state,) if state else (),
        after=place_of(cursor),
        limit=_PAYMENTS_SHOWN + 1,
    )
    more = len(found) > _PAYMENTS_SHOWN
    return pages.render(
        request,
        "finance/payments.html",
        payments=found[:_PAYMENTS_SHOWN],
        next_cursor=cursor_at(found[_PAYMENTS_SHOWN - 1].payment_no) if more else None,
        run=run or "",
        state_chosen=str(state),
        states=[each.value for each in PaymentState],
        **_head(user, session, installation),
    )


@router.get("/payments/{reference}")
def show_payment(
    request: Request,
    user: FinanceStaff,
    session: TheSession,
    installation: TheInstallation,
    connection: Reading,
    reference: str,
) -> Response:
    life = tracing.trace(connection, reference)
    (summary,) = list_payments(connection, installation.vault, reference=reference, limit=1)
    findings = [finding for part in ("award", "amount") for row in life[part] for finding in row["findings"]]
    return pages.render(
        request,
        "finance/payment.html",
        payment=summary,
        life=life,
        steps=timeline(connection, reference),
        explanation_steps=explain(findings, summary.amount_vnd, pages.language_of(request)),
        **_head(user, session, installation),
    )


@router.get("/proof")
def show_proof(
    request: Request,
    user: FinanceStaff,
    session: TheSession,
    installation: TheInstallation,
    connection: Reading,
    on: Annotated[Literal[""] | OnDay, Query()] = "",
) -> Response:
    day = on or clock_of(connection).today()
    balances = balance_lines(trial_balance(connection, day))
    proof = prove(connection, day)
    owing = sorted(
        proof.contributions.rows, key=lambda row: (-row.receivable_vnd - row.charge_receivable_vnd, row.employer)
    )
    return pages.render(
        request,
        "finance/proof.html",
        on=day,
        proof=proof,
        employers=owing[:_EMPLOYERS_SHOWN],
        balances=balances,
        total_debit=sum(line.debit_vnd for line in balances),
        total_credit=sum(line.credit_vnd for line in balances),
        **_head(user, session, installation),
    )


@router.get("/open-items")
def show_open_items(
    request: Request, user: FinanceStaff, session: TheSession, installation: TheInstallation, connection: Reading
) -> Response:
    today = clock_of(connection).today()
    return pages.render(
        request,
        "finance/open_items.html",
        on=today,
        breaks=open_breaks(connection, today),
        groups=_by_reason(connection, installation.vault),
        cases=_open_cases(connection),
        **_head(user, session, installation),
    )


def _head(user: User, session: Session | None, installation: Installation) -> dict[str, Any]:
    return {"user": user, "form_token": session.form_token(installation.vault) if session else ""}


def balance_lines(rows: Sequence[TrialBalanceRow]) -> list[BalanceLine]:
    """The trial balance for a page, in the order of the codes."""
    kinds: dict[str, list[TrialBalanceRow]] = {}
    for row in rows:
        kinds.setdefault(row.account.partition(".")[0], []).append(row)
    lines = []
    for kind, found in kinds.items():
        if len(found) > _ACCOUNTS_SHOWN:
            debit_vnd, credit_vnd = sum(row.debit.vnd for row in found), sum(row.credit.vnd for row in found)
            name, name_en = (words.partition(" – ")[0] for words in (found[0].name, found[0].name_en))
            lines.append(BalanceLine(kind, name, name_en, len(found), debit_vnd, credit_vnd))
        else:
            lines += [
                BalanceLine(row.account, row.name, row.name_en, 1, row.debit.vnd, row.credit.vnd) for row in found
            ]
    return lines


def _by_reason(connection: Connection, vault: Vault) -> list[ReasonGroup]:
    """What waits, by state and reason, the most money first; of each the first hundred payments."""
    return [
        ReasonGroup(
            group.state,
            group.state_reason,
            group.payments,
            group.amount_vnd,
            _stuck(connection, vault, group.state, group.state_reason),
        )
        for group in _waiting(connection)
    ]


def _waiting(connection: Connection) -> Sequence[Row[Any]]:
    """What failed, came back or is held, by state and reason; what has been paid again waits no more."""
    return connection.execute(
        text("""
            SELECT state, state_reason, count(*) AS payments, sum(amount_vnd)::bigint AS amount_vnd
            FROM engine.payment WHERE state = ANY(:states) AND reissued_by IS NULL GROUP BY 1, 2
            ORDER BY amount_vnd DESC, state, state_reason"""),
        {"states": list(NEEDS_A_HAND)},
    ).all()


def _stuck(connection: Connection, vault: Vault, state: str, reason: str | None) -> list[Stuck]:
    rows = connection.execute(
        text("""
            SELECT p.reference, p.state, p.state_reason, q.name, p.benefit, p.amount_vnd,
                   a.bank_bin, a.account_ciphertext
            FROM engine.payment p JOIN engine.person q USING (person_id)
            JOIN engine.payout_account a USING (payout_account_id)
            WHERE p.state = :state AND p.state_reason IS NOT DISTINCT FROM :reason AND p.reissued_by IS NULL
            ORDER BY p.payment_no LIMIT :limit"""),
        {"state": state, "reason": reason, "limit": _EXCEPTIONS_SHOWN},
    )
    found = []
    for row in rows:
        bank = bank_of(row.bank_bin)
        found.append(
            Stuck(
                reference=row.reference,
                state=row.state,
                reason=row.state_reason,
                payee=row.name,
                benefit=row.benefit,
                bank=bank.short_name if bank else "",
                account_masked=mask(vault.open("account", bytes(row.account_ciphertext))),
                amount_vnd=row.amount_vnd,
            )
        )
    return found


def _open_cases(connection: Connection) -> list[OpenCase]:
    rows = connection.execute(
        text("""
            SELECT c.subject, c.problem, c.opened_at, b.state AS batch_state, c.closed_at IS NOT NULL AS settled
            FROM engine.open_case c LEFT JOIN engine.batch b ON b.message_id = c.subject
            ORDER BY c.opened_at DESC, c.case_id DESC LIMIT 100""")
    )
    return [OpenCase(**row._asdict()) for row in rows]
