"""The benchmark itself, far too small to measure: every drawn row is decided, and a table is printed."""

import pytest
from benchmarks import law_batch


def test_a_few_rows_of_each_rule_are_decided_and_measured(capsys: pytest.CaptureFixture[str]) -> None:
    law_batch.main(["--rows", "200", "--processes", "1"])

    table = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert [line[:2] for line in table] == [["contribution", "200"], ["pension_rate", "200"]]
    assert all(float(line[-1]) > 0 for line in table)
