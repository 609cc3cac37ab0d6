"""No automatic match is wrong, whatever the bank makes of our words; and what can be known is found."""

from pathlib import Path

import pytest
from noisy_bank import NEVER_AUTOMATIC, make_noise, measure

from engine.database import Database

FULL = ("clean", "code in the memo", "memo cut behind the code", "returned", "virtual account", "unit in the memo")


@pytest.mark.parametrize(("seed", "files"), [(1, 1), (2, 3)])
def test_a_noisy_month_has_no_false_match(database: Database, tmp_path: Path, seed: int, files: int) -> None:
    with database.engine.connect() as connection:
        quality = measure(connection, tmp_path, make_noise(seed, 600), files=files)
        connection.rollback()
    assert (quality.false_matches, quality.false_vnd) == (0, 0)
    assert quality.adds_up
    assert quality.stable
    assert {kind: quality.recall[kind] for kind in FULL} == dict.fromkeys(FULL, 1.0)
    assert quality.recall["code lost, account there"] >= 0.95
    assert quality.recall["merged with codes"] >= 0.99
    assert quality.recall["told twice"] == 0.5
    assert {quality.recall[kind] for kind in NEVER_AUTOMATIC} == {0.0}
    assert quality.suggested >= 0.8
