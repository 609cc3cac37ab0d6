"""camt statements: what is read, how strictly, and what hostile files get."""

import io
from datetime import date
from pathlib import Path

import bank_paper
import pytest
from bank_paper import Batch, Line

from reconciliation.errors import ProblemCode, StatementRefused
from reconciliation.formats import camt, read_statements
from reconciliation.statement import Entry, EntryStatus, Sign, StatementEnd, StatementEvent, StatementStart

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
ACCOUNT = "<Acct><Id><Othr><Id>1020000123456</Id></Othr></Id><Ccy>VND</Ccy></Acct>"


def balance(code: str, amount: str, on: str = "2026-12-01", sign: str = "<CdtDbtInd>CRDT</CdtDbtInd>") -> str:
    return (
        f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="VND">{amount}</Amt>{sign}'
        f"<Dt><Dt>{on}</Dt></Dt></Bal>"
    )


def entry(
    amount: str = "1000",
    sign: str = "CRDT",
    inside: str = "",
    *,
    status: str = "<Sts><Cd>BOOK</Cd></Sts>",
    on: str = "<Dt>2026-12-01</Dt>",
    currency: str = "VND",
) -> str:
    return (
        f'<Ntry><Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{sign}</CdtDbtInd>{status}'
        f"<BookgDt>{on}</BookgDt>{inside}</Ntry>"
    )


def document(inside: str, *, account: str = ACCOUNT, namespace: str = NAMESPACE, prolog: str = "") -> bytes:
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?>{prolog}<Document xmlns="{namespace}"><BkToCstmrStmt>'
        f"<GrpHdr><MsgId>M1</MsgId></GrpHdr><Stmt><Id>S1</Id><ElctrncSeqNb>336</ElctrncSeqNb>{account}{inside}</Stmt>"
        "</BkToCstmrStmt></Document>"
    )
    return text.encode()


def read(data: bytes) -> list[StatementEvent]:
    return list(camt.read(io.BytesIO(data)))


def read_end(data: bytes) -> StatementEnd:
    end = read(data)[-1]
    assert isinstance(end, StatementEnd)
    return end


def read_entries(data: bytes) -> list[Entry]:
    return [event for event in read(data) if isinstance(event, Entry)]


def refusal(data: bytes) -> tuple[ProblemCode, str]:
    with pytest.raises(StatementRefused) as caught:
        read(data)
    first = caught.value.problems[0]
    return first.code, first.place


def test_a_statement_that_adds_up() -> None:
    start, first, second, end = read(
        document(balance("OPBD", "1000") + balance("CLBD", "700") + entry("200") + entry("500", "DBIT"))
    )
    assert isinstance(start, StatementStart)
    assert start.statement.account == "1020000123456"
    assert (start.statement.currency, start.statement.id, start.statement.sequence) == ("VND", "S1", 336)
    assert (start.statement.opening, start.statement.closing) == (1000, 700)
    assert start.statement.format == "camt.053.001.08"
    assert isinstance(first, Entry)
    assert isinstance(second, Entry)
    assert (first.signed_amount, second.signed_amount) == (200, -500)
    assert first.booked_on == date(2026, 12, 1)
    assert (first.place, second.place) == ("Stmt[1]/Ntry[1]", "Stmt[1]/Ntry[2]")
    assert isinstance(end, StatementEnd)
    assert (end.entries, end.sum_credits, end.sum_debits, end.adds_up) == (2, 200, 500, True)
    assert end.contradictions == ()


def test_a_statement_that_does_not_add_up_names_both_numbers() -> None:
    end = read_end(document(balance("OPBD", "1000") + balance("CLBD", "701") + entry("300", "DBIT")))
    assert end.adds_up is False
    (problem,) = end.contradictions
    assert problem.code is ProblemCode.BALANCE_MISMATCH
    assert problem.detail == "opening balance and entries give 700, the closing balance is 701"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("<Sts><Cd>BOOK</Cd></Sts>", EntryStatus.BOOKED),
        ("<Sts>BOOK</Sts>", EntryStatus.BOOKED),
        ("", EntryStatus.BOOKED),
        ("<Sts><Cd>PDNG</Cd></Sts>", EntryStatus.PENDING),
        ("<Sts><Cd>FUTR</Cd></Sts>", EntryStatus.PENDING),
        ("<Sts>INFO</Sts>", EntryStatus.INFORMATION),
    ],
)
def test_only_booked_entries_count(status: str, expected: EntryStatus) -> None:
    data = document(entry(status=status))
    assert read_entries(data)[0].status is expected
    end = read_end(data)
    booked = expected is EntryStatus.BOOKED
    assert (end.entries, end.not_booked, end.sum_credits) == ((1, 0, 1000) if booked else (0, 1, 0))


