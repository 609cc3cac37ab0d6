"""Signatures of other inputs and keys than any published vector has, against code written by hand from the rules.

Nothing here uses the gateways' own texts or macs: each check states its rule a second time, with the standard library.
"""

import base64
import hashlib
import hmac
import json
import random
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from engine.cli.vectors import Status, run

AWKWARD = (
    "",
    " ",
    "a b",
    " trước sau ",
    "1+1=2&x=y",
    "100% ~*!'()",
    "Đóng BHXH kỳ 11/2026",
    "Nguyễn Thị Ánh Tuyết",
    "kép \"nháy\" và 'đơn'",
    "dòng\nmới\ttab",
    "/đường/dẫn?a=b&c=d#e",
    "đ" * 2000,
    "😀👍🏽",
    "null",
    "0",
    "-_.~",
    "e\u0301 khác é",
)
AMOUNTS = (0, 1, 999, 1000, 20_000_000, 499_999_999, 500_000_000, 2**53, 2**53 + 1, 10**15 - 1)
KEYS = ("k", "khóa bí mật", "S3cr3t+/=&", "0" * 200)


def numbered(count: int) -> list[random.Random]:
    return [random.Random(seed) for seed in range(count)]


def mac(key: str, text: str, algorithm: str = "sha256") -> str:
    return hmac.new(key.encode("utf-8"), text.encode("utf-8"), algorithm).hexdigest()


def passes(protocol: str, operation: str, inputs: dict[str, Any], keys: dict[str, Any], **expected: Any) -> None:
    vector = {"id": "v", "protocol": protocol, "operation": operation, "inputs": inputs, "keys": keys, **expected}
    result = run(vector)
    assert result.status is Status.PASSED, result.got


PAYING = "amount disbursementMethod extraData orderId orderInfo partnerCode requestId requestType"
MOMO = {
    "create": "amount extraData ipnUrl orderId orderInfo partnerCode redirectUrl requestId requestType",
    "ipn_verify": "amount extraData message orderId orderInfo orderType partnerCode payType requestId responseTime "
    "resultCode transId",
    "query": "orderId partnerCode requestId",
    "confirm": "amount description orderId partnerCode requestId requestType",
    "refund": "amount description orderId partnerCode requestId transId",
    "disbursement_verify": "disbursementMethod orderId partnerCode requestId requestType",
    "disbursement_pay_wallet": PAYING,
    "disbursement_pay_bank": PAYING,
    "disbursement_balance": "orderId partnerCode requestId",
    "disbursement_batch_create": "amount mToken orderId partnerCode requestId requestType",
    "disbursement_batch_query": "orderId pageNum pageSize partnerCode requestId",
    "disbursement_batch_pay": "orderId partnerCode requestId",
}


@pytest.mark.parametrize("operation", MOMO)
@pytest.mark.parametrize("number", numbered(6), ids=range(6))
def test_momo_signs_names_in_order_with_their_values_as_they_are(operation: str, number: random.Random) -> None:
    names = MOMO[operation].split()
    inputs: dict[str, Any] = {name: number.choice(AWKWARD) for name in names}
    inputs |= {name: number.choice(AMOUNTS) for name in ("amount", "transId", "pageNum") if name in names}
    keys = {"partnerCode": inputs["partnerCode"], "accessKey": number.choice(AWKWARD), "secretKey": number.choice(KEYS)}
    signed = sorted({**inputs, "accessKey": keys["accessKey"]}.items())
    text = "&".join(f"{name}={value}" for name, value in signed)
    # What is not in the list takes no part: it is not protected.
    unsigned = {"lang": number.choice(AWKWARD), "storeId": "S", "signature": "x"}
    passes(
        "momo", operation, inputs | unsigned, keys, string_to_sign=text, expected_signature=mac(keys["secretKey"], text)
    )


ZALOPAY = {
    "order_create": "app_id app_trans_id app_user amount app_time embed_data item",
    "refund": "app_id zp_trans_id amount description timestamp",
    "refund_query": "app_id m_refund_id timestamp",
    "disbursement_user": "app_id phone time",
    "disbursement_balance": "app_id payment_id time",
    "disbursement_txn": "app_id partner_order_id time",
    "disbursement_topup": "app_id payment_id partner_order_id m_u_id amount description partner_embed_data extra_info "
    "time",
}


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def pem(key: rsa.RSAPrivateKey) -> str:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


