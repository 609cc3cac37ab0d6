"""Early news: what banks tell within the day (camt.052, camt.054, MT942). It is kept, and settles nothing."""

from alembic import op

revision = "0016_early_news"
down_revision = "0015_day_proofs"

_SQL = """
CREATE TABLE reconciliation.news (
    news_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    file_id integer NOT NULL REFERENCES reconciliation.statement_file,
    own_account_id integer NOT NULL REFERENCES reconciliation.own_account,
    sign text NOT NULL CHECK (sign IN ('credit', 'debit')),
    amount_vnd bigint NOT NULL CHECK (amount_vnd >= 0),
    told_on date,
    booked boolean NOT NULL,
    reference text,
    place text NOT NULL
);
CREATE INDEX news_by_reference ON reconciliation.news (reference) WHERE reference IS NOT NULL;
CREATE INDEX news_by_file ON reconciliation.news (file_id);
GRANT SELECT, INSERT ON reconciliation.news TO thuchi_application;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON reconciliation.news
    FOR EACH STATEMENT EXECUTE FUNCTION engine.refuse_change();
"""


def upgrade() -> None:
    op.execute(_SQL)
