"""The notice as people get it: the same bytes for the same data, Vietnamese letters, a code that scans."""

import io
from typing import Any

import pypdfium2  # type: ignore[import-untyped]
import pytest
import zxingcpp
from PIL import Image

from engine.contributions.amount_words import in_words
from engine.contributions.notices import (
    NO_ACCOUNT,
    PREFIX,
    Asked,
    Position,
    asked,
    notice_pdf,
    notice_png,
    shown_tax_code,
    transfer_memo,
)
from gateways.vietqr import PURPOSE_LENGTH, VietQr, build, parse
from reconciliation.references import find_references, is_reference, make_reference

CODE = make_reference(PREFIX, 1)
QR = build(VietQr(bin="999999", account="8800000000003", amount_vnd=123_456_789, purpose=f"{CODE} dong BHXH"))


def _document(**changes: Any) -> dict[str, Any]:
    names = ("Hưu trí, tử tuất", "Ốm đau, thai sản", "Tai nạn lao động", "Thất nghiệp", "Bảo hiểm y tế")
    return {
        "notice_no": 1,
        "payment_code": CODE,
        "issued_on": "2026-11-02",
        "employer": {
            "unit_code": "TZ0001Z",
            "name": "Công ty TNHH Hữu Nghị – Chi nhánh Đợt Kế Nữ",
            "tax_code": "0100000001",
            "agency_code": "07901",
        },
        "declaration_no": "TZ0001Z/2026-10/1",
        "period": "2026-10",
        "staff": 40,
        "funds": [{"name": name, "employee_vnd": 1, "employer_vnd": 2, "total_vnd": 3} for name in names],
        "dues_vnd": 123_456_789,
        "carried_in_vnd": 0,
        "late_charge_vnd": 0,
        "surplus_vnd": 0,
        "adjustments_vnd": 0,
        "rows": None,
        "amount_vnd": 123_456_789,
        "amount_in_words": in_words(123_456_789),
        "due_on": "2026-11-30",
        "memo": transfer_memo(CODE, "TZ0001Z", "07901"),
        "accounts": [
            {"bank_bin": "999999", "bank": "SimBank", "holder_name": "BHXH VIET NAM", "account": "8800000000003"}
        ],
        "warnings": [],
        "qr": QR,
        "unconfirmed": ["allocation_order"],
    } | changes


def _picture(document: dict[str, Any]) -> Image.Image:
    return Image.open(io.BytesIO(notice_png(document)))


def test_the_code_on_the_page_scans_as_what_it_was_made_of() -> None:
    (read,) = zxingcpp.read_barcodes(_picture(_document()))
    assert read.text == QR
    assert parse(read.text).amount_vnd == 123_456_789


def test_the_pdf_itself_shows_vietnamese_and_a_code_that_scans() -> None:
    """By another renderer than the one that made it."""
    with pypdfium2.PdfDocument(notice_pdf(_document())) as pdf:
        page = pdf[0]
        words = " ".join(page.get_textpage().get_text_range().split())
        picture = page.render(scale=2.5).to_pil()
    (read,) = zxingcpp.read_barcodes(picture)
    assert read.text == QR
    for told in ("Công ty TNHH Hữu Nghị – Chi nhánh Đợt Kế Nữ", "Hưu trí, tử tuất", in_words(123_456_789), CODE):
        assert told in words


def test_the_same_data_give_the_same_bytes_and_other_data_others() -> None:
    first = notice_pdf(_document())
    assert first.startswith(b"%PDF-")
    assert first == notice_pdf(_document())
    assert first != notice_pdf(_document(due_on="2026-12-31"))


@pytest.mark.parametrize("letter", "ếữợĐđẵỵỗằƯ")
def test_vietnamese_letters_have_a_shape_of_their_own(letter: str) -> None:
    """A font without the letter would draw the same empty box for every one, and none is drawn as its plain letter."""
    with_letter = notice_png(_document(amount_in_words=letter))
    missing = notice_png(_document(amount_in_words="\U000f0000"))
    assert with_letter not in (missing, notice_png(_document(amount_in_words="")))


def test_a_notice_with_nothing_to_pay_has_no_code() -> None:
    assert zxingcpp.read_barcodes(_picture(_document(qr=None))) == []


def test_a_notice_without_an_account_says_so_on_paper() -> None:
    silent = _document(qr=None, accounts=[])
    assert notice_png(silent | {"warnings": [NO_ACCOUNT]}) != notice_png(silent)


@pytest.mark.parametrize(
    ("tax_code", "shown"),
    [
        ("0100000001", "0100000001"),
        ("0100000001-002", "0100000001-002"),
        ("001085000123", "••••••••0123"),
    ],
)
def test_the_tax_code_of_a_person_is_masked_and_that_of_a_company_is_not(tax_code: str, shown: str) -> None:
    assert shown_tax_code(tax_code) == shown


@pytest.mark.parametrize(
    "name", ["#panic()", "*_$x$_*", '"); #read("/etc/passwd")', "<label> @ref // /* \\ ", "a" * 200]
)
def test_names_are_text_and_never_instructions(name: str) -> None:
    document = _document()
    document["employer"] = document["employer"] | {"name": name}
    assert notice_pdf(document).startswith(b"%PDF-")


def test_the_payment_code_comes_first_and_is_found_in_what_a_bank_makes_of_the_memo() -> None:
    memo = transfer_memo(CODE, "TZ0001Z", "07901")
    assert is_reference(CODE)
    assert memo == f"{CODE}+BHXH+103+00+TZ0001Z+07901+dong BHXH+"
    for told in (memo, f"MBVCB.3012345678.123456.{memo}.CT tu 0011 NGUYEN", memo.lower().replace("+", " "), memo[:20]):
        assert find_references(told) == (CODE,)
    assert len(f"{CODE} dong BHXH") <= PURPOSE_LENGTH


def test_what_is_to_pay_counts_arrears_charges_and_surplus() -> None:
    assert asked(Position(100, 7, 0), 1_000, Position(1_100, 7, 0)).amount_vnd == 1_107
    assert asked(Position(0, 0, 5_000), 1_000, Position(0, 0, 4_000)).amount_vnd == 0
    assert asked(Position(100, 7, 0), 1_000, Position(1_100, 12, 0)) == Asked(100, 12, 0, 1_112)


@pytest.mark.parametrize(
    ("amount_vnd", "words"),
    [
        (0, "Không đồng"),
        (5, "Năm đồng"),
        (15, "Mười lăm đồng"),
        (21, "Hai mươi mốt đồng"),
        (1_000_001, "Một triệu không nghìn không trăm linh một đồng"),
        (3_200_000, "Ba triệu hai trăm nghìn đồng"),
        (10_000_000_000, "Mười tỷ đồng"),
        (1_000_000_000_000_000_000, "Một tỷ tỷ đồng"),
    ],
)
def test_amounts_are_spoken_in_words(amount_vnd: int, words: str) -> None:
    assert in_words(amount_vnd) == words
