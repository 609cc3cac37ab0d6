"""Notices paid through wallets and payment pages, against the simulated providers as a process of their own."""

import threading
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import builders
import httpx2
import pytest
from employer_world import DUE_ON, DUES, OCTOBER, EmployerWorld
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from engine.api.contributions import list_receipts
from engine.contributions.announcements import announced_vnd
from engine.contributions.collection import open_provider_account
from engine.contributions.lateness import urge
from engine.contributions.online import INQUIRE_COLLECTION, OnlineOrder, Wish, begin, list_orders
from engine.contributions.tracing import trace_order
from engine.database import Database
from engine.demonstration import month
from engine.errors import NotAllowed, NotFound, WrongInput
from engine.installation import SIMULATOR_ADDRESS, Installation
from engine.law.parameters import Parameters
from engine.payments import gateways
from engine.payments.settlement import ImportedStatement, import_statement
from engine.settings import Settings
from engine.web import create_app
from engine.workers.relay import work
from gateways.contract import Outcome
from gateways.simulator import momo, process, vnpay, zalopay
from gateways.simulator.client import SimulatorControl
from gateways.simulator.faults import Call, Fault
from gateways.simulator.journal import events
from gateways.simulator.providers_client import ProvidersControl
from gateways.simulator.purse import FOLDER, Order, PurseState, Stage
from ledger.balances import balance

CONTRACTS = {"vnpay": "SIMVNP01", "momo": builders.MERCHANT, "zalopay": "255300"}
KEYS = {"vnpay": "HSsimulated", "momo": "SKsimulated", "zalopay": "K2simulated"}


class Shop:
    """An employer with the notice of one month, the simulated providers, and our callback address."""

    def __init__(self, installation: Installation, world: EmployerWorld, client: TestClient) -> None:
        self.installation, self.world, self.client = installation, world, client
        self.wallet = ProvidersControl(installation.simulator_home)
        with installation.database.transaction() as connection:
            self.employer_id: UUID = connection.execute(text("SELECT employer_id FROM engine.employer")).scalar_one()

    def onboard(self, gateway: str) -> None:
        builders.open_wallet(self.installation, gateway)
        with self.installation.database.transaction("lan") as connection:
            gateways.onboard(connection, gateway, gateway, SIMULATOR_ADDRESS, "")
            open_provider_account(connection, self.installation.vault, gateway, CONTRACTS[gateway])

    def begin(self, gateway: str, amount_vnd: int = DUES) -> OnlineOrder:
        till = self.installation.till(gateway, "http://127.0.0.1")
        wish = Wish(1, self.employer_id, amount_vnd, "127.0.0.1")
        reference = begin(till, wish, "employer", self.installation.clock().now())
        till.provider.close()
        return self.order(reference)

    def order(self, reference: str) -> OnlineOrder:
        with self.installation.database.transaction() as connection:
            (order,) = list_orders(
                connection, self.installation.vault, employer_id=self.employer_id, reference=reference
            )
        return order

    def at_provider(self, order: OnlineOrder) -> Order:
        books = self.books()
        found: Order
        (found,) = [one for one in books.orders(order.gateway) if one.reference.endswith(order.reference)]
        return found

    def books(self) -> Any:
        state = PurseState()
        for event in events(self.installation.simulator_home / FOLDER):
            state.apply(event)
        return state

    def pay(self, order: OnlineOrder, stage: Stage = Stage.DONE) -> None:
        """The payer comes to the page, and pays or refuses."""
        if order.gateway == "vnpay":
            assert order.pay_url is not None
            books = self.books()
            if books.find("vnpay", "collection", order.reference) is None:
                assert httpx2.get(order.pay_url).status_code == 200
        self.wallet.decide(order.gateway, "collection", self.at_provider(order).reference, stage)

    def tell(self, order: OnlineOrder, *, more_vnd: int = 0, key: str | None = None) -> httpx2.Response:
        """The provider calls us about the order as it stands."""
        books, told = self.books(), self.at_provider(order)
        amount_vnd, secret = told.amount_vnd + more_vnd, key or KEYS[order.gateway]
        address = f"/callbacks/{order.gateway}"
        match order.gateway:
            case "vnpay":
                return self.client.get(
                    f"{address}?{vnpay.notification(books, told, amount_vnd=amount_vnd, key=secret)}"
                )
            case "momo":
                body = momo.notification(books, told, amount_vnd=amount_vnd, key=secret)
            case _:
                body = zalopay.notification(books, told, amount_vnd=amount_vnd, key=secret)
        return self.client.post(address, content=body)

    def settle(self, gateway: str, day: date, fee_vnd: int = 0) -> ImportedStatement:
        """The day ends, and the provider's settlement file comes in; `fee_vnd` is what it keeps of each order."""
        self.set_time(day + timedelta(days=1), 6)
        path = self.installation.incoming / f"{gateway}-{day}.csv"
        told = self.wallet.settlement(gateway, day).decode().replace(",0,Thành công", f",{fee_vnd},Thành công")
        *lines, closing = told.rstrip("\n").split("\n")
        words, _, closing_vnd = closing.rpartition(" ")
        lines.append(f"{words} {int(closing_vnd) - fee_vnd * told.count('Thành công')}")
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        with self.installation.database.transaction() as connection:
            return import_statement(connection, self.installation.vault, path, self.installation.clock().now())

    def set_time(self, day: date, hour: int) -> None:
        month.set_time(self.installation, day, hour)

    def work(self) -> None:
        """Works until nothing is open; the waits between inquiries are skipped, as if their time had gone by."""

        def time_goes_by(_open: int) -> None:
            with self.installation.database.transaction() as connection:
                connection.execute(
                    text("UPDATE engine.outbox SET due_at = clock_timestamp() WHERE done_at IS NULL AND actor = :a"),
                    {"a": INQUIRE_COLLECTION},
                )

        work(self.installation, threading.Event(), until_idle=True, progress=time_goes_by)

    def announced(self) -> dict[int, int]:
        with self.installation.database.transaction() as connection:
            return announced_vnd(connection, [self.employer_id])

    def cases(self) -> list[str]:
        with self.installation.database.transaction() as connection:
            return list(connection.scalars(text("SELECT problem FROM engine.open_case WHERE closed_at IS NULL")))

    def held_vnd(self, gateway: str) -> int:
        with self.installation.database.transaction() as connection:
            return balance(connection, f"held_by_collector.{gateway}", on=DUE_ON).vnd


