"""`disbursementMethod`: who is paid by MoMo, encrypted for MoMo with its RSA key (PKCS#1 v1.5) as one line of base64.

OAEP is refused by the provider. Each encryption gives other bytes, so the text that is sent is the one that is signed,
and it is stored for a repeat. A key of 4096 bits takes 501 bytes.
"""

import json
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from gateways.macs import rsa_encrypt


@dataclass(frozen=True, slots=True)
class Wallet:
    """A wallet and whose it is; name and personal id must fit what MoMo knows."""

    phone: str = field(repr=False)
    name: str = field(repr=False)
    personal_id: str = field(repr=False)

    def as_json(self) -> str:
        return _compact({"walletId": self.phone, "walletName": self.name, "personalId": self.personal_id})


@dataclass(frozen=True, slots=True)
class BankAccount:
    """An account or a card at a bank, by MoMo's own bank code (found by BIN in its bank list)."""

    number: str = field(repr=False)
    holder_name: str = field(repr=False)
    bank_code: str
    is_card: bool = False

    def as_json(self) -> str:
        number = {"bankCardNo" if self.is_card else "bankAccountNo": self.number}
        return _compact({**number, "bankAccountHolderName": self.holder_name, "bankCode": self.bank_code})


def encrypted(method: Wallet | BankAccount, key: RSAPublicKey) -> str:
    return rsa_encrypt(key, method.as_json())


def _compact(fields: dict[str, str]) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