def test_the_opening_balance_may_be_the_previous_closing_one() -> None:
    end = read_end(document(balance("PRCD", "5", "2026-11-30") + balance("CLBD", "1005") + entry()))
    assert (end.statement.opening, end.adds_up) == (5, True)
    both = read_end(document(balance("PRCD", "9") + balance("OPBD", "5") + balance("CLBD", "1005") + entry()))
    assert both.statement.opening == 5


def test_a_statement_with_a_closing_balance_only_proves_nothing() -> None:
    end = read_end(document(balance("CLBD", "1005") + balance("ITBD", "5") + entry()))
    assert (end.statement.opening, end.statement.closing, end.adds_up) == (None, 1005, None)
    assert end.contradictions == ()


def test_a_balance_without_indicator_is_a_credit_and_an_overdraft_is_negative() -> None:
    end = read_end(
        document(
            balance("OPBD", "500", sign="")
            + balance("CLBD", "500", sign="<CdtDbtInd>DBIT</CdtDbtInd>")
            + entry("1000", "DBIT")
        )
    )
    assert (end.statement.opening, end.statement.closing, end.adds_up) == (500, -500, True)


def test_available_amounts_inside_a_balance_are_not_the_balance() -> None:
    available = (
        "<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><CdtLine><Incl>false</Incl>"
        '<Amt Ccy="VND">99</Amt></CdtLine><Amt Ccy="VND">7</Amt><Dt><Dt>2026-12-01</Dt></Dt>'
        '<Avlbty><Amt Ccy="VND">8</Amt></Avlbty></Bal>'
    )
    assert read_end(document(available)).statement.closing == 7


def test_of_several_days_the_first_opening_and_the_last_closing_count() -> None:
    days = (
        balance("OPBD", "200", "2026-12-02")
        + balance("CLBD", "300", "2026-12-02")
        + balance("OPBD", "100", "2026-12-01")
        + balance("CLBD", "200", "2026-12-01")
    )
    end = read_end(document(days))
    assert (end.statement.opening, end.statement.closing) == (100, 300)
    assert (end.statement.from_on, end.statement.to_on) == (date(2026, 12, 1), date(2026, 12, 2))


@pytest.mark.parametrize("amount", ["10.5", "-10", "1e3", "", "ten", "1,000"])
def test_an_impossible_balance_is_none_and_said(amount: str) -> None:
    end = read_end(document(balance("OPBD", amount) + balance("CLBD", "1005") + entry()))
    assert (end.statement.opening, end.statement.closing, end.adds_up) == (None, 1005, None)
    assert [problem.code for problem in end.contradictions] == [ProblemCode.BALANCE]
    assert end.contradictions[0].place == "line 1, Stmt[1]/Bal[1]"


def test_a_balance_given_twice_for_a_day_is_none() -> None:
    end = read_end(document(balance("OPBD", "1") + balance("OPBD", "2")))
    assert end.statement.opening is None
    assert end.contradictions[0].code is ProblemCode.BALANCE
    assert read_end(document(balance("OPBD", "1") + balance("OPBD", "1"))).statement.opening == 1


