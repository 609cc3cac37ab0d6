"""Onboarding a gateway: its name, its address, and the accounts that pay through it."""

import re
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import Connection, text

from engine import audit, bookkeeping
from engine.errors import NotFound, WrongInput
from engine.payments.channels import POST_OFFICE
from engine.people.accounts import wallet_numbers
from engine.vault import Vault
from gateways.contract import Capabilities, Instrument
from gateways.online import OnlineCapabilities, OnlineOperation
from gateways.providers import capabilities_of as capabilities_of_provider
from gateways.providers import providers
from gateways.registry import adapters, capabilities_of
from ledger.accounts import open_account
from ledger.money import Dong
from reconciliation import intake


@dataclass(frozen=True, slots=True)
class PayingAccount:
    """Tài khoản chi: the fund's own account at a bank or wallet, from which one fund pays. At a wallet it is known by
    the number of our contract, which its settlement files tell."""

    gateway: str
    fund: str
    holder_name: str
    account: str = field(repr=False)


_BENEFITS = {
    "pension": "lương hưu",
    "retirement_lump_sum": "trợ cấp một lần khi nghỉ hưu",
    "funeral_grant": "trợ cấp mai táng",
    "survivor_allowance": "trợ cấp tuất hằng tháng",
    "survivor_lump_sum": "trợ cấp tuất một lần",
}
FUNDS = {"retirement": "quỹ hưu trí và tử tuất", "state_budget": "ngân sách nhà nước"}
"""The funds that pay benefits, as accounts name them."""


_NAME = re.compile(r"[a-z][a-z0-9_]{0,29}")


def require_new(connection: Connection, gateway: str, adapter: str) -> None:
    """Raises `WrongInput` for a name that cannot be one or is taken, or an adapter that nobody brings."""
    problems = []
    if not _NAME.fullmatch(gateway):
        problems.append(f"{gateway}: a gateway's name is up to 30 small letters, digits and underscores")
    if connection.scalar(text("SELECT EXISTS (SELECT FROM engine.gateway WHERE gateway = :name)"), {"name": gateway}):
        problems.append(f"{gateway}: there is a gateway of this name")
    known = (*adapters(), *providers())
    if adapter not in known:
        problems.append(f"{adapter}: no such adapter; known are {', '.join(known)}")
    if problems:
        raise WrongInput(problems)


def require_fund(fund: str) -> None:
    if fund not in FUNDS:
        raise WrongInput([f"{fund}: no such fund; there are {', '.join(FUNDS)}"])


def onboard(connection: Connection, gateway: str, adapter: str, base_url: str, client_id: str) -> None:
    connection.execute(
        text(
            "INSERT INTO engine.gateway (gateway, adapter, base_url, client_id) VALUES (:gateway, :adapter, :url, :id)"
        ),
        {"gateway": gateway, "adapter": adapter, "url": base_url, "id": client_id},
    )
    open_account(connection, "in_transit", gateway)
    for benefit, name in _BENEFITS.items():
        open_account(connection, "benefit_expense", benefit, label=name)
    open_account(connection, "benefits_payable")
    open_account(connection, "returned_payable")
    open_account(connection, "beneficiary_receivable")


def most_vnd(capabilities: Capabilities | OnlineCapabilities) -> int:
    """The most that a gateway pays to one payee at once, in đồng."""
    if isinstance(capabilities, Capabilities):
        return max(rail.max_amount_vnd for rail in capabilities.rails)
    wallet = Instrument.WALLET in capabilities.instruments
    instrument = Instrument.WALLET if wallet else Instrument.BANK_ACCOUNT
    return capabilities.limit(OnlineOperation.PAYOUT_SUBMIT, instrument).max_vnd


def most_vnd_of_run(connection: Connection, run_code: str) -> int:
    """The most that the gateway of a run pays at once, by its sheet: nothing is opened. Raises `NotFound`."""
    row = connection.execute(
        text("""
            SELECT g.gateway, g.adapter FROM engine.payment p JOIN engine.payment_run r USING (run_id)
            JOIN engine.gateway g USING (gateway) WHERE r.run_code = :run_code LIMIT 1"""),
        {"run_code": run_code},
    ).one_or_none()
    if row is None:
        raise NotFound(f"there is no payment run {run_code}")
    if row.adapter in providers():
        return most_vnd(capabilities_of_provider(row.adapter))
    return most_vnd(capabilities_of(row.gateway, row.adapter))


def pause(connection: Connection, gateway: str, *, paused: bool, reason: str, at: datetime) -> None:
    """Stops sending through one gateway, or allows it again; read before each batch is sealed."""
    _change(connection, gateway, "paused = :value", paused)
    audit.record(connection, "gateway_paused" if paused else "gateway_resumed", gateway, at, reason=reason)


def cap(connection: Connection, gateway: str, daily_cap_vnd: int | None, at: datetime) -> None:
    """Sets the most that a gateway may send for one day of execution, in đồng; None takes the bound away."""
    _change(connection, gateway, "daily_cap_vnd = :value", daily_cap_vnd)
    audit.record(
        connection, "gateway_capped", gateway, at, daily_cap_vnd="none" if daily_cap_vnd is None else daily_cap_vnd
    )


def _change(connection: Connection, gateway: str, assignment: str, value: object) -> None:
    changed = connection.execute(
        text(f"UPDATE engine.gateway SET {assignment} WHERE gateway = :gateway"), {"gateway": gateway, "value": value}
    )
    if changed.rowcount == 0:
        raise NotFound(f"there is no gateway {gateway}")


def open_paying_account(
    connection: Connection, vault: Vault, account: PayingAccount, *, opening_vnd: int, on: date, at: datetime
) -> None:
    """Registers an account of ours and books the money that stands on it."""
    sealed = vault.seal("account", account.account)
    adapter = connection.scalar(
        text("SELECT adapter FROM engine.gateway WHERE gateway = :gateway"), {"gateway": account.gateway}
    )
    if adapter is None:
        raise NotFound(f"there is no gateway {account.gateway}")
    ledger_account = open_account(
        connection,
        # A wallet and the post office pay from what was advanced to them; a bank from our account there.
        "advance_to_agent" if adapter == POST_OFFICE or wallet_numbers(adapter) else "cash_at_bank",
        f"{account.gateway}.{account.fund}",
        label=f"{account.gateway}, {FUNDS[account.fund]}",
    )
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
            "own_account_id": intake.register_account(connection, sealed.fingerprint, ledger_account, opening_vnd),
            "ledger_account": ledger_account,
        },
    )
    open_account(connection, "fund_balance", account.fund, label=FUNDS[account.fund])
    if opening_vnd:
        bookkeeping.post_opening_balance(
            connection,
            ledger_account=ledger_account,
            fund=account.fund,
            amount=Dong(opening_vnd),
            document=f"opening {ledger_account}",
            on=on,
            at=at,
        )
