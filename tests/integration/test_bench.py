"""The month at size, for moments: its phases, its rates, and that it leaves nothing behind."""

import builders
import pytest

from engine.demonstration.bench import run_bench
from engine.demonstration.month import Reporter
from engine.errors import WrongInput
from engine.settings import Settings


def _silent() -> Reporter:
    return Reporter(phase=lambda _name: None, advance=lambda _done, _total, _beside: None)


def test_a_month_of_payees_and_employers_is_measured_and_removed() -> None:
    with builders.embedded_home("bench") as home:
        found = run_bench(Settings(home, None, None, None), 60, 3, 1, _silent())
        assert not (home / "bench").exists()
    assert found.differences == ()
    assert found.totals["approved"] == sum(vnd for state, vnd in found.totals.items() if state != "approved") > 0
    phases = {phase.name: phase for phase in found.phases}
    assert (phases["awards"].of, phases["awards"].count) == ("payees", 60)
    assert (phases["declarations"].of, phases["declarations"].count) == ("employers", 3)
    assert phases["database"].of == "once"
    assert min(phase.seconds for phase in found.phases) >= 0
    assert found.memory_mib > 0
    assert found.database_mib > 0


def test_a_database_of_somebody_elses_is_not_benched() -> None:
    with builders.embedded_home("bench") as home, pytest.raises(WrongInput, match="embedded server only"):
        run_bench(Settings(home, "postgresql://127.0.0.1/theirs", None, None), 60, 0, 1, _silent())
