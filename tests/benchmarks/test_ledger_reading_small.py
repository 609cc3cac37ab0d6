"""The benchmark itself, far too small to measure: what it posts is right, and it measures what it says."""

import json

import pytest
from benchmarks import ledger_reading


def test_a_small_book_is_filled_and_measured(capsys: pytest.CaptureFixture[str]) -> None:
    with ledger_reading.filled_home(3_600, None) as home:
        found = json.loads(ledger_reading.run(home, "verify", "--json").output)
        unsettled = 12  # one payment of each month
        assert (found["lines"], found["first_difference"]) == (3_600 - unsettled, None)
        capsys.readouterr()
        ledger_reading.measure(home, ["open-items"])
    table = capsys.readouterr().out.splitlines()
    assert [line.split("|")[1].strip() for line in table[2:]] == ["open items in transit", "open items of receivables"]
