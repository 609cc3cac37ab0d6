"""A bank written by others (mock-bank on PyPI) takes our files and answers in a form we read; and its dictionary of
messages, held to the published schemas by its authors, finds nothing wrong with what the simulated bank writes."""

import threading
from collections.abc import Iterator
from datetime import date, datetime
from io import BytesIO

import httpx2
import pytest
from lxml import etree
from mockbank import schema
from mockbank.server import Config, make_server

from gateways.contract import Outcome
from gateways.iso20022 import pain001, pain002
from gateways.iso20022.schemas import validate
from gateways.simulator.reading import OrderedPayment
from gateways.simulator.reports import Listing, status_report
from gateways.simulator.state import FileState, PaymentFile

FUND = "NL67MOCK1020000123"  # mock-bank knows its own accounts by IBAN only


@pytest.fixture
def mock_bank() -> Iterator[httpx2.Client]:
    server = make_server(Config(port=0, quiet=True, clock="2026-11-25T09:00"))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    with httpx2.Client(base_url=f"http://127.0.0.1:{server.server_address[1]}", trust_env=False) as client:
        account = {"id": "FUND", "iban": FUND, "name": "BHXH VIET NAM", "currency": "VND", "balance": 10**12}
        created = client.post("/_mock/accounts", json=account)
        assert created.status_code == httpx2.codes.CREATED, created.text
        yield client
    server.shutdown()
    thread.join()
    server.server_close()


def file_of(message_id: str, *names: str) -> bytes:
    header = pain001.Header(
        message=pain001.V09,
        message_id=message_id,
        created_at=datetime.fromisoformat("2026-11-25T09:00:00+07:00"),
        initiator_name="BHXH VIET NAM",
        payment_info_id=f"{message_id}-P",
        batch_booking=True,
        category_purpose="PENS",
        execution_on=date(2026, 11, 25),
        debtor_name="BHXH VIET NAM",
        debtor_account=FUND,
        debtor_agent=pain001.Agent(bic="MOCKNL2A"),
        count=len(names),
        total_vnd=4_250_000 * len(names),
    )
    payments = [
        pain001.Payment(
            instruction_id=f"{message_id}-{number}",
            end_to_end_id=f"{message_id}-E{number}",
            uetr="8d0c2c6e-5b0a-4c9c-9f4b-2f9f6f1f7a01",
            amount_vnd=4_250_000,
            agent=pain001.Agent(bic="BFTVVNVX"),
            name=name,
            account=f"00110041234{number}",
            purpose="PENS",
            remittance=f"{message_id}-E{number} LUONG HUU T11/2026",
        )
        for number, name in enumerate(names)
    ]
    to = BytesIO()
    pain001.write(header, payments, to)
    return to.getvalue()


def test_another_bank_finds_nothing_wrong_with_our_file(mock_bank: httpx2.Client) -> None:
    answer = mock_bank.post("/payments", content=file_of("M1", "NGUYEN VAN AN", "Lê & <Con> \"'"))

    assert answer.status_code == httpx2.codes.ACCEPTED
    assert answer.json()["findings"] == []
    assert answer.json()["accepted"] == 2
    assert [payment["amount"] for payment in answer.json()["payments"]] == [4_250_000, 4_250_000]


def test_another_bank_s_status_report_is_read(mock_bank: httpx2.Client) -> None:
    mock_bank.post("/payments", content=file_of("M1", "NGUYEN VAN AN"))

    report = pain002.read(mock_bank.get("/_mock/mailbox?raw&type=pain.002").content)

    assert report.original_message_id == "M1"
    assert [(status.reference, status.outcome) for status in report.instructions()] == [("M1-E0", Outcome.PENDING)]


def test_another_bank_s_duplicate_is_unknown(mock_bank: httpx2.Client) -> None:
    for _ in range(2):
        mock_bank.post("/payments", content=file_of("M1", "NGUYEN VAN AN"))

    second = mock_bank.get("/_mock/mailbox?raw&type=pain.002").content.split(b"<?xml")[-1]

    assert pain002.read(b"<?xml" + second).unlisted_outcome() is Outcome.UNKNOWN


@pytest.mark.parametrize("state", FileState)
@pytest.mark.parametrize("listing", Listing)
def test_every_status_report_of_the_simulated_bank_is_valid(state: FileState, listing: Listing) -> None:
    payments = tuple(
        (OrderedPayment(f"E{number}", f"I{number}", 1, "970436", "10001", "A", ""), rejected_for)
        for number, rejected_for in enumerate((None, "AC01"))
    )
    reason = None if state in (FileState.BOOKED, FileState.WAITING) else "AM04"
    file = PaymentFile("M1", "", state, reason, "", "P1", True, "1", date(2026, 11, 25), payments)

    report = status_report(file, datetime.fromisoformat("2026-11-25T09:00:00+07:00"), listing)

    assert schema.check(schema.MESSAGES["pain.002.001.10"], etree.fromstring(report)) == []
    validate(report.replace(b"pain.002.001.10", b"pain.002.001.12"), "pain.002.001.12")
