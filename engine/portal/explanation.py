"""Vì sao có số tiền này: the findings of a decision as steps that people can follow and recompute.

Each step keeps what the law gave it: the article, the inputs, the formula in words and in numbers, the rounding, and
the dated values it used with how sure they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from engine.portal import wording


def _(word: str) -> str:
    """Marks a word for the catalogue of translations."""
    return word


TITLES: Mapping[str, str] = {
    "age_condition": _("Điều kiện về tuổi"),
    "average_earnings": _("Mức bình quân tiền lương đóng bảo hiểm"),
    "average_window": _("Số tháng dùng để tính bình quân"),
    "contribution_time_condition": _("Điều kiện về thời gian đóng"),
    "counted_years": _("Số năm đóng được tính"),
    "early_pension_start": _("Thời điểm nghỉ hưu trước tuổi"),
    "early_reduction": _("Giảm tỷ lệ do nghỉ hưu trước tuổi"),
    "funeral": _("Trợ cấp mai táng"),
    "funeral_condition": _("Điều kiện hưởng trợ cấp mai táng"),
    "indexed_wages": _("Tổng tiền lương đã điều chỉnh"),
    "lump_sum_on_retirement": _("Trợ cấp một lần khi nghỉ hưu"),
    "minimum_pension": _("Mức lương hưu thấp nhất"),
    "missing_months": _("Đóng một lần cho số tháng còn thiếu"),
    "pension": _("Mức lương hưu"),
    "pension_adjustment": _("Điều chỉnh lương hưu"),
    "pension_rate": _("Tỷ lệ hưởng lương hưu"),
    "pre_1995_supplement": _("Tăng thêm cho người nghỉ trước năm 1995"),
    "regional_allowance_lump": _("Phụ cấp khu vực một lần"),
    "retirement_age": _("Tuổi nghỉ hưu"),
    "service_months": _("Thời gian công tác được tính"),
    "settlement_abroad": _("Định cư ở nước ngoài"),
    "start_after_topup": _("Thời điểm hưởng sau khi đóng đủ"),
    "state_average": _("Bình quân theo chế độ tiền lương Nhà nước"),
    "state_subsidy_deducted": _("Trừ phần Nhà nước hỗ trợ"),
    "survivor_choice": _("Lựa chọn trợ cấp tuất một lần"),
    "survivor_deceased": _("Điều kiện của người đã mất"),
    "survivor_monthly": _("Trợ cấp tuất hằng tháng"),
    "survivor_one_time": _("Trợ cấp tuất một lần"),
    "survivor_relative": _("Điều kiện của thân nhân"),
    "survivor_start": _("Thời điểm bắt đầu hưởng"),
    "unknown_birthday": _("Ngày sinh không đủ ngày, tháng"),
    "voluntary_kept_age": _("Giữ tuổi hưởng theo luật cũ"),
    "withdrawal": _("Bảo hiểm xã hội một lần"),
    "withdrawal_under_one_year": _("Bảo hiểm xã hội một lần, đóng dưới một năm"),
}
_OTHER_STEP = _("Bước tính khác")

INPUTS: Mapping[str, str] = {
    "amount_vnd": _("Số tiền"),
    "average_vnd": _("Mức bình quân"),
    "birth_date": _("Ngày sinh"),
    "birth_month": _("Tháng sinh"),
    "category": _("Nhóm"),
    "cause": _("Nguyên nhân"),
    "compulsory_months": _("Số tháng đóng bắt buộc"),
    "contribution_months": _("Số tháng đóng"),
    "death_date": _("Ngày mất"),
    "first_contribution": _("Bắt đầu đóng từ"),
    "from": _("Từ tháng"),
    "impairment_percent": _("Suy giảm khả năng lao động"),
    "joined_in_time": _("Tham gia trước thời điểm luật định"),
    "lowered_by_years": _("Số năm được hạ tuổi"),
    "monthly_amount_before": _("Mức hưởng trước điều chỉnh"),
    "monthly_benefit": _("Đang hưởng hằng tháng"),
    "monthly_income_vnd": _("Thu nhập hằng tháng"),
    "months": _("Số tháng"),
    "months_before_reference_age": _("Số tháng nghỉ trước tuổi"),
    "months_contributed_after_legal_age": _("Số tháng đóng sau tuổi nghỉ hưu"),
    "multiplier": _("Số suất"),
    "name": _("Họ và tên"),
    "parts": _("Số giai đoạn"),
    "passed_by_the_last_adjustment": _("Chưa được điều chỉnh lần trước"),
    "percent": _("Tỷ lệ"),
    "posthumous_child_birth": _("Ngày sinh của con sinh sau"),
    "rate_percent": _("Tỷ lệ hưởng"),
    "relation": _("Quan hệ"),
    "sex": _("Giới tính"),
    "state_months": _("Số tháng theo chế độ Nhà nước"),
    "status": _("Tình trạng khi mất"),
    "stopped_work_before_1995": _("Nghỉ việc trước năm 1995"),
    "to": _("Đến tháng"),
    "voluntary_months": _("Số tháng đóng tự nguyện"),
    "work_accident": _("Tai nạn lao động"),
}
_WORDS: Mapping[Any, str] = {
    True: _("có"),
    False: _("không"),
    "M": _("nam"),
    "F": _("nữ"),
    "child": _("con"),
    "spouse": _("vợ hoặc chồng"),
    "father": _("cha"),
    "mother": _("mẹ"),
    "father_in_law": _("cha của vợ hoặc chồng"),
    "mother_in_law": _("mẹ của vợ hoặc chồng"),
    "other": _("người khác được nuôi dưỡng"),
    "ordinary": _("ốm, bệnh, tai nạn thường"),
    "pensioner": _("đang hưởng lương hưu"),
    "contributing": _("đang đóng bảo hiểm"),
}
_MONEY = {"amount_vnd", "average_vnd", "monthly_amount_before", "monthly_income_vnd"}
_MONTHS = {"birth_month", "from", "to"}
"""Months as the law's calendar counts them: twelve times the year and the months before."""
_MONEY_STEPS = {
    "average_earnings",
    "funeral",
    "indexed_wages",
    "lump_sum_on_retirement",
    "minimum_pension",
    "pension",
    "pension_adjustment",
    "pre_1995_supplement",
    "state_average",
    "survivor_monthly",
    "survivor_one_time",
}
_TOLD_IN_SHORT: Mapping[str, Sequence[str]] = {
    "pension": ("average_earnings", "pension_rate", "pension", "pre_1995_supplement", "pension_adjustment"),
    "retirement_lump_sum": ("counted_years", "average_earnings", "lump_sum_on_retirement"),
    "funeral_grant": ("funeral",),
    "survivor_allowance": ("survivor_monthly",),
    "survivor_lump_sum": ("survivor_one_time",),
}
_CONFIDENCE = {
    "official": _("đã đọc trong văn bản chính thức"),
    "secondary": _("theo nguồn thứ hai"),
    "unconfirmed": _("chưa xác nhận"),
}


