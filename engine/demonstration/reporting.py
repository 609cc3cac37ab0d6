"""Draws the progress of a month on the terminal: phases, counts, time; on standard error, so that JSON stays clean."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from engine.demonstration.month import Reporter

_PHASES = {
    "database": "Cơ sở dữ liệu",
    "population": "Sinh hồ sơ thử nghiệm",
    "gateway": "Kết nối ngân hàng mô phỏng",
    "awards": "Tính và ra quyết định hưởng",
    "accounts": "Tài khoản nhận tiền",
    "run": "Lập, trình, duyệt đợt chi",
    "dispatch": "Gửi lệnh chi",
    "statements": "Sao kê và đối soát",
    "proof": "Biên bản đối chiếu",
}


@contextmanager
def console_reporter(console: Console) -> Iterator[Reporter]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        running: list[TaskID] = []

        def phase(name: str) -> None:
            for task in running:
                progress.update(task, total=1, completed=1)
                progress.stop_task(task)
            running[:] = [progress.add_task(f"{_PHASES[name]} ({name})", total=None)]

        def advance(unit: str, done: int, total: int) -> None:
            progress.update(running[0], description=f"{unit}", completed=done, total=total)

        yield Reporter(phase, advance)
        phase_done = running
        for task in phase_done:
            progress.update(task, total=1, completed=1)
