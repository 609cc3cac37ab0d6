"""Payout accounts (tài khoản nhận tiền): which a benefit may be paid to, and how one takes the place of another.

An account is a fact with two times. A change closes what we knew and writes what we know from now on, so that the
account a past payment went to can always be told.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml
from psycopg.types.range import Range
from sqlalchemy import Connection, table, text

from engine.errors import NotAllowed
from engine.people.bulk import copy_rows
from engine.people.workbook import fold
from engine.vault import Vault
from gateways.banks.directory import bank_of

_ACCOUNT = re.compile(r"[0-9]{6,19}")
_HOLDER_NAME_LENGTH = 70


@dataclass(frozen=True, slots=True)
class Account:
    """An account at a bank, as the payee names it. The number never appears in a repr."""

    bank_bin: str
    number: str = field(repr=False)
    holder_name: str


@dataclass(frozen=True, slots=True)
class Change:
    """From `valid_from` on a person is paid to this account."""

    person_id: UUID
    account: Account
    valid_from: date
    request_no: int | None = None
    """The request it stands on, where it was asked for and decided by two persons."""


@dataclass(frozen=True, slots=True)
class Changed:
    """What a set of changes did: accounts new to a person, accounts that replaced another, accounts already known."""

    opened: int
    replaced: int
    unchanged: int


def bank_problem(bank_bin: str, *, wallets: bool = False) -> str | None:
    """Why no benefit can be paid to this institution, if so; `wallets`: their use was allowed by name."""
    if bank_bin in _channels()["wallets"]:
        if wallets:
            return None
        return f"is an electronic wallet: benefits go to bank accounts only ({_channels()['citation']})"
    if bank_bin in _channels()["finance_companies"]:
        return f"is a finance company, not a bank: benefits go to bank accounts only ({_channels()['citation']})"
    return None if bank_of(bank_bin) else "is not the number of a bank in the directory (mã BIN, 6 digits)"


def wallet_provider(bank_bin: str) -> str | None:
    """The provider of the wallets that stand under this number; None where it is a bank's."""
    wallets: dict[str, str] = _channels()["wallets"]
    return wallets.get(bank_bin)


def wallet_numbers(provider: str | None = None) -> list[str]:
    """The numbers under which wallets stand: all, or those that one provider pays to."""
    return [number for number, whose in _channels()["wallets"].items() if provider in (None, whose)]


def close_name_percent() -> int:
    """Below this resemblance a name that a bank calls close counts as another's."""
    percent: int = _channels()["close_name_percent"]
    return percent


def longest_authority_months() -> int:
    """For so many months a power of attorney to receive is taken at most."""
    months: int = _channels()["longest_authority_months"]
    return months


def change_rules() -> dict[str, int]:
    """When a change that is asked for counts: cut_off_day of a month, days_to_object."""
    rules: dict[str, int] = _channels()["change_by_request"]
    return rules


def number_problem(number: str) -> str | None:
    """Why this cannot be the number of a payout account, if so.

    >>> number_problem("9704151234567891")  # 16 digits, but no card: its check digit is wrong
    >>> number_problem("9704151234567890")
    'is a card number: benefits go to bank accounts only (Luật 41/2024/QH15, Điều 93; Công văn 2646/BHXH-TCKT)'
    """
    if not _ACCOUNT.fullmatch(number):
        return "an account number has 6 to 19 digits"
    if _is_card(number):
        return f"is a card number: benefits go to bank accounts only ({_channels()['citation']})"
    return None


def holder_problem(holder_name: str, person_folded_name: str) -> str | None:
    """Why the holder cannot receive this person's benefit, if so: the account must be the beneficiary's own."""
    if rule := holder_form_problem(holder_name):
        return rule
    if fold(holder_name) != person_folded_name:
        return f"is not the beneficiary: the account must be their own ({_channels()['citation']})"
    return None


def holder_form_problem(holder_name: str) -> str | None:
    """Why this cannot be the name of anybody who holds an account, if so."""
    folded = fold(holder_name)
    if len(folded) > _HOLDER_NAME_LENGTH or not re.fullmatch(r"[A-Z][A-Z '.\-]*", folded):
        return f"is not the name of a person ({_HOLDER_NAME_LENGTH} letters at most)"
    return None


