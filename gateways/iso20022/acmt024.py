"""Reads acmt.024, a bank's report on names and accounts it was asked to verify (version 001.001.04)."""

from dataclasses import dataclass

from lxml import etree

from gateways.contract import VerifiedAccount
from gateways.errors import BadDocument
from gateways.iso20022.codes import NameCheck, name_check
from gateways.iso20022.schemas import elements, message_of, release

__all__ = ["VERSION", "VerificationReport", "VerifiedAccount", "read", "read_report"]

VERSION = "acmt.024.001.04"


@dataclass(frozen=True, slots=True)
class VerificationReport:
    """The report, with the id of the request it answers where it names one."""

    original_message_id: str | None
    answers: tuple[VerifiedAccount, ...]


def read(content: bytes) -> tuple[VerifiedAccount, ...]:
    return read_report(content).answers


def read_report(content: bytes) -> VerificationReport:
    message = message_of(content)
    if message != VERSION:
        raise BadDocument(f"{message} is not {VERSION}")
    original: str | None = None
    answers = []
    for name, element in elements(content, message, "OrgnlAssgnmt", "Rpt"):
        if name == "OrgnlAssgnmt":
            original = _text_at(element, "MsgId")
        else:
            answers.append(_answer(element))
            release(element)
    return VerificationReport(original, tuple(answers))


def _answer(report: etree._Element) -> VerifiedAccount:
    texts = {etree.QName(child).localname: "".join(str(part) for part in child.itertext()).strip() for child in report}
    if "OrgnlId" not in texts or "Vrfctn" not in texts:
        raise BadDocument("a report without OrgnlId or Vrfctn")
    right_name = _text_at(report, "UpdtdPtyAndAcctId", "Pty", "Nm")
    if texts["Vrfctn"] in ("true", "1"):
        return VerifiedAccount(texts["OrgnlId"], NameCheck.MATCH, right_name)
    return VerifiedAccount(texts["OrgnlId"], name_check(texts.get("Rsn", "")), right_name)


def _text_at(element: etree._Element, *names: str) -> str | None:
    path = "/".join(f"{{*}}{name}" for name in names)
    return (element.findtext(path) or "").strip() or None
