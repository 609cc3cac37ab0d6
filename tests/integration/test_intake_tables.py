from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, text

from reconciliation.breaks import BreakClass
from reconciliation.matching import Rule
from reconciliation.tables import metadata


def test_the_declared_tables_are_those_of_the_migrations(owner: Engine) -> None:
    def is_ours(name: str | None, kind: str, _: object) -> bool:
        return kind != "schema" or name == "reconciliation"

    options = {"include_schemas": True, "include_name": is_ours, "compare_server_default": False}
    with owner.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


def test_the_database_knows_the_same_classes_and_rules(owner: Engine) -> None:
    checks = text("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = :name")
    with owner.connect() as connection:
        classes = str(connection.scalar(checks, {"name": "break_class_check"}))
        rules = str(connection.scalar(checks, {"name": "match_rule_check"}))
    stored = set(BreakClass) - {BreakClass.MISSING_AT_BANK}
    assert {word for word in classes.split("'") if word.isidentifier()} == stored
    assert {word for word in rules.split("'") if word.isidentifier()} == set(Rule)
