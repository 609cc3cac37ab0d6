"""A batch gives the very same as each row by itself."""

import csv
import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from engine.law.batch import RULES, TableUnreadable, decide_rows, run
from engine.law.commands import app
from engine.law.errors import LawError
from engine.law.parameters import Parameters

LAW = Parameters.load()
CONTRIBUTION = ["month", "wage", "region", "category", "foreign", "unpaid_working_days", "relieved_employer"]
RATE = ["on", "sex", "contribution_months", "months_before_reference_age", "reference_age"]

flags = st.sampled_from(["", "true", "false"])
months = st.builds(lambda year, month: f"{year}-{month:02}", st.integers(2016, 2026), st.integers(1, 12))
workers = st.tuples(
    months,
    st.one_of(st.integers(0, 120_000_000), st.integers(2_000_000, 6_000_000)).map(str),
    st.sampled_from(["I", "II", "III", "IV"]),
    st.sampled_from(["", "", "a", "b", "d", "i", "k", "l", "m"]),
    flags,
    st.sampled_from(["", "0", "13", "14"]),
    flags,
)
pensioners = st.tuples(
    st.dates(date(2016, 1, 1), date(2026, 12, 31)).map(date.isoformat),
    st.sampled_from(["M", "F"]),
    st.integers(240, 560).map(str),
    st.sampled_from(["", "0", "5", "6", "27", "59"]),
    st.sampled_from(["", "55", "60"]),
)


@settings(deadline=None)
@given(st.lists(workers, min_size=1, max_size=20))
def test_contributions_of_a_table_are_those_of_each_worker(rows: list[tuple[str, ...]]) -> None:
    single = RULES["contribution"].single(LAW)

    assert list(decide_rows("contribution", CONTRIBUTION, rows, LAW)) == [single(row) for row in rows]


@settings(deadline=None)
@given(st.lists(pensioners, min_size=1, max_size=20))
def test_rates_of_a_table_are_those_of_each_person(rows: list[tuple[str, ...]]) -> None:
    single = RULES["pension_rate"].single(LAW)

    assert list(decide_rows("pension_rate", RATE, rows, LAW)) == [single(row) for row in rows]


def write(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


@pytest.mark.parametrize("processes", [1, 2])
def test_a_file_is_decided_in_the_order_of_its_rows(processes: int, tmp_path: Path) -> None:
    rows = [["2026-08", str(5_000_000 + 1000 * place), "I"] for place in range(300)]
    source = write(tmp_path / "in.csv", [["month", "wage", "region"], *rows])

    went = run("contribution", source, tmp_path / "out.csv", LAW, processes)

    made = list(csv.DictReader((tmp_path / "out.csv").read_text().splitlines()))
    assert went.rows == len(made) == 300
    assert [int(row["base"]) for row in made] == [int(row[1]) for row in rows]
    assert made[0] == {
        "insured": "true", "base": "5000000", "retirement_ee": "400000", "retirement_er": "700000",
        "sickness_ee": "0", "sickness_er": "150000", "accident_ee": "0", "accident_er": "25000",
        "ui_ee": "50000", "ui_er": "50000", "hi_ee": "75000", "hi_er": "150000", "total": "1600000",
    }  # fmt: skip


def test_the_command_tells_how_fast_it_was(tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", [["on", "sex", "contribution_months"], ["2026-08-01", "M", "204"]])

    result = CliRunner().invoke(
        app, ["batch", "pension_rate", str(source), str(tmp_path / "out.csv"), "--processes", "1", "--json"]
    )

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["rows"] == 1
    assert (tmp_path / "out.csv").read_text() == "rate_percent\n42\n"


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([["month", "wages", "region"], ["2026-08", "1", "I"]], "column 'wages' is unknown"),
        ([["month", "region"], ["2026-08", "I"]], "column 'wage' is missing"),
        ([["month", "wage", "wage"], ["2026-08", "1", "1"]], "column 'wage' stands twice"),
        ([["month", "wage", "region"], ["2026-13", "1", "I"]], "line 2: month: must be a month"),
        (
            [["month", "wage", "region"], ["2026-08", "1", "I"], ["2026-08", "1.5", "I"]],
            "line 3: wage: must be",
        ),
        ([["month", "wage", "region"], ["2026-08", "", "I"]], "line 2: wage: must be a whole"),
        ([["month", "wage", "region"], ["2026-08", "1", "V"]], "line 2: region: 'V' is none of"),
        ([["month", "wage", "region"], ["2026-08", "1"]], "line 2: has 2 cells in place of 3"),
        ([["month", "wage"], ["2026-08", "1"]], "line 2: region: missing"),
    ],
)
def test_a_malformed_table_is_refused_whole(rows: list[list[str]], problem: str, tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", rows)

    with pytest.raises(TableUnreadable, match=problem):
        run("contribution", source, tmp_path / "out.csv", LAW, 1)
    assert not (tmp_path / "out.csv").exists()
    assert CliRunner().invoke(app, ["batch", "contribution", str(source), str(tmp_path / "x.csv")]).exit_code == 2


def test_a_rule_without_a_table_and_a_row_without_a_rate_are_errors(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["batch", "funeral", "a", "b"]).exit_code == 2
    with pytest.raises(LawError, match="below 180"):
        list(decide_rows("pension_rate", RATE, [("2026-08-01", "M", "12", "", "")], LAW))
