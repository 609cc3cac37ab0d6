"""A decision told to people: each step with its article, facts, formula in words and in numbers, rounding and result.

It reads findings as awards keep them (the JSON of `Finding.as_json`), so the terminal, the portal and the letter tell
the same story of a decision made today or years ago, in Vietnamese or in English.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cache
from typing import Any

import yaml

from engine.law.documents import HOME
from engine.law.parameters import Parameters

_PLAIN_MONEY = {
    "amount",
    "average",
    "average_6m",
    "computed",
    "debts_total",
    "funeral_grant",
    "last_month_wage",
    "monthly_allowance",
    "monthly_amount_before",
    "monthly_income",
    "one_time",
    "own_monthly_pension",
    "pension",
    "received",
    "retirement_lump_sum",
    "total",
}
_LONG_TABLE = 6
_TOKEN = re.compile(
    r"(?P<day>\d{4}-\d{2}-\d{2})|(?P<month>\d{4}-\d{2})(?![\d-])|(?P<years>\d+)y(?P<months>\d+)m"
    r"|(?P<whole>\d+)(?:\.(?P<part>\d+))?"
)


class Language(StrEnum):
    VIETNAMESE = "vi"
    ENGLISH = "en"


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact or a dated value of the law, by its name for people and its text."""

    label: str
    text: str
    ground: str | None = None
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Told:
    """One step as people read it; `rule` is its stable name."""

    number: int
    rule: str
    title: str
    article: str
    formula: str
    facts: tuple[Fact, ...]
    values: tuple[Fact, ...]
    numbers: str
    rounding: str | None
    result: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def tell(findings: Iterable[Mapping[str, Any]], language: Language) -> list[Told]:
    """The steps in the order in which the law was applied."""
    return [_told(number, finding, language) for number, finding in enumerate(findings, 1)]


def as_text(steps: Sequence[Told], language: Language) -> str:
    """The steps on plain lines, for a terminal or a file."""
    words = _LABELS[language]
    lines: list[str] = []
    for step in steps:
        lines += [f"{step.number}. {step.title} ({step.article})", f"   {step.formula}"]
        lines += [f"   {words['facts']}: " + "; ".join(f"{fact.label}: {fact.text}" for fact in step.facts)]
        lines += [f"   {words['law']}: {value.label}: {value.text} ({value.ground})" for value in step.values]
        lines += [f"   {words['numbers']}: {step.numbers}", f"   {words['rounding']}: {step.rounding}"]
        lines += [f"   {words['result']}: {step.result}", ""]
    empty = {f"   {words['facts']}: ", f"   {words['numbers']}: ", f"   {words['rounding']}: None"}
    return "\n".join(line for line in lines if line not in empty)


_LABELS = {
    Language.VIETNAMESE: {
        "facts": "Dữ kiện",
        "law": "Tham số",
        "numbers": "Tính",
        "rounding": "Làm tròn",
        "result": "Kết quả",
    },
    Language.ENGLISH: {
        "facts": "Facts",
        "law": "Value of law",
        "numbers": "Computed",
        "rounding": "Rounded",
        "result": "Result",
    },
}


def _told(number: int, finding: Mapping[str, Any], language: Language) -> Told:
    rule = finding["rule"]
    return Told(
        number=number,
        rule=rule,
        title=word("steps", rule, language),
        article=finding["article"][language],
        formula=finding["formula"][language],
        facts=tuple(
            Fact(word("facts", name, language), shown(name, value, language))
            for name, value in finding["inputs"].items()
            if value is not None and value != ""
        ),
        values=tuple(_value(used, language) for used in finding["parameters"]),
        numbers=in_language(finding["formula"]["numbers"], language),
        rounding=finding["rounding"] and _half(finding["rounding"], language),
        result=_result(finding, language),
    )


def _value(used: Mapping[str, Any], language: Language) -> Fact:
    parameter = Parameters.load().parameter(used["name"])
    label = parameter.label if language is Language.VIETNAMESE else used["name"].replace("_", " ")
    confidence = word("confidence", used["confidence"], language)
    ground = f"{used['citation'][language]}; {confidence}"
    return Fact(label, _shown(used["value"], language), ground, used["confidence"] != "unconfirmed")


