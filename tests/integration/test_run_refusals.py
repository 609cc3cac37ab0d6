"""What people and hands in the database try between two signatures, and the reason with which each is refused."""

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from uuid import UUID

import builders
import pytest
from sqlalchemy import Connection, Engine, text

from engine.database import Database
from engine.errors import NotAllowed, WrongInput
from engine.installation import Installation
from engine.payments import planning, run
from engine.payments.agreement import require_agreement
from engine.payments.dispatch import Sender, send_batch
from engine.payments.signed_content import SHARD_HASHES
from engine.settings import Settings
from engine.vault import Vault
from gateways.signing import ensure_key


@pytest.fixture
def submitted(database: Database, vault: Vault) -> Database:
    builders.add_world(database, vault, builders.payees(3))
    with database.transaction("lan") as connection:
        planning.plan(connection, builders.PERIOD, builders.PAY_ON, "simbank", frozenset(), builders.AT)
        run.submit(connection, builders.RUN, "lan", builders.AT)
    return database


def _approve(database: Database, person: str) -> int:
    with database.transaction(person) as connection:
        return run.approve(connection, builders.RUN, person, builders.AT)


def _signatures(database: Database) -> list[tuple[int, str]]:
    with database.transaction() as connection:
        rows = connection.execute(text("SELECT level, person FROM engine.run_signature ORDER BY level"))
        return [(row.level, row.person) for row in rows]


@pytest.mark.parametrize("change", ["role = 'preparer'", "active = false"])
def test_a_checker_whose_role_changed_in_between_signs_no_more(
    submitted: Database, superuser: Engine, change: str
) -> None:
    _approve(submitted, "minh")
    with superuser.begin() as connection:
        connection.execute(text(f"UPDATE engine.staff SET {change} WHERE person = 'hoa'"))
    with pytest.raises(NotAllowed, match="hoa may not sign level 2: the role authoriser is needed"):
        _approve(submitted, "hoa")
    assert _signatures(submitted) == [(0, "lan"), (1, "minh")]


@pytest.mark.parametrize("person", ["lan", "minh"])
def test_who_signed_and_was_made_authoriser_since_cannot_sign_again(
    submitted: Database, superuser: Engine, person: str
) -> None:
    _approve(submitted, "minh")
    with superuser.begin() as connection:
        connection.execute(text("UPDATE engine.staff SET role = 'authoriser' WHERE person = :p"), {"p": person})
    with pytest.raises(NotAllowed, match="maker and checkers are different persons"):
        _approve(submitted, person)


def test_of_two_who_plan_a_month_at_once_the_second_finds_nothing_due(database: Database, vault: Vault) -> None:
    builders.add_world(database, vault, builders.payees(3))

    def plan() -> str:
        with database.transaction("lan") as connection:
            return _plan(connection)

    with ThreadPoolExecutor(1) as pool:
        with database.transaction("lan") as connection:
            assert _plan(connection) == builders.RUN
            other = pool.submit(plan)
            # Time enough to look before the first is done, for whoever does not wait.
            wait([other], timeout=0.5)
        with pytest.raises(WrongInput, match="nothing is due for 2026-11"):
            other.result()


def _plan(connection: Connection) -> str:
    return planning.plan(connection, builders.PERIOD, builders.PAY_ON, "simbank", frozenset(), builders.AT).run_code


@pytest.mark.parametrize("pair", [("minh", "tam"), ("minh", "minh")])
def test_of_two_approvals_at_once_one_counts(submitted: Database, pair: tuple[str, str]) -> None:
    """Two approvers, or two tabs of one: the second waits for the first, and may not sign what then is next."""
    together = threading.Barrier(2)

    def sign(person: str) -> str:
        together.wait()
        try:
            return f"level {_approve(submitted, person)}"
        except NotAllowed as refused:
            return str(refused)

    with ThreadPoolExecutor(2) as pool:
        first, second = sorted(pool.map(sign, pair))
    assert first == "level 1"
    assert "different persons" in second or "the role authoriser is needed" in second
    assert [level for level, _ in _signatures(submitted)] == [0, 1]


def test_of_two_last_signatures_at_once_money_becomes_payable_once(submitted: Database, superuser: Engine) -> None:
    with superuser.begin() as connection:
        connection.execute(text("UPDATE engine.staff SET role = 'authoriser' WHERE person = 'tam'"))
    _approve(submitted, "minh")
    together = threading.Barrier(2)

    def sign(person: str) -> str:
        together.wait()
        try:
            return f"level {_approve(submitted, person)}"
        except NotAllowed as refused:
            return str(refused)

    with ThreadPoolExecutor(2) as pool:
        first, second = sorted(pool.map(sign, ("hoa", "tam")))
    assert (first, second) == ("level 2", "run 2026-11/1 is approved; this step needs it submitted")
    with submitted.transaction() as connection:
        require_agreement(connection)


@pytest.mark.parametrize("edit", ["amount_vnd = amount_vnd + 1", "purpose = 'PENX'"])
def test_what_is_edited_after_the_last_signature_is_not_sent_and_a_case_says_why(
    submitted: Database, vault: Vault, superuser: Engine, tmp_path: Path, edit: str
) -> None:
    for person in ("minh", "hoa"):
        _approve(submitted, person)
    installation = Installation(Settings(tmp_path, None, None, None), submitted)
    ensure_key(installation.signing_key("simbank"))
    builders.dispatch_run(installation)
    with superuser.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text(f"UPDATE engine.payment SET {edit} WHERE payment_no = 2"))
    assert _refused_at_the_batch(installation, vault) == (
        "payments of shard 1 were changed after the run was submitted; its signatures are void"
    )


