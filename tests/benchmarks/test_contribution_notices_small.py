"""The benchmark of a country's notices, for moments: only what it leaves in the books is looked at."""

from benchmarks.contribution_notices import declare_november, declare_october, empty_country, figures, pay, register


def test_every_employer_gets_its_notice_and_its_lines() -> None:
    with empty_country() as country:
        register(country, 300)
        declare_october(country, 2)
        declare_november(country)
        pay(country, 300)
        assert figures(country) == {
            "notices": 300,
            "lines": 1500,
            "expected": 301,
            "receipts": 300,
            "allocated_vnd": 1_920_000_000,
        }
