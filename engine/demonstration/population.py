"""The invented population of the demonstration: an award workbook and a file of payout accounts.

Of the payees about 84 in 100 have a running pension (6 in 100 of these stopped work before 1995), 6 a new pension of
2025 or 2026 with its whole history, 8 a survivor allowance, and 2 a funeral grant for a death of the month before. One
account in a hundred is refused by the simulated bank and 8 in a thousand give the money back a day later, each kind at
least once. The same seed gives the same values on every machine.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import cycle, islice
from pathlib import Path
from random import Random

from engine.awards.claim import Claim, Claimed
from engine.demonstration.careers import add_months, career
from engine.demonstration.families import aged_couple, young_family
from engine.demonstration.people import REFUSED_ENDINGS, RETURNED_ENDINGS, Inventor
from engine.demonstration.workbook import write_claims
from engine.law.calendar import Month
from engine.law.findings import Record
from engine.law.parameters import Parameters
from engine.law.people import Sex
from engine.law.retirement import retirement_age
from engine.people.files import PAYOUT_ACCOUNTS
from engine.people.person import Person

READY_ON = date(2026, 11, 1)
"""Nothing in the files happened later: they are ready when November's payments are planned."""
_ADJUSTED_ON = (date(2024, 7, 1), date(2026, 7, 1))
_ACCOUNTS_VALID_FROM = date(2026, 1, 1)
_FIRST_NEW_PENSION = date(2025, 8, 1)
_SHARE_NEW_PENSION, _SHARE_SURVIVOR, _SHARE_FUNERAL = 6, 8, 2
_SHARE_BEFORE_1995 = 6
_ROWS_IN_A_WORKBOOK = 40_000
_PER_THOUSAND_REFUSED, _PER_THOUSAND_RETURNED = 10, 8


@dataclass(frozen=True, slots=True)
class PopulationFiles:
    """What was written: the workbooks of claims and the file of accounts, and how many claims and payees they hold."""

    workbooks: tuple[Path, ...]
    payout_accounts: Path
    claims: int
    payees: int


