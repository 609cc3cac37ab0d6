"""What the books answer with, as `/openapi.json` describes it. Amounts are whole đồng."""

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, Field

from engine.contributions.proof import EmployerRow
from engine.payments.proof import Proof, ProofRow
from ledger.balances import TrialBalanceRow
from reconciliation.breaks import Break


class ProblemKind(BaseModel):
    """A problem that this API may answer with; its address is the problem's `type`."""

    code: str
    status: int
    title: str


class Problem(BaseModel):
    """Why nothing was answered (RFC 9457)."""

    type: str = Field(description="An address that explains the code.")
    title: str
    status: int
    detail: str | None = None
    instance: str
    code: str = Field(description="Stable; see `/v1/problems/{code}`.")
    errors: list[dict[str, str]] = Field(description="Each parameter or problem with its code, detail and pointer.")
    trace_id: str | None = Field(None, description="Also in the log and in the header `X-Correlation-Id`.")


PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": description,
        "content": {"application/problem+json": {"schema": Problem.model_json_schema()}},
    }
    for status, description in (("4XX", "The request is refused."), ("5XX", "It failed on our side."))
}
"""How every address describes its refusals."""


class NoticeEmployer(BaseModel):
    unit_code: str
    name: str
    tax_code: str = Field(description="Of a household business, its owner's personal id, so its last four digits.")
    agency_code: str


class NoticeFund(BaseModel):
    """What a month owes to one component fund."""

    fund: str
    name: str
    employee_vnd: int
    employer_vnd: int
    total_vnd: int


class NoticeAccount(BaseModel):
    """Tài khoản chuyên thu: where the employer may pay."""

    bank_bin: str
    bank: str
    holder_name: str
    account: str


class NoticeWarning(BaseModel):
    """What is not as it should be; as long as there is one of `no_collection_account` nobody can pay."""

    code: str
    vi: str
    en: str


class NoticeAnswer(BaseModel):
    """Thông báo đóng, as it was issued; what is owed by now stands in the list of notices."""

    notice_no: int
    payment_code: str
    issued_on: date
    employer: NoticeEmployer
    declaration_no: str
    period: str = Field(description="The month, such as 2026-10.")
    staff: int
    funds: list[NoticeFund]
    dues_vnd: int
    carried_in_vnd: int
    late_charge_vnd: int
    surplus_vnd: int
    adjustments_vnd: int = Field(description="What the same file changed in other months; below zero if less is due.")
    amount_vnd: int
    amount_in_words: str
    due_on: date
    memo: str
    accounts: list[NoticeAccount]
    warnings: list[NoticeWarning]
    qr: str | None = Field(description="VietQR; null if there is nothing to pay or no account to pay to.")
    rows: dict[str, Any] | None = Field(
        description="Form C12-TS: carried in, arisen, received, allocated, carried out."
    )
    unconfirmed: list[str] = Field(description="Legal values this rests on that no official text at hand confirms.")
    findings: list[dict[str, Any]] = Field(description="The law's grounds, step by step.")


class CertificateAnswer(BaseModel):
    """Xác nhận tiếp nhận: what was accepted under a number."""

    declaration_no: str
    unit_code: str
    period: date
    staff: int
    due_on: date
    accepted_at: datetime
    file_name: str
    file_sha256: str
    content_sha256: str = Field(description="Of what was declared, whatever file it came in.")
    law_version: str
    notice_no: int | None


class ResultFund(BaseModel):
    """What is due and paid for one worker to one component fund."""

    paid_to: str | None = Field(description="The last month that is paid whole, and every one before it: 2026-10.")
    due_vnd: int
    paid_vnd: int
    unpaid_vnd: int


class ResultUnpaid(BaseModel):
    month: str
    fund: str
    unpaid_vnd: int


class ResultAnswer(BaseModel):
    """Kết quả đóng của một người (C83a-HD)."""

    name: str
    number: str = Field(description="Its last digits only.")
    birth_date: date
    from_month: str
    to_month: str
    left: bool
    funds: dict[str, ResultFund]
    unpaid: list[ResultUnpaid]


class AccountProofAnswer(BaseModel):
    """Ledger and bank for one of our accounts."""

    ledger_account: str
    ledger_vnd: int
    statement_on: date | None
    statement_vnd: int | None
    difference_vnd: int | None
    expected: int
    expected_vnd: int
    waiting: int
    open_items: list[dict[str, Any]]


class ProofAnswer(BaseModel):
    """Biên bản đối chiếu: payments, ledger and statements beside each other."""

    on: date
    rows: list[ProofRow]
    totals: dict[str, int] = Field(description="Approved, and what became of it, in đồng.")
    inquiries_resolved: int
    accounts: list[AccountProofAnswer]
    contributions: list[EmployerRow] = Field(description="What employers owe, have paid and have ahead, in đồng.")
    open_cases: list[str] = Field(description="What a person must look at.")
    differences: list[str] = Field(description="Empty when everything agrees.")

    @classmethod
    def of(cls, proof: Proof) -> "ProofAnswer":
        return cls(**proof.as_json())


class TrialBalanceLine(BaseModel):
    """The closing balance of one account."""

    account: str
    name: str
    name_en: str
    debit_vnd: int
    credit_vnd: int

    @classmethod
    def of(cls, row: TrialBalanceRow) -> "TrialBalanceLine":
        return cls(
            account=row.account,
            name=row.name,
            name_en=row.name_en,
            debit_vnd=row.debit.vnd,
            credit_vnd=row.credit.vnd,
        )


class TrialBalanceAnswer(BaseModel):
    """Bảng cân đối tài khoản; both totals are equal."""

    on: date
    lines: list[TrialBalanceLine]
    total_debit_vnd: int
    total_credit_vnd: int


class BreakAnswer(BaseModel):
    """Chênh lệch: a line or an expectation that stands alone, and who owns it."""

    break_id: int | None
    break_class: str
    owner: str
    ledger_account: str
    reference: str | None
    sign: str | None
    line_vnd: int | None
    expected_vnd: int | None
    since: date

    @classmethod
    def of(cls, found: Break) -> "BreakAnswer":
        return cls(
            break_id=found.break_id,
            break_class=found.break_class,
            owner=found.owner,
            ledger_account=found.ledger_account,
            reference=found.reference,
            sign=found.sign,
            line_vnd=found.line_vnd,
            expected_vnd=found.expected_vnd,
            since=found.since,
        )