@dataclass(frozen=True, slots=True)
class Used:
    """A dated value of the law that a step used."""

    since: date
    citation: Mapping[str, Any]
    confidence: str
    sure: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a decision. `result` is its value as people read it; `word` is set where the value is a word."""

    title: str
    article: Mapping[str, Any]
    formula: Mapping[str, Any]
    result: str
    word: str | None
    is_money: bool
    inputs: Sequence[tuple[str, str, str | None]]
    used: Sequence[Used]
    rounding: str | None
    gives_the_amount: bool
    rule: str


def explain(findings: Sequence[Mapping[str, Any]], amount_vnd: int, language: str) -> list[Step]:
    """The findings in the order in which the law was applied; the last one that gives the amount paid is marked."""
    places = [place for place, finding in enumerate(findings) if finding["value"] == amount_vnd]
    return [_step(finding, language, gives_the_amount=place in places[-1:]) for place, finding in enumerate(findings)]


def in_short(steps: Sequence[Step], benefit: str) -> list[Step]:
    """The few steps that a benefit's amount is made of, as one would tell them at the counter."""
    told = []
    for rule in _TOLD_IN_SHORT[benefit]:
        of_rule = [step for step in steps if step.rule == rule]
        told += [step for step in of_rule if step.gives_the_amount] or of_rule[-1:]
    return told


def _step(finding: Mapping[str, Any], language: str, *, gives_the_amount: bool) -> Step:
    rule, value = finding["rule"], finding["value"]
    word = None
    if value is True or value is False:
        word = _("đạt") if value else _("không đạt")
    return Step(
        title=TITLES.get(rule, _OTHER_STEP),
        article=finding["article"],
        formula=finding["formula"],
        result=_result(rule, value, language),
        word=word,
        is_money=rule in _MONEY_STEPS,
        inputs=[_input(name, given, language) for name, given in finding["inputs"].items() if given is not None],
        used=[
            Used(
                date.fromisoformat(used["from"]),
                used["citation"],
                _CONFIDENCE[used["confidence"]],
                used["confidence"] != "unconfirmed",
            )
            for used in finding["parameters"]
        ],
        rounding=finding["rounding"],
        gives_the_amount=gives_the_amount,
        rule=rule,
    )


def _result(rule: str, value: Any, language: str) -> str:
    if rule in _MONEY_STEPS and isinstance(value, int):
        return wording.money(value)
    shown = wording.numbers(str(value), language)
    if rule in _MONEY_STEPS:
        return f"{shown}\u00a0₫"
    return f"{shown}\u00a0%" if rule == "pension_rate" else shown


def _input(name: str, value: Any, language: str) -> tuple[str, str, str | None]:
    """Label, value, and the value's word where it is one that can be translated."""
    label = INPUTS.get(name, name.replace("_", " "))
    if name in _MONEY and isinstance(value, int):
        return label, wording.money(value), None
    if name in _MONTHS and isinstance(value, int):
        return label, f"{value % 12 + 1:02d}/{value // 12}", None
    if isinstance(value, bool) or (isinstance(value, str) and value in _WORDS):
        return label, str(value), _WORDS[value]
    shown = wording.numbers(str(value), language)
    return label, f"{shown}\u00a0%" if name.endswith("percent") else shown, None
