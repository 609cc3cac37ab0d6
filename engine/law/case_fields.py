"""Reading the `given` part of a case strictly: each kind of value has one reader that says what is wrong with it.

A reader takes the value, its place and the list of problems; it returns what it read, or None after adding a problem.
"""

import re
import reprlib
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from engine.law.calendar import MONTHS_IN_YEAR, Month

Reader = Callable[[Any, str, list[str]], Any]

_NUMBER = re.compile(r"\d+(\.\d+)?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_AGE = re.compile(r"(\d{1,3})y(\d{1,2})m")
_LARGEST = 10**15
_YEARS = range(1900, 2200)


def whole(lowest: int = 0, highest: int = _LARGEST) -> Reader:
    """A whole number: đồng, months, days, persons."""

    def read(value: Any, place: str, problems: list[str]) -> int | None:
        if type(value) is not int:
            problems.append(f"{place}: must be a whole number, not {shown(value)}")
            return None
        if not lowest <= value <= highest:
            problems.append(f"{place}: {value} is impossible, it must lie between {lowest} and {highest}")
            return None
        return value

    return read


_WHOLE = re.compile(r"-?\d{1,18}")


def whole_text(lowest: int = 0, highest: int = _LARGEST) -> Reader:
    """A whole number as a cell of a table holds it."""
    read_whole = whole(lowest, highest)

    def read(value: Any, place: str, problems: list[str]) -> int | None:
        read: int | None = read_whole(int(value) if _WHOLE.fullmatch(value) else value, place, problems)
        return read

    return read


def flag_text(value: Any, place: str, problems: list[str]) -> bool | None:
    """Yes or no as a cell of a table holds it."""
    return flag({"true": True, "false": False}.get(value, value), place, problems)


def number(lowest: int = 0, highest: int = _LARGEST) -> Reader:
    """A whole number, or a fraction as quoted text; read exactly."""

    def read(value: Any, place: str, problems: list[str]) -> Decimal | None:
        if type(value) is int or (isinstance(value, str) and _NUMBER.fullmatch(value)):
            exact = Decimal(value)
        else:
            problems.append(f"{place}: must be a number (a fraction as quoted text), not {shown(value)}")
            return None
        if not lowest <= exact <= highest:
            problems.append(f"{place}: {value} is impossible, it must lie between {lowest} and {highest}")
            return None
        return exact

    return read


def flag(value: Any, place: str, problems: list[str]) -> bool | None:
    if isinstance(value, bool):
        return value
    problems.append(f"{place}: must be true or false, not {shown(value)}")
    return None


def text(value: Any, place: str, problems: list[str]) -> str | None:
    if isinstance(value, str) and value.strip():
        return value
    problems.append(f"{place}: must be text, not {shown(value)}")
    return None


def day(value: Any, place: str, problems: list[str]) -> date | None:
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            read = date.fromisoformat(value)
        except ValueError:
            problems.append(f"{place}: there is no day {value}")
            return None
        return read if _in_living_memory(read, read.year, place, problems) else None
    problems.append(f"{place}: must be a date YYYY-MM-DD, not {shown(value)}")
    return None


def month(value: Any, place: str, problems: list[str]) -> Month | None:
    try:
        read = Month.parse(value if isinstance(value, str) else "")
    except ValueError:
        problems.append(f"{place}: must be a month YYYY-MM, not {shown(value)}")
        return None
    return read if _in_living_memory(read, read.year, place, problems) else None


def _in_living_memory(read: date | Month, year: int, place: str, problems: list[str]) -> bool:
    if year not in _YEARS:
        problems.append(f"{place}: {read} is impossible, years lie between {_YEARS.start} and {_YEARS.stop - 1}")
    return year in _YEARS


def age(value: Any, place: str, problems: list[str]) -> int | None:
    """An age such as 53y0m, in months."""
    found = _AGE.fullmatch(value) if isinstance(value, str) else None
    if found and int(found[2]) < MONTHS_IN_YEAR:
        return int(found[1]) * MONTHS_IN_YEAR + int(found[2])
    problems.append(f"{place}: must be an age such as 53y0m, not {shown(value)}")
    return None


def days_between(value: Any, place: str, problems: list[str]) -> tuple[date, date] | None:
    """A range of days FROM..TO, both included."""
    ends = value.split("..") if isinstance(value, str) else []
    if len(ends) != 2:
        problems.append(f"{place}: must be a range YYYY-MM-DD..YYYY-MM-DD, not {shown(value)}")
        return None
    first, last = day(ends[0], place, problems), day(ends[1], place, problems)
    if first is None or last is None:
        return None
    if last < first:
        problems.append(f"{place}: {value} ends before it begins")
        return None
    return first, last


def ranges(value: Any, place: str, problems: list[str]) -> Any:
    """One range of days, or a list of them."""
    if isinstance(value, str):
        value = [value]
    return list_of(days_between)(value, place, problems)


def word(words: Mapping[str, Any] | type[StrEnum]) -> Reader:
    """One of a few spellings, each with what it stands for."""
    meanings: Mapping[str, Any] = words if isinstance(words, Mapping) else {member.value: member for member in words}

    def read(value: Any, place: str, problems: list[str]) -> Any:
        if isinstance(value, str) and value in meanings:
            return meanings[value]
        problems.append(f"{place}: {shown(value)} is none of {', '.join(sorted(meanings))}")
        return None

    return read


def list_of(reader: Reader, fewest: int = 1) -> Reader:
    def read(value: Any, place: str, problems: list[str]) -> Any:
        if not isinstance(value, list) or len(value) < fewest:
            problems.append(f"{place}: must be a list with at least {fewest} entries, not {shown(value)}")
            return None
        return tuple(reader(entry, f"{place}[{number_of}]", problems) for number_of, entry in enumerate(value, 1))

    return read


def table(required: Mapping[str, Reader], optional: Mapping[str, Reader] | None = None) -> Reader:
    """A mapping with fixed keys; a key with null counts as absent."""
    known = {**required, **(optional or {})}

    def read(value: Any, place: str, problems: list[str]) -> Any:
        if not isinstance(value, Mapping):
            problems.append(f"{place}: must be a table with keys, not {shown(value)}")
            return None
        return read_keys(value, known, tuple(required), place, problems)

    return read


def mapping_of(keys: Reader, values: Reader) -> Reader:
    """A mapping whose keys are data themselves."""

    def read(value: Any, place: str, problems: list[str]) -> Any:
        if not isinstance(value, Mapping) or not value:
            problems.append(f"{place}: must be a table with keys, not {shown(value)}")
            return None
        return {
            keys(key, f"{place}.{key}", problems): values(entry, f"{place}.{key}", problems)
            for key, entry in value.items()
        }

    return read


def read_keys(
    given: Mapping[str, Any], known: Mapping[str, Reader], required: Sequence[str], place: str, problems: list[str]
) -> dict[str, Any]:
    """Reads all keys that are known, and names those that are unknown or missing."""
    problems += [f"{place}.{key}: unknown key" for key in given if key not in known]
    problems += [f"{place}.{key}: missing" for key in required if given.get(key) is None]
    return {
        key: known[key](value, f"{place}.{key}", problems)
        for key, value in given.items()
        if key in known and value is not None
    }


_SHORT = reprlib.Repr()
"""A value in a message stays short, however much aliases of the file have blown it up."""
_SHORT.maxlevel, _SHORT.maxdict, _SHORT.maxlist, _SHORT.maxstring = 2, 3, 3, 60


def shown(value: Any) -> str:
    """A value as a message quotes it."""
    return "nothing" if value is None else _SHORT.repr(value)
