"""Xác minh tài khoản: banks are asked whether the payout accounts are the payees' own, before money goes there.

Of what a bank says, four outcomes are kept: match, close, no_match, not_possible. A name that the bank calls close is
compared with the one it tells; resemblance can make it worse, never better, and no outcome stops a payment by itself:
the report on a run shows it to who signs.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

from sqlalchemy import Row, text

from engine import audit
from engine.database import Database
from engine.people.accounts import close_name_percent, wallet_numbers
from engine.people.names import resemblance_percent
from engine.people.pay_points import IN_CASH
from engine.vault import Vault
from gateways.contract import AccountQuestion, Gateway, NameCheck, VerifiedAccount

_AT_ONCE = 200
"""Accounts in one question to the bank."""

LATEST = """
    (SELECT c.outcome FROM engine.account_check c WHERE c.payout_account_id = {account}
     ORDER BY c.check_no DESC LIMIT 1)"""
"""SQL: what was last said of an account; null if nobody was asked."""


@dataclass(frozen=True, slots=True)
class Checked:
    """How many accounts were asked about, by outcome."""

    match: int
    close: int
    no_match: int
    not_possible: int


def check_accounts(database: Database, vault: Vault, gateway: Gateway, person: str, at: datetime) -> Checked:
    """Asks about every account that is in use and of which no bank has said anything certain yet.

    Raises what the gateway does if it cannot be asked; what was answered before that stays.
    """
    told: Counter[str] = Counter()
    for accounts in _slices(_unchecked(database)):
        message_id = _next_message_id(database, at)
        questions = [
            AccountQuestion(
                row.payout_account_id.hex,
                row.holder_name,
                vault.open("account", bytes(row.account_ciphertext)),
                row.bank_bin,
            )
            for row in accounts
        ]
        answers = {answer.id: answer for answer in gateway.verify_accounts(message_id, questions, at)}
        rows = [_judged(row, answers.get(row.payout_account_id.hex)) for row in accounts]
        with database.transaction(person) as connection:
            connection.execute(
                text("""
                    INSERT INTO engine.account_check (payout_account_id, message_id, outcome, said,
                        resemblance_percent, checked_at)
                    VALUES (:account, :message, :outcome, :said, :percent, :at)"""),
                [row | {"message": message_id, "at": at} for row in rows],
            )
            audit.record(connection, "accounts_checked", message_id, at, accounts=len(rows))
        told.update(row["outcome"] for row in rows)
    return Checked(told["match"], told["close"], told["no_match"], told["not_possible"])


def _unchecked(database: Database) -> list[Row[Any]]:
    with database.transaction() as connection:
        return list(
            connection.execute(
                text(f"""
                    SELECT o.payout_account_id, o.holder_name, o.account_ciphertext, o.bank_bin
                    FROM engine.payout_account o
                    WHERE o.person_id IS NOT NULL AND upper_inf(o.recorded_during) AND o.bank_bin <> ALL(:wallets)
                      AND NOT {IN_CASH}
                      AND coalesce({LATEST.format(account="o.payout_account_id")}, 'not_possible') = 'not_possible'
                    ORDER BY o.payout_account_id"""),
                {"wallets": wallet_numbers()},
            )
        )


def _next_message_id(database: Database, at: datetime) -> str:
    """Never used before: it counts on from the last answer that was kept."""
    with database.transaction() as connection:
        following: int = connection.execute(
            text("SELECT coalesce(max(check_no), 0) + 1 FROM engine.account_check")
        ).scalar_one()
    return f"XM{at:%Y%m%d}-{following:08d}"


def _slices(rows: list[Row[Any]]) -> list[list[Row[Any]]]:
    return [rows[start : start + _AT_ONCE] for start in range(0, len(rows), _AT_ONCE)]


def _judged(row: Row[Any], answer: VerifiedAccount | None) -> dict[str, Any]:
    if answer is None:
        return {"account": row.payout_account_id, "outcome": "not_possible", "said": "unanswered", "percent": None}
    percent = resemblance_percent(row.holder_name, answer.right_name) if answer.right_name else None
    outcome = _outcome(answer.result)
    if outcome == "close" and percent is not None and percent < close_name_percent():
        outcome = "no_match"
    return {"account": row.payout_account_id, "outcome": outcome, "said": answer.result.value, "percent": percent}


def _outcome(said: NameCheck) -> str:
    match said:
        case NameCheck.MATCH:
            return "match"
        case NameCheck.CLOSE_MATCH:
            return "close"
        case NameCheck.NO_MATCH | NameCheck.INVALID_ACCOUNT:
            return "no_match"
        case NameCheck.UNABLE | NameCheck.NOT_ALLOWED:
            return "not_possible"
        case _:
            assert_never(said)
