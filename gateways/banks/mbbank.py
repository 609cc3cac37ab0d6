"""MB Bank: one transfer a call, signed with RSA. Only names, numbers and the amount are under the signature.

Bank code, transfer type and remark are **not** covered, so the answer and the statement must be held against what we
asked for. Its facts are those of `mbbank.yaml`; nothing of it is published by the bank.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from gateways.codes import CodeTable, code_table
from gateways.contract import Outcome
from gateways.macs import rsa_sign

_SIGNED = ("debitResourceNumber", "debitName", "creditResourceNumber", "creditName", "transferAmount")
_GOOD_CODES = frozenset({"000", "00"})
"""One source writes `000`, the other `00`; both are taken, since neither is used for anything else."""
_NOT_FOUND = "51173"
OWN_BIN = "970422"


class TransferType(StrEnum):
    """How the money travels; the bank code is empty, a BIN, or a CITAD code of eight digits."""

    INHOUSE = "INHOUSE"
    FAST = "FAST"
    IBPS = "IBPS"


@cache
def codes() -> CodeTable:
    return code_table(Path(__file__).with_suffix(".yaml"))


def string_to_sign(transfer: Mapping[str, object]) -> str:
    """Five values in a row, without separators."""
    return "".join("" if transfer.get(name) is None else str(transfer[name]) for name in _SIGNED)


def sign(transfer: Mapping[str, object], key: RSAPrivateKey) -> str:
    """The header `signature` of a transfer."""
    return rsa_sign(key, string_to_sign(transfer))


def transfer_body(
    *,
    debit_account: str,
    debit_name: str,
    credit_account: str,
    credit_name: str,
    bank_bin: str,
    amount_vnd: int,
    remark: str,
) -> dict[str, str]:
    """The body of `make-transfer-partner`: amounts are text, an account at MB itself goes in-house."""
    inhouse = bank_bin == OWN_BIN
    return {
        "serviceType": "CHI_HO",
        "customerType": "DOANH_NGHIEP",
        "customerLevel": "1",
        "debitType": "ACCOUNT",
        "debitResourceNumber": debit_account,
        "debitName": debit_name,
        "creditType": "ACCOUNT",
        "creditResourceNumber": credit_account,
        "creditName": credit_name,
        "transferType": TransferType.INHOUSE if inhouse else TransferType.FAST,
        "bankCode": "" if inhouse else bank_bin,
        "transferAmount": str(amount_vnd),
        "transferFee": "0",
        "remark": remark,
    }


def transfer_outcome(told: Mapping[str, object]) -> Outcome:
    """What the answer to a transfer says: the status speaks of the money where the call itself was handled."""
    if str(told.get("errorCode")) not in _GOOD_CODES:
        return codes().outcome("transfer", "errorCode", told.get("errorCode"))
    data = told.get("data")
    return codes().outcome("transfer", "data.status", data.get("status") if isinstance(data, Mapping) else None)


def status_outcome(told: Mapping[str, object]) -> tuple[bool | None, Outcome]:
    """What an inquiry says: whether the bank knows the transfer (None: it did not say), and its outcome."""
    code = str(told.get("errorCode"))
    if code == _NOT_FOUND:
        return False, codes().outcome("transfer_status", "errorCode", code)
    data = told.get("data")
    if code not in _GOOD_CODES or not isinstance(data, Mapping):
        return None, Outcome.UNKNOWN
    return True, codes().outcome("transfer", "data.status", data.get("transStatus") or data.get("status"))
