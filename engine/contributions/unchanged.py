"""Tháng không có thay đổi: employers that have told no change owe for a month what they owed for the one before.

The form tells changes, so most employers hand nothing in for most months and yet get their notice. They are taken by
shards of employers, each shard by a handful of statements and one journal entry; an employer whose month needs a look
of its own (other law or facts, a correction, arrears, money ahead) is assessed like one that hands in a file.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, text

from engine import audit, bookkeeping
from engine.clock import business_date
from engine.contributions.collection import expect_notices
from engine.contributions.declaration import declare_unchanged
from engine.contributions.dues import FUND_LABELS
from engine.contributions.employer import employer_on, lock_employers
from engine.contributions.notices import PREFIX
from engine.errors import WrongInput
from engine.law.calendar import Month
from engine.law.due_dates import due_date, end_of_cycle
from engine.law.errors import NoValueOnDate
from engine.law.findings import Record, plain
from engine.law.parameters import DatedValue, Parameters, law_version
from engine.people.imported_file import keep_made
from ledger import book
from ledger.accounts import AccountRequest, open_accounts
from reconciliation.references import reference_sql

SHARD_SIZE = 20_000
"""Employers taken in one transaction."""
_CYCLES = (1, 3, 6)
_USED = (
    *("contribution_rates", "reference_level", "base_cap_multiple", "base_floor", "base_floor_supplement"),
    *("regional_minimum_wage", "unpaid_working_days", "unpaid_month_health", "funds_not_joined", "pandemic_relief"),
)
"""The parameters that the dues of ordinary employment rest on."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """What one shard brought, in đồng; no employers if nothing is left to do."""

    employers: int
    """Of all; `one_by_one` of them were assessed singly."""
    one_by_one: int
    staff: int
    dues_vnd: int


def declare_shard(connection: Connection, period: date, at: datetime, law: Parameters) -> Unchanged:
    """Declares the next shard of employers as unchanged for a month; again goes on where the last one ended."""
    if period > business_date(at):
        raise WrongInput([f"{period:%m/%Y} has not begun"])
    # As a file of this kind would, so that no file comes in between.
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('import of declaration', 0))"))
    on, before = business_date(at), (Month.containing(period) + -1).first_day
    chosen = {"period": period, "before": before, "on": on, "at": at, "limit": SHARD_SIZE}
    _choose(connection, chosen, same_law=_same_law(period, before, law))
    total: int = connection.execute(text("SELECT count(*) FROM chosen_employer")).scalar_one()
    if not total:
        return Unchanged(0, 0, 0, 0)
    name = f"unchanged {period:%Y-%m}"
    first: str = connection.execute(text("SELECT min(unit_code) FROM chosen_employer")).scalar_one()
    sha256 = keep_made(connection, "unchanged", f"{name} {first}", rows=total, recorded_at=at)
    staff, dues_vnd = _declare_together(connection, chosen, sha256, f"{name} {first}", law)
    alone = connection.scalars(text("SELECT unit_code FROM chosen_employer WHERE alone ORDER BY unit_code")).all()
    for unit_code in alone:
        employer = employer_on(connection, unit_code, period)
        if employer is None:
            raise AssertionError(f"employer {unit_code} is not on record")
        lock_employers(connection, [employer.employer_id])
        month = declare_unchanged(connection, employer, period, before, sha256, at, law)
        staff, dues_vnd = staff + month.staff, dues_vnd + month.dues_vnd
    audit.record(connection, "declared_unchanged", name, at, employers=total, dues_vnd=dues_vnd)
    return Unchanged(total, len(alone), staff, dues_vnd)


def _same_law(period: date, before: date, law: Parameters) -> bool:
    """Whether the law of a month gives the same dues as that of the month before."""
    return all(_value(law, name, period) is _value(law, name, before) for name in _USED)


def _value(law: Parameters, name: str, on: date) -> DatedValue | None:
    try:
        return law.at(name, on)
    except NoValueOnDate:
        return None


def _choose(connection: Connection, chosen: Mapping[str, Any], *, same_law: bool) -> None:
    """The next employers that declared the month before and not this one, with what makes one of them need a look."""
    connection.execute(text("DROP TABLE IF EXISTS pg_temp.chosen_employer"))
    connection.execute(text(_CHOOSE), dict(chosen) | {"same_law": same_law})
    connection.execute(text("ANALYZE chosen_employer"))


def _declare_together(
    connection: Connection, chosen: Mapping[str, Any], sha256: bytes, document: str, law: Parameters
) -> tuple[int, int]:
    findings, due_on = {}, {}
    for cycle in _CYCLES:
        record = Record()
        due_on[cycle] = due_date(end_of_cycle(Month.containing(chosen["period"]), cycle), cycle, law, record)
        (found,) = record.findings
        findings[cycle] = {"inputs": plain(found.inputs), "numbers": found.numbers, "value": plain(found.value)}
    known = dict(chosen) | {
        "sha256": sha256,
        "law_version": law_version(),
        "due_findings": json.dumps(findings),
        "due_on": json.dumps(due_on, default=str),
    }
    for statement in (_DECLARATIONS, _DUES, _EMPLOYMENTS, _PERSON_DUES, _NOTICES):
        used = {name: value for name, value in known.items() if f":{name}" in statement}
        connection.execute(text(statement), used)
    expect_notices(
        connection, "n.notice_no IN (SELECT notice_no FROM chosen_employer WHERE NOT alone)", {}
    )  # fmt: skip
    open_accounts(
        connection, [AccountRequest("contribution_income", fund, label=label) for fund, label in FUND_LABELS.items()]
    )
    book.open_staging(connection)
    staged = connection.execute(text(_LINES))
    if staged.rowcount:
        bookkeeping.post_staged_employers(
            connection,
            bookkeeping.DECLARATION_ACCEPTED,
            key=document,
            document=document,
            business_on=chosen["on"],
            at=chosen["at"],
        )
    row = connection.execute(text(_TOTALS)).one()
    return row.staff, row.dues_vnd


_CHOOSE = """
CREATE TEMP TABLE chosen_employer ON COMMIT DROP AS
SELECT e.employer_id, e.unit_code, c.declaration_id AS before_id, d.cycle_months,
    CASE WHEN NOT look.alone THEN uuidv7() END AS declaration_id,
    CASE WHEN NOT look.alone THEN
        nextval(pg_get_serial_sequence('engine.notice', 'notice_no')) END AS notice_no,
    look.alone
