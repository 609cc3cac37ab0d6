"""Parameters are read whole or not at all, and answer for a day and for what was known on a day."""

from datetime import date
from decimal import Decimal
from itertools import pairwise
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


def read(directory: Path, *values: object, name: str = "one", unknown: object = None) -> Parameters:
    area = directory / "area"
    area.mkdir(exist_ok=True)
    content: dict[str, object] = {"description": "d", "label": "l", "unit": "u", "values": list(values)}
    if unknown is not None:
        content["unknown"] = unknown
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


def test_a_value_that_nobody_has_read_is_an_error_that_says_so_and_which_days_have_one() -> None:
    law = Parameters.load()

    with pytest.raises(NoValueOnDate, match=r"Circular 01/2023.*from 2020-01-01 to 2020-12-31, from 2022-01-01"):
        law.at("wage_indices", date(2023, 6, 1))
    with pytest.raises(NoValueOnDate, match="from 2024-01-01 to 2026-12-31"):
        law.at("wage_indices", date(2027, 1, 1))
    assert law.at("wage_indices", date(2024, 12, 1)).value[1994] == Decimal("5.43")
    assert law.at("wage_indices", date(2026, 8, 1)).value[1994] == Decimal("5.81")


def test_a_gap_must_be_told_with_its_reason(tmp_path: Path) -> None:
    third = SECOND | {"from": date(2023, 1, 1), "to": date(2023, 12, 31)}
    gap = {"from": date(2022, 1, 1), "to": date(2022, 12, 31), "why": "not read"}

    law = read(tmp_path, FIRST, SECOND, third, unknown=[gap])
    with pytest.raises(NoValueOnDate, match=r"not read.*to 2021-12-31, from 2023-01-01"):
        law.at("one", date(2022, 6, 1))
    with pytest.raises(ParametersUnreadable, match="no value between"):
        read(tmp_path, FIRST, SECOND, third)
    with pytest.raises(ParametersUnreadable, match="exactly the keys from, to, why"):
        read(tmp_path, FIRST, SECOND, third, unknown=[gap | {"whose": "ours"}])


def test_every_table_of_wage_indices_follows_one_series_of_prices() -> None:
    """Index of a year in two tables: their ratio is that of two price indices, the same for every year of wages.

    The dispatch of 2026 prints 4.91 for 1995, where the series would give 4.93; the printed number is the law.
    """
    printed_otherwise = {(2026, 1995)}
    tables = [value for value in Parameters.load().parameter("wage_indices").values if 1994 in value.value]
    half = Decimal("0.0055")  # half of the last printed digit, and a little for the rounding of the price index
    for earlier, later in pairwise(tables):
        rows = {
            year: (earlier.value[year], later.value[year])
            for year in earlier.value
            if earlier.value[year] > 1 and (later.starts_on.year, year) not in printed_otherwise
        }
        lowest = max((new - half) / (old + half) for old, new in rows.values())
        highest = min((new + half) / (old - half) for old, new in rows.values())
        assert lowest <= highest, (earlier.starts_on, later.starts_on)


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
