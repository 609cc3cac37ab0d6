"""The letter of a decision (văn bản giải trình quyết định): its outcome and every legal ground, as PDF.

The same data gives the same bytes: no date of printing, no font of the machine.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from typing import Any

import typst

from engine.law.confidence import unconfirmed_values
from engine.law.telling import Language, in_language, tell

_WORDS: Mapping[Language, Mapping[str, str]] = {
    Language.VIETNAMESE: {
        "number": "Số",
        "day": "ngày",
        "to": "Kính gửi",
        "grounds": "Căn cứ pháp lý và cách tính",
        "numbers": "Tính",
        "rounding": "Làm tròn",
        "result": "Kết quả",
        "page": "trang",
        "unconfirmed": "Giá trị chưa được xác nhận trong văn bản",
    },
    Language.ENGLISH: {
        "number": "No.",
        "day": "of",
        "to": "To",
        "grounds": "Legal grounds and computation",
        "numbers": "Computed",
        "rounding": "Rounded",
        "result": "Result",
        "page": "page",
        "unconfirmed": "Values not confirmed in the text of the law",
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What stands on the letter beside the grounds. `outcome`: labels and texts, in the language of the letter."""

    title: str
    number: str
    issued_on: date
    outcome: Sequence[tuple[str, str]]
    addressee: str = ""
    language: Language = Language.VIETNAMESE


def letter_document(letter: Letter, findings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Everything on the letter as JSON data; findings come as awards keep them."""
    language = letter.language
    return {
        "title": letter.title,
        "number": letter.number,
        "issued_on": in_language(letter.issued_on.isoformat(), language),
        "addressee": letter.addressee,
        "language": language.value,
        "outcome": [list(row) for row in letter.outcome],
        "steps": [step.as_json() for step in tell(findings, language)],
        "unconfirmed": [
            f"{value.name}: {value.citation_vi if language is Language.VIETNAMESE else value.citation_en}"
            for value in unconfirmed_values(findings)
        ],
        "words": dict(_WORDS[language]),
    }


def letter_pdf(document: Mapping[str, Any]) -> bytes:
    """The letter as PDF."""
    inputs = {"letter": json.dumps(document, ensure_ascii=False)}
    template = files("engine.law").joinpath("letter.typ").read_bytes()
    compiled = typst.Compiler(template, ignore_system_fonts=True).compile(format="pdf", sys_inputs=inputs)
    if not isinstance(compiled, bytes):
        raise TypeError("a letter is one PDF")
    return compiled
