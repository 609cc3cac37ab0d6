"""Every business event and its journal entry (định khoản): the page an accountant reviews.

Debit and credit are SQL expressions over one row per payment, `p`, and the account that pays it, `a`; so one event is
posted for one payment or for a million by the same words. Account codes are those of `ledger/chart.yaml`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection

from ledger import book
from ledger.entries import Entry, EntryHeader, Line
from ledger.money import Dong


@dataclass(frozen=True, slots=True)
class PaymentEvent:
    """An event in the life of payments, as debit and credit."""

    name: str
    description: str
    debit: str
    credit: str


# A refund takes back what an employer had paid ahead, or what nobody was found for.
_REFUNDED = "(SELECT f.source_account FROM engine.refund f WHERE f.refund_id = p.refund_id)"
_OWN_EXPENSE = f"CASE WHEN p.refund_id IS NULL THEN 'benefit_expense.' || p.benefit ELSE {_REFUNDED} END"
# What pays again money that came back is expensed already: it is owed from what was returned.
_EXPENSE = f"""CASE WHEN EXISTS (
        SELECT FROM engine.payment o WHERE o.reissued_by = p.payment_id AND o.state = 'returned')
    THEN 'returned_payable' ELSE {_OWN_EXPENSE} END"""
_PAYABLE = "CASE WHEN p.refund_id IS NULL THEN 'benefits_payable' ELSE 'refunds_payable' END"
_IN_TRANSIT = "'in_transit.' || p.gateway"
_CASH = "a.ledger_account"
_RETURNED = "'returned_payable'"
_RECOVERABLE = "'beneficiary_receivable'"

RUN_APPROVED = PaymentEvent("run_approved", "Duyệt đợt chi trả: ghi nhận khoản phải chi", _EXPENSE, _PAYABLE)
PAYMENT_CANCELLED = PaymentEvent("payment_cancelled", "Hủy khoản chi đã duyệt", _PAYABLE, _EXPENSE)
PAYMENT_SENT = PaymentEvent("payment_sent", "Gửi lệnh chi sang ngân hàng", _PAYABLE, _IN_TRANSIT)
PAYMENT_NOT_SENT = PaymentEvent("payment_not_sent", "Lệnh chi không được thực hiện", _IN_TRANSIT, _PAYABLE)
PAYMENT_SETTLED = PaymentEvent("payment_settled", "Sao kê ghi Nợ: đã chi", _IN_TRANSIT, _CASH)
OVERPAYMENT_FOUND = PaymentEvent("overpayment_found", "Phát hiện chi sai: phải thu hồi", _RECOVERABLE, _OWN_EXPENSE)
RETURN_TAKEN_BACK = PaymentEvent(
    "return_taken_back",
    "Tiền hoàn trả không còn phải chi",
    _RETURNED,
    f"CASE WHEN EXISTS (SELECT FROM engine.overpayment v WHERE v.payment_id = p.payment_id)"
    f" THEN {_RECOVERABLE} ELSE {_OWN_EXPENSE} END",
)
PAYMENT_RETURNED = PaymentEvent("payment_returned", "Sao kê ghi Có: lệnh chi bị hoàn trả", _CASH, _RETURNED)


@dataclass(frozen=True, slots=True)
class SetOffEvent:
    """An event of what is withheld from payments: `sides` is SQL, rows of debit and credit."""

    name: str
    description: str
    sides: str


RECOVERY_SET_OFF = SetOffEvent(
    "recovery_set_off",
    "Khấu trừ khoản phải thu hồi vào khoản chi",
    f"({_OWN_EXPENSE}, {_PAYABLE}), ({_PAYABLE}, {_RECOVERABLE})",
)
SET_OFF_UNDONE = SetOffEvent(
    "set_off_undone", "Khoản chi đã khấu trừ không còn: ghi lại khoản phải thu hồi", f"({_RECOVERABLE}, {_OWN_EXPENSE})"
)

SETTLED_UNDONE = PaymentEvent("settled_undone", "Đảo bút toán đã chi: khớp sai", _CASH, _IN_TRANSIT)
RETURN_UNDONE = PaymentEvent("return_undone", "Đảo bút toán hoàn trả: khớp sai", _RETURNED, _CASH)


def post_staged(
    connection: Connection,
    event: PaymentEvent | SetOffEvent,
    *,
    key: str,
    document: str,
    business_on: date,
    at: datetime,
) -> None:
    """Posts the lines that stand in the staging table as one journal entry of this event."""
    header = EntryHeader(
        key=key, event=event.name, document=document, business_on=business_on, description=event.description
    )
    book.post_staged(connection, header, recorded_at=at)


def post_opening_balance(
    connection: Connection, *, ledger_account: str, fund: str, amount: Dong, document: str, on: date, at: datetime
) -> None:
    """Số dư đầu kỳ: the money that already stands on a paying account when the book begins."""
    header = EntryHeader(
        key=f"opening:{ledger_account}",
        event="opening_balance",
        document=document,
        business_on=on,
        description="Số dư đầu kỳ tài khoản tiền gửi",
    )
    line = Line(debit=ledger_account, credit=f"fund_balance.{fund}", amount=amount, fund=fund)
    book.post(connection, header, [line], recorded_at=at)


@dataclass(frozen=True, slots=True)
class EmployerEvent:
    """An event in the account of an employer; its lines are given with it, since each fund has its own."""

    name: str
    description: str


DECLARATION_ACCEPTED = EmployerEvent("declaration_accepted", "Ghi nhận số phải đóng của đơn vị theo tờ khai")
DUES_REDUCED = EmployerEvent("dues_reduced", "Giảm số phải đóng đã kê khai: ghi lại cho đơn vị")
LATE_CHARGED = EmployerEvent("late_charged", "Tính tiền chậm đóng của đơn vị")
RECEIPT_BOOKED = EmployerEvent("receipt_booked", "Sao kê ghi Có: thu tiền đóng, chờ phân bổ")
RECEIPT_UNIDENTIFIED = EmployerEvent("receipt_unidentified", "Sao kê ghi Có: khoản thu chưa xác định đơn vị, chờ xử lý")
RECEIPT_IDENTIFIED = EmployerEvent("receipt_identified", "Xác định được đơn vị của khoản thu chờ xử lý")
RECEIPT_ALLOCATED = EmployerEvent("receipt_allocated", "Phân bổ khoản thu vào số phải đóng theo thứ tự luật định")


def post_staged_employers(
    connection: Connection, event: EmployerEvent, *, key: str, document: str, business_on: date, at: datetime
) -> None:
    """Posts the lines of many employers that stand in the staging table as one journal entry."""
    header = EntryHeader(
        key=key, event=event.name, document=document, business_on=business_on, description=event.description
    )
    book.post_staged(connection, header, recorded_at=at)


def employer_entry(event: EmployerEvent, lines: Iterable[Line], *, key: str, document: str, business_on: date) -> Entry:
    """The journal entry of one event of one employer's account, to be posted with others."""
    return Entry(
        key=key,
        event=event.name,
        document=document,
        business_on=business_on,
        description=event.description,
        lines=tuple(lines),
    )


def post_employer_event(
    connection: Connection,
    event: EmployerEvent,
    lines: Iterable[Line],
    *,
    key: str,
    document: str,
    business_on: date,
    at: datetime,
) -> None:
    """Posts the lines of one event of employers' accounts as one journal entry."""
    header = EntryHeader(
        key=key, event=event.name, document=document, business_on=business_on, description=event.description
    )
    book.post(connection, header, lines, recorded_at=at)
