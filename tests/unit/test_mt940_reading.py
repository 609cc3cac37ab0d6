"""MT940 and MT942: the grammar of the fields, the dialects, and what a broken file gets."""

import io
from datetime import date

import pytest

from reconciliation.errors import ProblemCode, StatementRefused
from reconciliation.formats import mt940
from reconciliation.statement import Entry, EntryStatus, Page, Sign, StatementEnd, StatementEvent, StatementStart

HEAD = ":20:VSS261201\n:25:1020000123456\n:28C:336/1\n:60F:C261130VND1000000000,\n"
TAIL = ":62F:C261201VND{},\n-"


def read(text: str | bytes) -> list[StatementEvent]:
    return list(mt940.read(io.BytesIO(text.encode() if isinstance(text, str) else text)))


def read_ends(text: str | bytes) -> list[StatementEnd]:
    return [event for event in read(text) if isinstance(event, StatementEnd)]


def read_entries(text: str | bytes) -> list[Entry]:
    return [event for event in read(text) if isinstance(event, Entry)]


def read_entry(field_61: str, after: str = "") -> Entry:
    (entry,) = read_entries(f"{HEAD}:61:{field_61}\n{after}{TAIL.format(0)}")
    return entry


def refusal(text: str | bytes) -> tuple[ProblemCode, str]:
    with pytest.raises(StatementRefused) as caught:
        read(text)
    return caught.value.problems[0].code, caught.value.problems[0].place


def test_a_day_with_a_payment_a_receipt_and_a_return() -> None:
    text = (
        HEAD + ":61:2612011201D4250000,NTRFPN2612000000001//FT26335000001\n/PENSION/\n"
        ":86:LUONG HUU T12/2026 NGUYEN VAN AN\n"
        ":61:2612011201C18750000,NTRFNONREF//FT26335000002\n:86:CTY ANH DUONG NOP BHXH T11/2026\n"
        ":61:2612011201RD4250000,NTRFPN2612000000001//FT26335000003\n:86:HOAN TRA AC04\n"
        ":62F:C261201VND1018750000,\n:64:C261201VND1018750000,\n-"
    )
    start, payment, receipt, returned, end = read(text)
    assert isinstance(start, StatementStart)
    assert start.statement.account == "1020000123456"
    assert start.statement.format == "mt940"
    assert start.statement.closing is None
    assert isinstance(payment, Entry)
    assert payment.signed_amount == -4_250_000
    assert (payment.booked_on, payment.value_on) == (date(2026, 12, 1), date(2026, 12, 1))
    assert payment.references.end_to_end_id == "PN2612000000001"
    assert (payment.bank_reference, payment.bank_transaction_code) == ("FT26335000001", "NTRF")
    assert (payment.text, payment.additional_text) == ("LUONG HUU T12/2026 NGUYEN VAN AN", "/PENSION/")
    assert payment.place == "line 5"
    assert isinstance(receipt, Entry)
    assert (receipt.signed_amount, receipt.references.end_to_end_id) == (18_750_000, "NONREF")
    assert isinstance(returned, Entry)
    assert (returned.signed_amount, returned.reversal) == (4_250_000, True)
    assert isinstance(end, StatementEnd)
    statement = end.statement
    assert (statement.id, statement.sequence, statement.page) == ("VSS261201", 336, Page(1, last=True))
    assert (statement.opening, statement.closing, statement.available) == (1_000_000_000, 1_018_750_000, 1_018_750_000)
    assert (statement.from_on, statement.to_on) == (date(2026, 11, 30), date(2026, 12, 1))
    assert (end.entries, end.sum_credits, end.sum_debits, end.adds_up) == (3, 23_000_000, 4_250_000, True)
    assert end.contradictions == ()


def test_a_closing_balance_one_dong_too_high_is_named() -> None:
    (end,) = read_ends(HEAD + ":61:2612011201D4250000,NTRFPN1//FT1\n" + TAIL.format(995_750_001))
    assert end.adds_up is False
    (problem,) = end.contradictions
    assert (problem.code, problem.place) == (ProblemCode.BALANCE_MISMATCH, "line 6, 62F")


