"""Kênh chi trả: to which accounts a gateway pays, and whether the law lets a benefit go there.

A wallet's gateway pays to its own wallets, the post office in cash at pay points, every other one to bank accounts. By
the law's present reading no social insurance benefit goes to a wallet; a run that does it all the same rests on a
permission that nobody confirmed, which it must name like any other unconfirmed value, so that both approvers see it.
"""

from datetime import date

from sqlalchemy import Connection, text

from engine.law.channels import Channel, Scheme, channel_allowed
from engine.law.findings import Record
from engine.law.parameters import Parameters
from engine.people.accounts import wallet_numbers
from engine.people.pay_points import IN_CASH

POST_OFFICE = "post_office"
"""The adapter that hands out cash."""
WALLET_PERMISSION = "payment_channels:electronic_account"
"""What a run names that pays benefits to wallets though the law does not list them."""


def leave_unreachable(connection: Connection, gateway: str) -> None:
    """Takes the account from every staged payment whose account the gateway does not pay to: the payee stays due."""
    own = _own_wallets(connection, gateway)
    pays_cash = _adapter(connection, gateway) == POST_OFFICE
    connection.execute(
        text(f"""
            UPDATE due SET payout_account_id = NULL FROM engine.payout_account o
            WHERE o.payout_account_id = due.payout_account_id
              AND NOT CASE WHEN :pays_cash THEN {IN_CASH} WHEN :pays_wallets THEN o.bank_bin = ANY(:own)
                ELSE o.bank_bin <> ALL(:wallets) AND NOT {IN_CASH} END"""),
        {"pays_cash": pays_cash, "pays_wallets": bool(own), "own": own, "wallets": wallet_numbers()},
    )


def not_allowed(connection: Connection, gateway: str, pay_on: date) -> tuple[str, ...]:
    """The permission that a run through this gateway rests on, if the law does not give it on that day."""
    if not _own_wallets(connection, gateway):
        return ()
    # Every benefit that is paid here is one of compulsory or voluntary insurance, and neither may go to a wallet.
    law = Parameters.load()
    schemes = (Scheme.COMPULSORY, Scheme.VOLUNTARY)
    allowed = all(channel_allowed(scheme, Channel.ELECTRONIC_ACCOUNT, pay_on, law, Record()) for scheme in schemes)
    return () if allowed else (WALLET_PERMISSION,)


def _own_wallets(connection: Connection, gateway: str) -> list[str]:
    adapter = _adapter(connection, gateway)
    return wallet_numbers(adapter) if adapter is not None else []


def _adapter(connection: Connection, gateway: str) -> str | None:
    adapter: str | None = connection.scalar(
        text("SELECT adapter FROM engine.gateway WHERE gateway = :gateway"), {"gateway": gateway}
    )
    return adapter
