"""Thông báo đóng: what an employer is asked to pay, until when, and under which code.

The payment code is a reference of our own that stands first in the memo of the transfer, because banks cut the end of
memos and put text around them. The statutory memo (letter 1995/BHXH-TCKT of 30 June 2023) follows it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import segno
import typst
from sqlalchemy import Connection, Row, text

from engine.clock import VIET_NAM, business_date
from engine.contributions.account import debits_on, money_of
from engine.contributions.amount_words import in_words
from engine.contributions.collection import expect_notices
from engine.contributions.dues import FUND_LABELS, in_full
from engine.contributions.employer import Employer
from engine.contributions.notice_rows import FUND_COLUMNS, form_lines, rows_of
from engine.errors import NotFound
from engine.law.parameters import Parameters
from engine.vault import Vault, mask
from gateways import vietqr
from ledger.sheets import Column, Kind, write_xlsx
from reconciliation.references import make_reference

PREFIX = "TD"
"""The first two letters of a payment code (tiền đóng)."""

NO_ACCOUNT = {
    "code": "no_collection_account",
    "vi": "Chưa mở tài khoản chuyên thu nào: chưa thể nộp theo thông báo này.",
    "en": "No collection account is open yet: this notice cannot be paid yet.",
}
"""What a notice says aloud where there is no account that it could name."""
_PERSONAL_ID_DIGITS = 12


@dataclass(frozen=True, slots=True)
class NoticeNumber:
    notice_no: int
    payment_code: str


@dataclass(frozen=True, slots=True)
class Position:
    """Where an employer stands on a day, in đồng: what it owes, and what it has paid ahead."""

    principal_vnd: int
    late_charge_vnd: int
    surplus_vnd: int

    @property
    def owed_vnd(self) -> int:
        """What is to be paid; below zero if more is paid ahead."""
        return self.principal_vnd + self.late_charge_vnd - self.surplus_vnd


@dataclass(frozen=True, slots=True)
class Asked:
    """What a notice asks for beside the dues of its month, in đồng."""

    carried_in_vnd: int
    late_charge_vnd: int
    surplus_vnd: int
    amount_vnd: int
    """Dues, principal carried in and late charges, less the surplus; nothing if the surplus covers all."""
    adjustments_vnd: int = 0
    """What the same file changes in other months, or takes away in this one; below zero if less is due."""


def asked(before: Position, dues_vnd: int, after: Position) -> Asked:
    """What a notice asks for, from where the employer stood before a declaration and stands after it.

    A month that is declared after its due date bears a charge of its own already: what is owed beyond the dues.
    """
    own_charge_vnd = after.owed_vnd - before.owed_vnd - dues_vnd
    return Asked(
        carried_in_vnd=before.principal_vnd,
        late_charge_vnd=before.late_charge_vnd + own_charge_vnd,
        surplus_vnd=before.surplus_vnd,
        amount_vnd=max(0, after.owed_vnd),
    )


def number(connection: Connection) -> NoticeNumber:
    """The next number and its payment code; no code is ever given out twice."""
    notice_no: int = connection.execute(
        text("SELECT nextval(pg_get_serial_sequence('engine.notice', 'notice_no'))")
    ).scalar_one()
    return NoticeNumber(notice_no, make_reference(PREFIX, notice_no))


def position(connection: Connection, employer: Employer, on: date, law: Parameters) -> Position:
    """What an employer owes on a day for the months declared so far, and what it has paid ahead."""
    debits = debits_on(connection, employer.employer_id, on, law)
    return Position(
        principal_vnd=sum(debit.principal_vnd for debit in debits),
        late_charge_vnd=sum(debit.charge_vnd for debit in debits),
        surplus_vnd=sum(money.left_vnd for money in money_of(connection, employer.employer_id)),
    )


def issue(
    connection: Connection,
    employer: Employer,
    declaration_id: UUID,
    notice: NoticeNumber,
    asked_for: Asked,
    due_on: date,
    at: datetime,
    law: Parameters,
) -> None:
    """Issues the notice of a declaration; from now on receipts under its code are expected."""
    connection.execute(
        text("""
            INSERT INTO engine.notice (notice_no, payment_code, employer_id, declaration_id, due_on, carried_in_vnd,
                late_charge_vnd, surplus_vnd, adjustments_vnd, amount_vnd, rows, account_ids, issued_at)
            VALUES (:notice_no, :payment_code, :employer_id, :declaration_id, :due_on, :carried_in_vnd,
                :late_charge_vnd, :surplus_vnd, :adjustments_vnd, :amount_vnd, CAST(:rows AS jsonb),
                ARRAY(SELECT collection_account_id FROM engine.collection_account WHERE bank_bin IS NOT NULL
                    ORDER BY 1), :at)"""),
        {
            "notice_no": notice.notice_no,
            "payment_code": notice.payment_code,
            "employer_id": employer.employer_id,
            "declaration_id": declaration_id,
            "due_on": due_on,
            "carried_in_vnd": asked_for.carried_in_vnd,
            "late_charge_vnd": asked_for.late_charge_vnd,
            "surplus_vnd": asked_for.surplus_vnd,
            "adjustments_vnd": asked_for.adjustments_vnd,
            "amount_vnd": asked_for.amount_vnd,
            "rows": json.dumps(rows_of(connection, employer, declaration_id, business_date(at), law)),
            "at": at,
        },
    )
    expect_notices(connection, "n.notice_no = :notice_no", {"notice_no": notice.notice_no})


def amount_vnd(connection: Connection, notice_no: int) -> int:
    """What a notice asks for, in đồng."""
    found: int = connection.execute(
        text("SELECT amount_vnd FROM engine.notice WHERE notice_no = :notice_no"), {"notice_no": notice_no}
    ).scalar_one()
    return found


def transfer_memo(payment_code: str, unit_code: str, agency_code: str) -> str:
    """The memo of the transfer.

    >>> transfer_memo("TD00000000001M", "TZ0001Z", "07901")
    'TD00000000001M+BHXH+103+00+TZ0001Z+07901+dong BHXH+'
    """
    return f"{payment_code}+BHXH+103+00+{unit_code}+{agency_code}+dong BHXH+"


def shown_tax_code(tax_code: str) -> str:
    """A tax code as it may be shown: that of a household business is its owner's personal id and is masked like one.

    >>> shown_tax_code("0100000001-002"), shown_tax_code("001085000123")
    ('0100000001-002', '••••••••0123')
    """
    return mask(tax_code) if len(tax_code) == _PERSONAL_ID_DIGITS else tax_code


def notice_document(connection: Connection, vault: Vault, notice_no: int) -> dict[str, Any]:
    """Everything that stands on a notice, as JSON data; the same notice gives the same data."""
    row = connection.execute(_NOTICE, {"notice_no": notice_no}).one_or_none()
    if row is None:
        raise NotFound(f"there is no notice {notice_no}")
    funds = connection.execute(_DUES, {"declaration_id": row.declaration_id}).all()
    found = [_fund(fund) for fund in funds]
    dues_vnd = sum(fund["total_vnd"] for fund in found)
    accounts = _accounts(connection, vault, row.account_ids)
    memo = transfer_memo(row.payment_code, row.unit_code, row.agency_code)
    return {
        "notice_no": row.notice_no,
        "payment_code": row.payment_code,
        "issued_on": row.issued_at.astimezone(VIET_NAM).date().isoformat(),
        "employer": {
            "unit_code": row.unit_code,
            "name": row.name,
            "tax_code": shown_tax_code(vault.open("tax_code", row.tax_code_ciphertext)),
            "agency_code": row.agency_code,
        },
        "declaration_no": row.declaration_no,
        "period": f"{row.period:%Y-%m}",
        "staff": row.staff,
        "funds": found,
        "dues_vnd": dues_vnd,
        "carried_in_vnd": row.carried_in_vnd,
        "late_charge_vnd": row.late_charge_vnd,
        "surplus_vnd": row.surplus_vnd,
        "adjustments_vnd": row.adjustments_vnd,
        "amount_vnd": row.amount_vnd,
        "amount_in_words": in_words(row.amount_vnd),
        "due_on": row.due_on.isoformat(),
        "memo": memo,
        "accounts": accounts,
        "warnings": [NO_ACCOUNT] if row.amount_vnd and not accounts else [],
        "qr": _qr(accounts[0], row.amount_vnd, row.payment_code) if accounts and row.amount_vnd else None,
        "rows": row.rows,
        "unconfirmed": list(row.unconfirmed),
        "findings": in_full(row.grounds, row.findings),
    }


def notice_pdf(document: dict[str, Any]) -> bytes:
    """The notice as PDF. The same data gives the same bytes: only fonts that come with the typesetter are used."""
    return _typeset(document, "pdf")


def notice_png(document: dict[str, Any]) -> bytes:
    """The first page of the notice as a picture, as it is shown on a screen."""
    return _typeset(document, "png")


NOTICE_COLUMNS = (
    Column("code", "Mã", "Code"),
    Column("item", "Nội dung", "Item"),
    *(Column(fund, label, fund, Kind.MONEY) for fund, label in FUND_COLUMNS.items()),
    Column("total", "Cộng", "Total", Kind.MONEY),
)


def write_notice(path: Path, document: dict[str, Any]) -> None:
    """The rows A to Đ of the notice (mẫu C12-TS) as a workbook; the same notice gives the same bytes."""
    if document["rows"] is None:
        raise NotFound(f"notice {document['notice_no']} was issued before rows were kept")
    lines = ([code, words, *amounts] for code, words, amounts in form_lines(document["rows"]))
    issued_at = datetime.combine(date.fromisoformat(document["issued_on"]), time(), VIET_NAM)
    write_xlsx(path, f"C12-TS {document['notice_no']}", NOTICE_COLUMNS, lines, issued_at)


def _typeset(document: dict[str, Any], form: Literal["pdf", "png"]) -> bytes:
    qr = document["qr"]
    lines = list(form_lines(document["rows"])) if document["rows"] else []
    inputs = {
        "notice": json.dumps(document, ensure_ascii=False),
        "lines": json.dumps(lines, ensure_ascii=False),
        "columns": json.dumps(list(FUND_COLUMNS.values()), ensure_ascii=False),
        "qr": segno.make(qr, error="m", micro=False).svg_inline(scale=4, border=4) if qr else "",
    }
    template = files("engine.contributions").joinpath("notice.typ").read_bytes()
    compiled = typst.Compiler(template, ignore_system_fonts=True).compile(format=form, ppi=200, sys_inputs=inputs)
    # As pictures its pages come one by one.
    first = compiled[0] if isinstance(compiled, list) else compiled
    if not isinstance(first, bytes):
        raise TypeError(f"a notice has at least one page as {form}")
    return first


def _qr(account: dict[str, str], amount_vnd: int, payment_code: str) -> str:
    return vietqr.build(
        vietqr.VietQr(
            bin=account["bank_bin"],
            account=account["account"],
            amount_vnd=amount_vnd,
            purpose=f"{payment_code} dong BHXH",
        )
    )


def _fund(row: Row[Any]) -> dict[str, Any]:
    return {
        "fund": row.fund,
        "name": FUND_LABELS[row.fund],
        "employee_vnd": row.employee_vnd,
        "employer_vnd": row.employer_vnd,
        "total_vnd": row.employee_vnd + row.employer_vnd,
    }


def _accounts(connection: Connection, vault: Vault, named: Sequence[int]) -> list[dict[str, str]]:
    """The collection accounts that a notice names, in the order in which they were opened: the payer chooses.

    Those that were open when it was issued; if there was none, all that are open by now, for it must be payable.
    """
    rows = connection.execute(
        text("""
            SELECT bank_bin, bank_name, holder_name, account_ciphertext FROM engine.collection_account
            WHERE bank_bin IS NOT NULL
                AND (cardinality(CAST(:named AS integer[])) = 0 OR collection_account_id = ANY (:named))
            ORDER BY collection_account_id"""),
        {"named": list(named)},
    )
    return [
        {
            "bank_bin": row.bank_bin,
            "bank": row.bank_name,
            "holder_name": row.holder_name,
            "account": vault.open("account", row.account_ciphertext),
        }
        for row in rows
    ]


_NOTICE = text("""
    SELECT n.*, c.declaration_no, c.period, c.staff, c.unconfirmed, c.grounds, c.findings, e.unit_code,
           d.name, d.tax_code_ciphertext, d.agency_code
    FROM engine.notice n
    JOIN engine.declaration c USING (declaration_id)
    JOIN engine.employer e ON e.employer_id = n.employer_id
    JOIN LATERAL (
        SELECT * FROM engine.employer_detail d WHERE d.employer_id = e.employer_id AND d.recorded_during @> n.issued_at
        ORDER BY d.valid_during @> c.period DESC, lower(d.valid_during) LIMIT 1) d ON true
    WHERE n.notice_no = :notice_no
""")

_DUES = text("""
    SELECT fund, employee_vnd, employer_vnd FROM engine.dues WHERE declaration_id = :declaration_id
    ORDER BY array_position(ARRAY['retirement', 'sickness', 'accident', 'unemployment', 'health'], fund)
""")