@pytest.mark.parametrize("amount", ["4250000", "4250000.00", "4250000.", " 4250000 ", "0004250000.0"])
def test_zeros_beyond_the_currency_are_accepted(amount: str) -> None:
    assert read_entries(document(entry(amount)))[0].amount == 4_250_000


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        ("0.5", ProblemCode.FRACTION_IN_VND),
        ("100.0000000000005", ProblemCode.FRACTION_IN_VND),
        ("-1000", ProblemCode.AMOUNT),
        ("1e6", ProblemCode.AMOUNT),
        ("1E6", ProblemCode.AMOUNT),
        ("1.000.000", ProblemCode.AMOUNT),
        ("1,000", ProblemCode.AMOUNT),
        ("1 000", ProblemCode.AMOUNT),
        ("NaN", ProblemCode.AMOUNT),
        (".", ProblemCode.AMOUNT),
        ("0x10", ProblemCode.AMOUNT),
        ("١٠٠٠", ProblemCode.AMOUNT),
        ("", ProblemCode.AMOUNT),
        ("9" * 19, ProblemCode.AMOUNT),
    ],
)
def test_every_other_amount_refuses_the_file_and_names_the_place(amount: str, code: ProblemCode) -> None:
    assert refusal(document(entry() + entry(amount))) == (code, "line 1, Stmt[1]/Ntry[2]/Amt")


def test_minor_units_follow_the_currency() -> None:
    euro = ACCOUNT.replace("VND", "EUR")
    assert read_entries(document(entry("2.5", currency="EUR"), account=euro))[0].amount == 250
    assert read_entries(document(entry(".6", currency="EUR"), account=euro))[0].amount == 60
    dinar = ACCOUNT.replace("VND", "KWD")
    assert read_entries(document(entry("2.5", currency="KWD"), account=dinar))[0].amount == 2500
    assert refusal(document(entry("885.12345", currency="EUR"), account=euro))[0] is ProblemCode.FRACTION


def test_the_currency_of_an_account_that_does_not_say_is_that_of_its_first_amount() -> None:
    silent = "<Acct><Id><IBAN>DE89370400440532013000</IBAN></Id></Acct>"
    assert read_end(document(entry("2.5", currency="EUR"), account=silent)).statement.currency == "EUR"
    assert read_end(document("", account=silent)).statement.currency is None


@pytest.mark.parametrize(
    ("inside", "code", "place"),
    [
        (entry(currency="XXQ"), ProblemCode.CURRENCY, "Ntry[1]/Amt"),
        (entry(sign="CREDIT"), ProblemCode.SIGN, "Ntry[1]/CdtDbtInd"),
        (entry(sign=""), ProblemCode.SIGN, "Ntry[1]/CdtDbtInd"),
        (entry(status="<Sts><Cd>DONE</Cd></Sts>"), ProblemCode.STATUS, "Ntry[1]/Sts"),
        (entry(on="<Dt>2026-02-30</Dt>"), ProblemCode.DATE, "Ntry[1]/BookgDt"),
        (entry(on="<Dt>01/12/2026</Dt>"), ProblemCode.DATE, "Ntry[1]/BookgDt"),
        (entry(inside="<ValDt><Dt>2026-13-01</Dt></ValDt>"), ProblemCode.DATE, "Ntry[1]/ValDt"),
        (entry(inside="<RvslInd>maybe</RvslInd>"), ProblemCode.MALFORMED_ENTRY, "Ntry[1]/RvslInd"),
        (entry(inside='<Amt Ccy="VND">5</Amt>'), ProblemCode.MALFORMED_ENTRY, "Ntry[1]/Amt[2]"),
        ("<Ntry><CdtDbtInd>CRDT</CdtDbtInd></Ntry>", ProblemCode.AMOUNT, "Ntry[1]/Amt"),
    ],
)
def test_what_counts_is_read_strictly(inside: str, code: ProblemCode, place: str) -> None:
    assert refusal(document(inside)) == (code, f"line 1, Stmt[1]/{place}")


def test_all_problems_are_listed_at_once() -> None:
    with pytest.raises(StatementRefused) as caught:
        read(document(entry("0.5") + entry() + entry(on="<Dt>2026-02-30</Dt>")))
    assert [problem.code for problem in caught.value.problems] == [ProblemCode.FRACTION_IN_VND, ProblemCode.DATE]
    assert "'2026-02-30' is no day of the calendar" in str(caught.value)


