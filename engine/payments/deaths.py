"""Báo tử: what a death that becomes known does to payments.

A pension or allowance is due for the month of death and for no month after it. What is planned or waits for such a
month is stopped the same day; what is on its way is asked back; what has arrived is recoverable (phải thu hồi); what
came back is owed to nobody. All of it follows from the deaths on record, so that it can be run again at any time and
changes only what is new: a statement may settle tomorrow what was on its way today.
"""

from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from uuid import UUID

from psycopg.types.range import Range
from sqlalchemy import Connection, text

from engine import audit
from engine.clock import business_date
from engine.payments.overpayments import book_overpayments
from engine.payments.payment import DROP, HOLD, TAKE_BACK_RETURNED, Transition, Voucher, free_for_reissue, move
from engine.payments.recovery import follow_deductions
from engine.people.imported_file import keep, receive
from engine.people.person import NAME, PERSONAL_ID, PERSONAL_ID_DIGITS, ids_by_personal_id
from engine.people.workbook import Problems, Sheet, fold, read_sheets
from engine.vault import Vault

DIED_ON = "Ngày chết"
DEATHS = Sheet("Báo tử", required=(PERSONAL_ID, NAME, DIED_ON))

_KIND = "death"
PAYEE_HAS_DIED = "payee_has_died"
"""Why a payment is held, or was cancelled."""

AFTER_DEATH = """p.benefit IN ('pension', 'survivor_allowance') AND EXISTS (
    SELECT FROM engine.vital_event v WHERE v.person_id = p.person_id AND v.kind = 'death'
        AND upper_inf(v.recorded_during) AND p.entitled_month > v.happened_on)"""
"""SQL: whether a payment `p` is of a monthly benefit for a month after the month of death."""
_NOT_DUE = f"SELECT p.* FROM engine.payment p WHERE {AFTER_DEATH}"


@dataclass(frozen=True, slots=True)
class DeathsFollowed:
    """What deaths have newly done to payments, each with its number; đồng where money is recoverable."""

    dropped: int
    """Planned for a month after the death, and not planned any more."""
    held: int
    asked_back: int
    """On their way: the bank is to be asked for the money."""
    overpaid: int
    overpaid_vnd: int
    taken_back: int
    """Came back, and are owed to nobody."""


@dataclass(frozen=True, slots=True)
class DeathsImported:
    """What a file of deaths did; `already` where the same file had done it before."""

    deaths: int
    known: int
    """Of them on record before, with the same day."""
    dropped: int
    held: int
    asked_back: int
    overpaid: int
    overpaid_vnd: int
    taken_back: int
    already: bool = False


def import_deaths(connection: Connection, vault: Vault, path: Path, at: datetime) -> DeathsImported:
    """Reads a list of deaths and follows them up; refused whole, with all its problems, if any row is wrong."""
    arrival = receive(connection, path, _KIND)
    if arrival.outcome is not None:
        return DeathsImported(**arrival.outcome, already=True)
    deaths, known = _read(connection, vault, path, at)
    connection.execute(
        text("""
            INSERT INTO engine.vital_event (person_id, kind, happened_on, recorded_during)
            SELECT d.person_id, 'death', d.died_on, :recorded
            FROM unnest(CAST(:people AS uuid[]), CAST(:days AS date[])) AS d (person_id, died_on)"""),
        {
            "people": list(deaths),
            "days": list(deaths.values()),
            "recorded": Range(at, None, bounds="[)"),
        },
    )
    _open_survivors_cases(connection, list(deaths), at)
    result = DeathsImported(len(deaths) + known, known, **asdict(follow_deaths(connection, at)))
    outcome = asdict(result)
    del outcome["already"]
    keep(connection, arrival, rows=len(deaths) + known, outcome=outcome, recorded_at=at)
    return result


def follow_deaths(connection: Connection, at: datetime) -> DeathsFollowed:
    """Brings payments into line with the deaths on record. Again changes nothing."""
    dropped = _move(connection, DROP, at)
    free_for_reissue(connection)
    connection.execute(
        text(f"""
            UPDATE engine.attempt t SET state = 'failed', code = 'HELD'
            FROM ({_NOT_DUE}) p WHERE p.payment_id = t.payment_id AND p.state = 'approved' AND t.state = 'ready'""")
    )
    held = _move(connection, HOLD, at)
    overpaid, overpaid_vnd = book_overpayments(connection, _ARRIVED, "payee_had_died", at)
    followed = DeathsFollowed(
        dropped=dropped,
        held=held,
        asked_back=_ask_back(connection, at),
        overpaid=overpaid,
        overpaid_vnd=overpaid_vnd,
        taken_back=_move(connection, TAKE_BACK_RETURNED, at),
    )
    _end_plans(connection, at)
    follow_deductions(connection, at)
    if any(asdict(followed).values()):
        audit.record(connection, "deaths_followed", business_date(at).isoformat(), at, **asdict(followed))
    return followed