@pytest.fixture
def shop(database: Database, tmp_path: Path, owner: Engine) -> Iterator[Shop]:
    with owner.begin() as connection:
        connection.execute(
            text("INSERT INTO engine.demonstration (payees, seed, now_at) VALUES (1, 1, :at)"), {"at": builders.AT}
        )
    installation = Installation(Settings(tmp_path, None, None, None, "https://thuchi.example.vn"), database)
    world = EmployerWorld(database, installation.vault, tmp_path)
    world.declare(OCTOBER)
    process.ensure_running(installation.simulator_home)
    with TestClient(create_app(installation), base_url="http://127.0.0.1") as client:
        shop = Shop(installation, world, client)
        yield shop
        shop.wallet.close()
    process.stop(installation.simulator_home)


@pytest.mark.parametrize(
    ("gateway", "taken", "repeated"),
    [
        ("vnpay", {"RspCode": "00"}, {"RspCode": "02"}),
        ("momo", None, None),
        ("zalopay", {"return_code": 1}, {"return_code": 1}),
    ],
)
def test_a_notice_is_paid_and_counts_when_the_settlement_file_tells_of_it(
    shop: Shop, gateway: str, taken: dict[str, object] | None, repeated: dict[str, object] | None
) -> None:
    shop.onboard(gateway)
    order = shop.begin(gateway)
    assert (order.state, order.amount_vnd) == (Outcome.PENDING, DUES)
    assert order.pay_url
    assert shop.begin(gateway).reference == order.reference
    shop.pay(order)
    for expected in (taken, repeated, repeated):
        answer = shop.tell(order)
        if expected is None:
            assert answer.status_code == 204
        else:
            assert answer.json() | expected == answer.json()
    # Told, and not in the books.
    assert shop.order(order.reference).state is Outcome.SUCCESS
    assert shop.announced() == {1: DUES}
    assert shop.world.row().received_vnd == 0
    day = builders.AT.date()
    imported = shop.settle(gateway, day)
    assert (imported.receipts.receipts, imported.receipts.allocated_vnd) == (1, DUES)
    assert shop.announced() == {}
    assert shop.held_vnd(gateway) == DUES
    row = shop.world.row()
    assert (row.received_vnd, row.receivable_vnd, row.surplus_vnd) == (DUES, 0, 0)
    settled = shop.order(order.reference)
    assert (settled.received_vnd, len(settled.receipts)) == (DUES, 1)
    assert shop.cases() == []
    with shop.installation.database.transaction() as connection:
        events = trace_order(connection, order.reference)["events"]
    told = [event["what"] for event in events]
    assert told[-4:] == [f"told by {gateway}", "callback", "statement", "receipt 1"]


def test_what_a_provider_keeps_for_itself_is_an_expense_and_not_the_employers(shop: Shop) -> None:
    shop.onboard("vnpay")
    order = shop.begin("vnpay")
    shop.pay(order)
    shop.settle("vnpay", builders.AT.date(), fee_vnd=11_000)
    row = shop.world.row()
    assert (row.received_vnd, row.receivable_vnd) == (DUES, 0)
    assert shop.held_vnd("vnpay") == DUES - 11_000
    with shop.installation.database.transaction() as connection:
        assert balance(connection, "bank_fee_expense", on=DUE_ON).vnd == 11_000
    assert shop.cases() == []


