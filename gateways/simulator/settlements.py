"""Tệp đối soát: what a wallet or payment page says moved on a day, as CSV.

None of the four publishes its own form. This one has the words that public settlement sheets share: a title with the
merchant, the day, what it held before and after, and one line for each time an order moved money.
"""

import csv
import io
from datetime import date, datetime, timedelta, timezone

from gateways.simulator.purse import Purse, Stage

_VIET_NAM = timezone(timedelta(hours=7))
_TITLES = {"momo": "MoMo", "zalopay": "ZaloPay", "vnpay": "VNPAY", "payos": "payOS", "mbbank": "MB"}
_MERCHANT = {
    "momo": "partner_code",
    "zalopay": "app_id",
    "vnpay": "terminal",
    "payos": "client_id",
    "mbbank": "debit_account",
}
_STATES = {Stage.DONE: "Thành công", Stage.RETURNED: "Hoàn trả"}
_HEADER = ("Thời gian giao dịch", "Mã đơn hàng", "Mã giao dịch", "Số tiền giao dịch", "Phí giao dịch", "Trạng thái")


def settlement_file(purse: Purse, provider: str, on: date) -> str:
    """The file of one day. Money in is above zero."""
    with purse.lock:
        moves = [(order, *move) for order in purse.orders(provider) for move in order.moves()]
        now_vnd, merchant = purse.balance_vnd(provider), purse.merchant(provider)[_MERCHANT[provider]]
    moves.sort(key=lambda move: move[1])
    closing_vnd = now_vnd - sum(in_vnd for _, at, in_vnd, _ in moves if _day(at) > on)
    of_the_day = [move for move in moves if _day(move[1]) == on]
    to = io.StringIO()
    writer = csv.writer(to, lineterminator="\n")
    writer.writerow([f"Tệp đối soát giao dịch {_TITLES[provider]}"])
    writer.writerow([f"Mã đối tác: {merchant}"])
    writer.writerow([f"Từ ngày: {on:%d/%m/%Y}", f"Đến ngày: {on:%d/%m/%Y}"])
    writer.writerow([f"Số dư đầu kỳ: {closing_vnd - sum(in_vnd for _, _, in_vnd, _ in of_the_day)}"])
    writer.writerow(_HEADER)
    for order, at, in_vnd, stage in of_the_day:
        moment = at.astimezone(_VIET_NAM)
        writer.writerow([f"{moment:%d/%m/%Y %H:%M:%S}", order.reference, order.number, in_vnd, 0, _STATES[stage]])
    writer.writerow([f"Số dư cuối kỳ: {closing_vnd}"])
    return to.getvalue()


def _day(at: datetime) -> date:
    return at.astimezone(_VIET_NAM).date()
