"""Runs, approvals, gateway faults, crashes, reports in any order, statements, returns, re-issues, deaths, suspensions:
whatever is done, in whatever order, what must always hold of money does hold after every step, and at the end, when all
has come to rest, the other side has credited what we say it has.

`pytest tests/integration/test_payment_machine.py --payment-steps 5000` goes on for as many steps.
"""

import itertools
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import builders
import pytest
from payment_machine import Killed, Payments, drive, empty_installation
from sqlalchemy import text

from engine.embedded import EmbeddedServer
from engine.installation import SIMULATOR_ADDRESS, Installation
from engine.payments import observation
from engine.payments.batch import INQUIRE_BATCH, SEND_BATCH
from engine.payments.channels import WALLET_PERMISSION
from engine.payments.dispatch import Sender, inquire_batch, send_batch
from engine.payments.observation import Source
from engine.payments.parcel import SingleSender
from engine.payments.settlement import import_statement
from engine.payments.single import send_parcel
from engine.payments.single_inquiry import inquire_parcel, take_notification
from engine.statements import fetch_statements
from gateways.contract import BatchAnswer, Gateway, Outcome, StatusReport
from gateways.errors import GatewayError
from gateways.online import Call, Notification, OnlineAnswer, Payer, Payout
from gateways.pace import Pace
from gateways.simulator.providers_client import ProvidersControl
from gateways.simulator.purse import Stage

BANK_ENDINGS = ("0017", "0027", "0037", "9001", "9003", "9011", "9012", "9013")
"""How the simulated bank treats the accounts: three are good, some are refused, some come back a day later."""
WALLET_ENDINGS = ("0017", "0027", "0037", "0047", "9001", "9003", "9005", "9005")
"""How the simulated wallet treats its users: some are refused, two are in work until it decides."""
_PARTS = 2
"""So many tests for each way, for as many workers."""
_STAGES = {
    Stage.WORKING: Outcome.PENDING,
    Stage.DONE: Outcome.SUCCESS,
    Stage.REFUSED: Outcome.FAILED,
    Stage.RETURNED: Outcome.RETURNED,
}
"""What a wallet tells of a payout."""


@dataclass
class MortalGateway:
    """A gateway in a process that is killed just before, or just after, it hands a file over."""

    gateway: Gateway
    killed: str
    reports: list[StatusReport] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.gateway, name)

    def submit_batch(self, message_id: str, file_name: str, content: bytes) -> BatchAnswer:
        if self.killed == "before":
            raise Killed
        answer = self.gateway.submit_batch(message_id, file_name, content)
        if self.killed == "after":
            raise Killed
        return answer

    def inquire_batch(self, message_id: str) -> StatusReport:
        report = self.gateway.inquire_batch(message_id)
        self.reports.append(report)
        if self.killed == "after":
            raise Killed
        return report