def test_an_entry_in_another_currency_is_counted_and_not_added_up() -> None:
    balances = balance("OPBD", "0") + balance("CLBD", "1000")
    end = read_end(document(balances + entry() + entry("5", currency="USD")))
    assert (end.entries, end.sum_credits, end.adds_up) == (2, 1000, None)
    (problem,) = end.contradictions
    assert (problem.code, problem.place) == (ProblemCode.CURRENCY, "line 1, Stmt[1]/Ntry[2]/Amt/@Ccy")
    pending = "<Sts><Cd>PDNG</Cd></Sts>"
    end = read_end(document(balances + entry() + entry("5", currency="USD", status=pending)))
    assert (end.entries, end.not_booked, end.adds_up, end.contradictions) == (1, 1, True, ())


def test_a_balance_in_another_currency_is_no_balance_of_the_account() -> None:
    dollars = balance("CLBD", "9").replace('Ccy="VND"', 'Ccy="USD"')
    end = read_end(document(balance("OPBD", "0") + dollars))
    assert (end.statement.closing, end.adds_up) == (None, None)
    assert end.contradictions[0].detail == "balance CLBD: in 'USD', the account in VND"
    both = read_end(document(balance("OPBD", "0") + dollars + balance("CLBD", "0")))
    assert (both.adds_up, both.contradictions) == (True, ())


def test_a_statement_without_account_is_refused() -> None:
    assert refusal(document(entry(), account="")) == (ProblemCode.ACCOUNT, "line 1, Stmt[1]/Acct")


def test_a_reversal_keeps_the_sign_of_its_own_entry() -> None:
    (reversal,) = read_entries(document(entry("500", "DBIT", "<RvslInd>true</RvslInd>")))
    assert (reversal.sign, reversal.reversal, reversal.signed_amount) == (Sign.DEBIT, True, -500)


def test_dates_are_those_of_the_bank() -> None:
    (read_,) = read_entries(
        document(entry(on="<DtTm>2026-12-01T23:30:00-08:00</DtTm>", inside="<ValDt><Dt>2026-12-02Z</Dt></ValDt>"))
    )
    assert (read_.booked_on, read_.value_on) == (date(2026, 12, 1), date(2026, 12, 2))


def test_a_batch_debit_with_a_detail_for_each_payment() -> None:
    details = "".join(
        f"<TxDtls><Refs><EndToEndId>{reference}</EndToEndId><InstrId>I{reference}</InstrId></Refs>"
        f'<Amt Ccy="VND">{amount}</Amt>'
        f"<CdtDbtInd>DBIT</CdtDbtInd><RltdPties><Cdtr><Pty><Nm>NGUYEN VAN AN</Nm></Pty></Cdtr>"
        f"<CdtrAcct><Id><Othr><Id>0011004123456</Id></Othr></Id></CdtrAcct></RltdPties></TxDtls>"
        for reference, amount in [("PN1", 4_250_000), ("PN2", 3_800_500)]
    )
    batch = (
        f"<NtryDtls><Btch><MsgId>M7</MsgId><PmtInfId>PEN-1</PmtInfId><NbOfTxs>2</NbOfTxs></Btch>{details}</NtryDtls>"
    )
    (read_,) = read_entries(document(entry("8050500", "DBIT", batch)))
    assert read_.batch_count == 2
    assert (read_.references.payment_info_id, read_.references.message_id) == ("PEN-1", "M7")
    assert read_.references.end_to_end_id is None
    assert [(detail.references.end_to_end_id, detail.amount) for detail in read_.details] == [
        ("PN1", 4_250_000),
        ("PN2", 3_800_500),
    ]
    assert next(iter(read_.details)).references.instruction_id == "IPN1"
    assert (next(iter(read_.details)).counterparty_account, next(iter(read_.details)).counterparty_name) == (
        "0011004123456",
        "NGUYEN VAN AN",
    )
    assert read_.details_add_up is True


