"""Statement files that somebody could send to harm us or to slip in money: each must be refused, whole and clearly.

The files are written to a directory; most are large only for the reader that trusts them.
"""

import zipfile
from datetime import date
from pathlib import Path

from bank_paper import Line, document

from reconciliation.errors import ProblemCode

ACCOUNT = "8800000000001"
DAY = date(2026, 11, 2)
_AMOUNT = '<Amt Ccy="VND">5000</Amt><CdtDbtInd>CRDT'
_WORKBOOK = (
    b'<workbook xmlns:r="r"><sheets><sheet name="a" sheetId="1" r:id="rId1"/></sheets></workbook>',
    b'<Relationships><Relationship Id="rId1" Target="worksheets/sheet1.xml"/></Relationships>',
)


def _good() -> str:
    lines = [Line(5_000, "PN000000000001"), Line(7_000)]
    return document(ACCOUNT, DAY, lines, sequence=1, opening_vnd=0, closing_vnd=12_000, from_on=DAY)


def _amount(written: str) -> str:
    return _good().replace(_AMOUNT, _AMOUNT.replace("5000", written), 1)


def _declared(declaration: str, amount: str = "5000") -> str:
    head, mark, rest = _amount(amount).partition("<Document")
    return head + declaration + mark + rest


def _inside(content: str) -> str:
    return _good().replace("</Ntry>", f"<AddtlNtryInf>{content}</AddtlNtryInf></Ntry>", 1)


def _bomb() -> str:
    declared = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    return _declared(f'<!DOCTYPE Document [<!ENTITY e0 "x">{declared}]>').replace(
        "</Ntry>", "<AddtlNtryInf>&e9;</AddtlNtryInf></Ntry>", 1
    )


_TEXTS = {
    "entity bomb": (_bomb, ProblemCode.DOCTYPE),
    "external entity": (
        lambda: _declared('<!DOCTYPE Document [<!ENTITY x SYSTEM "file:///etc/passwd">]>', "&x;"),
        ProblemCode.DOCTYPE,
    ),
    "entity as amount": (lambda: _declared('<!DOCTYPE Document [<!ENTITY x "9999">]>', "&x;"), ProblemCode.DOCTYPE),
    "depth 20,000": (lambda: _inside("<a>" * 20_000 + "</a>" * 20_000), ProblemCode.NOT_READABLE),
    "cut between two entries": (lambda: _good().partition("</Ntry>")[0] + "</Ntry>", ProblemCode.NOT_READABLE),
    "12 MB of text in one element": (lambda: _inside("A" * 12_000_000), ProblemCode.NOT_READABLE),
    "amount with exponent": (lambda: _amount("5e3"), ProblemCode.AMOUNT),
    "fraction of a đồng": (lambda: _amount("5000.5"), ProblemCode.FRACTION_IN_VND),
    "negative amount": (lambda: _amount("-5000"), ProblemCode.AMOUNT),
    "30 February": (lambda: _good().replace("<BookgDt><Dt>2026-11-02", "<BookgDt><Dt>2026-02-30"), ProblemCode.DATE),
    "an element inside an amount": (lambda: _amount("5<x/>000"), ProblemCode.AMOUNT),
    "unknown elements without end": (
        lambda: _good().replace("<Ntry>", "<X/>" * 500_000 + "<Ntry>", 1),
        ProblemCode.NOT_READABLE,
    ),
    "one detail without end": (
        lambda: _inside("x").replace(
            "<AddtlNtryInf>",
            f"<NtryDtls><TxDtls><RmtInf>{'<Ustrd>a</Ustrd>' * 200_000}</RmtInf></TxDtls></NtryDtls><AddtlNtryInf>",
        ),
        ProblemCode.NOT_READABLE,
    ),
    "MT940 with a null inside an amount": (
        lambda: f":20:A\n:25:{ACCOUNT}\n:28C:1\n:60F:C261102VND0,\n:61:261102C50\0,NTRF\n:62F:C261102VND50,\n",
        ProblemCode.MALFORMED_ENTRY,
    ),
    "MT940 with a text without end": (
        lambda: f":20:A\n:25:{ACCOUNT}\n:60F:C261102VND0,\n:61:261102C5,NTRF\n:86:a\n" + "b\n" * 100_000,
        ProblemCode.NOT_READABLE,
    ),
    "MT940 that names no currency": (
        lambda: f":20:A\n:25:{ACCOUNT}\n" + ":61:261102C5,NTRF\n" * 100_000,
        ProblemCode.CURRENCY,
    ),
    "rows without a table": (lambda: "a,b,c\n" * 100_000, ProblemCode.UNKNOWN_FORMAT),
    "a row without end": (lambda: f"Số tài khoản,{ACCOUNT}\nNgày,Nợ,Có\n{',' * 3_000_000}\n", ProblemCode.NOT_READABLE),
    "a page without a row": (
        lambda: f"<html>{'<p>x</p>' * 300_000}<table><tr></tr></table></html>",
        ProblemCode.NOT_READABLE,
    ),
    "MT940 with a negative amount": (
        lambda: f":20:A\n:25:{ACCOUNT}\n:28C:1\n:60F:C261102VND0,\n:61:261102C-5000,NTRF\n:62F:C261102VND5000,\n",
        ProblemCode.MALFORMED_ENTRY,
    ),
    "MT940 that ends inside a statement": (
        lambda: f":20:A\n:25:{ACCOUNT}\n:28C:1\n:60F:C261102VND0,\n:61:261102C5000,NTRF\n",
        ProblemCode.TRUNCATED,
    ),
}
CODES = {name: code for name, (_, code) in _TEXTS.items()} | {
    "wrong encoding": ProblemCode.NOT_READABLE,
    "another encoding than declared": ProblemCode.NOT_READABLE,
    "a damaged archive": ProblemCode.NOT_READABLE,
    "a row of cells without end": ProblemCode.NOT_READABLE,
    "zip bomb as XLSX": ProblemCode.NOT_READABLE,
    "zip bomb that hides its size": ProblemCode.NOT_READABLE,
}
"""Each hostile file, and why it is refused."""


