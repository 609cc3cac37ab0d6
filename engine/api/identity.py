"""Who asks (người dùng): roles, the session in a signed cookie, and the users of a demonstration.

A session names a user and is signed by the installation's vault. The database keeps the sessions that were ended by
signing out until they would have run out by themselves, so that every process refuses a copy of their cookie. Without
an identity provider, only a database that a demonstration made knows users: one for each role, and each who signs.
"""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Connection, text

from engine.errors import NotFound
from engine.vault import Vault

COOKIE = "thuchi_session"
SESSION_LASTS = timedelta(hours=8)
"""A working day; then the user signs in again."""


class Role(StrEnum):
    """For whom a page is: người hưởng, đơn vị sử dụng lao động, cán bộ tài chính."""

    BENEFICIARY = "beneficiary"
    EMPLOYER = "employer"
    FINANCE = "finance"


@dataclass(frozen=True, slots=True)
class User:
    """Somebody signed in. `subject` is the person or the employer whose own matters they see; none for staff.

    `staff` is who signs, as the database knows them; somebody of finance without it sees everything and signs nothing.
    """

    role: Role
    name: str
    subject: UUID | None
    staff: str | None = None

    @property
    def code(self) -> str:
        named = self.subject or self.staff
        return f"{self.role}:{named}" if named else self.role.value


@dataclass(frozen=True, slots=True)
class Session:
    """A browser's visit; before sign-in its user code is empty."""

    session_id: str
    user_code: str
    began_at: int
    """Seconds since 1970, by the computer's clock: a visit is a matter of the day, not of the month shown."""

    @classmethod
    def begin(cls, user_code: str, now: datetime) -> "Session":
        return cls(secrets.token_hex(16), user_code, int(now.timestamp()))

    def sealed(self, vault: Vault) -> str:
        content = f"{self.session_id}.{self.began_at}.{self.user_code}"
        return f"{content}.{_sign(vault, 'portal_session', content)}"

    @classmethod
    def unseal(cls, cookie: str, vault: Vault, now: datetime) -> "Session | None":
        """The session of a cookie that we signed and that has not run out."""
        content, _, signature = cookie.rpartition(".")
        if not hmac.compare_digest(signature.encode(), _sign(vault, "portal_session", content).encode()):
            return None
        session_id, began_at, user_code = content.split(".", 2)
        age = now.timestamp() - int(began_at)
        return cls(session_id, user_code, int(began_at)) if 0 <= age < SESSION_LASTS.total_seconds() else None

    def form_token(self, vault: Vault) -> str:
        """What every form of this session carries, so that no other site can send one in the user's name."""
        return _sign(vault, "portal_form", self.session_id)

    def owns_form(self, token: str, vault: Vault) -> bool:
        return hmac.compare_digest(token.encode(), self.form_token(vault).encode())


def end_session(connection: Connection, session: Session) -> None:
    """From now on the cookie of this session is nobody's; sessions that have run out anyway are forgotten."""
    runs_out_at = session.began_at + int(SESSION_LASTS.total_seconds())
    connection.execute(
        text("""
            INSERT INTO engine.ended_session (session_id, runs_out_at)
            VALUES (:session_id, to_timestamp(:runs_out_at)) ON CONFLICT DO NOTHING"""),
        {"session_id": session.session_id, "runs_out_at": runs_out_at},
    )
    connection.execute(text("DELETE FROM engine.ended_session WHERE runs_out_at < now() - interval '1 day'"))


def has_ended(connection: Connection, session: Session) -> bool:
    return bool(
        connection.scalar(
            text("SELECT EXISTS (SELECT FROM engine.ended_session WHERE session_id = :session_id)"),
            {"session_id": session.session_id},
        )
    )


def _sign(vault: Vault, purpose: str, content: str) -> str:
    return vault.fingerprint(purpose, content).hex()


def is_demonstration(connection: Connection) -> bool:
    return bool(connection.scalar(text("SELECT EXISTS (SELECT FROM engine.demonstration)")))


class Scene(StrEnum):
    """What a demonstration's user has to look at."""

    PAID = "paid"
    RETURNED = "returned"
    NOTICE = "notice"
    BOARD = "board"
    PREPARER = "preparer"
    APPROVER = "approver"
    AUTHORISER = "authoriser"


def demonstration_users(connection: Connection) -> list[tuple[Scene, User]]:
    """One user for each role that the month has work for, a payee whose money came back, and those who sign."""
    users = [
        (Scene(row.scene), User(Role.BENEFICIARY, row.name, row.person_id))
        for row in connection.execute(
            text("""
                SELECT person_id, name, scene FROM (
                    (SELECT person_id, 'paid' AS scene FROM engine.payment WHERE state <> 'returned' ORDER BY
                        benefit = 'retirement_lump_sum' DESC, state = 'settled' DESC, payment_no LIMIT 1)
                    UNION ALL
                    (SELECT person_id, 'returned' FROM engine.payment WHERE state = 'returned'
                     ORDER BY payment_no LIMIT 1)
                ) chosen JOIN engine.person USING (person_id) ORDER BY scene""")
        )
    ]
    employer_id = connection.scalar(text("SELECT employer_id FROM engine.notice ORDER BY notice_no LIMIT 1"))
    if employer_id is not None:
        users.append((Scene.NOTICE, user_of(connection, f"{Role.EMPLOYER}:{employer_id}")))
    users.append((Scene.BOARD, User(Role.FINANCE, _FINANCE_NAME, None)))
    staff = connection.execute(
        text("SELECT person, name, role FROM engine.staff WHERE active ORDER BY role DESC, person")
    )
    return [*users, *((Scene(row.role), User(Role.FINANCE, row.name, None, row.person)) for row in staff)]


_FINANCE_NAME = "Phòng Kế hoạch – Tài chính"


_EMPLOYER_NAME = """
    SELECT name FROM engine.employer_detail WHERE employer_id = :id AND upper_inf(recorded_during)
    ORDER BY lower(valid_during) DESC LIMIT 1"""


def user_of(connection: Connection, user_code: str) -> User:
    """The user that a session names; raises `NotFound` if the database knows them no more."""
    role, _, subject = user_code.partition(":")
    match Role(role):
        case Role.FINANCE:
            return _of_finance(connection, subject)
        case Role.BENEFICIARY:
            name = connection.scalar(
                text("SELECT name FROM engine.person WHERE person_id = :id"), {"id": UUID(subject)}
            )
        case Role.EMPLOYER:
            name = connection.scalar(text(_EMPLOYER_NAME), {"id": UUID(subject)})
    if name is None:
        raise NotFound("this user is no longer known")
    return User(Role(role), name, UUID(subject))


def _of_finance(connection: Connection, staff: str) -> User:
    if not staff:
        return User(Role.FINANCE, _FINANCE_NAME, None)
    name = connection.scalar(text("SELECT name FROM engine.staff WHERE person = :person AND active"), {"person": staff})
    if name is None:
        raise NotFound("this user is no longer known")
    return User(Role.FINANCE, name, None, staff)
