"""What `thuchi statement inspect` says of a file, and its exit code."""

from pathlib import Path

import pytest

from reconciliation.errors import ProblemCode, StatementRefused, UnknownFormat
from reconciliation.formats import read_statements
from reconciliation.inspection import inspect
from reconciliation.references import make_reference
from reconciliation.statement import Entry, StatementEnd, StatementStart

MT940 = (
    ":20:VSS261201\n:25:1020000123456\n:28C:336/1\n:60F:C261130VND1000000000,\n"
    ":61:2612011201D4250000,NTRF{first}//FT1\n:86:LUONG HUU\n"
    ":61:2612011201C18750000,NTRFNONREF//FT2\n:86:CTY ANH DUONG {second} NOP\n"
    ":61:2612011201EC9,NTRFEXPECTED\n"
    ":62F:C261201VND{closing},\n-\n"
)
FIRST, SECOND = make_reference("PN", 1), make_reference("TB", 2)
CAMT = (
    '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><GrpHdr/><Stmt><Id>S1</Id>'
    "<FrToDt><FrDtTm>2026-12-01T00:00:00+07:00</FrDtTm><ToDtTm>2026-12-01T23:59:59+07:00</ToDtTm></FrToDt>"
    "<Acct><Id><Othr><Id>7</Id></Othr></Id><Ccy>VND</Ccy></Acct>"
    '<Ntry><Amt Ccy="VND">{amount}</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><NtryDtls>'
    "<TxDtls><Refs><EndToEndId>E2E-1</EndToEndId><InstrId>I{first}</InstrId></Refs></TxDtls>"
    "<TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs>"
    "<RmtInf><Ustrd>pn 0000 0000 001 j</Ustrd></RmtInf></TxDtls>"
    "</NtryDtls></Ntry></Stmt></BkToCstmrStmt></Document>"
)


def write(directory: Path, text: str | bytes) -> Path:
    path = directory / "statement"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_a_file_that_adds_up(tmp_path: Path) -> None:
    inspection = inspect(write(tmp_path, MT940.format(first=FIRST, second=SECOND.lower(), closing=1_014_500_000)))
    assert inspection.exit_code == 0
    assert inspection.as_json() == {
        "format": "mt940",
        "statements": [
            {
                "account": "1020000123456",
                "currency": "VND",
                "id": "VSS261201",
                "from": "2026-11-30",
                "to": "2026-12-01",
                "opening": 1_000_000_000,
                "closing": 1_014_500_000,
                "entries": 2,
                "not_booked": 1,
                "sum_credits": 18_750_000,
                "sum_debits": 4_250_000,
                "adds_up": True,
                "references": [FIRST, SECOND],
            }
        ],
        "problems": [],
    }


def test_a_file_that_does_not_add_up_is_read_and_named(tmp_path: Path) -> None:
    inspection = inspect(write(tmp_path, MT940.format(first=FIRST, second=SECOND, closing=1_014_500_001)))
    assert inspection.exit_code == 1
    (statement,) = inspection.statements
    assert statement.end.adds_up is False
    assert inspection.as_json()["problems"] == [
        {
            "code": "balance_mismatch",
            "place": "line 10, 62F",
            "detail": "opening balance and entries give 1014500000, the closing balance is 1014500001",
        }
    ]


def test_a_file_without_balances_is_read_and_proves_nothing(tmp_path: Path) -> None:
    inspection = inspect(write(tmp_path, CAMT.format(amount="5.00", first=FIRST)))
    assert inspection.exit_code == 0
    (statement,) = inspection.statements
    assert (statement.as_json()["from"], statement.as_json()["to"]) == ("2026-12-01", "2026-12-01")
    assert (statement.end.adds_up, statement.end.sum_debits) == (None, 5)
    assert statement.references == ("E2E-1", FIRST)


def test_an_impossible_balance_is_null_and_contradicts(tmp_path: Path) -> None:
    text = MT940.format(first=FIRST, second=SECOND, closing="1.014.500.000")
    inspection = inspect(write(tmp_path, text))
    assert inspection.exit_code == 1
    (statement,) = inspection.statements
    assert (statement.end.statement.closing, statement.end.adds_up) == (None, None)
    assert [problem.code for problem in inspection.problems] == [ProblemCode.BALANCE]


def test_a_refused_file_shows_the_problem_and_its_place(tmp_path: Path) -> None:
    inspection = inspect(write(tmp_path, CAMT.format(amount="5.50", first=FIRST)))
    assert inspection.exit_code == 2
    assert inspection.as_json()["problems"] == [
        {
            "code": "fraction_in_vnd",
            "place": "line 1, Stmt[1]/Ntry[1]/Amt",
            "detail": "'5.50' has more than the 0 decimals of VND",
        }
    ]


def test_a_cut_file_shows_no_half_statement(tmp_path: Path) -> None:
    inspection = inspect(write(tmp_path, CAMT.format(amount="5", first=FIRST).partition("</Stmt>")[0]))
    assert (inspection.exit_code, inspection.statements) == (2, ())
    assert [problem.code for problem in inspection.problems] == [ProblemCode.NOT_READABLE]


@pytest.mark.parametrize(
    "data",
    [b"", b"date;amount\n2026-12-01;5\n", b"<html><body/></html>", b"%PDF-1.7", b"\x00" * 100, b"{}"],
)
def test_an_unknown_format_is_refused(tmp_path: Path, data: bytes) -> None:
    path = write(tmp_path, data)
    inspection = inspect(path)
    assert (inspection.format, inspection.exit_code, inspection.statements) == (None, 2, ())
    assert [problem.code for problem in inspection.problems] == [ProblemCode.UNKNOWN_FORMAT]
    with pytest.raises(UnknownFormat):
        list(read_statements(path))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_xml_is_known_in_every_unicode_encoding(tmp_path: Path, encoding: str) -> None:
    text = CAMT.format(amount="5", first=FIRST)
    data = text.encode(encoding)
    if encoding == "utf-16-le":
        data = f'<?xml version="1.0" encoding="UTF-16LE"?>{text}'.encode(encoding)
    assert inspect(write(tmp_path, data)).exit_code == 0


def test_a_file_is_refused_only_after_its_last_byte(tmp_path: Path) -> None:
    text = MT940.format(first=FIRST, second=SECOND, closing=1_014_500_000).replace("18750000,", "18.750.000,")
    events = read_statements(write(tmp_path, text))
    start, payment, expected, end = (next(events) for _ in range(4))
    assert isinstance(start, StatementStart)
    assert isinstance(payment, Entry)
    assert isinstance(expected, Entry)
    assert isinstance(end, StatementEnd)
    assert (end.not_added, end.adds_up) == (1, None)
    with pytest.raises(StatementRefused):
        next(events)
