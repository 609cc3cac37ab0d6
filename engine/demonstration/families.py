"""Invented families that lost somebody: who died, of what standing, and which relatives are left."""

from dataclasses import dataclass
from datetime import date, timedelta

from engine.awards.claim import Death, Relative, Stretch
from engine.demonstration.careers import add_months, private_career
from engine.demonstration.people import Inventor
from engine.people.person import Person


@dataclass(frozen=True, slots=True)
class Loss:
    """A death and the relatives who may receive an allowance for it."""

    deceased: Person
    death: Death
    history: tuple[Stretch, ...]
    relatives: tuple[Relative, ...]


def young_family(inventor: Inventor, died_on: date) -> Loss:
    """An employee with more than 15 years of contributions; one to three children, in some families an aged mother."""
    random = inventor.random
    deceased = inventor.person(random.choice("MF"), inventor.day_between(date(1976, 1, 1), date(1986, 12, 31)))
    months = random.randint(184, 216)
    history = private_career(random, add_months(died_on, -1), months)
    orphans = random.random() < 0.1
    relatives = []
    for _ in range(random.choices((1, 2, 3), (40, 50, 10))[0]):
        # Young enough to be a child still when November 2026 is paid.
        birth_date = inventor.day_between(date(2009, 6, 1), died_on - timedelta(days=200))
        child = inventor.person(random.choice("MF"), birth_date, deceased.province)
        relatives.append(Relative(child, "child", 0, 0, studying=_at_school(birth_date, died_on), alone=orphans))
    if random.random() < 0.25:
        mother = inventor.person("F", inventor.day_between(date(1946, 1, 1), date(1955, 12, 31)), deceased.province)
        relatives.append(Relative(mother, "mother", 0, 0, studying=False, alone=random.random() < 0.3))
    death = Death(died_on, work_accident=False, status="contributing", pension_vnd=None, pension_months=None)
    return Loss(deceased, death, history, tuple(relatives))


def aged_couple(inventor: Inventor, died_on: date) -> Loss:
    """A pensioner and the spouse who is left, past retirement age and without an income of their own."""
    random = inventor.random
    sex = random.choices("MF", (75, 25))[0]
    deceased = inventor.person(sex, inventor.day_between(date(1942, 1, 1), date(1957, 12, 31)))
    spouse = inventor.person(
        "F" if sex == "M" else "M", inventor.day_between(date(1943, 1, 1), date(1961, 12, 31)), deceased.province
    )
    pension_vnd = round(random.triangular(2_600_000, 12_000_000, 4_900_000))
    death = Death(died_on, False, "pensioner", pension_vnd, pension_months=random.randint(48, 260))
    relative = Relative(spouse, "spouse", 0, 0, studying=False, alone=random.random() < 0.2)
    return Loss(deceased, death, (), (relative,))


def _at_school(birth_date: date, on: date) -> bool:
    return on.year - birth_date.year >= 6
