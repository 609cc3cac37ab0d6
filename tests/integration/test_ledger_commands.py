"""The ledger's commands as they are typed: what they print, where they write, what they refuse."""

import csv
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from conftest import TestDatabase
from ledger_command import Done, LedgerCommand, ledger_command
from python_calamine import CalamineWorkbook
from sqlalchemy import Connection, Engine

from ledger.accounts import chart, open_account
from ledger.book import post, reverse
from ledger.entries import EntryHeader, Line
from ledger.money import Dong

EXPENSE, PAYABLE, TRANSIT = "benefit_expense.pension", "benefits_payable", "in_transit.simbank"


@pytest.fixture
def thuchi(
    test_database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> LedgerCommand:
    return ledger_command(test_database, tmp_path / "home", monkeypatch, capsys)


@pytest.fixture
def book(application: Engine) -> None:
    """Two payments approved and sent, one of them with a formula for a document; the third day reverses the first."""
    with application.begin() as connection:
        for chart_code, qualifier in (("benefit_expense", "pension"), ("benefits_payable", None),
                                      ("in_transit", "simbank")):  # fmt: skip
            open_account(connection, chart_code, qualifier)
        _post(connection, 1, EXPENSE, PAYABLE, "p1", 100)
        _post(connection, 2, PAYABLE, TRANSIT, "p1", 60)
        _post(connection, 2, EXPENSE, PAYABLE, "p2", 50, document="=1+1")
        reverse(
            connection, 2, key="r", document="d3", business_on=date(2026, 11, 3), description="đảo",
            recorded_at=datetime(2026, 11, 5, tzinfo=UTC),
        )  # fmt: skip


def _post(
    connection: Connection, day: int, debit: str, credit: str, reference: str, amount: int, document: str = "d"
) -> None:
    header = EntryHeader(
        key=f"{day}{reference}", event="test", document=document, business_on=date(2026, 11, day), description="chi"
    )
    line = Line(debit, credit, Dong(amount), "retirement", "2026-11/1", reference, reference)
    post(connection, header, [line], datetime(2026, 11, day, 3, tzinfo=UTC))


pytestmark = pytest.mark.usefixtures("book")


def closing(done: Done) -> dict[str, int]:
    return {row["account"]: row["debit"] - row["credit"] for row in done.json}


def test_the_trial_balance_of_today_of_a_day_and_as_known_before(thuchi: LedgerCommand) -> None:
    assert closing(thuchi("trial-balance", "--json")) == {EXPENSE: 150, PAYABLE: -150, TRANSIT: 0}
    assert closing(thuchi("trial-balance", "--on", "2026-11-02", "--json")) == {
        EXPENSE: 150,
        PAYABLE: -90,
        TRANSIT: -60,
    }
    for known_at in ("2026-11-04", "2026-11-05T06:59:59", "2026-11-04T23:59:59+00:00"):
        assert closing(thuchi("trial-balance", "--known-at", known_at, "--json"))[TRANSIT] == -60
    for known_at in ("2026-11-05", "2026-11-05T07:00:00", "2026-11-05T00:00:00Z"):
        assert closing(thuchi("trial-balance", "--known-at", known_at, "--json"))[TRANSIT] == 0
    assert "Cộng" in thuchi("trial-balance").out


def test_the_trial_balance_of_a_period(thuchi: LedgerCommand, tmp_path: Path) -> None:
    period = ("trial-balance", "--from", "2026-11-02", "--to", "2026-11-02")
    rows = {row["account"]: row for row in thuchi(*period, "--format", "json").json}
    assert rows[PAYABLE] == {
        "account": PAYABLE, "name": "Phải trả người hưởng", "name_en": "Benefits payable",
        "opening_debit": 0, "opening_credit": 100, "debit": 60, "credit": 50,
        "closing_debit": 0, "closing_credit": 90,
    }  # fmt: skip
    assert thuchi(*period, "--fund", "sickness", "--json").json == []
    written = list(csv.reader(thuchi(*period, "--format", "csv").out.splitlines()))
    assert written[0][:2] == ["Tài khoản / Account", "Tên tài khoản / Name"]
    assert written[0][3] == "Dư Nợ đầu kỳ / Opening debit"
    assert written[-1] == ["", "Cộng", "Total", "100", "100", "110", "110", "150", "150"]
    assert "Cộng" in thuchi(*period).out
    path = tmp_path / "bảng.xlsx"
    assert thuchi(*period, "--format", "xlsx", "--output", str(path)).code == 0
    book = CalamineWorkbook.from_path(str(path))
    assert book.get_sheet_by_index(0).to_python()[-1][3:] == [100, 100, 110, 110, 150, 150]
    assert list(csv.reader(thuchi(*period, "--fund", "x", "--format", "csv").out.splitlines()))[1][:3] == [
        "", "Cộng", "Total",
    ]  # fmt: skip


def test_a_statement_whole_and_by_pages(thuchi: LedgerCommand, tmp_path: Path) -> None:
    whole = thuchi("statement", PAYABLE, "--json").json
    assert (whole["account"], whole["opening"], whole["closing"], whole["next"]) == (PAYABLE, 0, 150, None)
    assert [(line["on"], line["contra_account"], line["debit"], line["credit"], line["balance"])
            for line in whole["lines"]] == [
        ("2026-11-01", EXPENSE, 0, 100, 100),
        ("2026-11-02", TRANSIT, 60, 0, 40),
        ("2026-11-02", EXPENSE, 0, 50, 90),
        ("2026-11-03", TRANSIT, 0, 60, 150),
    ]  # fmt: skip
    later = thuchi("statement", PAYABLE, "--from", "2026-11-02", "--to", "2026-11-02", "--json").json
    assert (later["opening"], later["closing"], len(later["lines"])) == (100, 90, 2)
    lines: list[dict[str, Any]] = []
    after: list[str] = []
    while True:
        page = thuchi("statement", PAYABLE, "--limit", "1", *after, "--json").json
        lines += page["lines"]
        if page["next"] is None:
            break
        after = ["--after", page["next"]]
    assert lines == whole["lines"]
    on_screen = thuchi("statement", PAYABLE, "--limit", "1")
    assert "There is more: --after 2026-11-01.1.1.100" in on_screen.err
    path = tmp_path / "sổ.csv"
    assert thuchi("statement", PAYABLE, "--format", "csv", "--output", str(path)).code == 0
    assert path.read_bytes().startswith(b"\xef\xbb\xbfB\xc3\xbat to\xc3\xa1n / Entry")
    assert len(path.read_text(encoding="utf-8-sig").splitlines()) == 5


def test_the_journal_and_its_exports_without_formulas(thuchi: LedgerCommand, tmp_path: Path) -> None:
    journal = thuchi("journal", "--json").json
    assert [(line["entry"], line["debit_account"], line["credit_account"], line["amount"])
            for line in journal["lines"]] == [
        (1, EXPENSE, PAYABLE, 100), (2, PAYABLE, TRANSIT, 60), (3, EXPENSE, PAYABLE, 50), (4, TRANSIT, PAYABLE, 60),
    ]  # fmt: skip
    page = thuchi("journal", "--limit", "3", "--json").json
    rest = thuchi("journal", "--after", page["next"], "--json").json
    assert page["lines"] + rest["lines"] == journal["lines"]
    assert journal["lines"][2]["document"] == "=1+1"
    rows = list(csv.DictReader(thuchi("journal", "--format", "csv").out.splitlines()))
    assert rows[2]["Chứng từ / Document"] == "'=1+1"
    assert rows[3]["Thời điểm ghi sổ / Recorded at"] == "2026-11-05 07:00:00+07:00"
    path = tmp_path / "nhật ký.xlsx"
    assert thuchi("journal", "--format", "xlsx", "--output", str(path)).code == 0
    sheet = CalamineWorkbook.from_path(str(path)).get_sheet_by_name("Nhật ký chung").to_python()
    assert [row[5] for row in sheet] == ["Chứng từ / Document", "d", "d", "'=1+1", "d3"]
    assert [row[9] for row in sheet[1:]] == [100, 60, 50, 60]
    streamed = tmp_path / "journal.json"
    assert thuchi("journal", "--format", "json", "--output", str(streamed)).code == 0
    assert json.loads(streamed.read_text(encoding="utf-8")) == journal
    assert sorted(found.name for found in tmp_path.iterdir()) == ["home", "journal.json", "nhật ký.xlsx"]


def test_open_items_by_age(thuchi: LedgerCommand) -> None:
    found = thuchi("open-items", PAYABLE, "--on", "2026-12-02", "--ages", "30,60", "--json").json
    assert found == [
        {"account": PAYABLE, "reference": "p1", "oldest_on": "2026-11-01", "newest_on": "2026-11-03", "lines": 3,
         "amount": 100, "up_to_30_days": 60, "up_to_60_days": 40, "older": 0},
        {"account": PAYABLE, "reference": "p2", "oldest_on": "2026-11-02", "newest_on": "2026-11-02", "lines": 1,
         "amount": 50, "up_to_30_days": 50, "up_to_60_days": 0, "older": 0},
    ]  # fmt: skip
    known = thuchi("open-items", "in_transit", "--on", "2026-12-02", "--known-at", "2026-11-04", "--json").json
    assert [(item["account"], item["reference"], item["amount"]) for item in known] == [(TRANSIT, "p1", 60)]
    assert thuchi("open-items", "in_transit", "--json").json == []


WRONG = [
    (("trial-balance", "--on", "2026-11-01", "--from", "2026-11-01"), "not both"),
    (("trial-balance", "--from", "2026-11-02", "--to", "2026-11-01"), "before it begins"),
    (("trial-balance", "--on", "30-11-2026"), "--on"),
    (("trial-balance", "--known-at", "yesterday"), "--known-at yesterday"),
    (("trial-balance", "--known-at", "2026-13-01"), "--known-at 2026-13-01"),
    (("trial-balance", "--format", "pdf"), "--format"),
    (("trial-balance", "--format", "xlsx"), "--format xlsx needs --output"),
    (("trial-balance", "--output", "x.json"), "--output needs --format"),
    (("trial-balance", "--json", "--format", "csv"), "exclude each other"),
    (("trial-balance", "--format", "csv", "--output", "/nowhere/x.csv"), "there is no directory /nowhere"),
    (("statement", "nothing"), "there is no account nothing"),
    (("statement", PAYABLE, "--after", "x"), "--after x"),
    (("statement", PAYABLE, "--limit", "0"), "--limit"),
    (("statement", PAYABLE, "--format", "csv", "--limit", "5"), "CSV and XLSX hold everything"),
    (("journal", "--after", "2026-11-01.1.1.1.1"), "--after 2026-11-01.1.1.1.1"),
    (("open-items", "nothing"), "there is no account nothing"),
    (("open-items", PAYABLE, "--ages", "30,x"), "--ages 30,x"),
    (("open-items", PAYABLE, "--ages", "60,30"), "each must be more"),
    (("chart", "--mapping", "/nowhere.csv"), "/nowhere.csv"),
]


def test_a_wrong_call_is_refused_with_its_reason(thuchi: LedgerCommand) -> None:
    for arguments, words in WRONG:
        done = thuchi(*arguments)
        assert (arguments, done.code, done.out) == (arguments, 2, "")
        assert words in " ".join(done.err.replace("│", " ").split())


def test_the_chart_is_the_form_that_an_accountant_fills_in(thuchi: LedgerCommand, tmp_path: Path) -> None:
    rows = thuchi("chart", "--json").json
    assert {row["account"] for row in rows} == set(chart())
    assert {(row["number"], row["confidence"]) for row in rows} == {(None, "unconfirmed")}
    assert {row["circular"] for row in rows} == {"102/2018/TT-BTC"}
    assert thuchi("chart", "--on", "1994-12-31", "--json").json == []
    form = tmp_path / "form.csv"
    assert thuchi("chart", "--format", "csv", "--output", str(form)).code == 0
    written = form.read_text(encoding="utf-8-sig")
    filled = written.replace(
        "debit,,102/2018/TT-BTC,2019-01-01,,unconfirmed", "debit,T1,TT-A,2019-01-01,31/12/2025,official", 1
    )
    assert filled != written
    mapping = tmp_path / "mapping.csv"
    mapping.write_text(f"{filled}in_transit.simbank,,,,,T2,TT-B,01/07/2026,,secondary\n", encoding="utf-8-sig")
    shown = [row for row in thuchi("chart", "--mapping", str(mapping), "--json").json if row["number"]]
    assert [(row["account"], row["number"], row["valid_until"], row["confidence"]) for row in shown] == [
        ("cash_at_bank", "T1", "2025-12-31", "official"), (TRANSIT, "T2", None, "secondary"),
    ]  # fmt: skip
    day = ("--on", "2026-11-03", "--mapping", str(mapping), "--json")
    numbers = {row["account"]: row for row in thuchi("trial-balance", *day).json}
    assert (numbers[TRANSIT]["account_number"], numbers[TRANSIT]["account_confidence"]) == ("T2", "secondary")
    assert (numbers[PAYABLE]["account_number"], numbers[PAYABLE]["account_confidence"]) == (None, "unconfirmed")
    journal = thuchi("journal", "--mapping", str(mapping), "--json").json["lines"]
    assert [line["credit_account_number"] for line in journal] == [None, "T2", None, None]
    lines = thuchi("statement", PAYABLE, "--mapping", str(mapping), "--json").json["lines"]
    assert [line["contra_account_number"] for line in lines] == [None, "T2", None, "T2"]


BAD_MAPPING = """account;number;circular;valid_from;valid_until;confidence
nothing;111;TT;2026-01-01;;official
cash_at_bank;11-1;TT;2026-01-01;;official
cash_at_bank;111;;2026-01-01;;official
cash_at_bank;111;TT;2026-02-30;;official
cash_at_bank;111;TT;2026-01-01;2025-01-01;official
cash_at_bank;111;TT;2026-01-01;;sure
in_transit;113;TT;2026-01-01;;official
in_transit;114;TT;2026-06-01;;official
"""


def test_all_that_is_wrong_with_a_mapping_is_told_by_line(thuchi: LedgerCommand, tmp_path: Path) -> None:
    mapping = tmp_path / "mapping.csv"
    mapping.write_text(BAD_MAPPING, encoding="utf-8")
    done = thuchi("trial-balance", "--mapping", str(mapping))
    assert done.code == 2
    assert [line.removeprefix(f"{mapping}: ") for line in done.err.strip().splitlines()] == [
        "line 2: the chart knows no account nothing",
        "line 3: the number 11-1 is not of digits and letters",
        "line 4: the circular is missing",
        "line 5: 2026-02-30 is no date such as 2026-01-31 or 31/01/2026",
        "line 6: it ends on 2025-01-01, before it begins on 2026-01-01",
        "line 7: sure is none of official, secondary, unconfirmed",
        "account in_transit: two statutory numbers hold on 2026-06-01",
    ]
    for content, words in ((b"\xff", "not in UTF-8"), (b"account,number\n", "columns are missing: circular")):
        mapping.write_bytes(content)
        assert words in thuchi("chart", "--mapping", str(mapping)).err
