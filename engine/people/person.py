"""A person (người tham gia, người hưởng, thân nhân) as a file tells of them, and the roll of all people we know.

A person is recognised by their personal id. What identifies a person is stored only through the vault.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml
from sqlalchemy import Connection, any_, bindparam, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA

from engine.people import tables
from engine.people.bulk import copy_rows, new_ids
from engine.people.workbook import Row, fold
from engine.vault import Vault

SEX = {"Nam": "M", "Nữ": "F"}
AREA = {"Thành thị": "urban", "Nông thôn": "rural", "Đặc khu": "special_zone"}

NAME, SEX_COLUMN, BIRTH_DATE = "Họ và tên", "Giới tính", "Ngày sinh"
PERSONAL_ID, INSURED_NUMBER, PHONE = "Số định danh", "Mã số BHXH", "Điện thoại"
PROVINCE, AREA_COLUMN = "Mã tỉnh", "Khu vực"
PERSON_COLUMNS = (NAME, SEX_COLUMN, BIRTH_DATE, INSURED_NUMBER, PERSONAL_ID, PHONE, PROVINCE, AREA_COLUMN)

PERSONAL_ID_DIGITS = 12
PERSONAL_ID_FORM = re.compile(r"[0-9]{12}")
_INSURED_NUMBER_DIGITS = 10
_MOBILE = re.compile(r"0[35789][0-9]{8}")
_LANDLINE = re.compile(r"02[0-9]{9}")
_EARLIEST_BIRTH = date(1900, 1, 1)
_COMPLETED = (
    *("personal_id_ciphertext", "personal_id_fingerprint", "phone_ciphertext", "phone_fingerprint"),
    *("sex", "province", "area"),
)
"""What an employer's declaration does not tell of a person."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who somebody is. The numbers never appear in a repr, so that no log or error can show them."""

    name: str
    sex: str
    birth_date: date
    personal_id: str = field(repr=False)
    insured_number: str | None = field(repr=False)
    phone: str | None = field(repr=False)
    province: str
    area: str


@dataclass(frozen=True, slots=True)
class Roll:
    """The people of one file: the id of each personal number, and who of them is new to us."""

    ids: dict[str, UUID]
    newcomers: Sequence[Person]
    completed: Sequence[Person]
    """Known so far by the social insurance number alone, from an employer's declaration."""


def read_person(row: Row, prefix: str = "") -> Person | None:
    """The person that the columns with this prefix describe; None with all problems noted if they do not."""
    name = row.required_text(prefix + NAME)
    sex = row.required_choice(prefix + SEX_COLUMN, SEX)
    birth_date = row.required_day(prefix + BIRTH_DATE)
    personal_id = row.digits(prefix + PERSONAL_ID, PERSONAL_ID_DIGITS)
    insured_number = row.digits(prefix + INSURED_NUMBER, _INSURED_NUMBER_DIGITS)
    phone = _phone(row, prefix + PHONE)
    province = row.digits(prefix + PROVINCE, len("01"))
    area = row.required_choice(prefix + AREA_COLUMN, AREA)
    before = len(row.problems.found)
    if name and not any(letter.isalpha() for letter in name):
        row.problem(prefix + NAME, "is not a name")
    if birth_date and birth_date < _EARLIEST_BIRTH:
        row.problem(prefix + BIRTH_DATE, f"nobody alive was born in {birth_date.year}")
    for rule in personal_id_problems(personal_id, sex, birth_date):
        row.problem(prefix + PERSONAL_ID, rule)
    if insured_number and not re.fullmatch(r"[0-9]{10}", insured_number):
        row.problem(prefix + INSURED_NUMBER, "a social insurance number has 10 digits")
    if province not in provinces():
        row.problem(prefix + PROVINCE, f"{province or 'empty'} is not the code of one of the 34 provinces")
    if len(row.problems.found) > before or not (name and sex and birth_date and personal_id and province and area):
        return None
    return Person(name, sex, birth_date, personal_id, insured_number, phone, province, area)


