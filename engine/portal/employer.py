"""Đơn vị sử dụng lao động: what is due, how to pay it, and where the money that came in went."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from engine.api.asking import Employer, TheInstallation, TheSession
from engine.portal import pages

router = APIRouter(prefix="/employer")


@router.get("")
def show_home(request: Request, user: Employer, session: TheSession, installation: TheInstallation) -> Response:
    return pages.render(
        request,
        "employer/home.html",
        notices=[],
        user=user,
        form_token=session.form_token(installation.vault) if session else "",
    )