class FilePayments(Payments):
    """The money goes to a bank in files, whose statements tell what became of it."""

    gateway = "simbank"
    good_bank = "970436"

    def __init__(self) -> None:
        super().__init__()
        self.bank = self.installation.gateway("simbank")
        self.reports: list[tuple[UUID, StatusReport]] = []

    def account_number(self, number: int) -> str:
        return f"10210000{number:05d}7"

    def money_there(self) -> dict[str, int]:
        held = self.control.overview()["balances_vnd"]
        return {f"cash_at_bank.simbank.{fund}": held[account] for fund, account in builders.ACCOUNTS.items()}

    def work(self, actor: str, message_id: int, subject: UUID, killed: str) -> None:
        mortal = MortalGateway(self.bank, killed)
        sender = Sender(self.database, self.installation.vault, cast(Gateway, mortal), self.installation.outgoing)
        try:
            {SEND_BATCH: send_batch, INQUIRE_BATCH: inquire_batch}[actor](sender, message_id, subject, self.now())
        finally:
            self.reports += [(subject, report) for report in mortal.reports]

    def hear_old_news_again(self, which: int) -> None:
        if self.reports:
            source = Source.CALLBACK if which % 2 else Source.FILE
            batch_id, report = self.reports[which // 2 % len(self.reports)]
            if report.found:
                with self.database.transaction() as connection:
                    observation.apply_report(connection, batch_id, source, report, self.now())

    def read_the_days(self) -> None:
        for day in sorted(self.unread):
            with suppress(GatewayError):
                fetch_statements(self.installation, "simbank", day)
                self.unread.remove(day)

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            self.bank.close()


@dataclass
class MortalPayer:
    """A wallet's adapter in a process that is killed just before, or just after, one of its calls."""

    payer: Payer
    killed: str
    calls_until: int

    def __getattr__(self, name: str) -> Any:
        return getattr(self.payer, name)

    def send_payout(self, call: Call, payout: Payout) -> OnlineAnswer:
        return self._called(lambda: self.payer.send_payout(call, payout))

    def query_payout(self, payout: Payout, asking: Any) -> OnlineAnswer:
        return self._called(lambda: self.payer.query_payout(payout, asking))

    def _called(self, call: Callable[[], OnlineAnswer]) -> OnlineAnswer:
        self.calls_until -= 1
        if self.killed == "before" and self.calls_until == 0:
            raise Killed
        answer = call()
        if self.killed == "after" and self.calls_until == 0:
            raise Killed
        return answer


class SinglePayments(Payments):
    """The money goes to a wallet's users, a call for each, and the wallet's settlement files tell what became of it."""

    gateway = "momo"
    allowed = frozenset({WALLET_PERMISSION})
    good_bank = builders.MOMO_WALLET

    def __init__(self) -> None:
        super().__init__()
        self.wallet = ProvidersControl(self.installation.simulator_home)
        self.payer = cast(Payer, self.installation.sending("momo"))
        self.news: list[Notification] = []

    def account_number(self, number: int) -> str:
        return f"0902{number:05d}7"

    def money_there(self) -> dict[str, int]:
        return {"advance_to_agent.momo.retirement": self.wallet.overview("momo")["balance_vnd"]}

    def payment_of(self, reference: str) -> str:
        return reference.rpartition("-")[0]

    def work(self, actor: str, message_id: int, subject: UUID, killed: str) -> None:
        mortal = MortalPayer(self.payer, killed, 1 + self.draw.randrange(4))
        sender = SingleSender(self.database, self.installation.vault, cast(Payer, mortal), Pace(10_000))
        {SEND_BATCH: send_parcel, INQUIRE_BATCH: inquire_parcel}[actor](sender, message_id, subject, self.now())

    def hear_old_news_again(self, which: int) -> None:
        """What the wallet tells now is told later and again as well, sometimes with another amount."""
        with self.database.transaction() as connection:
            asked = connection.execute(
                text("""
                    SELECT t.instruction_id, p.amount_vnd
                    FROM engine.attempt t JOIN engine.payment p USING (payment_id)""")
            )
            amounts = {row.instruction_id: row.amount_vnd for row in asked}
        for reference, stage in self._payouts().items():
            outcome = _STAGES[stage]
            self.news.append(Notification(reference, outcome, outcome.value, amounts[reference], "1", b""))
        for _ in range(min(3, len(self.news))):
            told = self.draw.choice(self.news)
            if which % 7 == 0:
                told = Notification(told.reference, told.outcome, told.code, told.amount_vnd + 1, "1", b"")
            with self.database.transaction() as connection:
                take_notification(connection, "momo", told, self.now())

    def end_the_day(self, which: int) -> None:
        """Of what is in work a part is decided; of what was paid, some comes back."""
        for reference, stage in self._payouts().items():
            if stage is Stage.WORKING and which % 3:
                self.wallet.decide("momo", "payout", reference, Stage.DONE if which % 3 == 1 else Stage.REFUSED)
            elif stage is Stage.DONE and not self.at_rest and self.draw.randrange(8) == 0:
                self.wallet.decide("momo", "payout", reference, Stage.RETURNED)
        super().end_the_day(which)

    def read_the_days(self) -> None:
        for day in sorted(self.unread):
            if not self.at_rest and self.draw.randrange(4) == 0:
                continue
            path = self.installation.incoming / f"momo-{day}.csv"
            path.write_bytes(self.wallet.settlement("momo", day))
            with self.database.transaction() as connection:
                import_statement(connection, self.installation.vault, path, self.now())
            self.unread.remove(day)

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            self.payer.close()
            self.wallet.close()

    def _payouts(self) -> dict[str, Stage]:
        orders = self.wallet.overview("momo")["orders"]
        return {key.removeprefix("payout "): Stage(stage) for key, stage in orders.items()}


@pytest.fixture
def steps(pytestconfig: pytest.Config) -> int:
    """Half of all steps for each way, in parts."""
    return int(pytestconfig.getoption("--payment-steps")) // 2 // _PARTS


@pytest.mark.parametrize("part", range(_PARTS))
def test_what_must_hold_of_payments_in_files_holds_after_every_step(
    server: EmbeddedServer, tmp_path: Path, steps: int, part: int
) -> None:
    """Other random steps in each part."""
    number = itertools.count()

    def open_world() -> tuple[Installation, Callable[[], None]]:
        with ExitStack() as stack:
            installation = stack.enter_context(empty_installation(server, tmp_path / f"{next(number)}"))
            builders.open_bank(installation)
            world = [builders.Payee(f"102100000{ending}", 3_000_000 + n) for n, ending in enumerate(BANK_ENDINGS)]
            builders.add_world(installation.database, installation.vault, world, SIMULATOR_ADDRESS)
            return installation, stack.pop_all().close

    drive(_of(FilePayments, open_world), steps)


@pytest.mark.parametrize("part", range(_PARTS))
def test_what_must_hold_of_payments_one_at_a_time_holds_after_every_step(
    server: EmbeddedServer, tmp_path: Path, steps: int, part: int
) -> None:
    """Other random steps in each part."""
    number = itertools.count()

    def open_world() -> tuple[Installation, Callable[[], None]]:
        with ExitStack() as stack:
            installation = stack.enter_context(empty_installation(server, tmp_path / f"{next(number)}"))
            builders.open_wallet(installation)
            world = [
                builders.Payee(f"0901{n:02d}{ending}", 3_000_000 + n, bank_bin=builders.MOMO_WALLET)
                for n, ending in enumerate(WALLET_ENDINGS)
            ]
            builders.add_wallet_world(installation, world)
            return installation, stack.pop_all().close

    drive(_of(SinglePayments, open_world), steps)


def _of(machine: type[Payments], opened: Callable[[], tuple[Installation, Callable[[], None]]]) -> type[Payments]:
    """Hypothesis makes the machine without arguments, so its world is the class's."""
    return type(machine.__name__, (machine,), {"open_world": staticmethod(opened)})
