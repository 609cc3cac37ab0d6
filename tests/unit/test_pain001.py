import re
import uuid
from dataclasses import replace
from datetime import UTC, date, datetime
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from gateways.banks import simbank
from gateways.contract import BatchOrder, CategoryPurpose, Instruction
from gateways.errors import BadBatch, BadDocument
from gateways.iso20022 import pain001
from gateways.iso20022.charset import Folding
from gateways.iso20022.host_to_host import HostToHostBank
from gateways.iso20022.schemas import validate

LIMITS = simbank.capabilities("simbank")
BANK = HostToHostBank(LIMITS, simbank.profile(), delivery=None)  # type: ignore[arg-type]
ALLOWED = frozenset(LIMITS.charset)
INSTRUCTION = Instruction(
    reference="PN2611000000001",
    instruction_id="PN2611000000001-1",
    uetr="8d0c2c6e-5b0a-4c9c-9f4b-2f9f6f1f7a01",
    amount_vnd=4_250_000,
    creditor_name="Nguyễn Văn Ân",
    creditor_account="0011004123456",
    creditor_bank_bin="970436",
    purpose_code="PENS",
    remittance="Lương hưu tháng 11/2026",
)
ORDER = BatchOrder(
    message_id="VSS-20261125-0001",
    payment_info_id="PEN-202611-01",
    created_at=datetime(2026, 11, 24, 17, 30, tzinfo=UTC),
    execution_on=date(2026, 11, 25),
    initiator_name="Bảo hiểm xã hội Việt Nam",
    debtor_name="Bảo hiểm xã hội Việt Nam",
    debtor_account="1020000123456",
    debtor_bank_bic="SIMBVNVX",
    category_purpose=CategoryPurpose.PENSION,
    count=1,
    total_vnd=4_250_000,
)


def written(order: BatchOrder, *instructions: Instruction) -> bytes:
    to = BytesIO()
    BANK.write_batch(order, instructions, to)
    return to.getvalue()


def texts(document: bytes, name: str) -> list[str]:
    root = etree.fromstring(document)
    return [element.text or "" for element in root.iter(f"{{{root.nsmap[None]}}}{name}")]


def test_a_file_is_valid_against_the_schema_and_says_what_was_ordered() -> None:
    document = written(ORDER, INSTRUCTION)

    validate(document, "pain.001.001.09")
    assert texts(document, "Nm") == ["BAO HIEM XA HOI VIET NAM", "BAO HIEM XA HOI VIET NAM", "NGUYEN VAN AN"]
    assert texts(document, "CreDtTm") == ["2026-11-25T00:30:00+07:00"]
    assert texts(document, "InstdAmt") == ["4250000"]
    assert texts(document, "CtrlSum") == ["4250000", "4250000"]
    assert texts(document, "Ustrd") == ["PN2611000000001 Luong huu thang 11/2026"]
    assert texts(document, "MmbId") == ["970436"]


def test_the_older_version_is_valid_against_its_own_schema() -> None:
    header = pain001.Header(
        message=pain001.V03,
        message_id="M1",
        created_at=datetime(2026, 11, 25, 8, 0),
        initiator_name="BHXH",
        payment_info_id="P1",
        batch_booking=False,
        category_purpose="SSBE",
        execution_on=date(2026, 11, 25),
        debtor_name="BHXH",
        debtor_account="1020000123456",
        debtor_agent=pain001.Agent(bic="ICBVVNVX"),
        count=1,
        total_vnd=5,
    )
    payment = pain001.Payment("I1", "E1", None, 5, pain001.Agent(bic="VTCBVNVX"), "A", "1", "BENE", "x")
    to = BytesIO()
    pain001.write(header, [payment], to)

    validate(to.getvalue(), pain001.V03)


def test_names_with_marks_and_markup_of_140_characters_arrive_folded_and_cut() -> None:
    name = """Đặng "Ân" & <Thị> 'Ơ' """ + "ữ" * 140
    document = written(ORDER, replace(INSTRUCTION, creditor_name=name, remittance=name))

    validate(document, "pain.001.001.09")
    creditor = texts(document, "Nm")[-1]
    assert creditor.startswith("DANG 'AN' + THI 'O' UUU")
    assert len(creditor) == LIMITS.name_length
    assert len(texts(document, "Ustrd")[0]) <= LIMITS.remittance_length


