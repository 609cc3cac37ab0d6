import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from xlsxwriter import Workbook  # type: ignore[import-untyped]

from engine.awards import workbook as form
from engine.awards.claim import Claim, Claimed, Death, Relative, Stretch
from engine.awards.files import AwardsImported, import_awards
from engine.database import Database
from engine.demonstration.population import write_population
from engine.demonstration.workbook import write_claims
from engine.errors import WrongInput
from engine.people import person as columns
from engine.people.person import Person
from engine.vault import Vault

AT = datetime(2026, 11, 2, 1, tzinfo=UTC)
DECIDED_ON = date(2026, 11, 2)

HOA = Person("Trần Thị Hoa", "F", date(1969, 5, 20), "001169123456", "0112345678", "0530000001", "01", "urban")
BINH = Person("Đỗ Văn Bình", "M", date(1958, 1, 9), "079058654321", "7912345678", None, "79", "rural")
MAI = Person("Đỗ Thị Mai", "F", date(2015, 3, 10), "079315000001", None, None, "79", "rural")

PENSION = Claim(
    "HS-1",
    Claimed.PENSION,
    date(2026, 6, 1),
    HOA,
    HOA,
    starts_on=date(2026, 6, 1),
    history=(Stretch(date(2011, 6, 1), date(2026, 5, 1), "private", 10_000_000, None, None),),
)
DEATH = Death(date(2026, 9, 1), False, "contributing", None, None)
HISTORY = (Stretch(date(2006, 1, 1), date(2026, 8, 1), "private", 8_000_000, None, None),)
FUNERAL = Claim("HS-2", Claimed.FUNERAL_GRANT, date(2026, 9, 20), BINH, HOA, death=DEATH, history=HISTORY)
SURVIVORS = Claim(
    "HS-3",
    Claimed.SURVIVOR_ALLOWANCE,
    date(2026, 9, 20),
    BINH,
    MAI,
    death=DEATH,
    history=HISTORY,
    relatives=(Relative(MAI, "child", 0, 0, studying=True, alone=False),),
)

Import = Callable[..., AwardsImported]


@pytest.fixture
def take_in(database: Database, vault: Vault) -> Import:
    """Imports a file as the preparer, in a transaction of its own."""

    def take_in(path: Path) -> AwardsImported:
        with database.transaction("preparer") as connection:
            return import_awards(connection, vault, path, DECIDED_ON, AT)

    return take_in


def written(path: Path, *claims: Claim) -> Path:
    write_claims(path, claims)
    return path


def count(connection: Connection, table: str) -> int:
    return int(connection.execute(text(f"SELECT count(*) FROM engine.{table}")).scalar_one())


def test_claims_become_people_facts_and_awards(database: Database, take_in: Import, tmp_path: Path) -> None:
    result = take_in(written(tmp_path / "a.xlsx", PENSION, FUNERAL, SURVIVORS))
    assert (result.claims, result.awards, list(result.refused), result.already) == (3, 3, [], False)
    with database.transaction() as connection:
        # Hoa is pensioner and arranger of the funeral; the death and the history of Bình stand in two claims
        for table, rows in (("person", 3), ("vital_event", 1), ("contribution_period", 2), ("relation", 1)):
            assert count(connection, table) == rows, table
        awards = connection.execute(
            text("SELECT award_no, benefit, awarded_by, law_version, findings FROM engine.award ORDER BY award_no")
        ).all()
        amounts = connection.execute(
            text(
                "SELECT award_no, entitled_during::text AS during, amount_vnd FROM engine.award_amount"
                " JOIN engine.award USING (award_id) ORDER BY award_no, entitled_during"
            )
        ).all()
    assert [(award.award_no, award.benefit, award.awarded_by) for award in awards] == [
        ("QĐ-HS-1", "pension", "preparer"),
        ("QĐ-HS-2", "funeral_grant", "preparer"),
        ("QĐ-HS-3-1", "survivor_allowance", "preparer"),
    ]
    assert all(award.findings and award.law_version for award in awards)
    # the arithmetic of the pension stands in tests/unit/test_award_decisions.py
    assert [tuple(amount) for amount in amounts] == [
        ("QĐ-HS-1", "[2026-06-01,2026-07-01)", 5_570_750),
        ("QĐ-HS-1", "[2026-07-01,)", 6_016_410),
        ("QĐ-HS-2", "[2026-11-01,2026-12-01)", 25_300_000),  # 10 × 2,530,000
        ("QĐ-HS-3-1", "[2026-10-01,2033-04-01)", 1_265_000),  # 50% of 2,530,000 until Mai is 18 in March 2033
    ]


