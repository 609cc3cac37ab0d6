"""A run cut into files: nothing lost, nothing twice, every file within the bank's limits and valid."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from gateways.banks import simbank, simdrop
from gateways.banks.host_to_host import profile_on
from gateways.contract import AccountQuestion, Capabilities, CategoryPurpose, Instruction, Rail
from gateways.errors import BadBatch
from gateways.iso20022 import acmt023
from gateways.iso20022.host_to_host import HostToHostBank
from gateways.iso20022.run_files import RunOrder, Wanted, portions, write_files
from gateways.iso20022.schemas import validate

DAYS = (date(2026, 12, 1), date(2026, 12, 2))
LIMITS = replace(simbank.capabilities("simbank"), max_lines_per_file=3, max_total_per_file_vnd=1_000_000_000)
RUN = RunOrder("TC20261201", datetime(2026, 11, 30, 1, tzinfo=UTC), "BHXH VIET NAM", "BHXH VIET NAM", "1020000123456")


def wanted(number: int, amount_vnd: int, purpose: CategoryPurpose, on: date) -> Wanted:
    instruction = Instruction(
        f"PN{number}", f"PN{number}-1", str(UUID(int=number, version=4)), amount_vnd, "Nguyễn Văn Ân",
        f"00110{number:04d}", "970436", "PENS", "Lương hưu",
    )  # fmt: skip
    return Wanted(purpose, on, instruction)


PAYMENTS = st.lists(
    st.tuples(st.integers(1, 900_000_000), st.sampled_from(CategoryPurpose), st.sampled_from(DAYS)), max_size=60
).map(lambda rows: [wanted(number, *row) for number, row in enumerate(rows)])


@given(PAYMENTS)
def test_every_payment_is_in_exactly_one_file_that_keeps_the_limits(payments: list[Wanted]) -> None:
    cut = list(portions(payments, LIMITS))

    assert Counter(one.reference for portion in cut for one in portion.instructions) == Counter(
        payment.instruction.reference for payment in payments
    )
    shares = {payment.instruction.reference: payment for payment in payments}
    for portion in cut:
        assert 1 <= len(portion.instructions) <= 3
        assert portion.total_vnd == sum(one.amount_vnd for one in portion.instructions) <= 1_000_000_000
        for one in portion.instructions:
            payment = shares[one.reference]
            high = one.amount_vnd >= 500_000_000
            assert portion.share.rail is (Rail.HIGH_VALUE if high else Rail.FAST)
            assert (portion.share.category_purpose, portion.share.execution_on) == (
                payment.category_purpose,
                payment.execution_on,
            )


def test_what_is_held_stays_bounded_however_many_kinds_of_files_there_are() -> None:
    days = [date(2026, 12, day) for day in range(1, 31)]
    taken = 0

    def stream() -> object:
        nonlocal taken
        for number in range(3000):
            taken += 1
            yield wanted(number, 1, CategoryPurpose.PENSION, days[number % 30])

    given_out = 0
    for portion in portions(stream(), LIMITS):  # type: ignore[arg-type]
        given_out += len(portion.instructions)
        assert taken - given_out <= 4 * LIMITS.max_lines_per_file or taken == 3000

    assert given_out == 3000


def test_an_amount_that_no_rail_takes_is_refused() -> None:
    with pytest.raises(BadBatch, match="no rail"):
        list(portions([wanted(1, 0, CategoryPurpose.PENSION, DAYS[0])], LIMITS))


@pytest.mark.parametrize(
    ("sheet", "limits", "message"),
    [
        (simbank.SHEET, simbank.capabilities("simbank"), "pain.001.001.09"),
        (simdrop.SHEET, simdrop.capabilities("simdrop"), "pain.001.001.03"),
    ],
)
def test_files_of_a_run_are_valid_in_the_version_that_the_bank_s_profile_names(
    tmp_path: Path, sheet: Path, limits: Capabilities, message: str
) -> None:
    bank = HostToHostBank(limits, profile_on(sheet, date.max), None)  # type: ignore[arg-type]
    payments = [wanted(number, 4_000_000, CategoryPurpose.PENSION, DAYS[0]) for number in range(7)]

    (file,) = write_files(bank, RUN, payments, tmp_path)

    validate(file.path.read_bytes(), message)
    assert (file.message_id, file.count, file.total_vnd) == ("TC20261201-00001", 7, 28_000_000)
    assert [path.name for path in tmp_path.iterdir()] == ["TC20261201-00001.xml"]
    assert file.path.stat().st_mode & 0o077 == 0


def test_what_a_profile_says_stands_in_the_file(tmp_path: Path) -> None:
    bank = HostToHostBank(
        simdrop.capabilities("simdrop"),
        simdrop.profile(),
        delivery=None,  # type: ignore[arg-type]
    )
    (file,) = write_files(bank, RUN, [wanted(1, 4_000_000, CategoryPurpose.PENSION, DAYS[0])], tmp_path)
    root = etree.fromstring(file.path.read_bytes())
    texts = {etree.QName(element).localname: element.text for element in root.iter(etree.Element)}

    assert {name: texts[name] for name in ("ChrgBr", "BtchBookg", "BIC", "Prtry")} == {
        "ChrgBr": "SHAR",
        "BtchBookg": "false",
        "BIC": "BFTVVNVX",
        "Prtry": "BBAN",
    }
    assert [element.text for element in root.iter("{*}Cd")] == ["NURG", "INST", "PENS", "PENS"]


def test_large_amounts_go_by_the_other_rail_in_a_file_of_their_own(tmp_path: Path) -> None:
    bank = HostToHostBank(simbank.capabilities("simbank"), simbank.profile(), delivery=None)  # type: ignore[arg-type]
    amounts = (499_999_999, 500_000_000)
    payments = [wanted(number, amount, CategoryPurpose.PENSION, DAYS[0]) for number, amount in enumerate(amounts)]

    files = list(write_files(bank, RUN, payments, tmp_path))

    assert [file.share.rail for file in files] == [Rail.FAST, Rail.HIGH_VALUE]
    for file, level in zip(files, (b"NURG", b"URGP"), strict=True):
        validate(file.path.read_bytes(), "pain.001.001.09")
        assert b"<SvcLvl><Cd>" + level in file.path.read_bytes()


def test_a_question_about_accounts_is_valid_and_each_problem_is_told_with_its_place() -> None:
    at = datetime.fromisoformat("2026-11-25T08:00:00+07:00")
    to = BytesIO()
    acmt023.write("V1", at, "BHXH & SON", "SIMBVNVX", [AccountQuestion("Q1", "A <B>", "0011004123456", "970436")], to)

    validate(to.getvalue(), acmt023.VERSION)
    with pytest.raises(BadBatch) as refused:
        acmt023.write("V1", at, "BHXH", "SIMBVNVX", [AccountQuestion("Q1", "", "00 11", "97")] * 2, to)
    assert len(refused.value.problems) == 7
    assert "00 11" not in str(refused.value)
