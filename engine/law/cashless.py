"""Chỉ tiêu chi không dùng tiền mặt: what share of recipients is to be paid cashless."""

from dataclasses import dataclass
from datetime import date

from engine.law.documents import Citation
from engine.law.parameters import Parameters


@dataclass(frozen=True, slots=True)
class CashlessTarget:
    """Of the persons in an area who receive a benefit, the whole percent that is to be reached."""

    area: str
    percent_of_persons: int
    citation: Citation


def cashless_target(on: date, law: Parameters) -> CashlessTarget:
    """The target that holds on a day.

    >>> cashless_target(date(2026, 11, 1), Parameters.load()).percent_of_persons
    50
    """
    target = law.at("cashless_target", on)
    return CashlessTarget(target.value["area"], target.value["percent_of_persons"], target.citation)