def test_a_bank_that_takes_all_of_unicode_gets_markup_escaped() -> None:
    payment = pain001.Payment(
        "I1", "E1", None, 5, pain001.Agent(bin="970436"), """Lê & <Con> "'""", "1", "PENS", "ữ" * 140
    )
    header = pain001.Header(
        pain001.V09, "M1", datetime(2026, 11, 25, 8, 0), "BHXH", "P1", True, "PENS", date(2026, 11, 25), "BHXH",
        "1020000123456", pain001.Agent(bic="ICBVVNVX"), 1, 5,
    )  # fmt: skip
    to = BytesIO()
    pain001.write(header, [payment], to)

    validate(to.getvalue(), pain001.V09)
    assert texts(to.getvalue(), "Nm")[-1] == """Lê & <Con> "'"""


@given(st.text(max_size=200))
def test_folded_text_holds_only_what_the_bank_allows_and_folding_again_changes_nothing(text: str) -> None:
    folding = Folding(ALLOWED)
    once = folding.folded(text)

    assert set(once) <= ALLOWED
    assert folding.folded(once) == once


@given(st.lists(st.integers(1, 499_999_999), min_size=1, max_size=20))
def test_the_control_sum_is_the_sum_of_the_amounts(amounts: list[int]) -> None:
    instructions = [
        replace(
            INSTRUCTION,
            reference=f"E{number}",
            instruction_id=f"I{number}",
            amount_vnd=amount_vnd,
            uetr=str(uuid.uuid4()),
        )
        for number, amount_vnd in enumerate(amounts)
    ]
    document = written(replace(ORDER, count=len(amounts), total_vnd=sum(amounts)), *instructions)

    assert sum(map(int, texts(document, "InstdAmt"))) == int(texts(document, "CtrlSum")[0])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"amount_vnd": 0}, "Amt: 0 VND; 1 to 499999999 can be paid"),
        ({"amount_vnd": 500_000_000}, "Amt: 500000000 VND"),
        ({"amount_vnd": 2**53}, "a file holds at most 500000000000"),
        ({"creditor_name": "☂"}, "Cdtr/Nm: empty"),
        ({"creditor_account": "0011 0041"}, "CdtrAcct: not 1 to 34 letters and digits"),
        ({"creditor_bank_bin": "ICB"}, "is no BIN of six digits"),
        ({"uetr": "x"}, "UETR"),
        ({"reference": "E" * 36}, "EndToEndId: 36 characters"),
        ({"purpose_code": "pension"}, "Purp"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_its_place(changes: dict[str, object], says: str) -> None:
    instruction = replace(INSTRUCTION, **changes)  # type: ignore[arg-type]
    with pytest.raises(BadBatch, match=re.escape(says)) as refused:
        written(replace(ORDER, total_vnd=instruction.amount_vnd), instruction)

    assert INSTRUCTION.creditor_account not in str(refused.value)


def test_a_file_whose_totals_differ_from_what_is_declared_is_refused() -> None:
    with pytest.raises(BadBatch) as refused:
        written(replace(ORDER, count=2, total_vnd=1), INSTRUCTION)

    assert refused.value.problems == (
        "1 payments were given, 2 are declared",
        "the payments add up to 4250000 VND, 1 are declared",
    )


def test_one_reference_twice_in_a_file_is_refused() -> None:
    with pytest.raises(BadBatch, match="EndToEndId: used twice"):
        written(replace(ORDER, count=2, total_vnd=8_500_000), INSTRUCTION, INSTRUCTION)


def test_more_payments_than_a_file_holds_are_refused() -> None:
    with pytest.raises(BadBatch, match=f"a file holds 1 to {LIMITS.max_lines_per_file}"):
        written(replace(ORDER, count=LIMITS.max_lines_per_file + 1), INSTRUCTION)


def test_the_largest_amount_of_the_gateway_passes() -> None:
    validate(written(replace(ORDER, total_vnd=499_999_999), replace(INSTRUCTION, amount_vnd=499_999_999)), pain001.V09)


def test_a_document_with_entities_is_refused_before_it_is_parsed() -> None:
    bomb = b'<!DOCTYPE d [<!ENTITY a "aaaa">]><Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"/>'
    with pytest.raises(BadDocument, match="not allowed"):
        validate(bomb, "pain.001.001.09")


def test_the_message_of_a_schema_error_hides_account_numbers() -> None:
    document = written(ORDER, INSTRUCTION).replace(b"<Ccy>VND</Ccy>", b"<Ccy>1020000123456</Ccy>")
    with pytest.raises(BadDocument) as refused:
        validate(document, "pain.001.001.09")

    assert "1020000123456" not in str(refused.value)
