"""Invented people: names, birth dates, numbers and bank accounts, drawn from one seeded stream.

Nobody here is real. Names are put together at random, ids have random digits, and telephone numbers stand in 053, a
block that no operator has been given.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Any

import yaml

from engine.people.accounts import Account, number_problem
from engine.people.person import Person, provinces
from engine.people.workbook import fold
from gateways.banks.directory import banks

REFUSED_ENDINGS = ("9001", "9002", "9003")
"""Accounts the simulated bank refuses: unknown, closed, holder's name differs."""
RETURNED_ENDINGS = ("9011", "9012", "9013")
"""Accounts the simulated bank pays and gives back a day later: closed, holder's name differs, holder dead."""

_MISBEHAVING = (*REFUSED_ENDINGS, *RETURNED_ENDINGS, "9004")

# Share of payees in percent and length of account numbers, by bank code: banks with many branches lead.
_BANKS: Mapping[str, tuple[int, int]] = MappingProxyType({
    "VBA": (26, 13), "ICB": (17, 12), "BIDV": (16, 14), "VCB": (14, 13), "MB": (7, 13), "LPB": (5, 12),
    "TCB": (4, 14), "ACB": (3, 9), "STB": (2, 12), "VPB": (2, 12), "SHB": (1, 10), "HDB": (1, 15),
    "TPB": (1, 11), "MSB": (1, 14),
})  # fmt: skip


@dataclass(slots=True)
class Inventor:
    """Draws people one after another; no two share a number."""

    random: Random
    taken: set[str] = field(default_factory=set)

    def person(self, sex: str, birth_date: date, province: str | None = None) -> Person:
        parts = _names()[sex]
        surnames: dict[str, int] = _names()["surnames"]
        surname = self.random.choices(list(surnames), list(surnames.values()))[0]
        name = f"{surname} {self.random.choice(parts['middle'])} {self.random.choice(parts['given'])}"
        province = province or self.random.choice(sorted(provinces()))
        century_and_sex = (birth_date.year // 100 - 19) * 2 + (sex == "F")
        return Person(
            name=name,
            sex=sex,
            birth_date=birth_date,
            personal_id=self._number(f"0{province}{century_and_sex}{birth_date.year % 100:02}", 6),
            insured_number=self._number(province, 8),
            phone=self._number("053", 7) if self.random.random() < 0.7 else None,
            province=province,
            area=self.random.choices(("urban", "rural", "special_zone"), (45, 54, 1))[0],
        )

    def day_between(self, first: date, last: date) -> date:
        return first + timedelta(days=self.random.randint(0, (last - first).days))

    def account(self, holder: Person, ending: str | None) -> Account:
        """An account in the holder's own name; only one with a given ending ends like a misbehaving one."""
        codes = list(_BANKS)
        code = self.random.choices(codes, [share for share, _ in _BANKS.values()])[0]
        length = _BANKS[code][1]
        while True:
            number = str(self.random.randint(1, 9)) + self._digits(length - 1)
            if ending is not None:
                number = number[: -len(ending)] + ending
            elif number.endswith(_MISBEHAVING):
                continue
            if number not in self.taken and number_problem(number) is None:
                self.taken.add(number)
                return Account(_bin_of()[code], number, fold(holder.name))

    def _number(self, beginning: str, random_digits: int) -> str:
        while (number := beginning + self._digits(random_digits)) in self.taken:
            pass
        self.taken.add(number)
        return number

    def _digits(self, count: int) -> str:
        return f"{self.random.randrange(10**count):0{count}}"


@cache
def _bin_of() -> dict[str, str]:
    return {bank.code: bank.bin for bank in banks().values()}


@cache
def _names() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "names.yaml").read_text(encoding="utf-8"))
    return content
