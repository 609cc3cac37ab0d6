"""The award workbook (bảng kê hồ sơ): the sheets Hồ sơ, Quá trình đóng and Thân nhân, read into claims."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

from engine.awards.claim import Claim, Claimed, Death, Relative, Stretch
from engine.people.person import PERSON_COLUMNS, PHONE, Person, read_person
from engine.people.workbook import Problems, Row, Sheet, read_sheets

CLAIM_NO, BENEFIT, RECEIVED = "Số hồ sơ", "Chế độ", "Ngày nhận"
OFFICE = "Mã cơ quan BHXH"
STARTS, AMOUNT_BEFORE, BEFORE_1995 = "Hưởng từ tháng", "Mức hưởng trước điều chỉnh", "Nghỉ việc trước 1995"
IMPAIRMENT = "Suy giảm khả năng lao động (%)"
DIED, CAUSE, STATUS = "Ngày chết", "Nguyên nhân", "Tình trạng khi chết"
PENSION_AT_DEATH, PENSION_MONTHS = "Lương hưu khi chết", "Số tháng đã hưởng"
CLAIMANT = "Người nhận: "
FIRST_MONTH, LAST_MONTH, REGIME = "Từ tháng", "Đến tháng", "Chế độ tiền lương"
WAGE, COEFFICIENT, SENIORITY = "Mức tiền lương", "Hệ số", "Thâm niên (%)"
RELATION, INCOME, STUDYING, ALONE = "Quan hệ", "Thu nhập tháng", "Đang đi học", "Không còn người nuôi dưỡng"

BENEFITS = MappingProxyType({
    "Hưu trí": Claimed.PENSION,
    "Hưu trí đang hưởng": Claimed.RUNNING_PENSION,
    "Mai táng": Claimed.FUNERAL_GRANT,
    "Tuất hằng tháng": Claimed.SURVIVOR_ALLOWANCE,
    "Tuất một lần": Claimed.SURVIVOR_LUMP_SUM,
})  # fmt: skip
CAUSES = MappingProxyType({"Thường": "ordinary", "Tai nạn lao động": "work_accident"})
STATUSES = MappingProxyType({
    "Đang đóng": "contributing",
    "Bảo lưu": "reserved",
    "Hưởng lương hưu": "pensioner",
})  # fmt: skip
REGIMES = MappingProxyType({"Doanh nghiệp": "private", "Nhà nước": "state", "Tự nguyện": "voluntary"})
RELATIONS = MappingProxyType({
    "Con": "child",
    "Vợ hoặc chồng": "spouse",
    "Cha đẻ": "father",
    "Mẹ đẻ": "mother",
    "Cha của vợ hoặc chồng": "father_in_law",
    "Mẹ của vợ hoặc chồng": "mother_in_law",
    "Người khác": "other",
})  # fmt: skip

CLAIMS = Sheet(
    "Hồ sơ",
    required=(CLAIM_NO, BENEFIT, RECEIVED, *(column for column in PERSON_COLUMNS if column != PHONE)),
    optional=(
        *(PHONE, OFFICE),
        *(STARTS, AMOUNT_BEFORE, BEFORE_1995, IMPAIRMENT),
        *(DIED, CAUSE, STATUS, PENSION_AT_DEATH, PENSION_MONTHS),
        *(CLAIMANT + column for column in PERSON_COLUMNS),
    ),
)
HISTORY = Sheet(
    "Quá trình đóng", required=(CLAIM_NO, FIRST_MONTH, LAST_MONTH, REGIME), optional=(WAGE, COEFFICIENT, SENIORITY)
)
RELATIVES = Sheet(
    "Thân nhân",
    required=(CLAIM_NO, RELATION, *(column for column in PERSON_COLUMNS if column != PHONE)),
    optional=(PHONE, INCOME, IMPAIRMENT, STUDYING, ALONE),
)

_OFFICE_DIGITS = 5
_OFFICE_FORM = re.compile(f"[0-9]{{{_OFFICE_DIGITS}}}")
_DEATH_BENEFITS = {Claimed.FUNERAL_GRANT, Claimed.SURVIVOR_ALLOWANCE, Claimed.SURVIVOR_LUMP_SUM}
_CLAIMED_BY_ANOTHER = {Claimed.FUNERAL_GRANT, Claimed.SURVIVOR_LUMP_SUM}


def read_claims(path: Path, decided_on: date, problems: Problems) -> list[tuple[Row, Claim]]:
    """Every claim of the workbook that can be read, with its row; what cannot is among the problems."""
    sheets = read_sheets(path, [CLAIMS, HISTORY, RELATIVES], problems)
    rows = sheets[CLAIMS.name]
    numbers = [number for row in rows if (number := row.required_text(CLAIM_NO))]
    history = _history(sheets[HISTORY.name], set(numbers))
    relatives = _relatives(sheets[RELATIVES.name], set(numbers))
    twice = {number for number, times in Counter(numbers).items() if times > 1}
    claims = []
    for row in rows:
        number = row.text(CLAIM_NO)
        if number in twice:
            row.problem(CLAIM_NO, "stands in this sheet twice")
        elif number and (claim := _claim(row, number, history, relatives, decided_on)):
            claims.append((row, claim))
    return claims


def _claim(
    row: Row,
    claim_no: str,
    history: Mapping[str, list[Stretch]],
    relatives: Mapping[str, list[Relative]],
    decided_on: date,
) -> Claim | None:
    before = len(row.problems.found)
    word = row.required_choice(BENEFIT, BENEFITS)
    received_on = row.required_day(RECEIVED)
    insured = read_person(row)
    if received_on and received_on > decided_on:
        row.problem(RECEIVED, f"is after the day of the decision ({decided_on:%d/%m/%Y})")
    if insured and insured.insured_number is None:
        row.problem("Mã số BHXH", "must be filled in")
    if word is None:
        return None
    benefit = Claimed(word)
    claimant = read_person(row, CLAIMANT) if benefit in _CLAIMED_BY_ANOTHER else insured
    if benefit is Claimed.SURVIVOR_ALLOWANCE and relatives.get(claim_no):
        claimant = relatives[claim_no][0].person
    death = _death(row, insured, decided_on) if benefit in _DEATH_BENEFITS else None
    starts_on = amount_before_vnd = None
    if benefit not in _DEATH_BENEFITS:
        starts_on = row.required_month(STARTS)
        if starts_on and starts_on > decided_on and benefit is Claimed.RUNNING_PENSION:
            row.problem(STARTS, "a running pension cannot start after the day of the decision")
    if benefit is Claimed.RUNNING_PENSION:
        amount_before_vnd = row.required_amount(AMOUNT_BEFORE)
    impairment_percent = _impairment(row)
    stopped_before_1995 = row.yes(BEFORE_1995)
    office_code = row.digits(OFFICE, _OFFICE_DIGITS)
    if office_code is not None and not _OFFICE_FORM.fullmatch(office_code):
        row.problem(OFFICE, "the code of a social insurance office has 5 digits")
    stretches = tuple(history.get(claim_no, ()))
    if not stretches and (benefit is Claimed.PENSION or (death and death.status != "pensioner")):
        row.problem(CLAIM_NO, f"has no row in the sheet {HISTORY.name}")
    if benefit is Claimed.SURVIVOR_ALLOWANCE and not relatives.get(claim_no):
        row.problem(CLAIM_NO, f"has no row in the sheet {RELATIVES.name}")
    if len(row.problems.found) > before or received_on is None or insured is None or claimant is None:
        return None
    return Claim(
        claim_no,
        benefit,
        received_on,
        insured,
        claimant,
        starts_on,
        amount_before_vnd,
        stopped_before_1995,
        impairment_percent,
        death,
        stretches,
        tuple(relatives.get(claim_no, ())),
        office_code,
    )


def _death(row: Row, insured: Person | None, decided_on: date) -> Death | None:
    died_on = row.required_day(DIED)
    cause = row.choice(CAUSE, CAUSES) or "ordinary"
    status = row.required_choice(STATUS, STATUSES)
    pension_vnd = row.amount(PENSION_AT_DEATH)
    pension_months = row.whole(PENSION_MONTHS)
    if status == "pensioner" and (pension_vnd is None or pension_months is None):
        row.problem(STATUS, f"of a pensioner {PENSION_AT_DEATH} and {PENSION_MONTHS} must be filled in")
    if died_on and died_on > decided_on:
        row.problem(DIED, f"is after the day of the decision ({decided_on:%d/%m/%Y})")
    if died_on and insured and died_on < insured.birth_date:
        row.problem(DIED, "is before the birth")
    return Death(died_on, cause == "work_accident", status, pension_vnd, pension_months) if died_on and status else None


def _history(rows: list[Row], claims: set[str]) -> dict[str, list[Stretch]]:
    stretches: dict[str, list[Stretch]] = defaultdict(list)
    for row in rows:
        claim_no = _claim_of(row, claims)
        stretch = _stretch(row)
        if claim_no is None or stretch is None:
            continue
        if any(map(stretch.overlaps, stretches[claim_no])):
            row.problem(FIRST_MONTH, f"overlaps another row of claim {claim_no}")
        stretches[claim_no].append(stretch)
    for of_claim in stretches.values():
        of_claim.sort(key=lambda stretch: stretch.first_month)
    return stretches


def _stretch(row: Row) -> Stretch | None:
    first_month, last_month = row.required_month(FIRST_MONTH), row.required_month(LAST_MONTH)
    regime = row.required_choice(REGIME, REGIMES)
    wage_vnd, coefficient, seniority = row.amount(WAGE), row.decimal(COEFFICIENT), row.decimal(SENIORITY)
    if first_month and last_month and last_month < first_month:
        row.problem(LAST_MONTH, f"is before {FIRST_MONTH}")
        return None
    if regime == "state":
        if coefficient is None or Decimal(coefficient) == 0:
            row.problem(COEFFICIENT, "a state wage needs its coefficient")
            return None
        if wage_vnd is not None:
            row.problem(WAGE, "a state wage is given by its coefficient alone")
    elif regime is not None:
        if wage_vnd is None:
            row.problem(WAGE, "must be filled in")
            return None
        if coefficient is not None or seniority is not None:
            row.problem(COEFFICIENT, "belongs to a state wage only")
    if first_month is None or last_month is None or regime is None:
        return None
    return Stretch(
        first_month,
        last_month,
        regime,
        wage_vnd,
        Decimal(coefficient) if coefficient else None,
        Decimal(seniority) if seniority else None,
    )


def _relatives(rows: list[Row], claims: set[str]) -> dict[str, list[Relative]]:
    relatives: dict[str, list[Relative]] = defaultdict(list)
    for row in rows:
        claim_no = _claim_of(row, claims)
        relation = row.required_choice(RELATION, RELATIONS)
        person = read_person(row)
        relative = (row.whole(INCOME) or 0, _impairment(row), row.yes(STUDYING), row.yes(ALONE))
        if claim_no and relation and person:
            if any(other.person.personal_id == person.personal_id for other in relatives[claim_no]):
                row.problem(CLAIM_NO, "the same relative stands there twice")
            relatives[claim_no].append(Relative(person, relation, *relative))
    return relatives


def _impairment(row: Row) -> int:
    percent = row.whole(IMPAIRMENT) or 0
    if percent > 100:
        row.problem(IMPAIRMENT, "is more than 100")
    return percent


def _claim_of(row: Row, claims: set[str]) -> str | None:
    claim_no = row.required_text(CLAIM_NO)
    if claim_no and claim_no not in claims:
        row.problem(CLAIM_NO, f"{claim_no} is not in the sheet {CLAIMS.name}")
        return None
    return claim_no
