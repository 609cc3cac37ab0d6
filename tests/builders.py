"""Small worlds for tests, built through the application's own role: staff, payees with awards, a bank."""

import json
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from sqlalchemy import Connection, text

from engine.clock import VIET_NAM
from engine.database import Database
from engine.embedded import EmbeddedServer
from engine.installation import SIMULATOR_ADDRESS, Installation
from engine.payments import gateways, planning, run
from engine.payments.batch import dispatch
from engine.payments.channels import WALLET_PERMISSION
from engine.vault import Vault
from gateways.signing import ensure_key
from gateways.simulator import process
from gateways.simulator.client import SimulatorControl
from gateways.simulator.providers_client import ProvidersControl

PERIOD = date(2026, 11, 1)
PAY_ON = date(2026, 11, 2)
AT = datetime(2026, 11, 2, 8, tzinfo=VIET_NAM)
ACCOUNTS = {"retirement": "8800000000001", "state_budget": "8800000000002"}
OPENING_VND = 100_000_000_000
RUN = "2026-11/1"
MERCHANT = "MOMOBHXH01"
MOMO_WALLET, ZALOPAY_WALLET = "971025", "000001"


@dataclass(frozen=True)
class Payee:
    """One payee of the small world; the account's ending decides how the simulated bank behaves."""

    account: str
    amount_vnd: int = 5_000_000
    benefit: str = "pension"
    fund: str = "retirement"
    unconfirmed: tuple[str, ...] = ()
    bank_bin: str = "970436"


def payees(count: int, **overrides: object) -> list[Payee]:
    """Payees whose payments all succeed, with amounts that differ."""
    return [
        Payee(account=f"10210000{number:05d}7", amount_vnd=3_000_000 + 1_000 * number, **overrides)  # type: ignore[arg-type]
        for number in range(count)
    ]


def add_staff(connection: Connection) -> None:
    for person, role in (("lan", "preparer"), ("minh", "approver"), ("hoa", "authoriser"), ("tam", "approver")):
        connection.execute(
            text("INSERT INTO engine.staff (person, name, role) VALUES (:person, :person, :role)"),
            {"person": person, "role": role},
        )


def add_bank(connection: Connection, vault: Vault, base_url: str = "http://127.0.0.1:9") -> None:
    gateways.onboard(connection, "simbank", "simbank", base_url, "thuchi")
    for fund, account in ACCOUNTS.items():
        gateways.open_paying_account(
            connection,
            vault,
            gateways.PayingAccount("simbank", fund, f"BHXH {fund}", account),
            opening_vnd=OPENING_VND,
            on=PAY_ON,
            at=AT,
        )


def add_payee(connection: Connection, vault: Vault, number: int, payee: Payee) -> None:
    """A person with a claim, an award for November 2026 and a payout account."""
    personal_id = vault.seal("personal_id", f"0010{number:08d}")
    account = vault.seal("account", payee.account)
    ids = {name: uuid.UUID(int=number * 10 + place) for place, name in enumerate(("person", "claim", "award"), start=1)}
    values = {
        **ids,
        "id_ciphertext": personal_id.ciphertext,
        "id_fingerprint": personal_id.fingerprint,
        "name": f"NGUYỄN VĂN {number}",
        "no": f"{number:06d}",
        "benefit": payee.benefit,
        "frequency": "once" if payee.benefit == "funeral_grant" else "monthly",
        "fund": payee.fund,
        "unconfirmed": list(payee.unconfirmed),
        "amount": payee.amount_vnd,
        "bank_bin": payee.bank_bin,
        "at": AT,
        "account_ciphertext": account.ciphertext,
        "account_fingerprint": account.fingerprint,
    }
    for statement in (
        """INSERT INTO engine.person (person_id, personal_id_ciphertext, personal_id_fingerprint, name, folded_name,
               sex, birth_date, province, area)
           VALUES (:person, :id_ciphertext, :id_fingerprint, :name, 'NGUYEN VAN', 'M', '1964-03-01', '01', 'urban')""",
        """INSERT INTO engine.claim (claim_id, claim_no, benefit, insured_person_id, claimant_person_id, facts,
               received_on, decision)
           VALUES (:claim, 'HS-' || :no, :benefit, :person, :person, '{}', '2026-10-01', 'awarded')""",
        """INSERT INTO engine.award (award_id, award_no, claim_id, person_id, benefit, fund, frequency, starts_on,
               decided_on, law_version, unconfirmed, findings, recorded_at)
           VALUES (:award, 'QD-' || :no, :claim, :person, :benefit, :fund, :frequency, '2026-10-01', '2026-10-01',
               'law', :unconfirmed, '[]', :at)""",
        """INSERT INTO engine.award_amount (award_id, entitled_during, amount_vnd, findings, recorded_during)
           VALUES (:award, '[2026-10-01,)', :amount, '[]', tstzrange(:at, NULL))""",
        """INSERT INTO engine.payout_account (person_id, bank_bin, account_ciphertext, account_fingerprint, holder_name,
               valid_during, recorded_during)
           VALUES (:person, :bank_bin, :account_ciphertext, :account_fingerprint, :name, '[2026-01-01,)',
               tstzrange(:at, NULL))""",
    ):
        connection.execute(text(statement), {key: value for key, value in values.items() if f":{key}" in statement})