def _read(connection: Connection, vault: Vault, path: Path, at: datetime) -> tuple[dict[UUID, date], int]:
    """The deaths that are new, and how many are on record already."""
    problems = Problems()
    rows = read_sheets(path, [DEATHS], problems)[DEATHS.name]
    read = [(row, row.digits(PERSONAL_ID, PERSONAL_ID_DIGITS), row.required_day(DIED_ON)) for row in rows]
    people = ids_by_personal_id(connection, vault, {personal_id for _, personal_id, _ in read if personal_id})
    on_record: dict[UUID, date] = {
        row.person_id: row.happened_on
        for row in connection.execute(
            text("""
                SELECT person_id, happened_on FROM engine.vital_event
                WHERE kind = 'death' AND person_id = ANY(:people) AND upper_inf(recorded_during)"""),
            {"people": [person_id for person_id, _ in people.values()]},
        )
    }
    deaths: dict[UUID, date] = {}
    seen: set[UUID] = set()
    for row, personal_id, died_on in read:
        name = row.required_text(NAME)
        person_id, folded_name = people.get(personal_id or "", (None, ""))
        if person_id is None:
            row.problem(PERSONAL_ID, "nobody with this personal id is on record")
            continue
        if name and fold(name) != folded_name:
            row.problem(NAME, "is not the name on record for this personal id")
        if person_id in seen:
            row.problem(PERSONAL_ID, "stands in this file twice")
        seen.add(person_id)
        if died_on is None:
            continue
        if died_on > business_date(at):
            row.problem(DIED_ON, "lies in the future")
        elif on_record.get(person_id, died_on) != died_on:
            row.problem(DIED_ON, f"the day on record is {on_record[person_id]:%d/%m/%Y}")
        elif person_id not in on_record:
            deaths[person_id] = died_on
    problems.refuse_if_any()
    return deaths, len(seen) - len(deaths)


# Of what has arrived for such a month, all that is not known to be recoverable already.
_ARRIVED = f"""
    SELECT payment_id, amount_vnd FROM (
        SELECT n.payment_id, n.amount_vnd - coalesce((SELECT sum(v.amount_vnd) FROM engine.overpayment v
            WHERE v.payment_id = n.payment_id), 0)::bigint AS amount_vnd
        FROM ({_NOT_DUE}) n WHERE n.state = 'settled') arrived
    WHERE amount_vnd > 0"""


def _move(connection: Connection, transition: Transition, at: datetime) -> int:
    """Moves what is not due and stands at the transition's source; the first reference names the entry for ever."""
    chosen = f"SELECT payment_id, '{PAYEE_HAS_DIED}' AS reason FROM ({_NOT_DUE}) n WHERE state = :source"
    if transition is TAKE_BACK_RETURNED:
        chosen += " AND reissued_by IS NULL"
    found = connection.execute(
        text(f"""
            SELECT count(*) AS payments, min(p.reference) AS first FROM ({chosen}) c
            JOIN engine.payment p USING (payment_id)"""),
        {"source": transition.source.value},
    ).one()
    on = business_date(at)
    voucher = Voucher(f"deaths:{transition.name}:{found.first}", f"deaths known on {on}", on, at)
    move(connection, transition, voucher, chosen=chosen, expected=found.payments)
    return int(found.payments)


def _ask_back(connection: Connection, at: datetime) -> int:
    """Opens a case for each payment on its way: a person asks the bank to give it back."""
    return connection.execute(
        text(f"""
            INSERT INTO engine.open_case (opened_at, subject, problem)
            SELECT :at, reference, 'the payee has died: ask the bank for the money back'
            FROM ({_NOT_DUE}) n WHERE state = 'in_transit'
            ON CONFLICT (subject, problem) DO NOTHING"""),
        {"at": at},
    ).rowcount


def _end_plans(connection: Connection, at: datetime) -> None:
    """A recovery plan ends with the payee; what is open stays recoverable from whoever has the money."""
    connection.execute(
        text(f"""
            UPDATE engine.recovery_plan r SET ended_at = :at, ended_by = 'death', end_reason = '{PAYEE_HAS_DIED}'
            WHERE r.ended_at IS NULL AND EXISTS (SELECT FROM engine.vital_event v WHERE v.person_id = r.person_id
                AND v.kind = 'death' AND upper_inf(v.recorded_during))"""),
        {"at": at},
    )


def _open_survivors_cases(connection: Connection, people: list[UUID], at: datetime) -> None:
    connection.execute(
        text("""
            INSERT INTO engine.open_case (opened_at, subject, problem)
            SELECT :at, 'award ' || award_no,
                'the beneficiary has died: the funeral grant and survivor benefits may be claimed'
            FROM engine.award WHERE person_id = ANY(:people) AND frequency = 'monthly'
            ON CONFLICT (subject, problem) DO NOTHING"""),
        {"people": people, "at": at},
    )
