"""The page of all parameters: every dated value with its citation and how sure we are of it.

`docs/law-parameters.md` is this page as `thuchi law page` prints it; a test keeps the two equal.
"""

from collections.abc import Mapping
from typing import Any

from engine.law.documents import Document, documents
from engine.law.findings import plain
from engine.law.parameters import Confidence, DatedValue, Parameter, Parameters

_WORDS = {
    Confidence.OFFICIAL: "official",
    Confidence.SECONDARY: "secondary",
    Confidence.UNCONFIRMED: "**unconfirmed**",
}
_LONG_TABLE = 12
_PREAMBLE = (
    "Written by `thuchi law page`; do not edit. Confidence: *official* was read in the text or an official scan, "
    "*secondary* comes from the press, summaries or other people's tests, **unconfirmed** is remembered or "
    "reconstructed and must be named by a run that rests on it."
)


def parameters_page(law: Parameters) -> str:
    """All parameters as Markdown, by area; the same law gives the same page."""
    parameters = [law.parameter(name) for name in law.names()]
    values = [value for parameter in parameters for value in parameter.values]
    counts = {word: sum(value.confidence is word for value in values) for word in Confidence}
    lines = [
        "# Parameters of the law",
        "",
        _PREAMBLE,
        "",
        f"{len(parameters)} parameters, {len(values)} dated values: "
        + ", ".join(f"{number} {word.value}" for word, number in counts.items())
        + ".",
    ]
    for area in sorted({parameter.area for parameter in parameters}):
        lines += ["", f"## {area}"]
        for parameter in parameters:
            if parameter.area == area:
                lines += ["", *_section(parameter)]
    lines += ["", "## Documents", "", *_documents(documents())]
    return "\n".join(lines) + "\n"


def _section(parameter: Parameter) -> list[str]:
    lines = [
        f"### {parameter.name}",
        "",
        f"{parameter.label}. {parameter.description}. Unit: {parameter.unit}.",
        "",
        "| From | To | Value | Citation | Confidence |",
        "|---|---|---|---|---|",
    ]
    dated = [(value.starts_on, _row(value)) for value in parameter.values]
    dated += [
        (gap.starts_on, f"| {gap.starts_on} | {gap.ends_on} | *no value: {gap.why}* | | |") for gap in parameter.gaps
    ]
    return lines + [row for _, row in sorted(dated)]


def _row(value: DatedValue) -> str:
    doubts = ", ".join(f"{key}: {_WORDS[word]}" for key, word in value.doubtful.items())
    confidence = _WORDS[value.confidence] + (f" ({doubts})" if doubts else "")
    return (
        f"| {value.starts_on} | {value.ends_on or ''} | {_shown(value.value)} | {value.citation.vietnamese} | "
        f"{confidence} |"
    )


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        entries = [f"{key}: {_shown(entry)}" for key, entry in value.items()]
        if len(entries) > _LONG_TABLE:
            return f"{entries[0]} … {entries[-1]} ({len(entries)} rows)"
        return "; ".join(entries) or "–"
    if isinstance(value, tuple):
        return "[" + ", ".join(_shown(entry) for entry in value) + "]"
    return f"{value:,}" if type(value) is int and value >= 10_000 else str(plain(value))


def _documents(known: Mapping[str, Document]) -> list[str]:
    rows = ["| Document | Title | Issued | In force |", "|---|---|---|---|"]
    for document in sorted(known.values(), key=lambda one: (one.kind, one.number)):
        if document.kind != "Giả định":
            rows.append(
                f"| {document.vietnamese} | {document.title} | {document.issued_on or ''} | "
                f"{document.effective_on or ''} |"
            )
    return rows
