"""What should come or go on our accounts: all that reconciliation knows of payments and employers.

The engine fills this in the transaction that sends or declares, and takes back what will not happen after all (a failed
instruction). An expectation of a payout has its exact amount and is matched once. One of a contribution may leave the
amount open, since the payer decides what he pays and how often: it stays open until it is withdrawn.
"""

from collections.abc import Mapping, Sequence
from datetime import date

from sqlalchemy import Connection, text

STAGING = "pg_temp.staged_expectation"
"""The staging table of the session, made by `open_staging`."""


def open_staging(connection: Connection) -> None:
    """Empties the staging table of this session, to be filled in SQL before `expect_staged`.

    `INSERT INTO pg_temp.staged_expectation (own_account_id, sign, reference, batch_reference, amount_vnd, due_on, kind)
    SELECT …`: sign is debit for money out; amount null leaves it open, for receipts only; kind is the engine's word.
    Where they are known: `party`, who pays, by a word of ours; `counterparty`, the fingerprint of an account that is
    registered for exactly one payee; `until_on`, the last day on which a line may be known by that account.
    """
    connection.execute(
        text(
            f"CREATE TEMP TABLE IF NOT EXISTS {STAGING.removeprefix('pg_temp.')} (own_account_id integer, sign text, "
            "reference text, batch_reference text, amount_vnd bigint, due_on date, kind text, party text, "
            "counterparty bytea, until_on date) ON COMMIT DELETE ROWS"
        )
    )
    connection.execute(text(f"TRUNCATE {STAGING}"))


def expect_staged(connection: Connection) -> int:
    """Expects what stands in the staging table, and empties it. At most one open expectation per account, sign and
    reference: the database refuses a second.
    """
    expected = connection.execute(
        text(
            "INSERT INTO reconciliation.expectation "
            "(own_account_id, sign, reference, batch_reference, amount_vnd, due_on, kind, party, counterparty, "
            "until_on) "
            "SELECT own_account_id, sign, reference, batch_reference, amount_vnd, due_on, kind, party, counterparty, "
            f"until_on FROM {STAGING}"
        )
    ).rowcount
    connection.execute(text(f"TRUNCATE {STAGING}"))
    return expected


def withdraw(connection: Connection, chosen: str, parameters: Mapping[str, object]) -> int:
    """Expects no longer what failed or was taken back; returns how many were still open.

    `chosen` is an SQL query of references with its `parameters`, so that thousands go in one statement.
    """
    return connection.execute(
        text(
            "UPDATE reconciliation.expectation x SET withdrawn = true FROM reconciliation.awaited a "
            f"WHERE a.expectation_id = x.expectation_id AND a.reference IN ({chosen})"
        ),
        parameters,
    ).rowcount


def withdraw_fees(connection: Connection, expectation_ids: Sequence[int]) -> None:
    """A fee is expected only while a line is taken for one: undone, nobody waits for it."""
    connection.execute(
        text("UPDATE reconciliation.expectation SET withdrawn = true WHERE expectation_id = ANY(:chosen)"),
        {"chosen": list(expectation_ids)},
    )


def know_party(connection: Connection, party: str, kind: str, value: str, on: date) -> None:
    """Knows a payer by one more sign: `virtual_account` or `payer_account` (a fingerprint in hex), or `agency`."""
    connection.execute(
        text(
            "INSERT INTO reconciliation.party_alias (party, kind, value, opened_on) "
            "VALUES (:party, :kind, :value, :on) ON CONFLICT DO NOTHING"
        ),
        {"party": party, "kind": kind, "value": value, "on": on},
    )


def know_parties(connection: Connection, kind: str, on: date, chosen: str, parameters: Mapping[str, object]) -> None:
    """As `know_party`, for many: `chosen` is an SQL query of party and value with its `parameters`."""
    connection.execute(
        text(
            "INSERT INTO reconciliation.party_alias (party, kind, value, opened_on) "
            "SELECT DISTINCT party, :alias_kind, value, CAST(:alias_on AS date) "
            f"FROM ({chosen}) AS chosen (party, value) "
            "ON CONFLICT DO NOTHING"
        ),
        {**parameters, "alias_kind": kind, "alias_on": on},
    )
