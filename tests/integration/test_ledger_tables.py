from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, text

from ledger.accounts import BalanceLimit, NormalSide
from ledger.tables import metadata


def test_the_declared_tables_are_those_of_the_migrations(owner: Engine) -> None:
    def is_ours(name: str | None, kind: str, _: object) -> bool:
        return kind != "schema" or name == "ledger"

    options = {"include_schemas": True, "include_name": is_ours, "compare_server_default": False}
    with owner.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


def test_the_database_knows_the_same_sides_and_limits(owner: Engine) -> None:
    checks = text("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = :name")
    with owner.connect() as connection:
        sides = str(connection.scalar(checks, {"name": "account_normal_side_check"}))
        limits = str(connection.scalar(checks, {"name": "account_balance_limit_check"}))
    assert {word for word in sides.split("'") if word.isidentifier()} == set(NormalSide)
    assert {word for word in limits.split("'") if word.isidentifier()} == set(BalanceLimit)
