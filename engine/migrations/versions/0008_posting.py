"""Entries and lines in monthly partitions; posting many entries in one call, and one line in few steps."""

from importlib.resources import files

from alembic import op

revision = "0008_posting"
down_revision = "0007_seals"


def upgrade() -> None:
    # Through the driver's own cursor: the functions hold percent signs and colons that are no parameters.
    with op.get_bind().connection.cursor() as cursor:
        for name in ("partitions.sql", "posting.sql"):
            cursor.execute(files("ledger").joinpath(name).read_text(encoding="utf-8"))
