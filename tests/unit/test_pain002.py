import pytest

from gateways.contract import InstructionStatus, Outcome
from gateways.errors import BadDocument
from gateways.iso20022 import pain002
from gateways.iso20022.codes import GROUP_STATUS, REASON, TRANSACTION_STATUS, payment_outcome


def report(
    group: str = "", group_reason: str = "", information: str = "", transactions: str = "", version: str = "10"
) -> pain002.PaymentStatusReport:
    block = f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>P1</OrgnlPmtInfId>{information}{transactions}</OrgnlPmtInfAndSts>"
    return pain002.read(
        f"""<?xml version="1.0" encoding="UTF-8"?>
        <Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.{version}"><CstmrPmtStsRpt>
        <GrpHdr><MsgId>S1</MsgId><CreDtTm>2026-11-25T08:10:00+07:00</CreDtTm></GrpHdr>
        <OrgnlGrpInfAndSts><OrgnlMsgId>M1</OrgnlMsgId><OrgnlMsgNmId>pain.001</OrgnlMsgNmId>
        {f"<GrpSts>{group}</GrpSts>" if group else ""}{reason(group_reason)}</OrgnlGrpInfAndSts>
        {block if information or transactions else ""}</CstmrPmtStsRpt></Document>""".encode()
    )


def reason(code: str) -> str:
    return f"<StsRsnInf><Rsn><Cd>{code}</Cd></Rsn></StsRsnInf>" if code else ""


def transaction(reference: str, status: str = "", why: str = "") -> str:
    told = f"<TxSts>{status}</TxSts>" if status else ""
    return f"<TxInfAndSts><OrgnlEndToEndId>{reference}</OrgnlEndToEndId>{told}{reason(why)}</TxInfAndSts>"


def outcomes(read: pain002.PaymentStatusReport) -> dict[str, Outcome]:
    return {status.reference: status.outcome for status in read.instructions()}


def test_each_transaction_has_its_own_outcome_and_part_says_nothing_of_the_others() -> None:
    read = report(
        group="PART",
        information="<PmtInfSts>PART</PmtInfSts>",
        transactions=transaction("E1", "ACSC") + transaction("E2", "RJCT", "AC04") + transaction("E3", "ACSP"),
    )

    assert read.original_message_id == "M1"
    assert read.instructions() == (
        InstructionStatus("E1", Outcome.SUCCESS, "ACSC", None),
        InstructionStatus("E2", Outcome.FAILED, "RJCT", "AC04"),
        InstructionStatus("E3", Outcome.PENDING, "ACSP", None),
    )
    assert read.unlisted_outcome() is None


def test_the_lowest_level_that_speaks_wins() -> None:
    read = report(
        group="RJCT",
        information="<PmtInfSts>ACCP</PmtInfSts>",
        transactions=transaction("E1", "ACSC") + transaction("E2"),
    )

    assert outcomes(read) == {"E1": Outcome.SUCCESS, "E2": Outcome.PENDING}


@pytest.mark.parametrize(
    ("why", "outcome"),
    [
        ("FF01", Outcome.FAILED),
        ("AM04", Outcome.FAILED),
        ("", Outcome.FAILED),
        ("AM05", Outcome.UNKNOWN),
        ("DUPL", Outcome.UNKNOWN),
        ("FF10", Outcome.UNKNOWN),
        ("ZZ99", Outcome.UNKNOWN),
    ],
)
def test_a_rejected_group_speaks_of_all_payments_and_its_reason_says_how(why: str, outcome: Outcome) -> None:
    assert report(group="RJCT", group_reason=why).unlisted_outcome() is outcome


def test_a_rejected_payment_information_speaks_of_payments_it_does_not_list() -> None:
    read = report(group="PART", information="<PmtInfSts>RJCT</PmtInfSts>" + reason("AC02"))

    assert read.unlisted_outcome() is Outcome.FAILED


@pytest.mark.parametrize("group", ["PART", "ACSC", "ZZZZ", ""])
def test_other_groups_leave_payments_that_are_not_listed_as_they_are(group: str) -> None:
    assert report(group=group).unlisted_outcome() is None


@pytest.mark.parametrize("group", ["ACTC", "ACCP", "RCVD"])
def test_a_group_under_way_says_that_the_bank_has_the_file(group: str) -> None:
    assert report(group=group).unlisted_outcome() is Outcome.PENDING


def test_a_reason_that_proves_nothing_overrides_the_rejection() -> None:
    read = report(group="PART", transactions=transaction("E1", "RJCT", "AB05") + transaction("E2", "RJCT", "ZZ99"))

    assert outcomes(read) == {"E1": Outcome.UNKNOWN, "E2": Outcome.UNKNOWN}


def test_a_bank_s_own_reason_proves_nothing() -> None:
    own = "<TxInfAndSts><OrgnlEndToEndId>E1</OrgnlEndToEndId><TxSts>RJCT</TxSts>"
    own += "<StsRsnInf><Rsn><Prtry>X17</Prtry></Rsn></StsRsnInf></TxInfAndSts>"

    assert outcomes(report(transactions=own)) == {"E1": Outcome.UNKNOWN}


def test_a_transaction_without_status_takes_the_one_above_with_its_own_reason() -> None:
    read = report(group="RJCT", transactions=transaction("E1", why="DUPL") + transaction("E2", why="AC01"))

    assert outcomes(read) == {"E1": Outcome.UNKNOWN, "E2": Outcome.FAILED}


def test_the_older_version_is_read_too() -> None:
    assert outcomes(report(transactions=transaction("E1", "ACCC"), version="03")) == {"E1": Outcome.SUCCESS}


@pytest.mark.parametrize("field", [TRANSACTION_STATUS, GROUP_STATUS, REASON])
def test_a_code_that_no_table_lists_is_unknown(field: str) -> None:
    assert payment_outcome(field, "ZZZZ") is Outcome.UNKNOWN


@pytest.mark.parametrize("code", [*(f"AB{n:02}" for n in range(1, 12)), *(f"DU0{n}" for n in range(1, 6)), "FF10"])
def test_time_outs_aborts_and_duplicates_are_never_a_plain_failure(code: str) -> None:
    assert payment_outcome(REASON, code) is Outcome.UNKNOWN


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html><body>502</body></html>",
        b"<Document/>",
        b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"/>',
        b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt>',
        b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"/>',
        b'<!DOCTYPE x SYSTEM "http://127.0.0.1/x"><Document/>',
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"/>'.encode("utf-16"),
    ],
)
def test_what_is_no_status_report_is_refused(content: bytes) -> None:
    with pytest.raises(BadDocument):
        pain002.read(content)
