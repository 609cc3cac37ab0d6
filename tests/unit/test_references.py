"""Our reference in a memo: made, recognised, and found in what banks make of it."""

import re

import pytest

from reconciliation.references import (
    ALPHABET,
    REFERENCE_SQL,
    find_references,
    is_reference,
    make_reference,
    reference_sql,
)


def test_the_check_letter_is_the_one_worked_out_by_hand() -> None:
    # In the alphabet A is 0, P is 13 and N is 12. Modulo 23, 10^13 leaves 15, 10^12 leaves 13, 10^1 leaves 10.
    # 13 x 15 + 12 x 13 + 1 x 10 = 361 = 15 x 23 + 16; 16 + 8 = 24 leaves 1, and letter 8 is J.
    assert (10**13 % 23, 10**12 % 23) == (15, 13)
    assert ALPHABET.index("P") == 13
    assert ALPHABET.index("N") == 12
    assert ALPHABET[8] == "J"
    assert make_reference("PN", 1) == "PN00000000001J"


@pytest.mark.parametrize("number", [0, -1, 100_000_000_000])
def test_a_number_that_does_not_fit_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="between 1 and 99999999999"):
        make_reference("PN", number)


@pytest.mark.parametrize("prefix", ["P", "PNN", "pn", "PO", "IN", "Q1", ""])
def test_a_prefix_outside_the_alphabet_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="begins with two letters"):
        make_reference(prefix, 1)


@pytest.mark.parametrize("text", ["", "PN1", "pn00000000001j", " PN00000000001J", "PN00000000001K", "PN٠٠000000001J"])
def test_only_the_exact_form_is_a_reference(text: str) -> None:
    assert not is_reference(text)


@pytest.mark.parametrize(
    "memo",
    [
        "PN00000000001J luong huu thang 11",
        "pn00000000001j",
        "MBVCB.1234567890.123456.PN00000000001J.CT tu 0011004123456 NGUYEN VAN AN toi 1020000123456",
        "Chuyen tien den tu NAPAS Noi dung: PN 0000 0000 001 J",
        "123456.011226.101500.PN00000000001J~",
        "PN0000000\n0001J",
        "Lương hưu tháng 11 PN00000000001J Nguyễn Thị Đào",
        "REM PN-00000000001-J O@L_090002_0_0",
        "XPN00000000001JX",
        "PN00000000001J PN00000000001J",
    ],
)
def test_a_reference_is_found_in_what_banks_make_of_a_memo(memo: str) -> None:
    assert find_references(memo) == ("PN00000000001J",)


def test_a_cut_or_wrong_reference_is_not_found() -> None:
    assert find_references("PN00000000001") == ()
    assert find_references("PN0000000001J") == ()
    assert find_references("PN000000000001J") == ()
    assert find_references("PN00000000001K") == ()
    assert find_references("0901234567 0011004123456") == ()


def test_two_references_are_both_given_in_the_order_of_the_text() -> None:
    first, second = make_reference("PN", 77), make_reference("TB", 5)
    assert find_references(f"{second}/{first}") == (second, first)


def test_the_sql_expression_weighs_as_python_does() -> None:
    """Reads the constants out of the SQL text and calculates with them."""
    found = re.search(r"'([A-Z]{23})', 1 \+ \(\((\d+) \+ (\d+) \* \(\(number\) % 23\)\) % 23\)", REFERENCE_SQL)
    assert found is not None
    letters, share, factor = found[1], int(found[2]), int(found[3])
    for number in [1, 2, 22, 23, 24, 1_000_003, 12_345_678_901, 99_999_999_999]:
        assert make_reference("PN", number)[-1] == letters[(share + factor * (number % 23)) % 23]
    assert "BETWEEN 1 AND 99999999999" in REFERENCE_SQL
    assert "lpad((number)::text, 11, '0')" in REFERENCE_SQL
    assert reference_sql("TB", "nextval('s')").count("nextval('s')") == 3
