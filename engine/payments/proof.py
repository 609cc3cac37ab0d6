"""Biên bản đối chiếu: where every đồng of the runs is, shown three ways that must agree.

Payment states, the ledger, and the bank's own statements: each is computed from its own rows.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, text

from engine.contributions.proof import ContributionsProof, prove_contributions
from engine.payments import agreement, own_transfers
from ledger import balances
from reconciliation import breaks, proof
from reconciliation.breaks import Break
from reconciliation.proof import AccountProof


@dataclass(frozen=True, slots=True)
class ProofRow:
    run: str
    gateway: str
    fund: str
    state: str
    payments: int
    amount_vnd: int


@dataclass(frozen=True, slots=True)
class Proof:
    on: date
    """The day at whose end ledger and statements of our accounts are compared, and breaks are listed.

    Payments, totals and employers are always those of the moment of asking.
    """
    rows: tuple[ProofRow, ...]
    totals: dict[str, int]
    inquiries_resolved: int
    """Batches, and single payouts, whose fate was unknown and was found out by asking, not by sending again."""
    accounts: tuple[AccountProof, ...]
    contributions: ContributionsProof
    open_cases: tuple[str, ...]
    """What a person must look at."""
    differences: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "on": self.on.isoformat(),
            "rows": [asdict(row) for row in self.rows],
            "totals": self.totals,
            "inquiries_resolved": self.inquiries_resolved,
            "accounts": [account.as_json() for account in self.accounts],
            "contributions": self.contributions.as_json()["rows"],
            "open_cases": list(self.open_cases),
            "differences": list(self.differences),
        }


def prove(connection: Connection, on: date) -> Proof:
    """The proof of all runs and of all employers' accounts on a date, with every difference listed."""
    rows = tuple(
        ProofRow(**row._asdict())
        for row in connection.execute(
            text("""
                SELECT r.run_code AS run, p.gateway, p.fund, p.state, count(*) AS payments,
                       sum(p.amount_vnd)::bigint AS amount_vnd
                FROM engine.payment p JOIN engine.payment_run r USING (run_id)
                WHERE p.state <> 'planned' GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4""")
        )
    )
    totals = _totals(connection, rows)
    accounts = tuple(proof.prove(connection, on, lambda code, day: balances.balance(connection, code, on=day).vnd))
    found = breaks.open_breaks(connection, on)
    contributions = prove_contributions(connection)
    differences = [
        *agreement.differences(connection),
        *contributions.differences,
        *own_transfers.differences(connection),
        *_unbalanced_totals(totals),
        *(difference for account in accounts for difference in account.differences),
        *(each.description for each in found if each.keeps_day_open),
    ]
    return Proof(
        on=on,
        rows=rows,
        totals=totals,
        inquiries_resolved=_inquiries_resolved(connection),
        accounts=accounts,
        contributions=contributions,
        open_cases=_open_cases(connection, found),
        differences=tuple(differences),
    )


def _totals(connection: Connection, rows: tuple[ProofRow, ...]) -> dict[str, int]:
    """What was approved, from the ledger; what became of it, from the payments."""
    approved = connection.scalar(
        text("""
            SELECT coalesce(sum(l.amount_vnd), 0)::bigint FROM ledger.line l JOIN ledger.entry e USING (entry_id)
            WHERE e.event = 'run_approved'""")
    )
    totals = {"approved": int(approved or 0)}
    for state in ("settled", "returned", "in_transit", "held", "failed", "cancelled"):
        totals[state] = sum(row.amount_vnd for row in rows if row.state == state)
    waiting = sum(row.amount_vnd for row in rows if row.state == "approved")
    return totals | ({"waiting": waiting} if waiting else {})


def _unbalanced_totals(totals: dict[str, int]) -> list[str]:
    accounted = sum(amount for state, amount in totals.items() if state != "approved")
    if accounted == totals["approved"]:
        return []
    return [f"approved {totals['approved']} đ, accounted for {accounted} đ"]


def _open_cases(connection: Connection, found: Sequence[Break]) -> tuple[str, ...]:
    cases = connection.execute(
        text("SELECT subject, problem FROM engine.open_case WHERE closed_at IS NULL ORDER BY case_id")
    )
    waiting = (f"in suspense: {each.description}" for each in found if each.in_suspense)
    return (*(f"{case.subject}: {case.problem}" for case in cases), *waiting)


def _inquiries_resolved(connection: Connection) -> int:
    return (
        connection.scalar(
            text("""
                SELECT count(DISTINCT coalesce(o.attempt_id, o.batch_id))
                FROM engine.observation o JOIN engine.batch b USING (batch_id)
                -- A parcel of single payouts is nothing that was asked about.
                WHERE (b.file_name IS NULL) = (o.attempt_id IS NOT NULL)
                  AND o.source = 'inquiry' AND o.state_before = 'unknown' AND o.state_after <> 'unknown'""")
        )
        or 0
    )
