"""Vectors of MoMo, ZaloPay, VNPAY and payOS."""

import base64
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from cryptography.hazmat.primitives.asymmetric import padding

from gateways.contract import Outcome
from gateways.macs import rsa_encrypt, rsa_private_key, rsa_public_key
from gateways.momo import codes as momo_codes
from gateways.momo import signing as momo
from gateways.online import Verdict
from gateways.payos import codes as payos_codes
from gateways.payos import signing as payos
from gateways.vnpay import codes as vnpay_codes
from gateways.vnpay import requests as vnpay_requests
from gateways.vnpay import signing as vnpay
from gateways.vnpay.answers import reply_code
from gateways.zalopay import codes as zalopay_codes
from gateways.zalopay import signing as zalopay

Given = Mapping[str, Any]
Operations = Mapping[str, Callable[[Given, Given], dict[str, Any]]]


def _momo_sign(operation: momo.Operation, inputs: Given, keys: Given) -> dict[str, Any]:
    known = _momo_keys(inputs, keys)
    text = momo.string_to_sign(operation, inputs, known)
    return {"string_to_sign": text, "expected_signature": momo.sign(operation, inputs, known)}


def _momo_verify_negative(inputs: Given, keys: Given) -> dict[str, Any]:
    return _judged(momo.verifies(momo.Operation.NOTIFICATION, inputs, _momo_keys(inputs, keys)))


def _momo_encrypt(inputs: Given, keys: Given) -> dict[str, Any]:
    """Encrypted with the provider's key and opened again with its private half, which only a vector has."""
    sent = rsa_encrypt(rsa_public_key(keys["rsa_public_key_pem"]), inputs["plaintext"])
    opening = next(key for name, key in keys.items() if "private" in name)
    plain = rsa_private_key(opening).decrypt(base64.b64decode(sent), padding.PKCS1v15())
    return {"expected": {"decrypts_to": plain.decode()}}


def _momo_status(inputs: Given, _: Given) -> dict[str, Any]:
    code = str(inputs["code"])
    if inputs["field"] == "http":
        code = "5xx" if len(code) == 3 and code.startswith("5") else code
        return _mapped(momo_codes.table().outcome("any", "http", code))
    number, _space, condition = code.partition(" ")
    return _mapped(momo_codes.outcome(number, auto_capture="false" not in condition))


def _momo_keys(inputs: Given, keys: Given) -> momo.Keys:
    return momo.Keys(keys.get("partnerCode", inputs.get("partnerCode", "")), keys["accessKey"], keys["secretKey"])


def _zalopay_sign(operation: zalopay.Operation, inputs: Given, keys: Given) -> dict[str, Any]:
    fields = {"app_id": keys.get("app_id"), **inputs}
    computed = zalopay.mac(operation, fields, _zalopay_keys(keys))
    told = {"string_to_sign": zalopay.string_to_sign(operation, fields)}
    if operation is zalopay.Operation.TOPUP:
        signature = zalopay.topup_signature(computed, rsa_private_key(keys["rsa_private_key_pem"]))
        return {**told, "intermediate_mac": computed, "expected_signature": signature}
    return {**told, "expected_signature": computed}


def _zalopay_callback(inputs: Given, keys: Given) -> dict[str, Any]:
    mac = zalopay.callback_mac(inputs["data"], _zalopay_keys(keys))
    return {"string_to_sign": inputs["data"], "expected_signature": mac}


def _zalopay_callback_negative(inputs: Given, keys: Given) -> dict[str, Any]:
    return _judged(zalopay.callback_verifies(inputs["data"], inputs["mac"], _zalopay_keys(keys)))


def _zalopay_redirect(inputs: Given, keys: Given) -> dict[str, Any]:
    checksum = zalopay.redirect_checksum(inputs, _zalopay_keys(keys))
    return {"string_to_sign": zalopay.redirect_string(inputs), "expected_signature": checksum}


def _zalopay_rsa(inputs: Given, keys: Given) -> dict[str, Any]:
    key = next(key for name, key in keys.items() if "private" in name)
    signature = zalopay.topup_signature(inputs["mac"], rsa_private_key(key))
    return {"string_to_sign": inputs["mac"], "expected_signature": signature}


def _zalopay_status(inputs: Given, _: Given) -> dict[str, Any]:
    return _mapped(zalopay_codes.table().outcome(inputs["operation"], inputs["field"], inputs["code"]))


def _zalopay_keys(keys: Given) -> zalopay.Keys:
    return zalopay.Keys(int(keys.get("app_id", 0)), keys.get("key1", ""), keys.get("key2", ""))


def _vnpay_address(inputs: Given, keys: Given) -> dict[str, Any]:
    known = _vnpay_keys(inputs, keys)
    return {**_vnpay_hash(inputs, known), "expected_url": vnpay_requests.payment_address(inputs, known)}


