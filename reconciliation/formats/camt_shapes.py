"""Elements that look alike are read alike: where in them the wanted texts stand is worked out once for each shape.

The entries of a bank differ in their texts and hardly ever in their structure, and walking a tree of elements in Python
costs far more than parsing it. So an element is written out as text again, which is quick, and cut at its texts: what
remains, tags, attributes and which texts are blank, is its shape. The reading function is run on the first element of a
shape, and once more on the same shape with numbers in place of texts, which tells the text that each field comes from.
If the two do not agree, or the function refuses the shape, every element of it is read the long way.
"""

import html
import re
from collections.abc import Callable
from typing import Final

from lxml import etree

Fields = tuple[str | None, ...]
"""What a reading function finds: texts without surrounding blanks, several of one kind joined by line breaks."""

_TEXT: Final = re.compile(r">([^<]+)<")
_MARK: Final = re.compile("\ue000([0-9]+)\ue001")
_SHAPES_AT_MOST: Final = 1_000
_LONG: Final = 20_000
"""Characters: a longer element is read the long way, its shape will not come again."""

_Place = None | int | str | tuple[int, ...]
"""Of one field: nothing, the place of its text, what it always is, or the places of the texts that it joins."""


class Shapes:
    """Reads elements of one kind by one function, remembering their shapes."""

    def __init__(self, extract: Callable[[etree._Element], Fields]) -> None:
        self._extract = extract
        self._plans: dict[tuple[str, bytes], tuple[_Place, ...] | None] = {}

    def read(self, element: etree._Element) -> Fields:
        """The fields of an element, as the function finds them."""
        written = etree.tostring(element, encoding="unicode", with_tail=False)
        if len(written) > _LONG:
            return self._extract(element)
        parts = _TEXT.split(written)
        texts = parts[1::2]
        shape = "\0".join(parts[::2]), bytes(map(str.isspace, texts))
        if shape not in self._plans:
            return self._learn(element, shape, parts)
        plan = self._plans[shape]
        return self._extract(element) if plan is None else _filled(plan, texts)

    def _learn(self, element: etree._Element, shape: tuple[str, bytes], parts: list[str]) -> Fields:
        fields = self._extract(element)
        if len(self._plans) < _SHAPES_AT_MOST:
            plan = _plan(self._extract(_numbered(parts)))
            agrees = plan is not None and _filled(plan, parts[1::2]) == fields
            self._plans[shape] = plan if agrees else None
        return fields


def _numbered(parts: list[str]) -> etree._Element:
    """The same shape with the number of each text in its place; blanks stay blanks."""
    written = [parts[0]]
    for place, text in enumerate(parts[1::2]):
        written += [">", text if text.isspace() else f"\ue000{place}\ue001", "<", parts[2 * place + 2]]
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    return etree.fromstring("".join(written), parser)


def _plan(numbered: Fields) -> tuple[_Place, ...] | None:
    """Where the text of each field stands; none if a field is more than its texts."""
    places: list[_Place] = []
    for field in numbered:
        found = _MARK.findall(field) if field is not None else []
        if field is None or not found:
            places.append(field)
        elif _MARK.sub("", field).strip("\n"):
            return None
        elif len(found) == 1:
            places.append(int(found[0]))
        else:
            places.append(tuple(int(place) for place in found))
    return tuple(places)


def _filled(plan: tuple[_Place, ...], texts: list[str]) -> Fields:
    return tuple([_field(place, texts) if place is not None else None for place in plan])


def _field(place: int | str | tuple[int, ...], texts: list[str]) -> str:
    if isinstance(place, int):
        text = texts[place]
        return _plain(text) if "&" in text else text.strip()
    if isinstance(place, str):
        return place
    return "\n".join([_plain(texts[each]) for each in place])


def _plain(text: str) -> str:
    """A text as it was before it was written out."""
    return html.unescape(text).strip()
