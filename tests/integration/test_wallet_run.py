"""The short form of `thuchi wallet-run`: one in twenty calls goes wrong, and the wallets' books equal ours."""

import builders

from engine.demonstration.month import Reporter
from engine.demonstration.wallets import run_wallets
from engine.settings import Settings


def test_faults_of_every_kind_pay_nobody_twice_and_nobody_is_forgotten() -> None:
    silent = Reporter(lambda _name: None, lambda _done, _total, _shown: None)
    with builders.embedded_home("wallets") as home:
        found = run_wallets(Settings(home, None, None, None), 200, 7, silent)
    assert found.problems == []
    assert found.payments >= 200
    assert found.credits == found.states["settled"] + found.states["returned"]
    assert found.inquiries_resolved > 0
    assert found.callbacks["taken"] > 0
