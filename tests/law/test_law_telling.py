"""Decisions told to people: every step and fact has its words, and all three forms say the same."""

import ast
import json
from datetime import date
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from engine.law.cases import assess_file
from engine.law.commands import app
from engine.law.letter import Letter, letter_document, letter_pdf
from engine.law.parameters import Parameters
from engine.law.telling import Language, tell

LAW_ROOM = Path(__file__).parents[2] / "engine" / "law"
CASES = Path(__file__).parent / "cases.yaml"
WORDS = yaml.safe_load((LAW_ROOM / "words.yaml").read_text(encoding="utf-8"))


def test_every_step_of_a_rule_has_its_words_and_no_word_is_left_over() -> None:
    """Add the step to engine/law/words.yaml."""
    rules = {
        node.args[0].value
        for path in LAW_ROOM.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Step"
        if isinstance(node.args[0], ast.Constant)
    }
    assert rules - set(WORDS["steps"]) == set()


@pytest.mark.parametrize("kind", WORDS)
def test_every_word_has_two_halves(kind: str) -> None:
    assert {name: pair for name, pair in WORDS[kind].items() if len(pair) != 2 or not all(pair)} == {}


def test_every_fact_of_the_collected_cases_has_its_words() -> None:
    facts = {
        name
        for assessment in assess_file(CASES, Parameters.load())
        for finding in assessment.record.findings
        for name in finding.inputs
    }
    assert facts - set(WORDS["facts"]) == set()


CASE = """
- name: award
  rule: pension_award
  as_of: 2026-06-01
  given:
    sex: F
    birth_date: 1969-05-20
    pension_from: 2026-06-01
    history: [{from: 2009-06, to: 2026-05, regime: private, wage: 10000000}]
"""


@pytest.fixture
def case(tmp_path: Path) -> Path:
    file = tmp_path / "cases.yaml"
    file.write_text(CASE)
    return file


def test_an_explanation_reads_in_vietnamese(case: Path) -> None:
    text = CliRunner().invoke(app, ["explain", str(case)]).stdout

    assert "1. Tuổi nghỉ hưu (khoản 2 Điều 4 Nghị định 135/2020/NĐ-CP)" in text
    assert "Dữ kiện: Mức bình quân: 13.214.705 đồng; Tỷ lệ hưởng: 49 %" in text
    assert "Tính: 13.214.705 × 49 % = 6.475.205" in text
    assert "Làm tròn: làm tròn đến đồng, từ nửa đồng trở lên tính một đồng" in text
    assert "Kết quả: 6.475.205 đồng" in text


def test_an_explanation_reads_in_english_and_as_data(case: Path) -> None:
    text = CliRunner().invoke(app, ["explain", str(case), "--lang", "en"]).stdout
    data = json.loads(CliRunner().invoke(app, ["explain", str(case), "--lang", "en", "--format", "json"]).stdout)

    (award,) = data
    assert award["result"]["amount"] == 6_475_205
    for step in award["steps"]:
        assert f"{step['number']}. {step['title']} ({step['article']})" in text
        assert step["formula"] in text
        assert step["result"] in text
    assert "Facts: Average: 13,214,705 VND; Rate: 49 %" in text
    assert "tháng" not in text


@pytest.mark.parametrize("arguments", [["--case", "nobody"], ["--lang", "fr"], ["--format", "pdf"]])
def test_a_wrong_call_is_refused(arguments: list[str], case: Path) -> None:
    assert CliRunner().invoke(app, ["explain", str(case), *arguments]).exit_code == 2


def test_a_letter_is_a_pdf_and_the_same_each_time(case: Path, tmp_path: Path) -> None:
    files = [tmp_path / "one.pdf", tmp_path / "two.pdf"]
    for file in files:
        result = CliRunner().invoke(app, ["letter", str(case), "--case", "award", "--out", str(file)])
        assert result.exit_code == 0, result.output

    assert files[0].read_bytes().startswith(b"%PDF")
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_letter_says_in_its_language_what_is_not_confirmed() -> None:
    (assessment,) = [one for one in assess_file(CASES, Parameters.load()) if one.name == "AL-03"]
    about = Letter(
        title="Decision", number="1", issued_on=date(2026, 8, 31), outcome=[("Allocated", "8,000,000 VND")],
        language=Language.ENGLISH,
    )  # fmt: skip

    document = letter_document(about, assessment.record.as_json())

    assert document["unconfirmed"] == ["allocation_order: Decision 366/QĐ-BHXH, Article 2"]
    assert document["steps"] == [step.as_json() for step in tell(assessment.record.as_json(), Language.ENGLISH)]
    assert letter_pdf(document).startswith(b"%PDF")
