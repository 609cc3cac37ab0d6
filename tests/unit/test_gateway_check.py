from datetime import date, time

import pytest

from engine.cli.adapters import health_problems
from gateways.contract import Health
from gateways.registry import adapters, capabilities_of

TODAY = date(2026, 11, 25)
WELL = Health(reachable=True, credentials_accepted=True, clock_offset_seconds=1, certificate_expires_on=None, text="")


@pytest.mark.parametrize(
    ("health", "says"),
    [
        (WELL, None),
        (Health(True, None, None, None, "files can be exchanged"), None),
        (Health(True, True, 0, date(2026, 12, 25), ""), None),
        (Health(False, None, None, None, "ConnectError"), "not reachable: ConnectError"),
        (Health(True, False, 0, None, "HTTP 401 CLOCK"), "credentials refused: HTTP 401 CLOCK"),
        (Health(True, True, -301, None, ""), "the bank's clock is -301 seconds from ours"),
        (Health(True, True, 0, date(2026, 12, 24), ""), "our certificate ends on 2026-12-24"),
        (Health(True, True, 0, date(2026, 11, 1), ""), "our certificate ends on 2026-11-01"),
    ],
)
def test_a_check_names_what_a_person_must_look_at(health: Health, says: str | None) -> None:
    assert health_problems(health, TODAY) == ([] if says is None else [says])


@pytest.mark.parametrize("adapter", adapters())
def test_every_sheet_names_its_source_its_day_and_its_rails(adapter: str) -> None:
    sheet = capabilities_of("ours", adapter, TODAY)

    assert sheet.source
    assert sheet.effective_on <= TODAY
    assert sheet.rails[0].min_amount_vnd == sheet.min_amount_vnd
    for rail in sheet.rails:
        assert 0 < rail.min_amount_vnd <= rail.max_amount_vnd <= sheet.max_total_per_file_vnd
        assert time() <= rail.opens_at < rail.cut_off
    between = zip(sheet.rails, sheet.rails[1:], strict=False)
    assert all(below.max_amount_vnd + 1 == above.min_amount_vnd for below, above in between)
