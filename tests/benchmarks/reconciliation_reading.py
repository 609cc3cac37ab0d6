"""How fast statements are read, beside a bare pass of the parser that frees each entry and extracts nothing.

    PYTHONPATH=tests .venv/bin/python tests/benchmarks/reconciliation_reading.py [--entries 100000]

Prints one JSON object: seconds, the ratio to the bare pass (bar: 3), and the memory above the interpreter (bar: 64
MiB), for as many entries of one transaction each, for one booking with as many transactions inside, and for MT940.
"""

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

from bank_paper import Batch, Line, document
from lxml import etree

from reconciliation.formats import read_statements
from reconciliation.references import make_reference

DAY = date(2026, 11, 2)
ACCOUNT = "8800000000001"


def write_entries(path: Path, entries: int) -> None:
    """As many bookings of one payment."""
    _write(path, [_line(number) for number in range(1, entries + 1)], entries)


def write_batch(path: Path, entries: int) -> None:
    """One booking for as many payments."""
    _write(path, [Batch(tuple(_line(number) for number in range(1, entries + 1)), "BATCH1")], entries)


def write_mt940(path: Path, entries: int) -> None:
    total = sum(-_line(number).amount_vnd for number in range(1, entries + 1))
    with path.open("w", encoding="ascii") as file:
        file.write(f":20:STMT\n:25:{ACCOUNT}\n:28C:1/1\n:60F:C261102VND{total},\n")
        for number in range(1, entries + 1):
            reference = make_reference("PN", number)
            file.write(
                f":61:2611021102D{-_line(number).amount_vnd},NTRFNONREF//FT{number:012d}\n:86:{reference} LUONG HUU\n"
            )
        file.write(":62F:C261102VND0,\n")


def _line(number: int) -> Line:
    return Line(
        -3_000_000 - number, make_reference("PN", number), "LUONG HUU THANG 11", bank_reference=f"FT{number:012d}"
    )


def _write(path: Path, lines: list[Line] | list[Batch], entries: int) -> None:
    total = sum(-_line(number).amount_vnd for number in range(1, entries + 1))
    path.write_text(
        document(ACCOUNT, DAY, lines, sequence=1, opening_vnd=total, closing_vnd=0, from_on=DAY), encoding="utf-8"
    )


def read_all(path: Path) -> int:
    return sum(1 for _ in read_statements(path))


def bare(path: Path) -> int:
    """A pass of the parser over every entry, each freed, nothing extracted."""
    count = 0
    for _, element in etree.iterparse(str(path), events=("end",), tag="{*}Ntry"):
        count += 1
        element.clear()
        while element.getprevious() is not None:
            del element.getparent()[0]
    return count


def _measured(reading: Callable[[Path], int], path: Path) -> tuple[float, float]:
    """Seconds of the processor (the best of three) and MiB above the start, each reading in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        runs = [pool.apply(_measure, (reading, path)) for _ in range(3)]
    return min(seconds for seconds, _ in runs), max(mebibytes for _, mebibytes in runs)


def _measure(reading: Callable[[Path], int], path: Path) -> tuple[float, float]:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins here
    before = _peak_kibibytes()
    start = time.process_time()
    reading(path)
    seconds = time.process_time() - start
    return seconds, (_peak_kibibytes() - before) / 1024


def _peak_kibibytes() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


def measurements(directory: Path, entries: int) -> Iterator[dict[str, object]]:
    for name, write in (("entries", write_entries), ("one batch", write_batch), ("mt940", write_mt940)):
        path = directory / f"{name}.txt"
        write(path, entries)
        seconds, mebibytes = _measured(read_all, path)
        told: dict[str, object] = {
            "file": name,
            "transactions": entries,
            "megabytes": round(path.stat().st_size / 1e6, 1),
            "seconds": round(seconds, 2),
            "mebibytes": round(mebibytes, 1),
        }
        if name != "mt940":
            told["ratio_to_bare_pass"] = round(seconds / _measured(bare, path)[0], 2)
        yield told


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    entries = parser.parse_args().entries
    with tempfile.TemporaryDirectory() as directory:
        sys.stdout.write(json.dumps(list(measurements(Path(directory), entries)), indent=2) + "\n")
