"""What files and single calls share on their way out: the lock, the switches, the account that is opened last."""

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from engine.errors import DoesNotHold
from engine.vault import Vault
from reconciliation import expectations
from reconciliation.working_days import working_days_after

PAUSED_SECONDS = 60
"""How long a batch waits before it looks again whether sending is allowed."""
_SEEN_WITHIN_WORKING_DAYS = 2
"""So long after its day a debit may still be known by the payee's account and the amount, if it tells no reference."""
_REMITTANCE = {
    "pension": "Luong huu",
    "retirement_lump_sum": "Tro cap mot lan khi nghi huu",
    "funeral_grant": "Tro cap mai tang",
    "survivor_allowance": "Tro cap tuat",
    "survivor_lump_sum": "Tro cap tuat mot lan",
    "refund": "Hoan tra tien dong BHXH",
}


def lock_batch(connection: Connection, batch_id: UUID) -> Row[Any]:
    """The batch with its paying account and run; nobody else works on it before the transaction ends."""
    return connection.execute(
        text("""
            SELECT b.*, a.account_ciphertext, a.account_fingerprint, a.own_account_id, a.holder_name, r.run_code,
                   r.state AS run_state
            FROM engine.batch b JOIN engine.paying_account a USING (paying_account_id)
            JOIN engine.payment_run r ON r.run_id = b.run_id
            WHERE batch_id = :batch_id FOR UPDATE OF b"""),
        {"batch_id": batch_id},
    ).one()


def may_send(connection: Connection, gateway: str, run_id: UUID) -> bool:
    """Whether neither all sending, nor the gateway, nor the run is stopped."""
    return bool(
        connection.scalar(
            text("""
                SELECT NOT s.stopped AND NOT g.paused AND r.state = 'approved'
                FROM engine.sending_switch s, engine.gateway g, engine.payment_run r
                WHERE g.gateway = :gateway AND r.run_id = :run_id"""),
            {"gateway": gateway, "run_id": run_id},
        )
    )


def open_account(vault: Vault, row: Row[Any]) -> str:
    """The account number of a row, held against the fingerprint that was approved."""
    account = vault.open("account", row.account_ciphertext)
    if vault.fingerprint("account", account) != row.account_fingerprint:
        raise DoesNotHold("a stored account number does not match the fingerprint that was approved; nothing was sent")
    return account


def remittance(row: Row[Any]) -> str:
    """What the payee reads beside the money: the benefit and the month it is for."""
    return f"{_REMITTANCE[row.benefit]} thang {row.entitled_month:%m/%Y}"


def expect_debits(connection: Connection, batch: Row[Any], *, sealed: str) -> None:
    """Expects the debit of each payment of the batch whose attempt is in state `sealed` on a statement."""
    expectations.open_staging(connection)
    connection.execute(
        text(f"""
            INSERT INTO {expectations.STAGING}
                (reference, batch_reference, sign, own_account_id, amount_vnd, due_on, kind, until_on, counterparty)
            SELECT p.reference, :message_id, 'debit', :own_account_id, p.amount_vnd, :due_on, 'payment', :until_on,
                -- An account that is registered for several payees tells nobody.
                CASE WHEN NOT EXISTS (
                    SELECT FROM engine.payout_account other WHERE other.account_fingerprint = o.account_fingerprint
                        AND other.person_id <> o.person_id) THEN o.account_fingerprint END
            FROM engine.attempt t JOIN engine.payment p USING (payment_id)
            JOIN engine.payout_account o USING (payout_account_id)
            WHERE t.batch_id = :batch_id AND t.state = :sealed AND p.state = 'in_transit'"""),
        {
            "message_id": batch.message_id,
            "own_account_id": batch.own_account_id,
            "due_on": batch.execution_on,
            "until_on": working_days_after(batch.execution_on, _SEEN_WITHIN_WORKING_DAYS),
            "batch_id": batch.batch_id,
            "sealed": sealed,
        },
    )
    expectations.expect_staged(connection)
