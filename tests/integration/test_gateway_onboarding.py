"""A gateway and its accounts are registered by command; what does not fit registers nothing."""

import json
from pathlib import Path

import builders
import pytest
from conftest import TestDatabase
from sqlalchemy import Engine, text

from engine.cli import main
from engine.contributions.online import gateways_for_payers
from engine.database import Database
from engine.installation import Installation
from engine.settings import Settings
from gateways.simulator import process


@pytest.fixture
def home(test_database: TestDatabase, tmp_path: Path, application: Engine, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("THUCHI_HOME", str(tmp_path))
    monkeypatch.setenv("THUCHI_DATABASE_URL", test_database.url("application"))
    with application.begin() as connection:
        builders.add_staff(connection)
    return tmp_path


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["thuchi", *arguments])
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def _gateways(application: Engine) -> list[str]:
    with application.connect() as connection:
        return list(connection.scalars(text("SELECT gateway FROM engine.gateway ORDER BY 1")))


def test_a_bank_and_its_account(
    home: Path, application: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    onboard = ("gateway", "onboard", "bank", "--adapter", "simbank", "--address", "http://127.0.0.1:9", "--as", "lan")
    assert _run(monkeypatch, *onboard, "--client-id", "thuchi") == 0
    assert capsys.readouterr().out.startswith("-----BEGIN PUBLIC KEY-----")
    assert (home / "keys" / "bank.pem").stat().st_mode & 0o077 == 0
    account = ("gateway", "account", "bank", "8800000000001", "--fund", "retirement", "--holder", "BHXH", "--as", "lan")
    assert _run(monkeypatch, *account, "--opening-vnd", "1000") == 0
    with application.connect() as connection:
        assert (
            connection.scalar(text("SELECT ledger_account FROM engine.paying_account"))
            == "cash_at_bank.bank.retirement"
        )
        acts = set(connection.scalars(text("SELECT act FROM engine.audit_record WHERE person = 'lan'")))
    assert {"gateway_onboarded", "paying_account_opened"} <= acts
    assert _run(monkeypatch, *onboard) == 2
    assert "there is a gateway of this name" in capsys.readouterr().err


def test_a_wallet_needs_keys_that_fit_its_address(
    home: Path, application: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    onboard = ("gateway", "onboard", "vi", "--adapter", "momo", "--as", "lan", "--address")
    assert _run(monkeypatch, *onboard, "https://payment.momo.vn") == 2
    assert "vi.yaml" in capsys.readouterr().err
    keys = home / "keys" / "vi.yaml"
    keys.parent.mkdir(exist_ok=True)
    named = {"partner_code": "X", "access_key": "Y", "secret_key": "Z"}
    keys.write_text(json.dumps({"provider": "momo", "environment": "test", "keys": named}))
    keys.chmod(0o600)
    assert _run(monkeypatch, *onboard, "https://payment.momo.vn") != 0
    assert _gateways(application) == []
    assert _run(monkeypatch, *onboard, "https://test-payment.momo.vn") == 0
    assert _gateways(application) == ["vi"]
    # From now on notices can be paid there.
    assert _run(monkeypatch, "collection-account", "provider", "vi", "X", "--as", "lan") == 0
    assert capsys.readouterr().out.endswith("held_by_collector.vi\n")
    with application.connect() as connection:
        assert [gateway for gateway, _, _ in gateways_for_payers(connection)] == ["vi"]
        acts = set(connection.scalars(text("SELECT act FROM engine.audit_record WHERE person = 'lan'")))
    assert "collection_account_opened" in acts
    assert _run(monkeypatch, "collection-account", "provider", "vi", "X", "--as", "lan") == 2


def test_a_wallet_is_shown_and_checked_by_what_it_holds(
    home: Path,
    database: Database,
    owner: Engine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with owner.begin() as connection:
        connection.execute(
            text("INSERT INTO engine.demonstration (payees, seed, now_at) VALUES (1, 1, :at)"), {"at": builders.AT}
        )
    builders.open_wallet(Installation(Settings(home, None, None, None), database), "momo")
    onboard = ("gateway", "onboard", "momo", "--adapter", "momo", "--address", "simulator:", "--as", "lan")
    try:
        assert _run(monkeypatch, *onboard) == 0
        assert _run(monkeypatch, "gateway", "check", "momo", "--json") == 0
        assert f"{builders.OPENING_VND} đ of ours are there" in capsys.readouterr().out
    finally:
        process.stop(home / "simulator")
    assert _run(monkeypatch, "gateway", "show", "momo", "--json") == 0
    assert json.loads(capsys.readouterr().out)["calls_per_second"] == 100


def test_what_nobody_brings_is_refused(
    home: Path, application: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert home.exists()
    onboard = ("gateway", "onboard", "Ngân hàng", "--adapter", "nobody", "--address", "https://x", "--as", "lan")
    assert _run(monkeypatch, *onboard) == 2
    told = capsys.readouterr().err
    assert "no such adapter" in told
    assert "small letters" in told
    assert _gateways(application) == []
