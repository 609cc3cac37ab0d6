"""Đơn vị sử dụng lao động: the employers we know, and the file that tells of them.

An employer is known by its unit code (mã đơn vị). All else about it is a fact with two times: a file that tells other
facts from a day on closes what we knew and writes what we know now, so that an old declaration can always be explained.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType
from uuid import UUID

from psycopg.types.range import Range
from sqlalchemy import Connection, table, text

from engine.errors import NotAllowed
from engine.people.bulk import copy_rows
from engine.people.imported_file import keep, receive
from engine.people.workbook import Problems, Row, Sheet, fold, read_sheets
from engine.vault import Vault
from ledger.accounts import AccountRequest, BalanceLimit, open_accounts

UNIT_CODE, UNIT_NAME, TAX_CODE = "Mã đơn vị", "Tên đơn vị", "Mã số thuế"
AGENCY, REGION, CYCLE, VALID_FROM = "Mã cơ quan BHXH", "Vùng", "Phương thức đóng (tháng)", "Hiệu lực từ ngày"
EMPLOYERS = Sheet("Đơn vị", required=(UNIT_CODE, UNIT_NAME, TAX_CODE, AGENCY, REGION, CYCLE, VALID_FROM))

UNIT_CODE_FORM = re.compile(r"(?=[0-9]*[A-Z])[A-Z0-9]{5,9}")
AGENCY_FORM = re.compile(r"[0-9]{5}")
_TAX_CODE_FORM = re.compile(r"[0-9]{10}(-[0-9]{3})?|[0-9]{12}")
_AGENCY_DIGITS = 5
_REGIONS = MappingProxyType(
    {"I": "I", "II": "II", "III": "III", "IV": "IV", "1": "I", "2": "II", "3": "III", "4": "IV"}
)
_CYCLES = MappingProxyType({"1": "1", "3": "3", "6": "6"})
_KIND = "employer"
_CHECK_WEIGHTS = (31, 29, 23, 19, 17, 13, 7, 5, 3)
_PERSONAL_ID_DIGITS = 12
_MOST_NOTES = 100


@dataclass(frozen=True, slots=True)
class Employer:
    """What we know of an employer for one day.

    `region` is that of the regional minimum wage (vùng lương tối thiểu), `cycle_months` how many months it pays at
    once.
    """

    employer_id: UUID
    unit_code: str
    name: str
    agency_code: str
    region: str
    cycle_months: int

    @property
    def receivable(self) -> str:
        """The ledger account of what it owes."""
        return f"contributions_receivable.{self.unit_code}"

    @property
    def charge_receivable(self) -> str:
        """The ledger account of the late charges it owes."""
        return f"late_charge_receivable.{self.unit_code}"

    @property
    def unallocated(self) -> str:
        """The ledger account of what it has paid and no dues have taken yet."""
        return f"receipts_unallocated.{self.unit_code}"


@dataclass(frozen=True, slots=True)
class EmployersImported:
    """What a file of employers did; `already` where the same file had done it before."""

    rows: int
    registered: int
    changed: int
    unchanged: int
    notes: Sequence[str] = ()
    """Tax codes whose check digit is wrong; the code is taken, and somebody should look."""
    already: bool = False


def import_employers(connection: Connection, vault: Vault, path: Path, recorded_at: datetime) -> EmployersImported:
    """Reads a list of employers, CSV or XLSX; refused whole, with all its problems, if any row is wrong."""
    arrival = receive(connection, path, _KIND)
    if arrival.outcome is not None:
        return EmployersImported(**arrival.outcome, already=True)
    problems = Problems()
    rows = read_sheets(path, [EMPLOYERS], problems)[EMPLOYERS.name]
    told: dict[str, dict[str, object]] = {}
    notes: list[str] = []
    for row in rows:
        detail = _read(row, vault, notes)
        if detail is not None and told.setdefault(str(detail["unit_code"]), detail) is not detail:
            row.problem(UNIT_CODE, "stands in this file twice")
    if not rows:
        problems.add(path.name, "tells of no employer")
    problems.refuse_if_any()
    result = replace(_record(connection, told.values(), recorded_at), notes=notes[:_MOST_NOTES])
    outcome = asdict(result)
    del outcome["already"]
    keep(connection, arrival, rows=len(rows), outcome=outcome, recorded_at=recorded_at)
    return result


def employer_on(connection: Connection, unit_code: str, on: date) -> Employer | None:
    """What we know of an employer for a day; before the first day we know of, what we know for that one."""
    row = connection.execute(
        text("""
            SELECT e.employer_id, e.unit_code, d.name, d.agency_code, d.region, d.cycle_months
            FROM engine.employer e JOIN engine.employer_detail d USING (employer_id)
            WHERE e.unit_code = :unit_code AND upper_inf(d.recorded_during)
            ORDER BY d.valid_during @> CAST(:day AS date) DESC, lower(d.valid_during) LIMIT 1"""),
        {"unit_code": unit_code, "day": on},
    ).one_or_none()
    return None if row is None else Employer(**row._asdict())


def employers_on(connection: Connection, employers: Sequence[UUID], on: date) -> list[Employer]:
    """The same of many employers at once, by unit code."""
    rows = connection.execute(
        text("""
            SELECT DISTINCT ON (e.unit_code) e.employer_id, e.unit_code, d.name, d.agency_code, d.region, d.cycle_months
            FROM engine.employer e JOIN engine.employer_detail d USING (employer_id)
            WHERE e.employer_id = ANY (:employers) AND upper_inf(d.recorded_during)
            ORDER BY e.unit_code, d.valid_during @> CAST(:day AS date) DESC, lower(d.valid_during)"""),
        {"employers": list(employers), "day": on},
    )
    return [Employer(**row._asdict()) for row in rows]


_LOCK_SPACE = 0x454D
_LOCKS = 2_048
"""A transaction of a hundred thousand employers may not take more locks than the database has room for."""


def lock_employers(connection: Connection, employers: Sequence[UUID]) -> None:
    """Of two transactions that change one employer's account, the second waits for the first.

    Employers share locks, taken in one order, so another one's may be waited for as well.
    """
    connection.execute(
        text("""
            SELECT pg_advisory_xact_lock(:space, place) FROM (
                SELECT DISTINCT abs(hashtext(employer_id::text) % :locks) AS place
                FROM unnest(CAST(:employers AS uuid[])) AS employer_id ORDER BY place) places"""),
        {"space": _LOCK_SPACE, "locks": _LOCKS, "employers": list(employers)},
    )


def checks(tax_code: str) -> bool:
    """Whether the tenth digit of an enterprise's tax code is the check digit of the nine before it.

    The weights are those that the tax administration's codes follow (Circular 105/2020/TT-BTC gives the structure).

    >>> checks("0100112437"), checks("0100112438"), checks("0100112437-001")
    (True, False, True)
    """
    weighted = sum(int(digit) * weight for digit, weight in zip(tax_code, _CHECK_WEIGHTS, strict=False))
    return int(tax_code[9]) == 10 - weighted % 11


def _read(row: Row, vault: Vault, notes: list[str]) -> dict[str, object] | None:
    before = len(row.problems.found)
    unit_code = row.required_text(UNIT_CODE)
    name = row.required_text(UNIT_NAME)
    tax_code = row.digits(TAX_CODE, len("0100000000"))
    agency_code = row.digits(AGENCY, _AGENCY_DIGITS)
    region = row.required_choice(REGION, _REGIONS)
    cycle = row.required_choice(CYCLE, _CYCLES)
    valid_from = row.required_day(VALID_FROM)
    if unit_code and not UNIT_CODE_FORM.fullmatch(unit_code):
        row.problem(UNIT_CODE, "a unit code has 5 to 9 capital letters and digits, at least one of them a letter")
    if tax_code is None or not _TAX_CODE_FORM.fullmatch(tax_code):
        row.problem(TAX_CODE, "a tax code has 10 digits, with -001 and so on for a branch, or 12 for a person")
    if agency_code is None or not AGENCY_FORM.fullmatch(agency_code):
        row.problem(AGENCY, "the code of a social insurance agency has 5 digits")
    if len(row.problems.found) > before or not (name and cycle and valid_from and tax_code):
        return None
    if len(tax_code) != _PERSONAL_ID_DIGITS and not checks(tax_code):
        notes.append(f"{row.sheet}, row {row.number}, column {TAX_CODE}: its check digit is wrong: mistyped?")
    # Sealed, since the tax code of a household business is its owner's personal id.
    sealed = vault.seal("tax_code", tax_code)
    return {
        "unit_code": unit_code,
        "tax_code_ciphertext": sealed.ciphertext,
        "tax_code_fingerprint": sealed.fingerprint,
        "name": name,
        "folded_name": fold(name),
        "agency_code": agency_code,
        "region": region,
        "cycle_months": int(cycle),
        "valid_during": Range(valid_from, None, bounds="[)"),
    }


def _record(connection: Connection, details: Iterable[dict[str, object]], at: datetime) -> EmployersImported:
    connection.execute(text("DROP TABLE IF EXISTS pg_temp.incoming_employer"))
    connection.execute(
        text(
            "CREATE TEMP TABLE incoming_employer (unit_code text, tax_code_ciphertext bytea,"
            " tax_code_fingerprint bytea, name text, folded_name text,"
            " agency_code text, region text, cycle_months smallint, valid_during daterange) ON COMMIT DROP"
        )
    )
    rows = copy_rows(connection, table("incoming_employer"), details)
    registered = list(connection.scalars(text(_REGISTER), {"at": at}))
    _open_ledger_accounts(connection, registered)
    unchanged = connection.execute(text(_FORGET_KNOWN)).rowcount
    if connection.scalar(text(_SAME_INSTANT), {"at": at}):
        raise NotAllowed("an employer recorded at this very instant cannot be changed at the same instant")
    connection.execute(text(_SHORTEN), {"at": at})
    connection.execute(text(_ADD), {"at": at})
    return EmployersImported(rows, len(registered), rows - len(registered) - unchanged, unchanged)


def _open_ledger_accounts(connection: Connection, unit_codes: list[str]) -> None:
    """What an employer owes and has paid can never fall below zero: the ledger itself refuses to allocate too much."""
    open_accounts(
        connection,
        [
            AccountRequest(chart_code, unit_code, BalanceLimit.NEVER_NEGATIVE)
            for chart_code in ("contributions_receivable", "late_charge_receivable", "receipts_unallocated")
            for unit_code in unit_codes
        ],
    )


_REGISTER = """
INSERT INTO engine.employer (unit_code, registered_at)
SELECT unit_code, :at FROM incoming_employer ORDER BY unit_code
ON CONFLICT (unit_code) DO NOTHING RETURNING unit_code
"""

_FORGET_KNOWN = """
DELETE FROM incoming_employer i USING engine.employer e, engine.employer_detail known
WHERE e.unit_code = i.unit_code AND known.employer_id = e.employer_id AND upper_inf(known.recorded_during)
    AND (known.tax_code_fingerprint, known.name, known.agency_code, known.region, known.cycle_months)
        = (i.tax_code_fingerprint, i.name, i.agency_code, i.region, i.cycle_months)
    AND known.valid_during @> i.valid_during
