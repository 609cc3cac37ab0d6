"""Thông báo cho người hưởng: payees are told what happened to their money, once, and never anything sensitive.

What is to be told follows from what is on record, so it can be looked for at any time. Messages leave through the
outbox and a sender that can be exchanged; the one here writes files for whoever runs a gateway of short messages. A
sender may get a message twice after a crash, always under the same number. What passes a day's quota waits for the next
news, which a statement brings every day.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import yaml
from sqlalchemy import Connection, text

from engine import audit, outbox
from engine.clock import VIET_NAM, business_date
from engine.database import Database
from engine.vault import Vault

SEND_NOTIFICATIONS = "send_notifications"
_NEWS_DAYS = 7
"""What happened longer ago is no news."""
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Message:
    """What a sender gets: a number for ever, a telephone number, a text."""

    number: int
    to: str = field(repr=False)
    text: str


class MessageSender(Protocol):
    """Hands messages on; raises if it could not."""

    def send(self, messages: Sequence[Message], at: datetime) -> None: ...


@dataclass(frozen=True, slots=True)
class FileSender:
    """Appends messages to a file of the day, one JSON object a line, readable by its owner alone."""

    directory: Path

    def send(self, messages: Sequence[Message], at: datetime) -> None:
        path = self.directory / f"{business_date(at)}.jsonl"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            for message in messages:
                file.write(json.dumps(asdict(message), ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())


def note_news(connection: Connection, at: datetime, *kinds: str) -> int:
    """Notes what payees with a telephone are to be told and puts its sending into the outbox; again, only news.

    Of every kind, or of those named: who has just done something looks for its news alone.
    """
    return _note(connection, " UNION ALL ".join(_NEWS[kind] for kind in kinds or _NEWS), at)


def note_settled(connection: Connection, at: datetime) -> int:
    """Notes what a statement has just shown as paid or returned (`proven`), in one statement for however many."""
    return _note(connection, _PROVEN, at)


def _note(connection: Connection, news: str, at: datetime) -> int:
    parameters = {"at": at} | ({"since": at - timedelta(days=_NEWS_DAYS)} if ":since" in news else {})
    noted = connection.execute(
        text(f"""
            INSERT INTO engine.notification (person_id, event, subject, month, noted_at)
            SELECT n.person_id, n.event, n.subject, n.month, :at FROM ({news}) n
            JOIN engine.person q USING (person_id)
            WHERE q.phone_ciphertext IS NOT NULL AND NOT EXISTS (
                SELECT FROM engine.vital_event v WHERE v.person_id = q.person_id AND upper_inf(v.recorded_during))
            ORDER BY n.event, n.subject
            ON CONFLICT (event, subject) DO NOTHING"""),
        parameters,
    ).rowcount
    if noted or connection.scalar(text(_ANY_WAITING)):
        outbox.put(connection, SEND_NOTIFICATIONS, str(uuid4()))
    if noted:
        audit.record(connection, "notifications_noted", business_date(at).isoformat(), at, notifications=noted)
    return noted


_ANY_WAITING = "SELECT EXISTS (SELECT FROM engine.notification WHERE sent_at IS NULL)"

_PROVEN = """
    SELECT p.person_id, CASE p.state WHEN 'settled' THEN 'paid' ELSE 'returned' END AS event, p.reference AS subject,
        p.entitled_month AS month
    FROM (SELECT DISTINCT reference FROM proven) m JOIN engine.payment p USING (reference)
    WHERE p.state IN ('settled', 'returned') AND p.person_id IS NOT NULL"""

# Each gives person_id, event, subject, month of what happened after :since.
_NEWS = {
    "payment": """
    SELECT p.person_id, CASE p.state WHEN 'settled' THEN 'paid' ELSE 'returned' END AS event, p.reference AS subject,
        p.entitled_month AS month
    FROM engine.payment p JOIN engine.payment_run r USING (run_id)
    WHERE p.state IN ('settled', 'returned') AND p.person_id IS NOT NULL
        AND r.planned_at >= :since - interval '30 days'""",
    "account_changed": """
    SELECT o.person_id, 'account_changed' AS event, o.payout_account_id::text AS subject, CAST(NULL AS date) AS month
    FROM engine.payout_account o
    WHERE lower(o.recorded_during) >= :since AND upper_inf(o.recorded_during) AND EXISTS (
        SELECT FROM engine.payout_account f WHERE f.person_id = o.person_id
            AND f.account_fingerprint <> o.account_fingerprint
            AND upper(f.recorded_during) = lower(o.recorded_during))""",
    "account_requested": """
    SELECT q.person_id, 'account_requested' AS event, q.request_no::text AS subject, CAST(NULL AS date) AS month
    FROM engine.payout_request q WHERE q.requested_at >= :since AND q.decision IS NULL""",
    "suspended": """
    SELECT a.person_id, 'suspended' AS event, s.suspension_id::text AS subject, s.from_month AS month
    FROM engine.suspension s JOIN engine.award a USING (award_id)
    WHERE s.suspended_at >= :since AND s.resumed_at IS NULL""",
    "decision": """
    SELECT a.person_id, 'decision' AS event, a.award_no AS subject, CAST(NULL AS date) AS month
    FROM engine.award a WHERE a.recorded_at >= :since""",
}


def send_notifications(database: Database, vault: Vault, sender: MessageSender, message_id: int, at: datetime) -> None:
    """Works an outbox message: hands on what waits, within the day's quota; what passes it waits for the next news."""
    after = 0
    while True:
        with database.transaction() as connection:
            # Two workers would hand on the same ones, and each believe in the whole of the quota.
            connection.execute(text(_ONE_AT_A_TIME), {"of": SEND_NOTIFICATIONS})
            looked = connection.execute(text(_WAITING), _within(at) | {"after": after}).all()
            if not looked:
                outbox.finish(connection, message_id)
                return
            after = looked[-1].notification_no
            rows = [row for row in looked if row.may_go]
            messages = [
                Message(
                    row.notification_no,
                    vault.open("phone", bytes(row.phone_ciphertext)),
                    _texts()[row.event].format(month=f"{row.month:%m/%Y}" if row.month else ""),
                )
                for row in rows
            ]
            if messages:
                sender.send(messages, at)
                connection.execute(
                    text("UPDATE engine.notification SET sent_at = :at WHERE notification_no = ANY(:numbers)"),
                    {"at": at, "numbers": [message.number for message in messages]},
                )


