"""Case rules after a death: funeral grant, survivor allowances, and the whole award."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from engine.law.case_fields import flag, list_of, table, text, whole, word
from engine.law.case_rules.forms import DAY, IMPAIRMENT, MONEY, MONTHS, PERCENT, SEX, Given, rule
from engine.law.errors import FactsImpossible
from engine.law.findings import Record, Step
from engine.law.funeral import assess_funeral
from engine.law.parameters import Parameters
from engine.law.people import Sex
from engine.law.survivor_lump_sums import (
    accident_death_lump,
    accident_pensioner_lump_sum,
    contributor_lump_sum,
    pensioner_lump_sum,
    voluntary_lump_sum,
)
from engine.law.survivors import (
    Cause,
    Deceased,
    Kind,
    Relation,
    Relative,
    Status,
    SurvivorFacts,
    allowance_start,
    assess_survivors,
    monthly_allowance,
)


@rule("funeral", compulsory_months=MONTHS, death_date=DAY, voluntary_months=MONTHS, work_accident=flag)
def _funeral(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need_one("compulsory_months", "voluntary_months", "work_accident")
    decision = assess_funeral(
        given.get("death_date", as_of),
        law,
        compulsory_months=given.get("compulsory_months", 0),
        voluntary_months=given.get("voluntary_months", 0),
        work_accident=given.get("work_accident", False),
        record=record,
    )
    return {"eligible": decision.eligible, "amount": decision.grant_vnd}


@rule(
    "survivor_monthly",
    age=whole(0, 130),
    age_ok=flag,
    benefit_before_2026_07_01=MONEY,
    death_date=DAY,
    deaths=whole(1, 10),
    eligible_relatives=whole(0, 50),
    multiplier=whole(1, 2),
    own_monthly_pension=MONEY,
    percent=PERCENT,
    posthumous_child_birth=DAY,
    relative=word({"child": Relation.CHILD, "spouse": Relation.SPOUSE}),
    works_with_compulsory_si=flag,
)
def _survivor_monthly(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need_one("death_date", "relative", *_ASKS_FOR_AMOUNT)
    result: dict[str, Any] = {}
    if any(key in given for key in _ASKS_FOR_AMOUNT):
        result |= _amounts(given, as_of, law, record)
    if "eligible_relatives" in given:
        result |= _persons(given, as_of, law, record)
    if "death_date" in given:
        died_on, born_on = given["death_date"], given.get("posthumous_child_birth")
        if born_on and born_on < died_on:
            raise FactsImpossible("posthumous_child_birth", "lies before death_date")
        result["start"] = allowance_start(died_on, law, record, born_on)
    elif "posthumous_child_birth" in given:
        given.need("death_date")
    if "relative" in given:
        result["eligible"] = _relative_qualifies(given, as_of, law, record)
    return result


_ASKS_FOR_AMOUNT = ("percent", "multiplier", "eligible_relatives", "benefit_before_2026_07_01")


def _amounts(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    """Amounts at the percent given; at the ordinary one, of relatives who are not alone, where none is."""
    allowance = law.value("survivor_allowance", as_of)
    percent = given.get("percent", allowance["percent"])
    if percent not in (allowance["percent"], allowance["alone_percent"]):
        raise FactsImpossible("percent", f"must be {allowance['percent']} or {allowance['alone_percent']}")
    several = allowance["multiplier_of_two_deaths"] if given.get("deaths", 1) > 1 else 1
    amount = monthly_allowance(percent, given.get("multiplier", several), as_of, law, record)
    result: dict[str, Any] = {"amount_per_person": amount, "max_persons": allowance["persons"]}
    if "eligible_relatives" in given:
        result["total"] = min(given["eligible_relatives"], allowance["persons"]) * amount
    if "benefit_before_2026_07_01" in given:
        result["amount_from_2026_07"] = amount
    return result


_PERSONS = Step(
    "survivor_persons",
    "mỗi người chết có tối đa bốn thân nhân hưởng hằng tháng",
    "at most four relatives receive the monthly allowance for each death",
)


def _persons(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    allowance = law.at("survivor_allowance", as_of)
    most = allowance.value["persons"]
    paid = min(given["eligible_relatives"], most)
    inputs = {"eligible_relatives": given["eligible_relatives"]}
    record.find(
        _PERSONS, allowance.citation, paid, inputs, f"min({inputs['eligible_relatives']}, {most})", (allowance,)
    )
    return {"max_persons": most}


_RELATIVE = Step(
    "survivor_relative",
    "con chưa đủ 18 tuổi không xét thu nhập; người khác phải đủ tuổi, không tham gia bắt buộc và có mức hưởng "
    "hằng tháng thấp hơn mức tham chiếu",
    "a child under 18 is not tested for income; others must be of age, not be insured by work, and have a monthly "
    "benefit below the reference level",
)


def _relative_qualifies(given: Given, as_of: date, law: Parameters, record: Record) -> bool:
    on = given.get("death_date", as_of)
    allowance = law.at("survivor_allowance", on)
    level = law.at("reference_level", on)
    own = given.get("own_monthly_pension", 0)
    without_means = own < level.value and not given.get("works_with_compulsory_si", False)
    if given["relative"] is Relation.CHILD:
        given.need_one("age", "age_ok")
        young = given["age"] < allowance.value["child_years"] if "age" in given else given["age_ok"]
        eligible = bool(young)
    else:
        given.need("age_ok")
        eligible = bool(given["age_ok"]) and without_means
    record.find(
        _RELATIVE,
        allowance.citation,
        eligible,
        {key: given[key] for key in ("relative", "age", "age_ok", "own_monthly_pension") if key in given},
        f"{own} < {level.value}",
        (allowance, level),
    )
    return eligible


_ALLOWANCE_HOLDER = "monthly work-accident allowance, already took one-off SI"


@rule(
    "survivor_one_time",
    average=MONEY,
    beneficiary=word({_ALLOWANCE_HOLDER: _ALLOWANCE_HOLDER}),
    cause=word({"work_accident": Cause.WORK_ACCIDENT}),
    death_in_nth_pension_month=whole(1, 1200),
    monthly_allowance=MONEY,
    monthly_income=MONEY,
    months=MONTHS,
    months_from_2014=MONTHS,
    months_pre_2014=MONTHS,
    pension=MONEY,
    scheme=word({"compulsory": "compulsory", "voluntary": "voluntary"}),
)
def _survivor_one_time(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    result: dict[str, Any] = {}
    if "cause" in given:
        result["accident_lump_sum"] = accident_death_lump(as_of, law, record)
    if "beneficiary" in given:
        given.need("monthly_allowance")
        amount = accident_pensioner_lump_sum(given["monthly_allowance"], as_of, law, record).amount_vnd
        return {**result, "amount": amount}
    if "pension" in given or "death_in_nth_pension_month" in given:
        given.need("pension", "death_in_nth_pension_month")
        found = pensioner_lump_sum(given["pension"], given["death_in_nth_pension_month"], as_of, law, record)
        return {**result, "months_of_pension": found.months, "amount": found.amount_vnd}
    if result and not set(given) - {"cause"}:
        return result
    return {**result, **_contributors(given, as_of, law, record)}


def _contributors(given: Given, as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    given.need_one("average", "monthly_income")
    given.need_one("months", "months_pre_2014", "months_from_2014")
    before = given.get("months_pre_2014", 0)
    since = given.get("months_from_2014", max(0, given.get("months", 0) - before))
    average = given["average"] if "average" in given else given["monthly_income"]
    voluntary = given.get("scheme", "compulsory") == "voluntary"
    rule_of_scheme = voluntary_lump_sum if voluntary else contributor_lump_sum
    found = rule_of_scheme(average, before, since, as_of, law, record)
    return {"months_of_average": found.months, "amount": found.amount_vnd}


_DECEASED = table(
    {"death_date": DAY, "status": word(Status)},
    {
        "cause": word(Cause),
        "compulsory_months": MONTHS,
        "voluntary_months": MONTHS,
        "average": MONEY,
        "months_pre_2014": MONTHS,
        "months_from_2014": MONTHS,
        "pension": MONEY,
        "pension_months_received": MONTHS,
    },
)
_RELATIVES = table(
    {"name": text, "relation": word(Relation), "birth_date": DAY},
    {
        "sex": SEX,
        "monthly_income": MONEY,
        "impairment_percent": IMPAIRMENT,
        "studying": flag,
        "alone": flag,
    },
)
_SEX_OF = {
    Relation.FATHER: Sex.MALE,
    Relation.FATHER_IN_LAW: Sex.MALE,
    Relation.MOTHER: Sex.FEMALE,
    Relation.MOTHER_IN_LAW: Sex.FEMALE,
}


@rule(
    "survivor_award",
    deceased=_DECEASED,
    relatives=list_of(_RELATIVES, fewest=0),
    choice=word({"monthly": Kind.MONTHLY, "one_time": Kind.ONE_TIME}),
)
def _survivor_award(given: Given, _as_of: date, law: Parameters, record: Record) -> Mapping[str, Any]:
    """A death follows the law of its day."""
    given.need("deceased", "relatives")
    deceased = given["deceased"]
    facts = SurvivorFacts(
        deceased=Deceased(
            died_on=deceased["death_date"],
            status=deceased["status"],
            cause=deceased.get("cause", Cause.ORDINARY),
            compulsory_months=deceased.get("compulsory_months", 0),
            voluntary_months=deceased.get("voluntary_months", 0),
            average_vnd=deceased.get("average", 0),
            months_pre_2014=deceased.get("months_pre_2014", 0),
            months_from_2014=deceased.get("months_from_2014", 0),
            pension_vnd=deceased.get("pension", 0),
            pension_months_received=deceased.get("pension_months_received", 0),
        ),
        relatives=[_relative(entry, place) for place, entry in enumerate(given["relatives"], 1)],
        choice=given.get("choice"),
    )
    decision = assess_survivors(facts, deceased["death_date"], law)
    record.findings.extend(decision.findings)
    if decision.kind is not Kind.MONTHLY:
        _need_for_one_time(deceased)
    return {
        "funeral_grant": decision.funeral_grant_vnd,
        "monthly": [
            {
                "name": allowance.name,
                "percent": allowance.percent,
                "amount": allowance.amount_vnd,
                "from": allowance.starts_on,
            }
            for allowance in decision.monthly
        ],
        "one_time": decision.one_time_vnd,
        "kind": decision.kind,
        "accident_lump_sum": decision.accident_lump_sum_vnd,
    }


def _relative(entry: Mapping[str, Any], place: int) -> Relative:
    relation = entry["relation"]
    sex = entry.get("sex") or _SEX_OF.get(relation)
    if sex is None and relation is not Relation.CHILD:
        raise FactsImpossible(f"relatives[{place}].sex", "missing")
    if sex != _SEX_OF.get(relation, sex):
        raise FactsImpossible(f"relatives[{place}].sex", f"a {relation} is not {sex}")
    return Relative(
        name=entry["name"],
        relation=relation,
        sex=sex or Sex.FEMALE,
        birth_date=entry["birth_date"],
        monthly_income_vnd=entry.get("monthly_income", 0),
        impairment_percent=entry.get("impairment_percent", 0),
        alone=entry.get("alone", False),
    )


_MONTHS = ("months_from_2014", "months_pre_2014")


def _need_for_one_time(deceased: Mapping[str, Any]) -> None:
    """The lump sum rests on the pension of a pensioner, and on average and months of everybody who has months."""
    if deceased["status"] is Status.PENSIONER:
        needed: tuple[str, ...] = ("pension", "pension_months_received")
    else:
        by_allowance = deceased["status"] is Status.ACCIDENT_ALLOWANCE and "pension" in deceased
        without_months = not any(deceased.get(key) for key in ("compulsory_months", "voluntary_months", *_MONTHS))
        needed = () if by_allowance or without_months else ("average", "months_from_2014")
    for key in needed:
        if key not in deceased and not (key in _MONTHS and any(part in deceased for part in _MONTHS)):
            raise FactsImpossible(f"deceased.{key}", "missing")