def test_a_batch_whose_details_come_later_says_nothing_about_their_sum() -> None:
    one_of_many = (
        "<NtryDtls><Btch><NbOfTxs>86</NbOfTxs></Btch><TxDtls><Refs><EndToEndId>PN1</EndToEndId></Refs>"
        '<Amt Ccy="VND">5</Amt></TxDtls></NtryDtls>'
    )
    (read_,) = read_entries(document(entry("8050500", "DBIT", one_of_many)))
    assert (read_.batch_count, read_.references.end_to_end_id, read_.details_add_up) == (86, None, None)
    (empty,) = read_entries(document(entry("8050500", "DBIT", "<NtryDtls/>")))
    assert (empty.batch_count, empty.details, empty.details_add_up) == (None, (), None)


def test_a_return_carries_our_reference_and_the_reason() -> None:
    inside = (
        "<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>ICDT</Cd><SubFmlyCd>RRTN</SubFmlyCd></Fmly></Domn></BkTxCd><NtryDtls><TxDtls>"
        "<Refs><EndToEndId>PN2</EndToEndId><UETR>00000000-0000-4000-8000-000000000000</UETR></Refs>"
        "<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf></TxDtls></NtryDtls>"
    )
    (read_,) = read_entries(document(entry("3800500", "CRDT", inside)))
    assert (read_.return_reason, read_.references.end_to_end_id) == ("AC04", "PN2")
    assert read_.references.uetr == "00000000-0000-4000-8000-000000000000"
    assert read_.bank_transaction_code == "PMNT/ICDT/RRTN"


def test_the_parties_of_version_02_and_a_virtual_account() -> None:
    inside = (
        "<NtryDtls><TxDtls><RltdPties><Dbtr><Nm>CTY ANH DUONG</Nm></Dbtr>"
        "<DbtrAcct><Id><Othr><Id>0101123456</Id></Othr></Id></DbtrAcct>"
        "<CdtrAcct><Id><Othr><Id>962VSS0001</Id></Othr></Id></CdtrAcct></RltdPties>"
        "<RmtInf><Ustrd>NOP BHXH</Ustrd><Ustrd>T11/2026</Ustrd>"
        "<Strd><CdtrRefInf><Ref>RF18</Ref></CdtrRefInf></Strd></RmtInf>"
        "<AddtlTxInf>tra soat</AddtlTxInf></TxDtls></NtryDtls><AddtlNtryInf>NAPAS</AddtlNtryInf>"
    )
    (read_,) = read_entries(document(entry(inside=inside), namespace=NAMESPACE.replace(".08", ".02")))
    (detail,) = read_.details
    assert (detail.counterparty_name, detail.counterparty_account) == ("CTY ANH DUONG", "0101123456")
    assert detail.virtual_account == "962VSS0001"
    assert detail.creditor_reference == "RF18"
    assert (read_.text, read_.additional_text) == ("NOP BHXH\nT11/2026", "tra soat\nNAPAS")


def test_a_return_that_repeats_the_parties_of_the_payment_still_names_the_other_side() -> None:
    inside = (
        "<NtryDtls><TxDtls><RltdPties><DbtrAcct><Id><Othr><Id>1020000123456</Id></Othr></Id></DbtrAcct>"
        "<CdtrAcct><Id><Othr><Id>0011004123456</Id></Othr></Id></CdtrAcct></RltdPties></TxDtls></NtryDtls>"
    )
    (read_,) = read_entries(document(entry(inside=inside)))
    assert next(iter(read_.details)).counterparty_account == "0011004123456"
    assert next(iter(read_.details)).virtual_account is None


def test_a_detail_in_another_currency_is_information_and_an_impossible_one_is_said() -> None:
    inside = '<NtryDtls><TxDtls><Amt Ccy="{}">{}</Amt></TxDtls></NtryDtls>'
    (foreign,) = read_entries(document(entry(inside=inside.format("USD", "2.5"))))
    assert next(iter(foreign.details)).amount is None
    end = read_end(document(entry(inside=inside.format("VND", "2.5"))))
    assert [problem.code for problem in end.contradictions] == [ProblemCode.DETAIL]
    assert end.entries == 1


def test_details_inherit_the_sign_of_their_entry() -> None:
    inside = '<NtryDtls><TxDtls><AmtDtls><TxAmt><Amt Ccy="VND">1000</Amt></TxAmt></AmtDtls></TxDtls></NtryDtls>'
    (read_,) = read_entries(document(entry(sign="DBIT", inside=inside)))
    assert (next(iter(read_.details)).sign, next(iter(read_.details)).amount) == (Sign.DEBIT, 1000)


