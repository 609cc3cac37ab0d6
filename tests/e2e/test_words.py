"""Every word of the portal is said in both languages, and every state, class and rule has its word."""

import re

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from engine import bookkeeping
from engine.law import average, funeral, indexation, pension, pension_rate, retirement, survivors
from engine.law.findings import Step
from engine.payments.payment import PaymentState
from engine.portal import explanation, pages, wording
from reconciliation.breaks import BreakClass, Owner

_RULES = (average, funeral, indexation, pension, pension_rate, retirement, survivors)


def spoken() -> set[str]:
    """Every text that the templates and the tables of words hold."""
    found = extract_from_dir(
        str(pages.HERE),
        method_map=[("**.html", "jinja2"), ("**.py", "python")],
        options_map={"**.html": {"extensions": "jinja2.ext.i18n", "newstyle_gettext": "true"}},
    )
    return {str(message) for _file, _line, message, _comments, _context in found}


def test_every_word_has_its_english_and_no_english_is_left_over() -> None:
    """Add the missing text to engine/locale/en/LC_MESSAGES/portal.po; take out what no page says any more."""
    with pages.CATALOGUE.open("rb") as file:
        catalogue = {str(message.id): str(message.string) for message in read_po(file, locale="en") if message.id}
    assert {text for text in spoken() if not catalogue.get(text)} == set()
    assert set(catalogue) - spoken() == set()
    for text, english in catalogue.items():
        assert sorted(re.findall(r"%\(\w+\)s", text)) == sorted(re.findall(r"%\(\w+\)s", english)), text


@pytest.mark.parametrize(
    ("words", "members"),
    [
        (wording.PAYMENT_STATES, PaymentState),
        (wording.STATES_TOLD_TO_PAYEES, PaymentState),
        (wording.BREAKS, BreakClass),
        (wording.OWNERS, Owner),
    ],
)
def test_every_member_has_its_word(words: dict[str, object], members: type[PaymentState]) -> None:
    assert set(words) == set(members)


def test_every_event_of_a_payment_has_its_word() -> None:
    """Give a new event its word in engine/portal/wording.py."""
    of_payments = (bookkeeping.PaymentEvent, bookkeeping.SetOffEvent)
    events = {event.name for event in vars(bookkeeping).values() if isinstance(event, of_payments)}
    assert set(wording.EVENTS) == events


def test_every_event_of_an_employers_account_has_its_word() -> None:
    """Give a new event its word in engine/portal/wording.py."""
    events = {event.name for event in vars(bookkeeping).values() if isinstance(event, bookkeeping.EmployerEvent)}
    of_refunds = {bookkeeping.RUN_APPROVED.name, bookkeeping.PAYMENT_CANCELLED.name}
    assert set(wording.EMPLOYER_EVENTS) == events | of_refunds


def test_every_rule_that_an_award_can_rest_on_has_a_title() -> None:
    """Give a new rule its title in engine/portal/explanation.py."""
    rules = {step.rule for room in _RULES for step in vars(room).values() if isinstance(step, Step)}
    assert rules - set(explanation.TITLES) == set()


def test_numbers_are_written_as_people_here_write_them() -> None:
    assert wording.money(1_234_567) == "1.234.567\u00a0₫"
    assert wording.numbers("201.36 × 2530000 / 96 = 5306675", "vi") == "201,36 × 2.530.000 / 96 = 5.306.675"
    assert wording.numbers("1969-09 + 57y0m = 2026-09; 2026-10-01", "vi") == "09/1969 + 57 tuổi = 09/2026; 01/10/2026"
    assert wording.numbers("60 tháng / months", "en") == "60 months"
    assert wording.share(0, 0) == "0,0\u00a0%"
