from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from engine.awards.claim import Claim, Claimed
from engine.awards.workbook import read_claims
from engine.demonstration import population
from engine.demonstration.people import REFUSED_ENDINGS, RETURNED_ENDINGS
from engine.demonstration.population import PopulationFiles, payees_of, write_population
from engine.people.accounts import bank_problem, holder_problem, number_problem
from engine.people.files import ACCOUNT, BANK, HOLDER, PAYOUT_ACCOUNTS
from engine.people.person import NAME, PERSONAL_ID
from engine.people.workbook import Problems, Row, fold, read_sheets

DECIDED_ON = date(2026, 11, 2)


def claims_of(files: PopulationFiles) -> list[Claim]:
    problems = Problems()
    claims = [claim for path in files.workbooks for _, claim in read_claims(path, DECIDED_ON, problems)]
    assert problems.found == []
    return claims


def account_rows(path: Path) -> list[Row]:
    problems = Problems()
    rows = read_sheets(path, [PAYOUT_ACCOUNTS], problems)[PAYOUT_ACCOUNTS.name]
    assert problems.found == []
    return rows


def test_a_large_population_is_handed_in_as_several_workbooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = claims_of(write_population(tmp_path, 100, 1))
    monkeypatch.setattr(population, "_ROWS_IN_A_WORKBOOK", 150)
    files = write_population(tmp_path, 100, 1)
    assert [path.name for path in files.workbooks[:2]] == ["ho-so-huong.xlsx", "ho-so-huong-2.xlsx"]
    assert claims_of(files) == whole


def test_the_same_seed_writes_the_same_values_and_another_seed_others(tmp_path: Path) -> None:
    first, again, other = (
        write_population(tmp_path / name, 300, seed) for name, seed in (("a", 7), ("b", 7), ("c", 8))
    )
    assert claims_of(first) == claims_of(again) != claims_of(other)
    assert first.payout_accounts.read_bytes() == again.payout_accounts.read_bytes()
    assert first.payout_accounts.read_bytes() != other.payout_accounts.read_bytes()


@pytest.mark.parametrize("payees", [50, 200, 1000])
def test_every_payee_has_one_account_and_every_misbehaviour_occurs(tmp_path: Path, payees: int) -> None:
    files = write_population(tmp_path, payees, 1)
    people = {payee.personal_id: payee for claim in claims_of(files) for payee in payees_of(claim)}
    rows = account_rows(files.payout_accounts)
    assert len(people) == len(rows) == files.payees == payees
    for row in rows:
        payee = people[row.cells[PERSONAL_ID]]  # type: ignore[index]
        assert row.cells[NAME] == payee.name
        assert bank_problem(str(row.cells[BANK])) is None
        assert number_problem(str(row.cells[ACCOUNT])) is None
        assert holder_problem(str(row.cells[HOLDER]), fold(payee.name)) is None
    endings = Counter(str(row.cells[ACCOUNT])[-4:] for row in rows)
    # 10 in a thousand refused and 8 in a thousand returned; at least one of each of the three kinds
    assert sum(endings[ending] for ending in REFUSED_ENDINGS) == max(3, payees * 10 // 1000)
    assert sum(endings[ending] for ending in RETURNED_ENDINGS) == max(3, payees * 8 // 1000)
    assert all(endings[ending] for ending in REFUSED_ENDINGS + RETURNED_ENDINGS)
    assert endings["9004"] == 0


def test_a_thousand_payees_are_mixed_as_documented(tmp_path: Path) -> None:
    claims = claims_of(write_population(tmp_path, 1000, 1))
    payees: Counter[str] = Counter()
    for claim in claims:
        payees[claim.benefit] += len(payees_of(claim))
    # 60 new pensions, 80 survivors, 20 funerals; what is left of the thousand runs already
    assert payees == {"pension": 60, "survivor_allowance": 80, "funeral_grant": 20, "running_pension": 840}
    assert sum(claim.stopped_before_1995 for claim in claims) == 50  # 6% of 840 = 50.4
    deaths = [claim.death.on for claim in claims if claim.benefit is Claimed.FUNERAL_GRANT and claim.death]
    assert all(date(2026, 10, 1) <= day <= date(2026, 11, 1) for day in deaths)


def test_ages_and_careers_fit_the_benefit(tmp_path: Path) -> None:
    for claim in claims_of(write_population(tmp_path, 1000, 2)):
        age_in_2026 = 2026 - claim.insured.birth_date.year
        if claim.benefit is Claimed.RUNNING_PENSION:
            assert claim.starts_on is not None
            assert claim.starts_on < date(2026, 7, 1)
            assert age_in_2026 >= (81 if claim.stopped_before_1995 else 56)
        if claim.benefit is Claimed.PENSION:
            assert sum(stretch.months for stretch in claim.history) >= 180
            assert claim.starts_on is not None
            assert claim.history[-1].last_month < claim.starts_on <= date(2026, 11, 1)
        for relative in claim.relatives:
            is_child = relative.person.birth_date.year >= 2009
            assert is_child == (relative.relation == "child")
