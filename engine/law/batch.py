"""A million decisions from a table: columns in, columns out, each row the very same as by itself.

Rows whose facts beside the amount are the same have the same terms under the law, so the law is asked once for each
kind of row and whole numbers do the rest; no row is approximated and no float is made. Findings are not written here:
a single row is explained by assessing it by itself.
"""

import csv
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TextIO

from engine.errors import WrongInput
from engine.law.calendar import MONTHS_IN_YEAR, Month
from engine.law.case_fields import Reader, day, flag_text, month, whole_text, word
from engine.law.contribution_terms import Employment, Fund, Terms, terms_of
from engine.law.contributions import Contribution, assess_contribution
from engine.law.errors import LawError
from engine.law.findings import Record, number_text
from engine.law.parameters import Parameters
from engine.law.pension_rate import Earliness, pension_rate
from engine.law.people import Category, Sex

CHUNK_ROWS = 40_000
COMPARED_ROWS = 1_000
"""Rows that a run also decides one by one, to compare them and to tell how much faster the batch is."""
_MOST_PROBLEMS = 100
_REMEMBERED = 500_000
"""Kinds of rows, and distinct cells of a column, that are remembered."""
_PLAIN_DIGITS = 15
"""So many digits are an amount without a further look."""

Row = Sequence[str]
Cells = tuple[str, ...]
Decide = Callable[[Row], str]
"""The results of one row, as the line of a table."""
OfKind = Callable[[int], str]
"""The results of rows of one kind, by their amount."""


