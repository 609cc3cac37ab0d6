"""Declarations, notices, receipts and their allocation as lists; an employer's own, or all for finance staff."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from engine.contributions.account import debits_of
from engine.contributions.announcements import announced_vnd
from engine.contributions.declaration_returns import handled
from engine.contributions.notices import notice_document
from engine.contributions.recording import certificate
from engine.errors import NotFound, WrongInput
from engine.law.parameters import Parameters
from engine.vault import Vault


@dataclass(frozen=True, slots=True)
class NoticeSummary:
    """Thông báo đóng, in one line, and what is still owed for its month on a day.

    `principal_outstanding_vnd` is what nothing has been allocated to of the month's dues,
    `late_charge_outstanding_vnd` the charge for lateness up to the day; `outstanding_vnd` is both.
    `announced_vnd` is what banks, wallets and payment pages say was paid and no statement or settlement file shows yet.
    """

    notice_no: int
    payment_code: str
    unit_code: str
    period: date
    due_on: date
    issued_at: datetime
    amount_vnd: int
    dues_vnd: int
    principal_outstanding_vnd: int
    late_charge_outstanding_vnd: int
    outstanding_vnd: int
    announced_vnd: int


@dataclass(frozen=True, slots=True)
class AllocatedPart:
    """What a receipt gave to one fund for one month."""

    fund: str
    period: date
    kind: str
    amount_vnd: int


@dataclass(frozen=True, slots=True)
class ReceiptSummary:
    """Khoản thu: money that an accepted statement shows, and where it went. `surplus_vnd` waits for the next dues."""

    receipt_no: int
    notice_no: int
    unit_code: str
    booked_on: date
    amount_vnd: int
    surplus_vnd: int
    parts: Sequence[AllocatedPart]


def list_notices(
    connection: Connection,
    today: date,
    *,
    employer_id: UUID | None = None,
    after: int | None = None,
    latest_first: bool = False,
    limit: int,
) -> list[NoticeSummary]:
    """Notices in the order of their numbers, those after a number, with what is owed for their months today."""
    rows = connection.execute(
        text(f"""
            SELECT n.notice_no, n.payment_code, n.employer_id, n.declaration_id, e.unit_code, c.period, n.due_on,
                   n.issued_at, n.amount_vnd,
                   (SELECT coalesce(sum(employee_vnd + employer_vnd), 0)::bigint FROM engine.dues
                    WHERE declaration_id = n.declaration_id) AS dues_vnd
            FROM engine.notice n JOIN engine.employer e USING (employer_id)
            JOIN engine.declaration c USING (declaration_id)
            WHERE (CAST(:employer_id AS uuid) IS NULL OR n.employer_id = :employer_id) AND n.notice_no > :after
            ORDER BY n.notice_no {"DESC" if latest_first else "ASC"} LIMIT :limit"""),
        {"employer_id": employer_id, "after": after or 0, "limit": limit},
    ).all()
    employers = {row.employer_id for row in rows}
    owed = _owed_by_declaration(connection, employers, today)
    announced = announced_vnd(connection, list(employers))
    found = []
    for row in rows:
        told = row._asdict()
        del told["employer_id"]
        principal_vnd, late_charge_vnd = owed[told.pop("declaration_id")]
        found.append(
            NoticeSummary(
                **told,
                principal_outstanding_vnd=principal_vnd,
                late_charge_outstanding_vnd=late_charge_vnd,
                outstanding_vnd=principal_vnd + late_charge_vnd,
                announced_vnd=announced.get(row.notice_no, 0),
            )
        )
    return found


def _owed_by_declaration(connection: Connection, employers: Iterable[UUID], on: date) -> dict[UUID, tuple[int, int]]:
    """Principal and late charge still owed for each declared month of these employers, in đồng."""
    owed: dict[UUID, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for debits in debits_of(connection, list(employers), on, Parameters.load()).values():
        for debit in debits:
            principal_vnd, late_charge_vnd = owed[debit.declaration_id]
            owed[debit.declaration_id] = principal_vnd + debit.principal_vnd, late_charge_vnd + debit.charge_vnd
    return owed


@dataclass(frozen=True, slots=True)
class CorrectionSummary:
    """A month declared again: what that added (truy thu) and took away, in đồng."""

    declaration_no: str
    period: date
    accepted_at: datetime
    due_on: date
    added_vnd: int
    taken_away_vnd: int


def list_corrections(connection: Connection, employer_id: UUID, *, limit: int) -> list[CorrectionSummary]:
    """Months that an employer declared again, the latest first."""
    rows = connection.execute(
        text("""
            SELECT c.declaration_no, c.period, c.accepted_at, c.due_on,
                   (SELECT coalesce(sum(employee_vnd + employer_vnd), 0)::bigint FROM engine.dues
                    WHERE declaration_id = c.declaration_id) AS added_vnd,
                   (SELECT coalesce(sum(amount_vnd), 0)::bigint FROM engine.receipt
                    WHERE declaration_id = c.declaration_id) AS taken_away_vnd
            FROM engine.declaration c WHERE c.employer_id = :employer_id AND c.number > 1
            ORDER BY c.accepted_at DESC, c.declaration_no DESC LIMIT :limit"""),
        {"employer_id": employer_id, "limit": limit},
    )
    return [CorrectionSummary(**row._asdict()) for row in rows]


def show_notice(connection: Connection, vault: Vault, notice_no: int, employer_id: UUID | None) -> dict[str, Any]:
    """All that stands on a notice. Another employer's notice is as unknown as none."""
    owner = connection.scalar(
        text("SELECT employer_id FROM engine.notice WHERE notice_no = :notice_no"), {"notice_no": notice_no}
    )
    if owner is None or (employer_id is not None and owner != employer_id):
        raise NotFound(f"there is no notice {notice_no}")
    return notice_document(connection, vault, notice_no)