def change_accounts(connection: Connection, vault: Vault, changes: Iterable[Change], recorded_at: datetime) -> Changed:
    """Puts the new accounts in place of what was known; one change for each person at most.

    What was known to hold before a new account begins goes on being known: it is written again, shortened.
    """
    connection.execute(text("DROP TABLE IF EXISTS pg_temp.incoming_account"))
    connection.execute(
        text("CREATE TEMP TABLE incoming_account (LIKE engine.payout_account INCLUDING DEFAULTS) ON COMMIT DROP")
    )
    incoming = (_incoming(vault, change, recorded_at) for change in changes)
    count = copy_rows(connection, table("incoming_account"), incoming)
    unchanged = connection.execute(text(_FORGET_KNOWN)).rowcount
    at = {"at": recorded_at}
    if connection.scalar(text(_SAME_INSTANT), at):
        raise NotAllowed("an account recorded at this very instant cannot be replaced at the same instant")
    replaced = connection.execute(text(_SHORTEN), at).scalar_one()
    connection.execute(text(_ADD))
    return Changed(count - unchanged - replaced, replaced, unchanged)


_FORGET_KNOWN = """
DELETE FROM incoming_account incoming USING engine.payout_account known
WHERE known.person_id = incoming.person_id AND upper_inf(known.recorded_during)
    AND known.bank_bin = incoming.bank_bin AND known.account_fingerprint = incoming.account_fingerprint
    AND known.holder_name = incoming.holder_name AND known.valid_during @> incoming.valid_during
    AND coalesce(incoming.request_no, known.request_no) IS NOT DISTINCT FROM known.request_no
"""

_SAME_INSTANT = """
SELECT EXISTS (
    SELECT FROM engine.payout_account known JOIN incoming_account incoming USING (person_id)
    WHERE upper_inf(known.recorded_during) AND known.valid_during && incoming.valid_during
        AND lower(known.recorded_during) >= :at
)
"""

_SHORTEN = """
WITH closed AS (
    UPDATE engine.payout_account known
    SET recorded_during = tstzrange(lower(known.recorded_during), :at)
    FROM incoming_account incoming
    WHERE known.person_id = incoming.person_id AND upper_inf(known.recorded_during)
        AND known.valid_during && incoming.valid_during
    RETURNING known.*, known.valid_during * daterange(NULL, lower(incoming.valid_during)) AS rest
), shortened AS (
    INSERT INTO engine.payout_account
        (person_id, bank_bin, account_ciphertext, account_fingerprint, holder_name, request_no, valid_during,
            recorded_during)
    SELECT person_id, bank_bin, account_ciphertext, account_fingerprint, holder_name, request_no, rest,
        tstzrange(:at, NULL)
    FROM closed WHERE NOT isempty(rest)
)
SELECT count(DISTINCT person_id) FROM closed
"""

_ADD = """
INSERT INTO engine.payout_account
    (person_id, bank_bin, account_ciphertext, account_fingerprint, holder_name, request_no, valid_during,
        recorded_during)
SELECT person_id, bank_bin, account_ciphertext, account_fingerprint, holder_name, request_no, valid_during,
    recorded_during
FROM incoming_account
"""


def _incoming(vault: Vault, change: Change, recorded_at: datetime) -> dict[str, object]:
    sealed = vault.seal("account", change.account.number)
    return {
        "person_id": change.person_id,
        "bank_bin": change.account.bank_bin,
        "account_ciphertext": sealed.ciphertext,
        "account_fingerprint": sealed.fingerprint,
        "holder_name": fold(change.account.holder_name),
        "request_no": change.request_no,
        "valid_during": Range(change.valid_from, None, bounds="[)"),
        "recorded_during": Range(recorded_at, None, bounds="[)"),
    }


def _is_card(number: str) -> bool:
    cards = _channels()["cards"]
    return len(number) in cards["lengths"] and number.startswith(tuple(cards["beginnings"])) and _luhn(number)


def _luhn(number: str) -> bool:
    """The check digit of ISO/IEC 7812: every second digit from the right doubled, digits summed, a multiple of ten."""
    doubled = "0246813579"
    return (
        sum(int(doubled[int(digit)]) if at % 2 else int(digit) for at, digit in enumerate(reversed(number))) % 10 == 0
    )


@cache
def _channels() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(
        (Path(__file__).parent / "payout_channels.yaml").read_text(encoding="utf-8")
    )
    return content
