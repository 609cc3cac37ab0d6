"""Reads pain.002, the customer payment status report, versions 001.001.03 and .10, and says what it means.

Group, then payment information, then transaction: the lowest level that speaks wins. PART says nothing of a single
payment. A payment that is not listed keeps its state, unless the whole group is rejected: then all failed, or all
unknown where the reason is a duplicate or another one that proves nothing. A reason that says unknown overrides RJCT.
"""

from dataclasses import dataclass

from lxml import etree

from gateways.contract import InstructionStatus, Outcome
from gateways.errors import BadDocument
from gateways.iso20022.codes import GROUP_STATUS, REASON, TRANSACTION_STATUS, payment_outcome, says_something
from gateways.iso20022.schemas import elements, message_of, release

VERSIONS = ("pain.002.001.03", "pain.002.001.10")


@dataclass(frozen=True, slots=True)
class Level:
    """A status with its reasons, at any of the three levels."""

    status: str | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Transaction:
    """One TxInfAndSts as it stands in the report, with the status of its payment information where it has none."""

    end_to_end_id: str
    level: Level
    payment_info: int
    """Which OrgnlPmtInfAndSts of the report it stands in, from 0."""


@dataclass(frozen=True, slots=True)
class PaymentStatusReport:
    """A report as it was read; the methods say what it means."""

    original_message_id: str
    group: Level
    payment_infos: tuple[Level, ...]
    transactions: tuple[Transaction, ...]

    def instructions(self) -> tuple[InstructionStatus, ...]:
        """The payments the report speaks of, each with its outcome."""
        judged = ((transaction, self._deciding(transaction)) for transaction in self.transactions)
        return tuple(
            InstructionStatus(
                transaction.end_to_end_id,
                outcome,
                level.status,
                (transaction.level.reasons or level.reasons or (None,))[0],
            )
            for transaction, (level, outcome) in judged
            if outcome is not None
        )

    def unlisted_outcome(self) -> Outcome | None:
        """What the report says of a payment of this file that it does not list; None: it keeps its state."""
        if len(self.payment_infos) == 1:
            outcome = _group_outcome(self.payment_infos[0], self.group.reasons)
            if outcome is not None:
                return outcome
        return _group_outcome(self.group)

    def _deciding(self, transaction: Transaction) -> tuple[Level, Outcome | None]:
        if transaction.level.status is not None:
            return transaction.level, _transaction_outcome(transaction.level)
        above = self.payment_infos[transaction.payment_info]
        for level in (above, self.group):
            outcome = _group_outcome(level, transaction.level.reasons)
            if outcome is not None:
                return level, outcome
        return transaction.level, None


def read(content: bytes) -> PaymentStatusReport:
    """The report in the bytes. Raises `BadDocument` where they are no pain.002 of a version we know."""
    message = message_of(content)
    if message not in VERSIONS:
        raise BadDocument(f"{message} is no status report we read; known are {', '.join(VERSIONS)}")
    original: str | None = None
    group = Level()
    payment_infos: list[Level] = []
    current = Level()
    transactions: list[Transaction] = []
    for name, element in elements(
        content,
        message,
        "OrgnlMsgId",
        "OrgnlGrpInfAndSts",
        "PmtInfSts",
        "StsRsnInf",
        "TxInfAndSts",
        "OrgnlPmtInfAndSts",
    ):
        parent = element.getparent()
        inside = "" if parent is None else etree.QName(parent).localname
        match name:
            case "OrgnlMsgId" if inside == "OrgnlGrpInfAndSts":
                original = _own_text(element)
            case "OrgnlGrpInfAndSts":
                group = Level(_child_text(element, "GrpSts"), _reasons(element))
            case "PmtInfSts":
                current = Level(_own_text(element), current.reasons)
            case "StsRsnInf" if inside == "OrgnlPmtInfAndSts":
                current = Level(current.status, current.reasons + _reason(element))
            case "TxInfAndSts":
                reference = _child_text(element, "OrgnlEndToEndId")
                if reference is None:
                    raise BadDocument("a transaction without OrgnlEndToEndId")
                level = Level(_child_text(element, "TxSts"), _reasons(element))
                transactions.append(Transaction(reference, level, len(payment_infos)))
                release(element)
            case "OrgnlPmtInfAndSts":
                payment_infos.append(current)
                current = Level()
            case _:
                pass
    if original is None:
        raise BadDocument("no OrgnlGrpInfAndSts/OrgnlMsgId")
    return PaymentStatusReport(original, group, tuple(payment_infos), tuple(transactions))


def _transaction_outcome(level: Level) -> Outcome:
    outcome = payment_outcome(TRANSACTION_STATUS, str(level.status))
    return _doubted(outcome, level.reasons)


def _group_outcome(level: Level, more_reasons: tuple[str, ...] = ()) -> Outcome | None:
    if level.status is None or not says_something(level.status):
        return None
    return _doubted(payment_outcome(GROUP_STATUS, level.status), level.reasons + more_reasons)


def _doubted(outcome: Outcome, reasons: tuple[str, ...]) -> Outcome:
    """A rejection stands only if every reason given for it is one that proves that no money moved."""
    if outcome is Outcome.FAILED and any(payment_outcome(REASON, code) is not Outcome.FAILED for code in reasons):
        return Outcome.UNKNOWN
    return outcome


def _reasons(element: etree._Element) -> tuple[str, ...]:
    return tuple(code for child in element if etree.QName(child).localname == "StsRsnInf" for code in _reason(child))


def _reason(information: etree._Element) -> tuple[str, ...]:
    """Rsn/Cd, or Rsn/Prtry: a bank's own code is not in the table and so proves nothing."""
    for reason in information:
        if etree.QName(reason).localname == "Rsn":
            return tuple(_own_text(code) or "" for code in reason)
    return ()


def _child_text(element: etree._Element, name: str) -> str | None:
    for child in element:
        if etree.QName(child).localname == name:
            return _own_text(child)
    return None


def _own_text(element: etree._Element) -> str | None:
    return (element.text or "").strip() or None
