"""The documents (văn bản) that law is cited from, and how a citation reads in both languages."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import yaml

from engine.law.errors import ParametersUnreadable

HOME = Path(__file__).parent
DOCUMENTS_FILE = HOME / "documents.yaml"

_KINDS = {
    "Bộ luật": "Labour Code",
    "Công văn": "Dispatch",
    "Giả định": "Assumption",
    "Luật": "Law",
    "Nghị quyết": "Resolution",
    "Nghị định": "Decree",
    "Quyết định": "Decision",
    "Thông tư": "Circular",
}
_REQUIRED = {"tag", "kind", "number", "title"}
_KNOWN = _REQUIRED | {"issued_on", "effective_on"}


@dataclass(frozen=True, slots=True)
class Document:
    """One legal document. Dates are None where we have not read them."""

    tag: str
    kind: str
    number: str
    title: str
    issued_on: date | None = None
    effective_on: date | None = None

    @property
    def english(self) -> str:
        return f"{_KINDS[self.kind]} {self.number}"

    @property
    def vietnamese(self) -> str:
        return f"{self.kind} {self.number}"


@dataclass(frozen=True, slots=True)
class Citation:
    """Article, clause and point (điều, khoản, điểm) of a document."""

    document: Document
    article: str
    clause: str | None = None
    point: str | None = None

    @property
    def vietnamese(self) -> str:
        point = f"điểm {self.point} " if self.point else ""
        clause = f"khoản {self.clause} " if self.clause else ""
        return f"{point}{clause}Điều {self.article} {self.document.vietnamese}"

    @property
    def english(self) -> str:
        clause = f"({self.clause})" if self.clause else ""
        point = f"({self.point})" if self.point else ""
        return f"{self.document.english}, Article {self.article}{clause}{point}"

    def as_json(self) -> dict[str, str | None]:
        return {
            "document": self.document.number,
            "article": self.article,
            "clause": self.clause,
            "point": self.point,
            "vi": self.vietnamese,
            "en": self.english,
        }


def read_documents(path: Path) -> Mapping[str, Document]:
    """Documents by their short tag."""
    problems: list[str] = []
    documents: dict[str, Document] = {}
    for entry in yaml.safe_load(path.read_text(encoding="utf-8")):
        tag = entry.get("tag", "?")
        unknown = set(entry) - _KNOWN
        missing = _REQUIRED - set(entry)
        if unknown or missing or entry["kind"] not in _KINDS:
            problems.append(f"{path.name}: {tag}: unknown {sorted(unknown)}, missing {sorted(missing)} or unknown kind")
        elif tag in documents:
            problems.append(f"{path.name}: {tag} stands twice")
        else:
            documents[tag] = Document(**entry)
    if problems:
        raise ParametersUnreadable(problems)
    return documents


@cache
def documents() -> Mapping[str, Document]:
    return read_documents(DOCUMENTS_FILE)


@cache
def cite(tag: str, article: str, clause: str | None = None, point: str | None = None) -> Citation:
    """A citation of a document in `documents.yaml`, for a rule to name its own article.

    >>> cite("L41", "66", "1").vietnamese
    'khoản 1 Điều 66 Luật 41/2024/QH15'
    """
    return Citation(documents()[tag], article, clause, point)
