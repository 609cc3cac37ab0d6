"""The form of a rule in case files: its keys, and the function that assesses it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from engine.law.case_fields import Reader, day, number, whole, word
from engine.law.errors import LawError
from engine.law.findings import Record
from engine.law.parameters import Parameters
from engine.law.people import Category, Sex


class KeysMissing(LawError):
    """A case lacks keys that its rule needs."""

    code = "case_keys_missing"

    def __init__(self, keys: tuple[str, ...]) -> None:
        super().__init__(f"missing: {', '.join(keys)}")
        self.keys = keys


class Given(dict[str, Any]):
    """What a case gives, read; a key that is absent means "ordinary"."""

    def need(self, *keys: str) -> None:
        """Names all keys that are missing, at once."""
        missing = tuple(key for key in keys if key not in self)
        if missing:
            raise KeysMissing(missing)

    def need_one(self, *keys: str) -> None:
        if not any(key in self for key in keys):
            raise KeysMissing((" or ".join(keys),))


Assess = Callable[[Given, date, Parameters, Record], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Form:
    """A rule as case files name it."""

    rule: str
    keys: Mapping[str, Reader]
    assess: Assess


FORMS: dict[str, Form] = {}


def rule(name: str, **keys: Reader) -> Callable[[Assess], Assess]:
    """Enters a function as the assessment of the rule of that name, with the keys it may be given."""

    def enter(assess: Assess) -> Assess:
        FORMS[name] = Form(name, keys, assess)
        return assess

    return enter


def _impairment(value: Any, place: str, problems: list[str]) -> Any:
    """Percent of ability to work that is lost."""
    percent = PERCENT(value, place, problems)
    return percent if percent is None or percent % 1 else int(percent)


MONEY = whole()
MONTHS = whole(0, 1200)
YEARS = number(0, 100)
PERCENT = number(0, 100)
IMPAIRMENT: Reader = _impairment
RATE = number(0, 1000)
COEFFICIENT = number(0, 100)
DAYS = whole(0, 366)
YEAR = whole(1900, 2100)
DAY = day
SEX = word(Sex)

TOP_UP = "missing months top-up"
CATEGORIES: Mapping[str, Category] = {
    "a": Category.EMPLOYEE,
    "k": Category.COMMUNE_OFFICIAL,
    "k (commune part-time official)": Category.COMMUNE_OFFICIAL,
    "l": Category.PART_TIME,
    "part-time": Category.PART_TIME,
    "m": Category.HOUSEHOLD_OWNER,
    "m (household business owner)": Category.HOUSEHOLD_OWNER,
}
CATEGORY = word(CATEGORIES)
CONTRIBUTION_CATEGORY = word({**CATEGORIES, TOP_UP: TOP_UP})
REGION = word({region: region for region in ("I", "II", "III", "IV")})