@pytest.mark.parametrize(
    ("summary", "place"),
    [
        ("<TtlNtries><NbOfNtries>2</NbOfNtries><Sum>1300</Sum></TtlNtries>", None),
        ("<TtlNtries><NbOfNtries>2</NbOfNtries><Sum>700.00</Sum></TtlNtries>", None),
        ("<TtlCdtNtries><Sum>1000</Sum></TtlCdtNtries><TtlDbtNtries><Sum>300</Sum></TtlDbtNtries>", None),
        ("<TtlNtries><NbOfNtries>3</NbOfNtries></TtlNtries>", "TtlNtries"),
        ("<TtlNtries><Sum>1301</Sum></TtlNtries>", "TtlNtries"),
        ("<TtlCdtNtries><NbOfNtries>1</NbOfNtries><Sum>999</Sum></TtlCdtNtries>", "TtlCdtNtries"),
        ("<TtlDbtNtries><Sum>3e2</Sum></TtlDbtNtries>", "TtlDbtNtries/Sum"),
    ],
)
def test_the_totals_that_a_statement_states_must_be_those_it_holds(summary: str, place: str | None) -> None:
    inside = f"<TxsSummry>{summary}</TxsSummry>{entry('1000')}{entry('300', 'DBIT')}"
    contradictions = read_end(document(inside)).contradictions
    assert [problem.code for problem in contradictions] == ([ProblemCode.SUMMARY_MISMATCH] if place else [])
    assert place is None or f"Stmt[1]/TxsSummry/{place}" in contradictions[0].place


def test_several_accounts_in_one_file_stay_apart() -> None:
    second = (
        "</Stmt><Stmt><Id>S2</Id><Acct><Id><Othr><Id>2</Id></Othr></Id><Ccy>VND</Ccy></Acct>"
        + balance("OPBD", "0")
        + balance("CLBD", "7")
        + entry("7")
    )
    ends = [event for event in read(document(entry() + second)) if isinstance(event, StatementEnd)]
    assert [(end.statement.account, end.statement.id, end.sum_credits) for end in ends] == [
        ("1020000123456", "S1", 1000),
        ("2", "S2", 7),
    ]
    assert [end.adds_up for end in ends] == [None, True]


def test_oldest_names_no_namespace_wrappers_and_pages_are_read() -> None:
    text = (
        "<Envelope><Document><BkToCstmrAcctRptV01><GrpHdr><MsgPgntn><PgNb>2</PgNb><LastPgInd>true</LastPgInd></MsgPgntn></GrpHdr>"
        "<Rpt><Id>R1</Id><Acct><Id><PrtryAcct><Id>77</Id></PrtryAcct></Id></Acct>"
        '<Bal><Tp><Cd>OPBD</Cd></Tp><Amt Ccy="VND">5</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>'
        '<Ntry><Amt Ccy="VND">5</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>BOOK</Sts><BookgDt>2026-12-01</BookgDt>'
        "<Btch><NbOfTxs>3</NbOfTxs></Btch><TxDtls><Refs><EndToEndId>X</EndToEndId></Refs></TxDtls></Ntry></Rpt>"
        "</BkToCstmrAcctRptV01></Document></Envelope>"
    )
    start, read_, end = read(text.encode())
    assert isinstance(start, StatementStart)
    assert (start.statement.format, start.statement.account, start.statement.opening) == ("camt.052", "77", 5)
    assert start.statement.page is not None
    assert (start.statement.page.number, start.statement.page.last) == (2, True)
    assert isinstance(read_, Entry)
    assert (read_.batch_count, read_.booked_on) == (3, date(2026, 12, 1))
    assert next(iter(read_.details)).references.end_to_end_id == "X"
    assert isinstance(end, StatementEnd)