class TableUnreadable(WrongInput):
    """The table lacks columns or holds cells that are no facts of its rule; nothing was written."""

    code = "table_unreadable"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as tables ask for it: its columns in (required first), its columns out, and two ways to decide a row."""

    required: Mapping[str, Reader]
    optional: Mapping[str, Reader]
    out: Sequence[str]
    kinds: Callable[[Parameters], Callable[[Row], OfKind]]
    """Decides all rows that differ only in the amount."""
    single: Callable[[Parameters], Decide]
    amount: str | None = None
    """The column of the amount; None where rows have none, and every row is a kind."""

    @property
    def columns(self) -> Mapping[str, Reader]:
        return {**self.required, **self.optional}


@dataclass(frozen=True, slots=True)
class Throughput:
    """How a run went; the rate of the single path comes from the rows decided both ways."""

    rows: int
    seconds: Decimal
    single_seconds: Decimal
    compared: int

    @property
    def per_second(self) -> Decimal:
        return self.rows / self.seconds if self.seconds else Decimal(0)

    @property
    def single_per_second(self) -> Decimal:
        return self.compared / self.single_seconds if self.single_seconds else Decimal(0)

    @property
    def ratio(self) -> Decimal:
        return self.per_second / self.single_per_second if self.single_per_second else Decimal(0)


class Disagreement(LawError):
    """A row decided in a batch differs from the row decided by itself; the batch is not to be used."""

    code = "batch_disagrees"


def run(rule_name: str, source: Path, target: Path, law: Parameters, processes: int) -> Throughput:
    """Decides every row of a CSV file into another; a file with a malformed row is refused whole."""
    rule = RULES[rule_name]
    started = time.perf_counter_ns()
    partial = target.with_name(target.name + ".part")
    rows = 0
    with source.open(encoding="utf-8-sig", newline="") as file:
        order = _order(rule, next(csv.reader([file.readline()]), []), source)
        with partial.open("w", encoding="utf-8", newline="") as written:
            out = csv.writer(written, lineterminator="\n")
            out.writerow(rule.out)
            for decided, problems in _chunks(rule_name, order, file, law, processes):
                if problems:
                    partial.unlink()
                    raise TableUnreadable([f"{source}: {problem}" for problem in problems[:_MOST_PROBLEMS]])
                written.write(decided[0])
                rows += decided[1]
    partial.replace(target)
    elapsed = time.perf_counter_ns() - started
    compared, single = _compare(rule, source, target, order, law)
    return Throughput(rows, Decimal(elapsed) / 10**9, Decimal(single) / 10**9, compared)


def decide_rows(rule_name: str, header: Sequence[str], rows: Iterable[Row], law: Parameters) -> Iterator[str]:
    """The same without files: one line of results for each row given."""
    clerk = _Clerk(rule_name, _order(RULES[rule_name], header, Path(rule_name)), law)
    problems: list[str] = []
    for number, row in enumerate(rows, 2):
        line = clerk.decide(list(row), number, problems)
        if line is None:
            raise TableUnreadable(problems)
        yield line


def _chunks(
    rule_name: str, order: Mapping[str, int], file: TextIO, law: Parameters, processes: int
) -> Iterator[tuple[tuple[str, int], list[str]]]:
    """Results in the order of the rows; with several processes a few chunks are under way at once."""
    first_line = 2
    if processes == 1:
        clerk = _Clerk(rule_name, order, law)
        while lines := list(islice(file, CHUNK_ROWS)):
            yield clerk.decide_chunk(first_line, lines)
            first_line += len(lines)
        return
    columns = tuple(order.items())
    under_way: deque[Future[tuple[tuple[str, int], list[str]]]] = deque()
    with ProcessPoolExecutor(processes) as pool:
        while lines := list(islice(file, CHUNK_ROWS)):
            under_way.append(pool.submit(_decide_installed, rule_name, columns, first_line, "".join(lines)))
            first_line += len(lines)
            if len(under_way) > 2 * processes:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()


def _decide_installed(
    rule_name: str, columns: tuple[tuple[str, int], ...], first_line: int, chunk: str
) -> tuple[tuple[str, int], list[str]]:
    return _installed_clerk(rule_name, columns).decide_chunk(first_line, chunk.splitlines())


@cache
def _installed_clerk(rule_name: str, columns: tuple[tuple[str, int], ...]) -> "_Clerk":
    """Each process reads the installed law once and remembers the kinds of rows it has met."""
    return _Clerk(rule_name, dict(columns), Parameters.load())


class _Clerk:
    """Reads and decides the rows of one table; a kind of row is read and asked of the law once."""

    def __init__(self, rule_name: str, order: Mapping[str, int], law: Parameters) -> None:
        rule = RULES[rule_name]
        self._read = _reader(rule, order)
        self._amount_in_row = None if rule.amount is None else order[rule.amount]
        self._amount = None if rule.amount is None else list(rule.columns).index(rule.amount)
        self._kind_of = rule.kinds(law)
        self._known: dict[Cells, OfKind] = {}

    def decide_chunk(self, first_line: int, chunk: Iterable[str]) -> tuple[tuple[str, int], list[str]]:
        """The text of the results of a chunk and how many there are, or its problems by line and column."""
        problems: list[str] = []
        lines: list[str] = []
        for number, row in enumerate(csv.reader(chunk), first_line):
            try:
                line = self.decide(row, number, problems)
            except LawError as error:
                problems.append(f"line {number}: {error}")
                line = None
            if line is not None:
                lines.append(line)
            elif len(problems) >= _MOST_PROBLEMS:
                break
        return ("\n".join([*lines, ""]) if lines else "", len(lines)), problems

    def decide(self, row: list[str], number: int, problems: list[str]) -> str | None:
        """The results of a row, or None after naming its problems."""
        place = self._amount_in_row
        if place is None:
            kind, amount = tuple(row), "0"
        elif place < len(row):
            amount = row[place]
            kind = (*row[:place], *row[place + 1 :])
        else:
            kind, amount = (), ""
        known = self._known.get(kind)
        if known is not None and amount.isdecimal() and amount.isascii() and len(amount) <= _PLAIN_DIGITS:
            return known(int(amount))
        facts = self._read(row, number, problems)
        if facts is None:
            return None
        found = self._kind_of(facts)
        if len(self._known) < _REMEMBERED:
            self._known[kind] = found
        return found(0 if self._amount is None else int(facts[self._amount]))


def _order(rule: Rule, header: Sequence[str], source: Path) -> Mapping[str, int]:
    """Where each column stands; columns that no rule knows are a mistake, not a remark."""
    problems = [f"{source}: line 1: column {name!r} is unknown" for name in header if name not in rule.columns]
    problems += [f"{source}: line 1: column {name!r} is missing" for name in rule.required if name not in header]
    problems += [f"{source}: line 1: column {name!r} stands twice" for name in set(header) if header.count(name) > 1]
    if problems:
        raise TableUnreadable(problems)
    return {name: header.index(name) for name in rule.columns if name in header}


def _reader(rule: Rule, order: Mapping[str, int]) -> Callable[[Row, int, list[str]], Row | None]:
    """Reads a row into the order of the rule's columns, each distinct cell checked once."""
    columns = list(rule.columns.items())
    places = [order.get(name, -1) for name, _ in columns]
    known: list[set[str]] = [set() for _ in columns]
    width = len(order)
    required = set(rule.required)

    def read(row: Row, number: int, problems: list[str]) -> Row | None:
        if len(row) != width:
            problems.append(f"line {number}: has {len(row)} cells in place of {width}")
            return None
        cells = [row[place] if place >= 0 else "" for place in places]
        fine = True
        for place, cell in enumerate(cells):
            if cell in known[place]:
                continue
            name, reader = columns[place]
            before = len(problems)
            if cell or name in required:
                reader(cell, f"line {number}: {name}", problems)
            if len(problems) > before:
                fine = False
            elif len(known[place]) < _REMEMBERED:
                known[place].add(cell)
        return cells if fine else None

    return read


