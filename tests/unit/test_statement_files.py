"""Published statement files, compared with counts and sums that were taken from them by other means."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from reconciliation.formats import read_statements
from reconciliation.inspection import inspect
from reconciliation.statement import Entry, Sign

FILES = Path(__file__).parents[1] / "data" / "statements"


@dataclass(frozen=True)
class Expected:
    """What a statement of a file holds; amounts in minor units."""

    account: str
    currency: str
    entries: int
    credits: int
    debits: int
    opening: int | None = None
    closing: int | None = None


READ: dict[str, list[Expected]] = {
    "camt052-sek.xml": [Expected("123456789", "SEK", 4, 415_710_00, 5_567_83)],
    "camt053-gbp.xml": [Expected("GB87HAND40516218000025", "GBP", 2, 1_50, 1_60, 6_87, 6_77)],
    "camt053-incoming-sek.xml": [Expected("123456789", "SEK", 5, 13_384_60, 0, 1_000_00, 14_384_60)],
    "camt053-instant-sek.xml": [Expected("401234567", "SEK", 4, 44_00, 15_00, 1_900_00, 1_929_00)],
    "camt053-outgoing-sek.xml": [Expected("987654321", "SEK", 2, 0, 198_159_12, 1_000_000_00, 801_840_88)],
    "camt053-three-accounts.xml": [
        Expected("123456789", "SEK", 4, 13_409_80, 1_462_60, 219_456_60, 231_403_80),
        Expected("222333444", "SEK", 0, 0, 0, 527_941_32, 527_941_32),
        Expected("45678910", "NOK", 1, 0, 155_259_00, -96_483_98, -251_742_98),
    ],
    "camt054-credit-nok.xml": [Expected("94970123456", "NOK", 2, 139_714_00, 0)],
    "camt054-direct-debit-eur.xml": [Expected("SE3860000000000093225199", "EUR", 11, 11_55, 11_35)],
    "mt940-two-pages-pln.sta": [
        Expected("B4E08MS9D00A0009", "PLN", 3, 0, 369_00 + 15_07 + 123_00, 3_503_60, 2_996_53),
        Expected("B4E08MS9D00A0009", "PLN", 1, 0, 25_00, 2_996_53, 2_971_53),
    ],
    "mt942-nzd.sta": [Expected("123011050612305", "NZD", 2, 5_000_00, 5_000_00)],
    "mt942-three-entries-nzd.sta": [Expected("123011050612305", "NZD", 3, 5_020_00, 5_020_00)],
}


@pytest.mark.parametrize("name", READ)
def test_a_published_file_is_read_as_it_was_counted(name: str) -> None:
    inspection = inspect(FILES / name)
    assert inspection.problems == ()
    assert inspection.exit_code == 0
    found = []
    for inspected in inspection.statements:
        end = inspected.end
        statement = end.statement
        assert statement.currency is not None
        found.append(
            Expected(
                statement.account,
                statement.currency,
                end.entries,
                end.sum_credits,
                end.sum_debits,
                statement.opening,
                statement.closing,
            )
        )
        assert end.not_booked == 0
        assert end.adds_up is (None if statement.opening is None else True)
    assert found == READ[name]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("mt940-amount-without-comma.sta", "line 20"),
        ("mt940-30-february.sta", "line 5: '260230' is no day of the calendar (date)"),
    ],
)
def test_a_published_file_outside_the_rules_is_refused(name: str, problem: str) -> None:
    inspection = inspect(FILES / name)
    assert inspection.exit_code == 2
    (found,) = inspection.problems
    assert str(found).startswith(problem)


def test_the_details_of_a_published_batch_come_to_their_entry() -> None:
    entries = [event for event in read_statements(FILES / "camt053-outgoing-sek.xml") if isinstance(event, Entry)]
    single, batch = entries
    assert single.references.end_to_end_id == "Own reference 1"
    assert (batch.batch_count, batch.references.end_to_end_id, batch.details_add_up) == (3, None, True)
    assert [detail.references.end_to_end_id for detail in batch.details] == [
        "Own reference 21",
        "Own reference 22",
        "Own refernce 23",
    ]


def test_the_returns_of_a_published_notification_carry_their_reasons() -> None:
    entries = [event for event in read_statements(FILES / "camt054-direct-debit-eur.xml") if isinstance(event, Entry)]
    assert [entry.return_reason for entry in entries] == [None, *["P002"] * 8, "AC01", "AG02"]
    assert entries[0].details_add_up is True
    assert entries[9].sign is Sign.DEBIT
    assert entries[9].bank_transaction_code == "PMNT/IDDT/UPDD"


def test_every_kept_file_is_compared() -> None:
    kept = {path.name for path in FILES.iterdir() if path.suffix in {".xml", ".sta"}}
    assert kept == {*READ, "mt940-amount-without-comma.sta", "mt940-30-february.sta"}
