"""From a template and its values to a page: languages, the words around every page, and pages that refuse."""

import io
from collections.abc import Callable, Sequence
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import structlog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.exceptions import HTTPException

from engine.api import problems
from engine.api.errors import NoIdentity, NotSignedIn
from engine.portal import wording

HERE = Path(__file__).parent
STATIC = HERE / "static"
CATALOGUE = HERE.parent / "locale" / "en" / "LC_MESSAGES" / "portal.po"
LANGUAGES = ("vi", "en")


def render(request: Request, template: str, *, status: HTTPStatus = HTTPStatus.OK, **values: Any) -> HTMLResponse:
    """The page of a template in the language of the address."""
    language = language_of(request)
    values.setdefault("user", None)
    values.setdefault("form_token", "")
    content = (
        _environment(language)
        .get_template(template)
        .render(
            language=language,
            address=request.scope["path"],
            link=_links(language),
            other_language=_other(request),
            **values,
        )
    )
    return HTMLResponse(content, status_code=status)


def language_of(request: Request) -> str:
    return "en" if request.query_params.get("lang") == "en" else "vi"


def address(request: Request, path: str, **query: str) -> str:
    """An address of ours that keeps the language."""
    return _links(language_of(request))(path, **query)


def refusal(request: Request, error: Exception) -> Response:
    """A refusal as a page; whoever is not signed in is led to the door."""
    if isinstance(error, NotSignedIn):
        return RedirectResponse(address(request, "/sign-in"), HTTPStatus.SEE_OTHER)
    status = problems.status_of(error)
    if isinstance(error, NoIdentity):
        return render(request, "no_identity.html", status=status)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        structlog.get_logger().error("page_failed", path=request.scope["path"], exc_info=error)
    return _refused(request, status)


def misunderstood(request: Request, error: Exception) -> Response:
    """An address that stands for nothing, or values behind it that are not what the page knows: each is named."""
    assert isinstance(error, RequestValidationError)  # noqa: S101  registered for this class alone
    places = [found["loc"] for found in error.errors()]
    if any(place[0] == "path" for place in places):
        return _refused(request, HTTPStatus.NOT_FOUND)
    return _refused(request, HTTPStatus.BAD_REQUEST, [str(place[1]) for place in places if len(place) > 1])


def not_served(request: Request, error: Exception) -> Response:
    """No such address, or one that is not asked for in this way."""
    assert isinstance(error, HTTPException)  # noqa: S101  registered for this class alone
    return _refused(request, HTTPStatus(error.status_code))


def _refused(request: Request, status: HTTPStatus, wrong: Sequence[str] = ()) -> Response:
    """A page that says what cannot be shown, and what the visitor can do; `wrong` names values of the address."""
    trace_id = structlog.contextvars.get_contextvars().get("correlation_id")
    failed = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return render(
        request,
        "refused.html",
        status=status,
        words=wording.REFUSALS.get(status, wording.FAILED if failed else wording.REFUSALS[HTTPStatus.BAD_REQUEST]),
        wrong=[wording.PARAMETERS[name] for name in dict.fromkeys(wrong) if name in wording.PARAMETERS],
        trace_id=trace_id if failed else None,
    )


def _links(language: str) -> Callable[..., str]:
    def link(path: str, **query: str) -> str:
        if language != "vi":
            query["lang"] = language
        return f"{path}?{urlencode(query)}" if query else path

    return link


def _other(request: Request) -> str:
    """The same page in the other language; after a form that was refused, the first page.

    The path is what somebody typed: as a link it begins with one slash, or a browser would read a host's name in it.
    """
    kept = {name: value for name, value in request.query_params.items() if name != "lang"}
    if language_of(request) == "vi":
        kept["lang"] = "en"
    typed = request.scope["path"] if request.method == "GET" else ""
    path = "/" + quote(typed.lstrip("/\\"))
    return f"{path}?{urlencode(kept)}" if kept else path


@cache
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=PackageLoader("engine.portal"),
        extensions=["jinja2.ext.i18n"],
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # The extension of Jinja adds this method when it is loaded.
    environment.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]
    environment.filters |= {
        "money": wording.money,
        "count": wording.count,
        "day": wording.day,
        "month": wording.month,
        "instant": wording.instant,
        "numbers": lambda formula: wording.numbers(formula, language),
        "bilingual": lambda words: wording.bilingual(words, language),
        "reason": wording.reason_of,
        # `_()` takes its text for markup and for a pattern with per cent signs: what people and banks write goes here.
        "said": translations(language).gettext,
    }
    environment.globals["wording"] = wording
    return environment


@cache
def translations(language: str) -> NullTranslations:
    """Vietnamese is what the pages are written in; English comes from the catalogue."""
    if language == "vi":
        return NullTranslations()
    with CATALOGUE.open("rb") as file:
        catalogue = read_po(file, locale="en")
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)
