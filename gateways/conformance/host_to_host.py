"""What the benches of ISO 20022 banks share: one payment is one file, read back from the simulated bank's books."""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from io import BytesIO
from pathlib import Path
from uuid import UUID, uuid5
from zlib import crc32

from gateways.conformance.bench import Bench, Inquiry, Limits, Payment
from gateways.contract import BatchOrder, CategoryPurpose, Gateway, Instruction, Operation, Outcome
from gateways.errors import GatewayError, Unsupported
from gateways.iso20022.codes import REASON, TRANSACTION_STATUS, payment_codes
from gateways.signing import ensure_key
from gateways.simulator.books import read_books
from gateways.simulator.journal import events

VIET_NAM = timezone(timedelta(hours=7))
FUND = "1020000123456"
FIRST_DAY = date(2026, 11, 25)
RETURNING_ACCOUNT = "100019011"

_CREATED_AT = datetime(2026, 11, 24, 17, 30, tzinfo=UTC)  # half past midnight of the 25th in Viet Nam
VECTOR = Payment("CF01A", name="Nguyễn Thị Ánh & Con")
VECTORS = Path(__file__).parent / "vectors"

_NAMESPACE = UUID("8d0c2c6e-5b0a-4c9c-9f4b-2f9f6f1f7a01")


class HostToHostBench(Bench):
    """Files to a simulated bank. A subclass says how they travel, and which adapter, sheet and vector are meant."""

    adapter: str
    sheet: Path
    vector: Path

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.today = FIRST_DAY
        self.key = home / "keys" / "bench.pem"
        ensure_key(self.key)

    @property
    @abstractmethod
    def gateway(self) -> Gateway: ...

    @property
    @abstractmethod
    def bank_home(self) -> Path: ...

    @property
    def limits(self) -> Limits:
        sheet = self.gateway.capabilities
        return Limits(sheet.min_amount_vnd, sheet.max_amount_vnd)

    def file(self, payment: Payment, created_at: datetime = _CREATED_AT) -> bytes:
        instruction = Instruction(
            reference=payment.reference,
            instruction_id=f"{payment.reference}-1",
            uetr=_uuid4(payment.reference),
            amount_vnd=payment.amount_vnd,
            creditor_name=payment.name,
            creditor_account=account_of(payment),
            creditor_bank_bin="970436",
            purpose_code="PENS",
            remittance="Lương hưu tháng 11/2026",
        )
        order = BatchOrder(
            message_id=payment.reference,
            payment_info_id=payment.reference,
            created_at=created_at,
            execution_on=self.today,
            initiator_name="BHXH VIET NAM",
            debtor_name="BHXH VIET NAM",
            debtor_account=FUND,
            debtor_bank_bic=self.gateway.capabilities.bic,
            category_purpose=CategoryPurpose.PENSION,
            count=1,
            total_vnd=payment.amount_vnd,
        )
        to = BytesIO()
        self.gateway.write_batch(order, [instruction], to)
        return to.getvalue()

    def pay_something_else(self, payment: Payment) -> Outcome:
        return self.pay(payment)

    def inquire(self, reference: str) -> Inquiry:
        report = self.gateway.inquire_batch(reference)
        of_payment = {status.reference: status.outcome for status in report.instructions}
        return Inquiry(report.found, of_payment.get(reference, report.group_outcome))

    def credits(self, reference: str) -> int:
        """Counted by account, which is each payment's own: a payment made again under another reference counts."""
        account = account_of(Payment(reference))
        return sum(int(row["credits"]) for row in read_books(self.bank_home) if row["account"] == account)

    def received_name(self, reference: str) -> str:
        for event in events(self.bank_home):
            for payment in event.get("payments", ()):
                if payment[0] == reference:
                    return str(payment[5])
        return ""

    def capability_problems(self) -> Iterator[str]:
        """Each operation taken off the sheet must be refused; each one on it must not."""
        asked: dict[Operation, Callable[[Gateway], object]] = {
            Operation.BATCH_SUBMIT: lambda gateway: gateway.submit_batch("CF13", "CF13.xml", b"<Document/>"),
            Operation.BATCH_INQUIRE: lambda gateway: gateway.inquire_batch("CF13"),
            Operation.STATEMENT_FETCH: lambda gateway: gateway.list_statements(self.today),
            Operation.VERIFY_ACCOUNTS: lambda gateway: gateway.verify_accounts("CF13", (), _CREATED_AT),
            Operation.CHECK: lambda gateway: gateway.check(self.today),
        }
        for operation, ask in asked.items():
            without = self.gateway_without(operation)
            try:
                ask(without)
            except Unsupported:
                continue
            except GatewayError:
                pass  # refused for another reason, and so not by the sheet
            finally:
                without.close()
            yield f"{operation} is not declared and was not refused"
        for operation in self.gateway.capabilities.operations - {Operation.VERIFY_ACCOUNTS, Operation.BATCH_SUBMIT}:
            asked[operation](self.gateway)

    @abstractmethod
    def gateway_without(self, operation: Operation) -> Gateway:
        """The adapter over a sheet that does not declare the operation."""

    def written_vector_problems(self) -> Iterator[str]:
        """The file of a fixed payment, byte by byte, as a person read it against the bank's guide."""
        today, self.today = self.today, FIRST_DAY
        made = self.file(VECTOR)
        self.today = today
        if not self.vector.exists():
            (self.home / self.vector.name).write_bytes(made)
            yield f"no vector: read {self.home / self.vector.name} against the guide and keep it as {self.vector}"
        elif made != (kept := self.vector.read_bytes()):
            place = next((at for at, pair in enumerate(zip(made, kept, strict=False)) if pair[0] != pair[1]), -1)
            yield f"the file of the vector differs at byte {place}: {made[place : place + 40]!r}"

    def day_problems(self) -> Iterator[str]:
        """CreDtTm is the instant in Viet Nam's own day, whatever zone the caller's clock is in."""
        for created_at in (_CREATED_AT, _CREATED_AT.astimezone(timezone(timedelta(hours=-8)))):
            if b"<CreDtTm>2026-11-25T00:30:00+07:00</CreDtTm>" not in self.file(Payment("CF11A"), created_at):
                yield f"created at {created_at.isoformat()}, the file does not say 00:30 of the 25th in Viet Nam"


