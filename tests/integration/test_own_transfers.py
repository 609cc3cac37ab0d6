"""Money between accounts of ours: a wallet's advance is topped up, what a payment page collected is paid over."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import bank_paper
import builders
import pytest
from bank_paper import Paper
from employer_world import DUES, OCTOBER, EmployerWorld

from engine.contributions.collection import open_provider_account
from engine.database import Database
from engine.errors import NotAllowed, NotFound, WrongInput
from engine.installation import SIMULATOR_ADDRESS
from engine.payments import gateways, own_transfers
from engine.payments.decisions import approve as approve_decision
from engine.payments.own_transfers import OwnTransfer
from engine.payments.proof import prove
from engine.payments.settlement import import_statement
from engine.vault import Vault
from ledger import book
from ledger.balances import balance
from ledger.entries import EntryHeader, Line
from ledger.money import Dong
from reconciliation import breaks, decisions

BANK, ADVANCE, HELD = "cash_at_bank.simbank.retirement", "advance_to_agent.momo.retirement", "held_by_collector.vnpay"
COLLECTION = "cash_at_bank.simbank.collection"
TODAY = builders.PAY_ON
AT = builders.AT
TOP_UP = 50_000_000


class Treasury:
    """A bank's account, a wallet's advance, and what a payment page holds, each with its own paper."""

    def __init__(self, database: Database, vault: Vault, directory: Path) -> None:
        self.database, self.vault, self.directory = database, vault, directory
        self.world = EmployerWorld(database, vault, directory)
        self.world.declare(OCTOBER)
        self.bank = Paper(builders.ACCOUNTS["retirement"], builders.OPENING_VND)
        with database.transaction("lan") as connection:
            builders.add_staff(connection)
            for name in ("momo", "vnpay"):
                gateways.onboard(connection, name, name, SIMULATOR_ADDRESS, "")
            advance = gateways.PayingAccount("momo", "retirement", "BHXH", builders.MERCHANT)
            gateways.open_paying_account(connection, vault, advance, opening_vnd=0, on=TODAY, at=AT)
            open_provider_account(connection, vault, "vnpay", "SIMVNP01")

    def approved(self, source: str, target: str, amount_vnd: int) -> str:
        with self.database.transaction("lan") as connection:
            reference = own_transfers.propose(connection, source, target, amount_vnd, TODAY, "bổ sung", AT)
        with self.database.transaction("minh") as connection:
            own_transfers.approve(connection, reference, AT)
        return reference

    def bring(self, path: Path) -> None:
        with self.database.transaction() as connection:
            import_statement(connection, self.vault, path, AT + timedelta(days=2))

    def bank_statement(self, on: date, lines: Sequence[bank_paper.Line]) -> None:
        self.bring(self.bank.statement(self.directory / f"bank-{on}.xml", on, lines))

    def settlement_file(
        self, title: str, merchant: str, on: date, opening_vnd: int, lines: Sequence[tuple[str, int]]
    ) -> None:
        rows = [f"Tệp đối soát giao dịch {title}", f"Mã đối tác: {merchant}"]
        rows += [f"Từ ngày: {on:%d/%m/%Y},Đến ngày: {on:%d/%m/%Y}", f"Số dư đầu kỳ: {opening_vnd}"]
        rows += ["Thời gian giao dịch,Mã đơn hàng,Mã giao dịch,Số tiền giao dịch,Phí giao dịch,Trạng thái"]
        for number, (reference, amount_vnd) in enumerate(lines, start=1):
            rows.append(f"{on:%d/%m/%Y} 09:00:0{number},{reference},{number},{amount_vnd},0,Thành công")
        rows.append(f"Số dư cuối kỳ: {opening_vnd + sum(amount_vnd for _, amount_vnd in lines)}")
        path = self.directory / f"{title}-{on}.csv"
        path.write_text("\n".join(rows) + "\n", encoding="utf-8")
        self.bring(path)

    def standing(self, *accounts: str) -> list[int]:
        with self.database.transaction() as connection:
            return [balance(connection, account).vnd for account in accounts]

    def listed(self) -> list[OwnTransfer]:
        with self.database.transaction() as connection:
            return own_transfers.list_transfers(connection)


@pytest.fixture
def treasury(database: Database, vault: Vault, tmp_path: Path) -> Treasury:
    return Treasury(database, vault, tmp_path)


@pytest.mark.parametrize("bank_first", [True, False])
def test_an_advance_is_topped_up_and_each_side_is_booked_by_its_own_paper(treasury: Treasury, bank_first: bool) -> None:
    reference = treasury.approved(BANK, ADVANCE, TOP_UP)

    def bring(side: str) -> None:
        if side == "bank":
            treasury.bank_statement(TODAY, [bank_paper.Line(-TOP_UP, text=f"MOMO {reference} bo sung tam ung")])
        else:
            treasury.settlement_file("MoMo", builders.MERCHANT, TODAY, 0, [(reference, TOP_UP)])

    bring("bank" if bank_first else "wallet")
    assert treasury.standing("own_transfer") == [TOP_UP if bank_first else -TOP_UP]
    assert treasury.listed()[0].state == ("left" if bank_first else "arrived")
    with treasury.database.transaction() as connection:
        assert own_transfers.differences(connection) == []
    with treasury.database.transaction("lan") as connection, pytest.raises(NotAllowed):
        own_transfers.cancel(connection, reference, "nhầm", AT)
    bring("wallet" if bank_first else "bank")
    assert treasury.standing(BANK, ADVANCE, "own_transfer") == [builders.OPENING_VND - TOP_UP, TOP_UP, 0]
    assert treasury.listed()[0].state == "done"
    with treasury.database.transaction() as connection:
        # The other fund's bank has told nothing yet.
        (other,) = prove(connection, TODAY).differences
        assert other.startswith("cash_at_bank.simbank.state_budget")
        stray = EntryHeader(
            key="stray", event="own_transfer_left", document="a hand", business_on=TODAY, description="by no statement"
        )
        book.post(connection, stray, [Line(own_transfers.MOVING, BANK, Dong(5), "retirement")], recorded_at=AT)
        assert own_transfers.differences(connection) == ["own_transfer: 5 đ in the ledger, 0 đ by the statements"]


def test_what_a_payment_page_pays_over_without_our_reference_is_named_by_two_people(treasury: Treasury) -> None:
    memo = treasury.world.notice(1)["memo"]
    treasury.world.credit(TODAY, [(memo, DUES), ("VNPAY TT GIAO DICH 02/11", 3_000_000)])
    assert treasury.standing("receipts_unallocated.unidentified") == [3_000_000]
    reference = treasury.approved(HELD, COLLECTION, 3_000_000)
    with treasury.database.transaction("lan") as connection:
        (left,) = [each for each in breaks.open_breaks(connection, TODAY) if each.in_suspense]
        decision = decisions.prepare_force(connection, left.break_id or 0, reference, "VNPAY pays over", "lan", AT)
    with treasury.database.transaction("minh") as connection:
        approve_decision(connection, decision, "minh", AT)
    assert treasury.standing("receipts_unallocated.unidentified", "own_transfer", COLLECTION) == [
        0,
        -3_000_000,
        DUES + 3_000_000,
    ]
    row = treasury.world.row()
    assert (row.received_vnd, row.receivable_vnd) == (DUES, 0)


def test_who_proposes_does_not_approve_and_wrong_transfers_are_refused(treasury: Treasury) -> None:
    with treasury.database.transaction("minh") as connection:
        reference = own_transfers.propose(connection, BANK, ADVANCE, 1, TODAY, "x", AT)
    for person in ("minh", "lan"):
        with treasury.database.transaction(person) as connection, pytest.raises(NotAllowed):
            own_transfers.approve(connection, reference, AT)
    with treasury.database.transaction("hoa") as connection, pytest.raises(NotFound):
        own_transfers.approve(connection, "CK00000000099X", AT)
    with treasury.database.transaction("lan") as connection:
        own_transfers.cancel(connection, reference, "nhầm", AT)
    with treasury.database.transaction("hoa") as connection, pytest.raises(NotAllowed):
        own_transfers.approve(connection, reference, AT)
    wrong = [(BANK, BANK, 1, "x"), (BANK, COLLECTION, 1, "x"), (BANK, "cash_at_bank", 1, "x"), (BANK, ADVANCE, 0, " ")]
    for source, target, amount_vnd, reason in wrong:
        with treasury.database.transaction("lan") as connection, pytest.raises(WrongInput):
            own_transfers.propose(connection, source, target, amount_vnd, TODAY, reason, AT)
    cancelled = treasury.approved(BANK, ADVANCE, 5)
    with treasury.database.transaction("lan") as connection:
        own_transfers.cancel(connection, cancelled, "nhầm", AT)
    assert [transfer.state for transfer in treasury.listed()] == ["cancelled", "cancelled"]
