"""Whatever a provider answers or tells, it is read without a crash, and is final only where the provider's words say so
about our own reference and amount."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateways.contract import Outcome
from gateways.errors import Ambiguous
from gateways.http import Answer
from gateways.momo import answers as momo
from gateways.momo.signing import Keys as MomoKeys
from gateways.online import OnlineAnswer
from gateways.payos import answers as payos
from gateways.payos.signing import Keys as PayosKeys
from gateways.vnpay import answers as vnpay
from gateways.vnpay.signing import Keys as VnpayKeys
from gateways.zalopay import answers as zalopay
from gateways.zalopay.signing import Keys as ZalopayKeys
from gateways.zalopay.signing import Operation

REFERENCE, AMOUNT = "26110001", 18_750_000
MOMO, ZALOPAY = MomoKeys("P", "A", "S"), ZalopayKeys(1, "K1", "K2")
VNPAY, PAYOS = VnpayKeys("T", "S"), PayosKeys("c", "a", "S")
FINAL = {Outcome.SUCCESS, Outcome.FAILED, Outcome.RETURNED}

READERS: dict[str, Callable[[Answer], OnlineAnswer]] = {
    "momo created": lambda answer: momo.created(answer, REFERENCE),
    "momo moved": lambda answer: momo.moved(answer, REFERENCE, amount_vnd=AMOUNT),
    "momo queried": lambda answer: momo.queried(answer, REFERENCE, amount_vnd=AMOUNT),
    "zalopay created": zalopay.created,
    "zalopay queried": lambda answer: zalopay.queried(answer, AMOUNT),
    "zalopay refunded": lambda answer: zalopay.refunded(answer, one_is_done=False),
    "zalopay refund queried": zalopay.refund_queried,
    "zalopay paid": lambda answer: zalopay.paid(answer, AMOUNT, "mu1"),
    "zalopay payout queried": lambda answer: zalopay.paid(answer, AMOUNT, "mu1", operation=Operation.TRANSACTION),
    "vnpay queried": lambda answer: vnpay.queried(answer, REFERENCE, AMOUNT, VNPAY),
    "vnpay refunded": lambda answer: vnpay.refunded(answer, REFERENCE, VNPAY),
    "payos created": lambda answer: payos.created(answer, REFERENCE, AMOUNT),
    "payos queried": lambda answer: payos.queried(answer, REFERENCE, AMOUNT),
    "payos paid": lambda answer: payos.paid(answer, REFERENCE, AMOUNT, PAYOS),
    "payos payout queried": lambda answer: payos.payout_queried(answer, REFERENCE, AMOUNT, PAYOS),
}
NOTIFIED: dict[str, Callable[[bytes], object]] = {
    "momo": lambda body: momo.notification(body, MOMO),
    "zalopay": lambda body: zalopay.notification(body, ZALOPAY),
    "vnpay": lambda body: vnpay.notification(body.decode("utf-8", "replace"), VNPAY),
    "payos": lambda body: payos.notification(body, PAYOS),
}

words = st.sampled_from(
    [
        "orderId",
        "resultCode",
        "amount",
        "return_code",
        "sub_return_code",
        "data",
        "status",
        "transactions",
        "code",
        "vnp_ResponseCode",
        "vnp_SecureHash",
        "state",
        "payouts",
        "referenceId",
        "orderCode",
        "m_u_id",
        "signature",
        "mac",
        "partnerCode",
        "type",
        "currency",
        "transId",
        "amountPaid",
    ]
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True)
    | st.text(max_size=8)
    | st.sampled_from([REFERENCE, AMOUNT, "0", 0, 1, 2, 3, "00", "PAID", "SUCCEEDED", "REVERSED", -101, 7000, 41]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=6),
    max_leaves=12,
)
bodies = st.dictionaries(words, values, max_size=8).map(lambda told: json.dumps(told).encode()) | st.binary(max_size=40)
replies = st.builds(
    Answer,
    st.sampled_from([200, 201, 204, 301, 400, 401, 403, 404, 409, 422, 429, 500, 502, 503, 504]),
    st.sampled_from(["application/json", "text/html", ""]),
    st.just({}),
    bodies,
)


@pytest.mark.parametrize("reader", READERS)
@settings(max_examples=50)
@given(answer=replies)
def test_any_answer_is_read(reader: str, answer: Answer) -> None:
    try:
        read = READERS[reader](answer)
    except Ambiguous:
        return
    assert isinstance(read.outcome, Outcome)
    if answer.status >= 500 or answer.status == 429 or answer.content_type != "application/json":
        assert read.outcome not in FINAL
    if read.outcome is Outcome.SUCCESS and "refund" not in reader:
        assert read.amount_vnd == AMOUNT


@pytest.mark.parametrize("provider", NOTIFIED)
@settings(max_examples=50)
@given(body=bodies)
def test_nobody_without_the_key_is_believed(provider: str, body: bytes) -> None:
    assert NOTIFIED[provider](body) is None


def answer(status: int = 200, **told: Any) -> Answer:
    return Answer(status, "application/json", {}, json.dumps(told).encode())


@pytest.mark.parametrize(
    ("reader", "told"),
    [
        ("momo moved", {"resultCode": 0, "orderId": "another", "amount": AMOUNT}),
        ("momo moved", {"resultCode": 0, "amount": AMOUNT}),
        ("momo moved", {"resultCode": 0, "orderId": REFERENCE}),
        ("momo moved", {"resultCode": 0, "amount": AMOUNT + 1}),
        ("momo queried", {"resultCode": 0, "amount": AMOUNT - 1, "orderId": REFERENCE}),
        ("zalopay queried", {"return_code": 1, "amount": AMOUNT + 1}),
        ("zalopay paid", {"return_code": 1, "data": {"status": 1, "m_u_id": "another", "amount": AMOUNT}}),
        ("zalopay paid", {"return_code": 1, "data": {"status": 1, "m_u_id": "mu1"}}),
        ("zalopay paid", {"return_code": 1, "data": {"status": 1, "amount": 1}}),
        ("payos queried", {"code": "00", "data": {"status": "PAID", "orderCode": 7}}),
        ("payos queried", {"code": "00", "data": {"status": "PAID", "amountPaid": 1}}),
        ("payos paid", {"code": "00", "data": {"referenceId": "another"}}),
        ("payos paid", {"code": "00", "data": {"transactions": [{"state": "SUCCEEDED", "amount": 1}]}}),
        ("payos payout queried", {"code": "00", "data": {"payouts": [{"referenceId": REFERENCE}] * 2}}),
        ("vnpay queried", {"vnp_ResponseCode": "00", "vnp_TransactionStatus": "00", "vnp_SecureHash": "0" * 128}),
    ],
)
def test_an_answer_about_something_else_is_ambiguous(reader: str, told: dict[str, Any]) -> None:
    with pytest.raises(Ambiguous):
        READERS[reader](answer(**told))


@pytest.mark.parametrize("code", [10, 11, 12, 13, 20, 21, 22, 45, 47, 1100])
def test_a_refused_inquiry_does_not_make_the_payment_refused(code: int) -> None:
    assert READERS["momo queried"](answer(resultCode=code)).outcome is Outcome.UNKNOWN
    assert READERS["momo moved"](answer(resultCode=code)).outcome is Outcome.NOT_ACCEPTED


@pytest.mark.parametrize(("status", "code", "outcome"), [(422, 7000, Outcome.PENDING), (429, 0, Outcome.UNKNOWN)])
def test_the_http_status_decides_where_it_must(status: int, code: int, outcome: Outcome) -> None:
    assert READERS["momo moved"](answer(status, resultCode=code)).outcome is outcome
