"""Tài khoản chuyên thu: our accounts to which employers pay."""

import re
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, text

from engine import audit
from engine.clock import business_date
from engine.errors import WrongInput
from engine.vault import Vault
from gateways import vietqr
from gateways.providers import capabilities_of
from ledger.accounts import open_account
from reconciliation import expectations, intake

RECEIPT = "contribution"
"""The kind under which reconciliation expects what employers pay."""

COLLECTORS = ("vnpay", "momo", "zalopay")
"""Adapters of providers that hold what payers give them, and tell it in settlement files. What is paid through payOS
comes to a bank account of ours at once."""

_VIRTUAL_FORM = re.compile(r"[A-Z0-9]{6,34}")
HOLDER_FORM = re.compile(r"[A-Z0-9](?:[A-Z0-9 .,&()/-]*[A-Z0-9.)])?")


@dataclass(frozen=True, slots=True)
class CollectionAccount:
    """An account of ours at a bank whose statements come through a gateway."""

    gateway: str
    bank_bin: str
    bank_name: str
    """Bank and branch as the notice prints them."""
    holder_name: str
    account: str = field(repr=False)
    empty: bool = False
    """Nothing stands on it yet: its first statement opens with 0, so its files may come in any order."""


def open_collection_account(connection: Connection, vault: Vault, account: CollectionAccount) -> str:
    """Registers an account and expects there what the notices issued so far ask for; returns its ledger account.

    An employer may pay to any of our accounts, so each of them expects every notice. It stays for good: one that no QR
    code can name would spoil every notice, so it is refused.
    """
    sealed = vault.seal("account", account.account)
    if problems := _problems(connection, account, sealed.fingerprint):
        raise WrongInput(problems)
    ledger_account = open_account(
        connection, "cash_at_bank", f"{account.gateway}.{_place(connection, account.gateway)}"
    )
    own_account_id = intake.register_account(
        connection, sealed.fingerprint, ledger_account, 0 if account.empty else None
    )
    connection.execute(
        text("""
            INSERT INTO engine.collection_account (gateway, bank_bin, bank_name, holder_name, account_ciphertext,
                account_fingerprint, own_account_id, ledger_account)
            VALUES (:gateway, :bank_bin, :bank_name, :holder_name, :ciphertext,
                :fingerprint, :own_account_id, :ledger_account)"""),
        {
            "gateway": account.gateway,
            "bank_bin": account.bank_bin,
            "bank_name": account.bank_name,
            "holder_name": account.holder_name,
            "ciphertext": sealed.ciphertext,
            "fingerprint": sealed.fingerprint,
            "own_account_id": own_account_id,
            "ledger_account": ledger_account,
        },
    )
    expect_notices(connection, "c.own_account_id = :own", {"own": own_account_id})
    return ledger_account


def know_virtual_account(connection: Connection, vault: Vault, unit_code: str, account: str, at: datetime) -> None:
    """Tài khoản định danh: from now on, what is paid to this number is this employer's, whatever the memo says."""
    value = vault.fingerprint("account", account).hex()
    known = {"unit_code": unit_code, "value": value}
    problems = []
    if not connection.scalar(text("SELECT EXISTS (SELECT FROM engine.employer WHERE unit_code = :unit_code)"), known):
        problems.append(f"there is no employer {unit_code}")
    if not _VIRTUAL_FORM.fullmatch(account):
        problems.append("a virtual account has 6 to 34 letters and digits")
    if connection.scalar(
        text("""
            SELECT EXISTS (SELECT FROM reconciliation.party_alias
                WHERE kind = 'virtual_account' AND value = :value AND closed_on IS NULL AND party <> :unit_code)"""),
        known,
    ):
        problems.append("this number is another employer's")
    if problems:
        raise WrongInput(problems)
    expectations.know_party(connection, unit_code, "virtual_account", value, business_date(at))
    audit.record(connection, "virtual_account_known", f"employer {unit_code}", at)


