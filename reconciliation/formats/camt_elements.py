"""Walking camt elements by local name, so that one reader serves every version and namespace."""

from typing import Final

from lxml import etree


class _LocalNames(dict[str, str]):
    """Tag to name without namespace, remembered: the tags of a schema are few and each is met a million times."""

    def __missing__(self, tag: str) -> str:
        name = tag.rpartition("}")[2]
        if len(self) < 10_000:
            self[tag] = name
        return name


LOCAL_NAMES: Final = _LocalNames()


def local_name(element: etree._Element) -> str:
    """The element's name without its namespace."""
    return LOCAL_NAMES[element.tag]


def text_of(element: etree._Element | None) -> str | None:
    """The element's text without surrounding blanks; none if there is nothing."""
    text = None if element is None else element.text
    return None if text is None else text.strip() or None


def amount_of(element: etree._Element | None) -> str | None:
    """The text of an amount, with a mark that no amount has where an element cuts it in two."""
    if element is None or not len(element):
        return text_of(element)
    return f"{element.text or ''}…"


def children(element: etree._Element | None) -> dict[str, etree._Element]:
    """The first child of each name."""
    if element is None:
        return {}
    return {LOCAL_NAMES[candidate.tag]: candidate for candidate in element.iterchildren(reversed=True)}


def child(element: etree._Element | None, *names: str) -> etree._Element | None:
    """The first child of this name, and its first child of the next name, and so on."""
    for name in names:
        if element is None:
            return None
        for candidate in element:
            if LOCAL_NAMES[candidate.tag] == name:
                element = candidate
                break
        else:
            return None
    return element


def text_at(element: etree._Element | None, *names: str) -> str | None:
    """The text at a path of children."""
    return text_of(child(element, *names))


def choice(element: etree._Element, names: frozenset[str]) -> str | None:
    """The text of the child that stands for a choice, such as Dt or DtTm; or the element's own, as in version 01."""
    for candidate in element:
        if LOCAL_NAMES[candidate.tag] in names:
            return text_of(candidate)
    return text_of(element)


def account_number(account: etree._Element | None) -> str | None:
    """The number of an account, whatever it is called: IBAN, other, BBAN, or proprietary in version 01."""
    if account is None:
        return None
    identification = child(account, "Id")
    for kind in () if identification is None else identification:
        match LOCAL_NAMES[kind.tag]:
            case "IBAN" | "BBAN":
                number = text_of(kind)
            case "Othr" | "PrtryAcct":
                number = text_at(kind, "Id")
            case _:
                continue
        if number is not None:
            return number
    return None
