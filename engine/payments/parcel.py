"""What is known of a parcel of single payouts: its attempts as their calls name them, and the state they make."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from engine.database import Database
from engine.payments import observation
from engine.payments.observation import Source
from engine.payments.outgoing import open_account, remittance
from engine.people.accounts import wallet_provider
from engine.vault import Vault
from gateways.contract import Instrument
from gateways.online import Payer, Payout, Receiver
from gateways.pace import Pace


@dataclass(frozen=True, slots=True)
class SingleSender:
    """What sending one by one needs: the database, the vault, one open provider and its pace."""

    database: Database
    vault: Vault
    payer: Payer
    pace: Pace


@dataclass(frozen=True, slots=True)
class Due:
    """An attempt that is to be called, or asked about."""

    attempt_id: UUID
    payout: Payout


def rows(connection: Connection, batch_id: UUID, which: str) -> Sequence[Row[Any]]:
    """The attempts of a parcel whose money is on its way, with all that their calls are made of."""
    return connection.execute(
        text(f"""
            SELECT t.attempt_id, t.instruction_id, p.reference, p.amount_vnd, p.benefit, p.entitled_month,
                   o.bank_bin, o.holder_name, o.account_ciphertext, o.account_fingerprint,
                   n.personal_id_ciphertext, c.receiver_ciphertext
            FROM engine.attempt t JOIN engine.payment p USING (payment_id)
            JOIN engine.payout_account o USING (payout_account_id)
            LEFT JOIN engine.person n ON n.person_id = p.person_id
            LEFT JOIN engine.single_call c USING (attempt_id)
            WHERE t.batch_id = :batch_id AND p.state = 'in_transit' AND {which} ORDER BY p.payment_no"""),
        {"batch_id": batch_id},
    ).all()


def asked(sender: SingleSender, row: Row[Any], *, opened: bool = False) -> Due:
    """The payout of a row; as it was called for, or with the account opened for a call to be made."""
    wallet = wallet_provider(row.bank_bin) is not None
    instrument = Instrument.WALLET if wallet else Instrument.BANK_ACCOUNT
    number = open_account(sender.vault, row) if opened else sender.vault.open("account", row.receiver_ciphertext)
    personal_id = (
        sender.vault.open("personal_id", row.personal_id_ciphertext)
        if wallet and row.personal_id_ciphertext is not None
        else ""
    )
    bank = None if wallet else row.bank_bin
    return Due(row.attempt_id, payout(sender, row, Receiver(instrument, number, row.holder_name, bank, personal_id)))


def payout(sender: SingleSender, row: Row[Any], receiver: Receiver) -> Payout:
    longest = sender.payer.capabilities.lengths.get("description")
    return Payout(row.instruction_id, row.amount_vnd, f"{row.reference} {remittance(row)}"[:longest], receiver)


def settle_state(connection: Connection, batch: Row[Any], source: Source, at: datetime) -> bool:
    """Gives a parcel the state that its attempts make; True when the end of every one that was called is known.

    One of which a part waits to be called stays as it is.
    """
    states = set(
        connection.scalars(
            text("SELECT DISTINCT state FROM engine.attempt WHERE batch_id = :batch_id"), {"batch_id": batch.batch_id}
        )
    )
    if batch.state == "ready":
        return states.isdisjoint({"unknown", "pending"})
    state = "unknown" if "unknown" in states else "accepted" if "pending" in states else "answered"
    if state != batch.state:
        observation.note_parcel(connection, batch.batch_id, source, state, "PARCEL", at)
    return state == "answered"
