"""Thông báo cho người hưởng: payees are told what happened to their money, once, and never anything sensitive.

What is to be told follows from what is on record, so it can be looked for at any time. Messages leave through the
outbox and a sender that can be exchanged; the one here writes files for whoever runs a gateway of short messages. A
sender may get a message twice after a crash, always under the same number. What passes a day's quota waits.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import yaml
from sqlalchemy import Connection, text

from engine import audit, outbox
from engine.clock import business_date
from engine.database import Database
from engine.vault import Vault

SEND_NOTIFICATIONS = "send_notifications"
_NEWS_DAYS = 7
"""What happened longer ago is no news."""
_AT_ONCE = 1000
_NEXT_TRY_SECONDS = 3600
"""Until the quota is looked at again."""


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
    news = " UNION ALL ".join(_NEWS[kind] for kind in kinds or _NEWS)
    noted = connection.execute(
        text(f"""
            INSERT INTO engine.notification (person_id, event, subject, month, noted_at)
            SELECT n.person_id, n.event, n.subject, n.month, :at FROM ({news}) n
            JOIN engine.person q USING (person_id)
            WHERE q.phone_ciphertext IS NOT NULL AND NOT EXISTS (
                SELECT FROM engine.vital_event v WHERE v.person_id = q.person_id AND upper_inf(v.recorded_during))
            ORDER BY n.event, n.subject
            ON CONFLICT (event, subject) DO NOTHING"""),
        {"at": at, "since": at - timedelta(days=_NEWS_DAYS)},
    ).rowcount
    if noted:
        outbox.put(connection, SEND_NOTIFICATIONS, str(uuid4()))
        audit.record(connection, "notifications_noted", business_date(at).isoformat(), at, notifications=noted)
    return noted


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
    """Works an outbox message: hands on what waits, within the day's quota; what passes it is tried again later."""
    while True:
        with database.transaction() as connection:
            rows = connection.execute(text(_WAITING), _within(at)).all()
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
                continue
            waiting = connection.scalar(text("SELECT EXISTS (SELECT FROM engine.notification WHERE sent_at IS NULL)"))
            if waiting:
                outbox.postpone(connection, message_id, _NEXT_TRY_SECONDS)
            else:
                outbox.finish(connection, message_id)
            return


# The oldest first; of each person no more than the quota leaves today, and no more than it leaves in all.
_WAITING = """
    WITH today AS (
        SELECT person_id, count(*) AS sent FROM engine.notification
        WHERE (sent_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date = :on GROUP BY person_id
    ), placed AS (
        SELECT n.*, coalesce(today.sent, 0)
            + row_number() OVER (PARTITION BY n.person_id ORDER BY n.notification_no) AS place
        FROM engine.notification n LEFT JOIN today USING (person_id) WHERE n.sent_at IS NULL
    )
    SELECT placed.notification_no, placed.event, placed.month, q.phone_ciphertext
    FROM placed JOIN engine.person q USING (person_id)
    WHERE place <= :to_a_person
    ORDER BY notification_no
    LIMIT least(:at_once, greatest(0, :in_all - (SELECT coalesce(sum(sent), 0) FROM today)))"""


def _within(at: datetime) -> dict[str, Any]:
    quota = _content()["quota"]
    return {
        "on": business_date(at),
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