def add_world(database: Database, vault: Vault, world: list[Payee], base_url: str = "http://127.0.0.1:9") -> None:
    """Staff, bank and payees."""
    with database.transaction("lan") as connection:
        add_staff(connection)
        add_bank(connection, vault, base_url)
        for number, payee in enumerate(world, start=1):
            add_payee(connection, vault, number, payee)


def approved_run(database: Database) -> None:
    """Plans, submits and approves everything due for November 2026."""
    with database.transaction("lan") as connection:
        planning.plan(connection, PERIOD, PAY_ON, "simbank", frozenset(), AT)
        run.submit(connection, RUN, "lan", AT)
    for person in ("minh", "hoa"):
        with database.transaction(person) as connection:
            run.approve(connection, RUN, person, AT)


def open_bank(installation: Installation) -> None:
    """A simulated bank of the installation's own, which knows our key and holds our money."""
    process.ensure_running(installation.simulator_home)
    public_key = ensure_key(installation.signing_key("simbank"))
    with SimulatorControl(installation.simulator_home) as control:
        control.set_clock(AT)
        control.register_client("thuchi", public_key)
        for fund, account in ACCOUNTS.items():
            control.open_account(account, f"BHXH {fund}", OPENING_VND)


def dispatch_run(installation: Installation) -> None:
    with installation.database.transaction("lan") as connection:
        capabilities = installation.gateway("simbank").capabilities
        dispatch(connection, RUN, capabilities, PAY_ON, AT)


def wallets(count: int, bank_bin: str = MOMO_WALLET) -> list[Payee]:
    """Payees with wallets at which every payout succeeds, with amounts that differ."""
    return [
        Payee(account=f"09010{number:04d}7", amount_vnd=2_000_000 + 1_000 * number, bank_bin=bank_bin)
        for number in range(count)
    ]


MB_TELLS = {"debit_name": "BHXH", "news_user": "mb", "news_password": "NPsimulated"}


def open_wallet(installation: Installation, provider: str = "momo", public_url: str = "") -> None:
    """A simulated wallet of the installation's own, which knows our keys and holds our advance."""
    key = rsa.generate_private_key(65537, 1024)  # noqa: S505 - a short one is made and read quickly
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    shared = {
        "momo": {"partner_code": MERCHANT, "access_key": "ACsimulated", "secret_key": "SKsimulated"},
        "zalopay": {"app_id": "255300", "key1": "K1simulated", "key2": "K2simulated"},
        "payos": {"client_id": "client", "api_key": "AKsimulated", "checksum_key": "CKsimulated"},
        "vnpay": {"terminal": "SIMVNP01", "hash_secret": "HSsimulated"},
        "mbbank": {"client_id": "client", "client_secret": "CSsimulated", "debit_account": "0123456789"},
    }[provider]
    signing, verifying = {"rsa_private_key": private}, {"rsa_public_key": public}
    ours = {"momo": verifying, "zalopay": signing, "mbbank": signing | MB_TELLS}.get(provider, {})
    theirs = {"momo": signing, "zalopay": verifying | {"user_name": "N***** V** *"}, "mbbank": verifying}
    process.ensure_running(installation.simulator_home)
    with SimulatorControl(installation.simulator_home) as bank, ProvidersControl(installation.simulator_home) as wallet:
        bank.set_clock(AT)
        wallet.register(provider, shared | theirs.get(provider, {}), OPENING_VND)
    path = installation.provider_keys(provider)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(json.dumps({"provider": provider, "environment": "simulated", "keys": shared | ours}), "utf-8")
    path.chmod(0o600)


def add_wallet_world(installation: Installation, world: list[Payee], provider: str = "momo") -> None:
    """Staff, a wallet that pays pensions from an advance, and payees."""
    account = {"momo": MERCHANT, "zalopay": "255300", "payos": "client", "mbbank": "0123456789"}[provider]
    with installation.database.transaction("lan") as connection:
        add_staff(connection)
        gateways.onboard(connection, provider, provider, SIMULATOR_ADDRESS, "thuchi")
        gateways.open_paying_account(
            connection,
            installation.vault,
            gateways.PayingAccount(provider, "retirement", "BHXH retirement", account),
            opening_vnd=OPENING_VND,
            on=PAY_ON,
            at=AT,
        )
        for number, payee in enumerate(world, start=1):
            add_payee(connection, installation.vault, number, payee)


def dispatched_wallet_run(installation: Installation, provider: str = "momo") -> None:
    """Plans, signs and dispatches what is due to wallets, naming the permission that nobody confirmed."""
    database = installation.database
    with database.transaction("lan") as connection:
        planning.plan(connection, PERIOD, PAY_ON, provider, frozenset({WALLET_PERMISSION}), AT)
        run.submit(connection, RUN, "lan", AT)
    for person in ("minh", "hoa"):
        with database.transaction(person) as connection:
            run.approve(connection, RUN, person, AT)
    with database.transaction("lan") as connection:
        dispatch(connection, RUN, installation.sending(provider).capabilities, PAY_ON, AT)


@contextmanager
def embedded_home(prefix: str) -> Iterator[Path]:
    """A home that the embedded server's own user can reach; its servers are ended and it is removed at the end."""
    home = Path(tempfile.mkdtemp(prefix=f"thuchi-{prefix}-"))
    home.chmod(0o711)
    try:
        yield home
    finally:
        process.stop(home / "simulator")
        EmbeddedServer(home).stop("immediate")
        shutil.rmtree(home)
