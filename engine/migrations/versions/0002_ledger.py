"""The ledger: accounts, entries of debit/credit lines, keys, reversals, balances, closed periods."""

from importlib.resources import files

from alembic import op

revision = "0002_ledger"
down_revision = "0001_foundations"


def upgrade() -> None:
    # Through the driver's own cursor: the functions hold percent signs and colons that are no parameters.
    with op.get_bind().connection.cursor() as cursor:
        cursor.execute(files("ledger").joinpath("schema.sql").read_text(encoding="utf-8"))
