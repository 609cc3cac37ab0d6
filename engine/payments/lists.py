"""Danh sách chi trả: the lists that a run is signed on, C72a-HD for monthly benefits and C97-HD for those paid once.

One workbook for each list, gateway, province and pay point, as the offices hand them on. They name the payee and show
the end of the account; whole numbers stay in the vault. Since 2025 there are no districts, so the province parts the
lists.
Decision 166/QĐ-BHXH; the forms are those of Circular 102/2018/TT-BTC, whose column numbers no source at hand gives.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Row, text

from engine import audit
from engine.errors import NotFound
from engine.vault import Vault, mask
from gateways.banks.directory import bank_of
from ledger.sheets import Cell, Column, Kind, write_xlsx

_COLUMNS = (
    Column("place", "STT", "No.", Kind.NUMBER),
    Column("name", "Họ và tên", "Name"),
    Column("insured_number", "Mã số BHXH", "Insurance number"),
    Column("benefit", "Loại trợ cấp", "Benefit"),
    Column("entitled_month", "Tháng hưởng", "Month", Kind.DATE),
    Column("part", "Lần", "Part", Kind.NUMBER),
    Column("amount_vnd", "Số tiền (đồng)", "Amount (VND)", Kind.MONEY),
    Column("bank", "Ngân hàng", "Bank"),
    Column("account", "Số tài khoản", "Account"),
    Column("receiver", "Người nhận thay", "Received by"),
    Column("reference", "Mã khoản chi", "Reference"),
    Column("state", "Trạng thái", "State"),
)
_BENEFITS = {
    "pension": "Lương hưu",
    "retirement_lump_sum": "Trợ cấp một lần khi nghỉ hưu",
    "funeral_grant": "Trợ cấp mai táng",
    "survivor_allowance": "Trợ cấp tuất hằng tháng",
    "survivor_lump_sum": "Trợ cấp tuất một lần",
}
_RECEIVERS = {"proxy": "{} (ủy quyền)", "guardian": "{} (giám hộ)"}


@dataclass(frozen=True, slots=True)
class PaymentList:
    """A list as a file; `amount_vnd` is its total in đồng, `sha256` names exactly this file."""

    form: str
    gateway: str
    province: str
    pay_point: str | None
    """Where cash is handed out, and there alone: each pay point has a list of its own."""
    file: str
    payments: int
    amount_vnd: int
    sha256: str


def write_lists(
    connection: Connection, vault: Vault, run_code: str, directory: Path, at: datetime
) -> list[PaymentList]:
    """Writes the lists of a run, without what was cancelled. Raises `NotFound` if there is nothing to list."""
    parts = connection.execute(_PARTS, {"run_code": run_code}).all()
    if not parts:
        raise NotFound(f"there is no payment run {run_code} with payments")
    directory.mkdir(parents=True, exist_ok=True)
    lists = [_write(connection, vault, run_code, part, directory, at) for part in parts]
    audit.record(connection, "listed", run_code, at, lists=len(lists), payments=sum(each.payments for each in lists))
    return lists


def _write(
    connection: Connection, vault: Vault, run_code: str, part: Row[tuple[object, ...]], directory: Path, at: datetime
) -> PaymentList:
    named = part._asdict()
    title = f"{named['form']} {run_code.replace('/', '-')} {named['gateway']} {named['province']}"
    if named["pay_point"]:
        title += f" {named['pay_point']}"
    path = directory / f"{title.replace(' ', '_')}.xlsx"
    found = connection.execute(_ROWS, {"run_code": run_code, **named}, execution_options={"yield_per": 1000})
    write_xlsx(path, title, _COLUMNS, _rows(vault, found), at)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    totals = connection.execute(_TOTALS, {"run_code": run_code, **named}).one()
    return PaymentList(file=path.name, sha256=sha256, **named, **totals._asdict())


def _rows(vault: Vault, found: Iterator[Row[tuple[object, ...]]]) -> Iterator[list[Cell]]:
    total_vnd = 0
    for place, row in enumerate(found, 1):
        shown = row._asdict()
        bank = bank_of(shown["bank_bin"])
        cash = shown["pay_point_name"]
        insured = shown["insured_number_ciphertext"]
        total_vnd += shown["amount_vnd"]
        yield [
            place,
            shown["name"],
            mask(vault.open("insured_number", bytes(insured))) if insured else None,
            _BENEFITS[shown["benefit"]],
            shown["entitled_month"],
            shown["part"],
            shown["amount_vnd"],
            cash or (bank.short_name if bank else shown["bank_bin"]),
            None if cash else mask(vault.open("account", bytes(shown["account_ciphertext"]))),
            _RECEIVERS[shown["receiver"]].format(shown["holder_name"]) if shown["receiver"] else None,
            shown["reference"],
            shown["state"],
        ]
    yield [None, "Tổng cộng / Total", None, None, None, None, total_vnd, None, None, None, None, None]


_FORM = "CASE WHEN p.benefit IN ('pension', 'survivor_allowance') THEN 'C72a-HD' ELSE 'C97-HD' END"

_PROVINCE = "coalesce(c.province, n.province)"

_OF_RUN = """
    FROM engine.payment p
    JOIN engine.payment_run r USING (run_id)
    JOIN engine.person n ON n.person_id = p.person_id
    JOIN engine.payout_account o USING (payout_account_id)
    LEFT JOIN engine.pay_point c ON c.pay_point = o.bank_bin
    WHERE r.run_code = :run_code AND p.state <> 'cancelled'"""

_OF_LIST = f"""{_OF_RUN} AND {_FORM} = :form AND p.gateway = :gateway AND {_PROVINCE} = :province
    AND c.pay_point IS NOT DISTINCT FROM CAST(:pay_point AS text)"""

_PARTS = text(f"""
    SELECT DISTINCT {_FORM} AS form, p.gateway, {_PROVINCE} AS province, c.pay_point {_OF_RUN}
    ORDER BY 1, 2, 3, 4""")

_ROWS = text(f"""
    SELECT n.name, n.insured_number_ciphertext, p.benefit, p.entitled_month, p.part, p.amount_vnd, o.bank_bin,
        c.name AS pay_point_name, o.account_ciphertext, o.holder_name, p.reference, p.state,
        (SELECT q.receiver FROM engine.payout_request q
            WHERE q.request_no = o.request_no AND q.receiver <> 'beneficiary') AS receiver
    {_OF_LIST} ORDER BY p.payment_no""")

_TOTALS = text(f"SELECT count(*) AS payments, sum(p.amount_vnd)::bigint AS amount_vnd {_OF_LIST}")
