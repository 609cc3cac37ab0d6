"""The schemas of the messages, kept beside this module, and the one safe way to read XML from outside.

No DTD, no entities, no network, no huge trees: a file that wants any of them is refused before it is parsed.
"""

import re
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from pathlib import Path

from lxml import etree

from gateways.errors import BadDocument
from gateways.scrub import scrub

NAMESPACE_PREFIX = "urn:iso:std:iso:20022:tech:xsd:"
MAX_DOCUMENT_BYTES = 128 * 1024 * 1024

_FOLDER = Path(__file__).parent
_DOCTYPE = re.compile(rb"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)


def safe_parser() -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True
    )


def refuse_unsafe(content: bytes) -> None:
    """Refuses what is too large, holds a DTD or could hide one in another encoding."""
    if len(content) > MAX_DOCUMENT_BYTES:
        raise BadDocument(f"{len(content)} bytes; at most {MAX_DOCUMENT_BYTES} are read")
    if content[:2] in (b"\xfe\xff", b"\xff\xfe") or b"\x00" in content[:64]:
        raise BadDocument("not UTF-8")
    if _DOCTYPE.search(content):
        raise BadDocument("a document type or entity declaration is not allowed")


def message_of(content: bytes) -> str:
    """The message a document says it is, such as `pain.002.001.10`."""
    refuse_unsafe(content)
    for _, element in _events(content, ("start",)):
        namespace = etree.QName(element).namespace or ""
        if etree.QName(element).localname != "Document" or not namespace.startswith(NAMESPACE_PREFIX):
            raise BadDocument("not an ISO 20022 document")
        return namespace.removeprefix(NAMESPACE_PREFIX)
    raise BadDocument("empty document")


def elements(content: bytes, message: str, *names: str) -> Iterator[tuple[str, etree._Element]]:
    """The named elements with their names, in the order in which they end."""
    namespace = f"{{{NAMESPACE_PREFIX}{message}}}"
    for _, element in _events(content, ("end",), tuple(namespace + name for name in names)):
        yield etree.QName(element).localname, element


def release(element: etree._Element) -> None:
    """Empties an element that was read, and drops the one before it, so that memory stays flat."""
    element.clear()
    before, parent = element.getprevious(), element.getparent()
    if before is not None and parent is not None and before.tag == element.tag:
        parent.remove(before)


def validate(content: bytes, message: str) -> None:
    """Raises `BadDocument` naming the place where the document leaves its schema."""
    refuse_unsafe(content)
    try:
        root = etree.fromstring(content, safe_parser())
    except etree.XMLSyntaxError as error:
        raise BadDocument(f"not well-formed: {error}") from error
    try:
        _schema(message).assertValid(root)
    except etree.DocumentInvalid as error:
        # The schema's message quotes the value, and the value may be an account number.
        raise BadDocument(scrub(f"{message}: {error}")) from None


@cache
def _schema(message: str) -> etree.XMLSchema:
    path = _FOLDER / f"{message}.xsd"
    if not re.fullmatch(r"[a-z]{4}(\.\d{2,3}){3}", message) or not path.exists():
        raise BadDocument(f"no schema is kept for {message}")
    return etree.XMLSchema(etree.parse(path, safe_parser()))


def _events(
    content: bytes, events: tuple[str, ...], tags: tuple[str, ...] | None = None
) -> Iterator[tuple[str, etree._Element]]:
    try:
        yield from etree.iterparse(
            BytesIO(content),
            events=events,
            tag=tags,
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
            remove_comments=True,
        )
    except etree.XMLSyntaxError as error:
        raise BadDocument(f"not well-formed: {error}") from error
