"""The control door of the simulated bank, as the demo and the tests use it."""

from datetime import date, datetime
from pathlib import Path
from typing import Any, Self

import httpx2

from gateways.simulator.errors import ControlRefused
from gateways.simulator.faults import Call, Fault
from gateways.simulator.process import NO_AUTHORITIES, read_address


class SimulatorControl:
    """Tells the bank what day it is, who its customers are and which mistakes to make."""

    def __init__(self, home: Path) -> None:
        address = read_address(home)
        if address is None:
            raise ControlRefused(f"{home}: no simulated bank was started here")
        self._client = httpx2.Client(
            base_url=address.base_url,
            headers={"authorization": f"Bearer {address.control_token}"},
            timeout=60,
            trust_env=False,
            verify=NO_AUTHORITIES,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    def register_client(self, client_id: str, public_key: str) -> str:
        """`public_key`: PEM, as `gateways.signing.ensure_key` gives it. Returns the bank's own public key."""
        told = self._tell("POST", "/control/clients", {"client_id": client_id, "public_key": public_key})
        bank_public_key: str = told["bank_public_key"]
        return bank_public_key

    def set_clock(self, at: datetime) -> None:
        """The bank's time stands at `at`; files whose date has come are executed."""
        self._tell("POST", "/control/clock", {"at": at.isoformat()})

    def open_account(self, account: str, name: str, balance_vnd: int) -> None:
        """Does nothing where the account is open under this name."""
        self._tell("POST", "/control/accounts", {"account": account, "name": name, "balance_vnd": balance_vnd})

    def add_credit(
        self, credit_id: str, account: str, payer_name: str, payer_account: str, memo: str, amount_vnd: int
    ) -> None:
        """Money that comes in from outside; the same `credit_id` comes in once."""
        paid = {"credit_id": credit_id, "account": account, "memo": memo, "amount_vnd": amount_vnd}
        self._tell("POST", "/control/credits", {**paid, "payer_name": payer_name, "payer_account": payer_account})

    def plan_fault(
        self,
        fault: Fault,
        call: Call = Call.SUBMIT,
        *,
        message_id: str = "*",
        nth: int = 1,
        times: int = 1,
        delay_seconds: float = 0,
        reference: str = "*",
        account: str = "*",
        from_at: datetime | None = None,
        until_at: datetime | None = None,
        every: int | None = None,
    ) -> None:
        """From the `nth` matching call on, `times` times, or with `every` each so-manieth call from there.

        `message_id`, `reference` and `account` are patterns such as `*-0002`; `from_at` and `until_at` are instants
        of the bank's clock, an outage for instance.
        """
        plan: dict[str, Any] = {"fault": fault, "call": call, "message_id": message_id, "nth": nth, "times": times}
        plan |= {"delay_seconds": delay_seconds, "reference": reference, "account": account, "every": every}
        window = {"from_at": from_at, "until_at": until_at}
        plan |= {name: at.isoformat() for name, at in window.items() if at is not None}
        self._tell("POST", "/control/faults", plan)

    def plan_payment(
        self,
        reference: str,
        *,
        rejected_for: str | None = None,
        returned_for: str | None = None,
        return_days: int = 1,
        extra_vnd: int = 0,
    ) -> None:
        """What becomes of payments whose reference fits the pattern, in files that come from now on."""
        plan = {"reference": reference, "rejected_for": rejected_for, "returned_for": returned_for}
        self._tell("POST", "/control/payments", {**plan, "return_days": return_days, "extra_vnd": extra_vnd})

    def clear_faults(self) -> None:
        self._tell("DELETE", "/control/faults")

    def close_day(self, on: date) -> str:
        """Returns that fall due are booked and the day's statement is written; its name."""
        name: str = self._tell("POST", "/control/days", {"on": on.isoformat()})["statement"]
        return name

    def overview(self) -> dict[str, Any]:
        """Bank date, files and their states, balances, statements."""
        overview: dict[str, Any] = self._tell("GET", "/control/overview")
        return overview

    def _tell(self, method: str, path: str, told: dict[str, Any] | None = None) -> Any:
        try:
            answer = self._client.request(method, path, json=told)
        except httpx2.HTTPError as error:
            raise ControlRefused(f"{method} {path}: {type(error).__name__}") from error
        if answer.status_code != httpx2.codes.OK:
            raise ControlRefused(f"{method} {path}: HTTP {answer.status_code} {answer.text[:500]}")
        return answer.json()
