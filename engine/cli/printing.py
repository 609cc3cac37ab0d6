"""Tables for people, JSON for programs."""

import json
import sys
from dataclasses import asdict
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from engine.clock import VIET_NAM
from engine.payments.proof import Proof
from ledger.balances import TrialBalanceRow

out = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
err = Console(stderr=True, highlight=False)


def print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def print_result(value: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(value)
        return
    for key, item in value.items():
        out.print(f"{key}: {shown_value(item)}", markup=False)


def shown_value(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}".replace(",", ".")
    if isinstance(value, list | tuple):
        return ", ".join(shown_value(item) for item in value) or "none"
    return value.astimezone(VIET_NAM).isoformat() if isinstance(value, datetime) else str(value)


def print_table(title: str, rows: list[dict[str, Any]]) -> None:
    table = Table(title=title or None)
    for column in rows[0] if rows else ():
        table.add_column(column, justify="right" if isinstance(rows[0][column], int) else "left")
    for row in rows:
        table.add_row(*(shown_value(value) for value in row.values()))
    out.print(table)


def print_proof(proven: Proof) -> None:
    print_table("Biên bản đối chiếu", [asdict(row) for row in proven.rows])
    print_result(proven.totals | {"inquiries_resolved": proven.inquiries_resolved}, as_json=False)
    contributions = [asdict(row) for row in proven.contributions.rows]
    if contributions:
        print_table("Tài khoản đơn vị", contributions)
    for case in proven.open_cases:
        out.print(f"Cần xem xét (open case): {case}", markup=False)
    out.print("Không có chênh lệch (no difference)" if not proven.differences else "Chênh lệch (differences):")
    for difference in proven.differences:
        out.print(f"  {difference}", markup=False)


def print_trial_balance(rows: list[TrialBalanceRow]) -> None:
    printed: list[dict[str, Any]] = [
        {"account": r.account, "name": r.name, "debit": r.debit.vnd, "credit": r.credit.vnd} for r in rows
    ]
    total = {side: sum(row[side] for row in printed) for side in ("debit", "credit")}
    print_table("Bảng cân đối tài khoản", [*printed, {"account": "", "name": "Cộng", **total}])