_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended(:of, 0))"

# The oldest first; of each person no more than the quota leaves today, and no more than it leaves in all. Only as many
# are looked at as are handed on at once, however many wait.
_WAITING = """
    SELECT n.notification_no, n.event, n.month, q.phone_ciphertext,
        (SELECT count(*) FROM engine.notification t WHERE t.person_id = n.person_id AND t.sent_at >= :today)
        + (SELECT count(*) FROM engine.notification e WHERE e.person_id = n.person_id AND e.sent_at IS NULL
            AND e.notification_no <= n.notification_no) <= :to_a_person AS may_go
    FROM (SELECT * FROM engine.notification WHERE sent_at IS NULL AND notification_no > :after ORDER BY notification_no
          LIMIT least(:at_once, greatest(0, :in_all - (
              SELECT count(*) FROM engine.notification WHERE sent_at >= :today)))) n
    JOIN engine.person q USING (person_id)
    ORDER BY n.notification_no"""


def _within(at: datetime) -> dict[str, Any]:
    quota = _content()["quota"]
    return {
        "today": datetime.combine(business_date(at), time.min, VIET_NAM),
        "to_a_person": quota["to_a_person_a_day"],
        "in_all": quota["in_all_a_day"],
        "at_once": _AT_ONCE,
    }


def _texts() -> dict[str, str]:
    texts: dict[str, str] = _content()["texts"]
    return texts


@cache
def _content() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("notifications.yaml").read_text(encoding="utf-8"))
    return content