def write_population(directory: Path, payees: int, seed: int, ready_on: date = READY_ON) -> PopulationFiles:
    """Writes the files of a population of so many payees into a directory, made if absent.

    They are ready on the first day of a month, from January 2026 on.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    inventor = Inventor(Random(seed))  # noqa: S311 - the same seed must give the same people
    claims = [replace(claim, office_code=_office(claim)) for claim in _claims(inventor, payees, ready_on)]
    payout_accounts = directory / "tai-khoan-nhan.csv"
    workbooks = tuple(_write_workbooks(directory, claims))
    people = [payee for claim in claims for payee in payees_of(claim)]
    _write_accounts(payout_accounts, inventor, people)
    return PopulationFiles(workbooks, payout_accounts, len(claims), len(people))


def _write_workbooks(directory: Path, claims: Sequence[Claim]) -> Iterator[Path]:
    """As many as are needed for each to stay below what a workbook is read with."""
    parts: list[list[Claim]] = [[]]
    rows = 0
    for claim in claims:
        rows += 1 + len(claim.history) + len(claim.relatives)
        if rows > _ROWS_IN_A_WORKBOOK:
            parts.append([])
            rows = 1 + len(claim.history) + len(claim.relatives)
        parts[-1].append(claim)
    for number, part in enumerate(parts, 1):
        path = directory / f"ho-so-huong{f'-{number}' if number > 1 else ''}.xlsx"
        write_claims(path, part)
        yield path


def _office(claim: Claim) -> str:
    """One of the three that each province has here; the numbers are invented."""
    return f"0{claim.insured.province}{int(claim.insured.personal_id[-1]) % 3 + 1:02}"


def payees_of(claim: Claim) -> list[Person]:
    """Who is paid when the claim is granted."""
    if claim.benefit is Claimed.SURVIVOR_ALLOWANCE:
        return [relative.person for relative in claim.relatives]
    return [claim.claimant]


def _claims(inventor: Inventor, payees: int, ready_on: date) -> Iterator[Claim]:
    new_pensions = max(1, payees * _SHARE_NEW_PENSION // 100)
    survivors = max(1, payees * _SHARE_SURVIVOR // 100)
    funerals = max(1, payees * _SHARE_FUNERAL // 100)
    running = payees - new_pensions - survivors - funerals
    before_1995 = max(1, running * _SHARE_BEFORE_1995 // 100)
    numbers = (f"HS-2026-{number:07}" for number in range(1, payees + 1))
    for at in range(running):
        yield _running_pension(inventor, next(numbers), ready_on, stopped_before_1995=at < before_1995)
    for _ in range(new_pensions):
        yield _new_pension(inventor, next(numbers), ready_on)
    while survivors:
        claim = _survivors(inventor, next(numbers), survivors, ready_on)
        survivors -= len(claim.relatives)
        yield claim
    for _ in range(funerals):
        yield _funeral(inventor, next(numbers), ready_on)


def _running_pension(inventor: Inventor, claim_no: str, ready_on: date, *, stopped_before_1995: bool) -> Claim:
    random = inventor.random
    sex = random.choices("MF", (46, 54))[0]
    usual_age = 60 if sex == "M" else 55
    if stopped_before_1995:
        starts_on = date(random.randint(1985, 1994), random.randint(1, 12), 1)
        birth_date = inventor.day_between(date(1935, 1, 1), date(1943, 12, 31))
        amount_vnd = round(random.triangular(2_600_000, 7_500_000, 3_400_000))
    else:
        birth_year = random.randint(1943, 1965 if sex == "M" else 1969)
        birth_date = inventor.day_between(date(birth_year, 1, 1), date(birth_year, 12, 31))
        retired = add_months(birth_date, usual_age * 12 + random.randint(-24, 12))
        adjusted_on = max(day for day in _ADJUSTED_ON if day <= ready_on)
        starts_on = min(max(retired, date(1995, 2, 1)), add_months(adjusted_on, -random.randint(1, 6)))
        amount_vnd = round(random.triangular(2_300_000, 15_500_000, 4_900_000))
    return Claim(
        claim_no,
        Claimed.RUNNING_PENSION,
        received_on=inventor.day_between(add_months(ready_on, -2), ready_on - timedelta(days=12)),
        insured=(insured := inventor.person(sex, birth_date)),
        claimant=insured,
        starts_on=starts_on,
        amount_before_vnd=amount_vnd,
        stopped_before_1995=stopped_before_1995,
    )


def _new_pension(inventor: Inventor, claim_no: str, ready_on: date) -> Claim:
    """Retired at the normal age since August 2025, after 15 to 41 years of contributions."""
    random = inventor.random
    while True:
        sex = random.choices("MF", (46, 54))[0]
        earliest = date(1964, 4, 1) if sex == "M" else date(1968, 10, 1)
        birth_date = inventor.day_between(earliest, add_months(earliest, 12) - timedelta(days=1))
        age = retirement_age(Sex(sex), Month.containing(birth_date), Parameters.load(), Record())
        starts_on = age.start.first_day
        if _FIRST_NEW_PENSION <= starts_on <= ready_on:
            break
    age_at_first = random.randint(19, 27) if random.random() < 0.6 else random.randint(28, 40)
    first_month = add_months(birth_date, age_at_first * 12)
    return Claim(
        claim_no,
        Claimed.PENSION,
        received_on=min(starts_on + timedelta(days=random.randint(-20, 10)), ready_on),
        insured=(insured := inventor.person(sex, birth_date)),
        claimant=insured,
        starts_on=starts_on,
        history=career(random, first_month, add_months(starts_on, -1)),
    )


def _survivors(inventor: Inventor, claim_no: str, at_most: int, ready_on: date) -> Claim:
    """A family that lost a worker with small children, or a pensioner with an aged spouse."""
    died_on = inventor.day_between(date(2025, 7, 5), add_months(ready_on, -1) - timedelta(days=1))
    family = young_family if inventor.random.random() < 0.6 else aged_couple
    loss = family(inventor, died_on)
    relatives = loss.relatives[:at_most]
    return Claim(
        claim_no,
        Claimed.SURVIVOR_ALLOWANCE,
        received_on=min(died_on + timedelta(days=inventor.random.randint(5, 80)), ready_on),
        insured=loss.deceased,
        claimant=relatives[0].person,
        death=loss.death,
        history=loss.history,
        relatives=relatives,
    )


def _funeral(inventor: Inventor, claim_no: str, ready_on: date) -> Claim:
    """A death of the last weeks; a grown-up relative arranged the funeral."""
    died_on = inventor.day_between(add_months(ready_on, -1), ready_on)
    family = young_family if inventor.random.random() < 0.3 else aged_couple
    loss = family(inventor, died_on)
    arranger = inventor.person(
        inventor.random.choice("MF"), inventor.day_between(date(1965, 1, 1), date(2000, 12, 31)), loss.deceased.province
    )
    return Claim(
        claim_no,
        Claimed.FUNERAL_GRANT,
        received_on=min(died_on + timedelta(days=inventor.random.randint(1, 9)), ready_on),
        insured=loss.deceased,
        claimant=arranger,
        death=loss.death,
        history=loss.history,
    )


def _write_accounts(path: Path, inventor: Inventor, people: Sequence[Person]) -> None:
    refused = max(len(REFUSED_ENDINGS), len(people) * _PER_THOUSAND_REFUSED // 1000)
    returned = max(len(RETURNED_ENDINGS), len(people) * _PER_THOUSAND_RETURNED // 1000)
    endings = [*islice(cycle(REFUSED_ENDINGS), refused), *islice(cycle(RETURNED_ENDINGS), returned)]
    misbehaving = dict(zip(inventor.random.sample(range(len(people)), len(endings)), endings, strict=True))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(PAYOUT_ACCOUNTS.required)
        for at, person in enumerate(people):
            account = inventor.account(person, misbehaving.get(at))
            holder = [account.bank_bin, account.number, account.holder_name]
            writer.writerow([person.personal_id, person.name, *holder, f"{_ACCOUNTS_VALID_FROM:%d/%m/%Y}"])
