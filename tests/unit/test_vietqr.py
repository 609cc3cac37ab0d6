import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.vietqr import (
    PURPOSE_LENGTH,
    Flaw,
    QrImpossible,
    QrUnreadable,
    Service,
    VietQr,
    build,
    check_sum,
    parse,
)

_FILE = Path(__file__).parent.parent / "data" / "gateway_vectors_vietqr.json"
VECTORS: list[dict[str, Any]] = json.loads(_FILE.read_text(encoding="utf-8"))["vectors"]
BUILT = [vector for vector in VECTORS if vector["operation"] == "payload_build"]
PARSED = [vector for vector in VECTORS if vector["operation"] == "payload_parse"]

printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=PURPOSE_LENGTH)
codes = st.builds(
    VietQr,
    bin=st.from_regex(r"[0-9]{6}", fullmatch=True).filter(str.isascii),
    account=st.from_regex(r"[0-9A-Z]{1,19}", fullmatch=True).filter(str.isascii),
    service=st.sampled_from(Service),
    amount_vnd=st.none() | st.integers(1, 10**13 - 1),
    bill=st.none() | printable,
    reference=st.none() | printable,
    purpose=st.none() | printable,
)


@pytest.mark.parametrize("vector", BUILT, ids=lambda vector: vector["id"])
def test_published_payloads_are_built_to_the_letter(vector: dict[str, Any]) -> None:
    inputs = vector["inputs"]
    code = VietQr(
        bin=inputs["bin"],
        account=inputs["account"],
        service=Service(inputs.get("service", Service.ACCOUNT)),
        amount_vnd=int(inputs["amount"]) if "amount" in inputs else None,
        bill=inputs.get("bill"),
        purpose=inputs.get("purpose"),
    )
    assert build(code) == vector["expected_payload"]
    assert parse(vector["expected_payload"]) == code


@pytest.mark.parametrize("vector", PARSED, ids=lambda vector: vector["id"])
def test_published_payloads_are_read_as_their_source_says(vector: dict[str, Any]) -> None:
    assert check_sum(vector["string_to_sign"]) == vector["expected_signature"]
    payload, expected = vector["inputs"]["payload"], vector["expected"]
    if not expected["valid"]:
        with pytest.raises(QrUnreadable) as refused:
            parse(payload)
        assert refused.value.flaw == expected["error"]
        return
    code = parse(payload)
    assert (code.bin, code.account, code.service.value, code.amount_vnd) == (
        expected["bin"],
        expected["account"],
        expected["service"],
        expected["amount"],
    )


@given(codes)
def test_what_is_built_is_read_again(code: VietQr) -> None:
    assert parse(build(code)) == code


@given(codes, st.integers(0, 10**6), st.characters(min_codepoint=32, max_codepoint=126))
def test_no_changed_character_goes_unnoticed(code: VietQr, place: int, other: str) -> None:
    payload = build(code)
    at = place % len(payload)
    changed = payload[:at] + other + payload[at + 1 :]
    if changed.upper() == payload.upper() and at >= len(payload) - 4:
        assert parse(changed) == code
    elif changed != payload:
        with pytest.raises(QrUnreadable):
            parse(changed)


@pytest.mark.parametrize(
    ("payload", "flaw"),
    [
        ("", Flaw.LENGTH),
        ("0002", Flaw.LENGTH),
        ("000201", Flaw.LENGTH),
        ("0002016304", Flaw.LENGTH),
        ("00020100020163040000", Flaw.LENGTH),
        ("000201530370463041234", Flaw.CHECK_SUM),
    ],
)
def test_what_is_cut_or_doubled_is_refused(payload: str, flaw: Flaw) -> None:
    with pytest.raises(QrUnreadable) as refused:
        parse(payload)
    assert refused.value.flaw is flaw


@pytest.mark.parametrize(
    ("body", "flaw"),
    [
        ("00020101021226180010A000000775010000005303704", Flaw.LENGTH),
        ("00020101021126140010A00000077553037045802VN6304", Flaw.NOT_VIETQR),
        (
            "00020101021138580010A00000072701280006970407011419030413601018" + "0208QRIBFTTA53038405802VN6304",
            Flaw.CURRENCY,
        ),
        (
            "00020101021238580010A000000727012800069704070114190304136010180208QRIBFTTA530370454041.505802VN6304",
            Flaw.AMOUNT,
        ),
        ("00020101021138140010A00000072753037045802VN6304", Flaw.NOT_VIETQR),
    ],
)
def test_other_schemes_currencies_and_fractions_are_refused(body: str, flaw: Flaw) -> None:
    with pytest.raises(QrUnreadable) as refused:
        parse(body + check_sum(body))
    assert refused.value.flaw is flaw


@pytest.mark.parametrize(
    "code",
    [
        VietQr(bin="97040", account="1"),
        VietQr(bin="970407", account=""),
        VietQr(bin="970407", account="1" * 20),
        VietQr(bin="970407", account="1", amount_vnd=0),
        VietQr(bin="970407", account="1", amount_vnd=10**13),
        VietQr(bin="970407", account="1", purpose="x" * 26),
        VietQr(bin="970407", account="1", purpose="đóng"),
        VietQr(bin="970407", account="1", bill="x" * 25, reference="y" * 25, purpose="z" * 25 + "w"),
    ],
)
def test_what_does_not_fit_is_not_built(code: VietQr) -> None:
    with pytest.raises(QrImpossible):
        build(code)


def test_the_account_is_not_shown() -> None:
    assert "19030413601018" not in repr(VietQr(bin="970407", account="19030413601018"))
