"""Hồ sơ điều chỉnh: facts that were wrong or came late make a new version of a claim, never an edit.

The corrected claim comes in the same workbook under its own number, with the document that proves it. The law is
applied to it anew, and each month is compared with what was believed: the findings of both decisions stay. Approved by
a second person, the new amounts take the place of the old ones; what earlier months were short of is back pay of the
next run, what they had too much of is recoverable.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb
from psycopg.types.range import Range
from sqlalchemy import Connection, Row, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from engine import audit
from engine.awards import tables
from engine.awards.award import Amount, Award, adjustment_days, decide
from engine.awards.births import Recorded, apply_births, as_recorded, corrected_births, keep_births
from engine.awards.claim import Claim, Claimed, month_after
from engine.awards.facts import replace_history
from engine.awards.workbook import BENEFIT, CLAIM_NO, DIED, read_claims
from engine.errors import NotAllowed, NotFound, WrongInput
from engine.law.calendar import Month
from engine.law.differences import Difference, Entitlement, compare
from engine.law.errors import LawError
from engine.law.findings import Record
from engine.law.parameters import Parameters
from engine.people.bulk import copy_rows
from engine.people.imported_file import receive
from engine.people.person import births_by_personal_id, recognise
from engine.people.workbook import Problems
from engine.people.workbook import Row as SheetRow
from engine.vault import Vault

_KIND = "corrected_award"


@dataclass(frozen=True, slots=True)
class Proposed:
    """What a corrected claim would change of one award, in đồng over the months until today."""

    version_no: int
    award_no: str
    months: int
    """That are due another amount than was believed."""
    back_pay_vnd: int
    recoverable_vnd: int


def propose_corrections(
    connection: Connection, vault: Vault, path: Path, evidence: str, decided_on: date, at: datetime
) -> list[Proposed]:
    """Reads corrected claims and works out every difference; nothing changes before another person approves.

    Refused whole, with all problems: a claim that has no award, another insured person or benefit, facts that the law
    does not grant, and an award that the claim did not have before.
    """
    if not evidence.strip():
        raise WrongInput(["a correction names the document that proves it"])
    arrival = receive(connection, path, _KIND)
    problems = Problems()
    claims = read_claims(path, decided_on, problems)
    people = _people_on_record(connection, vault, claims)
    recognise(connection, vault, as_recorded(claims, people))
    problems.refuse_if_any()
    law, proposed = Parameters.load(), []
    for row, claim in claims:
        known = _awards_on_record(connection, claim, row)
        _require_same_death(connection, claim, people, row)
        if known and claim.benefit is Claimed.RUNNING_PENSION:
            _require_no_later_adjustment(known, row, decided_on, law)
        try:
            decision = decide(claim, decided_on, law)
        except LawError as error:
            row.problem(CLAIM_NO, f"the law cannot be applied to {claim.claim_no}: {error}")
            continue
        if known and decision.refused_for:
            nothing = f"the corrected facts give nothing ({decision.refused_for})"
            row.problem(CLAIM_NO, f"{nothing}: claim the month from which they do, or terminate the award")
        decided = _decided_by_award(known, decision.awards, people, row)
        if len(problems.found) == 0:
            version_no = _write_version(connection, claim, known, evidence, arrival.sha256, at)
            keep_births(connection, version_no, corrected_births(claim, people))
            for award_no, award in known.items():
                proposed.append(
                    _write_correction(connection, version_no, award, decided.get(award_no), decided_on, law)
                )
    problems.refuse_if_any()
    for each in proposed:
        audit.record(connection, "correction_proposed", f"correction {each.version_no}", at, award=each.award_no)
    return proposed


def approve_correction(connection: Connection, version_no: int, at: datetime) -> list[str]:
    """Duyệt hồ sơ điều chỉnh: the second person. The corrected amounts and facts are believed from now on.

    Returns the awards. Raises `NotAllowed` for who proposed it or may not approve, and if amounts changed meanwhile.
    """
    row = connection.execute(
        text("""
            SELECT v.facts, v.approved_at, c.insured_person_id FROM engine.claim_version v
            JOIN engine.claim c USING (claim_id) WHERE v.version_no = :no FOR UPDATE OF v"""),
        {"no": version_no},
    ).one_or_none()
    if row is None:
        raise NotFound(f"there is no correction {version_no}")
    if row.approved_at is not None:
        raise NotAllowed(f"correction {version_no} is decided already")
    try:
        connection.execute(
            text("""
                UPDATE engine.claim_version SET approved_at = :at, approved_by = engine.acting_person()
                WHERE version_no = :no"""),
            {"at": at, "no": version_no},
        )
    except IntegrityError as error:
        raise NotAllowed("who proposed a correction does not approve it: two persons") from error
    except DBAPIError as error:
        raise NotAllowed(str(error.orig).splitlines()[0]) from error
    corrections = connection.execute(
        text("""
            SELECT x.award_id, x.replaced, x.amounts, a.award_no FROM engine.correction x
            JOIN engine.award a USING (award_id) WHERE x.version_no = :no ORDER BY a.award_no"""),
        {"no": version_no},
    ).all()
    for correction in corrections:
        _replace_amounts(connection, correction, at)
    apply_births(connection, version_no)
    replace_history(connection, row.insured_person_id, row.facts.get("history") or [], at)
    audit.record(connection, "correction_approved", f"correction {version_no}", at)
    return [correction.award_no for correction in corrections]


def corrections_of(connection: Connection, award_no: str) -> list[dict[str, Any]]:
    """Every correction of an award: its evidence, the months that differ, and by whom it was decided."""
    rows = connection.execute(
        text("""
            SELECT v.version_no, v.evidence, v.proposed_by, v.approved_by, v.approved_at, x.months, x.back_pay_vnd,
                   x.recoverable_vnd
            FROM engine.correction x JOIN engine.claim_version v USING (version_no)
            JOIN engine.award a USING (award_id) WHERE a.award_no = :award_no ORDER BY v.version_no"""),
        {"award_no": award_no},
    )
    return [row._asdict() for row in rows]


def _people_on_record(
    connection: Connection, vault: Vault, claims: Sequence[tuple[SheetRow, Claim]]
) -> dict[str, Recorded]:
    """Everybody of the claims whom we know, by personal id."""
    people = (
        person
        for _, claim in claims
        for person in (claim.insured, claim.claimant, *(relative.person for relative in claim.relatives))
    )
    found = births_by_personal_id(connection, vault, {person.personal_id for person in people})
    return {personal_id: Recorded(*recorded) for personal_id, recorded in found.items()}


def _require_same_death(connection: Connection, claim: Claim, people: Mapping[str, Recorded], row: SheetRow) -> None:
    """On the day of a death hang the payments of every award of the deceased: it is no fact of one claim alone."""
    insured = people.get(claim.insured.personal_id)
    if claim.death is None or insured is None:
        return
    recorded = connection.scalar(
        text("""
            SELECT happened_on FROM engine.vital_event
            WHERE person_id = :person AND kind = 'death' AND upper_inf(recorded_during)"""),
        {"person": insured.person_id},
    )
    if recorded is not None and recorded != claim.death.on:
        row.problem(DIED, f"the death is recorded as of {recorded:%d/%m/%Y}")


def _decided_by_award(
    known: Mapping[str, Row[Any]], awards: Sequence[Award], people: Mapping[str, Recorded], row: SheetRow
) -> dict[str, Award]:
    """The newly decided awards by the numbers of those on record: by payee and benefit, since places may have moved."""
    numbers = {(on_record.person_id, on_record.benefit): award_no for award_no, on_record in known.items()}
    decided = {}
    for award in awards:
        payee = people.get(award.payee.personal_id)
        award_no = numbers.get((payee.person_id, award.benefit)) if payee else None
        if award_no is not None:
            decided[award_no] = award
        elif known:
            what = f"{award.benefit} of {award.payee.name}"
            row.problem(CLAIM_NO, f"{what} is no award of this claim yet: it is claimed, not corrected")
    return decided


def _awards_on_record(connection: Connection, claim: Claim, row: SheetRow) -> dict[str, Row[Any]]:
    awards = connection.execute(
        text("""
            SELECT c.claim_id, c.benefit AS claimed, a.award_id, a.award_no, a.person_id, a.benefit, a.frequency,
                a.decided_on, a.findings
            FROM engine.claim c JOIN engine.award a USING (claim_id) WHERE c.claim_no = :no ORDER BY a.award_no"""),
        {"no": claim.claim_no},
    ).all()
    if not awards:
        row.problem(CLAIM_NO, f"{claim.claim_no} has no award that could be corrected")
    elif awards[0].claimed != claim.benefit:
        row.problem(BENEFIT, f"{claim.claim_no} is a claim to {awards[0].claimed}")
    return {award.award_no: award for award in awards}


def _require_no_later_adjustment(
    known: Mapping[str, Row[Any]], row: SheetRow, decided_on: date, law: Parameters
) -> None:
    """The amount before the last adjustment is a fact of such a claim: another adjustment since makes it another."""
    award = next(iter(known.values()))
    if any(award.decided_on < day <= decided_on for day in adjustment_days(law)):
        row.problem(CLAIM_NO, "was adjusted since it was taken over: its earlier amount cannot be corrected here")


def _write_version(
    connection: Connection, claim: Claim, known: Mapping[str, Row[Any]], evidence: str, sha256: bytes, at: datetime
) -> int:
    facts = claim.facts() | {
        "history": [
            {
                "first_month": stretch.first_month.isoformat(),
                "end_month": stretch.end_month.isoformat(),
                "regime": stretch.regime,
                "wage_vnd": stretch.wage_vnd,
                "coefficient": None if stretch.coefficient is None else str(stretch.coefficient),
                "seniority_percent": None if stretch.seniority_percent is None else str(stretch.seniority_percent),
            }
            for stretch in claim.history
        ]
    }
    version_no: int = connection.execute(
        text("""
            INSERT INTO engine.claim_version (claim_id, facts, evidence, imported_from, proposed_at)
            VALUES (:claim, :facts, :evidence, :sha256, :at) RETURNING version_no"""),
        {
            "claim": next(iter(known.values())).claim_id,
            "facts": Jsonb(facts),
            "evidence": evidence,
            "sha256": sha256,
            "at": at,
        },
    ).scalar_one()
    return version_no


def _write_correction(
    connection: Connection, version_no: int, award: Row[Any], decided: Award | None, on: date, law: Parameters
) -> Proposed:
    believed = _believed(connection, award.award_id)
    amounts = _amounts_of(award, decided, believed)
    record = decided.findings if decided else Record()
    until = month_after(on)
    difference = compare(
        Entitlement(
            _by_month([(row.months.lower, row.months.upper, row.amount_vnd) for row in believed], until), Record()
        ),
        Entitlement(_by_month([(each.from_month, each.end_month, each.amount_vnd) for each in amounts], until), record),
        on,
        law,
    )
    connection.execute(
        text("""
            INSERT INTO engine.correction (version_no, award_id, replaced, amounts, months, months_added,
                back_pay_vnd, recoverable_vnd, findings_before, findings)
            VALUES (:version, :award, :replaced, :amounts, :months, :added, :back, :recoverable, :before,
                :findings)"""),
        {
            "version": version_no,
            "award": award.award_id,
            "replaced": [row.award_amount_id for row in believed],
            "amounts": Jsonb([_as_json(each, record) for each in amounts]),
            "months": Jsonb(_months_as_json(difference)),
            "added": [month.month.first_day for month in difference.months if month.before_vnd == 0],
            "back": difference.back_pay_vnd,
            "recoverable": difference.recoverable_vnd,
            "before": Jsonb(award.findings),
            "findings": Jsonb(difference.after.as_json()),
        },
    )
    return Proposed(
        version_no, award.award_no, len(difference.months), difference.back_pay_vnd, difference.recoverable_vnd
    )


def _believed(connection: Connection, award_id: UUID) -> Sequence[Row[Any]]:
    return connection.execute(
        text("""
            SELECT award_amount_id, entitled_during AS months, amount_vnd FROM engine.award_amount
            WHERE award_id = :id AND upper_inf(recorded_during) ORDER BY entitled_during"""),
        {"id": award_id},
    ).all()


def _amounts_of(award: Row[Any], decided: Award | None, believed: Sequence[Row[Any]]) -> Sequence[Amount]:
    """The corrected amounts; an award that is paid once keeps its month."""
    if decided is None:
        return ()
    if award.frequency == "monthly" or not believed:
        return decided.amounts
    (amount,) = decided.amounts
    return (Amount(believed[0].months.lower, believed[0].months.upper, amount.amount_vnd, amount.findings),)


def _by_month(stretches: Sequence[tuple[date, date | None, int]], until: date) -> dict[Month, int]:
    """Đồng for each month before one."""
    months: dict[Month, int] = {}
    for first, end, amount_vnd in stretches:
        month = Month.containing(first)
        while month.first_day < min(end or until, until):
            months[month] = amount_vnd
            month = month + 1
    return months


def _months_as_json(difference: Difference) -> list[dict[str, object]]:
    return [
        {
            "month": f"{each.month.first_day:%Y-%m}",
            "before_vnd": each.before_vnd,
            "after_vnd": each.after_vnd,
            "difference_vnd": each.difference_vnd,
            "way": each.way.value,
        }
        for each in difference.months
    ]


def _as_json(amount: Amount, decided: Record) -> dict[str, object]:
    """With all its findings: the award's own are those of the first decision."""
    return {
        "from_month": amount.from_month.isoformat(),
        "end_month": amount.end_month and amount.end_month.isoformat(),
        "amount_vnd": amount.amount_vnd,
        "findings": [*decided.as_json(), *amount.findings.as_json()],
        "unconfirmed": sorted({*decided.unconfirmed(), *amount.findings.unconfirmed()}),
    }


def _replace_amounts(connection: Connection, correction: Row[Any], at: datetime) -> None:
    closed = connection.execute(
        text("""
            UPDATE engine.award_amount SET recorded_during = tstzrange(lower(recorded_during), :at)
            WHERE award_id = :award AND upper_inf(recorded_during) AND award_amount_id = ANY(:replaced)"""),
        {"at": at, "award": correction.award_id, "replaced": correction.replaced},
    ).rowcount
    if closed != len(correction.replaced) or _believed(connection, correction.award_id):
        raise NotAllowed(f"the amounts of award {correction.award_no} changed since this was proposed: propose it anew")
    copy_rows(
        connection,
        tables.award_amount,
        (
            {
                "award_id": correction.award_id,
                "entitled_during": Range(
                    date.fromisoformat(amount["from_month"]),
                    amount["end_month"] and date.fromisoformat(amount["end_month"]),
                    bounds="[)",
                ),
                "amount_vnd": amount["amount_vnd"],
                "findings": Jsonb(amount["findings"]),
                "unconfirmed": amount["unconfirmed"],
                "recorded_during": Range(at, None, bounds="[)"),
            }
            for amount in correction.amounts
        ),
    )
