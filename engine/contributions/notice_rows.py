"""Rows A to Đ of form C12-TS: carried in, arisen, received, allocated, carried out.

They are counted when a notice is issued and kept with it, so that the same notice always tells the same. A month that
is carried in is the one that the notice before carried out.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from engine.contributions.account import debits_on, money_of
from engine.contributions.employer import Employer
from engine.contributions.lateness import Lateness, months_owed
from engine.law.parameters import Parameters

FUND_COLUMNS = {
    "sickness": "ÔĐTS",
    "retirement": "HTTT",
    "health": "BHYT",
    "unemployment": "BHTN",
    "accident": "TNLĐ, BNN",
}
"""Columns 1 to 5 of the form; column 6 is their sum."""


def rows_of(
    connection: Connection, employer: Employer, declaration_id: UUID, on: date, law: Parameters
) -> dict[str, Any]:
    """Everything between the employer's notice before this one and now, as JSON data in đồng."""
    before = connection.execute(_BEFORE, {"id": employer.employer_id}).one_or_none()
    carried_in = before.rows["carried_out"] if before is not None and before.rows is not None else _nothing()
    window = {
        "id": employer.employer_id,
        "since": before.issued_at if before is not None else None,
        "declaration_id": declaration_id,
    }
    carried_out = _standing(connection, employer, declaration_id, on, law)
    arisen = {
        name: _by_fund(connection.execute(query, window))
        for name, query in (("dues", _DUES), ("raised", _RAISED), ("lowered", _LOWERED))
    }
    allocated: dict[str, dict[str, int]] = {"principal": {}, "late_charge": {}}
    for row in connection.execute(_ALLOCATED, window):
        allocated[row.kind][row.fund] = row.vnd
    receipts = [
        {"receipt_no": row.receipt_no, "on": row.booked_on.isoformat(), "document": row.document, "vnd": row.amount_vnd}
        for row in connection.execute(_RECEIVED, window)
    ]
    came_vnd = sum(receipt["vnd"] for receipt in receipts) + sum(arisen["lowered"].values())
    went_vnd = sum(sum(funds.values()) for funds in allocated.values())
    return {
        "carried_in": carried_in,
        "arisen": arisen
        | {
            "charge": {
                fund: carried_out["charge"].get(fund, 0)
                - carried_in["charge"].get(fund, 0)
                + allocated["late_charge"].get(fund, 0)
                for fund in FUND_COLUMNS
            },
            "wages_vnd": connection.scalar(_WAGES, window),
        },
        "receipts": receipts,
        "allocated": allocated,
        "refunded_vnd": carried_in["surplus_vnd"] + came_vnd - went_vnd - carried_out["surplus_vnd"],
        "carried_out": carried_out,
    }


def _nothing() -> dict[str, Any]:
    return {"staff": 0, "surplus_vnd": 0, "principal": {}, "charge": {}, "by_status": {}, "days_late": 0}


def _standing(
    connection: Connection, employer: Employer, declaration_id: UUID, on: date, law: Parameters
) -> dict[str, Any]:
    """Row Đ: where the employer stands after everything."""
    principal: dict[str, int] = defaultdict(int)
    charge: dict[str, int] = defaultdict(int)
    for debit in debits_on(connection, employer.employer_id, on, law):
        principal[debit.fund] += debit.principal_vnd
        charge[debit.fund] += debit.charge_vnd
    by_status: dict[str, int] = defaultdict(int)
    days = 0
    for month in months_owed(connection, employer.employer_id, on, law):
        by_status[month.status.value] += month.principal_vnd
        days = max(days, month.days_late)
    return {
        "staff": connection.scalar(_STAFF, {"declaration_id": declaration_id}),
        "surplus_vnd": sum(money.left_vnd for money in money_of(connection, employer.employer_id)),
        "principal": dict(principal),
        "charge": dict(charge),
        "by_status": dict(by_status),
        "days_late": days,
    }


def _by_fund(rows: Any) -> dict[str, int]:
    return {row.fund: row.vnd for row in rows}


