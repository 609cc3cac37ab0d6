"""Vectors of MB Bank, VietinBank and VietQR."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from gateways import vietqr
from gateways.banks import mbbank, vietinbank
from gateways.macs import rsa_private_key, rsa_public_key, rsa_sign, rsa_verifies
from gateways.vietqr import QrUnreadable, Service, VietQr

Given = Mapping[str, Any]
Operations = Mapping[str, Callable[[Given, Given], dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Verifier:
    """Stands for a signature that only its owner can make: it equals whatever verifies over the text."""

    key: RSAPublicKey
    text: str

    def accepts(self, signature: object) -> bool:
        return rsa_verifies(self.key, self.text, signature)


def _mb_sign(inputs: Given, keys: Given) -> dict[str, Any]:
    key = rsa_private_key(keys["rsa_private_key_pem"])
    return {"string_to_sign": mbbank.string_to_sign(inputs), "expected_signature": mbbank.sign(inputs, key)}


def _mb_status(inputs: Given, _: Given) -> dict[str, Any]:
    outcome = mbbank.codes().outcome(inputs["operation"], inputs["field"], inputs["code"])
    return {"expected": {"outcome": outcome.value}}


def _vtb_verify(inputs: Given, keys: Given) -> dict[str, Any]:
    """The bank's signature cannot be made without its private key: whoever compares asks whether one verifies."""
    text = vietinbank.string_to_sign(inputs)
    return {
        "string_to_sign": text,
        "expected_signature": Verifier(rsa_public_key(keys["bank_rsa_public_key_pem"]), text),
    }


def _vtb_unsigned_field(inputs: Given, keys: Given) -> dict[str, Any]:
    judgement = vietinbank.judge(inputs, rsa_public_key(keys["bank_rsa_public_key_pem"]), vietinbank.Expected())
    judged = {"signature_ok": judgement.signature_ok, "accept": judgement.accept, "why": judgement.why_not}
    return {
        "string_to_sign": vietinbank.string_to_sign(inputs),
        "expected_signature": inputs["signature"] if judgement.signature_ok else None,
        "expected": judged,
    }


def _vtb_answer(inputs: Given, keys: Given) -> dict[str, Any]:
    text = vietinbank.answer_string(inputs)
    key = rsa_private_key(keys["partner_rsa_private_key_pem"])
    return {"string_to_sign": text, "expected_signature": rsa_sign(key, text)}


def _vtb_status(inputs: Given, _: Given) -> dict[str, Any]:
    outcome = vietinbank.codes().outcome(inputs["operation"], inputs["field"], inputs["code"])
    return {"expected": {"outcome": outcome.value}}


def _qr_build(inputs: Given, _: Given) -> dict[str, Any]:
    amount = inputs.get("amount")
    payload = vietqr.build(
        VietQr(
            bin=inputs["bin"],
            account=inputs["account"],
            service=Service(inputs.get("service", Service.ACCOUNT)),
            amount_vnd=None if amount is None else int(amount),
            bill=inputs.get("bill"),
            reference=inputs.get("reference"),
            purpose=inputs.get("purpose"),
        )
    )
    return {**_qr_sum(payload), "expected_payload": payload}


def _qr_parse(inputs: Given, _: Given) -> dict[str, Any]:
    payload = inputs["payload"]
    try:
        code = vietqr.parse(payload)
    except QrUnreadable as error:
        return {**_qr_sum(payload), "expected": {"valid": False, "error": error.flaw.value}}
    read = {
        "valid": True,
        "initiation": vietqr.initiation(payload).name.lower(),
        "bin": code.bin,
        "account": code.account,
        "service": code.service.value,
        "amount": None if code.amount_vnd is None else str(code.amount_vnd),
        "currency": "704",
        "bill": code.bill,
        "reference": code.reference,
        "purpose": code.purpose,
    }
    return {**_qr_sum(payload), "expected": read}


def _qr_sum(payload: str) -> dict[str, Any]:
    """The check sum over all before it, computed."""
    return {"string_to_sign": payload[:-4], "expected_signature": vietqr.check_sum(payload[:-4])}


MBBANK: Operations = {"transfer_sign": _mb_sign, "status_mapping": _mb_status}
VIETINBANK: Operations = {
    "balance_notification_verify": _vtb_verify,
    "balance_notification_unsigned_field": _vtb_unsigned_field,
    "balance_notification_ack": _vtb_answer,
    "status_mapping": _vtb_status,
}
VIETQR: Operations = {"payload_build": _qr_build, "payload_parse": _qr_parse}
