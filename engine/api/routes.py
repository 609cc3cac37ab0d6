"""The addresses under `/v1`: finance staff see the books, beneficiaries and employers their own and nothing else."""

from datetime import date
from itertools import islice
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query

from engine.api import contributions, payments, problems, runs
from engine.api.answers import (
    PROBLEMS,
    BreakAnswer,
    CertificateAnswer,
    NoticeAnswer,
    ProblemKind,
    ProofAnswer,
    ResultAnswer,
    TrialBalanceAnswer,
    TrialBalanceLine,
)
from engine.api.asking import FinanceStaff, Reading, SignedIn, TheInstallation
from engine.api.contributions import DeclarationSummary, NoticeSummary, ReceiptSummary
from engine.api.errors import NotForThisRole
from engine.api.identity import Role, User
from engine.api.paging import Cursor, Limit, Page, cursor_at, place_of
from engine.api.payments import PaymentSummary
from engine.api.runs import RunDetail, RunSummary
from engine.contributions.results import results_of
from engine.errors import NotFound
from engine.installation import clock_of
from engine.law.parameters import Parameters
from engine.payments.payment import PaymentState
from engine.payments.proof import prove
from ledger.balances import trial_balance
from reconciliation.breaks import open_breaks

router = APIRouter(prefix="/v1", responses=PROBLEMS)

On = Annotated[
    date | None,
    Query(description="The end of this day; today without it.", ge=date(1995, 1, 1), le=date(2999, 12, 31)),
]


@router.get("/problems/{code}", tags=["problems"])
def show_problem(code: str) -> ProblemKind:
    """What a problem of this code means: where the `type` of a problem document leads."""
    for kind in problems.catalogue():
        if kind["code"] == code:
            return ProblemKind(**kind)
    raise NotFound(f"there is no problem {code}")


@router.get("/runs", tags=["payments"])
def list_runs(_user: FinanceStaff, connection: Reading, cursor: Cursor = None, limit: Limit = 50) -> Page[RunSummary]:
    """Payment runs with their states and money, the latest first."""
    skip = place_of(cursor) or 0
    found = runs.list_runs(connection, skip=skip, limit=limit + 1)
    return Page(items=found[:limit], next_cursor=cursor_at(skip + limit) if len(found) > limit else None)


@router.get("/runs/{code:path}", tags=["payments"])
def show_run(_user: FinanceStaff, connection: Reading, code: str) -> RunDetail:
    """One run with its signatures and batches; its code is such as `2026-11/1`."""
    return runs.show_run(connection, code)


