"""Đơn vị sử dụng lao động: what is due, how to pay it, and where the money that came in went."""

from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import segno
from fastapi import APIRouter, Request
from fastapi.responses import Response
from markupsafe import Markup
from sqlalchemy import Connection, text

from engine.api.asking import Employer, Reading, TheInstallation, TheSession
from engine.api.contributions import NoticeSummary, list_corrections, list_notices, list_receipts, show_notice
from engine.contributions.declaration_returns import handled
from engine.contributions.employer import employer_on
from engine.contributions.lateness import months_owed
from engine.contributions.notices import Position, notice_pdf, position
from engine.contributions.results import results_of, write_results
from engine.installation import clock_of
from engine.law.parameters import Parameters
from engine.portal import pages, wording
from ledger.statement import statement
from ledger.window import Window

router = APIRouter(prefix="/employer")

_SHOWN = 36
"""Notices and receipts on the page, the latest: three years of months."""
_LINES_SHOWN = 500
"""Lines of one account on the page."""


@router.get("")
def show_home(
    request: Request, user: Employer, session: TheSession, installation: TheInstallation, connection: Reading
) -> Response:
    employer_id, today = own(user.subject), clock_of(connection).today()
    notices = list_notices(connection, today, employer_id=employer_id, latest_first=True, limit=_SHOWN)
    return pages.render(
        request,
        "employer/home.html",
        notices=[(notice, state_of(notice, today), (notice.due_on - today).days) for notice in notices],
        receipts=list_receipts(connection, employer_id=employer_id, latest_first=True, limit=_SHOWN),
        stands=standing(connection, employer_id, today),
        today=today,
        user=user,
        form_token=session.form_token(installation.vault) if session else "",
    )


@router.get("/account")
def show_account(
    request: Request, user: Employer, session: TheSession, installation: TheInstallation, connection: Reading
) -> Response:
    """The statement of the employer's account, as the ledger has it; months declared again; what is late."""
    employer_id, today = own(user.subject), clock_of(connection).today()
    unit_code = _unit_code(connection, employer_id)
    # This year and the one before; what came earlier is in the opening balance.
    since = date(today.year - 1, 1, 1)
    return pages.render(
        request,
        "employer/account.html",
        since=since,
        accounts=[
            (chart_code, statement(connection, f"{chart_code}.{unit_code}", Window(since=since), limit=_LINES_SHOWN))
            for chart_code in wording.EMPLOYER_ACCOUNTS
        ],
        declarations=handled(connection, employer_id, limit=_SHOWN),
        corrections=list_corrections(connection, employer_id, limit=_SHOWN),
        owed=months_owed(connection, employer_id, today, Parameters.load()),
        today=today,
        user=user,
        form_token=session.form_token(installation.vault) if session else "",
    )


@router.get("/account/c83a")
def download_results(user: Employer, installation: TheInstallation, connection: Reading) -> Response:
    """What is due, paid and unpaid for each worker by fund (C83a-HD), as a workbook."""
    clock = clock_of(connection)
    unit_code = _unit_code(connection, own(user.subject))
    results = results_of(connection, installation.vault, unit_code, clock.today(), Parameters.load())
    with TemporaryDirectory() as directory:
        path = Path(directory) / "c83a.xlsx"
        write_results(path, results, clock.now())
        content = path.read_bytes()
    return Response(
        content,
        media_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        headers={"Content-Disposition": f'attachment; filename="C83a-HD-{unit_code}.xlsx"'},
    )


@router.get("/notices/{notice_no}")
def show_one_notice(
    request: Request,
    user: Employer,
    session: TheSession,
    installation: TheInstallation,
    connection: Reading,
    notice_no: int,
) -> Response:
    employer_id, today = own(user.subject), clock_of(connection).today()
    document = show_notice(connection, installation.vault, notice_no, employer_id)
    (summary,) = list_notices(connection, today, employer_id=employer_id, after=notice_no - 1, limit=1)
    return pages.render(
        request,
        "employer/notice.html",
        notice=document,
        summary=summary,
        state_now=state_of(summary, today),
        days_left=(summary.due_on - today).days,
        today=today,
        qr=drawn(document["qr"]) if document["qr"] else None,
        user=user,
        form_token=session.form_token(installation.vault) if session else "",
    )


@router.get("/notices/{notice_no}/pdf")
def download_notice(user: Employer, installation: TheInstallation, connection: Reading, notice_no: int) -> Response:
    """The notice as it is printed."""
    document = show_notice(connection, installation.vault, notice_no, own(user.subject))
    name = f"thong-bao-dong-{notice_no}.pdf"
    return Response(
        notice_pdf(document),
        media_type="application/pdf",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def state_of(notice: NoticeSummary, today: date) -> str:
    """Where a notice stands, as one of `wording.NOTICE_STATES`."""
    if notice.outstanding_vnd == 0:
        return "paid"
    if notice.announced_vnd >= notice.outstanding_vnd:
        return "announced"
    if notice.principal_outstanding_vnd == 0:
        return "charge_owed"
    if today > notice.due_on:
        return "overdue"
    return "open" if notice.principal_outstanding_vnd == notice.dues_vnd else "partly_paid"


def own(subject: UUID | None) -> UUID:
    """The employer that a user of one stands for."""
    assert subject is not None  # noqa: S101  an employer's user always names the employer
    return subject


def _unit_code(connection: Connection, employer_id: UUID) -> str:
    found: str = connection.execute(
        text("SELECT unit_code FROM engine.employer WHERE employer_id = :id"), {"id": employer_id}
    ).scalar_one()
    return found


def standing(connection: Connection, employer_id: UUID, today: date) -> Position | None:
    """What an employer owes and has paid ahead; None if it is not on record for the day."""
    employer = employer_on(connection, _unit_code(connection, employer_id), today)
    return position(connection, employer, today, Parameters.load()) if employer else None


def drawn(content: str) -> Markup:
    """The QR code as a drawing inside the page: made of digits and our own text, so nothing in it can be markup."""
    drawing = segno.make(content, error="m", micro=False).svg_inline(
        border=4, omitsize=True, svgclass=None, lineclass=None
    )
    return Markup(drawing)  # noqa: S704  see above
