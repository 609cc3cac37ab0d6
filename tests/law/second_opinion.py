"""A second opinion on the main formulas: written from the articles alone, month by month, in plain Fractions.

It imports nothing of the engine and reads none of its data; the numbers are typed from the texts a second time. Where
the two opinions differ, the article decides which one is mended.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

NEW_LAW = date(2025, 7, 1)
Y = 12

BASE_SALARY = [
    (1993, 4, 120), (1997, 1, 144), (2000, 1, 180), (2001, 1, 210), (2003, 1, 290), (2005, 10, 350), (2006, 10, 450),
    (2008, 1, 540), (2009, 5, 650), (2010, 5, 730), (2011, 5, 830), (2012, 5, 1050), (2013, 7, 1150), (2016, 5, 1210),
    (2017, 7, 1300), (2018, 7, 1390), (2019, 7, 1490), (2023, 7, 1800), (2024, 7, 2340), (2026, 7, 2530),
]  # fmt: skip
"""Decrees on the base salary, in thousand đồng."""
REGIONS = [
    (2016, 1, (3500, 3100, 2700, 2400)), (2017, 1, (3750, 3320, 2900, 2580)), (2018, 1, (3980, 3530, 3090, 2760)),
    (2019, 1, (4180, 3710, 3250, 2920)), (2020, 1, (4420, 3920, 3430, 3070)), (2022, 7, (4680, 4160, 3640, 3250)),
    (2024, 7, (4960, 4410, 3860, 3450)), (2026, 1, (5310, 4730, 4140, 3700)),
]  # fmt: skip
INDICES = {
    2024: "543 461 436 422 392 375 382 383 368 357 331 306 285 263 214 200 183 154 141 133 127 127 123 119 115 112 108 "
    "107 103 100 100",
    2025: "563 478 451 437 406 389 395 397 382 370 343 317 295 272 221 207 190 160 147 137 132 131 128 123 119 116 112 "
    "110 107 104 100 100",
    2026: "581 491 465 450 418 401 407 409 394 381 354 327 305 281 229 214 196 165 151 142 136 136 132 128 123 120 116 "
    "114 111 107 103 100 100",
}
"""Hundredths, from 1994 on: Circulars 20/2023 and 01/2025, dispatch 340/BHXH-CSXH."""


def ym(day: date) -> int:
    return day.year * Y + day.month - 1


def first_of(month: int) -> date:
    return date(month // Y, month % Y + 1, 1)


def last_of(month: int) -> date:
    return first_of(month + 1) - timedelta(days=1)


def _at(table: Sequence[tuple[int, int, Any]], month: int) -> Any:
    return [value for year, number, value in table if year * Y + number - 1 <= month][-1]


def base_salary(month: int) -> int:
    return int(_at(BASE_SALARY, month)) * 1000


def minimum_wage(month: int, region: str) -> int:
    return int(_at(REGIONS, month)[["I", "II", "III", "IV"].index(region)]) * 1000


def half_up(amount: Fraction) -> int:
    return int(amount + Fraction(1, 2)) if amount >= 0 else -int(-amount + Fraction(1, 2))


def years_counted(months: int) -> Fraction:
    """Law 41/2024 Article 5(6); Law 58/2014 Article 85(7)."""
    odd = months % Y
    return months // Y + (Fraction(0) if odd == 0 else Fraction(1, 2) if odd <= 6 else Fraction(1))


# --- retirement age: Labour Code Article 169, Decree 135/2020 Article 4 ---


def ordinary_age(sex: str, year: int) -> int:
    """Months of age that hold in a year."""
    if sex == "M":
        return 60 * Y if year <= 2020 else min(62 * Y, 60 * Y + 3 * (year - 2020))
    return 55 * Y if year <= 2020 else min(60 * Y, 55 * Y + 4 * (year - 2020))


def retirement(sex: str, birth: int, lowered_years: int = 0) -> tuple[int, int]:
    """Age in months, and the month of the first pension."""
    for year in range(1960, 2100):
        age = ordinary_age(sex, year) - lowered_years * Y
        if (birth + age) // Y == year:
            return age, birth + age + 1
    raise AssertionError((sex, birth))


# --- pension rate: Law 41/2024 Article 66; Law 58/2014 Article 56 with Circular 59/2015 Article 17 ---


def rate(sex: str, months: int, on: date, months_early: int = 0, age_at_start: int = 0) -> Fraction | None:
    years = years_counted(months)
    if on >= NEW_LAW:
        if months < 180:
            return None
        man_below_twenty_years = sex == "M" and months < 240
        full = 40 + (years - 15) if man_below_twenty_years else 45 + 2 * (years - (15 if sex == "F" else 20))
    else:
        at_45 = 15 if sex == "F" or on.year <= 2017 else min(20, 16 + on.year - 2018)
        if months < at_45 * Y:
            return None
        full = 45 + (3 if sex == "F" and on.year <= 2017 else 2) * (years - at_45)
    found = min(Fraction(75), Fraction(full))
    if months_early:
        found -= 2 * (months_early // Y)
        if on >= NEW_LAW:
            found -= 1 if months_early % Y >= 6 else 0
        else:
            found -= 1 if 1 <= age_at_start % Y <= 6 else 0
    return max(Fraction(0), found)


# --- average: Law 41/2024 Articles 72, 73 and 104; Decree 158/2025 Articles 15 to 17 ---


@dataclass(frozen=True)
class Stretch:
    first: int
    last: int
    regime: str
    wage: int = 0
    coefficient: Fraction = Fraction(0)
    seniority: Fraction = Fraction(0)


def by_month(history: Sequence[Stretch]) -> Iterator[tuple[int, Stretch]]:
    for stretch in sorted(history, key=lambda one: one.first):
        for month in range(stretch.first, stretch.last + 1):
            yield month, stretch


def index(benefit_year: int, month: int) -> Fraction:
    row = [Fraction(int(cell), 100) for cell in INDICES[benefit_year].split()]
    return row[max(0, month // Y - 1994)]


def window_of(first: int) -> int | None:
    year = first // Y
    for last_year, years in ((1994, 5), (2000, 6), (2006, 8), (2015, 10), (2019, 15), (2024, 20)):
        if year <= last_year:
            return years * Y
    return None


def average(history: Sequence[Stretch], on: date) -> int:
    months = list(by_month(history))
    others = sum(
        (stretch.wage * index(on.year, month) for month, stretch in months if stretch.regime != "state"), Fraction(0)
    )
    state = [(month, stretch) for month, stretch in months if stretch.regime == "state"]
    total = others + (len(state) * _state(state, months, on) if state else 0)
    return int(total / len(months))


def _state(state: list[tuple[int, Stretch]], months: list[tuple[int, Stretch]], on: date) -> Fraction:
    first = min(month for month, stretch in months if stretch.regime != "voluntary")

    def worth(month: int, coefficient: Fraction) -> Fraction:
        if first // Y < 2016:
            return coefficient * base_salary(ym(on))
        return coefficient * base_salary(month) * index(on.year, month)

    def mean(of: list[tuple[int, Stretch]]) -> Fraction:
        wages = [worth(month, one.coefficient * (100 + one.seniority) / 100) for month, one in of]
        return sum(wages, Fraction(0)) / len(wages)

    window = window_of(first)
    last = state if window is None else state[-window:]
    found = mean(last)
    with_seniority = [(place, month, one) for place, (month, one) in enumerate(state) if one.seniority]
    if with_seniority and not state[-1][1].seniority:
        if not any(one.seniority for _, one in last):
            found += max(worth(one.last, one.coefficient * one.seniority / 100) for _, _, one in with_seniority)
        else:
            left_on = with_seniority[-1][0]
            found = max(found, mean(state[max(0, left_on + 1 - len(last)) : left_on + 1]))
    if on >= NEW_LAW:
        found = max(found, mean(state))
    return found


# --- lump sums ---


def retirement_lump_sum(sex: str, months: int, after_age: int, average_vnd: int, on: date) -> int:
    """Law 41/2024 Article 68; Law 58/2014 Article 58: years above those that give 75 percent."""
    if on >= NEW_LAW:
        limit = 35 if sex == "M" else 30
    elif on.year <= 2017:
        limit = 30 if sex == "M" else 25
    else:
        limit = min(35, 31 + on.year - 2018) if sex == "M" else 30
    excess = max(Fraction(0), years_counted(months) - limit)
    after = min(excess, years_counted(after_age))
    months_paid = (excess - after) / 2 + after * (2 if on >= NEW_LAW else Fraction(1, 2))
    return half_up(months_paid * average_vnd)


def service_months(before_2014: int, since: int) -> Fraction:
    """Law 41/2024 Article 70(3): odd months before 2014 move on when there is time since."""
    if since:
        return Fraction(3, 2) * (before_2014 // Y) + 2 * years_counted(since + before_2014 % Y)
    return Fraction(3, 2) * years_counted(before_2014)


def withdrawal(average_vnd: int, before_2014: int, since: int) -> int:
    months = before_2014 + since
    if months < Y:
        return half_up(min(Fraction(22, 100) * months, Fraction(2)) * average_vnd)
    return half_up(service_months(before_2014, since) * average_vnd)


# --- the pension as a whole: Law 41/2024 Articles 64 to 66, 69, 98, 111, 141(9) and (11) ---


def pension(given: Mapping[str, Any]) -> dict[str, Any]:
    sex, on, history = given["sex"], given["pension_from"], given["history"]
    impairment, lowered = given.get("impairment", 0), given.get("lowered", 0)
    months = list(by_month(history))
    total = len(months)
    voluntary = [month for month, one in months if one.regime == "voluntary"]
    compulsory = [month for month, one in months if one.regime != "voluntary"]
    birth, start = ym(given["birth"]), ym(on)
    age, begins = retirement(sex, birth, lowered)
    if on >= NEW_LAW and len(voluntary) >= 240 and voluntary[0] < 2021 * Y:
        former = (60 if sex == "M" else 55) * Y
        if former < age:
            age, begins = former, birth + former + 1
    early = max(0, begins - start)
    result: dict[str, Any] = {"contribution_months": total, "months_before_reference_age": early}
    if early:
        _, ordinary = retirement(sex, birth)
        if impairment >= 81:
            allowed = 120
        elif impairment >= 61:
            allowed = max(60, 108 - Y * (on.year - 2016)) if on < NEW_LAW else 60
        else:
            allowed = 0
        free_of_age = allowed and lowered >= 10
        if not free_of_age and ordinary - start > allowed:
            return {**result, "eligible": False, "reason": "age"}
        enough = len(compulsory) >= 240
    else:
        needed = 180 if on >= NEW_LAW else 240
        commune_woman = sex == "F" and given.get("category") == "k"
        enough = len(compulsory) >= (180 if commune_woman else needed) or (bool(voluntary) and total >= needed)
    if not enough:
        return {**result, "eligible": False, "reason": "contribution_time"}
    mean = average(history, on)
    percent = rate(sex, total, on, early, age - early)
    if on < NEW_LAW and total < 240:
        percent = 45 + 2 * (years_counted(total) - 15)  # Law 58/2014 Article 56(4), women in commune offices
    assert percent is not None
    amount = half_up(mean * percent / 100)
    joined = bool(compulsory) and compulsory[0] < 2025 * Y + 6
    if joined and len(compulsory) >= 240 and given.get("category", "a") in "abcdđgi":
        amount = max(amount, base_salary(start))
    after_age = sum(month >= begins for month, _ in months)
    return {
        **result,
        "eligible": True,
        "average": mean,
        "rate_percent": percent,
        "amount": amount,
        "retirement_lump_sum": retirement_lump_sum(sex, total, after_age, mean, on),
    }


# --- death: Law 41/2024 Articles 85 to 89, 109, 110; Law 58/2014 Articles 66 to 70, 80, 81 ---


def funeral(died: date, compulsory: int, voluntary: int, *, accident: bool, monthly: bool) -> int:
    due = accident or monthly or compulsory >= 12 or compulsory + voluntary >= 60
    return 10 * base_salary(ym(died)) if due else 0


def relative_qualifies(relative: Mapping[str, Any], died: date) -> bool:
    new, month = died >= NEW_LAW, ym(died)
    age = month - ym(relative["birth"])
    impaired = bool(relative.get("impairment", 0) >= 81)
    poor = bool(relative.get("income", 0) < base_salary(month))
    if relative["relation"] == "child":
        if age < 18 * Y:
            return True
        return impaired and (poor or not new)
    if new:
        _, begins = retirement(relative["sex"], ym(relative["birth"]))
        of_age = begins - 1 <= month
    else:
        of_age = age >= (60 if relative["sex"] == "M" else 55) * Y
    return (of_age or impaired) and poor


def survivors(
    deceased: Mapping[str, Any], relatives: Sequence[Mapping[str, Any]], choice: str | None
) -> dict[str, Any]:
    died: date = deceased["died"]
    accident = deceased.get("cause") == "work_accident"
    status, compulsory, voluntary = deceased["status"], deceased["compulsory"], deceased["voluntary"]
    opens = accident or compulsory >= 180 or status == "accident_allowance"
    opens = opens or (status == "pensioner" and not voluntary)
    qualifying = [one for one in relatives if relative_qualifies(one, died)] if opens else []
    barred = died < NEW_LAW and any(
        (one["relation"] == "child" and ym(died) - ym(one["birth"]) < 6 * Y)
        or (one["relation"] in ("child", "spouse") and one.get("impairment", 0) >= 81)
        for one in qualifying
    )
    grant = funeral(
        died, compulsory, voluntary, accident=accident, monthly=status in ("pensioner", "accident_allowance")
    )
    result: dict[str, Any] = {"funeral_grant": grant, "monthly": [], "one_time": 0}
    if qualifying and not (choice == "one_time" and not barred):
        for one in qualifying[:4]:
            start = ym(one["birth"]) if one["birth"] > died else ym(died) + 1
            percent = 70 if one.get("alone") else 50
            amount = half_up(Fraction(percent * base_salary(start), 100))
            result["monthly"].append(
                {"name": one["name"], "percent": percent, "amount": amount, "from": first_of(start).isoformat()}
            )
        return {**result, "kind": "monthly"}
    result["one_time"] = _one_time(deceased, died)
    return {**result, "kind": "one_time" if result["one_time"] else "none"}


def _one_time(deceased: Mapping[str, Any], died: date) -> int:
    before, since, mean = deceased["before_2014"], deceased["since_2014"], deceased["average"]
    if deceased["status"] == "pensioner":
        received = deceased["pension_months"]
        months = Fraction(48) if received <= 2 else max(Fraction(3), 48 - Fraction(received - 2, 2))
        return half_up(months * deceased["pension"])
    if deceased["status"] == "accident_allowance" and not (before + since and mean):
        return 3 * int(deceased["pension"])
    if not before + since:
        return 0
    if deceased["voluntary"] and not deceased["compulsory"]:
        paid = Fraction(22 * (before + since), 100)
        if died >= NEW_LAW and before + since < 60:
            return half_up(paid * mean)
        if died < NEW_LAW and before + since < Y:
            return half_up(min(paid, Fraction(2)) * mean)
        return half_up(service_months(before, since) * mean)
    return half_up(max(Fraction(3), service_months(before, since)) * mean)


# --- contributions: Law 41/2024 Articles 31 to 34; Decision 595; health and unemployment insurance ---


def contribution(month: int, region: str, worker: Mapping[str, Any], *, relieved: bool) -> dict[str, tuple[int, int]]:
    """Đồng of worker and employer by fund."""
    if worker.get("unpaid_days", 0) >= 14:
        return {}
    level, new = base_salary(month), first_of(month) >= NEW_LAW
    lowest_wage = minimum_wage(month, region)
    wage, category = worker["wage"], worker.get("category", "a")
    if category == "k":
        base = max(level, min(wage, 20 * level)) if new else level
        rates = {"retirement": ("8", "14"), **({"sickness": ("0", "3")} if new else {})}
        return {fund: (_part(base, ee), _part(base, er)) for fund, (ee, er) in rates.items()}
    if category == "m":
        base = max(level, min(wage, 20 * level))
        return {"sickness": (_part(base, "3"), 0), "retirement": (_part(base, "22"), 0)} if new else {}
    if category == "l" and new and wage < level:
        return {}
    base = max(level if new else lowest_wage, min(wage, 20 * level))
    for_unemployment = max(level if new else lowest_wage, min(wage, 20 * lowest_wage))
    accident = "1" if month < 2017 * Y + 5 else "0.5"
    employer_unemployment = "1"
    if relieved and 2021 * Y + 6 <= month < 2022 * Y + 6:
        accident = "0"
    if relieved and 2021 * Y + 9 <= month < 2022 * Y + 9:
        employer_unemployment = "0"
    found = {
        "retirement": (_part(base, "8"), _part(base, "14")),
        "sickness": (0, _part(base, "3")),
        "accident": (0, _part(base, accident)),
        "ui": (_part(for_unemployment, "1"), _part(for_unemployment, employer_unemployment)),
        "hi": (_part(base, "1.5"), _part(base, "3")),
    }
    if worker.get("foreign"):
        if month < 2018 * Y + 11:
            funds = {"hi"}
        elif month < 2022 * Y:
            funds = {"hi", "sickness", "accident"}
        else:
            funds = {"hi", "sickness", "accident", "retirement"}
        found = {fund: share for fund, share in found.items() if fund in funds}
    return found


def _part(base: int, percent: str) -> int:
    return half_up(base * Fraction(percent) / 100)


def due_date(month: int) -> date:
    return last_of(month + 1) if first_of(month) >= NEW_LAW else last_of(month)


def late_charge(amount: int, due: date, paid: date) -> tuple[int, int]:
    """Law 41/2024 Article 40(1): 0.03 percent a day; days before 1 July 2025 bore interest instead."""
    days = max(0, (paid - max(due, date(2025, 6, 30))).days)
    return days, half_up(Fraction(amount * days * 3, 10_000))


# --- short-term and other benefits ---


def sickness(wage: int, days: int, half_days: int) -> int:
    """Law 41/2024 Article 45(2), (5); Law 58/2014 Article 28: 75 percent of a month over 24 days."""
    return half_up(Fraction(wage * 75, 100 * 24) * (days + Fraction(half_days, 2)))


def sick_days_left(insured_years: int, *, hazardous: bool, used: int, requested: int) -> int:
    limit = 60 if insured_years >= 30 else 40 if insured_years >= 15 else 30
    return max(0, min(requested, limit + (10 if hazardous else 0) - used))


def recuperation(days: int, month: int) -> int:
    return half_up(Fraction(min(days, 10) * 30 * base_salary(month), 100))


def maternity(average_vnd: int, months: int, days: int, children: int, month: int) -> int:
    """Articles 58(4) and 59: the average a month, a thirtieth a day, twice the level for each child."""
    return half_up(average_vnd * (months + Fraction(days, 30))) + 2 * children * base_salary(month)


def miscarriage_days(weeks: int, on: date) -> int:
    """Law 41/2024 Article 52(1): 22 weeks; Law 58/2014 Article 33: 25."""
    if weeks < 5:
        return 10
    if weeks < 13:
        return 20
    return 40 if weeks < (22 if on >= NEW_LAW else 25) else 50


def unemployment(average_vnd: int, months_paid: int, region: str, month: int) -> tuple[int, int]:
    """Months and đồng a month: Law 38/2013 Article 50, Law 74/2025 Article 39."""
    if months_paid < 12:
        return 0, 0
    months = min(12, 3 + max(0, months_paid - 36) // 12)
    cap = 5 * minimum_wage(month, region)
    return months, half_up(min(Fraction(average_vnd * 60, 100), Fraction(cap)))


def accident(impairment: int, years: int, wage: int, month: int) -> tuple[int, int]:
    """Law 84/2015 Articles 48 (5 to 30 percent, once) and 49 (from 31, monthly)."""
    level = base_salary(month)
    if impairment <= 30:
        first = Fraction(5) + Fraction(impairment - 5, 2)
        second = Fraction(1, 2) + Fraction(3, 10) * (years - 1) if years else Fraction(0)
        return half_up(first * level), half_up(second * wage)
    first = Fraction(30 + 2 * (impairment - 31), 100)
    second = Fraction(5 + 3 * (years - 1), 1000) if years else Fraction(0)
    return half_up(first * level), half_up(second * wage)


ADJUSTMENTS = [
    (date(2017, 7, 1), "7.44", None), (date(2018, 7, 1), "6.92", None), (date(2019, 7, 1), "7.19", None),
    (date(2022, 1, 1), "7.4", (2_300_000, 200_000, 2_500_000)),
    (date(2023, 7, 1), "12.5", (2_700_000, 300_000, 3_000_000)),
    (date(2024, 7, 1), "15", (3_200_000, 300_000, 3_500_000)),
    (date(2026, 7, 1), "8", (3_500_000, 300_000, 3_800_000)),
]  # fmt: skip


def adjusted(amount: int, on: date, *, before_1995: bool, passed_by: bool) -> int:
    """One adjustment of the day that holds; Decree 42/2023 gave 20.8 percent to those of Decree 108/2021 passed by."""
    _, percent, supplement = [row for row in ADJUSTMENTS if row[0] <= on][-1]
    if passed_by and percent == "12.5":
        percent = "20.8"
    after = half_up(amount * (1 + Fraction(percent) / 100))
    if before_1995 and supplement:
        limit, more, level = supplement
        return after + more if after <= limit else max(after, level)
    return after


def bridging(average_vnd: int, months: int, months_to_age: int, social_pension: int) -> tuple[int, int, int]:
    """Decree 158/2025 Articles 23 and 24: months, đồng a month, what may be paid in."""
    exact = Fraction(average_vnd * 2) * years_counted(months) / social_pension
    earned = -(-exact.numerator // exact.denominator)
    if earned > months_to_age:
        more = Fraction((earned - months_to_age) * social_pension, months_to_age)
        return months_to_age, half_up(social_pension + more), 0
    return earned, social_pension, (months_to_age - earned) * social_pension


def household(level: int) -> list[int]:
    first = Fraction(level * 45, 1000)
    return [half_up(first * share / 100) for share in (100, 70, 60, 50, 40)]