FROM (
    SELECT e.employer_id, e.unit_code, c.declaration_id, c.number
    FROM engine.declaration c JOIN engine.employer e USING (employer_id)
    WHERE c.period = :before AND NOT EXISTS (
        SELECT FROM engine.declaration n
        WHERE n.employer_id = c.employer_id
            AND (n.period >= :period OR (n.period = c.period AND n.number > c.number)))
    ORDER BY e.unit_code LIMIT :limit
) c
JOIN engine.employer e USING (employer_id)
JOIN engine.employer_detail d ON d.employer_id = e.employer_id AND upper_inf(d.recorded_during)
    AND d.valid_during @> CAST(:period AS date)
CROSS JOIN LATERAL (
    SELECT NOT :same_law OR c.number > 1 OR NOT d.valid_during @> CAST(:before AS date)
        -- Arrears bear a charge, and money ahead pays what becomes due.
        OR EXISTS (
            SELECT FROM engine.declaration o JOIN engine.dues s USING (declaration_id)
            WHERE o.employer_id = c.employer_id AND o.due_on < :on AND s.employee_vnd + s.employer_vnd > (
                SELECT coalesce(sum(a.amount_vnd), 0) FROM engine.allocation a
                WHERE a.declaration_id = s.declaration_id AND a.fund = s.fund AND a.kind = 'principal'))
        OR EXISTS (
            SELECT FROM engine.late_charge l JOIN engine.declaration o USING (declaration_id)
            WHERE o.employer_id = c.employer_id GROUP BY l.declaration_id, l.fund
            HAVING sum(l.amount_vnd) > (
                SELECT coalesce(sum(a.amount_vnd), 0) FROM engine.allocation a
                WHERE a.declaration_id = l.declaration_id AND a.fund = l.fund AND a.kind = 'late_charge'))
        OR EXISTS (
            SELECT FROM engine.receipt r WHERE r.employer_id = c.employer_id AND r.amount_vnd > (
                SELECT coalesce(sum(a.amount_vnd), 0) FROM engine.allocation a WHERE a.receipt_id = r.receipt_id))
        AS alone
) look
"""

_DECLARATIONS = """
INSERT INTO engine.declaration (declaration_id, declaration_no, employer_id, period, number, imported_from,
    content_hash, staff, due_on, law_version, unconfirmed, grounds, findings, accepted_at)
SELECT e.declaration_id, e.unit_code || '/' || to_char(CAST(:period AS date), 'YYYY-MM') || '/1', e.employer_id,
    :period, 1, :sha256, staff.content_hash, b.staff, (CAST(:due_on AS jsonb) ->> e.cycle_months::text)::date,
    :law_version, b.unconfirmed, b.grounds, told.findings, :at