def open_provider_account(connection: Connection, vault: Vault, gateway: str, account: str) -> str:
    """Registers what a wallet or payment page holds for us until it pays it over; returns its ledger account.

    It is known by the number of our contract (mã đối tác), which the provider's settlement files tell. Nobody transfers
    to it, so no notice names it: an order is expected there once it was made.
    """
    adapter = connection.scalar(
        text("SELECT adapter FROM engine.gateway WHERE gateway = :gateway"), {"gateway": gateway}
    )
    sealed = vault.seal("account", account)
    problems = _known_already(connection, gateway, sealed.fingerprint)
    if adapter is not None and adapter not in COLLECTORS:
        problems.append(f"{gateway} ({adapter}) is no wallet or payment page: {', '.join(COLLECTORS)} are")
    opened = text("SELECT EXISTS (SELECT FROM engine.collection_account WHERE gateway = :gateway)")
    if connection.scalar(opened, {"gateway": gateway}):
        problems.append(f"what {gateway} holds for us has its account already")
    if problems:
        raise WrongInput(problems)
    name = capabilities_of(adapter or "").name
    ledger_account = open_account(connection, "held_by_collector", gateway, label=name)
    connection.execute(
        text("""
            INSERT INTO engine.collection_account (gateway, bank_bin, bank_name, holder_name, account_ciphertext,
                account_fingerprint, own_account_id, ledger_account)
            VALUES (:gateway, NULL, :name, :name, :ciphertext, :fingerprint, :own_account_id, :ledger_account)"""),
        {
            "gateway": gateway,
            "name": name,
            "ciphertext": sealed.ciphertext,
            "fingerprint": sealed.fingerprint,
            "own_account_id": intake.register_account(connection, sealed.fingerprint, ledger_account),
            "ledger_account": ledger_account,
        },
    )
    return ledger_account


def _problems(connection: Connection, account: CollectionAccount, fingerprint: bytes) -> list[str]:
    """All that keeps an account from being opened; its number is not repeated."""
    problems = []
    try:
        vietqr.build(vietqr.VietQr(bin=account.bank_bin, account=account.account))
    except vietqr.QrImpossible as error:
        problems.append(f"no QR code can name this account: {error}")
    if not account.bank_name.strip():
        problems.append("the bank's name is empty")
    if not HOLDER_FORM.fullmatch(account.holder_name):
        problems.append("the holder's name is written in capital letters without marks, as the bank has it")
    return problems + _known_already(connection, account.gateway, fingerprint)


def _known_already(connection: Connection, gateway: str, fingerprint: bytes) -> list[str]:
    """What keeps any account of ours at a gateway from being opened."""
    problems = []
    known = {"gateway": gateway, "fingerprint": fingerprint}
    if not connection.scalar(text("SELECT EXISTS (SELECT FROM engine.gateway WHERE gateway = :gateway)"), known):
        problems.append(f"there is no gateway {gateway}: onboard it first")
    if connection.scalar(
        text("SELECT EXISTS (SELECT FROM reconciliation.own_account WHERE fingerprint = :fingerprint)"), known
    ):
        problems.append("this account is ours already")
    return problems


def _place(connection: Connection, gateway: str) -> str:
    """`collection` for the first account at a gateway, `collection-2` for the second: one ledger account each."""
    open_already = connection.scalar(
        text("SELECT count(*) FROM engine.collection_account WHERE gateway = :gateway"), {"gateway": gateway}
    )
    return f"collection-{open_already + 1}" if open_already else "collection"


def notices_without_account(connection: Connection) -> int:
    """How many notices nobody can pay, because no collection account is open."""
    found: int = connection.execute(
        text("""
            SELECT count(*) FROM engine.notice
            WHERE amount_vnd > 0 AND NOT EXISTS (
                SELECT FROM engine.collection_account WHERE bank_bin IS NOT NULL)""")
    ).scalar_one()
    return found


def expect_notices(connection: Connection, which: str, parameters: dict[str, object]) -> None:
    """Expects receipts of notices on accounts; `which` is an SQL condition over notice `n` and collection account `c`.

    The amount is open and the expectation stays: an employer may pay in parts, or again.
    """
    expectations.open_staging(connection)
    connection.execute(
        text(f"""
            INSERT INTO {expectations.STAGING}
                (own_account_id, sign, reference, batch_reference, amount_vnd, due_on, kind, party)
            SELECT c.own_account_id, 'credit', n.payment_code, NULL, NULL, n.due_on, :kind, e.unit_code
            FROM engine.notice n JOIN engine.employer e USING (employer_id) CROSS JOIN engine.collection_account c
            WHERE c.bank_bin IS NOT NULL AND {which}"""),
        {"kind": RECEIPT, **parameters},
    )
    expectations.expect_staged(connection)