def personal_id_problems(personal_id: str | None, sex: str | None, birth_date: date | None) -> list[str]:
    """What is wrong with a personal id (số định danh): 3 digits province, 1 century and sex, 2 birth year, 6 more.

    >>> personal_id_problems("001062000123", "M", date(1962, 3, 1))
    []
    >>> personal_id_problems("001062000123", "F", date(1962, 3, 1))
    ['its fourth digit says male, born 1900–1999']
    """
    if personal_id is None:
        return ["must be filled in"]
    if not PERSONAL_ID_FORM.fullmatch(personal_id):
        return ["a personal id has 12 digits"]
    problems = []
    if personal_id[0] != "0" or personal_id[1:3] not in _personal_id_provinces():
        problems.append("its first three digits are not the code of a province")
    if sex and birth_date:
        expected = (birth_date.year // 100 - 19) * 2 + (sex == "F")
        if personal_id[3] != str(expected):
            problems.append(f"its fourth digit says {_century_and_sex(int(personal_id[3]))}")
        if personal_id[4:6] != f"{birth_date.year % 100:02}":
            problems.append("its fifth and sixth digits are not the year of birth")
    return problems


def recognise(connection: Connection, vault: Vault, people: Iterable[tuple[Row, Person]]) -> Roll:
    """Finds everybody of a file among the people we know; contradictions with them or inside the file are problems."""
    mentioned: dict[str, tuple[Row, Person]] = {}
    for row, person in people:
        _, first = mentioned.setdefault(person.personal_id, (row, person))
        if _differs(first, person):
            row.problem(PERSONAL_ID, "the same personal id stands in this file with another name, sex or birth date")
    holders: dict[str, Person] = {}
    for row, person in mentioned.values():
        if person.insured_number and holders.setdefault(person.insured_number, person) is not person:
            row.problem(INSURED_NUMBER, "stands in this file for another person too")

    prints = {vault.fingerprint("personal_id", number): number for number in mentioned}
    numbers = {vault.fingerprint("insured_number", number): person for number, person in holders.items()}
    ids: dict[str, UUID] = {}
    completed: list[Person] = []
    for known in _known(connection, list(prints), list(numbers)):
        personal_id = prints.get(known.personal_id_fingerprint)
        if personal_id is not None:
            ids[personal_id] = known.person_id
            row, person = mentioned[personal_id]
            if (known.folded_name, known.sex, known.birth_date) != _identity(person):
                row.problem(PERSONAL_ID, "belongs to a person recorded with another name, sex or birth date")
        claimed_by = numbers.get(known.insured_number_fingerprint) if known.insured_number_fingerprint else None
        if claimed_by is not None and known.personal_id_fingerprint is None and _is_same(claimed_by, known):
            ids[claimed_by.personal_id] = known.person_id
            completed.append(claimed_by)
        elif claimed_by is not None and claimed_by.personal_id != personal_id:
            mentioned[claimed_by.personal_id][0].problem(INSURED_NUMBER, "belongs to another person on record")

    newcomers = [person for number, (_, person) in mentioned.items() if number not in ids]
    ids.update(zip((person.personal_id for person in newcomers), new_ids(connection, len(newcomers)), strict=True))
    return Roll(ids, newcomers, completed)


def enrol(connection: Connection, vault: Vault, roll: Roll) -> None:
    """Writes the newcomers of a roll, their numbers sealed, and fills in what was not known of others."""
    copy_rows(
        connection, tables.person, (_sealed(vault, roll.ids[person.personal_id], person) for person in roll.newcomers)
    )
    for person in roll.completed:
        told = _sealed(vault, roll.ids[person.personal_id], person)
        connection.execute(
            update(tables.person)
            .where(tables.person.c.person_id == told["person_id"])
            .values({column: told[column] for column in _COMPLETED})
        )


def ids_by_personal_id(
    connection: Connection, vault: Vault, personal_ids: Iterable[str]
) -> dict[str, tuple[UUID, str]]:
    """Id and folded name of each known person, by personal id."""
    prints = {vault.fingerprint("personal_id", number): number for number in personal_ids}
    return {
        prints[known.personal_id_fingerprint]: (known.person_id, known.folded_name)
        for known in _known(connection, list(prints), [])
    }


def births_by_personal_id(
    connection: Connection, vault: Vault, personal_ids: Iterable[str]
) -> dict[str, tuple[UUID, date]]:
    """Id and birth date on record of each known person, by personal id."""
    prints = {vault.fingerprint("personal_id", number): number for number in personal_ids}
    return {
        prints[known.personal_id_fingerprint]: (known.person_id, known.birth_date)
        for known in _known(connection, list(prints), [])
    }


@cache
def provinces() -> dict[str, str]:
    """Name by code of the 34 provinces."""
    return dict(_province_file()["since_2025_07"])


@cache
def _personal_id_provinces() -> frozenset[str]:
    return frozenset(_province_file()["personal_id"].split())


@cache
def _province_file() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "provinces.yaml").read_text(encoding="utf-8"))
    return content


def _known(connection: Connection, personal_prints: list[bytes], insured_prints: list[bytes]) -> Iterable[Any]:
    columns = tables.person.c
    prints = ARRAY(BYTEA)
    return connection.execute(
        select(
            columns.person_id,
            columns.personal_id_fingerprint,
            columns.insured_number_fingerprint,
            columns.folded_name,
            columns.sex,
            columns.birth_date,
        ).where(
            or_(
                columns.personal_id_fingerprint == any_(bindparam("personal", personal_prints, prints)),
                columns.insured_number_fingerprint == any_(bindparam("insured", insured_prints, prints)),
            )
        )
    )


def _is_same(person: Person, known: Any) -> bool:
    """Whether a claim's person is one whom we know without sex and personal id."""
    return (fold(person.name), person.birth_date) == (known.folded_name, known.birth_date)


def _identity(person: Person) -> tuple[str, str, date]:
    return fold(person.name), person.sex, person.birth_date


def _differs(one: Person, other: Person) -> bool:
    return one is not other and _identity(one) != _identity(other)


def _sealed(vault: Vault, person_id: UUID, person: Person) -> dict[str, object]:
    row: dict[str, object] = {
        "person_id": person_id,
        "name": person.name,
        "folded_name": fold(person.name),
        "sex": person.sex,
        "birth_date": person.birth_date,
        "province": person.province,
        "area": person.area,
    }
    for column in ("personal_id", "insured_number", "phone"):
        value = getattr(person, column)
        sealed = vault.seal(column, value) if value else None
        row[f"{column}_ciphertext"] = sealed and sealed.ciphertext
        row[f"{column}_fingerprint"] = sealed and sealed.fingerprint
    return row


def _phone(row: Row, column: str) -> str | None:
    """A Vietnamese number as 0…; written with +84 or blanks, dots or dashes it is the same number."""
    written = row.text(column)
    if written is None:
        return None
    number = re.sub(r"[ .\-]", "", written)
    number = "0" + number[3:] if number.startswith("+84") else number
    if isinstance(row.cells[column], (int, float)):
        number = "0" + number.removeprefix("0")
    if not (_MOBILE.fullmatch(number) or _LANDLINE.fullmatch(number)):
        row.problem(column, "is not a Vietnamese telephone number (0 and 9 or 10 digits)")
        return None
    return number


def _century_and_sex(digit: int) -> str:
    century = 1900 + digit // 2 * 100
    return f"{'female' if digit % 2 else 'male'}, born {century}–{century + 99}"