def test_a_refused_claim_is_kept_with_reason_and_findings(database: Database, take_in: Import, tmp_path: Path) -> None:
    history = (Stretch(date(2005, 1, 1), date(2026, 4, 1), "private", 9_000_000, None, None),)
    claim = Claim("HS-4", Claimed.PENSION, date(2026, 5, 1), HOA, HOA, starts_on=date(2026, 5, 1), history=history)
    result = take_in(written(tmp_path / "a.xlsx", claim))
    assert [(refusal.claim_no, refusal.reason) for refusal in result.refused] == [("HS-4", "age")]
    with database.transaction() as connection:
        kept = connection.execute(text("SELECT decision, reason, findings FROM engine.claim")).one()
        assert (kept.decision, kept.reason) == ("refused", "age")
        assert kept.findings
        assert count(connection, "award") == 0


def test_the_same_workbook_twice_changes_nothing_and_answers_as_before(
    database: Database, take_in: Import, tmp_path: Path
) -> None:
    first_path = written(tmp_path / "a.xlsx", PENSION)
    second_path = tmp_path / "renamed.xlsx"
    second_path.write_bytes(first_path.read_bytes())
    first, second = take_in(first_path), take_in(second_path)
    assert second == AwardsImported(first.claims, first.awards, first.refused, already=True)
    with database.transaction() as connection:
        assert count(connection, "award") == count(connection, "imported_file") == 1
        audited = connection.execute(text("SELECT person, act, detail FROM engine.audit_record")).one()
    assert tuple(audited) == ("preparer", "imported", {"kind": "award", "rows": 1})


def test_two_workbooks_at_once_that_tell_of_one_person_enrol_them_once(
    database: Database, take_in: Import, tmp_path: Path
) -> None:
    paths = [written(tmp_path / "a.xlsx", PENSION), written(tmp_path / "b.xlsx", FUNERAL)]
    with ThreadPoolExecutor(len(paths)) as clerks:
        results = list(clerks.map(take_in, paths))
    assert [result.awards for result in results] == [1, 1]
    with database.transaction() as connection:
        assert count(connection, "person") == 2


def test_what_a_later_workbook_repeats_or_contradicts_is_refused(
    database: Database, take_in: Import, tmp_path: Path
) -> None:
    take_in(written(tmp_path / "a.xlsx", PENSION, FUNERAL))
    renamed = Person("Trần Thị Huệ", HOA.sex, HOA.birth_date, HOA.personal_id, HOA.insured_number, None, "01", "urban")
    borrowed = Person("Lê Thị Xuân", "F", date(1969, 1, 1), "001169999999", HOA.insured_number, None, "01", "urban")
    later = written(
        tmp_path / "b.xlsx",
        PENSION,
        _of(PENSION, "HS-11", HOA),
        _of(PENSION, "HS-12", borrowed),
        Claim("HS-13", Claimed.SURVIVOR_ALLOWANCE, date(2026, 9, 20), BINH, MAI,
              death=Death(date(2026, 9, 2), False, "contributing", None, None),
              history=(Stretch(date(2005, 6, 1), date(2026, 8, 1), "private", 8_000_000, None, None),),
              relatives=SURVIVORS.relatives),
    )  # fmt: skip
    problems = _problems(take_in, later)
    for expected in (
        "row 2, column Số hồ sơ: HS-1 is decided already",
        "row 3, column Chế độ: the insured person has this benefit by claim HS-1",
        "row 4, column Mã số BHXH: stands in this file for another person too",
        "row 5, column Ngày chết: the death is recorded, or stands in another claim, as of 01/09/2026",
        "row 5, column Số hồ sơ: the contributions of 06/2005–08/2026 contradict those recorded",
    ):
        assert any(expected in problem for problem in problems), (expected, problems)
    for number, (who, rule) in enumerate(
        ((renamed, "recorded with another name, sex or birth date"), (borrowed, "belongs to another person on record"))
    ):
        problems = _problems(take_in, written(tmp_path / f"c{number}.xlsx", _of(PENSION, "HS-14", who)))
        assert any(rule in problem for problem in problems)
    with database.transaction() as connection:
        assert count(connection, "claim") == 2


