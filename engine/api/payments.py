"""Payments as a list: page by page, with the account masked, and only the asker's own where they are a beneficiary."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from engine.errors import NotFound
from engine.payments import tracing
from engine.vault import Vault, mask
from gateways.banks.directory import bank_of

_OF_ONES_OWN = ("payment", "award", "amount", "run", "statement_lines")
"""What a beneficiary is told of a payment: not who signed, nor the files and entries it shares with other people."""


@dataclass(frozen=True, slots=True)
class PaymentSummary:
    """Khoản chi trả, in one line. `part` counts from 2 for back pay of a month; `reissued_by` is what paid it again."""

    payment_no: int
    reference: str
    run: str
    benefit: str
    fund: str
    entitled_month: date
    part: int
    amount_vnd: int
    state: str
    state_reason: str | None
    reissued_by: str | None
    gateway: str
    bank: str
    account_masked: str


def list_payments(
    connection: Connection,
    vault: Vault,
    *,
    person_id: UUID | None = None,
    reference: str | None = None,
    run: str | None = None,
    states: tuple[str, ...] = (),
    after: int | None = None,
    latest_first: bool = False,
    limit: int,
) -> list[PaymentSummary]:
    """Payments in the order of their numbers, those after a number; None and empty mean all."""
    rows = connection.execute(
        text(f"""
            SELECT p.payment_no, p.reference, r.run_code AS run, p.benefit, p.fund, p.entitled_month, p.part,
                   p.amount_vnd, p.state, p.state_reason, p.gateway, a.bank_bin, a.account_ciphertext,
                   again.reference AS reissued_by
            FROM engine.payment p JOIN engine.payment_run r USING (run_id)
            JOIN engine.payout_account a USING (payout_account_id)
            LEFT JOIN engine.payment again ON again.payment_id = p.reissued_by
            WHERE (CAST(:person_id AS uuid) IS NULL OR p.person_id = :person_id)
                AND (CAST(:reference AS text) IS NULL OR p.reference = :reference)
                AND (CAST(:run AS text) IS NULL OR r.run_code = :run)
                AND (cardinality(CAST(:states AS text[])) = 0 OR p.state = ANY(:states))
                AND p.payment_no > :after
            ORDER BY p.payment_no {"DESC" if latest_first else "ASC"} LIMIT :limit"""),
        {
            "person_id": person_id,
            "reference": reference,
            "run": run,
            "states": list(states),
            "after": after or 0,
            "limit": limit,
        },
    )
    found = []
    for row in rows:
        shown = row._asdict()
        ciphertext = shown.pop("account_ciphertext")
        bank = bank_of(shown.pop("bank_bin"))
        account_masked = mask(vault.open("account", bytes(ciphertext)))
        found.append(PaymentSummary(**shown, bank=bank.short_name if bank else "", account_masked=account_masked))
    return found


def life_of(connection: Connection, reference: str, person_id: UUID | None) -> dict[str, Any]:
    """The life of a payment; of their own, for a beneficiary. Another's payment is as unknown as none."""
    if person_id is None:
        return tracing.trace(connection, reference)
    owner = connection.scalar(
        text("SELECT person_id FROM engine.payment WHERE reference = :reference"), {"reference": reference}
    )
    if owner != person_id:
        raise NotFound(f"there is no payment {reference}")
    life = tracing.trace(connection, reference)
    return {part: life[part] for part in _OF_ONES_OWN}