"""

_SAME_INSTANT = """
SELECT EXISTS (
    SELECT FROM incoming_employer i JOIN engine.employer e USING (unit_code) JOIN engine.employer_detail known
        USING (employer_id)
    WHERE upper_inf(known.recorded_during) AND known.valid_during && i.valid_during
        AND lower(known.recorded_during) >= :at
)
"""

_SHORTEN = """
WITH closed AS (
    UPDATE engine.employer_detail known
    SET recorded_during = tstzrange(lower(known.recorded_during), :at)
    FROM incoming_employer i JOIN engine.employer e USING (unit_code)
    WHERE known.employer_id = e.employer_id AND upper_inf(known.recorded_during)
        AND known.valid_during && i.valid_during
    RETURNING known.*, known.valid_during * daterange(NULL, lower(i.valid_during)) AS rest
)
INSERT INTO engine.employer_detail (employer_id, tax_code_ciphertext, tax_code_fingerprint, name, folded_name,
    agency_code, region, cycle_months, valid_during, recorded_during)
SELECT employer_id, tax_code_ciphertext, tax_code_fingerprint, name, folded_name, agency_code, region, cycle_months,
    rest, tstzrange(:at, NULL)
FROM closed WHERE NOT isempty(rest)
"""

_ADD = """
INSERT INTO engine.employer_detail (employer_id, tax_code_ciphertext, tax_code_fingerprint, name, folded_name,
    agency_code, region, cycle_months, valid_during, recorded_during)
SELECT e.employer_id, i.tax_code_ciphertext, i.tax_code_fingerprint, i.name, i.folded_name, i.agency_code, i.region,
    i.cycle_months, i.valid_during, tstzrange(:at, NULL)
FROM incoming_employer i JOIN engine.employer e USING (unit_code)
"""