def _compare(rule: Rule, source: Path, target: Path, order: Mapping[str, int], law: Parameters) -> tuple[int, int]:
    """Decides the first rows one by one; returns how many, and the nanoseconds it took."""
    with source.open(encoding="utf-8-sig", newline="") as given, target.open(encoding="utf-8", newline="") as made:
        rows, results = csv.reader(given), csv.reader(made)
        next(rows), next(results)
        read, decide = _reader(rule, order), rule.single(law)
        pairs = list(islice(zip(rows, results, strict=True), COMPARED_ROWS))
        facts = [read(row, 0, []) for row, _ in pairs]
        started = time.perf_counter_ns()
        singles = [decide(fact) for fact in facts if fact is not None]
        elapsed = time.perf_counter_ns() - started
    for number, (single, (_, batched)) in enumerate(zip(singles, pairs, strict=True), 2):
        if single != ",".join(batched):
            raise Disagreement(f"line {number}: alone {single}, in the batch {','.join(batched)}")
    return len(singles), elapsed


# --- contributions ---

_FUNDS = tuple(Fund)


def _employment(row: Row, wage_vnd: int) -> tuple[Employment, date]:
    month_text, _, region, category, foreign, unpaid_days, relieved = row
    return (
        Employment(
            wage_vnd=wage_vnd,
            region=region or None,
            category=Category(category) if category else Category.EMPLOYEE,
            foreign=foreign == "true",
            unpaid_working_days=int(unpaid_days or 0),
            relieved_employer=relieved == "true",
        ),
        Month.parse(month_text).first_day,
    )


_WAGE = 1


def _contributions(law: Parameters) -> Callable[[Row], OfKind]:
    """Terms by the facts beside the wage; then a product and a division of whole numbers for each rate."""
    known: dict[Cells, OfKind] = {}
    spans = _Spans(law, lambda cell: Month.parse(cell).first_day)

    def kind_of(row: Row) -> OfKind:
        kind = (spans[row[0]], *row[2:])
        if kind not in known:
            known[kind] = _of_kind(row, law)
        return known[kind]

    return kind_of


class _Spans(dict[str, str]):
    """Which stretch of unchanged law a date of a table lies in: no parameter begins or ends inside a stretch."""

    def __init__(self, law: Parameters, read: Callable[[str], date]) -> None:
        super().__init__()
        values = [value for name in law.names() for value in law.parameter(name).values]
        ends = {value.ends_on + timedelta(days=1) for value in values if value.ends_on}
        self._turns = sorted({value.starts_on for value in values} | ends)
        self._read = read

    def __missing__(self, cell: str) -> str:
        on = self._read(cell)
        found = self[cell] = str(sum(turn <= on for turn in self._turns))
        return found


