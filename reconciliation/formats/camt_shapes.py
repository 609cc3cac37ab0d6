"""Elements that look alike are read alike: where in them the wanted texts stand is worked out once for each shape.

The entries of a bank differ in their texts and hardly ever in their structure, and walking a tree of elements in Python
costs far more than parsing it. So an element is written out as text again, which is quick, and cut at its texts: what
remains, tags, attributes and blanks, is its shape. The reading function is run on the first element of a shape, and
once more on the same shape with numbers in place of texts, which tells the text that each field comes from. If the two
do not agree, or the function refuses the shape, every element of it is read the long way.
"""

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Final

from lxml import etree

Fields = tuple[str | None, ...]
"""What a reading function finds: texts without surrounding blanks, several of one kind joined by line breaks."""

_TEXT: Final = re.compile(r">([^<]+)<")
_MARK: Final = re.compile("\ue000([0-9]+)\ue001")
_SHAPES_AT_MOST: Final = 1_000


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where the fields of a shape stand, among its texts and then what is the same in all its elements."""

    pick: Callable[[list[str | None]], Fields]
    constants: list[str | None]
    joined: tuple[tuple[int, tuple[int, ...]], ...]
    """Fields that join several texts, and which."""

    def fill(self, texts: list[str | None]) -> Fields:
        fields = self.pick([*texts, *self.constants])
        if not self.joined:
            return fields
        filled = list(fields)
        for field, places in self.joined:
            filled[field] = "\n".join([text for place in places if (text := texts[place])]) or None
        return tuple(filled)


class Shapes:
    """Reads elements of one kind by one function, remembering their shapes."""

    def __init__(self, extract: Callable[[etree._Element], Fields]) -> None:
        self._extract = extract
        self._plans: dict[str, _Plan | None] = {}

    def read(self, element: etree._Element, written: str) -> Fields:
        """The fields of an element, as the function finds them; `written` is the element as text."""
        parts = _TEXT.split(written)
        shape = "\0".join(parts[::2])
        if shape not in self._plans:
            return self._learn(element, shape, parts)
        plan = self._plans[shape]
        return self._extract(element) if plan is None else plan.fill(_texts(parts, written))

    def _learn(self, element: etree._Element, shape: str, parts: list[str]) -> Fields:
        fields = self._extract(element)
        if len(self._plans) < _SHAPES_AT_MOST:
            texts = _texts(parts, "&")
            plan = _plan(self._extract(_numbered(parts)), len(texts))
            self._plans[shape] = plan if plan is not None and plan.fill(texts) == fields else None
        return fields


def written_out(element: etree._Element) -> str:
    """An element as text, without what follows it."""
    return etree.tostring(element, encoding="unicode", with_tail=False)


def _texts(parts: list[str], written: str) -> list[str | None]:
    """The texts as they were before the element was written out, without surrounding blanks; none of a blank one."""
    texts = parts[1::2]
    return [text.strip() or None for text in (map(html.unescape, texts) if "&" in written else texts)]


def _numbered(parts: list[str]) -> etree._Element:
    """The same shape with the number of each text in its place."""
    written = [parts[0]]
    for place, rest in enumerate(parts[2::2]):
        written += [f">\ue000{place}\ue001<", rest]
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    return etree.fromstring("".join(written), parser)


def _plan(numbered: Sequence[str | None], texts: int) -> _Plan | None:
    """Where the text of each field stands; none if a field is more than its texts."""
    constants: list[str | None] = []
    joined: list[tuple[int, tuple[int, ...]]] = []
    places: list[int] = []
    for position, field in enumerate(numbered):
        found = [int(place) for place in _MARK.findall(field)] if field is not None else []
        if field is not None and found and _MARK.sub("", field).strip("\n"):
            return None
        if len(found) == 1:
            places.append(found[0])
            continue
        if found:
            joined.append((position, tuple(found)))
        places.append(texts + len(constants))
        constants.append(None if found else field)
    return _Plan(itemgetter(*places), constants, tuple(joined))