@pytest.mark.parametrize(
    ("mark", "signed", "reversal", "status"),
    [
        ("C", 5, False, EntryStatus.BOOKED),
        ("D", -5, False, EntryStatus.BOOKED),
        ("RC", -5, True, EntryStatus.BOOKED),
        ("RD", 5, True, EntryStatus.BOOKED),
        ("CD", 5, False, EntryStatus.BOOKED),
        ("DD", -5, False, EntryStatus.BOOKED),
        ("CR", 5, False, EntryStatus.BOOKED),
        ("DR", -5, False, EntryStatus.BOOKED),
        ("RCD", -5, True, EntryStatus.BOOKED),
        ("RDD", 5, True, EntryStatus.BOOKED),
        ("EC", 5, False, EntryStatus.PENDING),
        ("ED", -5, False, EntryStatus.PENDING),
    ],
)
def test_the_mark_says_sign_reversal_and_status(mark: str, signed: int, reversal: bool, status: EntryStatus) -> None:
    entry = read_entry(f"261201{mark}5,NTRFNONREF")
    assert (entry.signed_amount, entry.reversal, entry.status) == (signed, reversal, status)


@pytest.mark.parametrize(
    ("rest", "kind", "customer", "bank"),
    [
        ("NTRFREF1//FT1", "NTRF", "REF1", "FT1"),
        ("NTRFREF1//", "NTRF", "REF1", None),
        (" NTRFNONREF//2109025460313532", "NTRF", "NONREF", "2109025460313532"),
        ("NTRF", "NTRF", None, None),
        ("NOV NONREF", "NOV", "NONREF", None),
        ("S   X", "S", "X", None),
        (
            "S103A REFERENCE LONGER THAN SIXTEEN//AND THE BANKS TOO",
            "S103",
            "A REFERENCE LONGER THAN SIXTEEN",
            "AND THE BANKS TOO",
        ),
        ("", None, None, None),
        ("REF WITHOUT TYPE", None, "REF WITHOUT TYPE", None),
        ("N0440121470966      W.P. Jansen", "N044", "0121470966      W.P. Jansen", None),
    ],
)
def test_type_and_references(rest: str, kind: str | None, customer: str | None, bank: str | None) -> None:
    entry = read_entry(f"2612011201D5,{rest}")
    assert entry.amount == 5
    assert (entry.bank_transaction_code, entry.references.end_to_end_id, entry.bank_reference) == (kind, customer, bank)


@pytest.mark.parametrize(
    ("dates", "value_on", "booked_on"),
    [
        ("2612011201", date(2026, 12, 1), date(2026, 12, 1)),
        ("261201", date(2026, 12, 1), date(2026, 12, 1)),
        ("261201    ", date(2026, 12, 1), date(2026, 12, 1)),
        ("2612310101", date(2026, 12, 31), date(2027, 1, 1)),
        ("2701011231", date(2027, 1, 1), date(2026, 12, 31)),
        ("2402290228", date(2024, 2, 29), date(2024, 2, 28)),
        ("2403010229", date(2024, 3, 1), date(2024, 2, 29)),
        ("9912310101", date(1999, 12, 31), date(2000, 1, 1)),
    ],
)
def test_the_booking_day_lies_in_the_year_nearest_to_the_value_day(dates: str, value_on: date, booked_on: date) -> None:
    entry = read_entry(f"{dates}C5,NTRFNONREF")
    assert (entry.value_on, entry.booked_on) == (value_on, booked_on)


