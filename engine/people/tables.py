"""Tables of people. Facts with two times carry `recorded_during`, open above while we believe the row."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import DATERANGE, JSONB, TIMESTAMP, TSTZRANGE, UUID

metadata = MetaData(schema="engine")


def recorded() -> Column[object]:
    return Column("recorded_during", TSTZRANGE, nullable=False)


imported_file = Table(
    "imported_file",
    metadata,
    Column("sha256", LargeBinary, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("outcome", JSONB, nullable=False),
    Column("recorded_at", TIMESTAMP(timezone=True), nullable=False),
)

person = Table(
    "person",
    metadata,
    Column("person_id", UUID, primary_key=True),
    Column("insured_number_ciphertext", LargeBinary),
    Column("insured_number_fingerprint", LargeBinary, unique=True),
    Column("personal_id_ciphertext", LargeBinary),
    Column("personal_id_fingerprint", LargeBinary, unique=True),
    Column("phone_ciphertext", LargeBinary),
    Column("phone_fingerprint", LargeBinary),
    Column("name", Text, nullable=False),
    Column("folded_name", Text, nullable=False),
    Column("sex", Text),
    Column("birth_date", Date, nullable=False),
    Column("province", Text),
    Column("area", Text),
    Index("person_phone_fingerprint_idx", "phone_fingerprint"),
)

vital_event = Table(
    "vital_event",
    metadata,
    Column("vital_event_id", UUID, primary_key=True),
    Column("person_id", UUID, ForeignKey(person.c.person_id), nullable=False),
    Column("kind", Text, nullable=False),
    Column("happened_on", Date, nullable=False),
    recorded(),
)

pay_point = Table(
    "pay_point",
    metadata,
    Column("pay_point", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("province", Text, nullable=False),
)

payout_request = Table(
    "payout_request",
    metadata,
    Column("request_no", BigInteger, primary_key=True),
    Column("person_id", UUID, ForeignKey(person.c.person_id), nullable=False),
    Column("receiver", Text, nullable=False),
    Column("receiver_id_ciphertext", LargeBinary),
    Column("receiver_id_fingerprint", LargeBinary),
    Column("bank_bin", Text, nullable=False),
    Column("account_ciphertext", LargeBinary, nullable=False),
    Column("account_fingerprint", LargeBinary, nullable=False),
    Column("holder_name", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("valid_until", Date),
    Column("requested_at", TIMESTAMP(timezone=True), nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("decision", Text),
    Column("decision_reason", Text),
    Column("decided_at", TIMESTAMP(timezone=True)),
    Column("decided_by", Text),
    Column("revoked_at", TIMESTAMP(timezone=True)),
    Column("revoked_by", Text),
    Column("revoked_for", Text),
    Index("one_open_payout_request", "person_id", unique=True),
    Index("payout_request_receiver_id_fingerprint_idx", "receiver_id_fingerprint"),
)

payout_account = Table(
    "payout_account",
    metadata,
    Column("payout_account_id", UUID, primary_key=True),
    Column("person_id", UUID, ForeignKey(person.c.person_id)),
    Column("bank_bin", Text, nullable=False),
    Column("account_ciphertext", LargeBinary, nullable=False),
    Column("account_fingerprint", LargeBinary, nullable=False),
    Column("holder_name", Text, nullable=False),
    Column("request_no", BigInteger, ForeignKey(payout_request.c.request_no)),
    Column("valid_during", DATERANGE, nullable=False),
    recorded(),
    Index("payout_account_account_fingerprint_idx", "account_fingerprint"),
    Index("payout_account_request_no_idx", "request_no"),
)

contribution_period = Table(
    "contribution_period",
    metadata,
    Column("contribution_period_id", UUID, primary_key=True),
    Column("person_id", UUID, ForeignKey(person.c.person_id), nullable=False),
    Column("months", DATERANGE, nullable=False),
    Column("regime", Text, nullable=False),
    Column("wage_vnd", BigInteger),
    Column("coefficient", Numeric),
    Column("seniority_percent", Numeric),
    recorded(),
)

relation = Table(
    "relation",
    metadata,
    Column("relation_id", UUID, primary_key=True),
    Column("person_id", UUID, ForeignKey(person.c.person_id), nullable=False),
    Column("relative_person_id", UUID, ForeignKey(person.c.person_id), nullable=False),
    Column("relation", Text, nullable=False),
    Column("monthly_income_vnd", BigInteger, nullable=False),
    Column("impairment_percent", Integer, nullable=False),
    Column("studying", Boolean, nullable=False),
    Column("alone", Boolean, nullable=False),
    recorded(),
    Index("relation_relative_person_id_idx", "relative_person_id"),
)
