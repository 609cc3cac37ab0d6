"""The tables of the ledger as the migrations make them, for queries. Nothing is written through them."""

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.types import UserDefinedType


class TransactionId(UserDefinedType[str]):
    """PostgreSQL's xid8: the number of the transaction that wrote a row, never reused within one cluster."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "xid8"


# So that comparing these tables with a database knows the type there as well.
PGDialect.ischema_names["xid8"] = TransactionId


metadata = MetaData(schema="ledger")

_INSTANT = TIMESTAMP(timezone=True)
_PERSON = text("ledger.person()")

account = Table(
    "account",
    metadata,
    Column("account_id", Integer, Identity(always=True), primary_key=True),
    Column("code", Text, nullable=False, unique=True),
    Column("chart_code", Text, nullable=False),
    Column("qualifier", Text),
    Column("name", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("normal_side", Text, nullable=False),
    Column("balance_limit", Text, nullable=False),
    UniqueConstraint("account_id", "normal_side", "balance_limit"),
    Index("account_by_chart_code", "chart_code"),
)

balance = Table(
    "balance",
    metadata,
    Column("balance_id", BigInteger, Identity(always=True), primary_key=True),
    Column("account_id", Integer, nullable=False),
    Column("normal_side", Text, nullable=False),
    Column("balance_limit", Text, nullable=False),
    Column("debit_vnd", BigInteger, nullable=False, server_default=text("0")),
    Column("credit_vnd", BigInteger, nullable=False, server_default=text("0")),
    ForeignKeyConstraint(
        ["account_id", "normal_side", "balance_limit"],
        ["ledger.account.account_id", "ledger.account.normal_side", "ledger.account.balance_limit"],
    ),
    Index("balance_by_account", "account_id", "balance_id"),
    Index(
        "balance_one_row_under_a_limit",
        "account_id",
        unique=True,
        postgresql_where=text("balance_limit <> 'none'"),
    ),
)

entry = Table(
    "entry",
    metadata,
    Column("entry_id", BigInteger, Identity(always=True), primary_key=True),
    Column("event", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("business_on", Date, nullable=False),
    Column("recorded_at", _INSTANT, nullable=False),
    Column("description", Text, nullable=False),
    Column("xact", TransactionId, nullable=False, server_default=text("pg_current_xact_id()")),
    Column("person", Text, server_default=_PERSON),
    Column("content_hash", LargeBinary, nullable=False),
    Index("entry_by_business_on", "business_on"),
)

line = Table(
    "line",
    metadata,
    Column("entry_id", BigInteger, primary_key=True),
    Column("line_no", Integer, primary_key=True),
    Column("debit_account_id", Integer, nullable=False),
    Column("credit_account_id", Integer, nullable=False),
    Column("amount_vnd", BigInteger, nullable=False),
    Column("fund", Text, nullable=False),
    Column("run", Text),
    Column("debit_reference", Text),
    Column("credit_reference", Text),
    Index("line_by_debit_account", "debit_account_id", "entry_id"),
    Index("line_by_credit_account", "credit_account_id", "entry_id"),
)

partition = Table(
    "partition",
    metadata,
    Column("partition_no", Integer, primary_key=True),
    Column("made_in", TransactionId, nullable=False, server_default=text("pg_current_xact_id()")),
    Column("month", Date, unique=True),
    Column("ends_at", _INSTANT),
    Column("detached_at", _INSTANT),
)
"""The ranges of entry ids in which entries and lines stand, in the schema `ledger_partition`, one a month."""

entry_key = Table(
    "entry_key",
    metadata,
    Column("key", Text, primary_key=True),
    Column("entry_id", BigInteger, nullable=False, unique=True),
    Column("request_hash", LargeBinary, nullable=False),
)

reversal = Table(
    "reversal",
    metadata,
    Column("original_entry_id", BigInteger, primary_key=True),
    Column("reversing_entry_id", BigInteger, nullable=False, unique=True),
)

closed_period = Table(
    "closed_period",
    metadata,
    Column("month", Date, primary_key=True),
    Column("closed_at", _INSTANT, nullable=False),
    Column("person", Text, server_default=_PERSON),
)

seal_epoch = Table(
    "seal_epoch",
    metadata,
    Column("epoch", Integer, primary_key=True),
    Column("system_identifier", BigInteger, nullable=False),
    Column("inherited_through", BigInteger, nullable=False),
    Column("begun_at", _INSTANT, nullable=False),
)

seal_key = Table(
    "seal_key",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("public_key", LargeBinary, nullable=False, unique=True),
)

seal = Table(
    "seal",
    metadata,
    Column("seal_no", BigInteger, primary_key=True),
    Column("epoch", Integer, ForeignKey("ledger.seal_epoch.epoch"), nullable=False),
    Column("first_position", BigInteger, nullable=False, unique=True),
    Column("entries", Integer, nullable=False),
    Column("merkle_root", LargeBinary, nullable=False),
    Column("previous_hash", LargeBinary, nullable=False, unique=True),
    Column("seal_hash", LargeBinary, nullable=False, unique=True),
    Column("key_id", Text, ForeignKey("ledger.seal_key.key_id"), nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("sealed_at", _INSTANT, nullable=False),
)

sealed_entry = Table(
    "sealed_entry",
    metadata,
    Column("position", BigInteger, primary_key=True),
    Column("seal_no", BigInteger, nullable=False),
    Column("entry_id", BigInteger, nullable=False, unique=True),
    Column("content_hash", LargeBinary, nullable=False),
    Index("sealed_entry_by_seal", "seal_no", "position"),
)
