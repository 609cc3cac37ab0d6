"""The tables of reconciliation as the migrations make them. No plain account number, memo or name is in them.

`expectation` is all that is known of the business, `awaited` what of it is still open; `statement`, `statement_entry`
and `statement_item` are what the bank told, an item being what can be matched: one detail of an entry, or the entry
itself; `match` joins the two, and `break` keeps what did not match.
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
    # What stood on it when our books began; none if the first file tells it.
    Column("opening_vnd", BigInteger),
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
    Column("party", Text),
    Column("counterparty", LargeBinary),
    Column("until_on", Date),
    Column("withdrawn", Boolean, nullable=False, server_default=text("false")),
    CheckConstraint(_SIGNS),
    CheckConstraint("reference <> ''"),
    CheckConstraint("batch_reference <> ''"),
    CheckConstraint("amount_vnd > 0"),
    CheckConstraint("amount_vnd IS NOT NULL OR sign = 'credit'", name="only_receipts_have_an_open_amount"),
    Index("expectation_by_reference", "reference"),
    Index("expectation_by_batch", "batch_reference", postgresql_where=text("batch_reference IS NOT NULL")),
)

# Of the expectations those that nothing has met and nobody has withdrawn. Triggers alone write it.
awaited = Table(
    "awaited",
    metadata,
    Column("expectation_id", BigInteger, primary_key=True, autoincrement=False),
    Column("own_account_id", Integer, nullable=False),
    Column("sign", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("amount_vnd", BigInteger),
    Column("due_on", Date, nullable=False),
    Column("until_on", Date),
    Column("party", Text),
    Column("counterparty", LargeBinary),
    Index("awaited_once", "reference", "own_account_id", "sign", unique=True),
    Index("awaited_by_due", "due_on"),
    Index("awaited_by_party", "party", postgresql_where=text("party IS NOT NULL")),
    Index("awaited_by_counterparty", "counterparty", postgresql_where=text("counterparty IS NOT NULL")),
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
    Column("gap_decision_id", BigInteger, ForeignKey("reconciliation.decision.decision_id", use_alter=True)),
    # Its place among the accepted statements of the account, in the order in which their lines were taken up.
    Column("accepted_no", Integer),
    Column("matched_run_id", BigInteger, ForeignKey("reconciliation.matching_run.run_id", use_alter=True)),
    CheckConstraint("state IN ('accepted', 'repeated', 'waiting', 'left_out')"),
    CheckConstraint("(state = 'accepted') = (accepted_no IS NOT NULL)"),
    CheckConstraint("matched_run_id IS NULL OR state = 'accepted'"),
    CheckConstraint("from_on <= to_on"),
    UniqueConstraint("own_account_id", "accepted_no"),
    Index("statement_by_file", "file_id"),
    Index("statement_by_account", "own_account_id", "to_on"),
    Index(
        "statement_unmatched",
        "own_account_id",
        postgresql_where=text("state <> 'repeated' AND matched_run_id IS NULL"),
    ),
)

# The lines of statements that wait, as the bank told them; gone as soon as they are entries or were told before.
waiting_line = Table(
    "waiting_line",
    metadata,
    Column("statement_no", BigInteger, ForeignKey("reconciliation.statement.statement_id"), primary_key=True),
    Column("entry_no", Integer, primary_key=True),
    Column("detail_no", Integer, primary_key=True),
    Column("is_item", Boolean),
    Column("sign", Text),
    Column("amount_vnd", BigInteger),
    Column("booked_on", Date),
    Column("value_on", Date),
    Column("bank_reference", Text),
    Column("entry_reference", Text),
    Column("payment_info_id", Text),
    Column("message_id", Text),
    Column("transaction_code", Text),
    Column("reversal", Boolean),
    Column("batch_count", Integer),
    Column("place", Text),
    Column("text_ciphertext", LargeBinary),
    Column("end_to_end_id", Text),
    Column("instruction_id", Text),
    Column("found_references", ARRAY(Text)),
    Column("returned", Boolean),
    Column("return_reason", Text),
    Column("counterparty", LargeBinary),
    Column("virtual_account", LargeBinary),
    Column("found_units", ARRAY(Text)),
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

# Entries that the bank no longer tells since it told their day again; they count no more.
withdrawn_entry = Table(
    "withdrawn_entry",
    metadata,
    Column("statement_id", BigInteger, primary_key=True),
    Column("entry_no", Integer, primary_key=True),
    Column(
        "decision_id", BigInteger, ForeignKey("reconciliation.decision.decision_id", use_alter=True), nullable=False
    ),
    ForeignKeyConstraint(
        ["statement_id", "entry_no"],
        ["reconciliation.statement_entry.statement_id", "reconciliation.statement_entry.entry_no"],
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
    Column("counterparty", LargeBinary),
    Column("virtual_account", LargeBinary),
    Column("found_units", ARRAY(Text), nullable=False),
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

# A line is used by one match, by those of its batch or merge, or by none; undone ones do not count. The words are those
# that PostgreSQL tells.
_USE = """
CASE
    WHEN undone_at IS NOT NULL THEN - match_id
    WHEN rule = ANY (ARRAY['batch'::text, 'merge'::text]) THEN expectation_id
    ELSE 0::bigint
