"""Pay points (điểm chi trả): where benefits are handed out in cash to who has no account."""

from alembic import op

revision = "0037_pay_points"
down_revision = "0036_payout_requests"

_SQL = """
CREATE TABLE engine.pay_point (
    pay_point text PRIMARY KEY CHECK (pay_point ~ '^[0-9]{6}$'),
    name text NOT NULL CHECK (name <> ''),
    province text NOT NULL CHECK (province ~ '^[0-9]{2}$')
);
GRANT SELECT, INSERT, UPDATE (name, province) ON engine.pay_point TO thuchi_application;
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON engine.pay_point
    FOR EACH STATEMENT EXECUTE FUNCTION engine.refuse_change();
"""


def upgrade() -> None:
    op.execute(_SQL)
