"""Cash through the post office: the list of who is paid, and the settlement of it."""

import csv
import io
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.contract import BatchOrder, CategoryPurpose, Instruction, InstructionStatus, Outcome
from gateways.errors import BadBatch, BadDocument
from gateways.post_office import gateway, lists, settlement
from gateways.sheets import read_sheet

SHEET = read_sheet(gateway.SHEET, date.max)
LIMITS = gateway.capabilities("post_office")
PERSON = Instruction(
    "PN1", "PN1-1", "", 4_250_000, "Nguyễn Thị Ánh", "7902012345", "700900", "PENS", "Lương hưu tháng 12/2026"
)
ORDER = BatchOrder(
    "TC1", "TC1", datetime(2026, 11, 30, tzinfo=UTC), date(2026, 12, 11), "BHXH", "BHXH", "1", "",
    CategoryPurpose.PENSION, 1, 4_250_000,
)  # fmt: skip
HEAD = "C74a-HD,TC1\r\nSTT,Mã khoản chi,Kết quả,Số tiền đã chi (đồng),Ngày chi\r\n"


def written(order: BatchOrder, *people: Instruction) -> list[list[str]]:
    to = io.BytesIO()
    lists.write(order, people, LIMITS, SHEET["columns"], to)
    return list(csv.reader(io.StringIO(to.getvalue().decode("utf-8-sig"), newline="")))


def test_a_list_names_itself_its_people_and_its_sum() -> None:
    rows = written(replace(ORDER, count=2, total_vnd=4_250_001), PERSON, replace(PERSON, reference="PN2", amount_vnd=1))

    assert rows[0] == ["C72a-HD", "TC1", "2026-12-11", "2", "4250001"]
    assert rows[2][:7] == ["1", "PN1", "7902012345", "Nguyễn Thị Ánh", "700900", "PENS", "4250000"]
    assert rows[-1][:2] == ["Cộng", "2"]
    assert rows[-1][6] == "4250001"
    assert {len(row) for row in rows[1:]} == {len(SHEET["columns"])}


@given(st.text(min_size=1, max_size=200))
def test_no_name_becomes_a_formula_or_a_line_of_its_own(name: str) -> None:
    try:
        rows = written(ORDER, replace(PERSON, creditor_name=name))
    except BadBatch:
        return
    assert len(rows) == 4
    assert not rows[2][3].startswith(("=", "+", "-", "@"))
    assert len(rows[2][3]) <= LIMITS.name_length


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"amount_vnd": 0}, "cannot be paid in cash"),
        ({"amount_vnd": 2**53}, "cannot be paid in cash"),
        ({"creditor_account": "79 020"}, "Mã số BHXH"),
        ({"creditor_bank_bin": "7009"}, "six digits"),
        ({"creditor_name": "\x00 ="}, "Họ và tên: empty"),
        ({"reference": "=1+1"}, "no reference"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(changes: dict[str, object], says: str) -> None:
    person = replace(PERSON, **changes)  # type: ignore[arg-type]
    with pytest.raises(BadBatch, match=says) as refused:
        written(replace(ORDER, total_vnd=person.amount_vnd), person)
    assert "7902012345" not in str(refused.value)


def test_a_settlement_says_who_came_and_why_the_others_did_not() -> None:
    lines = "1,A,01,100,2026-12-11\r\n2,B,11,0,\r\n3,C,12,0,\r\n4,D,02,0,\r\n5,E,77,0,\r\n6,F,11,5,\r\n7,G,01,0,\r\n"
    settled = settlement.read(f"{HEAD}{lines}Cộng,7,,105,\r\n".encode("utf-8-sig"))

    assert settled.message_id == "TC1"
    assert settled.statuses(SHEET["codes"]) == (
        InstructionStatus("A", Outcome.SUCCESS, "01", None),
        InstructionStatus("B", Outcome.FAILED, "11", "MS03"),
        InstructionStatus("C", Outcome.FAILED, "12", "MD07"),
        InstructionStatus("D", Outcome.PENDING, "02", None),
        InstructionStatus("E", Outcome.UNKNOWN, "77", None),
        InstructionStatus("F", Outcome.UNKNOWN, "11", "MS03"),
        InstructionStatus("G", Outcome.UNKNOWN, "01", None),
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        HEAD,
        HEAD + "1,A,01,100,\r\n",
        HEAD + "1,A,01,100,\r\nCộng,2,,100,\r\n",
        HEAD + "1,A,01,100,\r\nCộng,1,,101,\r\n",
        HEAD + "1,A,01,100.0,\r\nCộng,1,,100,\r\n",
        HEAD + "1,A,01,-100,\r\nCộng,1,,-100,\r\n",
        HEAD + "1,A,01,100,\r\n2,A,01,100,\r\nCộng,2,,200,\r\n",
        HEAD + "1,,01,100,\r\nCộng,1,,100,\r\n",
        HEAD.replace("C74a", "C74b") + "1,A,01,100,\r\nCộng,1,,100,\r\n",
        HEAD + '1,"A,01,100,\r\nCộng,1,,100,\r\n',
    ],
)
def test_a_settlement_that_does_not_add_up_is_refused_whole(text: str) -> None:
    with pytest.raises(BadDocument):
        settlement.read(text.encode())


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        settlement.read(content)
    except BadDocument:
        return