def test_every_planted_error_is_named_with_its_place_and_nothing_is_stored(
    database: Database, take_in: Import, tmp_path: Path
) -> None:
    good = _cells(PENSION)
    rows = [
        good | {form.CLAIM_NO: "E-1", columns.PERSONAL_ID: "001069123456"},  # says male
        good | {form.CLAIM_NO: "E-2", columns.PERSONAL_ID: "00116912345"},  # 11 digits
        good | {form.CLAIM_NO: "E-3", columns.PERSONAL_ID: "999169123456"},  # no province
        good | {form.CLAIM_NO: "E-4", columns.INSURED_NUMBER: "123"},
        good | {form.CLAIM_NO: "E-5", columns.PHONE: "12345"},
        good | {form.CLAIM_NO: "E-6", columns.BIRTH_DATE: "30/02/1969"},
        good | {form.CLAIM_NO: "E-7", columns.PROVINCE: "99"},
        good | {form.CLAIM_NO: "E-8", form.BENEFIT: "Thai sản"},
        good | {form.CLAIM_NO: "E-9", form.RECEIVED: "03/11/2026"},  # after the decision
        good | {form.CLAIM_NO: "E-10", columns.NAME: ""},
        good | {form.CLAIM_NO: "E-11", form.BENEFIT: "Hưu trí đang hưởng", form.AMOUNT_BEFORE: "5.500,5"},
        good | {form.CLAIM_NO: "E-12", form.BENEFIT: "Mai táng", form.DIED: "01/01/2027"},
        good | {form.CLAIM_NO: "E-13"},
        good | {form.CLAIM_NO: "E-13"},
        good | {form.CLAIM_NO: "E-14", columns.SEX_COLUMN: "Khác"},
        good | {form.CLAIM_NO: "E-15", form.OFFICE: "7901A"},
    ]
    history = [
        _stretch_cells("E-1", "06/2011", "05/2026", "10.000.000"),
        _stretch_cells("E-1", "05/2026", "05/2026", "10.000.000"),  # overlaps
        _stretch_cells("E-2", "06/2011", "05/2010", "10.000.000"),  # backwards
        _stretch_cells("E-99", "06/2011", "05/2026", "10.000.000"),  # no such claim
        _stretch_cells("E-3", "06/2011", "05/2026", "0"),
        _stretch_cells("E-4", "13/2011", "05/2026", "10.000.000"),
        {**_stretch_cells("E-5", "06/2011", "05/2026", ""), form.REGIME: "Nhà nước"},  # no coefficient
    ]
    problems = _problems(take_in, _raw(tmp_path / "errors.xlsx", rows, history))
    for expected in (
        "sheet Hồ sơ, row 2, column Số định danh: its fourth digit says male, born 1900–1999",
        "sheet Hồ sơ, row 3, column Số định danh: a personal id has 12 digits",
        "sheet Hồ sơ, row 4, column Số định danh: its first three digits are not the code of a province",
        "sheet Hồ sơ, row 5, column Mã số BHXH: a social insurance number has 10 digits",
        "sheet Hồ sơ, row 6, column Điện thoại: is not a Vietnamese telephone number",
        "sheet Hồ sơ, row 7, column Ngày sinh: '30/02/1969' is not a date (dd/mm/yyyy)",
        "sheet Hồ sơ, row 8, column Mã tỉnh: 99 is not the code of one of the 34 provinces",
        "sheet Hồ sơ, row 9, column Chế độ: 'Thai sản' is none of",
        "sheet Hồ sơ, row 10, column Ngày nhận: is after the day of the decision (02/11/2026)",
        "sheet Hồ sơ, row 11, column Họ và tên: must be filled in",
        "sheet Hồ sơ, row 12, column Mức hưởng trước điều chỉnh: '5.500,5' is not a whole number",
        "sheet Hồ sơ, row 13, column Ngày chết: is after the day of the decision",
        "sheet Hồ sơ, row 13, column Người nhận: Họ và tên: must be filled in",
        "sheet Hồ sơ, row 14, column Số hồ sơ: stands in this sheet twice",
        "sheet Hồ sơ, row 15, column Số hồ sơ: stands in this sheet twice",
        "sheet Hồ sơ, row 16, column Giới tính: 'Khác' is none of Nam, Nữ",
        "sheet Hồ sơ, row 17, column Mã cơ quan BHXH: the code of a social insurance office has 5 digits",
        "sheet Quá trình đóng, row 3, column Từ tháng: overlaps another row of claim E-1",
        "sheet Quá trình đóng, row 4, column Đến tháng: is before Từ tháng",
        "sheet Quá trình đóng, row 5, column Số hồ sơ: E-99 is not in the sheet Hồ sơ",
        "sheet Quá trình đóng, row 6, column Mức tiền lương: an amount must be more than 0 đồng",
        "sheet Quá trình đóng, row 7, column Từ tháng: '13/2011' is not a month",
        "sheet Quá trình đóng, row 8, column Hệ số: a state wage needs its coefficient",
    ):
        assert any(problem.startswith(f"errors.xlsx, {expected}") for problem in problems), (expected, problems)
    assert not any("69123456" in problem for problem in problems)
    with database.transaction() as connection:
        for table in ("person", "claim", "award", "imported_file", "contribution_period"):
            assert count(connection, table) == 0


