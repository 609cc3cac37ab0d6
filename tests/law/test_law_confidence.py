"""A run names every unconfirmed value it rests on."""

from datetime import date

from engine.law.allocation import Debt, allocate
from engine.law.confidence import not_named, unconfirmed_values
from engine.law.findings import Record
from engine.law.funeral import assess_funeral
from engine.law.parameters import Parameters

LAW = Parameters.load()


def test_the_unconfirmed_values_of_many_decisions_are_told_once_with_their_ground() -> None:
    record = Record()
    for amount in (1, 2):
        allocate(amount, {"si": Debt(5, 0)}, date(2026, 8, 1), LAW, record)
    assess_funeral(date(2026, 8, 1), LAW, compulsory_months=12, record=record)

    (found,) = unconfirmed_values(record.as_json())

    assert (found.name, found.since, found.steps) == ("allocation_order", "2026-05-01", ("allocation",))
    assert "366/QĐ-BHXH" in found.citation_vi
    assert not_named(record.as_json(), ["allocation_order"]) == ()
    assert not_named(record.as_json(), []) == (found,)


def test_confirmed_decisions_rest_on_nothing_to_be_named() -> None:
    decision = assess_funeral(date(2026, 8, 1), LAW, compulsory_months=12)

    assert unconfirmed_values(decision.record.as_json()) == ()
