"""Case rules of collection: due dates, charges and interest, allocation, and the employer's account."""

from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from typing import Any

from engine.law.allocation import Debt, allocate
from engine.law.case_fields import day, flag, list_of, mapping_of, month, table, text, whole, word
from engine.law.case_rules.forms import (
    DAY,
    MONEY,
    MONTHS,
    RATE,
    Given,
    rule,
)
from engine.law.contributions import (
    Fund,
)
from engine.law.due_dates import due_date, end_of_cycle, evasion, late_charge
from engine.law.employer_account import Dues, Receipt, employer_account
from engine.law.errors import FactsImpossible
from engine.law.findings import Record, Step
from engine.law.late_interest import back_collection, interest_of_unpaid_months, monthly_interest
from engine.law.parameters import Parameters


@rule("due_date", cycle_months=whole(1, 12), last_month_of_cycle=month)
def _due_date(given: Given, _as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    """The law of the month decides, not that of the day of reading."""
    given.need("last_month_of_cycle")
    return {"due_date": due_date(given["last_month_of_cycle"], given.get("cycle_months", 1), law, record)}


@rule(
    "late_charge",
    amount=MONEY,
    contribution_month=month,
    cycle_months=whole(1, 12),
    due_date=DAY,
    paid_on=DAY,
    urged=flag,
)
def _late_charge(given: Given, _as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need_one("due_date", "contribution_month")
    if "due_date" in given:
        due = given["due_date"]
    else:
        cycle = given.get("cycle_months", 1)
        due = due_date(end_of_cycle(given["contribution_month"], cycle), cycle, law, record)
    found = evasion(due, given.get("urged", False), law, record)
    result: dict[str, Any] = {
        "due_date": due,
        "day_60": found.last_late_day,
        "evasion_from": found.evasion_from,
    }
    if "amount" in given or "paid_on" in given:
        given.need("amount", "paid_on")
        charge = late_charge(given["amount"], due, given["paid_on"], law, record)
        result |= {"days_late": charge.days, "charge": charge.charge_vnd}
    return result


_DUES = mapping_of(text, MONEY)


@rule(
    "late_interest",
    computed_through=DAY,
    cycle=word({"monthly": 1, "3 months": 3, "6 months": 6}),
    debt=MONEY,
    discovered=month,
    hi_debt=MONEY,
    hi_debt_to_feb=MONEY,
    hi_not_due=MONEY,
    hi_overdue=MONEY,
    k_hi_percent=RATE,
    k_percent=RATE,
    k_si_percent=RATE,
    monthly_dues=_DUES,
    months_at_1_2_percent=MONTHS,
    months_at_1_percent=MONTHS,
    new_dues_mar_apr=MONEY,
    not_due=MONEY,
    overdue=MONEY,
    previous_interest=MONEY,
    principal_total=MONEY,
    rows=list_of(table({"month": month, "amount": MONEY})),
    si_debt=MONEY,
    si_debt_to_feb=MONEY,
    si_overdue=MONEY,
    si_ui_acc_debt=MONEY,
    si_ui_acc_not_due=MONEY,
    unpaid_months=list_of(month),
)
def _late_interest(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    if "rows" in given:
        return _back_collected(given, as_of, law, record)
    if "unpaid_months" in given:
        return _of_unpaid_months(given, as_of, law, record)
    if "months_at_1_percent" in given or "months_at_1_2_percent" in given:
        given.need("debt")
        percent = given.get("months_at_1_percent", 0) + given.get("months_at_1_2_percent", 0) * Fraction(6, 5)
        return {"interest": monthly_interest(given["debt"], percent, as_of, law, record)}
    if "k_percent" in given:
        given.need_one("overdue", "debt")
        interest = monthly_interest(_overdue(given, "overdue", "debt"), given["k_percent"], as_of, law, record)
        return {"interest": interest, "interest_per_month": interest}
    return _of_two_rates(given, as_of, law, record)


_DEBTS = ("si_ui_acc_debt", "si_overdue", "si_debt", "si_debt_to_feb", "hi_debt", "hi_overdue", "hi_debt_to_feb")
_NOT_DUE = {"si_ui_acc_debt": "si_ui_acc_not_due", "hi_debt": "hi_not_due", "debt": "not_due"}


def _overdue(given: Given, *keys: str) -> int:
    """The part of a debt that is overdue; at most one of the keys may name the debt."""
    named = [key for key in keys if key in given]
    if len(named) > 1:
        raise FactsImpossible(named[1], f"names the same debt as {named[0]}")
    if not named:
        return 0
    overdue: int = given[named[0]] - given.get(_NOT_DUE.get(named[0], ""), 0)
    if overdue < 0:
        raise FactsImpossible(_NOT_DUE[named[0]], f"exceeds {named[0]}")
    return overdue


def _of_two_rates(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need_one(*_DEBTS)
    social_keys = tuple(key for key in _DEBTS if key.startswith("si"))
    health_keys = tuple(key for key in _DEBTS if key.startswith("hi"))
    social, health = 0, 0
    if any(key in given for key in social_keys):
        given.need("k_si_percent")
        social = monthly_interest(_overdue(given, *social_keys), given["k_si_percent"], as_of, law, record, "si")
    if any(key in given for key in health_keys):
        given.need("k_hi_percent")
        health = monthly_interest(_overdue(given, *health_keys), given["k_hi_percent"], as_of, law, record, "hi")
    total = social + health
    debts = sum(given.get(key, 0) for key in _DEBTS) + given.get("new_dues_mar_apr", 0)
    principal = given.get("principal_total", debts)
    return {
        "si_interest": social,
        "hi_interest": health,
        "total": total,
        "interest_total": total,
        "grand_total": principal + given.get("previous_interest", 0) + total,
    }


def _back_collected(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need("discovered", "k_percent")
    rows = [(row["month"], row["amount"]) for row in given["rows"]]
    found = back_collection(rows, given["discovered"], given["k_percent"], as_of, law, record)
    amounts = sum(amount for _, amount in rows)
    return {
        "rows": [
            {"month": str(row.month), "months_of_interest": row.months_of_interest, "interest": row.interest_vnd}
            for row in found
        ],
        "total": sum(row.interest_vnd for row in found),
        "next_month_extra": monthly_interest(amounts, given["k_percent"], as_of, law, record),
    }


def _of_unpaid_months(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need("monthly_dues", "k_percent", "computed_through")
    found = interest_of_unpaid_months(
        given["unpaid_months"],
        given["monthly_dues"],
        given["k_percent"],
        given["computed_through"],
        as_of,
        law,
        record,
    )
    total = sum(found.values())
    tenth = Fraction(total, 10)
    return {**found, "total": total, "one_of_ten_workers": int(tenth) if tenth.denominator == 1 else tenth}


_DEBT = table({"principal": MONEY}, {"interest": MONEY})
_FUND = word({"hi": "hi", "ui": "ui", "accident": "accident", "si": "si"})


@rule(
    "allocation",
    debts=mapping_of(_FUND, _DEBT),
    debts_total=MONEY,
    months=MONTHS,
    priority_worker=_DEBT,
    received=MONEY,
    wage=MONEY,
    workers=whole(1, 10**7),
)
def _allocation(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need("received")
    given.need_one("debts", "debts_total")
    if "debts" not in given:
        return _allocated_to_total(given, as_of, law, record)
    debts = {fund: Debt(debt["principal"], debt.get("interest", 0)) for fund, debt in given["debts"].items()}
    owed = sum(debt.total_vnd for debt in debts.values())
    if given.get("debts_total", owed) != owed:
        raise FactsImpossible("debts_total", f"is not the sum of the debts, {owed}")
    worker = given.get("priority_worker", {})
    priority = worker.get("principal", 0) + worker.get("interest", 0)
    if priority > owed:
        raise FactsImpossible("priority_worker", "exceeds the debts it is part of")
    found = allocate(given["received"], debts, as_of, law, record, priority)
    short = [fund for fund, debt in found.unpaid.items() if debt.total_vnd]
    return {
        **found.paid,
        "priority_worker_paid": found.priority_paid_vnd,
        "allocated": found.allocated_vnd,
        "surplus_unallocated": found.surplus_vnd,
        "unpaid": found.unpaid_vnd,
        "unpaid_total": found.unpaid_vnd,
        "unpaid_fund": short[0] if short else None,
        "unpaid_principal": sum(debt.principal_vnd for debt in found.unpaid.values()),
        "unpaid_interest": sum(debt.interest_vnd for debt in found.unpaid.values()),
    }


_TOTALS = Step(
    "allocation",
    "phân bổ đến hết nợ; phần thừa không phân bổ vào quỹ nào, chuyển kỳ sau",
    "allocated up to what is owed; the surplus goes to no fund and is carried forward",
)


def _allocated_to_total(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    received, owed = given["received"], given["debts_total"]
    allocated = min(received, owed)
    order = law.at("allocation_order", as_of)
    record.find(
        _TOTALS,
        order.citation,
        allocated,
        {"received": received, "debts_total": owed},
        f"min({received}, {owed}) = {allocated}",
        (order,),
    )
    return {
        "allocated": allocated,
        "surplus_unallocated": received - allocated,
        "unpaid": owed - allocated,
        "unpaid_total": owed - allocated,
    }


_SPLIT = table({"ee": MONEY, "er": MONEY})


def _fund_amount(value: Any, place: str, problems: list[str]) -> int | None:
    """Dues of a fund: one amount, or the worker's and the employer's part."""
    if isinstance(value, Mapping):
        split = _SPLIT(value, place, problems)
        return sum(part or 0 for part in split.values()) if split else None
    amount: int | None = MONEY(value, place, problems)
    return amount


@rule(
    "employer_account",
    dues=list_of(
        table({"month": month, "total": MONEY, "funds": mapping_of(word(Fund), _fund_amount)}),
        fewest=0,
    ),
    receipts=list_of(table({"on": day, "amount": MONEY}), fewest=0),
    until=DAY,
)
def _employer_account(given: Given, _as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need("dues", "receipts", "until")
    dues = [_dues(entry, place) for place, entry in enumerate(given["dues"], 1)]
    receipts = [Receipt(entry["on"], entry["amount"]) for entry in given["receipts"]]
    found = employer_account(dues, receipts, given["until"], law)
    record.findings.extend(found.findings)
    return {
        "late_charge": found.late_charge_vnd,
        "late_interest": found.late_interest_vnd,
        "outstanding": found.outstanding_vnd,
        "unallocated": found.unallocated_vnd,
        "allocations": [
            {
                "on": step.on,
                "fund": step.fund,
                "month": str(step.month),
                "kind": step.kind,
                "amount": step.amount_vnd,
            }
            for step in found.allocations
        ],
    }


def _dues(entry: Mapping[str, Any], place: int) -> Dues:
    total = sum(entry["funds"].values())
    if total != entry["total"]:
        raise FactsImpossible(f"dues[{place}].total", f"is not the sum of its funds, {total}")
    return Dues(entry["month"], entry["funds"])