def _vnpay_query(inputs: Given, keys: Given) -> dict[str, Any]:
    return _vnpay_hash(inputs, _vnpay_keys(inputs, keys))


def _vnpay_extra(inputs: Given, keys: Given) -> dict[str, Any]:
    known = _vnpay_keys(inputs, keys)
    return {**_vnpay_hash(inputs, known), "expected": {"signature_ok": vnpay.query_verifies(inputs, known)}}


def _vnpay_negative(inputs: Given, keys: Given) -> dict[str, Any]:
    good = vnpay.query_verifies(inputs, _vnpay_keys(inputs, keys))
    judged = _judged(good)
    judged["expected"]["reply_RspCode"] = reply_code(Verdict.TAKEN if good else Verdict.BAD_SIGNATURE)
    return judged


def _vnpay_message(message: vnpay.Message, inputs: Given, keys: Given) -> dict[str, Any]:
    known = _vnpay_keys(inputs, keys)
    return {
        "string_to_sign": vnpay.message_string(message, inputs),
        "expected_signature": vnpay.message_hash(message, inputs, known),
    }


def _vnpay_hash(inputs: Given, keys: vnpay.Keys) -> dict[str, Any]:
    return {"string_to_sign": vnpay.query_string(inputs), "expected_signature": vnpay.query_hash(inputs, keys)}


def _vnpay_status(inputs: Given, _: Given) -> dict[str, Any]:
    return _mapped(vnpay_codes.table().outcome(inputs["operation"], inputs["field"], inputs["code"]))


def _vnpay_keys(inputs: Given, keys: Given) -> vnpay.Keys:
    return vnpay.Keys(keys.get("vnp_TmnCode", inputs.get("vnp_TmnCode", "")), keys["vnp_HashSecret"])


def _payos_link(inputs: Given, keys: Given) -> dict[str, Any]:
    return _payos_signed(payos.link_string(inputs), keys)


def _payos_payout(inputs: Given, keys: Given) -> dict[str, Any]:
    return _payos_signed(payos.payout_string(inputs), keys)


def _payos_webhook(inputs: Given, keys: Given) -> dict[str, Any]:
    return _payos_signed(payos.data_string(inputs["data"]), keys)


def _payos_webhook_negative(inputs: Given, keys: Given) -> dict[str, Any]:
    return _judged(payos.webhook_verifies(inputs["data"], inputs["signature"], _payos_keys(keys)))


def _payos_signed(text: str, keys: Given) -> dict[str, Any]:
    return {"string_to_sign": text, "expected_signature": payos.signature(text, _payos_keys(keys))}


def _payos_status(inputs: Given, _: Given) -> dict[str, Any]:
    return _mapped(payos_codes.table().outcome(inputs["operation"], inputs["field"], inputs["code"]))


def _payos_keys(keys: Given) -> payos.Keys:
    return payos.Keys("", "", keys["checksum_key"])


def _judged(signature_ok: bool) -> dict[str, Any]:
    """A message whose signature is bad changes nothing; a good one may."""
    return {"expected": {"signature_ok": signature_ok, "state_change": signature_ok}}


def _mapped(outcome: Outcome) -> dict[str, Any]:
    return {"expected": {"outcome": outcome.value}}


_MOMO_NOT_LISTED = frozenset({momo.Operation.REFUND_QUERY})
MOMO: Operations = {
    **{
        operation.value: partial(_momo_sign, operation)
        for operation in momo.Operation
        if operation not in _MOMO_NOT_LISTED
    },
    "ipn_verify_negative": _momo_verify_negative,
    "disbursement_method_encrypt": _momo_encrypt,
    "status_mapping": _momo_status,
}
ZALOPAY: Operations = {
    **{operation.value: partial(_zalopay_sign, operation) for operation in zalopay.Operation},
    "callback_verify": _zalopay_callback,
    "callback_verify_negative": _zalopay_callback_negative,
    "redirect_checksum": _zalopay_redirect,
    "rsa_sign": _zalopay_rsa,
    "status_mapping": _zalopay_status,
}
VNPAY: Operations = {
    "pay_url": _vnpay_address,
    "ipn_verify": _vnpay_query,
    "ipn_verify_extra_params": _vnpay_extra,
    "ipn_verify_negative": _vnpay_negative,
    **{message.value: partial(_vnpay_message, message) for message in vnpay.Message},
    "status_mapping": _vnpay_status,
}
PAYOS: Operations = {
    "payment_request": _payos_link,
    "payout_x_signature": _payos_payout,
    "webhook_verify": _payos_webhook,
    "webhook_verify_negative": _payos_webhook_negative,
    "status_mapping": _payos_status,
}