def write_hostile(name: str, path: Path) -> Path:
    """Writes one of the files."""
    if name in _TEXTS:
        path.write_text(_TEXTS[name][0](), encoding="utf-8")
    elif name == "wrong encoding":
        path.write_bytes(_inside("Lê Thị Hòa").encode("utf-8").replace("ò".encode(), b"\xf2"))
    elif name == "another encoding than declared":
        path.write_bytes(_good().encode("utf-16"))
    elif name == "a row of cells without end":
        _write_workbook(path, "".join(f"<c><v>{number * 7919}</v></c>" for number in range(300_000)))
    elif name == "a damaged archive":
        _write_workbook(path, "<c><v>1</v></c>")
        data = path.read_bytes()
        path.write_bytes(data[:60] + bytes([data[60] ^ 255]) + data[61:])
    else:
        _write_zip_bomb(path)
        if name == "zip bomb that hides its size":
            _say_less(path)
    return path


def _write_workbook(path: Path, row: str) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", _WORKBOOK[0])
        archive.writestr("xl/_rels/workbook.xml.rels", _WORKBOOK[1])
        archive.writestr("xl/worksheets/sheet1.xml", f"<worksheet><sheetData><row>{row}</row></sheetData></worksheet>")


def _write_zip_bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("xl/workbook.xml", _WORKBOOK[0])
        archive.writestr("xl/_rels/workbook.xml.rels", _WORKBOOK[1])
        with archive.open("xl/worksheets/sheet1.xml", "w") as sheet:
            sheet.write(b"<worksheet><sheetData>")
            for _ in range(300):
                sheet.write(b"<row>" + b" " * 1_000_000 + b"</row>")
            sheet.write(b"</sheetData></worksheet>")


def _say_less(path: Path) -> None:
    """Writes a small size into the directory and the head of the sheet, whatever it really unpacks to."""
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo("xl/worksheets/sheet1.xml").file_size
    data = path.read_bytes()
    path.write_bytes(data.replace(size.to_bytes(4, "little"), (9_000).to_bytes(4, "little")))
