from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, text

from engine.awards.claim import Claimed
from engine.awards.tables import claim

metadata = claim.metadata
OURS = {table.name for table in metadata.tables.values()}


def test_the_declared_tables_of_people_and_awards_are_those_of_the_migrations(owner: Engine) -> None:
    def is_ours(name: str | None, kind: str, parents: object) -> bool:
        return (kind != "schema" or name == "engine") and (kind != "table" or name in OURS)

    options = {"include_schemas": True, "include_name": is_ours, "compare_server_default": False}
    with owner.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


def test_the_database_knows_the_same_claims(owner: Engine) -> None:
    check = text("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'claim_benefit_check'")
    with owner.connect() as connection:
        words = str(connection.scalar(check)).split("'")
    assert {word for word in words if word.isidentifier()} == set(Claimed)
