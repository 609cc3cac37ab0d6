"""A bank that takes ISO 20022 files host to host: what it wants written comes from its profile, how files travel from
its delivery. Most banks need nothing but their data sheet."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta, timezone
from io import BytesIO
from typing import BinaryIO

from gateways.contract import (
    AccountQuestion,
    BatchAnswer,
    BatchOrder,
    Capabilities,
    Health,
    Instruction,
    InstructionStatus,
    Operation,
    Outcome,
    RailLimits,
    StatementFile,
    StatusReport,
    VerifiedAccount,
)
from gateways.errors import Ambiguous, BadBatch, BadDocument
from gateways.integrity import require_same_message
from gateways.iso20022 import acmt023, acmt024, pain001, pain002
from gateways.iso20022.charset import Folding
from gateways.iso20022.delivery import Delivery
from gateways.iso20022.profile import Profile
from gateways.iso20022.schemas import message_of

_VIET_NAM = timezone(timedelta(hours=7))
_WAITING = "WAITING"


class HostToHostBank:
    """The adapter; it keeps nothing between calls but its connection settings."""

    def __init__(self, capabilities: Capabilities, profile: Profile, delivery: Delivery) -> None:
        self._capabilities = capabilities
        self._profile = profile
        self._delivery = delivery
        self._fold = Folding(frozenset(capabilities.charset), capitals=profile.capitals)

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    def write_batch(self, order: BatchOrder, instructions: Iterable[Instruction], to: BinaryIO) -> None:
        limits, profile = self._capabilities, self._profile
        limits.require(Operation.BATCH_SUBMIT)
        rail = self._rail(order)
        header = pain001.Header(
            message=profile.message_version,
            message_id=order.message_id,
            created_at=order.created_at.astimezone(_VIET_NAM),
            initiator_name=self._fold.name(order.initiator_name, limits.name_length),
            payment_info_id=order.payment_info_id,
            batch_booking=profile.batch_booking,
            category_purpose=order.category_purpose,
            execution_on=order.execution_on,
            debtor_name=self._fold.name(order.debtor_name, limits.name_length),
            debtor_account=order.debtor_account,
            debtor_agent=pain001.Agent(bic=order.debtor_bank_bic),
            count=order.count,
            total_vnd=order.total_vnd,
            charge_bearer=profile.charge_bearer,
            service_level=profile.service_levels[order.rail],
            local_instrument=profile.local_instruments[order.rail],
            account_scheme=profile.account_scheme,
            smallest_vnd=rail.min_amount_vnd,
            largest_vnd=rail.max_amount_vnd,
        )
        pain001.write(header, self._payments(instructions), to)

    def submit_batch(self, message_id: str, file_name: str, content: bytes) -> BatchAnswer:
        self._capabilities.require(Operation.BATCH_SUBMIT)
        return self._delivery.hand_over(message_id, file_name, content)

    def inquire_batch(self, message_id: str) -> StatusReport:
        self._capabilities.require(Operation.BATCH_INQUIRE)
        found = self._delivery.status_reports(message_id)
        if found.waiting:
            return StatusReport(found=True, group_status=_WAITING, group_outcome=Outcome.PENDING)
        if not found.documents:
            return StatusReport(found=found.found)
        try:
            reports = [(pain002.read(document), document) for document in found.documents]
            for report, _ in reports:
                require_same_message(message_id, report.original_message_id)
        except (Ambiguous, BadDocument):
            return StatusReport(found=None)
        return _together(reports)

    def list_statements(self, on: date) -> tuple[str, ...]:
        self._capabilities.require(Operation.STATEMENT_FETCH)
        return self._delivery.list_statements(on)

    def fetch_statement(self, name: str) -> StatementFile:
        """The bytes as they came, under the format that they say they are."""
        self._capabilities.require(Operation.STATEMENT_FETCH)
        content = self._delivery.fetch_statement(name)
        return StatementFile(_format_of(content, self._capabilities.statement_format), name, content)

    def verify_accounts(
        self, message_id: str, questions: Sequence[AccountQuestion], at: datetime
    ) -> tuple[VerifiedAccount, ...]:
        limits = self._capabilities
        limits.require(Operation.VERIFY_ACCOUNTS)
        folded = [
            AccountQuestion(
                question.id, self._fold.name(question.name, limits.name_length), question.account, question.bank_bin
            )
            for question in questions
        ]
        to = BytesIO()
        acmt023.write(message_id, at.astimezone(_VIET_NAM), limits.gateway, limits.bic, folded, to)
        try:
            report = acmt024.read_report(self._delivery.verify(message_id, to.getvalue()))
        except BadDocument as error:
            raise Ambiguous("the report on accounts cannot be read") from error
        if report.original_message_id is not None:
            require_same_message(message_id, report.original_message_id)
        if not {answer.id for answer in report.answers} <= {question.id for question in questions}:
            raise Ambiguous("the report speaks of accounts that were not asked about")
        return report.answers

    def check(self, on: date) -> Health:
        self._capabilities.require(Operation.CHECK)
        return self._delivery.check(on)

    def close(self) -> None:
        self._delivery.close()

    def _rail(self, order: BatchOrder) -> RailLimits:
        limits = self._capabilities
        problems = []
        if not 1 <= order.count <= limits.max_lines_per_file:
            problems.append(f"{order.count} payments; a file holds 1 to {limits.max_lines_per_file}")
        if order.total_vnd > limits.max_total_per_file_vnd:
            problems.append(f"{order.total_vnd} VND; a file holds at most {limits.max_total_per_file_vnd}")
        rail = next((rail for rail in limits.rails if rail.rail is order.rail), None)
        if rail is None:
            problems.append(f"{order.rail}: this bank has no such rail")
        if problems or rail is None:
            raise BadBatch(problems)
        return rail

    def _payments(self, instructions: Iterable[Instruction]) -> Iterator[pain001.Payment]:
        name_length, remittance_length = self._capabilities.name_length, self._capabilities.remittance_length
        for instruction in instructions:
            yield pain001.Payment(
                instruction_id=instruction.instruction_id,
                end_to_end_id=instruction.reference,
                uetr=instruction.uetr,
                amount_vnd=instruction.amount_vnd,
                agent=self._profile.agent_of(instruction.creditor_bank_bin),
                name=self._fold.name(instruction.creditor_name, name_length),
                account=instruction.creditor_account,
                purpose=instruction.purpose_code,
                # Begins with our reference, so that it survives in the text where a bank drops EndToEndId.
                remittance=self._fold.text(f"{instruction.reference} {instruction.remittance}", remittance_length),
            )


def _together(reports: Sequence[tuple[pain002.PaymentStatusReport, bytes]]) -> StatusReport:
    """Several reports on one file as one: of each payment the last word, of the group the last report's."""
    statuses: dict[str, InstructionStatus] = {}
    for report, _ in reports:
        statuses |= {status.reference: status for status in report.instructions()}
    last, document = reports[-1]
    return StatusReport(
        found=True,
        group_status=last.group.status,
        group_outcome=last.unlisted_outcome(),
        instructions=tuple(statuses.values()),
        document=document,
    )


def _format_of(content: bytes, declared: str) -> str:
    """What an XML statement says it is; for other formats what the sheet declares."""
    if content.lstrip()[:1] != b"<":
        return declared
    try:
        return message_of(content)
    except BadDocument:
        return declared
