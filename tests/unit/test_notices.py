"""Balance-change notices as SePay, Casso and payOS document them; figures of our own."""

import json
from pathlib import Path

import pytest

from reconciliation.errors import ProblemCode
from reconciliation.formats import read_statements
from reconciliation.inspection import inspect
from reconciliation.references import make_reference
from reconciliation.statement import Entry

Body = dict[str, object]
ACCOUNT = "0680123456789"
REFERENCE = make_reference("PN", 1)
SEPAY: Body = {
    "id": 92704,
    "gateway": "Vietcombank",
    "transactionDate": "2026-11-02 14:02:37",
    "accountNumber": ACCOUNT,
    "code": None,
    "content": f"MBVCB.1.{REFERENCE} tra",
    "transferType": "out",
    "transferAmount": 3000000,
    "accumulated": 19077000,
    "subAccount": None,
    "referenceCode": "FT1",
}
SEPAY_BANKHUB: Body = {
    "transaction_date": "2026-11-02 14:02:37",
    "account_number": ACCOUNT,
    "bank_account_xid": "x",
    "va": "968000000001",
    "payment_code": None,
    "content": "dong BHXH",
    "transfer_type": "credit",
    "amount": 2000,
    "reference_code": "FT2",
}
CASSO_OLD: Body = {
    "error": 0,
    "data": [
        {"id": 1, "tid": "T1", "description": "a", "amount": 2000, "cusum_balance": 0, "when": "2026-11-02 21:37:37",
         "bank_sub_acc_id": ACCOUNT, "subAccId": ACCOUNT},
        {"id": 2, "tid": "T2", "description": "b", "amount": -500, "cusum_balance": 0, "when": "2026-11-03",
         "bank_sub_acc_id": ACCOUNT},
    ],
}  # fmt: skip
CASSO_NEW: Body = {
    "error": 0,
    "data": {"id": 1, "reference": "R1", "description": "a", "amount": -50000, "runningBalance": 950000,
             "transactionDateTime": "2026-11-02T10:00:00+07:00", "accountNumber": ACCOUNT,
             "virtualAccountNumber": "968000000002"},
}  # fmt: skip
PAYOS: Body = {
    "code": "00",
    "success": True,
    "data": {"orderCode": 123, "amount": 3000, "description": "VQRIO123", "accountNumber": ACCOUNT, "currency": "VND",
             "reference": "TF1", "transactionDateTime": "2026-11-02 18:25:00", "paymentLinkId": "124c33"},
    "signature": "x",
}  # fmt: skip


def written(path: Path, *bodies: object) -> Path:
    path.write_text("\n".join(json.dumps(body) for body in bodies), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("body", "name", "figures"),
    [
        (SEPAY, "notice.sepay", (1, 0, 3_000_000)),
        (SEPAY_BANKHUB, "notice.sepay", (1, 2_000, 0)),
        (CASSO_OLD, "notice.casso", (2, 2_000, 500)),
        (CASSO_NEW, "notice.casso", (1, 0, 50_000)),
        (PAYOS, "notice.payos", (1, 3_000, 0)),
    ],
)
def test_a_notice_is_read_and_proves_nothing(
    tmp_path: Path, body: Body, name: str, figures: tuple[int, int, int]
) -> None:
    inspection = inspect(written(tmp_path / "a.json", body))
    (statement,) = (each.as_json() for each in inspection.statements)
    assert (inspection.exit_code, inspection.format, statement["account"]) == (0, name, ACCOUNT)
    assert (statement["entries"], statement["sum_credits"], statement["sum_debits"]) == figures
    assert (statement["opening"], statement["closing"], statement["adds_up"]) == (None, None, None)
    assert (statement["from"], statement["currency"]) == ("2026-11-02", "VND")


def test_many_bodies_are_read_account_by_account_and_carry_our_reference(tmp_path: Path) -> None:
    other = {**SEPAY, "accountNumber": "0680000000000", "id": 2}
    inspection = inspect(written(tmp_path / "a.json", [SEPAY, other], SEPAY, CASSO_NEW))
    told = [(each.as_json()["account"], each.as_json()["entries"], each.references) for each in inspection.statements]
    assert told == [(ACCOUNT, 2, (REFERENCE,)), ("0680000000000", 1, (REFERENCE,)), (ACCOUNT, 1, ())]


def test_a_time_of_another_zone_is_a_day_of_viet_nam(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", {**SEPAY, "transactionDate": "2026-11-02T17:30:00.000Z"})
    (day,) = (event.booked_on for event in read_statements(path) if isinstance(event, Entry))
    assert str(day) == "2026-11-03"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"transferAmount": -1}, ProblemCode.AMOUNT),
        ({"transferAmount": 1.5}, ProblemCode.FRACTION_IN_VND),
        ({"transferAmount": 1e20}, ProblemCode.AMOUNT),
        ({"transferAmount": True}, ProblemCode.AMOUNT),
        ({"transferAmount": None}, ProblemCode.AMOUNT),
        ({"transferType": "inn"}, ProblemCode.SIGN),
        ({"accountNumber": None}, ProblemCode.ACCOUNT),
        ({"transactionDate": "2026-02-30 10:00:00"}, ProblemCode.DATE),
    ],
)
def test_what_counts_in_a_notice_is_read_strictly(tmp_path: Path, changed: Body, code: ProblemCode) -> None:
    inspection = inspect(written(tmp_path / "a.json", {**SEPAY, **changed}))
    assert inspection.exit_code == 2
    assert [problem.code for problem in inspection.problems] == [code]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"hello": 1}', ProblemCode.UNKNOWN_FORMAT),
        ('{"data": [1]}', ProblemCode.NOT_READABLE),
        ('{"data": ' + "[" * 100_000, ProblemCode.NOT_READABLE),
        (json.dumps(SEPAY)[:-5], ProblemCode.NOT_READABLE),
        (json.dumps(SEPAY).replace("3000000", '3000000, "transferAmount": 9'), ProblemCode.NOT_READABLE),
        (json.dumps(SEPAY).replace("3000000", "NaN"), ProblemCode.NOT_READABLE),
    ],
)
def test_what_is_no_notice_is_refused(tmp_path: Path, text: str, code: ProblemCode) -> None:
    path = tmp_path / "a.json"
    path.write_text(text, encoding="utf-8")
    inspection = inspect(path)
    assert inspection.exit_code == 2
    assert [problem.code for problem in inspection.problems] == [code]