FROM chosen_employer e
JOIN engine.declaration b ON b.declaration_id = e.before_id
CROSS JOIN LATERAL (
    -- The words that `recording.content_hash` hashes.
    SELECT sha256(convert_to('["' || e.unit_code || '","' || CAST(:period AS date) || '",[' || string_agg(
        '["' || m.person_id || '",' || m.wage_vnd || ',' || coalesce(to_json(m.position)::text, 'null') || ','
            || m.unpaid::text || ']', ',' ORDER BY m.person_id::text COLLATE "C") || ']]', 'UTF8')) AS content_hash
    FROM engine.employment m
    WHERE m.employer_id = e.employer_id AND m.months @> CAST(:before AS date) AND upper_inf(m.recorded_during)
) staff
CROSS JOIN LATERAL (
    SELECT jsonb_agg(CASE
        WHEN f -> 'inputs' ? 'last_month_of_cycle'
            THEN f || (CAST(:due_findings AS jsonb) -> e.cycle_months::text)
        WHEN f -> 'inputs' ? 'month'
            THEN jsonb_set(f, '{inputs,month}', to_jsonb(to_char(CAST(:period AS date), 'YYYY-MM')))
        ELSE f END ORDER BY place) AS findings
    FROM jsonb_array_elements(b.findings) WITH ORDINALITY AS each (f, place)
) told
WHERE NOT e.alone
"""

_DUES = """
INSERT INTO engine.dues (declaration_id, fund, employee_vnd, employer_vnd)
SELECT e.declaration_id, d.fund, d.employee_vnd, d.employer_vnd
FROM chosen_employer e JOIN engine.dues d ON d.declaration_id = e.before_id WHERE NOT e.alone
"""

_EMPLOYMENTS = """
INSERT INTO engine.employment (employer_id, person_id, declaration_id, months, position, wage_vnd, unpaid,
    recorded_during)
SELECT e.employer_id, m.person_id, e.declaration_id,
    daterange(CAST(:period AS date), (CAST(:period AS date) + interval '1 month')::date), m.position, m.wage_vnd,
    m.unpaid, tstzrange(:at, NULL)
FROM chosen_employer e
JOIN engine.employment m ON m.employer_id = e.employer_id AND m.months @> CAST(:before AS date)
    AND upper_inf(m.recorded_during)
WHERE NOT e.alone
"""

_PERSON_DUES = """
INSERT INTO engine.person_dues (declaration_id, person_id, base_vnd, employee_vnd, employer_vnd, shares, findings)
SELECT e.declaration_id, p.person_id, p.base_vnd, p.employee_vnd, p.employer_vnd, p.shares, p.findings
FROM chosen_employer e JOIN engine.person_dues p ON p.declaration_id = e.before_id WHERE NOT e.alone
"""

# What `notice_rows.rows_of` counts one by one, for employers without arrears and without money ahead.
_NOTICES = f"""
WITH last AS MATERIALIZED (
    SELECT DISTINCT ON (n.employer_id) n.employer_id, n.issued_at, n.rows -> 'carried_out' AS carried_out
    FROM engine.notice n JOIN chosen_employer e USING (employer_id) WHERE NOT e.alone
    ORDER BY n.employer_id, n.issued_at DESC, n.notice_no DESC
)
INSERT INTO engine.notice (notice_no, payment_code, employer_id, declaration_id, due_on, carried_in_vnd,
    late_charge_vnd, surplus_vnd, adjustments_vnd, amount_vnd, rows, account_ids, issued_at)
SELECT e.notice_no, {reference_sql(PREFIX, "e.notice_no")}, e.employer_id, e.declaration_id, c.due_on,
    owed.vnd - dues.vnd, 0, 0, 0, owed.vnd,
    jsonb_build_object(
        'carried_in', carried_in,
        'arisen', jsonb_build_object('dues', dues.funds, 'raised', '{{}}'::jsonb, 'lowered', '{{}}'::jsonb,
            'charge', charge.funds, 'wages_vnd', wages.vnd),
        'receipts', came.receipts,
        'allocated', jsonb_build_object('principal', went.principal, 'late_charge', went.late_charge),
        'refunded_vnd', (carried_in ->> 'surplus_vnd')::bigint + came.vnd - went.vnd,
        'carried_out', jsonb_build_object('staff', c.staff, 'surplus_vnd', 0, 'principal', owed.funds,
            'charge', '{{}}'::jsonb, 'days_late', 0,
            'by_status', CASE WHEN owed.vnd > 0 THEN jsonb_build_object('not_due', owed.vnd) ELSE '{{}}' END)),
    ARRAY(SELECT collection_account_id FROM engine.collection_account WHERE bank_bin IS NOT NULL ORDER BY 1), :at