_AMOUNT_AND_SHARD = (
    "UPDATE engine.payment SET amount_vnd = amount_vnd + 1 WHERE payment_no = 2",
    f"""UPDATE engine.run_shard s SET content_hash = now.content_hash FROM ({SHARD_HASHES.format(shards="")}) now
        WHERE now.run_id = s.run_id AND now.shard = s.shard""",
)
_ANOTHERS_NUMBER = (
    """UPDATE engine.payout_account o SET account_ciphertext = other.account_ciphertext
       FROM engine.payment p, engine.payment q JOIN engine.payout_account other USING (payout_account_id)
       WHERE o.payout_account_id = p.payout_account_id AND p.payment_no = 2 AND q.payment_no = 1""",
)


@pytest.mark.parametrize(
    ("by_hand", "refusal"),
    [
        (_AMOUNT_AND_SHARD, "only 0 of 3 signatures cover the shards of the run as they stand"),
        (
            _ANOTHERS_NUMBER,
            "a stored account number does not match the fingerprint that was approved; nothing was sent",
        ),
    ],
    ids=["an amount with its shard's hash", "another's account number"],
)
def test_what_a_superuser_makes_agree_in_part_is_not_sent(
    submitted: Database, vault: Vault, superuser: Engine, tmp_path: Path, by_hand: tuple[str, ...], refusal: str
) -> None:
    for person in ("minh", "hoa"):
        _approve(submitted, person)
    with superuser.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        run_id = connection.scalar(text("SELECT run_id FROM engine.payment_run"))
        for statement in by_hand:
            values = {"run_id": run_id} if ":run_id" in statement else {}
            assert connection.execute(text(statement), values).rowcount == 1
    installation = Installation(Settings(tmp_path, None, None, None), submitted)
    ensure_key(installation.signing_key("simbank"))
    builders.dispatch_run(installation)
    assert _refused_at_the_batch(installation, vault) == refusal


_SLIPPED_IN = (
    """INSERT INTO engine.payment (reference, run_id, shard, award_id, person_id, payout_account_id, gateway,
           entitled_month, part, benefit, fund, purpose, law_version, amount_vnd)
       SELECT 'PN00000000099X', run_id, 2, award_id, person_id, payout_account_id, gateway, entitled_month, 2, benefit,
           fund, purpose, law_version, amount_vnd FROM engine.payment WHERE payment_no = 1""",
    f"INSERT INTO engine.run_shard {SHARD_HASHES.format(shards='AND p.shard = 2')}",
    "UPDATE engine.payment SET state = 'approved' WHERE shard = 2",
)
_NEVER_SIGNED = (
    "UPDATE engine.payment SET state = 'approved'",
    "UPDATE engine.payment_run SET state = 'approved'",
)


@pytest.mark.parametrize(
    ("signers", "by_hand", "refusal"),
    [
        (("minh", "hoa"), _SLIPPED_IN, "only 0 of 3 signatures cover the shards of the run as they stand"),
        (("minh",), _NEVER_SIGNED, "only 2 of 3 signatures cover the shards of the run as they stand"),
    ],
    ids=["slipped in after the last signature", "one signature short"],
)
def test_what_the_application_itself_could_write_beside_the_signatures_is_not_sent(
    submitted: Database,
    vault: Vault,
    application: Engine,
    tmp_path: Path,
    signers: tuple[str, ...],
    by_hand: tuple[str, ...],
    refusal: str,
) -> None:
    for person in signers:
        _approve(submitted, person)
    with application.begin() as connection:
        run_id = connection.scalar(text("SELECT run_id FROM engine.payment_run"))
        for statement in by_hand:
            connection.execute(text(statement), {"run_id": run_id} if ":run_id" in statement else {})
    installation = Installation(Settings(tmp_path, None, None, None), submitted)
    ensure_key(installation.signing_key("simbank"))
    builders.dispatch_run(installation)
    assert _refused_at_the_batch(installation, vault) == refusal


def _refused_at_the_batch(installation: Installation, vault: Vault) -> str:
    """A worker takes up the batch: nothing is sent, and the case that it opens tells why."""
    with installation.database.transaction() as connection:
        message = connection.execute(text("SELECT message_id, subject FROM engine.outbox")).one()
    # Nobody listens at the gateway's address: a call would end otherwise.
    gateway = installation.gateway("simbank")
    try:
        sender = Sender(installation.database, vault, gateway, installation.outgoing)
        send_batch(sender, message.message_id, UUID(message.subject), builders.AT)
    finally:
        gateway.close()
    with installation.database.transaction() as connection:
        problem = str(connection.execute(text("SELECT problem FROM engine.open_case")).scalar_one())
        states = connection.scalars(text("SELECT DISTINCT state FROM engine.payment")).all()
        sends = connection.scalar(text("SELECT sends FROM engine.batch"))
    assert (states, sends) == (["approved"], 0)
    return problem