@pytest.mark.parametrize(
    ("field_61", "code"),
    [
        ("2612011201C18.750.000,NTRFNONREF//FT1", ProblemCode.MALFORMED_ENTRY),
        ("2612011201C18750000NTRFNONREF", ProblemCode.MALFORMED_ENTRY),
        ("2612011201C18750000.00NTRFNONREF", ProblemCode.MALFORMED_ENTRY),
        ("2612011201C18,750,000NTRFNONREF", ProblemCode.MALFORMED_ENTRY),
        ("2612011201C-5,NTRFNONREF", ProblemCode.MALFORMED_ENTRY),
        ("2612011201C1e5,NTRFNONREF", ProblemCode.MALFORMED_ENTRY),
        ("2612011201X5,NTRFNONREF", ProblemCode.MALFORMED_ENTRY),
        ("26120112015,NTRFNONREF", ProblemCode.MALFORMED_ENTRY),
        ("20261201C5,NTRFNONREF", ProblemCode.MALFORMED_ENTRY),
        ("2612011201C,50NTRFNONREF", ProblemCode.MALFORMED_ENTRY),
        ("", ProblemCode.MALFORMED_ENTRY),
        ("2612011201C5,5NTRFNONREF", ProblemCode.FRACTION_IN_VND),
        ("2612011201C5,001NTRFNONREF", ProblemCode.FRACTION_IN_VND),
        ("2602301201C5,NTRFNONREF", ProblemCode.DATE),
        ("2612010230C5,NTRFNONREF", ProblemCode.DATE),
        ("2613011201C5,NTRFNONREF", ProblemCode.DATE),
        (f"2612011201C{'9' * 19},NTRFNONREF", ProblemCode.AMOUNT),
    ],
)
def test_an_entry_outside_the_grammar_refuses_the_file(field_61: str, code: ProblemCode) -> None:
    assert refusal(f"{HEAD}:61:{field_61}\n{TAIL.format(0)}") == (code, "line 5")


@pytest.mark.parametrize("amount", ["5,", "5,0", "5,00", "0005,000"])
def test_zeros_after_the_comma_are_accepted(amount: str) -> None:
    assert read_entry(f"2612011201C{amount}NTRFNONREF").amount == 5


def test_minor_units_follow_the_currency() -> None:
    text = ":20:A\n:25:1\n:28C:1\n:60F:D261130EUR12,5\n:61:261201C2,05NTRFX\n:62F:D261201EUR10,45\n"
    (end,) = read_ends(text)
    assert (end.statement.opening, end.sum_credits, end.statement.closing, end.adds_up) == (-1250, 205, -1045, True)


def test_words_over_several_lines_and_lines_that_look_like_fields() -> None:
    entry = read_entry(
        "2612011201C5,NTRFNONREF//FT1\nSUPPLEMENT\nSECOND",
        ":86:DONG MOT\n:99 is text\n:2026: too\n-\n\n:86:DONG HAI\n",
    )
    assert entry.text == "DONG MOT\n:99 is text\n:2026: too\n-\nDONG HAI"
    assert entry.additional_text == "SUPPLEMENT\nSECOND"


def test_words_after_the_closing_balance_belong_to_the_account() -> None:
    (entry,) = read_entries(
        HEAD + ":61:261201C5,NTRFX\n:86:OF THE ENTRY\n:62F:C261201VND1000000005,\n:86:OF THE ACCOUNT\n"
    )
    assert entry.text == "OF THE ENTRY"


def test_pages_of_a_statement_follow_each_other() -> None:
    first = ":20:A\n:25:1\n:28C:7/1\n:60F:C261130VND100,\n:61:261201C5,NTRFX\n:62M:C261201VND105,\n-\n"
    second = ":20:A\n:25:1\n:28C:7/2\n:60M:C261201VND105,\n:61:261201D5,NTRFX\n:62F:C261201VND100,\n-\n"
    one, two = read_ends(first + second)
    assert (one.statement.page, two.statement.page) == (Page(1, last=False), Page(2, last=True))
    assert (one.adds_up, two.adds_up) == (True, True)
    assert one.contradictions + two.contradictions == ()
    (_, wrong) = read_ends(
        first + second.replace("60M:C261201VND105", "60M:C261201VND106").replace("VND100,\n-", "VND101,\n-")
    )
    assert [problem.code for problem in wrong.contradictions] == [ProblemCode.PAGE_GAP]
    (_, third) = read_ends(first + second.replace("7/2", "7/3"))
    assert [problem.detail for problem in third.contradictions] == ["page 3 follows page 1"]


