"""The life of a receipt on one page: the line of the bank, how it was recognised, where each đồng went, by which law.

A receipt is asked for as `receipt 12`, or by the payment code of a notice for all that came under it; an online order
by its reference: how it was made, what was told and asked of it, and the receipts that it brought.
"""

import re
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, text

from engine.contributions.dues import FUND_LABELS, FUNDS_BY_NAME
from engine.contributions.notices import PREFIX
from engine.contributions.online import PREFIX as ORDER_PREFIX
from engine.errors import NotFound
from engine.law.due_dates import days_late
from engine.law.late_interest import months_of_interest
from engine.law.parameters import Confidence, Parameters
from reconciliation.references import is_reference

_ASKED = re.compile(r"receipt[ -]?([0-9]+)")


def names_receipts(reference: str) -> bool:
    """Whether what is asked for is a receipt or the payment code of a notice."""
    return _ASKED.fullmatch(reference) is not None or (reference.startswith(PREFIX) and is_reference(reference))


def trace_receipts(connection: Connection, reference: str, law: Parameters) -> list[dict[str, Any]]:
    """Everything known of the receipts that a reference names, in the order in which they came."""
    asked = _ASKED.fullmatch(reference)
    receipts = connection.execute(
        _RECEIPTS, {"receipt_no": int(asked[1]) if asked else None, "payment_code": reference}
    ).all()
    if not receipts:
        raise NotFound(f"no receipt is known by {reference}")
    return [_life(connection, receipt, law) for receipt in receipts]


def names_order(reference: str) -> bool:
    """Whether what is asked for is an online order."""
    return reference.startswith(ORDER_PREFIX) and is_reference(reference)


def trace_order(connection: Connection, reference: str) -> dict[str, Any]:
    """An online order and everything that was heard of it, in the order in which it came."""
    order = connection.execute(_ORDER, {"reference": reference}).one_or_none()
    if order is None:
        raise NotFound(f"there is no order {reference}")
    told = order._asdict()
    known = {"order_id": told.pop("order_id"), "gateway": order.gateway, "reference": told.pop("provider_reference")}
    return {"order": told, "events": [row._asdict() for row in connection.execute(_HEARD, known)]}


def _life(connection: Connection, receipt: Row[Any], law: Parameters) -> dict[str, Any]:
    parts = [_part(row, law) for row in connection.execute(_PARTS, {"receipt_id": receipt.receipt_id})]
    told = receipt._asdict()
    del told["receipt_id"]
    surplus_vnd = receipt.amount_vnd - sum(part["amount_vnd"] for part in parts)
    told |= {"allocated_vnd": receipt.amount_vnd - surplus_vnd, "surplus_vnd": surplus_vnd}
    return {
        "receipt": told,
        "line": [row._asdict() for row in connection.execute(_LINE, {"receipt_id": receipt.receipt_id})],
        "order": _order(receipt.booked_on, surplus_vnd, law),
        "parts": parts,
        "entries": [
            row._asdict() for row in connection.execute(_ENTRIES, {"reference": f"receipt {receipt.receipt_no}"})
        ],
    }


_PLACES = {"hi": "BHYT", "ui": "BHTN", "accident": "TNLĐ, BNN", "si": "BHXH"}


def _order(on: date, surplus_vnd: int, law: Parameters) -> list[dict[str, Any]]:
    """By which order the money was divided, and why what is left was not."""
    order = law.at("allocation_order", on)
    doubt = ("", "") if order.confidence is not Confidence.UNCONFIRMED else (" (chưa xác nhận)", " (unconfirmed)")
    names = ", ".join(_PLACES[name] for name in order.value)
    told = [
        {
            "article": order.citation.as_json(),
            "confidence": order.confidence.value,
            "words": {
                "vi": "người nghỉ việc, hưởng chế độ trước; rồi lần lượt " + names
                + "; trong quỹ trả gốc trước tiền chậm đóng, tháng cũ trước" + doubt[0],
                "en": "workers who leave or claim first; then " + names
                + "; in a fund principal before charge, the oldest month first" + doubt[1],
            },
        }
    ]  # fmt: skip
    if surplus_vnd:
        told.append(
            {
                "article": order.citation.as_json(),
                "confidence": order.confidence.value,
                "words": {
                    "vi": f"{surplus_vnd} đ thừa, không phân bổ vào quỹ nào, chờ số phải đóng kỳ sau",
                    "en": f"{surplus_vnd} đ is above what is owed: no fund's, it waits for the next dues",
                },
            }
        )
    return told