def list_receipts(
    connection: Connection,
    *,
    employer_id: UUID | None = None,
    after: int | None = None,
    latest_first: bool = False,
    limit: int,
) -> list[ReceiptSummary]:
    """Receipts in the order of their numbers, those after a number, each with its allocation."""
    rows = connection.execute(
        text(f"""
            SELECT r.receipt_no, n.notice_no, e.unit_code, r.booked_on, r.amount_vnd,
                   r.amount_vnd - coalesce(sum(p.amount_vnd), 0)::bigint AS surplus_vnd,
                   coalesce(json_agg(json_build_object('fund', p.fund, 'period', p.period, 'kind', p.kind,
                                                       'amount_vnd', p.amount_vnd)
                                     ORDER BY p.period, p.kind DESC, p.fund) FILTER (WHERE p.fund IS NOT NULL),
                            '[]') AS parts
            FROM engine.receipt r JOIN engine.notice n USING (notice_id)
            JOIN engine.employer e ON e.employer_id = r.employer_id
            LEFT JOIN (
                SELECT a.receipt_id, a.fund, c.period, a.kind, sum(a.amount_vnd)::bigint AS amount_vnd
                FROM engine.allocation a JOIN engine.declaration c USING (declaration_id)
                GROUP BY 1, 2, 3, 4) p USING (receipt_id)
            WHERE (CAST(:employer_id AS uuid) IS NULL OR r.employer_id = :employer_id) AND r.receipt_no > :after
            GROUP BY r.receipt_id, n.notice_no, e.unit_code
            ORDER BY r.receipt_no {"DESC" if latest_first else "ASC"} LIMIT :limit"""),
        {"employer_id": employer_id, "after": after or 0, "limit": limit},
    )
    return [_receipt(row._asdict()) for row in rows]


def employer_of(connection: Connection, employer_id: UUID | None, unit_code: str | None) -> tuple[UUID, str]:
    """The employer that is asked about, by id and unit code: their own, or for finance staff the one they name."""
    if employer_id is None and unit_code is None:
        raise WrongInput(["say which employer: unit_code"])
    row = connection.execute(
        text("""
            SELECT employer_id, unit_code FROM engine.employer
            WHERE (CAST(:id AS uuid) IS NULL OR employer_id = :id)
                AND (CAST(:unit_code AS text) IS NULL OR unit_code = :unit_code)"""),
        {"id": employer_id, "unit_code": unit_code},
    ).one_or_none()
    if row is None:
        raise NotFound(f"there is no employer {unit_code}")
    return row.employer_id, row.unit_code


@dataclass(frozen=True, slots=True)
class DeclarationSummary:
    """Tờ khai: what was handed in, and what became of it: `accepted` under a number, or `returned` with its reasons."""

    state: str
    declaration_no: str | None
    period: date | None
    file_name: str
    file_sha256: str
    handled_at: datetime
    problem_count: int
    problems: Sequence[str]


def list_declarations(connection: Connection, employer_id: UUID, *, skip: int, limit: int) -> list[DeclarationSummary]:
    """What an employer has handed in, the latest first."""
    return [
        DeclarationSummary(
            state="accepted" if one.accepted else "returned",
            declaration_no=one.declaration_no,
            period=one.period,
            file_name=one.file_name,
            file_sha256=one.file_sha256,
            handled_at=one.handled_at,
            problem_count=one.problem_count,
            problems=one.problems,
        )
        for one in handled(connection, employer_id, skip=skip, limit=limit)
    ]


def show_declaration(connection: Connection, number: str, employer_id: UUID | None) -> dict[str, Any]:
    """The certificate of what was accepted under a number. Another employer's is as unknown as none."""
    owner = connection.scalar(
        text("SELECT employer_id FROM engine.declaration WHERE declaration_no = :number"), {"number": number}
    )
    if owner is None or (employer_id is not None and owner != employer_id):
        raise NotFound(f"there is no declaration {number}")
    return certificate(connection, number)


def _receipt(row: dict[str, Any]) -> ReceiptSummary:
    parts = [
        AllocatedPart(part["fund"], date.fromisoformat(part["period"]), part["kind"], part["amount_vnd"])
        for part in row.pop("parts")
    ]
    return ReceiptSummary(**row, parts=parts)
