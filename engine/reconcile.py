"""Đối soát: every line left open is matched again, what is found is applied once, and each account is reported.

What a line waited for may have come after its statement: an instruction registered late, a notice issued late, a gap
closed by a person. The result does not depend on how often or in which order statements came and this ran.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from engine import audit
from engine.clock import business_date
from engine.errors import DoesNotHold, NotAllowed
from engine.payments.settlement import Applied, apply_runs, know_agencies
from ledger import balances
from ledger.periods import close_period
from ledger.window import Window
from reconciliation import breaks, day_proofs, matching, news, proof
from reconciliation.breaks import Break
from reconciliation.day_proofs import KeptProof
from reconciliation.matching import MatchCounts
from reconciliation.proof import AccountProof, Moved
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
    in_suspense: bool
    listed: tuple[dict[str, Any], ...]
    """The oldest of them."""


@dataclass(frozen=True, slots=True)
class AccountReport:
    """One account of ours at the end of the day."""

    proof: AccountProof
    matched: tuple[MatchedLines, ...]
    breaks: tuple[OpenClass, ...]
    told_early: tuple[int, int]
    """Of what is expected and not booked yet, how much early news has told of: count and đồng."""
    in_books: Moved
    """What moved on the day by the ledger."""
    at_bank: Moved
    """What moved on the day by the statements."""

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
            "ledger_opening_vnd": proven.ledger_vnd - self.in_books.net_vnd,
            "ledger_in_vnd": self.in_books.in_vnd,
            "ledger_out_vnd": self.in_books.out_vnd,
            "ledger_vnd": proven.ledger_vnd,
            "statement_opening_vnd": self._statement_opening_vnd,
            "statement_in_vnd": self.at_bank.in_vnd,
            "statement_out_vnd": self.at_bank.out_vnd,
            "statement_on": proven.statement_on.isoformat() if proven.statement_on else None,
            "statement_vnd": proven.statement_vnd,
            "difference_vnd": proven.difference_vnd,
            "expected": proven.expected,
            "expected_vnd": proven.expected_vnd,
            "waiting": proven.waiting,
            "told_early": self.told_early[0],
            "told_early_vnd": self.told_early[1],
            "matched": [asdict(each) for each in self.matched],
            "breaks": [_as_json(each) for each in self.breaks],
            "keeps_open": list(self.keeps_open),
        }

    @property
    def _statement_opening_vnd(self) -> int | None:
        closing_vnd = self.proof.statement_vnd
        return None if closing_vnd is None else closing_vnd - self.at_bank.net_vnd


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
    know_agencies(connection, at)
    matched = 0

    def runs() -> Iterator[MatchCounts]:
        nonlocal matched
        for run in matching.match_again(connection, at):
            matched += sum(run.matched.values())
            yield run

    applied = apply_runs(connection, runs(), at)
    audit.record(connection, "reconciled", on.isoformat(), at, matched=matched, settled=applied.settled)
    return Reconciled(on, matched, applied, report(connection, on))


def report(connection: Connection, on: date) -> tuple[AccountReport, ...]:
    """Every account of ours at the end of a day."""
    matched = defaultdict(list)
    for row in connection.execute(_MATCHED, {"on": on}):
        matched[row.ledger_account].append(MatchedLines(row.rule, row.lines, row.amount_vnd))
    early = news.told_early(connection)
    window = Window(since=on, until=on)
    in_books = {row.account: Moved(row.debit.vnd, row.credit.vnd) for row in balances.turnover(connection, window)}
    at_bank = proof.booked(connection, on)
    open_breaks = defaultdict(list)
    for found in breaks.open_breaks(connection, on):
        open_breaks[found.ledger_account].append(found)
    return tuple(
        AccountReport(
            proof=account,
            matched=tuple(matched[account.ledger_account]),
            breaks=_by_class(open_breaks[account.ledger_account], on),
            told_early=early.get(account.ledger_account, (0, 0)),
            in_books=in_books.get(account.ledger_account, Moved()),
            at_bank=at_bank.get(account.ledger_account, Moved()),
        )
        for account in proof.prove(connection, on, lambda code, day: balances.balance(connection, code, on=day).vnd)
    )


def _by_class(found: list[Break], on: date) -> tuple[OpenClass, ...]:
    classes: dict[tuple[str, str, bool], list[Break]] = defaultdict(list)
    for each in found:
        classes[each.break_class.value, each.owner.value, each.in_suspense].append(each)
    return tuple(
        OpenClass(
            break_class=name,
            owner=owner,
            breaks=len(members),
            amount_vnd=sum(each.amount_vnd for each in members),
            oldest_days=working_days_between(min(each.since for each in members), on),
            next_action=members[0].next_action,
            keeps_day_open=members[0].keeps_day_open,
            in_suspense=members[0].in_suspense,
            listed=tuple(_listed(each, on) for each in members[:_LISTED_AT_MOST]),
        )
        for (name, owner, _), members in sorted(classes.items())
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


@dataclass(frozen=True, slots=True)
class ThreeWay:
    """Payments of one gateway, three ways: as the book has them, as the gateway told, as statements show. In đồng."""

    gateway: str
    sent_vnd: int
    """Left our payables and did not come back as failed."""
    ledger_in_transit_vnd: int
    """The balance of the gateway's account of money on its way."""
    told_success_vnd: int
    told_open_vnd: int
    """Without a final answer of the gateway."""
    statement_paid_vnd: int
    statement_returned_vnd: int

    @property
    def difference_vnd(self) -> int:
        """Sent, less what statements show as paid, less what the ledger has on its way; zero on a good day."""
        return self.sent_vnd - self.statement_paid_vnd - self.ledger_in_transit_vnd


