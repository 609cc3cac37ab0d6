"""Payees are told once what happened, within a quota, and nothing sensitive stands in the text."""

import json
import threading
from datetime import timedelta
from pathlib import Path

import builders
import pytest
from sqlalchemy import Engine, text

from engine import outbox
from engine.awards.suspension import suspend
from engine.database import Database
from engine.errors import DoesNotHold
from engine.installation import Installation
from engine.payments import notifications
from engine.payments.notifications import FileSender, note_news, note_settled, send_notifications
from engine.payments.payment import RETURN, SEND, SETTLE, Voucher, move
from engine.settings import Settings
from engine.workers.relay import work

PHONES = ("0912345671", "0912345672")


@pytest.fixture
def installation(database: Database, owner: Engine, tmp_path: Path) -> Installation:
    """Two payees with telephones and one without: all paid, the second's money came back; the first is suspended."""
    installation = Installation(Settings(tmp_path, None, None, None), database)
    builders.add_world(database, installation.vault, builders.payees(3))
    with owner.begin() as connection:
        connection.execute(
            text("INSERT INTO engine.demonstration (payees, seed, now_at) VALUES (1, 1, :at)"), {"at": builders.AT}
        )
        connection.execute(text("ALTER TABLE engine.person DISABLE TRIGGER USER"))
        for number, phone in enumerate(PHONES, 1):
            sealed = installation.vault.seal("phone", phone)
            connection.execute(
                text("""
                    UPDATE engine.person SET phone_ciphertext = :ciphertext, phone_fingerprint = :fingerprint
                    WHERE person_id = (SELECT person_id FROM engine.award WHERE award_no = :no)"""),
                {"ciphertext": sealed.ciphertext, "fingerprint": sealed.fingerprint, "no": f"QD-{number:06d}"},
            )
    builders.approved_run(database)
    with database.transaction("lan") as connection:
        for transition, which in ((SEND, "true"), (SETTLE, "true"), (RETURN, "payment_no = 2")):
            chosen = f"SELECT payment_id, 'AC04' AS reason FROM engine.payment WHERE {which}"
            voucher = Voucher(transition.name, "test", builders.PAY_ON, builders.AT)
            move(connection, transition, voucher, chosen=chosen, expected=1 if transition is RETURN else 3)
        suspend(connection, ["QD-000001"], "wanted", builders.PERIOD, "CV 1", builders.AT)
    return installation


def _told(installation: Installation) -> list[dict[str, str]]:
    files = sorted(installation.notifications.iterdir())
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def test_payees_are_told_once_through_the_outbox(installation: Installation) -> None:
    with installation.database.transaction("lan") as connection:
        assert note_news(connection, builders.AT) == 5  # two decisions, paid, returned, suspended
        assert note_news(connection, builders.AT) == 0
    work(installation, threading.Event(), until_idle=True)
    told = _told(installation)
    assert sorted(message["to"] for message in told) == [PHONES[0]] * 3 + [PHONES[1]] * 2
    for message in told:
        for secret in ("NGUY", "10210000", "0010", "3.0", "3000000", *PHONES):
            assert secret not in message["text"]
    assert any("hoàn trả" in message["text"] and "11/2026" in message["text"] for message in told)
    with installation.database.transaction() as connection:
        assert outbox.open_messages(connection) == 0


def test_work_that_keeps_failing_ends_the_waiting_and_becomes_a_case(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "PAUSES_SECONDS", (0,))
    in_the_way = installation.notifications / "2026-11-02.jsonl"
    in_the_way.mkdir()
    with installation.database.transaction("lan") as connection:
        note_news(connection, builders.AT)
    with pytest.raises(DoesNotHold, match="1 messages fail again and again"):
        work(installation, threading.Event(), until_idle=True)
    with installation.database.transaction() as connection:
        cases = connection.execute(text("SELECT subject, problem FROM engine.open_case")).all()
    ((subject, problem),) = cases
    assert subject.startswith("send_notifications-")
    assert problem.endswith("IsADirectoryError")
    in_the_way.rmdir()
    with installation.database.transaction() as connection:
        assert outbox.try_again(connection) == 1
    work(installation, threading.Event(), until_idle=True)
    assert len(_told(installation)) == 5


def test_what_passes_the_quota_waits_for_another_day(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(notifications._content(), "quota", {"to_a_person_a_day": 2, "in_all_a_day": 3})
    sender = FileSender(installation.notifications)
    with installation.database.transaction("lan") as connection:
        note_news(connection, builders.AT)
        message_id = connection.execute(text("SELECT message_id FROM engine.outbox")).scalar_one()
    for days, sent in ((0, 3), (0, 3), (1, 5)):
        at = builders.AT + timedelta(days=days)
        send_notifications(installation.database, installation.vault, sender, message_id, at)
        assert len(_told(installation)) == sent
    with installation.database.transaction() as connection:
        assert outbox.open_messages(connection) == 0


def test_what_a_statement_has_shown_is_told_without_anybody_asking(installation: Installation) -> None:
    with installation.database.transaction("lan") as connection:
        connection.execute(
            text("CREATE TEMPORARY TABLE proven (reference text, returned boolean) ON COMMIT DROP"),
        )
        connection.execute(text("INSERT INTO proven SELECT reference, false FROM engine.payment"))
        connection.execute(text("INSERT INTO proven SELECT reference, true FROM engine.payment WHERE payment_no = 2"))
        assert note_settled(connection, builders.AT) == 2  # the third payee has no telephone
        assert note_settled(connection, builders.AT) == 0
    work(installation, threading.Event(), until_idle=True)
    assert sorted("hoàn trả" in message["text"] for message in _told(installation)) == [False, True]
