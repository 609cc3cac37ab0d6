"""How fast files of payments are built, validated and read, and in how much memory.

`python tests/benchmarks/gateway_iso.py [PAYMENTS]` prints rates in payments a second, each also as a ratio to a bare
write of the same bytes, and the peak of memory above what the process held before the first payment. The work runs in
one process on one core; other load on the machine shows in the wall-clock figures, so processor time stands beside
them.
"""

import os
import resource
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from time import perf_counter, process_time
from uuid import UUID

from gateways.banks import simbank
from gateways.contract import CategoryPurpose, Instruction
from gateways.iso20022 import pain002
from gateways.iso20022.host_to_host import HostToHostBank
from gateways.iso20022.run_files import RunOrder, Wanted, write_files
from gateways.iso20022.schemas import validate
from gateways.simulator.reading import read_order
from gateways.simulator.reports import status_report
from gateways.simulator.state import FileState, PaymentFile

PAY_DAY = date(2026, 12, 1)
RUN = RunOrder("TC20261201", datetime(2026, 11, 30, 1, tzinfo=UTC), "BHXH VIET NAM", "BHXH VIET NAM", "1020000123456")


def payments(count: int) -> Iterator[Wanted]:
    for number in range(count):
        reference = f"PN2612{number:09d}"
        yield Wanted(
            CategoryPurpose.SOCIAL_BENEFIT if number % 10 == 0 else CategoryPurpose.PENSION,
            PAY_DAY,
            Instruction(
                reference=reference,
                instruction_id=f"{reference}-1",
                uetr=str(UUID(int=number, version=4)),
                amount_vnd=4_250_000 + number,
                creditor_name="Nguyễn Thị Ánh Đào",
                creditor_account=f"00110{number:08d}",
                creditor_bank_bin="970436",
                purpose_code="PENS",
                remittance="Luong huu thang 12/2026",
            ),
        )


def report_on(path: Path) -> bytes:
    """What the simulated bank says of a file when all of it was paid."""
    order = read_order(path.read_bytes(), path.stem)
    file = PaymentFile(
        path.stem,
        "",
        FileState.BOOKED,
        None,
        "",
        order.payment_info_id,
        True,
        order.debtor_account,
        PAY_DAY,
        tuple((payment, None) for payment in order.payments),
    )
    return status_report(file, datetime(2026, 12, 1, 3, tzinfo=UTC))


def timed(name: str, count: int, work: Callable[[], object], bare_seconds: float | None) -> float:
    wall, processor = perf_counter(), process_time()
    work()
    wall, processor = perf_counter() - wall, process_time() - processor
    ratio = "" if bare_seconds is None else f"   {processor / bare_seconds:6.1f} x a bare write"
    print(f"{name:<22}{count / wall:>10,.0f}/s wall{count / processor:>10,.0f}/s processor{ratio}")  # noqa: T201
    return processor


def held_mebibytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(count: int) -> None:
    gateway = HostToHostBank(simbank.capabilities("simbank"), simbank.profile(), delivery=None)  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory() as home:
        directory = Path(home)
        list(write_files(gateway, RUN, payments(10), directory))
        validate((directory / "TC20261201-00001.xml").read_bytes(), "pain.001.001.09")
        before = held_mebibytes()

        def build() -> None:
            for _ in write_files(gateway, RUN, payments(count), directory):
                pass

        def each(work: Callable[[bytes], object]) -> None:
            for path in sorted(directory.glob("*.xml")):
                work(path.read_bytes())

        def bare_write() -> None:
            each((directory / "copy").write_bytes)

        build()
        after_build = held_mebibytes()
        size = sum(path.stat().st_size for path in directory.glob("*.xml"))
        files = len(list(directory.glob("*.xml")))
        print(f"{count:,} payments, {files} files, {size / 2**20:.1f} MiB, {os.cpu_count()} cores")  # noqa: T201
        bare = timed("bare write", count, bare_write, None)
        timed("build", count, build, bare)
        timed("validate (schema)", count, lambda: each(lambda content: validate(content, "pain.001.001.09")), bare)
        reports = [report_on(path) for path in sorted(directory.glob("*.xml"))]
        before_reading = held_mebibytes()
        read = timed("read pain.002", count, lambda: [pain002.read(report).instructions() for report in reports], bare)
        again = held_mebibytes()
        print(  # noqa: T201
            f"peak of memory: building +{after_build - before:.1f} MiB, reading +{again - before_reading:.1f} MiB "
            f"above {before:.0f} MiB; reading took {read:.2f} s"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
