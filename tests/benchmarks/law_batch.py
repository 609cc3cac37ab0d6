"""How fast the law decides a million rows of a table, beside one by one: both in one run.

    PYTHONPATH=tests .venv/bin/python -m benchmarks.law_batch [--rows 1000000] [--processes 2]

Wages, months, regions and dates are drawn by a fixed seed, so that no two runs decide other rows. The batch also
decides a thousand of its rows by themselves, compares them to the đồng, and times them: the ratio is that of this run.
"""

import argparse
import csv
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random

from engine.law.batch import Throughput, run
from engine.law.parameters import Parameters

ROWS = 1_000_000
PROCESSES = 2
REGIONS = ("I", "II", "III", "IV")
HEADERS = {
    "contribution": ("month", "wage", "region", "category"),
    "pension_rate": ("on", "sex", "contribution_months", "months_before_reference_age"),
}


def contributions(rows: int, random: Random) -> Iterator[Sequence[object]]:
    """Workers of every region and every month since 2016, from below the lowest base to above every cap."""
    months = [f"{year}-{month:02}" for year in range(2016, 2027) for month in range(1, 13)]
    for _ in range(rows):
        category = random.choices(("a", "k", "l"), (18, 1, 1))[0]
        yield random.choice(months), random.randrange(1_000_000, 130_000_000), random.choice(REGIONS), category


def rates(rows: int, random: Random) -> Iterator[Sequence[object]]:
    """Men and women of every length of career that has a rate, one in ten of them before their age."""
    for _ in range(rows):
        on = f"{random.randrange(2022, 2027)}-{random.randrange(1, 13):02}-01"
        early = random.randrange(1, 61) if random.random() < 0.1 else 0
        yield on, random.choice("MF"), random.randrange(240, 541), early


DRAWN: dict[str, Callable[[int, Random], Iterator[Sequence[object]]]] = {
    "contribution": contributions,
    "pension_rate": rates,
}


def measure(rule: str, rows: int, processes: int, folder: Path) -> Throughput:
    """Writes a table of drawn rows and decides it."""
    source, target = folder / f"{rule}.csv", folder / f"{rule}.out.csv"
    with source.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(HEADERS[rule])
        out.writerows(DRAWN[rule](rows, Random(rule)))
    return run(rule, source, target, Parameters.load(), processes)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="A million rows of the law")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--processes", type=int, default=PROCESSES)
    options = parser.parse_args(arguments)
    _tell("rule", "rows", "seconds", "rows/s", "one by one/s", "ratio")
    with tempfile.TemporaryDirectory() as folder:
        for rule in HEADERS:
            went = measure(rule, options.rows, options.processes, Path(folder))
            speed, single = f"{went.per_second:.0f}", f"{went.single_per_second:.0f}"
            _tell(rule, went.rows, f"{went.seconds:.1f}", speed, single, f"{went.ratio:.1f}")


def _tell(rule: str, *numbers: object) -> None:
    sys.stdout.write(f"{rule:<14}{''.join(f'{number:>14}' for number in numbers)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
