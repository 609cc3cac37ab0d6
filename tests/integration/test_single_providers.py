"""The other providers that are asked one payment at a time: a wallet by its own id, and transfers to bank accounts."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import builders
import pytest
from sqlalchemy import Engine, text

from engine.database import Database
from engine.demonstration import month
from engine.errors import WrongInput
from engine.installation import Installation
from engine.payments.agreement import require_agreement
from engine.payments.settlement import import_statement
from engine.settings import Settings
from engine.workers.relay import work
from gateways.simulator import process
from gateways.simulator.books import read_books
from gateways.simulator.providers_client import ProvidersControl

PHONE, ACCOUNT = "0901234567", "1021000000017"


@pytest.fixture
def installation(database: Database, tmp_path: Path, owner: Engine) -> Iterator[Installation]:
    with owner.begin() as connection:
        connection.execute(
            text("INSERT INTO engine.demonstration (payees, seed, now_at) VALUES (1, 1, :at)"), {"at": builders.AT}
        )
    settings = Settings(tmp_path, None, None, None, recordings=tmp_path / "recordings" / "exchanges.jsonl")
    yield Installation(settings, database)
    process.stop(tmp_path / "simulator")


def _pay(installation: Installation, provider: str) -> None:
    payee = {
        "momo": builders.Payee(PHONE, bank_bin=builders.MOMO_WALLET),
        "zalopay": builders.Payee(PHONE, bank_bin=builders.ZALOPAY_WALLET),
    }.get(provider, builders.Payee(ACCOUNT))
    builders.open_wallet(installation, provider)
    builders.add_wallet_world(installation, [payee], provider)
    builders.dispatched_wallet_run(installation, provider)
    work(installation, threading.Event(), until_idle=True)
    with installation.database.transaction() as connection:
        require_agreement(connection)


@pytest.mark.parametrize("provider", ["momo", "zalopay", "payos", "mbbank"])
def test_a_payout_reaches_its_payee_once_and_its_record_tells_nothing_secret(
    installation: Installation, provider: str
) -> None:
    _pay(installation, provider)
    with installation.database.transaction() as connection:
        attempt = connection.execute(text("SELECT state, instruction_id FROM engine.attempt")).one()
        stored = connection.execute(text("SELECT call_ciphertext, receiver_ciphertext FROM engine.single_call")).one()
    assert attempt.state == "success"
    (credited,) = read_books(installation.simulator_home)
    assert (credited["reference"], credited["credits"]) == (attempt.instruction_id, 1)
    number = PHONE if provider in ("momo", "zalopay") else ACCOUNT
    assert credited["account"] == (f"mu{PHONE}" if provider == "zalopay" else number)
    assert not any(number.encode() in bytes(kept) for kept in stored)

    recordings = installation.settings.recordings
    assert recordings is not None
    recorded = recordings.read_text("utf-8")
    assert attempt.instruction_id in recorded or provider == "mbbank"
    assert recordings.stat().st_mode & 0o077 == 0
    keys = installation.provider_keys(provider).read_text("utf-8")
    names = [f"NGUYỄN VĂN {1}", "NGUYEN VAN 1"]
    secrets = [word for word in keys.split('"') if "simulated" in word and word != "simulated"]
    assert len(secrets) >= 1
    assert [hidden for hidden in (number, *names, *secrets) if hidden in recorded] == []


def test_a_zalopay_payout_is_settled_by_its_file(installation: Installation) -> None:
    _pay(installation, "zalopay")
    month.set_time(installation, builders.PAY_ON + timedelta(days=1), 6)
    path = installation.incoming / "zalopay.csv"
    with ProvidersControl(installation.simulator_home) as wallet:
        path.write_bytes(wallet.settlement("zalopay", builders.PAY_ON))
    with installation.database.transaction() as connection:
        assert import_statement(connection, installation.vault, path, installation.clock().now()).settled == 1


def test_a_gateway_is_opened_as_what_it_is(installation: Installation) -> None:
    builders.open_wallet(installation, "momo")
    builders.add_wallet_world(installation, [builders.Payee(PHONE, bank_bin=builders.MOMO_WALLET)])
    with pytest.raises(WrongInput, match="one payment at a time"):
        installation.gateway("momo")
    told = replace(installation.settings, public_url="https://thuchi.example.vn")
    provider = Installation(told, installation.database).provider("momo")
    provider.close()