def test_accounts_in_one_file_stay_apart() -> None:
    other = HEAD.replace("1020000123456", "77").replace("1000000000", "5")
    ends = read_ends(HEAD + ":61:261201C5,NTRFX\n" + TAIL.format(1_000_000_005) + "\n" + other + TAIL.format(5))
    assert [(end.statement.account, end.sum_credits, end.adds_up) for end in ends] == [
        ("1020000123456", 5, True),
        ("77", 0, True),
    ]


@pytest.mark.parametrize(
    "wrapped",
    [
        "{{1:F01VCBAVNVXAXXX0000000000}}{{2:I940VCBAVNVXXXXXN}}{{4:\n{}-}}{{5:{{CHK:123}}}}\n",
        "{{1:F01VCBAVNVXAXXX0000000000}}{{2:I940VCBAVNVXXXXXN}}{{4:{}-}}",
        "\x01{{1:F01VCBAVNVXAXXX0000000000}}{{4:\r\n{}-}}\x03",
        ":940:\nVCBAVNVX\n940\nVCBAVNVX\n{}-\n",
        "\n\n{}",
    ],
)
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_envelopes_and_line_endings(wrapped: str, ending: str) -> None:
    body = HEAD + ":61:261201C5,NTRFX\n:86:WORDS\n:62F:C261201VND1000000005,\n"
    (end, *more) = read_ends(wrapped.format(body).replace("\r\n", "\n").replace("\n", ending))
    assert more == []
    assert (end.statement.format, end.entries, end.adds_up, end.contradictions) == ("mt940", 1, True, ())


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("LƯƠNG HƯU".encode(), "LƯƠNG HƯU"),
        (b"M\xfcller \x80", "Müller €"),
        (b"stray \x81 byte", "stray \x81 byte"),
        (b"\xef\xbb\xbfmarked", "marked"),
    ],
)
def test_encodings_are_told_apart_line_by_line(words: bytes, expected: str) -> None:
    text = HEAD.encode() + b":61:261201C5,NTRFX\n:86:\n" + words + b"\n:62F:C261201VND1000000005,\n"
    assert read_entries(text)[0].text == expected


INTERIM = (
    ":20:A\n:25:1\n:28C:17/1\n:34F:VND0,\n:13D:2612011017+0700\n:61:261201D5000,NTRFX\n:61:261201C5020,NTRFX\n{}-\n"
)


def test_an_interim_report_has_no_balances_and_proves_nothing() -> None:
    (end,) = read_ends(INTERIM.format(":90D:1VND5000,\n:90C:1VND5020,\n"))
    assert (end.statement.format, end.statement.opening, end.statement.closing) == ("mt942", None, None)
    assert (end.entries, end.sum_debits, end.sum_credits, end.adds_up, end.contradictions) == (2, 5000, 5020, None, ())


@pytest.mark.parametrize("total", [":90D:2VND5000,\n", ":90D:1VND5001,\n", ":90D:1USD5000,\n", ":90C:what\n"])
def test_an_interim_report_that_counts_otherwise_is_named(total: str) -> None:
    (end,) = read_ends(INTERIM.format(total))
    assert [problem.code for problem in end.contradictions] == [ProblemCode.SUMMARY_MISMATCH]


def test_the_currency_of_an_interim_report_may_stand_in_its_totals_only() -> None:
    (end,) = read_ends(INTERIM.replace(":34F:VND0,\n", "").format(":90D:1VND5000,\n:90C:1VND5020,\n"))
    assert (end.entries, end.statement.currency, end.contradictions) == (2, "VND", ())


def test_without_an_opening_balance_the_entries_are_read_and_nothing_is_proved() -> None:
    (end,) = read_ends(":20:A\n:25:1\n:28C:1\n:61:261201D5000,NTRFX\n:62F:C261201VND100,\n-\n")
    assert (end.entries, end.sum_debits, end.statement.opening, end.adds_up) == (1, 5000, None, None)
    assert [problem.code for problem in end.contradictions] == [ProblemCode.MISSING_OPENING_BALANCE]