@router.get("/payments", tags=["payments"])
def list_payments(
    user: SignedIn,
    installation: TheInstallation,
    connection: Reading,
    run: Annotated[str | None, Query(description="Only of this run.")] = None,
    state: Annotated[PaymentState | None, Query(description="Only in this state.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[PaymentSummary]:
    """Payments with masked accounts; a beneficiary's own, or all for finance staff."""
    found = payments.list_payments(
        connection,
        installation.vault,
        person_id=_own(user, Role.BENEFICIARY),
        run=run,
        states=(state.value,) if state else (),
        after=place_of(cursor),
        limit=limit + 1,
    )
    more = len(found) > limit
    return Page(items=found[:limit], next_cursor=cursor_at(found[limit - 1].payment_no) if more else None)


@router.get("/payments/{reference}", tags=["payments"])
def show_payment(user: SignedIn, connection: Reading, reference: str) -> dict[str, Any]:
    """The life of a payment, from the law's findings to the line of the bank's statement."""
    return payments.life_of(connection, reference, _own(user, Role.BENEFICIARY))


@router.get("/proof", tags=["books"])
def show_proof(_user: FinanceStaff, connection: Reading, on: On = None) -> ProofAnswer:
    """Where every đồng of the runs is: payments, ledger and statements."""
    return ProofAnswer.of(prove(connection, on or clock_of(connection).today()))


@router.get("/trial-balance", tags=["books"])
def show_trial_balance(_user: FinanceStaff, connection: Reading, on: On = None) -> TrialBalanceAnswer:
    """The balances of all accounts that ever moved."""
    day = on or clock_of(connection).today()
    lines = [TrialBalanceLine.of(row) for row in trial_balance(connection, day)]
    return TrialBalanceAnswer(
        on=day,
        lines=lines,
        total_debit_vnd=sum(line.debit_vnd for line in lines),
        total_credit_vnd=sum(line.credit_vnd for line in lines),
    )


@router.get("/breaks", tags=["books"])
def list_breaks(
    _user: FinanceStaff,
    connection: Reading,
    on: On = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[BreakAnswer]:
    """What stands alone between ledger and bank, the oldest first, with who owns it."""
    skip = place_of(cursor) or 0
    found = open_breaks(connection, on or clock_of(connection).today())
    shown = [BreakAnswer.of(each) for each in found[skip : skip + limit]]
    return Page(items=shown, next_cursor=cursor_at(skip + limit) if len(found) > skip + limit else None)


@router.get("/notices", tags=["contributions"])
def list_notices(user: SignedIn, connection: Reading, cursor: Cursor = None, limit: Limit = 50) -> Page[NoticeSummary]:
    """Notices with what is owed for their months today, late charges included; an employer's own, or all for staff."""
    own, today = _own(user, Role.EMPLOYER), clock_of(connection).today()
    found = contributions.list_notices(connection, today, employer_id=own, after=place_of(cursor), limit=limit + 1)
    more = len(found) > limit
    return Page(items=found[:limit], next_cursor=cursor_at(found[limit - 1].notice_no) if more else None)


@router.get("/notices/{notice_no}", tags=["contributions"])
def show_notice(user: SignedIn, installation: TheInstallation, connection: Reading, notice_no: int) -> NoticeAnswer:
    """All that stands on a notice, with the memo and the text of its QR code."""
    document = contributions.show_notice(connection, installation.vault, notice_no, _own(user, Role.EMPLOYER))
    return NoticeAnswer(**document)


@router.get("/receipts", tags=["contributions"])
def list_receipts(
    user: SignedIn, connection: Reading, cursor: Cursor = None, limit: Limit = 50
) -> Page[ReceiptSummary]:
    """Money that came in and where it was allocated; an employer's own, or all for finance staff."""
    own = _own(user, Role.EMPLOYER)
    found = contributions.list_receipts(connection, employer_id=own, after=place_of(cursor), limit=limit + 1)
    more = len(found) > limit
    return Page(items=found[:limit], next_cursor=cursor_at(found[limit - 1].receipt_no) if more else None)


UnitCode = Annotated[
    str | None,
    Query(max_length=20, description="Which employer; needed by finance staff alone.", pattern="^[A-Z0-9]+$"),
]


@router.get("/declarations", tags=["contributions"])
def list_declarations(
    user: SignedIn, connection: Reading, unit_code: UnitCode = None, cursor: Cursor = None, limit: Limit = 50
) -> Page[DeclarationSummary]:
    """What an employer has handed in, the latest first: accepted, or returned with the reasons."""
    employer_id, _ = contributions.employer_of(connection, _own(user, Role.EMPLOYER), unit_code)
    skip = place_of(cursor) or 0
    found = contributions.list_declarations(connection, employer_id, skip=skip, limit=limit + 1)
    return Page(items=found[:limit], next_cursor=cursor_at(skip + limit) if len(found) > limit else None)


@router.get("/declarations/{number:path}", tags=["contributions"])
def show_declaration(user: SignedIn, connection: Reading, number: str) -> CertificateAnswer:
    """The certificate of an accepted declaration; its number is such as `TZ0001Z/2026-10/1`."""
    return CertificateAnswer(**contributions.show_declaration(connection, number, _own(user, Role.EMPLOYER)))


@router.get("/results", tags=["contributions"])
def list_results(
    user: SignedIn,
    installation: TheInstallation,
    connection: Reading,
    unit_code: UnitCode = None,
    on: On = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[ResultAnswer]:
    """What is due, paid and unpaid for each worker by fund, by name (C83a-HD), as it stands on a day."""
    _, unit = contributions.employer_of(connection, _own(user, Role.EMPLOYER), unit_code)
    day, skip = on or clock_of(connection).today(), place_of(cursor) or 0
    results = results_of(connection, installation.vault, unit, day, Parameters.load())
    found = list(islice(results, skip, skip + limit + 1))
    shown = [ResultAnswer(**result.as_json()) for result in found[:limit]]
    return Page(items=shown, next_cursor=cursor_at(skip + limit) if len(found) > limit else None)


def _own(user: User, role: Role) -> UUID | None:
    """Whose matters a user may see: those of this role their own, finance staff all (None), others none."""
    if user.role not in (role, Role.FINANCE):
        raise NotForThisRole(NotForThisRole.__doc__)
    return user.subject
