"""Reads acmt.024, a bank's report on names and accounts it was asked to verify (version 001.001.04)."""

from dataclasses import dataclass

from lxml import etree

from gateways.errors import BadDocument
from gateways.iso20022.codes import NameCheck, name_check
from gateways.iso20022.schemas import elements, message_of, release

VERSION = "acmt.024.001.04"


@dataclass(frozen=True, slots=True)
class VerifiedAccount:
    """The answer to one question of the request, found by its id."""

    id: str
    result: NameCheck


def read(content: bytes) -> tuple[VerifiedAccount, ...]:
    message = message_of(content)
    if message != VERSION:
        raise BadDocument(f"{message} is not {VERSION}")
    answers = []
    for _, report in elements(content, message, "Rpt"):
        answers.append(_answer(report))
        release(report)
    return tuple(answers)


def _answer(report: etree._Element) -> VerifiedAccount:
    texts = {etree.QName(child).localname: "".join(str(part) for part in child.itertext()).strip() for child in report}
    if "OrgnlId" not in texts or "Vrfctn" not in texts:
        raise BadDocument("a report without OrgnlId or Vrfctn")
    if texts["Vrfctn"] in ("true", "1"):
        return VerifiedAccount(texts["OrgnlId"], NameCheck.MATCH)
    return VerifiedAccount(texts["OrgnlId"], name_check(texts.get("Rsn", "")))