def test_a_workbook_as_clerks_really_make_them_is_read(database: Database, take_in: Import, tmp_path: Path) -> None:
    path = tmp_path / "messy.xlsx"
    with Workbook(str(path)) as workbook:
        claims = workbook.add_worksheet(form.CLAIMS.name)
        claims.merge_range(0, 0, 0, 6, "BẢNG KÊ HỒ SƠ THÁNG 11/2026")
        cells = _cells(PENSION) | {
            columns.NAME: "  Trần  Thị Hoa ",
            columns.PERSONAL_ID: 1169123456,  # a number cell has lost its leading zeros
            columns.PROVINCE: 1,
            columns.PHONE: "+84 53 000 00 01",
            columns.SEX_COLUMN: "nữ ",
        }
        claims.write_row(2, 0, list(cells))
        claims.write_row(3, 0, list(cells.values()))
        claims.write_formula(3, list(cells).index(form.CLAIM_NO), '="HS-"&1', None, "HS-1")
        history = workbook.add_worksheet(form.HISTORY.name)
        history.write_row(0, 0, [form.CLAIM_NO, form.FIRST_MONTH, form.LAST_MONTH, form.REGIME, form.WAGE])
        history.merge_range(1, 0, 2, 0, "HS-1")
        history.write_row(1, 1, ["06/2011", "12/2020", "doanh nghiệp", "10,000,000"])
        history.write_row(2, 1, ["01/2021", "05/2026", "Doanh nghiệp "])
        history.write_formula(2, 4, "=5000000*2", None, 10_000_000)
        relatives = workbook.add_worksheet(form.RELATIVES.name)
        relatives.write_row(0, 0, form.RELATIVES.required)
    assert take_in(path).awards == 1
    with database.transaction() as connection:
        amounts = connection.scalars(text("SELECT amount_vnd FROM engine.award_amount ORDER BY amount_vnd")).all()
        name = connection.scalar(text("SELECT name FROM engine.person"))
    assert (amounts, name) == ([5_570_750, 6_016_410], "Trần Thị Hoa")