def test_paid_twice_or_in_parts_is_the_employers_money(shop: Shop) -> None:
    shop.onboard("vnpay")
    part = 1_200_000
    orders = [shop.begin("vnpay", part), shop.begin("vnpay", DUES)]
    for order in orders:
        shop.pay(order)
        shop.tell(order)
    assert shop.announced() == {1: DUES + part}
    with shop.installation.database.transaction("lan") as connection:
        # Late by then, and not urged.
        late = timedelta(days=40)
        assert urge(connection, (builders.AT + late).date(), builders.AT + late, Parameters.load()) == []
    assert shop.settle("vnpay", builders.AT.date()).receipts.receipts == 2
    row = shop.world.row()
    assert (row.received_vnd, row.receivable_vnd, row.surplus_vnd) == (DUES + part, 0, part)
    with shop.installation.database.transaction() as connection:
        receipts = list_receipts(connection, employer_id=shop.employer_id, limit=5)
    assert [(receipt.notice_no, receipt.amount_vnd) for receipt in receipts] == [(1, part), (1, DUES)]


def test_what_is_told_wrongly_moves_nothing(shop: Shop) -> None:
    shop.onboard("vnpay")
    order = shop.begin("vnpay")
    shop.pay(order)
    assert shop.tell(order, key="another").json()["RspCode"] == "97"
    assert shop.order(order.reference).state is Outcome.PENDING
    assert shop.tell(order, more_vnd=1_000).json()["RspCode"] == "04"
    assert shop.announced() == {}
    assert len(shop.cases()) == 1
    nobodys = Order("vnpay", "collection", "TT00000099999A", DUES, 7, Stage.DONE, about={"text": "dong BHXH"})
    query = vnpay.notification(shop.books(), nobodys, amount_vnd=DUES, key=KEYS["vnpay"])
    assert shop.client.get(f"/callbacks/vnpay?{query}").json()["RspCode"] == "01"
    # The truth comes late, and then older news after it.
    assert shop.tell(order).json()["RspCode"] == "00"
    told = shop.at_provider(order)
    told.stage = Stage.REFUSED
    query = vnpay.notification(shop.books(), told, amount_vnd=DUES, key=KEYS["vnpay"])
    assert shop.client.get(f"/callbacks/vnpay?{query}").json()["RspCode"] == "00"
    assert shop.announced() == {1: DUES}
    assert len(shop.cases()) == 2
    assert shop.world.row().received_vnd == 0


def test_an_order_whose_answer_was_lost_is_asked_about_and_not_made_again(shop: Shop) -> None:
    shop.onboard("momo")
    with SimulatorControl(shop.installation.simulator_home) as faults:
        faults.plan_fault(Fault.DROP_AFTER, call=Call.SUBMIT)
    order = shop.begin("momo")
    assert (order.state, order.pay_url) == (Outcome.UNKNOWN, None)
    assert shop.begin("momo").reference == order.reference
    assert len(shop.books().orders("momo")) == 1
    shop.wallet.decide("momo", "collection", order.reference, Stage.DONE)
    shop.work()
    assert shop.order(order.reference).state is Outcome.SUCCESS
    assert shop.announced() == {1: DUES}


def test_an_order_that_nobody_paid_ends_when_the_days_file_is_there(shop: Shop) -> None:
    shop.onboard("vnpay")
    order, refused = shop.begin("vnpay"), shop.begin("vnpay", DUES - 1)
    shop.pay(refused, Stage.REFUSED)
    assert shop.tell(refused).json()["RspCode"] == "00"
    assert shop.order(refused.reference).state is Outcome.FAILED
    shop.set_time(builders.AT.date(), 23)
    shop.work()
    assert shop.order(order.reference).state is Outcome.PENDING
    assert shop.settle("vnpay", builders.AT.date()).receipts.receipts == 0
    shop.work()
    assert shop.order(order.reference).state is Outcome.FAILED
    assert shop.cases() == []


def test_only_what_can_be_paid_there_is_begun(shop: Shop) -> None:
    shop.onboard("vnpay")
    with pytest.raises(WrongInput):
        shop.begin("vnpay", 4_999)
    with shop.installation.database.transaction("lan") as connection:
        gateways.pause(connection, "vnpay", paused=True, reason="maintenance", at=builders.AT)
    with pytest.raises(NotAllowed):
        shop.begin("vnpay")
    shop.employer_id = UUID(int=1)
    with pytest.raises(NotFound):
        shop.begin("vnpay")
    with shop.installation.database.transaction() as connection:
        assert connection.scalar(text("SELECT count(*) FROM engine.online_order")) == 0
    with shop.installation.database.transaction("lan") as connection, pytest.raises(WrongInput):
        open_provider_account(connection, shop.installation.vault, "vnpay", "another")
