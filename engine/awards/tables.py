"""Tables of claims and awards. Claims and awards are append-only; an amount is closed and added, never edited."""

from sqlalchemy import ARRAY, BigInteger, Column, Date, ForeignKey, Identity, Index, LargeBinary, Table, Text, text
from sqlalchemy.dialects.postgresql import DATERANGE, JSONB, TIMESTAMP, UUID

from engine.people.tables import imported_file, metadata, person, recorded

claim = Table(
    "claim",
    metadata,
    Column("claim_id", UUID, primary_key=True),
    Column("claim_no", Text, nullable=False, unique=True),
    Column("benefit", Text, nullable=False),
    Column("insured_person_id", UUID, ForeignKey(person.c.person_id), nullable=False),
    Column("claimant_person_id", UUID, ForeignKey(person.c.person_id), nullable=False),
    Column("facts", JSONB, nullable=False),
    Column("received_on", Date, nullable=False),
    Column("decision", Text, nullable=False),
    Column("reason", Text),
    Column("findings", JSONB, nullable=False),
    Column("imported_from", LargeBinary, ForeignKey(imported_file.c.sha256)),
    Column("office_code", Text),
    Index("claim_insured_person_id_idx", "insured_person_id"),
)

award = Table(
    "award",
    metadata,
    Column("award_id", UUID, primary_key=True),
    Column("award_no", Text, nullable=False, unique=True),
    Column("claim_id", UUID, ForeignKey(claim.c.claim_id), nullable=False),
    Column("person_id", UUID, ForeignKey(person.c.person_id), nullable=False),
    Column("benefit", Text, nullable=False),
    Column("fund", Text, nullable=False),
    Column("frequency", Text, nullable=False),
    Column("starts_on", Date, nullable=False),
    Column("decided_on", Date, nullable=False),
    Column("law_version", Text, nullable=False),
    Column("unconfirmed", ARRAY(Text), nullable=False),
    Column("findings", JSONB, nullable=False),
    Column("recorded_at", TIMESTAMP(timezone=True), nullable=False),
    Column("awarded_by", Text, nullable=False),
    Index("award_claim_id_idx", "claim_id"),
    Index("award_person_id_idx", "person_id"),
)

award_amount = Table(
    "award_amount",
    metadata,
    Column("award_amount_id", UUID, primary_key=True),
    Column("award_id", UUID, ForeignKey(award.c.award_id), nullable=False),
    Column("entitled_during", DATERANGE, nullable=False),
    Column("amount_vnd", BigInteger, nullable=False),
    Column("findings", JSONB, nullable=False),
    Column("unconfirmed", ARRAY(Text), nullable=False),
    recorded(),
)

termination = Table(
    "termination",
    metadata,
    Column("termination_no", BigInteger, Identity(always=True), primary_key=True),
    Column("award_id", UUID, ForeignKey(award.c.award_id), nullable=False),
    Column("from_month", Date, nullable=False),
    Column("ground", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("proposed_at", TIMESTAMP(timezone=True), nullable=False),
    Column("proposed_by", Text, nullable=False),
    Column("approved_at", TIMESTAMP(timezone=True)),
    Column("approved_by", Text),
    Index("one_open_termination", "award_id", unique=True),
    Index("termination_award_id_idx", "award_id"),
)

suspension = Table(
    "suspension",
    metadata,
    Column("suspension_id", BigInteger, Identity(always=True), primary_key=True),
    Column("award_id", UUID, ForeignKey(award.c.award_id), nullable=False),
    Column("from_month", Date, nullable=False),
    Column("ground", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("suspended_at", TIMESTAMP(timezone=True), nullable=False),
    Column("suspended_by", Text, nullable=False),
    Column("resumption_evidence", Text),
    Column("proposed_at", TIMESTAMP(timezone=True)),
    Column("proposed_by", Text),
    Column("resumed_at", TIMESTAMP(timezone=True)),
    Column("resumed_by", Text),
    Index("suspension_award_id_idx", "award_id"),
    Index(
        "one_open_suspension_for_a_ground",
        "award_id",
        "ground",
        unique=True,
        postgresql_where=text("resumed_at IS NULL"),
    ),
)
