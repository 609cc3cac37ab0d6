"""The tables of reconciliation as the migrations make them. No plain account number, memo or name is in them.

`expectation` is all that is known of the business; `statement`, `statement_entry` and `statement_item` are what the
bank told, an item being what can be matched: one detail of an entry, or the entry itself; `match` joins the two, and
`break` keeps what did not match.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP

metadata = MetaData(schema="reconciliation")

_INSTANT = TIMESTAMP(timezone=True)
_SIGNS = "sign IN ('credit', 'debit')"

own_account = Table(
    "own_account",
    metadata,
    Column("own_account_id", Integer, Identity(always=True), primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False, unique=True),
    Column("currency", Text, nullable=False, server_default="VND"),
    Column("ledger_account", Text, nullable=False, unique=True),
    CheckConstraint("currency = 'VND'"),
)

expectation = Table(
    "expectation",
    metadata,
    Column("expectation_id", BigInteger, Identity(always=True), primary_key=True),
    Column("own_account_id", Integer, ForeignKey("reconciliation.own_account.own_account_id"), nullable=False),
    Column("sign", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("batch_reference", Text),
    Column("amount_vnd", BigInteger),
    Column("due_on", Date, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="open"),
    CheckConstraint(_SIGNS),
    CheckConstraint("reference <> ''"),
    CheckConstraint("batch_reference <> ''"),
    CheckConstraint("amount_vnd > 0"),
    CheckConstraint("state IN ('open', 'matched', 'withdrawn')"),
    CheckConstraint("amount_vnd IS NOT NULL OR sign = 'credit'", name="only_receipts_have_an_open_amount"),
    Index(
        "expectation_open_once",
        "reference",
        "own_account_id",
        "sign",
        unique=True,
        postgresql_where=text("state = 'open'"),
    ),
    Index("expectation_by_reference", "reference"),
    Index("expectation_by_batch", "batch_reference", postgresql_where=text("batch_reference IS NOT NULL")),
    Index("expectation_open_by_due", "due_on", postgresql_where=text("state = 'open'")),
)

statement_file = Table(
    "statement_file",
    metadata,
    Column("file_id", Integer, Identity(always=True), primary_key=True),
    Column("sha256", LargeBinary, nullable=False, unique=True),
    Column("file_name", Text, nullable=False),
    Column("format", Text, nullable=False),
    Column("recorded_at", _INSTANT, nullable=False),
    CheckConstraint("length(sha256) = 32"),
)

statement = Table(
    "statement",
    metadata,
    Column("statement_id", BigInteger, Identity(always=True), primary_key=True),
    Column("file_id", Integer, ForeignKey("reconciliation.statement_file.file_id"), nullable=False),
    Column("own_account_id", Integer, ForeignKey("reconciliation.own_account.own_account_id"), nullable=False),
    Column("bank_id", Text),
    Column("sequence", Integer),
    Column("page", Integer),
    Column("from_on", Date, nullable=False),
    Column("to_on", Date, nullable=False),
    Column("opening_vnd", BigInteger, nullable=False),
    Column("closing_vnd", BigInteger, nullable=False),
    # Net of the entries that an earlier statement had told already.
    Column("repeated_vnd", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    CheckConstraint("state IN ('accepted', 'waiting')"),
    CheckConstraint("from_on <= to_on"),
    Index("statement_by_file", "file_id"),
    Index("statement_by_account", "own_account_id", "to_on"),
)

statement_entry = Table(
    "statement_entry",
    metadata,
    Column("statement_id", BigInteger, ForeignKey("reconciliation.statement.statement_id"), primary_key=True),
    Column("entry_no", Integer, primary_key=True),
    Column("own_account_id", Integer, nullable=False),
    Column("sign", Text, nullable=False),
    Column("amount_vnd", BigInteger, nullable=False),
    Column("booked_on", Date, nullable=False),
    Column("value_on", Date),
    Column("bank_reference", Text),
    Column("occurrence", Integer, nullable=False),
    Column("entry_reference", Text),
    Column("payment_info_id", Text),
    Column("message_id", Text),
    Column("transaction_code", Text),
    Column("reversal", Boolean, nullable=False),
    Column("batch_count", Integer),
    Column("place", Text, nullable=False),
    Column("text_ciphertext", LargeBinary),
    CheckConstraint(_SIGNS),
    CheckConstraint("amount_vnd >= 0"),
    CheckConstraint("occurrence > 0"),
    Index(
        "statement_entry_once",
        "own_account_id",
        "booked_on",
        "bank_reference",
        "sign",
        "amount_vnd",
        "occurrence",
        unique=True,
        postgresql_nulls_not_distinct=True,
    ),
)

statement_item = Table(
    "statement_item",
    metadata,
    Column("item_id", BigInteger, Identity(always=True), primary_key=True),
    Column("statement_id", BigInteger, nullable=False),
    Column("entry_no", Integer, nullable=False),
    Column("detail_no", Integer, nullable=False),
    Column("sign", Text, nullable=False),
    Column("amount_vnd", BigInteger, nullable=False),
    Column("end_to_end_id", Text),
    Column("instruction_id", Text),
    Column("found_references", ARRAY(Text), nullable=False),
    Column("returned", Boolean, nullable=False),
    Column("return_reason", Text),
    Column("text_ciphertext", LargeBinary),
    CheckConstraint(_SIGNS),
    CheckConstraint("amount_vnd > 0"),
    CheckConstraint("detail_no >= 0"),
    UniqueConstraint("statement_id", "entry_no", "detail_no"),
    ForeignKeyConstraint(
        ["statement_id", "entry_no"],
        ["reconciliation.statement_entry.statement_id", "reconciliation.statement_entry.entry_no"],
    ),
)

matching_run = Table(
    "matching_run",
    metadata,
    Column("run_id", BigInteger, Identity(always=True), primary_key=True),
    Column("file_id", Integer, ForeignKey("reconciliation.statement_file.file_id")),
    Column("ran_at", _INSTANT, nullable=False),
    Index("matching_run_by_file", "file_id"),
)

match = Table(
    "match",
    metadata,
    Column("match_id", BigInteger, Identity(always=True), primary_key=True),
    Column("item_id", BigInteger, ForeignKey("reconciliation.statement_item.item_id"), nullable=False),
    Column("expectation_id", BigInteger, ForeignKey("reconciliation.expectation.expectation_id"), nullable=False),
    Column("amount_vnd", BigInteger, nullable=False),
    Column("open_amount", Boolean, nullable=False),
    Column("rule", Text, nullable=False),
    Column("rank", SmallInteger, nullable=False),
    Column("evidence", JSONB, nullable=False),
    Column("matched_at", _INSTANT, nullable=False),
    Column("run_id", BigInteger, ForeignKey("reconciliation.matching_run.run_id")),
    Column("returns_match_id", BigInteger, ForeignKey("reconciliation.match.match_id")),
    Column("undone_at", _INSTANT),
    Column("undone_reason", Text),
    CheckConstraint("amount_vnd > 0"),
    CheckConstraint("rule IN ('echo', 'code', 'batch', 'return')"),
    CheckConstraint("(rule = 'return') = (returns_match_id IS NOT NULL)"),
    CheckConstraint("(undone_at IS NULL) = (undone_reason IS NULL)"),
    Index("match_item_once", "item_id", unique=True, postgresql_where=text("undone_at IS NULL AND rule <> 'batch'")),
    Index(
        "match_expectation_once",
        "expectation_id",
        unique=True,
        postgresql_where=text("undone_at IS NULL AND returns_match_id IS NULL AND NOT open_amount"),
    ),
    Index(
        "match_returned_once",
        "returns_match_id",
        unique=True,
        postgresql_where=text("undone_at IS NULL AND returns_match_id IS NOT NULL"),
    ),
    Index("match_by_item", "item_id"),
    Index("match_by_expectation", "expectation_id"),
    Index("match_by_run", "run_id"),
)

break_ = Table(
    "break",
    metadata,
    Column("break_id", BigInteger, Identity(always=True), primary_key=True),
    Column("class", Text, key="break_class", nullable=False),
    Column("item_id", BigInteger, ForeignKey("reconciliation.statement_item.item_id")),
    Column("expectation_id", BigInteger, ForeignKey("reconciliation.expectation.expectation_id")),
    Column("statement_id", BigInteger, ForeignKey("reconciliation.statement.statement_id")),
    Column("detail", JSONB, nullable=False),
    Column("opened_on", Date, nullable=False),
    Column("closed_on", Date),
    Column("reason", Text),
    CheckConstraint("(item_id IS NULL) = (class = 'statement_gap')"),
    CheckConstraint("(statement_id IS NULL) = (class <> 'statement_gap')"),
    CheckConstraint("(closed_on IS NULL) = (reason IS NULL)"),
    CheckConstraint("closed_on >= opened_on"),
    Index("break_open_once_per_item", "item_id", unique=True, postgresql_where=text("closed_on IS NULL")),
    Index("break_open_once_per_statement", "statement_id", unique=True, postgresql_where=text("closed_on IS NULL")),
    Index("break_by_item", "item_id"),
)