def three_ways(connection: Connection, on: date) -> tuple[ThreeWay, ...]:
    """Ledger, gateways' own words and statements, for every gateway that ever sent."""
    rows = connection.execute(_THREE_WAYS, {"on": on}).all()
    return tuple(
        ThreeWay(
            ledger_in_transit_vnd=balances.balance(connection, f"in_transit.{row.gateway}", on=on).vnd,
            **row._asdict(),
        )
        for row in rows
    )


def prove_day(connection: Connection, on: date, at: datetime) -> KeptProof:
    """Biên bản đối chiếu: the proof of a day as it stands now, numbered and kept with its hash."""
    accounts = report(connection, on)
    ways = three_ways(connection, on)
    reasons = [reason for account in accounts for reason in account.keeps_open]
    reasons += [
        f"{way.gateway}: {way.difference_vnd} đ differ between ledger and statements"
        for way in ways
        if way.difference_vnd
    ]
    content = {
        "on": on.isoformat(),
        "closes": not reasons,
        "keeps_open": reasons,
        "three_ways": [asdict(way) | {"difference_vnd": way.difference_vnd} for way in ways],
        "accounts": [account.as_json() for account in accounts],
    }
    return day_proofs.keep(connection, on, content, at, closes=not reasons)


def close_month(connection: Connection, month: date, at: datetime) -> KeptProof:
    """Khóa sổ tháng: only after the proof of its last day finds nothing open; then the ledger takes no entry of it."""
    last = (month.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    if last >= business_date(at):
        raise NotAllowed(f"{month:%Y-%m} is not over")
    kept = prove_day(connection, last, at)
    if not kept.closes:
        raise DoesNotHold("\n".join(kept.content["keeps_open"]))
    close_period(connection, month, at)
    audit.record(connection, "month_closed", f"{month:%Y-%m}", at, proof=kept.number)
    return kept


_THREE_WAYS = text("""
    SELECT p.gateway,
        coalesce(sum(p.amount_vnd) FILTER (WHERE p.state IN ('in_transit', 'settled', 'returned')
            OR (p.state = 'cancelled' AND paid.paid)), 0)::bigint AS sent_vnd,
        coalesce(sum(p.amount_vnd) FILTER (WHERE a.state IN ('success', 'returned')), 0)::bigint AS told_success_vnd,
        coalesce(sum(p.amount_vnd) FILTER (WHERE a.state IN ('sending', 'pending', 'unknown')), 0)::bigint
            AS told_open_vnd,
        coalesce(sum(p.amount_vnd) FILTER (WHERE paid.paid), 0)::bigint AS statement_paid_vnd,
        coalesce(sum(p.amount_vnd) FILTER (WHERE paid.returned), 0)::bigint AS statement_returned_vnd
    FROM engine.payment p
    LEFT JOIN engine.attempt a ON a.payment_id = p.payment_id AND a.state <> 'failed'
    LEFT JOIN (
        SELECT reference, bool_or(NOT returned) AS paid, bool_or(returned) AS returned
        FROM reconciliation.matched_item WHERE kind = 'payment' AND run_id IS NOT NULL AND booked_on <= :on
        GROUP BY reference
    ) paid USING (reference)
    WHERE p.state NOT IN ('planned', 'approved')
    GROUP BY p.gateway ORDER BY p.gateway""")

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