def test_hostile_files_are_refused_before_they_are_unpacked(take_in: Import, tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 50_000_000)
    far = tmp_path / "far.xlsx"
    with Workbook(str(far)) as workbook:
        workbook.add_worksheet(form.CLAIMS.name).write(1_048_575, 16_383, "x")
    no_zip = tmp_path / "no.xlsx"
    no_zip.write_bytes(b"not a workbook")
    empty = tmp_path / "empty.xlsx"
    with Workbook(str(empty)) as workbook:
        workbook.add_worksheet("Sheet1")
    table = tmp_path / "claims.csv"
    table.write_text("Số hồ sơ\n", encoding="utf-8")
    for path, reason in (
        (table, "must be an XLSX workbook"),
        (bomb, "refused as a ZIP bomb"),
        (far, "a cell beyond column AZ"),
        (no_zip, "not a readable XLSX workbook"),
        (empty, "the sheet Hồ sơ is missing"),
    ):
        assert any(reason in problem for problem in _problems(take_in, path)), path


def test_plain_numbers_stand_in_no_table(database: Database, take_in: Import, tmp_path: Path) -> None:
    take_in(written(tmp_path / "a.xlsx", PENSION, FUNERAL, SURVIVORS))
    with database.transaction() as connection:
        tables = connection.scalars(
            text("SELECT relname FROM pg_class WHERE relnamespace = 'engine'::regnamespace AND relkind = 'r'")
        ).all()
        content = "".join(
            str(row) for table in tables for row in connection.scalars(text(f"SELECT t::text FROM engine.{table} t"))
        )
    for person in (HOA, BINH, MAI):
        for number in (person.personal_id, person.insured_number, person.phone):
            assert number is None or number not in content
            assert number is None or number.encode().hex() not in content


def test_the_invented_population_is_taken_in_without_a_refusal(take_in: Import, tmp_path: Path) -> None:
    files = write_population(tmp_path, 200, 11)
    (workbook,) = files.workbooks
    result = take_in(workbook)
    assert (result.claims, list(result.refused)) == (files.claims, [])
    assert result.awards >= files.payees


def _of(claim: Claim, claim_no: str, who: Person) -> Claim:
    return Claim(claim_no, claim.benefit, claim.received_on, who, who, starts_on=claim.starts_on, history=claim.history)


def _problems(take_in: Import, path: Path) -> tuple[str, ...]:
    with pytest.raises(WrongInput) as refused:
        take_in(path)
    return refused.value.problems


def _cells(claim: Claim) -> dict[str, object]:
    """A pension claim as a row of text cells."""
    who = claim.insured
    return {
        form.CLAIM_NO: claim.claim_no,
        form.BENEFIT: "Hưu trí",
        form.RECEIVED: f"{claim.received_on:%d/%m/%Y}",
        columns.NAME: who.name,
        columns.SEX_COLUMN: "Nữ",
        columns.BIRTH_DATE: f"{who.birth_date:%d/%m/%Y}",
        columns.INSURED_NUMBER: who.insured_number,
        columns.PERSONAL_ID: who.personal_id,
        columns.PHONE: who.phone,
        columns.PROVINCE: who.province,
        columns.AREA_COLUMN: "Thành thị",
        form.STARTS: f"{claim.starts_on:%m/%Y}",
    }


def _stretch_cells(claim_no: str, first: str, last: str, wage: str) -> dict[str, object]:
    return {
        form.CLAIM_NO: claim_no,
        form.FIRST_MONTH: first,
        form.LAST_MONTH: last,
        form.REGIME: "Doanh nghiệp",
        form.WAGE: wage,
    }


def _raw(path: Path, claims: list[dict[str, object]], history: list[dict[str, object]]) -> Path:
    """A workbook of cells exactly as given."""
    with Workbook(str(path)) as workbook:
        for sheet, rows in ((form.CLAIMS, claims), (form.HISTORY, history), (form.RELATIVES, [])):
            worksheet = workbook.add_worksheet(sheet.name)
            names = [*sheet.required, *sheet.optional]
            worksheet.write_row(0, 0, names)
            for at, row in enumerate(rows, 1):
                for column, value in row.items():
                    worksheet.write(at, names.index(column), value)
    return path