END"""

# What a foreign key would check row by row is checked for a whole statement, by `check_matches` or, of clear lines, by
# `match_clear_lines`, which alone writes without it; nothing here is ever deleted.
match = Table(
    "match",
    metadata,
    Column("match_id", BigInteger, Identity(always=True), primary_key=True),
    Column("item_id", BigInteger, nullable=False),
    Column("expectation_id", BigInteger, nullable=False),
    Column("amount_vnd", BigInteger, nullable=False),
    Column("open_amount", Boolean, nullable=False),
    Column("rule", Text, nullable=False),
    Column("rank", SmallInteger, nullable=False),
    Column("evidence", JSONB),
    Column("matched_at", _INSTANT, nullable=False),
    Column("run_id", BigInteger),
    Column("returns_match_id", BigInteger),
    Column("undone_at", _INSTANT),
    Column("undone_reason", Text),
    Column("decision_id", BigInteger),
    CheckConstraint("amount_vnd > 0"),
    CheckConstraint("(rule = 'forced') = (decision_id IS NOT NULL)"),
    CheckConstraint("(rule = 'return') = (returns_match_id IS NOT NULL)"),
    CheckConstraint("(undone_at IS NULL) = (undone_reason IS NULL)"),
    Index(
        "match_item_once",
        "item_id",
        text(_USE),
        unique=True,
    ),
    Index(
        "match_returned_once",
        "returns_match_id",
        unique=True,
        postgresql_where=text("undone_at IS NULL AND returns_match_id IS NOT NULL"),
    ),
    Index("match_by_expectation", "expectation_id"),
    Index("match_by_run", "run_id", postgresql_using="brin", postgresql_with={"autosummarize": "true"}),
    Index("match_shared", "item_id", postgresql_where=text("undone_at IS NULL AND rule IN ('batch', 'merge')")),
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
    CheckConstraint("(item_id IS NULL) = (class IN ('statement_gap', 'statement_reissued'))"),
    CheckConstraint("(statement_id IS NULL) = (item_id IS NOT NULL)"),
    CheckConstraint("(closed_on IS NULL) = (reason IS NULL)"),
    CheckConstraint("closed_on >= opened_on"),
    Index("break_open_once_per_item", "item_id", unique=True, postgresql_where=text("closed_on IS NULL")),
    Index(
        "break_open_once_per_statement",
        "statement_id",
        unique=True,
        postgresql_where=text("closed_on IS NULL AND class = 'statement_gap'"),
    ),
    Index("break_reissued", "statement_id", postgresql_where=text("class = 'statement_reissued'")),
    Index("break_by_item", "item_id"),
)

# Lines that the engine has booked as nobody's money; what they are found to be later is matched and moved from there.
suspense = Table(
    "suspense",
    metadata,
    Column("item_id", BigInteger, ForeignKey("reconciliation.statement_item.item_id"), primary_key=True),
    Column("booked_at", _INSTANT, nullable=False),
)

party_alias = Table(
    "party_alias",
    metadata,
    Column("alias_id", BigInteger, Identity(always=True), primary_key=True),
    Column("party", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("opened_on", Date, nullable=False),
    Column("closed_on", Date),
    CheckConstraint("kind IN ('virtual_account', 'payer_account', 'agency')"),
    UniqueConstraint("party", "kind", "value"),
    Index(
        "virtual_account_of_one_party",
        "value",
        unique=True,
        postgresql_where=text("kind = 'virtual_account' AND closed_on IS NULL"),
    ),
)

decision = Table(
    "decision",
    metadata,
    Column("decision_id", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("break_id", BigInteger, ForeignKey("reconciliation.break.break_id")),
    Column("match_id", BigInteger, ForeignKey("reconciliation.match.match_id")),
    Column("expectation_id", BigInteger, ForeignKey("reconciliation.expectation.expectation_id")),
    Column("amount_vnd", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("prepared_by", Text, nullable=False, server_default=text("engine.acting_person()")),
    Column("prepared_at", _INSTANT, nullable=False),
    Column("approved_by", Text),
    Column("approved_at", _INSTANT),
    CheckConstraint("kind IN ('force', 'write_off', 'close_gap', 'undo', 'replace', 'keep')"),
    CheckConstraint("approved_by <> prepared_by"),
    CheckConstraint("(approved_by IS NULL) = (approved_at IS NULL)"),
    Index("decision_by_break", "break_id"),
    Index("decision_by_match", "match_id"),
)

day_proof = Table(
    "day_proof",
    metadata,
    Column("proof_no", BigInteger, Identity(always=True), primary_key=True),
    Column("on_day", Date, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("content", JSONB, nullable=False),
    Column("closes", Boolean, nullable=False),
    Column("made_at", _INSTANT, nullable=False),
    Column("made_by", Text, nullable=False, server_default=text("engine.acting_person()")),
    CheckConstraint("length(sha256) = 32"),
    UniqueConstraint("on_day", "sha256"),
)

news = Table(
    "news",
    metadata,
    Column("news_id", BigInteger, Identity(always=True), primary_key=True),
    Column("file_id", Integer, ForeignKey("reconciliation.statement_file.file_id"), nullable=False),
    Column("own_account_id", Integer, ForeignKey("reconciliation.own_account.own_account_id"), nullable=False),
    Column("sign", Text, nullable=False),
    Column("amount_vnd", BigInteger, nullable=False),
    Column("told_on", Date),
    Column("booked", Boolean, nullable=False),
    Column("reference", Text),
    Column("place", Text, nullable=False),
    CheckConstraint(_SIGNS),
    CheckConstraint("amount_vnd >= 0"),
    Index("news_by_reference", "reference", postgresql_where=text("reference IS NOT NULL")),
    Index("news_by_file", "file_id"),
)