def test_nothing_personal_shows_in_what_is_printed() -> None:
    inside = (
        "<NtryDtls><TxDtls><RltdPties><Dbtr><Nm>NGUYEN VAN AN</Nm></Dbtr>"
        "<DbtrAcct><Id><Othr><Id>0101123456</Id></Othr></Id>"
        "</DbtrAcct></RltdPties><RmtInf><Ustrd>BHXH 0123456789</Ustrd></RmtInf></TxDtls></NtryDtls>"
    )
    printed = repr(read(document(entry(inside=inside))))
    for secret in ("NGUYEN", "0101123456", "0123456789", "1020000123456"):
        assert secret not in printed


BOMB = '<!DOCTYPE Document [<!ENTITY a "ha"><!ENTITY b "{}">]>'.format("&a;" * 1000)
HOSTILE = {
    "entity as amount": (
        document(entry("&big;"), prolog='<!DOCTYPE Document [<!ENTITY big "999999">]>'),
        ProblemCode.DOCTYPE,
    ),
    "entity bomb": (document(entry(inside="<AddtlNtryInf>&b;</AddtlNtryInf>"), prolog=BOMB), ProblemCode.DOCTYPE),
    "external entity": (
        document(entry(), prolog='<!DOCTYPE Document [<!ENTITY file SYSTEM "file:///etc/passwd">]>'),
        ProblemCode.DOCTYPE,
    ),
    "external document type": (
        document(entry(), prolog='<!DOCTYPE Document SYSTEM "http://127.0.0.1/camt.dtd">'),
        ProblemCode.DOCTYPE,
    ),
    "plain document type": (document(entry(), prolog="<!DOCTYPE Document>"), ProblemCode.DOCTYPE),
    "undeclared entity": (document(entry("&big;")), ProblemCode.NOT_READABLE),
    "cut between two entries": (
        document(entry() + entry()).partition(b"</Ntry>")[0] + b"</Ntry>",
        ProblemCode.NOT_READABLE,
    ),
    "cut inside a number": (document(entry("1000"))[:-150], ProblemCode.NOT_READABLE),
    "more after the end": (document(entry()) + b"<more/>", ProblemCode.NOT_READABLE),
    "too deep": (document(entry(inside="<X>" * 20_000 + "</X>" * 20_000)), ProblemCode.NOT_READABLE),
    "12 MB of text": (
        document(entry(inside=f"<AddtlNtryInf>{'A' * 12_000_000}</AddtlNtryInf>")),
        ProblemCode.NOT_READABLE,
    ),
    "wrong encoding": (
        document(entry(inside="<AddtlNtryInf>é</AddtlNtryInf>")).replace("é".encode(), "é".encode("latin-1")),
        ProblemCode.NOT_READABLE,
    ),
    "unknown encoding": (document(entry()).replace(b"UTF-8", b"KLINGON"), ProblemCode.NOT_READABLE),
    "nothing": (b"", ProblemCode.NOT_READABLE),
    "other message": (
        b"<Document><CstmrCdtTrfInitn><GrpHdr/></CstmrCdtTrfInitn></Document>",
        ProblemCode.UNKNOWN_FORMAT,
    ),
    "account report of another area": (
        b"<Document><IdVrfctnRpt><Rpt/></IdVrfctnRpt></Document>",
        ProblemCode.UNKNOWN_FORMAT,
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused(name: str) -> None:
    data, code = HOSTILE[name]
    assert refusal(data)[0] is code


def test_what_a_bank_adds_for_its_own_use_is_no_detail() -> None:
    added = "<SplmtryData><Envlp><Ntry><NtryDtls><TxDtls/></NtryDtls></Ntry><TxDtls/></Envlp></SplmtryData>"
    inside = f"<NtryDtls><TxDtls><Refs><EndToEndId>PN1</EndToEndId></Refs>{added}</TxDtls></NtryDtls>"
    first, second = read_entries(document(entry(inside=inside) + added + entry(inside=inside)))
    assert [len(first.details), len(second.details)] == [1, 1]
    assert next(iter(first.details)).references.end_to_end_id == "PN1"


def test_entries_outside_a_statement_do_not_count() -> None:
    inside = entry() + f"<SplmtryData><Envlp>{entry('9')}</Envlp></SplmtryData>"
    assert read_end(document(inside)).sum_credits == 1000


def test_a_booking_for_many_payments_is_read_flat(tmp_path: Path) -> None:
    lines = tuple(Line(-1_000 - number, f"PN{number:012d}") for number in range(2_000))
    day, total = date(2026, 11, 2), sum(-line.amount_vnd for line in lines)
    paper = bank_paper.document(
        "8800000000001", day, [Batch(lines, "BATCH1")], sequence=1, opening_vnd=total, closing_vnd=0, from_on=day
    )
    path = tmp_path / "batch.xml"
    path.write_text(paper, encoding="utf-8")
    (batch,) = (event for event in read_statements(path) if isinstance(event, Entry))
    assert not isinstance(batch.details, tuple)
    assert (len(batch.details), batch.details_add_up, batch.batch_count) == (2_000, True, 2_000)
    assert [detail.amount for detail in batch.details] == [-line.amount_vnd for line in lines]
    assert batch.references.payment_info_id == "BATCH1"


class Dripping(io.BytesIO):
    """A file that gives a few bytes at a time."""

    def __init__(self, data: bytes, bytes_at_once: int) -> None:
        super().__init__(data)
        self._bytes_at_once = bytes_at_once

    def read(self, _size: int | None = -1, /) -> bytes:
        return super().read(self._bytes_at_once)


@pytest.mark.parametrize("bytes_at_once", [7, 100, 1_000])
def test_where_the_file_is_cut_into_chunks_changes_nothing(bytes_at_once: int) -> None:
    detail = "<TxDtls><Refs><EndToEndId>PN{}</EndToEndId></Refs><Amt Ccy='VND'>1</Amt></TxDtls>"
    together = "<NtryDtls><Btch><NbOfTxs>60</NbOfTxs></Btch>" + "".join(map(detail.format, range(60))) + "</NtryDtls>"
    apart = "".join(f"<NtryDtls>{detail.format(number)}</NtryDtls>\n" for number in range(40))
    bare = "".join(map(detail.format, range(30)))
    insides = (together, "", apart, bare, detail.format(1))
    data = document("".join(entry(str(n), inside=inside) for n, inside in enumerate(insides, 1)))
    whole = list(camt.read(io.BytesIO(data)))
    assert list(camt.read(Dripping(data, bytes_at_once))) == whole
    counts = [len(event.details) for event in whole if isinstance(event, Entry)]
    assert counts == [60, 0, 40, 30, 1]


def test_elements_that_look_alike_are_read_like_the_first_and_not_taken_for_it() -> None:
    detail = "<NtryDtls><TxDtls>{}</TxDtls></NtryDtls>"
    words = [
        detail.format("<Refs><EndToEndId>A&amp;B</EndToEndId></Refs>"),
        detail.format("<Refs><EndToEndId> C &lt;&gt; D\n</EndToEndId></Refs>"),
        detail.format("<Refs><InstrId>E</InstrId></Refs>"),  # as many texts, another element
        detail.format("<Refs><EndToEndId> </EndToEndId></Refs>"),  # blank
        detail.format("<RmtInf><Ustrd>one</Ustrd><Ustrd>two</Ustrd></RmtInf>"),
        detail.format("<RmtInf><Ustrd>three</Ustrd><Ustrd> </Ustrd></RmtInf>"),
        detail.format("<RmtInf><Ustrd>four</Ustrd><Ustrd>five</Ustrd></RmtInf>"),
    ]
    entries = [entry(str(number), inside=each) for number, each in enumerate(words * 2, 1)]
    total = str(sum(range(1, len(entries) + 1)))
    read_ = [
        event
        for event in camt.read(io.BytesIO(document(balance("OPBD", "0") + balance("CLBD", total) + "".join(entries))))
        if isinstance(event, Entry)
    ]
    found = [(each.amount, each.references.end_to_end_id, each.references.instruction_id, each.text) for each in read_]
    expected = [
        ("A&B", None, None),
        ("C <> D", None, None),
        (None, "E", None),
        (None, None, None),
        (None, None, "one\ntwo"),
        (None, None, "three"),
        (None, None, "four\nfive"),
    ]
    assert found == [(number, *each) for number, each in enumerate(expected * 2, 1)]
