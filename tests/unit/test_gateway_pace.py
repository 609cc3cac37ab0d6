"""A provider is called no faster than its sheet allows, by however many threads."""

from gateways.pace import Pace


class Time:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 100.0
        self.called_at: list[float] = []

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def test_calls_are_spread_evenly() -> None:
    time = Time()
    pace = Pace(10, time.now, time.sleep)
    for _ in range(4):
        pace.wait()
        time.called_at.append(round(time.now(), 6))
    assert time.called_at == [100.0, 100.1, 100.2, 100.3]


def test_who_was_quiet_does_not_call_all_at_once() -> None:
    time = Time()
    pace = Pace(10, time.now, time.sleep)
    pace.wait()
    time.sleep(60)
    for _ in range(3):
        pace.wait()
    assert round(time.now(), 6) == 160.2
