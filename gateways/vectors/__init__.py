"""Computes what a test vector asks for, from its inputs and keys alone: the expected values are never seen here.

What a result is called is part of a contract with outsiders: `string_to_sign`, `intermediate_mac`,
`expected_signature`, `expected_url`, `expected_headers`, `expected_payload`, `expected_xpaths`, and `expected` for all
else, as in the vectors.
"""

from collections.abc import Callable, Mapping
from typing import Any

from gateways.errors import Unsupported
from gateways.vectors import banks, conventions, faults, iso20022, wallets

Given = Mapping[str, Any]
Operations = Mapping[str, Callable[[Given, Given], dict[str, Any]]]

_PROTOCOLS: Mapping[str, Operations] = {
    "iso20022": iso20022.OPERATIONS,
    "momo": wallets.MOMO,
    "zalopay": wallets.ZALOPAY,
    "vnpay": wallets.VNPAY,
    "payos": wallets.PAYOS,
    "mbbank": banks.MBBANK,
    "vietinbank": banks.VIETINBANK,
    "vietqr": banks.VIETQR,
    "standard-webhooks": conventions.STANDARD_WEBHOOKS,
    "rfc9421": conventions.RFC9421,
    "adapter": faults.ADAPTER,
}


def compute(protocol: str, operation: str, inputs: Given, keys: Given) -> dict[str, Any]:
    """The result of an operation; `Unsupported` for one that is not here: statements, for one, are read elsewhere."""
    operations = _PROTOCOLS.get(protocol, {})
    if operation not in operations:
        raise Unsupported(f"{protocol} {operation}")
    return operations[operation](inputs, keys)


def supported() -> frozenset[tuple[str, str]]:
    """Every protocol with each of its operations."""
    return frozenset((protocol, operation) for protocol, found in _PROTOCOLS.items() for operation in found)