def status_documents(message_id: str) -> Iterator[tuple[str, Outcome, bytes]]:
    """A report on the one payment of a file for every code: its name, what it is documented as, the document."""
    for field, code, outcome in payment_codes():
        if field == TRANSACTION_STATUS:
            yield f"TxSts {code}", outcome, _report(message_id, code)
        elif field == REASON:
            yield f"RJCT {code}", outcome, _report(message_id, "RJCT", code)
    yield "TxSts ZZZZ", Outcome.UNKNOWN, _report(message_id, "ZZZZ")
    yield "RJCT ZZ99", Outcome.UNKNOWN, _report(message_id, "RJCT", "ZZ99")


def _report(message_id: str, status: str, reason: str | None = None) -> bytes:
    told = "" if reason is None else f"<StsRsnInf><Rsn><Cd>{reason}</Cd></Rsn></StsRsnInf>"
    return (
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt>'
        f"<OrgnlGrpInfAndSts><OrgnlMsgId>{message_id}</OrgnlMsgId></OrgnlGrpInfAndSts>"
        f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>{message_id}</OrgnlPmtInfId><TxInfAndSts>"
        f"<OrgnlEndToEndId>{message_id}</OrgnlEndToEndId><TxSts>{status}</TxSts>{told}"
        "</TxInfAndSts></OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"
    ).encode()


def account_of(payment: Payment) -> str:
    """An account that is credited, another one for each reference."""
    return payment.account or f"1{crc32(payment.reference.encode()):010d}0000"


def at_nine(on: date) -> datetime:
    return datetime(on.year, on.month, on.day, 9, tzinfo=VIET_NAM)


def _uuid4(reference: str) -> str:
    """The same for the same reference, in the form of version 4."""
    return str(UUID(bytes=uuid5(_NAMESPACE, reference).bytes, version=4))