def shown(name: str, value: Any, language: Language) -> str:
    """A fact or a result of this name as text, with its unit."""
    text = _shown(value, language)
    if type(value) is int and (name.endswith("_vnd") or name in _PLAIN_MONEY):
        return f"{text} {_dong(language)}"
    return f"{text} %" if name.endswith("percent") else text


def _result(finding: Mapping[str, Any], language: Language) -> str:
    """The value of a step; amounts of đồng are those that were rounded to whole ones or stand in millions."""
    value = finding["value"]
    amount = type(value) is int and (finding["rounding"] or value >= _AMOUNT)
    if amount or finding["rule"] in _EXACT_AMOUNTS:
        return f"{_shown(value, language)} {_dong(language)}"
    text = _shown(value, language)
    return f"{text} %" if finding["rule"] in ("pension_rate", "early_reduction") else text


_EXACT_AMOUNTS = {"indexed_wages", "state_average"}
"""Amounts that are carried on exactly, with their fractions of a đồng."""
_AMOUNT = 100_000
"""No count of months, days or persons is as large as that."""


def _dong(language: Language) -> str:
    return "đồng" if language is Language.VIETNAMESE else "VND"


def _shown(value: Any, language: Language) -> str:
    match value:
        case None:
            return "–"
        case bool():
            words = ("có", "không") if language is Language.VIETNAMESE else ("yes", "no")
            return words[not value]
        case dict():
            entries = [f"{word('entries', key, language)}: {_shown(entry, language)}" for key, entry in value.items()]
            more = f"; … ({len(entries)})" if len(entries) > _LONG_TABLE else ""
            return "; ".join(entries[:_LONG_TABLE]) + more
        case list():
            return ", ".join(_shown(entry, language) for entry in value) or "–"
        case int():
            return _number(str(value), None, language)
        case _:
            known = _words()["values"].get(str(value))
            return known[list(Language).index(language)] if known else in_language(str(value), language)


def word(kind: str, name: str, language: Language) -> str:
    """The name of a step, a fact or a confidence; a name without a word is shown as it is."""
    known = _words()[kind].get(name)
    return known[list(Language).index(language)] if known else name.replace("_", " ")


@cache
def _words() -> Mapping[str, Mapping[str, Sequence[str]]]:
    content: Mapping[str, Mapping[str, Sequence[str]]] = yaml.safe_load(
        (HOME / "words.yaml").read_text(encoding="utf-8")
    )
    return content


def in_language(text: str, language: Language) -> str:
    """Numbers, dates and ages of a formula as its readers write them.

    >>> in_language("10157062.5 × 63 % = 6398949", Language.VIETNAMESE)
    '10.157.062,5 × 63 % = 6.398.949'
    >>> in_language("1964-05 + 61y3m = 2025-08; 60 tháng / months", Language.ENGLISH)
    '05/1964 + 61 years 3 months = 08/2025; 60 months'
    """
    parts = [_half(part, language) for part in text.split("; ")]
    return _TOKEN.sub(lambda found: _token(found, language), "; ".join(parts))


def _half(text: str, language: Language) -> str:
    """Of words given as `tiếng Việt / English`, the half asked for; divisions stay as they are."""
    vietnamese, slash, english = text.rpartition(" / ")
    if not slash or not re.fullmatch(r"[a-zA-Zđ ,]+.*", english) or not re.search(r"[^\W\d_]{2}", vietnamese):
        return text
    if language is Language.VIETNAMESE:
        return vietnamese
    counted = re.match(r"[\d.,]+ ", vietnamese)
    return f"{counted.group()}{english}" if counted else english


def _token(found: re.Match[str], language: Language) -> str:
    if found["day"]:
        year, month, day = found["day"].split("-")
        return f"{day}/{month}/{year}" if language is Language.VIETNAMESE else found["day"]
    if found["month"]:
        return f"{found['month'][5:]}/{found['month'][:4]}"
    if found["years"]:
        years, months = ("tuổi", "tháng") if language is Language.VIETNAMESE else ("years", "months")
        return f"{found['years']} {years}" + (f" {found['months']} {months}" if found["months"] != "0" else "")
    return _number(found["whole"], found["part"], language)


def _number(whole: str, part: str | None, language: Language) -> str:
    """Thousands are grouped from five digits on, so that years stay years."""
    group, point = (".", ",") if language is Language.VIETNAMESE else (",", ".")
    grouped = f"{int(whole):,}".replace(",", group) if len(whole) > 4 else whole
    return f"{grouped}{point}{part}" if part else grouped
