"""Vectors of ISO 20022: files of payments, status reports, account checks, codes. Statements are read elsewhere."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from io import BytesIO
from typing import Any

from lxml import etree

from gateways.contract import Outcome
from gateways.iso20022 import acmt024, pain001, pain002
from gateways.iso20022.codes import NameCheck, name_check, payment_outcome
from gateways.iso20022.schemas import safe_parser, validate

_REPEATED = "CdtTrfTxInf"
_FORMAT = frozenset({"FF01", "AM10", "AM18"})
_DUPLICATES = frozenset({"AM05", "DUPL", "DU01", "DU02", "DU03", "DU04", "DU05"})


def pain001_document(inputs: Mapping[str, Any]) -> bytes:
    """The file the inputs describe, valid against its schema."""
    payments = [
        pain001.Payment(
            instruction_id=payment["instr_id"],
            end_to_end_id=payment["end_to_end_id"],
            uetr=payment.get("uetr"),
            amount_vnd=payment["amount"],
            agent=pain001.Agent(**payment["bank"]),
            name=payment["name"],
            account=payment["account"],
            purpose=payment["purpose"],
            remittance=payment["remittance"],
        )
        for payment in inputs["payments"]
    ]
    header = pain001.Header(
        message=inputs["message"],
        message_id=inputs["msg_id"],
        created_at=datetime.fromisoformat(inputs["created"]),
        initiator_name=inputs["initiator"],
        payment_info_id=inputs["payment_info_id"],
        batch_booking=inputs["batch_booking"],
        category_purpose=inputs["category_purpose"],
        execution_on=date.fromisoformat(inputs["execution_date"]),
        debtor_name=inputs["debtor"],
        debtor_account=inputs["debtor_account"],
        debtor_agent=pain001.Agent(**inputs["debtor_bank"]),
        count=len(payments),
        total_vnd=sum(payment.amount_vnd for payment in payments),
    )
    to = BytesIO()
    pain001.write(header, payments, to)
    validate(to.getvalue(), inputs["message"])
    return to.getvalue()


def _pain001_build(inputs: Mapping[str, Any], _: Mapping[str, Any]) -> dict[str, Any]:
    document = pain001_document(inputs)
    return {"expected_xpaths": _leaves(document), "document": document.decode()}


def _pain002_parse(inputs: Mapping[str, Any], _: Mapping[str, Any]) -> dict[str, Any]:
    report = pain002.read(inputs["document"].encode())
    instructions = report.instructions()
    listed = {instruction.reference for instruction in instructions}
    unlisted = [reference for reference in inputs.get("sent_end_to_end_ids", ()) if reference not in listed]
    read = {
        "original_msg_id": report.original_message_id,
        "group_status": report.group.status,
        "transactions": [
            {
                "end_to_end_id": instruction.reference,
                "status": instruction.code,
                "reason": instruction.reason,
                "outcome": instruction.outcome.value,
            }
            for instruction in instructions
        ],
        "not_listed": _not_listed(report) if unlisted else {},
    }
    return {"expected": read}


def _not_listed(report: pain002.PaymentStatusReport) -> dict[str, str]:
    """The rule for payments of the file that the report does not list; empty where they keep their state."""
    match report.unlisted_outcome():
        case Outcome.FAILED:
            why = " for format" if _FORMAT & set(report.group.reasons) else ""
            return {
                "rule": f"whole group rejected{why}: every transaction sent under that MsgId is failed",
                "outcome": Outcome.FAILED.value,
            }
        case Outcome.UNKNOWN:
            why = "as duplicate" if _DUPLICATES & set(report.group.reasons) else "without proof"
            return {
                "rule": f"whole group rejected {why}: every transaction sent under that MsgId is unknown until the "
                "first file is found",
                "outcome": Outcome.UNKNOWN.value,
            }
        case _:
            return {}


def _acmt024_parse(inputs: Mapping[str, Any], _: Mapping[str, Any]) -> dict[str, Any]:
    answers = acmt024.read(inputs["report_document"].encode())
    return {"expected": [{"id": answer.id, "result": answer.result.value} for answer in answers]}


def _status_mapping(inputs: Mapping[str, Any], _: Mapping[str, Any]) -> dict[str, Any]:
    if inputs["operation"] == "acmt.024":
        matches = inputs["field"] == "Vrfctn" or "true" in inputs["code"]
        return {"expected": {"outcome": (NameCheck.MATCH if matches else name_check(inputs["code"])).value}}
    return {"expected": {"outcome": payment_outcome(inputs["field"], inputs["code"]).value}}


def _leaves(document: bytes) -> dict[str, str]:
    """Every element that holds text, and every attribute, by its path; payments are numbered from 1."""
    found: dict[str, str] = {}

    def walk(element: etree._Element, path: str) -> None:
        found.update({f"{path}/@{name}": str(element.get(name)) for name in map(str, element.keys())})
        if len(element) == 0:
            found[path] = element.text or ""
        number = 0
        for child in element:
            name = etree.QName(child).localname
            number += name == _REPEATED
            walk(child, f"{path}/{name}[{number}]" if name == _REPEATED else f"{path}/{name}")

    walk(etree.fromstring(document, safe_parser()), "/Document")
    return found


OPERATIONS: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]] = {
    "pain001_build": _pain001_build,
    "pain002_parse": _pain002_parse,
    "acmt024_parse": _acmt024_parse,
    "status_mapping": _status_mapping,
}