def form_lines(rows: Mapping[str, Any]) -> Iterator[tuple[str, str, Sequence[int | None]]]:
    """The lines of the form: code, words, and columns 1 to 6; None where the form leaves a column empty."""
    yield "A", "Kỳ trước mang sang", _empty()
    yield from _carried("A", rows["carried_in"])
    arisen = rows["arisen"]
    yield "B", "Phát sinh trong kỳ", _empty()
    yield "B.1", "Số lao động", _alone(rows["carried_out"]["staff"])
    yield "B.2", "Quỹ lương", _alone(arisen["wages_vnd"])
    yield "B.3", "Phải đóng", _funds(arisen["dues"])
    yield "B.4.1", "Điều chỉnh tăng các kỳ trước", _funds(arisen["raised"])
    yield "B.4.2", "Điều chỉnh giảm các kỳ trước", _funds(arisen["lowered"])
    yield "B.5", "Tiền chậm đóng, trốn đóng", _funds(arisen["charge"])
    yield "C", "Số tiền đã nộp trong kỳ", _alone(sum(receipt["vnd"] for receipt in rows["receipts"]))
    for place, receipt in enumerate(rows["receipts"], 1):
        on = date.fromisoformat(receipt["on"])
        words = f"Khoản thu {receipt['receipt_no']}, {receipt['document']}, ngày {on:%d/%m/%Y}"
        yield f"C.{place}", words, _alone(receipt["vnd"])
    yield "D", "Phân bổ tiền đóng", _empty()
    yield "D.1", "Phải đóng", _funds(rows["allocated"]["principal"])
    yield "D.2", "Tiền chậm đóng, trốn đóng", _funds(rows["allocated"]["late_charge"])
    if rows["refunded_vnd"]:
        yield "D.3", "Hoàn trả", _alone(rows["refunded_vnd"])
    yield "Đ", "Chuyển kỳ sau", _empty()
    yield from _carried("Đ", rows["carried_out"])


def _carried(code: str, standing: Mapping[str, Any]) -> Iterator[tuple[str, str, Sequence[int | None]]]:
    by_status = standing["by_status"]
    yield f"{code}.1", "Số lao động", _alone(standing["staff"])
    yield f"{code}.2.1", "Thừa", _alone(standing["surplus_vnd"])
    yield f"{code}.2.2", "Thiếu", _funds(standing["principal"])
    yield f"{code}.2.2a", "  chưa đến hạn đóng", _alone(by_status.get(Lateness.NOT_DUE.value, 0))
    yield f"{code}.2.2b", "  chậm đóng", _alone(by_status.get(Lateness.LATE.value, 0))
    yield f"{code}.2.2c", "  trốn đóng", _alone(by_status.get(Lateness.EVADED.value, 0))
    yield f"{code}.3", "Tiền chậm đóng, trốn đóng", _funds(standing["charge"])
    yield f"{code}.4", "Số ngày chậm đóng, trốn đóng", _alone(standing["days_late"])


def _empty() -> Sequence[int | None]:
    return [None] * (len(FUND_COLUMNS) + 1)


def _alone(number: int | None) -> Sequence[int | None]:
    return [None] * len(FUND_COLUMNS) + [number]


def _funds(by_fund: Mapping[str, int]) -> Sequence[int | None]:
    amounts = [by_fund.get(fund, 0) for fund in FUND_COLUMNS]
    return [*amounts, sum(amounts)]


_BEFORE = text("""
    SELECT issued_at, rows FROM engine.notice WHERE employer_id = :id ORDER BY issued_at DESC, notice_no DESC LIMIT 1
""")

_STAFF = text("SELECT staff FROM engine.declaration WHERE declaration_id = :declaration_id")

# Of a correction only the changed are written down: the wages of a month are those of all who are declared for it now.
_WAGES = text("""
    SELECT coalesce(sum(m.wage_vnd) FILTER (WHERE NOT m.unpaid), 0)::bigint
    FROM engine.declaration c JOIN engine.employment m
        ON m.employer_id = c.employer_id AND m.months @> c.period AND upper_inf(m.recorded_during)
    WHERE c.declaration_id = :declaration_id
""")

_DUES = text("""
    SELECT d.fund, (d.employee_vnd + d.employer_vnd)::bigint AS vnd
    FROM engine.declaration c JOIN engine.dues d USING (declaration_id)
    WHERE c.declaration_id = :declaration_id AND c.number = 1
""")

_RAISED = text("""
    SELECT d.fund, sum(d.employee_vnd + d.employer_vnd)::bigint AS vnd
    FROM engine.declaration c JOIN engine.dues d USING (declaration_id)
    WHERE c.employer_id = :id AND (CAST(:since AS timestamptz) IS NULL OR c.accepted_at > :since)
        AND NOT (c.declaration_id = :declaration_id AND c.number = 1)
    GROUP BY d.fund
""")

_LOWERED = text("""
    SELECT r.fund, sum(r.amount_vnd)::bigint AS vnd FROM engine.receipt r
    WHERE r.employer_id = :id AND r.match_id IS NULL
        AND (CAST(:since AS timestamptz) IS NULL OR r.recorded_at > :since)
    GROUP BY r.fund
""")

_RECEIVED = text("""
    SELECT receipt_no, booked_on, document, amount_vnd FROM engine.receipt
    WHERE employer_id = :id AND match_id IS NOT NULL
        AND (CAST(:since AS timestamptz) IS NULL OR recorded_at > :since)
    ORDER BY receipt_no
""")

_ALLOCATED = text("""
    SELECT a.kind, a.fund, sum(a.amount_vnd)::bigint AS vnd
    FROM engine.receipt r JOIN engine.allocation a USING (receipt_id)
    WHERE r.employer_id = :id AND (CAST(:since AS timestamptz) IS NULL OR a.recorded_at > :since)
    GROUP BY a.kind, a.fund
""")