def public_pem(key: rsa.RSAPrivateKey) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def rsa_signed(key: rsa.RSAPrivateKey, text: str) -> str:
    return base64.b64encode(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()


@pytest.mark.parametrize("operation", ZALOPAY)
@pytest.mark.parametrize("number", numbered(6), ids=range(6))
def test_zalopay_joins_parts_by_bars(operation: str, number: random.Random, rsa_key: rsa.RSAPrivateKey) -> None:
    inputs: dict[str, Any] = {name: number.choice(AWKWARD) for name in ZALOPAY[operation].split()}
    inputs |= {"app_id": number.randrange(1, 10**6), "amount": number.choice(AMOUNTS)}
    keys: dict[str, Any] = {"app_id": inputs["app_id"], "key1": number.choice(KEYS), "key2": "other"}
    text = "|".join(str(inputs[name]) for name in ZALOPAY[operation].split())
    computed = mac(keys["key1"], text)
    if operation != "disbursement_topup":
        passes("zalopay", operation, inputs, keys, string_to_sign=text, expected_signature=computed)
        return
    passes(
        "zalopay",
        operation,
        inputs,
        {**keys, "rsa_private_key_pem": pem(rsa_key)},
        string_to_sign=text,
        intermediate_mac=computed,
        expected_signature=rsa_signed(rsa_key, computed),
    )


@pytest.mark.parametrize("number", numbered(6), ids=range(6))
def test_zalopay_keys_callbacks_and_fees(number: random.Random, rsa_key: rsa.RSAPrivateKey) -> None:
    keys: dict[str, Any] = {"app_id": 7, "key1": number.choice(KEYS), "key2": number.choice(KEYS)}
    reference, data = number.choice(AWKWARD), json.dumps({"amount": 1, "text": number.choice(AWKWARD)})
    shown, hashed = f"7|{reference}|{{key1}}", f"7|{reference}|{keys['key1']}"
    inputs = {"app_id": 7, "app_trans_id": reference}
    passes(
        "zalopay",
        "order_query",
        inputs,
        keys,
        string_to_sign=shown,
        expected_signature=mac(keys["key1"], hashed),
    )
    passes(
        "zalopay",
        "callback_verify",
        {"data": data, "type": 1},
        keys,
        string_to_sign=data,
        expected_signature=mac(keys["key2"], data),
    )
    for given, good in ((mac(keys["key2"], data), True), (mac(keys["key2"], data + " "), False), (None, False)):
        passes(
            "zalopay",
            "callback_verify_negative",
            {"data": data, "mac": given},
            keys,
            expected={"signature_ok": good, "state_change": good},
        )
    fee = {"zp_trans_id": "1", "amount": 5000, "refund_fee_amount": 100, "description": reference, "timestamp": 9}
    text = f"7|1|5000|100|{reference}|9"
    passes("zalopay", "refund", {"app_id": 7, **fee}, keys, string_to_sign=text)
    digits = mac("any", data)
    signed = {"string_to_sign": digits, "expected_signature": rsa_signed(rsa_key, digits)}
    for form in (pem(rsa_key), "".join(pem(rsa_key).splitlines()[1:-1])):
        passes("zalopay", "rsa_sign", {"mac": digits}, {"rsa_private_key_pem": form}, **signed)


def form_encoded(text: str) -> str:
    """As an HTML form does (WHATWG), byte by byte."""
    kept = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.*"
    return "".join(
        chr(byte) if byte in kept else "+" if byte == 0x20 else f"%{byte:02X}" for byte in text.encode("utf-8")
    )


@pytest.mark.parametrize("number", numbered(20), ids=range(20))
def test_vnpay_sorts_encodes_and_leaves_out(number: random.Random) -> None:
    names = ["vnp_Amount", "vnp_BankCode", "vnp_OrderInfo", "vnp_ReturnUrl", "vnp_TxnRef", "vnp_aLower", "vnp_Zz"]
    inputs: dict[str, Any] = {name: number.choice(AWKWARD) for name in number.sample(names, 5)}
    inputs |= {"vnp_TmnCode": "TERMINAL"}
    keys = {"vnp_TmnCode": "TERMINAL", "vnp_HashSecret": number.choice(KEYS)}
    told = sorted((name.encode(), value) for name, value in inputs.items() if value != "")
    text = "&".join(f"{name.decode()}={form_encoded(value)}" for name, value in told)
    signature = mac(keys["vnp_HashSecret"], text, "sha512")
    around = {"utm_source": "x", "vnp_SecureHashType": "SHA512", "vnp_SecureHash": signature}
    address = f"https://sandbox.vnpayment.vn/paymentv2/vpcpay.html?{text}&vnp_SecureHash={signature}"
    passes("vnpay", "pay_url", inputs, keys, string_to_sign=text, expected_url=address, expected_signature=signature)
    passes("vnpay", "ipn_verify_extra_params", inputs | around, keys, expected={"signature_ok": True})
    capitals = around | {"vnp_SecureHash": signature.upper()}
    passes("vnpay", "ipn_verify_extra_params", inputs | capitals, keys, expected={"signature_ok": True})
    by_php = around | {"vnp_SecureHash": mac(keys["vnp_HashSecret"], text.replace("*", "%2A"), "sha512")}
    passes("vnpay", "ipn_verify_extra_params", inputs | by_php, keys, expected={"signature_ok": True})
    changed = inputs | around | {"vnp_TxnRef": "another"}
    refused = {"signature_ok": False, "state_change": False, "reply_RspCode": "97"}
    passes("vnpay", "ipn_verify_negative", changed, keys, expected=refused)


VNPAY = {
    "querydr_request": "RequestId Version Command TmnCode TxnRef TransactionDate CreateDate IpAddr OrderInfo",
    "querydr_response_verify": "ResponseId Command ResponseCode Message TmnCode TxnRef Amount BankCode PayDate "
    "TransactionNo TransactionType TransactionStatus OrderInfo PromotionCode PromotionAmount",
    "refund_request": "RequestId Version Command TmnCode TransactionType TxnRef Amount TransactionNo TransactionDate "
    "CreateBy CreateDate IpAddr OrderInfo",
    "refund_response_verify": "ResponseId Command ResponseCode Message TmnCode TxnRef Amount BankCode PayDate "
    "TransactionNo TransactionType TransactionStatus OrderInfo",
}


@pytest.mark.parametrize("operation", VNPAY)
@pytest.mark.parametrize("number", numbered(5), ids=range(5))
def test_vnpay_messages_keep_the_places_of_what_is_missing(operation: str, number: random.Random) -> None:
    names = [f"vnp_{name}" for name in VNPAY[operation].split()]
    inputs = {name: number.choice(AWKWARD) for name in names if number.random() < 0.8}
    keys = {"vnp_TmnCode": "T", "vnp_HashSecret": number.choice(KEYS)}
    text = "|".join(inputs.get(name, "") for name in names)
    expected = {"string_to_sign": text, "expected_signature": mac(keys["vnp_HashSecret"], text, "sha512")}
    passes("vnpay", operation, inputs, keys, **expected)


def percent(text: str) -> str:
    kept = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~/"
    return "".join(chr(byte) if byte in kept else f"%{byte:02X}" for byte in text.encode("utf-8"))


@pytest.mark.parametrize("number", numbered(12), ids=range(12))
def test_payos_signs_sorted_pairs(number: random.Random) -> None:
    keys = {"checksum_key": number.choice(KEYS)}
    said, list_text = number.choice(AWKWARD), json.dumps(["một", {"a": 1, "b": None}], ensure_ascii=False)
    list_text = list_text.replace(", ", ",").replace(": ", ":")
    link: dict[str, Any] = {name: number.choice(AWKWARD) for name in ("cancelUrl", "description", "returnUrl")}
    link |= {"amount": number.choice(AMOUNTS), "orderCode": number.randrange(2**53)}
    text = "&".join(f"{name}={link[name]}" for name in ("amount", "cancelUrl", "description", "orderCode", "returnUrl"))
    signed = {"string_to_sign": text, "expected_signature": mac(keys["checksum_key"], text)}
    passes("payos", "payment_request", link | {"buyerName": "x"}, keys, **signed)

    data = {"z": said, "a": None, "m": True, "n": 12, "list": ["một", {"b": None, "a": 1}]}
    said_there = "" if said == "null" else said
    text = f"a=&list={list_text}&m=true&n=12&z={said_there}"
    signed = {"string_to_sign": text, "expected_signature": mac(keys["checksum_key"], text)}
    passes("payos", "webhook_verify", {"data": data}, keys, **signed)
    refused = {"signature_ok": False, "state_change": False}
    given = {"data": data, "signature": mac("wrong", text)}
    passes("payos", "webhook_verify_negative", given, keys, expected=refused)

    payout = {"referenceId": said, "amount": 5, "category": ["một"], "toBin": "970436", "description": "a b/c"}
    category = percent('["một"]')
    text = f"amount=5&category={category}&description=a%20b/c&referenceId={percent(said)}&toBin=970436"
    signed = {"string_to_sign": text, "expected_signature": mac(keys["checksum_key"], text)}
    passes("payos", "payout_x_signature", payout, keys, **signed)


@pytest.mark.parametrize("number", numbered(8), ids=range(8))
def test_banks_sign_values_in_a_row(number: random.Random, rsa_key: rsa.RSAPrivateKey) -> None:
    names = ["debitResourceNumber", "debitName", "creditResourceNumber", "creditName", "transferAmount"]
    transfer = {name: number.choice(AWKWARD) for name in names}
    text = "".join(transfer[name] for name in names)
    signed = {"string_to_sign": text, "expected_signature": rsa_signed(rsa_key, text)}
    passes("mbbank", "transfer_sign", transfer | {"remark": "x"}, {"rsa_private_key_pem": pem(rsa_key)}, **signed)

    names = ["transId", "transTime", "custCode", "amount", "bankTransId", "remark"]
    told = {name: number.choice(AWKWARD) for name in names if number.random() < 0.8} | {"currencyCode": "VND"}
    text = "".join(told.get(name, "") for name in names)
    signed = {"string_to_sign": text, "expected_signature": rsa_signed(rsa_key, text)}
    keys = {"bank_rsa_public_key_pem": public_pem(rsa_key)}
    passes("vietinbank", "balance_notification_verify", told, keys, **signed)
    for kind, currency, accepted in (("C", "VND", True), ("D", "VND", False), ("C", "usd", False)):
        judged = {"signature_ok": True, "accept": accepted}
        unsigned = {"transType": kind, "currencyCode": currency, "signature": rsa_signed(rsa_key, text)}
        passes("vietinbank", "balance_notification_unsigned_field", told | unsigned, keys, expected=judged)
    answer = {"transId": number.choice(AWKWARD), "errorCode": "05", "errorDesc": number.choice(AWKWARD)}
    text = answer["transId"] + "05" + answer["errorDesc"]
    signed = {"string_to_sign": text, "expected_signature": rsa_signed(rsa_key, text)}
    passes("vietinbank", "balance_notification_ack", answer, {"partner_rsa_private_key_pem": pem(rsa_key)}, **signed)


@pytest.mark.parametrize("text", [text for text in AWKWARD if len(text.encode()) <= 245])
def test_what_is_encrypted_opens_again(text: str, rsa_key: rsa.RSAPrivateKey) -> None:
    keys = {"rsa_public_key_pem": public_pem(rsa_key), "rsa_private_key_pem_for_checking_only": pem(rsa_key)}
    passes("momo", "disbursement_method_encrypt", {"plaintext": text}, keys, expected={"decrypts_to": text})


@pytest.mark.parametrize("number", numbered(10), ids=range(10))
def test_webhooks_and_requests_sign_their_text(number: random.Random) -> None:
    body, key = number.choice(AWKWARD), number.randbytes(number.randrange(24, 65))
    stamp = number.randrange(10**9, 2 * 10**9)
    text = f"msg_1.{stamp}.{body}"
    right = "v1," + base64.b64encode(hmac.digest(key, text.encode(), "sha256")).decode()
    told = {"webhook-id": "msg_1", "webhook-timestamp": str(stamp), "body": body}
    keys = {"secret": "whsec_" + base64.b64encode(key).decode()}
    passes("standard-webhooks", "sign", told, keys, string_to_sign=text, expected_signature=right)
    for given, now, good in (
        (right, stamp, True),
        (f"v1,AAAA v1a,{right[3:]} {right}", stamp + 300, True),
        (right, stamp - 300, True),
        (right, stamp + 301, False),
        (right, stamp - 301, False),
        (f"v1a,{right[3:]}", stamp, False),
        ("v1,ế", stamp, False),
        ("", stamp, False),
    ):
        checked = told | {"webhook-signature": given, "now": now}
        passes("standard-webhooks", "verify", checked, keys, expected={"signature_ok": good})

    digest = f"sha-256=:{base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()}:"
    uri, names = "https://pay.example.vn/v1/x?a=b&c=%20", '("@method" "@target-uri" "content-digest" "idempotency-key")'
    parameters = f'{names};created={stamp};keyid="k-1";alg="hmac-sha256"'
    lines = ['"@method": PUT', f'"@target-uri": {uri}', f'"content-digest": {digest}', '"idempotency-key": "i"']
    text = "\n".join([*lines, f'"@signature-params": {parameters}'])
    signature = base64.b64encode(hmac.digest(b"shared", text.encode(), "sha256")).decode()
    passes(
        "rfc9421",
        "sign_request",
        {"method": "PUT", "uri": uri, "body": body, "idem": '"i"', "created": stamp},
        {"key": "shared", "keyid": "k-1"},
        string_to_sign=text,
        expected_signature=signature,
        expected_headers={
            "Content-Digest": digest,
            "Signature-Input": f"sig1={parameters}",
            "Signature": f"sig1=:{signature}:",
        },
    )