def _part(row: Row[Any], law: Parameters) -> dict[str, Any]:
    """One part with its ground: dues by their declaration, a charge by the days and the daily rate."""
    told = row._asdict()
    late = days_late(row.due_on, row.value_on, law)
    rule = law.at("late_charge", row.value_on) if late else None
    told |= {"fund_name": FUND_LABELS[row.fund], "days_late": late}
    if row.kind == "principal" or rule is None:
        ground = law.at("contribution_rates", row.period)
        numbers = f"{row.declaration_no}: {row.dues_vnd} đ phải đóng / due, hạn / by {row.due_on}"
    else:
        ground = rule
        numbers = f"{rule.value['percent_per_day']} % × {late} ngày / days ({row.due_on} → {row.value_on})"
    if row.kind == "late_charge":
        numbers += _interest(row, law)
    return told | {"article": ground.citation.as_json(), "numbers": numbers}


def _interest(row: Row[Any], law: Parameters) -> str:
    """The months of the old law for which a charge holds interest, each with its rate; `?` where it is not known."""
    months = months_of_interest(FUNDS_BY_NAME[row.fund], row.due_on, row.value_on, law)
    if not months:
        return ""
    rates = ", ".join(f"{month.on:%m/%Y} {'?' if month.percent is None else month.percent} %" for month in months)
    return f"; lãi tháng / monthly interest: {rates}"


_RECEIPTS = text("""
    SELECT r.receipt_id, r.receipt_no, e.unit_code, n.notice_no, n.payment_code, r.booked_on, r.amount_vnd, r.document,
           r.recorded_at
    FROM engine.receipt r JOIN engine.employer e USING (employer_id) LEFT JOIN engine.notice n USING (notice_id)
    WHERE CASE WHEN CAST(:receipt_no AS bigint) IS NULL THEN n.payment_code = :payment_code
               ELSE r.receipt_no = :receipt_no END
    ORDER BY r.receipt_no
""")

_ORDER = text("""
    SELECT o.order_id, o.reference, o.provider_reference, o.gateway, n.notice_no, e.unit_code, o.amount_vnd, o.state,
        o.made_at, o.made_by, o.expires_at
    FROM engine.online_order o JOIN engine.notice n USING (notice_id) JOIN engine.employer e USING (employer_id)
    WHERE o.reference = :reference
""")

_HEARD = text("""
    SELECT at, what, result, amount_vnd FROM (
        -- What comes at one instant: the answer first, then what is told and what that means.
        SELECT observed_at AS at, CASE source WHEN 'answer' THEN 0 ELSE 2 END AS rank, source AS what,
            concat(state_before, ' → ', state_after, ' ', code) AS result, NULL AS amount_vnd, observation_id AS no
        FROM engine.online_observation WHERE order_id = :order_id
        UNION ALL
        SELECT received_at, 1, 'told by ' || gateway, concat_ws(' ', outcome, code, verdict), amount_vnd, callback_id
        FROM engine.callback WHERE gateway = :gateway AND reference = :reference
        UNION ALL
        SELECT recorded_at, 3, 'receipt ' || receipt_no, document, amount_vnd, receipt_no
        FROM engine.receipt WHERE order_id = :order_id) heard
    ORDER BY at, rank, no
""")

_LINE = text("""
    SELECT m.rule, m.evidence, m.matched_at, f.file_name, x.place, x.bank_reference, x.booked_on, i.amount_vnd,
           u.booked_at AS in_suspense_since, d.decision_id, d.reason, d.prepared_by, d.approved_by
    FROM engine.receipt r
    JOIN reconciliation.match m USING (match_id)
    JOIN reconciliation.statement_item i USING (item_id)
    JOIN reconciliation.statement_entry x USING (statement_id, entry_no)
    JOIN reconciliation.statement s USING (statement_id)
    JOIN reconciliation.statement_file f ON f.file_id = s.file_id
    LEFT JOIN reconciliation.suspense u ON u.item_id = i.item_id
    LEFT JOIN reconciliation.decision d USING (decision_id)
    WHERE r.receipt_id = :receipt_id
""")

_PARTS = text("""
    SELECT a.fund, c.period, a.kind, a.priority, a.amount_vnd, c.declaration_no, c.due_on, a.value_on,
           d.employee_vnd + d.employer_vnd AS dues_vnd, a.recorded_at AS allocated_at
    FROM engine.allocation a
    JOIN engine.declaration c USING (declaration_id)
    JOIN engine.dues d USING (declaration_id, fund)
    WHERE a.receipt_id = :receipt_id ORDER BY a.allocation_id
""")

_ENTRIES = text("""
    SELECT e.entry_id, e.event, e.document, e.business_on, d.code AS debit, c.code AS credit, l.fund, l.amount_vnd
    FROM ledger.line l JOIN ledger.entry e USING (entry_id)
    JOIN ledger.account d ON d.account_id = l.debit_account_id
    JOIN ledger.account c ON c.account_id = l.credit_account_id
    WHERE l.debit_reference = :reference OR l.credit_reference = :reference ORDER BY e.entry_id, l.line_no
""")
