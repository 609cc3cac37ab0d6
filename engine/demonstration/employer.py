"""The employer's month of the demonstration: declared in November 2026 for October, paid, allocated.

One invented employer hands in its own file and the declaration of its staff, gets a notice, and pays a part of it at a
payment page and the rest from the app of its bank, which puts words of its own before the memo. The next settlement
file and the bank's next statement bring the money.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from random import Random
from typing import Any

from xlsxwriter import Workbook  # type: ignore[import-untyped]
from xlsxwriter.worksheet import Worksheet  # type: ignore[import-untyped]

from engine.contributions import declaration_form as form
from engine.contributions.collection import CollectionAccount, open_collection_account
from engine.contributions.declaration import DeclarationImported, import_declaration
from engine.contributions.declaration_form import DeclaredWorker
from engine.contributions.employer import EMPLOYERS, import_employers
from engine.contributions.notices import notice_document, notice_pdf
from engine.demonstration import online
from engine.demonstration.people import Inventor
from engine.installation import Installation
from gateways.simulator import process as simulator
from gateways.simulator.client import SimulatorControl
from gateways.vietqr import parse

GATEWAY = "simbank"
UNIT_CODE, AGENCY_CODE = "TZ0001Z", "07901"
EMPLOYER_NAME = "Công ty TNHH Thử nghiệm Hữu Nghị"
PERIOD = date(2026, 10, 1)
STAFF = 40
COLLECTION = CollectionAccount(
    GATEWAY, "999999", "Ngân hàng Mô phỏng (SimBank)", "BHXH VIET NAM - CHUYEN THU", "8800000000003", empty=True
)
"""Invented: no bank has this BIN."""
_PAYER_ACCOUNT = "7700000000001"
_UNIT_ROW = (UNIT_CODE, EMPLOYER_NAME, "0100000001", AGENCY_CODE, "I", "1", "01/01/2026")

_POSITIONS = ("Công nhân", "Nhân viên", "Kỹ thuật viên", "Kế toán", "Lái xe", "Bảo vệ")
_LEAST_WAGE_VND, _MOST_WAGE_VND, _WAGE_STEP_VND = 5_600_000, 32_000_000, 50_000
_DIRECTOR_WAGE_VND = 75_000_000
"""Above 20 times the reference level: the cap is seen at work."""
_PROVINCE = "01"
_PROVINCE_OF_NOBODY = "97"
"""Insured numbers that begin with this belong to no province, so no payee of the pension month has one."""


@dataclass(frozen=True, slots=True)
class EmployerMonth:
    """What the employer's month brought before the bank's statement."""

    declaration: DeclarationImported
    notice: dict[str, Any]
    files: tuple[Path, ...]


def run_employer_month(installation: Installation, seed: int) -> EmployerMonth:
    """From the employer's files to its payment at the simulated bank; the next statement brings the money.

    The gateway must be onboarded, and the demonstration's clock stands at the day of payment.
    """
    directory = installation.settings.home / "demonstration"
    directory.mkdir(parents=True, exist_ok=True)
    at = installation.clock().now()
    employers, declaration = write_employers(directory), directory / f"D02-LT {UNIT_CODE} {PERIOD:%m-%Y}.xlsx"
    write_declaration(declaration, PERIOD, invent_staff(seed, STAFF))
    with installation.database.transaction("preparer") as connection:
        open_collection_account(connection, installation.vault, COLLECTION)
        import_employers(connection, installation.vault, employers, at)
    with installation.database.transaction("preparer") as connection:
        declared = import_declaration(connection, installation.vault, declaration, at)
    with installation.database.transaction() as connection:
        notice = notice_document(connection, installation.vault, declared.notice_no)
    pdf = directory / f"notice-{declared.notice_no}.pdf"
    pdf.write_bytes(notice_pdf(notice))
    online.open_till(installation)
    online.pay_part(installation, notice)
    pay_notice(installation, notice, at)
    return EmployerMonth(declared, notice, (employers, declaration, pdf))


def pay_notice(installation: Installation, notice: dict[str, Any], at: datetime) -> None:
    """The employer scans the code and pays what is left; its bank puts a prefix of its own before the memo."""
    scanned = parse(notice["qr"])
    simulator.ensure_running(installation.simulator_home)
    with SimulatorControl(installation.simulator_home) as bank:
        bank.open_account(scanned.account, COLLECTION.holder_name, 0)
        bank.add_credit(
            credit_id=f"employer-{notice['payment_code']}",
            account=scanned.account,
            payer_name=EMPLOYER_NAME,
            payer_account=_PAYER_ACCOUNT,
            memo=f"MBVCB.{at:%y%m%d}0001.000123.{notice['memo']}",
            amount_vnd=notice["amount_vnd"] - online.PART_VND,
        )


def invent_staff(seed: int, count: int) -> list[DeclaredWorker]:
    """Invented workers; the first one directs and earns more than contributions are due on."""
    inventor = Inventor(Random(f"employer {seed}"))  # noqa: S311 - the same seed must give the same people
    staff = []
    for place in range(count):
        sex = inventor.random.choice("MF")
        birth_date = inventor.day_between(date(1968, 1, 1), date(2005, 12, 31))
        person = inventor.person(sex, birth_date, _PROVINCE)
        steps = (_MOST_WAGE_VND - _LEAST_WAGE_VND) // _WAGE_STEP_VND
        wage_vnd = _LEAST_WAGE_VND + _WAGE_STEP_VND * inventor.random.randint(0, steps)
        staff.append(
            DeclaredWorker(
                number=f"{_PROVINCE_OF_NOBODY}{(person.insured_number or '')[-8:]}",
                name=person.name,
                birth_date=birth_date,
                position=inventor.random.choice(_POSITIONS) if place else "Giám đốc",
                wage_vnd=wage_vnd if place else _DIRECTOR_WAGE_VND,
                unpaid=False,
                leaves=False,
            )
        )
    return staff


def write_employers(directory: Path) -> Path:
    """The list of employers, with the one that there is."""
    path = directory / "don-vi.xlsx"
    with Workbook(str(path)) as workbook:
        sheet = workbook.add_worksheet(EMPLOYERS.name)
        sheet.write_row(0, 0, EMPLOYERS.required)
        sheet.set_column(0, len(EMPLOYERS.required) - 1, 18)
        for place, value in enumerate(_UNIT_ROW):
            sheet.write_string(1, place, value)
    return path


def write_declaration(path: Path, period: date, staff: Sequence[DeclaredWorker], unit_code: str = UNIT_CODE) -> None:
    """Form D02-LT as an office fills it in: heading block, two heading rows, the workers, the total."""
    with Workbook(str(path), {"default_date_format": "dd/mm/yyyy"}) as workbook:
        sheet = workbook.add_worksheet("D02-LT")
        sheet.set_column(1, len(form.COLUMNS) - 1, 14)
        sheet.write_string(0, 0, f"Tên đơn vị: {EMPLOYER_NAME}")
        sheet.write_string(1, 0, f"Mã đơn vị: {unit_code}")
        sheet.write_string(2, 0, f"Mã cơ quan BHXH: {AGENCY_CODE}")
        sheet.write_string(3, 0, "DANH SÁCH LAO ĐỘNG THAM GIA BHXH, BHYT, BHTN, BHTNLĐ, BNN")
        sheet.write_string(4, 0, f"Kỳ: {period:%m/%Y}")
        for place, column in enumerate(form.COLUMNS):
            number, _, words = column.partition(" ")
            sheet.write_string(6, place, words)
            sheet.write_string(7, place, number)
        for row, worker in enumerate(staff, 8):
            _write_worker(sheet, row, row - 7, worker, period)
        last = len(staff) + 8
        wage = form.COLUMNS.index(form.WAGE)
        letter = chr(ord("A") + wage)
        total = sum(worker.wage_vnd for worker in staff)
        sheet.write_string(last, form.COLUMNS.index(form.NAME), "Tổng cộng")
        sheet.write_formula(last, wage, f"=SUM({letter}9:{letter}{last})", value=total)


def _write_worker(sheet: Worksheet, row: int, number: int, worker: DeclaredWorker, period: date) -> None:
    place = {column: at for at, column in enumerate(form.COLUMNS)}
    sheet.write_number(row, place[form.NUMBER], number)
    sheet.write_string(row, place[form.NAME], worker.name)
    sheet.write_string(row, place[form.INSURED_NUMBER], worker.number)
    sheet.write_datetime(row, place[form.BIRTH_DATE], worker.birth_date)
    sheet.write_string(row, place[form.POSITION], worker.position or "")
    sheet.write_number(row, place[form.WAGE], worker.wage_vnd)
    sheet.write_string(row, place[form.FROM_MONTH], f"{worker.from_month or period.replace(month=1):%m/%Y}")
    if worker.to_month:
        sheet.write_string(row, place[form.TO_MONTH], f"{worker.to_month:%m/%Y}")
    if worker.unpaid or worker.leaves:
        sheet.write_string(row, place[form.CHANGE], "Không lương" if worker.unpaid else "Giảm")