def _of_kind(row: Row, law: Parameters) -> Callable[[int], str]:
    employment, on = _employment(row, 0)
    if employment.unpaid_working_days >= law.value("unpaid_working_days", on):
        nothing = _contribution_line(assess_contribution(employment, on, law, Record()))
        return lambda _wage: nothing
    terms = terms_of(employment, on, law)
    not_insured = ",".join(("false", *("0" for _ in range(2 * len(_FUNDS) + 2))))
    if terms.limits is None:
        return lambda _wage: not_insured
    products = [_product(terms, fund, payer) for fund in _FUNDS for payer in (0, 1)]
    limits, threshold = terms.limits, terms.insured_from_vnd or 0
    lowest, highest = limits.lowest_vnd, limits.highest_vnd
    unemployment = terms.unemployment or limits
    ui_lowest, ui_highest = unemployment.lowest_vnd, unemployment.highest_vnd
    social = str(bool({Fund.RETIREMENT, Fund.SICKNESS, Fund.ACCIDENT} & set(terms.rates))).lower()
    bases = [int(fund is Fund.UNEMPLOYMENT) for fund in _FUNDS for _ in (0, 1)]
    steps = [(other, factor, half, divisor) for (factor, half, divisor), other in zip(products, bases, strict=True)]

    def decide(wage: int) -> str:
        if wage < threshold:
            return not_insured
        base = lowest if wage < lowest else min(wage, highest)
        by_fund = (base, ui_lowest if wage < ui_lowest else min(wage, ui_highest))
        parts = [(by_fund[other] * factor + half) // divisor for other, factor, half, divisor in steps]
        return f"{social},{base},{','.join(map(str, parts))},{sum(parts)}"

    return decide


def _product(terms: Terms, fund: Fund, payer: int) -> tuple[int, int, int]:
    """Half up of base times percent, as (base × factor + half) // divisor."""
    if fund not in terms.rates:
        return 0, 0, 1
    numerator, denominator = terms.rates[fund][payer].as_integer_ratio()
    divisor = 200 * denominator
    return 2 * numerator, divisor // 2, divisor


def _contribution_line(found: Contribution) -> str:
    parts = [str(vnd) for fund in _FUNDS for vnd in (found.share(fund).employee_vnd, found.share(fund).employer_vnd)]
    return ",".join((str(found.insured).lower(), str(found.base_vnd), *parts, str(found.total_vnd)))


def _single_contributions(law: Parameters) -> Decide:
    def decide(row: Row) -> str:
        employment, on = _employment(row, int(row[_WAGE]))
        return _contribution_line(assess_contribution(employment, on, law, Record()))

    return decide


# --- pension rates ---


def _rate_of(row: Row, law: Parameters) -> str:
    on, sex, months, before, reference = row
    early = Earliness.of(int(before), int(reference or 0) * MONTHS_IN_YEAR) if before and before != "0" else None
    rate = pension_rate(Sex(sex), int(months), date.fromisoformat(on), law, Record(), early)
    return number_text(rate)


def _pension_rates(law: Parameters) -> Callable[[Row], OfKind]:
    """Every fact of a rate is a count of a few hundreds, so each distinct row is decided once."""
    known: dict[Cells, OfKind] = {}
    spans = _Spans(law, date.fromisoformat)

    def kind_of(row: Row) -> OfKind:
        kind = (spans[row[0]], *row[1:])
        if kind not in known:
            rate = _rate_of(row, law)
            known[kind] = lambda _amount: rate
        return known[kind]

    return kind_of


def _single_pension_rates(law: Parameters) -> Decide:
    return lambda row: _rate_of(row, law)


_FLAG = flag_text
RULES: Mapping[str, Rule] = {
    "contribution": Rule(
        required={"month": month, "wage": whole_text()},
        optional={
            "region": word({region: region for region in ("I", "II", "III", "IV")}),
            "category": word(Category),
            "foreign": _FLAG,
            "unpaid_working_days": whole_text(0, 31),
            "relieved_employer": _FLAG,
        },
        out=["insured", "base", *(f"{fund.value}_{payer}" for fund in _FUNDS for payer in ("ee", "er")), "total"],
        kinds=_contributions,
        single=_single_contributions,
        amount="wage",
    ),
    "pension_rate": Rule(
        required={"on": day, "sex": word(Sex), "contribution_months": whole_text(0, 1200)},
        optional={"months_before_reference_age": whole_text(0, 720), "reference_age": whole_text(0, 100)},
        out=["rate_percent"],
        kinds=_pension_rates,
        single=_single_pension_rates,
    ),
}
