"""Draws the progress of a month on the terminal: phases, counts, time; on standard error, so that JSON stays clean."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from engine.demonstration.month import Reporter

_PHASES = {
    "database": "Cơ sở dữ liệu",
    "population": "Sinh hồ sơ thử nghiệm",
    "gateway": "Kết nối ngân hàng mô phỏng",
    "awards": "Tính và ra quyết định hưởng",
    "accounts": "Tài khoản nhận tiền",
    "run": "Lập, trình, duyệt đợt chi",
    "employer": "Tờ khai, thông báo và tiền đóng của đơn vị",
    "dispatch": "Gửi lệnh chi",
    "statements": "Sao kê và đối soát",
    "proof": "Biên bản đối chiếu",
    "employers": "Danh sách đơn vị",
    "declarations": "Tờ khai từng đơn vị",
    "unchanged": "Tháng không thay đổi, thông báo",
    "done": "Xong",
}


@contextmanager
def console_reporter(console: Console) -> Iterator[Reporter]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[shown]}"),
    )
    with Progress(*columns, console=console) as progress:
        running: list[TaskID] = []

        def phase(name: str) -> None:
            for task in running:
                total = progress.tasks[task].total or 1
                progress.update(task, total=total, completed=total)
                progress.stop_task(task)
            running[:] = [progress.add_task(_PHASES[name], total=None, shown="")]

        def advance(done: int, total: int, shown: str) -> None:
            progress.update(running[0], completed=done, total=total, shown=shown)

        yield Reporter(phase, advance)
        phase("done")
