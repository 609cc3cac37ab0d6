"""Đề nghị về nơi nhận tiền: one person asks that a benefit go to an account, another decides; anybody may stop it.

The account may be the beneficiary's own, or that of a proxy or guardian by a document. What was approved takes the
place of the account from a day on; until then the old account is paid. An authority that ended (its last day is over,
it was revoked, its receiver has died) stops the money with that reason: no other account takes its place by itself,
since the one known before may be closed by now.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from engine import audit
from engine.clock import business_date
from engine.errors import NotAllowed, NotFound, WrongInput
from engine.payments.notifications import note_news
from engine.payments.payment import DROP, HOLD, Transition, Voucher, free_for_reissue, move
from engine.people.accounts import Account, Change, bank_problem, change_accounts, number_problem
from engine.people.imported_file import keep, receive
from engine.people.receivers import Mandate, Receiver, read_mandates, takes_effect_on
from engine.people.workbook import fold
from engine.vault import Vault, mask

AUTHORITY_ENDED = "authority_ended"
"""Why a payment does not go out, as its state tells it."""
_KIND = "receiver"

ENDED = """EXISTS (SELECT FROM engine.payout_request q WHERE q.request_no = o.request_no AND (
    q.revoked_at IS NOT NULL OR q.valid_until < CAST(:paid_on AS date) OR EXISTS (
        SELECT FROM engine.person h JOIN engine.vital_event v USING (person_id)
        WHERE h.personal_id_fingerprint = q.receiver_id_fingerprint AND upper_inf(v.recorded_during))))"""
"""SQL: whether what a payout account `o` stands on has ended by the day of payment."""


@dataclass(frozen=True, slots=True)
class Requested:
    """A request that waits for its decision; `valid_from` is the first day for which its account would be paid to."""

    request_no: int
    receiver: str
    valid_from: date
    valid_until: date | None


def import_mandates(connection: Connection, vault: Vault, path: Path, at: datetime) -> list[Requested]:
    """Asks for every row of a file of proxies and guardians; the same file again asks for nothing."""
    arrival = receive(connection, path, _KIND)
    if arrival.outcome is not None:
        return []
    requested = [ask(connection, vault, mandate, at) for mandate in read_mandates(connection, vault, path)]
    note_news(connection, at, "account_requested")
    keep(
        connection,
        arrival,
        rows=len(requested),
        outcome={"requests": [r.request_no for r in requested]},
        recorded_at=at,
    )
    return requested


def ask(connection: Connection, vault: Vault, mandate: Mandate, at: datetime) -> Requested:
    """Đề nghị: nothing changes before another person approves.

    A person has one open request at most. Who had no account yet is paid to the new one from the mandate's first day.
    """
    today = business_date(at)
    known = connection.scalar(
        text("""
            SELECT EXISTS (SELECT FROM engine.payout_account
                WHERE person_id = :person AND upper_inf(recorded_during) AND upper_inf(valid_during))"""),
        {"person": mandate.person_id},
    )
    valid_from = max(mandate.valid_from, takes_effect_on(today)) if known else mandate.valid_from
    if mandate.valid_until is not None and mandate.valid_until < valid_from:
        raise WrongInput([f"the authority ends on {mandate.valid_until}, before it would count from {valid_from} on"])
    account = vault.seal("account", mandate.account.number)
    receiver = vault.seal("personal_id", mandate.receiver_id) if mandate.receiver_id else None
    try:
        request_no: int = connection.execute(
            text("""
                INSERT INTO engine.payout_request (person_id, receiver, receiver_id_ciphertext, receiver_id_fingerprint,
                    bank_bin, account_ciphertext, account_fingerprint, holder_name, evidence, valid_from, valid_until,
                    requested_at)
                VALUES (:person, :receiver, :id_ciphertext, :id_fingerprint, :bank, :ciphertext, :fingerprint, :holder,
                    :evidence, :valid_from, :valid_until, :at) RETURNING request_no"""),
            {
                "person": mandate.person_id,
                "receiver": mandate.receiver.value,
                "id_ciphertext": receiver.ciphertext if receiver else None,
                "id_fingerprint": receiver.fingerprint if receiver else None,
                "bank": mandate.account.bank_bin,
                "ciphertext": account.ciphertext,
                "fingerprint": account.fingerprint,
                "holder": fold(mandate.account.holder_name),
                "evidence": mandate.evidence,
                "valid_from": valid_from,
                "valid_until": mandate.valid_until,
                "at": at,
            },
        ).scalar_one()
    except IntegrityError as error:
        if "one_open_payout_request" not in str(error.orig):
            raise
        raise NotAllowed("a request of this beneficiary waits for its decision already") from error
    audit.record(connection, "payout_requested", f"payout request {request_no}", at, receiver=mandate.receiver.value)
    return Requested(request_no, mandate.receiver.value, valid_from, mandate.valid_until)


def ask_for_own(
    connection: Connection, vault: Vault, person_id: UUID, bank_bin: str, number: str, evidence: str, at: datetime
) -> Requested:
    """Asks that a beneficiary be paid to another account of their own; the holder's name is theirs, so it is not asked.

    The beneficiary is told where they are known, before anything changes. Raises `WrongInput` with every problem.
    """
    name = connection.scalar(text("SELECT folded_name FROM engine.person WHERE person_id = :id"), {"id": person_id})
    if name is None:
        raise NotFound("there is no such beneficiary")
    problems = [problem for problem in (bank_problem(bank_bin), number_problem(number)) if problem]
    if not evidence.strip():
        problems.append("a request names what it rests on")
    if problems:
        raise WrongInput(problems)
    account = Account(bank_bin, number, name)
    mandate = Mandate(person_id, Receiver.BENEFICIARY, "", account, evidence, business_date(at), None)
    requested = ask(connection, vault, mandate, at)
    note_news(connection, at, "account_requested")
    return requested


def payee_of(connection: Connection, award_no: str) -> UUID:
    """The person whom an award pays."""
    person_id: UUID | None = connection.scalar(
        text("SELECT person_id FROM engine.award WHERE award_no = :award_no"), {"award_no": award_no}
    )
    if person_id is None:
        raise NotFound(f"there is no award {award_no}")
    return person_id


def oppose(connection: Connection, person_id: UUID, request_no: int, reason: str, at: datetime) -> None:
    """Không đồng ý: a beneficiary stops what was asked for in their name, before or after it was approved."""
    found = connection.execute(
        text("SELECT decision FROM engine.payout_request WHERE request_no = :no AND person_id = :person"),
        {"no": request_no, "person": person_id},
    ).one_or_none()
    if found is None:
        raise NotFound(f"there is no payout request {request_no}")
    if found.decision is None:
        refuse(connection, request_no, reason, at)
    else:
        revoke(connection, request_no, reason, at)


def approve(connection: Connection, vault: Vault, request_nos: Sequence[int], at: datetime) -> int:
    """Duyệt: another person, who may approve. The accounts count from their day on; returns how many changed.

    Raises `NotAllowed` for who asked and for who may not approve.
    """
    changes = []
    for request_no in request_nos:
        row = _waiting(connection, request_no)
        _decide(connection, request_no, "approved", None, at)
        account = Account(row.bank_bin, vault.open("account", bytes(row.account_ciphertext)), row.holder_name)
        changes.append(Change(row.person_id, account, row.valid_from, request_no))
        audit.record(connection, "payout_request_approved", f"payout request {request_no}", at)
    changed = change_accounts(connection, vault, changes, at)
    return changed.opened + changed.replaced


def refuse(connection: Connection, request_no: int, reason: str, at: datetime) -> None:
    """Từ chối, or taken back by who asked: nothing changes."""
    _waiting(connection, request_no)
    _decide(connection, request_no, "refused", reason, at)
    audit.record(connection, "payout_request_refused", f"payout request {request_no}", at, reason=reason)


def revoke(connection: Connection, request_no: int, reason: str, at: datetime) -> tuple[int, int]:
    """Thu hồi: what was approved counts no more, from now on; one person may stop money. Planned and held payments."""
    if not reason.strip():
        raise WrongInput(["a revocation says why"])
    revoked = connection.execute(
        text("""
            UPDATE engine.payout_request SET revoked_at = :at, revoked_by = engine.acting_person(),
                revoked_for = :reason
            WHERE request_no = :no AND decision = 'approved' AND revoked_at IS NULL"""),
        {"at": at, "reason": reason, "no": request_no},
    ).rowcount
    if not revoked:
        raise NotFound(f"there is no payout request {request_no} that was approved and stands")
    audit.record(connection, "payout_request_revoked", f"payout request {request_no}", at, reason=reason)
    return follow_ended(connection, business_date(at), at)


def follow_ended(connection: Connection, paid_on: date, at: datetime) -> tuple[int, int]:
    """Brings payments into line with authorities that have ended by a day: how many were dropped, how many held."""
    if not connection.scalar(
        text(f"SELECT EXISTS (SELECT FROM engine.payout_account o WHERE request_no IS NOT NULL AND {ENDED})"),
        {"paid_on": paid_on},
    ):
        return 0, 0
    connection.execute(
        text(f"""
            UPDATE engine.attempt t SET state = 'failed', code = 'HELD' FROM ({_UNPAID}) p
            WHERE p.payment_id = t.payment_id AND p.state = 'approved' AND t.state = 'ready'"""),
        {"paid_on": paid_on},
    )
    dropped, held = (_stop(connection, transition, paid_on, at) for transition in (DROP, HOLD))
    free_for_reissue(connection)
    if dropped or held:
        audit.record(connection, "authorities_followed", paid_on.isoformat(), at, dropped=dropped, held=held)
    return dropped, held


def leave_ended(connection: Connection, paid_on: date) -> int:
    """Takes the account from every staged payment whose authority has ended; the payee stays due. How many."""
    return connection.execute(
        text(f"""
            UPDATE due SET payout_account_id = NULL FROM engine.payout_account o
            WHERE o.payout_account_id = due.payout_account_id AND o.request_no IS NOT NULL AND {ENDED}"""),
        {"paid_on": paid_on},
    ).rowcount


def list_requests(
    connection: Connection, vault: Vault, *, waiting: bool = False, person_id: UUID | None = None
) -> list[dict[str, Any]]:
    """Requests with where they stand, the newest first; of one beneficiary, or all; the account masked."""
    rows = connection.execute(
        text("""
            SELECT q.request_no,
                (SELECT min(a.award_no) FROM engine.award a WHERE a.person_id = q.person_id) AS award_no,
                q.receiver, q.holder_name, q.bank_bin, q.account_ciphertext, q.evidence, q.valid_from, q.valid_until,
                q.requested_at, q.requested_by, coalesce(q.decision, 'waiting') AS decision, q.decided_by,
                q.decision_reason, q.revoked_for
            FROM engine.payout_request q
            WHERE (NOT :waiting OR q.decision IS NULL)
                AND (CAST(:person AS uuid) IS NULL OR q.person_id = :person)
            ORDER BY q.request_no DESC"""),
        {"waiting": waiting, "person": person_id},
    )
    told = []
    for row in rows:
        shown = row._asdict()
        shown["account"] = mask(vault.open("account", bytes(shown.pop("account_ciphertext"))))
        told.append(shown)
    return told


def _waiting(connection: Connection, request_no: int) -> Any:
    row = connection.execute(
        text("""
            SELECT person_id, bank_bin, account_ciphertext, holder_name, valid_from, decision
            FROM engine.payout_request WHERE request_no = :no FOR UPDATE"""),
        {"no": request_no},
    ).one_or_none()
    if row is None:
        raise NotFound(f"there is no payout request {request_no}")
    if row.decision is not None:
        raise NotAllowed(f"payout request {request_no} is {row.decision} already")
    return row


def _decide(connection: Connection, request_no: int, decision: str, reason: str | None, at: datetime) -> None:
    try:
        connection.execute(
            text("""
                UPDATE engine.payout_request SET decision = :decision, decision_reason = :reason, decided_at = :at,
                    decided_by = engine.acting_person() WHERE request_no = :no"""),
            {"decision": decision, "reason": reason, "at": at, "no": request_no},
        )
    except IntegrityError as error:
        raise NotAllowed("who asked for a payout account does not approve it: two persons") from error
    except DBAPIError as error:
        raise NotAllowed(str(error.orig).splitlines()[0]) from error


_UNPAID = f"""
    SELECT p.payment_id, p.state FROM engine.payment p JOIN engine.payout_account o USING (payout_account_id)
    WHERE p.state IN ('planned', 'approved') AND o.request_no IS NOT NULL AND {ENDED}"""


def _stop(connection: Connection, transition: Transition, paid_on: date, at: datetime) -> int:
    chosen = f"SELECT payment_id, '{AUTHORITY_ENDED}' AS reason FROM ({_UNPAID}) u WHERE state = :from_state"
    parameters = {"from_state": transition.source.value, "paid_on": paid_on}
    expected: int = connection.execute(text(f"SELECT count(*) FROM ({chosen}) c"), parameters).scalar_one()
    voucher = Voucher(f"authorities:{transition.name}", f"authorities ended by {paid_on}", paid_on, at)
    move(connection, transition, voucher, chosen=chosen, expected=expected, **parameters)
    return expected
