"""`thuchi law`: what a parameter is on a day, and what the law gives in each case of a file."""

import difflib
import json
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.errors import WrongInput
from engine.law.batch import RULES, run
from engine.law.cases import Assessment, assess_cases, assess_file, read_cases
from engine.law.chart import cost_chart
from engine.law.cost import Costs, write_table
from engine.law.errors import LawError
from engine.law.findings import Finding, plain
from engine.law.letter import Letter, letter_document, letter_pdf
from engine.law.listing import parameters_page
from engine.law.parameters import DatedValue, Parameter, Parameters, law_version
from engine.law.simulation import simulate_file
from engine.law.telling import Language, as_text, shown, tell, word

DIFFERS = 1
WRONG_CALL = 2

app = typer.Typer(
    name="law", help="Luật: tham số theo ngày và tính theo hồ sơ. Dated parameters and cases.", no_args_is_help=True
)


@app.command("show")
def show(
    parameter: Annotated[str, typer.Argument(help="Tên tham số, ví dụ reference_level.")],
    on: Annotated[str | None, typer.Option(help="Ngày YYYY-MM-DD; bỏ trống: mọi giá trị.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="In JSON.")] = False,
) -> None:
    """Value, unit, dates, citation and confidence of a parameter."""
    law = Parameters.load()
    try:
        found = law.parameter(parameter)
        values = found.values if on is None else (law.at(parameter, date.fromisoformat(on)),)
    except LawError as error:
        raise _refused(f"{error}.{_known(law, parameter)}") from error
    except ValueError as error:
        raise _refused(f"--on: {on!r} is not a date YYYY-MM-DD") from error
    if as_json:
        shown = _parameter_json(found, values)
        # A reader who asks for one day gets its value without a search.
        typer.echo(json.dumps(shown if on is None else shown | shown["values"][0], ensure_ascii=False, indent=2))
        return
    typer.echo(f"{found.name} ({found.area}): {found.label}\n{found.description}\nunit: {found.unit}")
    for value in values:
        until = value.ends_on or "…"
        typer.echo(f"\n{value.starts_on} – {until}: {_shown(value.value)}")
        typer.echo(f"  {value.citation.vietnamese} ({value.citation.english}); {value.confidence}")
        if value.doubtful:
            typer.echo(f"  {', '.join(f'{key}: {word}' for key, word in value.doubtful.items())}")
    for gap in found.gaps if on is None else ():
        typer.echo(f"\n{gap.starts_on} – {gap.ends_on}: không có giá trị / no value ({gap.why})")


@app.command("assess")
def assess(
    file: Annotated[Path, typer.Argument(help="Tệp hồ sơ YAML.")],
    explain: Annotated[bool, typer.Option("--explain", help="In từng căn cứ pháp lý.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="In JSON.")] = False,
) -> None:
    """Assesses each case of a file. Exit 2 if one is malformed, else 1 if one differs, else 0."""
    try:
        assessments = assess_file(file, Parameters.load())
    except WrongInput as error:
        raise _refused(str(error)) from error
    if as_json:
        typer.echo(json.dumps([one.as_json() for one in assessments], ensure_ascii=False, indent=2))
    else:
        for one in assessments:
            _print(one, explain=explain)
        _print_summary(assessments)
    for one in assessments:
        for error_text in one.errors:
            typer.echo(error_text, err=True)
    if any(one.errors for one in assessments):
        raise typer.Exit(WRONG_CALL)
    if any(one.passed is False for one in assessments):
        raise typer.Exit(DIFFERS)


class Format(StrEnum):
    """How an explanation is printed."""

    TEXT = "text"
    JSON = "json"


@app.command("explain")
def explain(
    file: Annotated[Path, typer.Argument(help="Tệp hồ sơ YAML.")],
    case: Annotated[str | None, typer.Option("--case", help="Chỉ hồ sơ mang tên này.")] = None,
    lang: Annotated[Language, typer.Option("--lang", help="vi hoặc en.")] = Language.VIETNAMESE,
    form: Annotated[Format, typer.Option("--format", help="text hoặc json.")] = Format.TEXT,
) -> None:
    """Each step of each decision as a person reads it. Exit 2 if a case is malformed or there is none of that name."""
    try:
        found = assess_file(file, Parameters.load())
    except WrongInput as error:
        raise _refused(str(error)) from error
    chosen = [one for one in found if case is None or one.name == case]
    if case is not None and not chosen:
        raise _refused(f"--case: there is no case {case!r} in {file}")
    told = [(one, tell(one.record.as_json(), lang)) for one in chosen]
    if form is Format.JSON:
        content = [
            {"name": one.name, "result": plain(one.result), "steps": [step.as_json() for step in steps]}
            for one, steps in told
        ]
        typer.echo(json.dumps(content, ensure_ascii=False, indent=2))
    else:
        for one, steps in told:
            typer.echo(f"{one.name}\n\n{as_text(steps, lang)}")
    errors = [error for one in chosen for error in one.errors]
    for error_text in errors:
        typer.echo(error_text, err=True)
    if errors:
        raise typer.Exit(WRONG_CALL)


@app.command("letter")
def letter(
    file: Annotated[Path, typer.Argument(help="Tệp hồ sơ YAML.")],
    case: Annotated[str, typer.Option("--case", help="Hồ sơ được giải trình.")],
    out: Annotated[Path, typer.Option("--out", help="Tệp PDF được ghi.")],
    lang: Annotated[Language, typer.Option("--lang", help="vi hoặc en.")] = Language.VIETNAMESE,
) -> None:
    """The letter of one decision as PDF, dated on the day on which its law is read."""
    try:
        cases = [one for one in read_cases(file) if isinstance(one, dict) and one.get("name") == case]
        found = assess_cases(cases, Parameters.load())
    except WrongInput as error:
        raise _refused(str(error)) from error
    if len(found) != 1 or found[0].errors:
        problem = "\n".join(found[0].errors) if found else f"--case: there is no case {case!r} in {file}"
        raise _refused(problem)
    outcome = [(word("results", key, lang), shown(key, plain(value), lang)) for key, value in found[0].result.items()]
    title = "Giải trình quyết định" if lang is Language.VIETNAMESE else "Explanation of a decision"
    about = Letter(
        title=title, number=case, issued_on=date.fromisoformat(cases[0]["as_of"]), outcome=outcome, language=lang
    )
    out.write_bytes(letter_pdf(letter_document(about, found[0].record.as_json())))


@app.command("simulate")
def simulate(
    file: Annotated[Path, typer.Argument(help="Tệp kịch bản YAML.")],
    as_json: Annotated[bool, typer.Option("--json", help="In JSON.")] = False,
    table: Annotated[Path | None, typer.Option("--csv", help="Ghi bảng chi phí của kịch bản có dân số.")] = None,
    chart: Annotated[Path | None, typer.Option("--svg", help="Ghi biểu đồ chi phí theo tháng.")] = None,
) -> None:
    """What a scenario gives under the law as it is and under its changes. Exit 2 if it is malformed."""
    try:
        found = simulate_file(file, Parameters.load())
    except (WrongInput, LawError) as error:
        raise _refused(str(error)) from error
    if found.costs is None and (table or chart):
        raise _refused(f"{file}: --csv and --svg need a population")
    if as_json:
        typer.echo(json.dumps(found.as_json(), ensure_ascii=False, indent=2))
    else:
        for one in found.cases:
            typer.echo(f"{one.name}: {'đổi / changed' if one.changed else 'không đổi / the same'}")
            for key in one.changed:
                typer.echo(f"  {key}: {_shown(one.before.result.get(key))} → {_shown(one.after.result.get(key))}")
    if found.costs is not None:
        if not as_json:
            _print_costs(found.costs)
        if table:
            write_table(found.costs, table)
        if chart:
            title = f"Chi phí theo tháng / cost by month: {file.stem}"
            chart.write_text(cost_chart(found.costs.by_month, title), encoding="utf-8")
    errors = [problem for one in found.cases for problem in one.errors]
    for problem in errors:
        typer.echo(problem, err=True)
    if errors:
        raise typer.Exit(WRONG_CALL)


_SIDES = {
    "benefit": "chế độ / benefit",
    "province": "tỉnh / province",
    "sex": "giới / sex",
    "age": "tuổi / age",
}


def _print_costs(costs: Costs) -> None:
    for month, (before, after) in costs.by_month.items():
        typer.echo(f"{month}: {before:,} → {after:,} ({after - before:+,}) VND")
    for told, key in (
        ("chế độ / benefit", "benefit"),
        ("tỉnh / province", "province"),
        ("giới / sex", "sex"),
        ("tuổi / age", "age"),
    ):
        sums: dict[str, list[int]] = {}
        for cost in costs.cells:
            pair = sums.setdefault(getattr(cost.cell, key), [0, 0])
            pair[0] += cost.before_vnd
            pair[1] += cost.after_vnd
        for name, (before, after) in sums.items():
            typer.echo(f"{told} {name}: {before:,} → {after:,} ({after - before:+,}) VND")
    balance = costs.balance
    typer.echo(
        f"được lợi / win: {balance.winners} (+{balance.gained_vnd:,} VND); thiệt / lose: {balance.losers} "
        f"(-{balance.lost_vnd:,} VND); không đổi / the same: {balance.unchanged}"
    )


@app.command("batch")
def batch(
    rule: Annotated[str, typer.Argument(help="contribution hoặc pension_rate.")],
    source: Annotated[Path, typer.Argument(help="Bảng CSV: mỗi cột một dữ kiện.")],
    target: Annotated[Path, typer.Argument(help="Bảng CSV kết quả được ghi.")],
    processes: Annotated[int, typer.Option(help="Số tiến trình.", min=1, max=64)] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="In JSON.")] = False,
) -> None:
    """Decides every row of a table, prints how fast, and checks rows one by one. Exit 2 if a row is malformed."""
    if rule not in RULES:
        raise _refused(f"{rule!r} is none of {', '.join(RULES)}")
    try:
        went = run(rule, source, target, Parameters.load(), processes)
    except OSError as error:
        raise _refused(f"{error.filename}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise _refused(f"{source}: {error}") from error
    except WrongInput as error:
        raise _refused(str(error)) from error
    except LawError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(DIFFERS) from error
    told = {
        "rows": went.rows,
        "seconds": f"{went.seconds:.2f}",
        "rows_per_second": int(went.per_second),
        "single_rows_per_second": int(went.single_per_second),
        "ratio": f"{went.ratio:.1f}",
        "compared": went.compared,
    }
    if as_json:
        typer.echo(json.dumps(told))
        return
    typer.echo(
        f"{went.rows} dòng / rows, {told['seconds']} s: {told['rows_per_second']}/s; từng dòng một / one by one "
        f"{told['single_rows_per_second']}/s, × {told['ratio']}; {went.compared} dòng đã so bằng nhau / compared, equal"
    )


@app.command("page")
def page() -> None:
    """The page of all parameters with their citations and confidence, as Markdown for docs/law-parameters.md."""
    typer.echo(parameters_page(Parameters.load()), nl=False)


def _refused(problem: str) -> typer.Exit:
    typer.echo(problem, err=True)
    return typer.Exit(WRONG_CALL)


def _known(law: Parameters, name: str) -> str:
    """The names that are near to an unknown one; all of them where none is."""
    if name in law.names():
        return ""
    near = difflib.get_close_matches(name.lower(), law.names(), n=3)
    near += [other for other in law.names() if other not in near and name.lower() in other]
    return f" Did you mean {', '.join(near)}?" if near else f" Known: {', '.join(law.names())}"


def _parameter_json(parameter: Parameter, values: tuple[DatedValue, ...]) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "area": parameter.area,
        "description": parameter.description,
        "label": parameter.label,
        "unit": parameter.unit,
        "law_version": law_version(),
        "unknown": [
            {"from": gap.starts_on.isoformat(), "to": gap.ends_on.isoformat(), "why": gap.why} for gap in parameter.gaps
        ],
        "values": [
            {
                "from": value.starts_on.isoformat(),
                "to": plain(value.ends_on),
                "value": plain(value.value),
                "citation": value.citation.as_json(),
                "issued_on": value.issued_on.isoformat(),
                "confidence": value.confidence.value,
                "doubtful": {str(key): word.value for key, word in value.doubtful.items()},
            }
            for value in values
        ],
    }


def _print(one: Assessment, *, explain: bool) -> None:
    mark = {True: "đạt / passed", False: "lệch / differs", None: "đã tính / assessed"}[one.passed]
    typer.echo(f"{one.name}: {'hỏng / malformed' if one.errors else mark}")
    for key, value in one.result.items():
        typer.echo(f"  {key}: {_shown(value)}")
    for difference in one.differences:
        typer.echo(f"  ≠ {difference}")
    if explain:
        for number, finding in enumerate(one.record.findings, 1):
            typer.echo(_explained(number, finding))
        for name in one.record.unconfirmed():
            typer.echo(f"  ! chưa xác nhận / unconfirmed: {name}")


def _explained(number: int, finding: Finding) -> str:
    """One finding as a person reads it, Vietnamese first."""
    lines = [
        f"  {number}. {finding.article.vietnamese}: {finding.step.vietnamese}",
        f"     {finding.article.english}: {finding.step.english}",
    ]
    if finding.inputs:
        lines.append("     " + "; ".join(f"{key} = {_shown(plain(value))}" for key, value in finding.inputs.items()))
    for used in finding.parameters:
        lines.append(
            f"     {used.name} = {_shown(plain(used.value))}"
            f" ({used.citation.vietnamese} / {used.citation.english}; {used.confidence})"
        )
    if finding.numbers:
        lines.append(f"     {finding.numbers}")
    if finding.rounding:
        lines.append(f"     {finding.rounding}")
    lines.append(f"     → {_shown(plain(finding.value))}")
    return "\n".join(lines)


def _print_summary(assessments: list[Assessment]) -> None:
    passed = sum(one.passed is True for one in assessments)
    differs = sum(one.passed is False for one in assessments)
    malformed = sum(bool(one.errors) for one in assessments)
    typer.echo(
        f"{len(assessments)} hồ sơ / cases: {passed} đạt / passed, {differs} lệch / differ, "
        f"{malformed} hỏng / malformed"
    )


def _shown(value: Any) -> str:
    value = plain(value)
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "–"}[value]
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_shown(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_shown(entry) for entry in value) + "]"
    return str(value)
