"""The register of awards (sổ quyết định): claims with their decisions, awards and their amounts, written in bulk."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from psycopg.types.json import Jsonb
from psycopg.types.range import Range
from sqlalchemy import ARRAY, Connection, Text, Uuid, any_, literal, select

from engine.awards import tables
from engine.awards import workbook as form
from engine.awards.award import Award, Decision
from engine.awards.claim import Claim, Claimed
from engine.people.bulk import copy_rows, new_ids
from engine.people.person import Roll
from engine.people.workbook import Row

_Decided = Sequence[tuple[Claim, Decision]]

# Of each kind a person is granted one; who stands in the same set excludes the other.
_ONCE_FOR_A_PERSON = (
    {Claimed.PENSION, Claimed.RUNNING_PENSION},
    {Claimed.FUNERAL_GRANT},
    {Claimed.SURVIVOR_ALLOWANCE, Claimed.SURVIVOR_LUMP_SUM},
)


@dataclass(frozen=True, slots=True)
class Act:
    """What all decisions of one import share: the file, the day of decision, the instant, the law as written."""

    sha256: bytes
    decided_on: date
    recorded_at: datetime
    law_version: str


def refuse_repeated(connection: Connection, roll: Roll, claims: Iterable[tuple[Row, Claim]]) -> None:
    """Notes claims that are on record already, and second claims to what a person is granted once."""
    claims = list(claims)
    columns = tables.claim.c
    numbers = any_(literal([claim.claim_no for _, claim in claims], ARRAY(Text)))
    insured = any_(literal([roll.ids[claim.insured.personal_id] for _, claim in claims], ARRAY(Uuid)))
    on_record = set(connection.scalars(select(columns.claim_no).where(columns.claim_no == numbers)))
    granted: dict[tuple[UUID, str], str] = {
        (known.insured_person_id, known.benefit): known.claim_no
        for known in connection.execute(
            select(columns.insured_person_id, columns.benefit, columns.claim_no).where(
                columns.insured_person_id == insured, columns.decision == "awarded"
            )
        )
    }
    for row, claim in claims:
        person_id = roll.ids[claim.insured.personal_id]
        if claim.claim_no in on_record:
            row.problem(form.CLAIM_NO, f"{claim.claim_no} is decided already")
            continue
        alike = next(kind for kind in _ONCE_FOR_A_PERSON if claim.benefit in kind)
        earlier = next((granted[person_id, benefit] for benefit in alike if (person_id, benefit) in granted), None)
        if earlier is not None:
            row.problem(form.BENEFIT, f"the insured person has this benefit by claim {earlier}")
        granted[person_id, claim.benefit] = claim.claim_no


def write_decisions(connection: Connection, ids: Mapping[str, UUID], decided: _Decided, act: Act) -> None:
    """Writes claims, awards and amounts; who awarded them is the acting person of the transaction."""
    claim_ids = new_ids(connection, len(decided))
    copy_rows(
        connection,
        tables.claim,
        (
            _claim(claim_id, ids, claim, decision, act)
            for claim_id, (claim, decision) in zip(claim_ids, decided, strict=True)
        ),
    )
    awards = [
        (claim_id, award)
        for claim_id, (_, decision) in zip(claim_ids, decided, strict=True)
        for award in decision.awards
    ]
    award_ids = new_ids(connection, len(awards))
    copy_rows(
        connection,
        tables.award,
        (
            _award(award_id, claim_id, ids[award.payee.personal_id], award, act)
            for award_id, (claim_id, award) in zip(award_ids, awards, strict=True)
        ),
    )
    copy_rows(
        connection,
        tables.award_amount,
        (row for award_id, (_, award) in zip(award_ids, awards, strict=True) for row in _amounts(award_id, award, act)),
    )


def _claim(claim_id: UUID, ids: Mapping[str, UUID], claim: Claim, decision: Decision, act: Act) -> dict[str, object]:
    return {
        "claim_id": claim_id,
        "claim_no": claim.claim_no,
        "benefit": claim.benefit.value,
        "insured_person_id": ids[claim.insured.personal_id],
        "claimant_person_id": ids[claim.claimant.personal_id],
        "facts": Jsonb(claim.facts()),
        "received_on": claim.received_on,
        "decision": "awarded" if decision.awards else "refused",
        "reason": decision.refused_for,
        # An award carries its own findings; the claim keeps those of a refusal.
        "findings": Jsonb([] if decision.awards else decision.findings.as_json()),
        "imported_from": act.sha256,
        "office_code": claim.office_code,
    }


def _award(award_id: UUID, claim_id: UUID, person_id: UUID, award: Award, act: Act) -> dict[str, object]:
    return {
        "award_id": award_id,
        "award_no": award.award_no,
        "claim_id": claim_id,
        "person_id": person_id,
        "benefit": award.benefit,
        "fund": award.fund,
        "frequency": award.frequency,
        "starts_on": award.starts_on,
        "decided_on": act.decided_on,
        "law_version": act.law_version,
        "unconfirmed": list(award.unconfirmed),
        "findings": Jsonb(award.findings.as_json()),
        "recorded_at": act.recorded_at,
    }


def _amounts(award_id: UUID, award: Award, act: Act) -> Iterator[dict[str, object]]:
    for amount in award.amounts:
        yield {
            "award_id": award_id,
            "entitled_during": Range(amount.from_month, amount.end_month, bounds="[)"),
            "amount_vnd": amount.amount_vnd,
            "findings": Jsonb(amount.findings.as_json()),
            "recorded_during": Range(act.recorded_at, None, bounds="[)"),
        }
