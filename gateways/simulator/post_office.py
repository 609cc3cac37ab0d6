"""The simulated post office: takes lists, pays at the counter, settles. It reads and writes with code of its own.

Whoever plays the day says what the post does. Books are a file of lines, on the disk before anything is settled; a list
or a payment that came before is not paid again. What becomes of a person follows from how the insurance number ends:

| Ends in | Result |
|---|---|
| 9001 | 11, does not come |
| 9013 | 12, is dead |
| 9003 | 13, other papers |
| 9022 | 02, has not come yet |
| anything else | 01, is paid |
"""

import csv
import json
import os
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

_RESULTS = {"9001": "11", "9013": "12", "9003": "13", "9022": "02"}
_PAID = "01"
BOOKS = "post_books.jsonl"


@dataclass(frozen=True, slots=True)
class Counter:
    """What happened with one person of a list."""

    message_id: str
    reference: str
    person: str = field(repr=False)
    name: str = field(repr=False)
    amount_vnd: int
    result: str


class PostOfficeSide:
    """The post's side of the exchange directory, with its books."""

    def __init__(self, home: Path, root: Path, contract: str = "HDBUUDIEN01", advance_vnd: int = 0) -> None:
        """`contract` and `advance_vnd`: under which number it pays, and what was advanced to it for that."""
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._contract, self._advance_vnd = contract, advance_vnd
        self._books = home / BOOKS
        self._out, self._in = root / "out", root / "in"
        self._settled: dict[str, int] = {}
        self.paid_on = date(2026, 11, 25)
        """The day that a settlement gives for what was paid."""

    def counters(self) -> list[Counter]:
        """The books."""
        if not self._books.exists():
            return []
        return [Counter(**json.loads(line)) for line in self._books.read_text("utf-8").splitlines()]

    def take(self) -> list[str]:
        """Takes every list that stands whole in `out/`, and pays it; their message ids."""
        taken = []
        for path in sorted(self._out.glob("[!.]*.C72a-HD.csv")):
            with path.open(encoding="utf-8-sig", newline="") as file:
                rows = list(csv.reader(file))
            message_id = rows[0][1]
            whole = rows[-1][0] == "Cộng" and int(rows[-1][1]) == len(rows) - 3
            if whole and int(rows[-1][6]) == sum(int(row[6]) for row in rows[2:-1]):
                self._pay(message_id, rows[2:-1])
                taken.append(message_id)
            path.unlink()
        return taken

    def settle(
        self, message_id: str, name: str | None = None, cut: int | None = None, reverse: bool = False, title: str = ""
    ) -> str:
        """Puts a settlement of a list into `in/`; its name. `cut`: only so many bytes of it."""
        lines = [counter for counter in self.counters() if counter.message_id == message_id]
        self._settled[message_id] = self._settled.get(message_id, 0) + 1
        name = name or f"{message_id}.{self._settled[message_id]:03d}.C74a-HD.csv"
        paid = [counter.amount_vnd if counter.result == _PAID else 0 for counter in lines]
        pairs = list(zip(lines, paid, strict=True))
        told = [
            f"{number},{counter.reference},{counter.result},{amount},{self.paid_on}"
            for number, (counter, amount) in enumerate(pairs[::-1] if reverse else pairs, 1)
        ]
        head = [f"C74a-HD,{message_id}{title}", "STT,Mã khoản chi,Kết quả,Số tiền đã chi (đồng),Ngày chi"]
        text = "\r\n".join([*head, *told, f"Cộng,{len(lines)},,{sum(paid)},", ""])
        (self._in / name).write_bytes(text.encode("utf-8-sig")[:cut])
        return name

    def close_day(self, on: date, message_id: str) -> str:
        """The day's settlement as a statement of the advance, with what is left of it; its name."""
        paid_vnd = sum(
            counter.amount_vnd
            for counter in self.counters()
            if counter.message_id == message_id and counter.result == _PAID
        )
        opening_vnd, self._advance_vnd = self._advance_vnd, self._advance_vnd - paid_vnd
        days = f"Từ ngày: {on:%d/%m/%Y},Đến ngày: {on:%d/%m/%Y}"
        balances = f"Số dư đầu kỳ: {opening_vnd},Số dư cuối kỳ: {self._advance_vnd}"
        title = f",Số hợp đồng: {self._contract},{days},{balances}"
        self.paid_on = on
        return self.settle(message_id, f"{message_id}_{on:%Y%m%d}.C74a-HD.csv", title=title)

    def _pay(self, message_id: str, rows: list[list[str]]) -> None:
        known = {counter.reference for counter in self.counters()}
        with self._books.open("a", encoding="utf-8") as books:
            for row in rows:
                if row[1] not in known:
                    told = {"message_id": message_id, "reference": row[1], "person": row[2], "name": row[3]}
                    result = _RESULTS.get(row[2][-4:], _PAID)
                    books.write(json.dumps({**told, "amount_vnd": int(row[6]), "result": result}) + "\n")
            books.flush()
            os.fsync(books.fileno())