FROM chosen_employer e
JOIN engine.declaration c ON c.declaration_id = e.declaration_id
LEFT JOIN last ON last.employer_id = e.employer_id
CROSS JOIN LATERAL (
    SELECT coalesce(last.carried_out, '{{"staff": 0, "surplus_vnd": 0, "principal": {{}}, "charge": {{}},
        "by_status": {{}}, "days_late": 0}}') AS carried_in
) opening
CROSS JOIN LATERAL (
    SELECT jsonb_object_agg(d.fund, d.employee_vnd + d.employer_vnd) AS funds,
        sum(d.employee_vnd + d.employer_vnd)::bigint AS vnd
    FROM engine.dues d WHERE d.declaration_id = e.declaration_id
) dues
CROSS JOIN LATERAL (
    SELECT jsonb_object_agg(fund, vnd) AS funds, sum(vnd)::bigint AS vnd
    FROM (
        SELECT d.fund, sum(d.employee_vnd + d.employer_vnd - (
            SELECT coalesce(sum(a.amount_vnd), 0) FROM engine.allocation a
            WHERE a.declaration_id = d.declaration_id AND a.fund = d.fund AND a.kind = 'principal'))::bigint AS vnd
        FROM engine.declaration o JOIN engine.dues d USING (declaration_id)
        WHERE o.employer_id = e.employer_id GROUP BY d.fund
    ) by_fund
) owed
CROSS JOIN LATERAL (
    SELECT coalesce(sum(m.wage_vnd) FILTER (WHERE NOT m.unpaid), 0)::bigint AS vnd FROM engine.employment m
    WHERE m.declaration_id = e.declaration_id
) wages
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_agg(jsonb_build_object('receipt_no', r.receipt_no, 'on', r.booked_on, 'document', r.document,
            'vnd', r.amount_vnd) ORDER BY r.receipt_no), '[]') AS receipts,
        coalesce(sum(r.amount_vnd), 0)::bigint AS vnd
    FROM engine.receipt r
    WHERE r.employer_id = e.employer_id AND r.match_id IS NOT NULL
        AND (last.issued_at IS NULL OR r.recorded_at > last.issued_at)
) came
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_object_agg(fund, vnd) FILTER (WHERE kind = 'principal'), '{{}}') AS principal,
        coalesce(jsonb_object_agg(fund, vnd) FILTER (WHERE kind = 'late_charge'), '{{}}') AS late_charge,
        coalesce(sum(vnd), 0)::bigint AS vnd
    FROM (
        SELECT a.kind, a.fund, sum(a.amount_vnd)::bigint AS vnd
        FROM engine.receipt r JOIN engine.allocation a USING (receipt_id)
        WHERE r.employer_id = e.employer_id AND (last.issued_at IS NULL OR a.recorded_at > last.issued_at)
        GROUP BY a.kind, a.fund
    ) by_fund
) went
CROSS JOIN LATERAL (
    SELECT jsonb_object_agg(d.fund, coalesce((went.late_charge ->> d.fund)::bigint, 0)
        - coalesce((carried_in -> 'charge' ->> d.fund)::bigint, 0)) AS funds
    FROM engine.dues d WHERE d.declaration_id = e.declaration_id
) charge
WHERE NOT e.alone
"""

_LINES = f"""
INSERT INTO {book.STAGING} (debit, credit, amount_vnd, fund, debit_reference, credit_reference)
SELECT 'contributions_receivable.' || e.unit_code, 'contribution_income.' || d.fund, d.employee_vnd + d.employer_vnd,
    d.fund, c.declaration_no, c.declaration_no
FROM chosen_employer e
JOIN engine.declaration c ON c.declaration_id = e.declaration_id
JOIN engine.dues d ON d.declaration_id = e.declaration_id
WHERE NOT e.alone AND d.employee_vnd + d.employer_vnd > 0 ORDER BY e.unit_code, d.fund
"""

_TOTALS = """
SELECT coalesce(sum(c.staff), 0)::bigint AS staff,
    coalesce(sum((SELECT sum(d.employee_vnd + d.employer_vnd) FROM engine.dues d
        WHERE d.declaration_id = c.declaration_id)), 0)::bigint AS dues_vnd
FROM chosen_employer e JOIN engine.declaration c ON c.declaration_id = e.declaration_id WHERE NOT e.alone
"""
