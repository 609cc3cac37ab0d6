"""Onboarding a gateway: its name, its address, our signing key, and the accounts that pay through it."""

import os
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from sqlalchemy import Connection, text

from engine import bookkeeping
from engine.vault import Vault
from ledger.accounts import open_account
from ledger.money import Dong
from reconciliation import intake


@dataclass(frozen=True, slots=True)
class PayingAccount:
    """Tài khoản chi: the fund's own account at a bank, from which one fund pays."""

    gateway: str
    fund: str
    holder_name: str
    account: str = field(repr=False)


_BENEFITS = ("pension", "retirement_lump_sum", "funeral_grant", "survivor_allowance", "survivor_lump_sum")


def onboard(connection: Connection, gateway: str, adapter: str, base_url: str, client_id: str) -> None:
    connection.execute(
        text(
            "INSERT INTO engine.gateway (gateway, adapter, base_url, client_id) VALUES (:gateway, :adapter, :url, :id)"
        ),
        {"gateway": gateway, "adapter": adapter, "url": base_url, "id": client_id},
    )
    open_account(connection, "in_transit", gateway)
    for benefit in _BENEFITS:
        open_account(connection, "benefit_expense", benefit)
    open_account(connection, "benefits_payable")
    open_account(connection, "returned_payable")


def open_paying_account(
    connection: Connection, vault: Vault, account: PayingAccount, *, opening_vnd: int, on: date, at: datetime
) -> None:
    """Registers an account of ours and books the money that stands on it."""
    sealed = vault.seal("account", account.account)
    ledger_account = open_account(connection, "cash_at_bank", f"{account.gateway}.{account.fund}")
    connection.execute(
        text("""
            INSERT INTO engine.paying_account (gateway, fund, holder_name, account_ciphertext, account_fingerprint,
                own_account_id, ledger_account)
            VALUES (:gateway, :fund, :holder_name, :ciphertext, :fingerprint, :own_account_id, :ledger_account)"""),
        {
            "gateway": account.gateway,
            "fund": account.fund,
            "holder_name": account.holder_name,
            "ciphertext": sealed.ciphertext,
            "fingerprint": sealed.fingerprint,
            "own_account_id": intake.register_account(connection, sealed.fingerprint, ledger_account),
            "ledger_account": ledger_account,
        },
    )
    open_account(connection, "fund_balance", account.fund)
    bookkeeping.post_opening_balance(
        connection,
        ledger_account=ledger_account,
        fund=account.fund,
        amount=Dong(opening_vnd),
        document=f"opening {ledger_account}",
        on=on,
        at=at,
    )


def make_signing_key(directory: Path, gateway: str) -> bytes:
    """Our Ed25519 key towards a gateway, made if absent; returns the public key (PEM) that the bank is given."""
    path = directory / f"{gateway}.pem"
    if not path.exists():
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = Ed25519PrivateKey.generate()
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    from_file = _read_key(path)
    return from_file.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _read_key(path: Path) -> Ed25519PrivateKey:
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError(f"{path.name} is not an Ed25519 key")
    return key
