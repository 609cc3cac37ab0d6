"""Đối soát: every line left open is matched again, what is found is applied once, and each account is reported.

What a line waited for may have come after its statement: an instruction registered late, a notice issued late, a gap
closed by a person. The result does not depend on how often or in which order statements came and this ran.
"""

from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, text

from engine import audit
from engine.payments.settlement import Applied, apply_matches
from ledger import balances
from reconciliation import breaks, matching, proof
from reconciliation.breaks import Break
from reconciliation.proof import AccountProof
from reconciliation.working_days import working_days_between

_LISTED_AT_MOST = 1_000
"""Breaks of one class on one account that are listed one by one; all are counted."""


@dataclass(frozen=True, slots=True)
class MatchedLines:
    """Lines of an account up to the day that a rule recognised, in đồng; below zero for money out."""

    rule: str
    lines: int
    amount_vnd: int


@dataclass(frozen=True, slots=True)
class OpenClass:
    """Breaks of one class on one account, for one owner. Amounts in đồng, ages in working days."""

    break_class: str
    owner: str
    breaks: int
    amount_vnd: int
    oldest_days: int
    next_action: str
    keeps_day_open: bool
    listed: tuple[dict[str, Any], ...]
    """The oldest of them."""


@dataclass(frozen=True, slots=True)
class AccountReport:
    """One account of ours at the end of the day."""

    proof: AccountProof
    matched: tuple[MatchedLines, ...]
    breaks: tuple[OpenClass, ...]

    @property
    def keeps_open(self) -> tuple[str, ...]:
        """Why the day cannot be closed on this account; nothing on a good day."""
        found = (each for each in self.breaks if each.keeps_day_open)
        words = (
            f"{self.proof.ledger_account}: {each.breaks} {each.break_class}, {each.amount_vnd} đ ({each.owner})"
            for each in found
        )
        return (*self.proof.differences, *words)

    def as_json(self) -> dict[str, Any]:
        proven = self.proof
        return {
            "account": proven.ledger_account,
            "ledger_vnd": proven.ledger_vnd,
            "statement_on": proven.statement_on.isoformat() if proven.statement_on else None,
            "statement_vnd": proven.statement_vnd,
            "difference_vnd": proven.difference_vnd,
            "expected": proven.expected,
            "expected_vnd": proven.expected_vnd,
            "waiting": proven.waiting,
            "matched": [asdict(each) for each in self.matched],
            "breaks": [_as_json(each) for each in self.breaks],
            "keeps_open": list(self.keeps_open),
        }


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What one reconciliation found and applied, and where every account stands."""

    on: date
    matched: int
    applied: Applied
    accounts: tuple[AccountReport, ...]

    @property
    def closes(self) -> bool:
        """Whether nothing keeps the day from being closed."""
        return not any(account.keeps_open for account in self.accounts)

    def as_json(self) -> dict[str, Any]:
        return {
            "on": self.on.isoformat(),
            "matched": self.matched,
            "settled": self.applied.settled,
            "returned": self.applied.returned,
            **asdict(self.applied.receipts),
            "fees_vnd": self.applied.fees_vnd,
            "closes": self.closes,
            "accounts": [account.as_json() for account in self.accounts],
        }


def reconcile(connection: Connection, on: date, at: datetime) -> Reconciled:
    """Matches again what is open on every account, applies what is found, and reports as of the end of a day."""
    run = matching.match_again(connection, at)
    applied = apply_matches(connection, run.run_id, at)
    matched = sum(run.matched.values())
    audit.record(connection, "reconciled", f"matching {run.run_id}", at, matched=matched, settled=applied.settled)
    return Reconciled(on, matched, applied, report(connection, on))


def report(connection: Connection, on: date) -> tuple[AccountReport, ...]:
    """Every account of ours at the end of a day."""
    matched = defaultdict(list)
    for row in connection.execute(_MATCHED, {"on": on}):
        matched[row.ledger_account].append(MatchedLines(row.rule, row.lines, row.amount_vnd))
    open_breaks = defaultdict(list)
    for found in breaks.open_breaks(connection, on):
        open_breaks[found.ledger_account].append(found)
    return tuple(
        AccountReport(
            proof=account,
            matched=tuple(matched[account.ledger_account]),
            breaks=_by_class(open_breaks[account.ledger_account], on),
        )
        for account in proof.prove(connection, on, lambda code, day: balances.balance(connection, code, on=day).vnd)
    )


def _by_class(found: list[Break], on: date) -> tuple[OpenClass, ...]:
    classes: dict[tuple[str, str], list[Break]] = defaultdict(list)
    for each in found:
        classes[each.break_class.value, each.owner.value].append(each)
    return tuple(
        OpenClass(
            break_class=name,
            owner=owner,
            breaks=len(members),
            amount_vnd=sum(each.amount_vnd for each in members),
            oldest_days=working_days_between(min(each.since for each in members), on),
            next_action=members[0].next_action,
            keeps_day_open=members[0].keeps_day_open,
            listed=tuple(_listed(each, on) for each in members[:_LISTED_AT_MOST]),
        )
        for (name, owner), members in sorted(classes.items())
    )


def _listed(each: Break, on: date) -> dict[str, Any]:
    return {
        "break_id": each.break_id,
        "reference": each.reference,
        "sign": each.sign.value if each.sign else None,
        "line_vnd": each.line_vnd,
        "expected_vnd": each.expected_vnd,
        "since": each.since.isoformat(),
        "age_days": working_days_between(each.since, on),
    }


def _as_json(each: OpenClass) -> dict[str, Any]:
    plain = asdict(each)
    return {"class": plain.pop("break_class"), **plain}


_MATCHED = text("""
    SELECT a.ledger_account, m.rule, count(DISTINCT m.item_id) AS lines,
        sum(CASE i.sign WHEN 'credit' THEN m.amount_vnd ELSE -m.amount_vnd END)::bigint AS amount_vnd
    FROM reconciliation.match m
    JOIN reconciliation.statement_item i USING (item_id)
    JOIN reconciliation.statement_entry e USING (statement_id, entry_no)
    JOIN reconciliation.statement s USING (statement_id)
    JOIN reconciliation.own_account a ON a.own_account_id = s.own_account_id
    WHERE m.undone_at IS NULL AND e.booked_on <= :on
    GROUP BY a.ledger_account, m.rule, m.rank ORDER BY a.ledger_account, m.rank""")
