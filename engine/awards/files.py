"""Taking in an award workbook: read, recognise, decide, record. Everything or nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from engine.awards.award import decide
from engine.awards.claim import Claim
from engine.awards.facts import compare_with_known, write_facts
from engine.awards.register import Act, refuse_repeated, write_decisions
from engine.awards.workbook import CLAIM_NO, read_claims
from engine.law.errors import LawError
from engine.law.parameters import Parameters, law_version
from engine.people.files import import_payout_accounts
from engine.people.imported_file import keep, receive
from engine.people.person import Person, enrol, recognise
from engine.people.workbook import Problems
from engine.vault import Vault

__all__ = ["AwardsImported", "Refusal", "import_awards", "import_payout_accounts"]

_KIND = "award"
_PROGRESS_STEP = 500

Progress = Callable[[int, int], None]
"""Told how many claims are decided, of how many."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A claim that the law does not grant, and why: a stable code such as `age`."""

    claim_no: str
    reason: str


@dataclass(frozen=True, slots=True)
class AwardsImported:
    """What a workbook did; `already` where the same file had done it before."""

    claims: int
    awards: int
    refused: Sequence[Refusal]
    already: bool = False


def import_awards(
    connection: Connection,
    vault: Vault,
    path: Path,
    decided_on: date,
    recorded_at: datetime,
    progress: Progress | None = None,
) -> AwardsImported:
    """Decides every claim of a workbook; refused whole, with all its problems, if anything in it is wrong.

    A claim that the law does not grant is no problem of the file: it is kept as refused, with its findings.
    """
    arrival = receive(connection, path, _KIND)
    if arrival.outcome is not None:
        return _remembered(arrival.outcome)
    problems = Problems()
    claims = read_claims(path, decided_on, problems)
    roll = recognise(connection, vault, ((row, person) for row, claim in claims for person in _people(claim)))
    facts = compare_with_known(connection, roll, claims)
    refuse_repeated(connection, roll, claims)
    problems.refuse_if_any()

    law, decided = Parameters.load(), []
    for row, claim in claims:
        try:
            decided.append((claim, decide(claim, decided_on, law)))
        except LawError as error:
            row.problem(CLAIM_NO, f"the law cannot be applied to {claim.claim_no}: {error}")
        if progress and (len(decided) % _PROGRESS_STEP == 0 or len(decided) == len(claims)):
            progress(len(decided), len(claims))
    problems.refuse_if_any()

    result = AwardsImported(
        claims=len(claims),
        awards=sum(len(decision.awards) for _, decision in decided),
        refused=tuple(
            Refusal(claim.claim_no, decision.refused_for) for claim, decision in decided if decision.refused_for
        ),
    )
    outcome = asdict(result)
    del outcome["already"]
    keep(connection, arrival, rows=len(claims), outcome=outcome, recorded_at=recorded_at)
    enrol(connection, vault, roll)
    write_facts(connection, facts, recorded_at)
    write_decisions(connection, roll.ids, decided, Act(arrival.sha256, decided_on, recorded_at, law_version()))
    return result


def _remembered(outcome: Mapping[str, Any]) -> AwardsImported:
    refused = tuple(Refusal(**refusal) for refusal in outcome["refused"])
    return AwardsImported(outcome["claims"], outcome["awards"], refused, already=True)


def _people(claim: Claim) -> list[Person]:
    return [claim.insured, claim.claimant, *(relative.person for relative in claim.relatives)]
