import threading
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from gateways.simulator import service
from gateways.simulator.bank import Bank


def test_an_idle_bank_ends_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "IDLE_SECONDS", 0)
    ended, bank = threading.Event(), Bank(tmp_path)
    with TestClient(service.application(bank, "token", ended.set)):
        assert ended.wait(5)
    bank.close()


def test_a_bank_in_use_does_not_end(tmp_path: Path) -> None:
    ended, bank = threading.Event(), Bank(tmp_path)
    with TestClient(service.application(bank, "token", ended.set)) as client:
        assert client.get("/control/health").status_code == 403
    bank.close()
    assert not ended.is_set()
