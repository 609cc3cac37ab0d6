"""Banks are asked whose the payout accounts are; who signs a run sees what they said."""

from pathlib import Path

import builders
import pytest
from sqlalchemy import text

from engine.database import Database
from engine.installation import SIMULATOR_ADDRESS, Installation
from engine.payments import planning
from engine.payments.account_checks import Checked, check_accounts
from engine.payments.validation import validate
from engine.people import accounts
from engine.settings import Settings
from gateways.simulator import process

_HUGE = 10**12


@pytest.mark.parametrize(("least", "close"), [(75, True), (99, False)])
def test_a_run_shows_what_the_bank_said_of_its_accounts(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, least: int, close: bool
) -> None:
    """One is his own, one another's, one close (an "ANH" too much), one is not told: four outcomes."""
    monkeypatch.setitem(accounts._channels(), "close_name_percent", least)
    installation = Installation(Settings(tmp_path, None, None, None), database)
    builders.open_bank(installation)
    endings = ("0017", "9003", "9021", "9022")
    world = [builders.Payee(f"102100000{ending}") for ending in endings]
    builders.add_world(database, installation.vault, world, SIMULATOR_ADDRESS)
    gateway = installation.gateway("simbank")
    try:
        checked = check_accounts(database, installation.vault, gateway, "lan", builders.AT)
        assert checked == Checked(1, 1, 1, 1) if close else Checked(1, 0, 2, 1)
        # Only the one that nothing certain is known of is asked about again.
        assert check_accounts(database, installation.vault, gateway, "lan", builders.AT) == Checked(0, 0, 0, 1)
    finally:
        gateway.close()
        process.stop(installation.simulator_home)
    with database.transaction("lan") as connection:
        planning.plan(connection, builders.PERIOD, builders.PAY_ON, "simbank", frozenset(), builders.AT)
        found = validate(connection, builders.RUN, _HUGE, builders.AT)
        said = connection.scalars(text("SELECT said FROM engine.account_check ORDER BY check_no LIMIT 4")).all()
    told = {each.rule: (each.payments, each.blocking) for each in found.notable}
    assert told["account_said_to_be_anothers"] == (1 if close else 2, True)
    assert told.get("account_name_is_only_close") == ((1, False) if close else None)
    assert told["account_never_verified"] == (1, False)
    assert sorted(said) == ["close_match", "match", "no_match", "unable"]