def test_without_a_closing_balance_a_message_in_the_middle_is_named() -> None:
    first, second = read_ends(":20:A\n:25:1\n:60F:C261130VND1,\n" + HEAD + TAIL.format(1_000_000_000))
    assert (first.statement.closing, first.adds_up, second.adds_up) == (None, None, True)
    assert [problem.code for problem in first.contradictions] == [ProblemCode.MISSING_CLOSING_BALANCE]


@pytest.mark.parametrize(
    "balance", ["C261130VND1.000,", "C261130VND1000", "C261130VND5,5", "X261130VND5,", "C260230VND5,", "C2611305,"]
)
def test_an_impossible_balance_is_none_and_said(balance: str) -> None:
    (end,) = read_ends(HEAD.replace("C261130VND1000000000,", balance) + TAIL.format(5))
    assert (end.statement.opening, end.statement.closing, end.adds_up) == (None, 5, None)
    assert [(problem.code, problem.place) for problem in end.contradictions] == [(ProblemCode.BALANCE, "line 4, 60F")]


def test_balances_in_two_currencies_contradict() -> None:
    (end,) = read_ends(HEAD + ":62F:C261201USD5,\n-\n")
    assert (end.statement.opening, end.statement.closing) == (1_000_000_000, None)
    assert [problem.code for problem in end.contradictions] == [ProblemCode.BALANCE]


ENTRY = ":61:2612011201C5,NTRFNONREF\n:86:WORDS\n"
REFUSED = {
    "cut between two entries": (HEAD + ENTRY, ProblemCode.TRUNCATED),
    "cut inside the closing balance": (HEAD + ENTRY + ":62F:C261201VND10000", ProblemCode.TRUNCATED),
    "no account": (HEAD.replace(":25:1020000123456\n", "") + ENTRY + TAIL.format(0), ProblemCode.ACCOUNT),
    "no currency": (":20:A\n:25:1\n" + ENTRY + ":62F:what\n-", ProblemCode.CURRENCY),
    "unknown currency": (HEAD.replace("VND", "XQQ") + ENTRY + TAIL.format(0), ProblemCode.CURRENCY),
    "entry after the closing balance": (HEAD + TAIL.format(0)[:-1] + ENTRY, ProblemCode.MALFORMED_STATEMENT),
    "two opening balances": (HEAD + ":60F:C261130VND5,\n" + TAIL.format(0), ProblemCode.MALFORMED_STATEMENT),
    "fields before the first": (":25:1\n" + HEAD + TAIL.format(0), ProblemCode.MALFORMED_STATEMENT),
    "12 MB on a line": (HEAD + ENTRY + ":86:" + "A" * 12_000_000, ProblemCode.NOT_READABLE),
    "nothing": ("", ProblemCode.UNKNOWN_FORMAT),
    "prose": ("Dear customer,\nno statement today.\n", ProblemCode.UNKNOWN_FORMAT),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_broken_file_is_refused(name: str) -> None:
    text, code = REFUSED[name]
    assert refusal(text)[0] is code


def test_all_problems_are_listed_at_once() -> None:
    with pytest.raises(StatementRefused) as caught:
        read(HEAD + ":61:261201C1.0,NTRFX\n" + ENTRY + ":61:260230C1,NTRFX\n" + TAIL.format(0))
    assert [(problem.code, problem.place) for problem in caught.value.problems] == [
        (ProblemCode.MALFORMED_ENTRY, "line 5"),
        (ProblemCode.DATE, "line 8"),
    ]


def test_a_refusal_does_not_repeat_what_the_line_says() -> None:
    with pytest.raises(StatementRefused) as caught:
        read(HEAD + ":61:261201C1.0,NTRFNGUYEN VAN AN 0011004123456\n" + TAIL.format(0))
    assert "NGUYEN" not in str(caught.value)
    assert "0011004123456" not in str(caught.value)


def test_a_sign_is_seen_from_our_account() -> None:
    assert read_entry("261201D5,NTRFX").sign is Sign.DEBIT
