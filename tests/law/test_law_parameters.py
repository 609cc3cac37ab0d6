"""Parameters are read whole or not at all, and answer for a day and for what was known on a day."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from engine.law.documents import documents, read_documents
from engine.law.errors import NoSuchParameter, NoValueOnDate, ParametersUnreadable
from engine.law.parameters import Confidence, Parameters, law_version, read_parameters

FIRST = {
    "from": date(2020, 1, 1),
    "to": date(2020, 12, 31),
    "value": 1,
    "document": "L41",
    "article": "1",
    "confidence": "official",
}
SECOND = FIRST | {"from": date(2021, 1, 1), "to": date(2021, 12, 31), "value": "2.5"}


def read(directory: Path, *values: object, name: str = "one") -> Parameters:
    area = directory / "area"
    area.mkdir(exist_ok=True)
    content = {"description": "d", "label": "l", "unit": "u", "values": list(values)}
    (area / f"{name}.yaml").write_text(yaml.safe_dump(content))
    return read_parameters(directory, documents())


def test_a_value_holds_from_its_first_to_its_last_day(tmp_path: Path) -> None:
    law = read(tmp_path, FIRST, SECOND)

    assert law.value("one", date(2020, 12, 31)) == 1
    assert law.value("one", date(2021, 1, 1)) == Decimal("2.5")


@pytest.mark.parametrize("on", [date(2019, 12, 31), date(2022, 1, 1)])
def test_a_day_without_a_value_is_an_error_that_says_which_days_have_one(on: date, tmp_path: Path) -> None:
    with pytest.raises(NoValueOnDate, match="values exist from 2020-01-01 to 2021-12-31"):
        read(tmp_path, FIRST, SECOND).value("one", on)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ([FIRST | {"value": 0.5}], "floating-point"),
        ([FIRST | {"value": {"a": [1, 0.5]}}], "floating-point"),
        ([FIRST, SECOND | {"from": date(2021, 1, 2)}], "no value between"),
        ([FIRST, SECOND | {"from": date(2020, 12, 31)}], "overlaps"),
        ([FIRST | {"to": None}, SECOND], "to must be a date"),
        ([{key: FIRST[key] for key in FIRST if key != "to"}, SECOND], "has no end"),
        ([FIRST | {"document": "L0"}], "not in documents.yaml"),
        ([{key: FIRST[key] for key in FIRST if key != "document"}], "document is missing"),
        ([{key: FIRST[key] for key in FIRST if key != "article"}], "article is missing"),
        ([FIRST | {"confidence": "rumour"}], "confidence 'rumour'"),
        ([FIRST | {"colour": "red"}], "unknown key 'colour'"),
        ([], "has no values"),
    ],
)
def test_a_file_with_a_mistake_is_refused(values: list[object], problem: str, tmp_path: Path) -> None:
    with pytest.raises(ParametersUnreadable, match=problem):
        read(tmp_path, *values)


def test_a_name_stands_once_over_all_areas(tmp_path: Path) -> None:
    read(tmp_path, FIRST)
    (tmp_path / "other").mkdir()
    (tmp_path / "area" / "one.yaml").rename(tmp_path / "other" / "one.yaml")

    with pytest.raises(ParametersUnreadable, match="stands in area"):
        read(tmp_path, FIRST)


def test_what_was_not_issued_yet_is_not_known(tmp_path: Path) -> None:
    late = SECOND | {"issued_on": date(2021, 3, 1)}
    law = read(tmp_path, FIRST | {"issued_on": date(2019, 6, 1)}, late)

    assert law.value("one", date(2021, 2, 1)) == Decimal("2.5")
    assert law.value("one", date(2021, 2, 1), known_on=date(2021, 2, 28)) == 1
    assert law.value("one", date(2021, 2, 1), known_on=date(2021, 3, 1)) == Decimal("2.5")
    with pytest.raises(NoValueOnDate, match="issued by 2018-01-01"):
        law.value("one", date(2021, 2, 1), known_on=date(2018, 1, 1))


def test_the_base_salary_of_may_2016_was_decreed_after_the_month_began() -> None:
    law = Parameters.load()

    assert law.value("reference_level", date(2016, 5, 10)) == 1_210_000
    assert law.value("reference_level", date(2016, 5, 10), known_on=date(2016, 5, 10)) == 1_150_000


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(NoSuchParameter):
        Parameters.load().value("nothing", date(2026, 1, 1))


def test_an_entry_of_a_table_may_be_less_sure_than_the_table() -> None:
    table = Parameters.load().at("wage_indices", date(2025, 8, 1))

    assert table.narrowed(2005).confidence is Confidence.SECONDARY
    assert table.narrowed(2005, 2006).confidence is Confidence.UNCONFIRMED


def test_every_document_is_cited_and_every_cited_one_exists() -> None:
    law = Parameters.load()
    source = "\n".join(path.read_text() for path in (Path(__file__).parents[2] / "engine" / "law").rglob("*.py"))
    cited = {value.citation.document.tag for name in law.names() for value in law.parameter(name).values}

    assert {tag for tag in documents() if tag not in cited and f'"{tag}"' not in source} == set()


def test_every_parameter_is_read_by_a_rule() -> None:
    source = "\n".join(path.read_text() for path in (Path(__file__).parents[2] / "engine" / "law").rglob("*.py"))

    assert [name for name in Parameters.load().names() if f'"{name}"' not in source] == []


def test_a_document_with_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "documents.yaml"
    file.write_text("- {tag: X, kind: Letter, number: '1', title: t}\n")

    with pytest.raises(ParametersUnreadable, match="X"):
        read_documents(file)


def test_the_law_has_a_version() -> None:
    assert len(law_version()) == 16
