"""A birth date on record may be corrected, by an approved version of a claim alone; what it was before stays known."""

from alembic import op

revision = "0047_corrected_births"
down_revision = "0046_repayments"

_SQL = """
CREATE TABLE engine.corrected_birth (
    version_no bigint NOT NULL REFERENCES engine.claim_version,
    person_id uuid NOT NULL REFERENCES engine.person,
    birth_date_before date NOT NULL,
    birth_date date NOT NULL,
    PRIMARY KEY (version_no, person_id),
    CHECK (birth_date <> birth_date_before)
);
GRANT SELECT, INSERT ON engine.corrected_birth TO thuchi_application;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON engine.corrected_birth
    FOR EACH STATEMENT EXECUTE FUNCTION engine.refuse_change();

CREATE FUNCTION engine.check_corrected_birth() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(NEW) - 'birth_date' <> to_jsonb(OLD) - 'birth_date' OR NOT EXISTS (
        SELECT FROM engine.corrected_birth b JOIN engine.claim_version v USING (version_no)
        WHERE b.person_id = OLD.person_id AND v.approved_at IS NOT NULL
            AND (b.birth_date_before, b.birth_date) = (OLD.birth_date, NEW.birth_date))
    THEN
        RAISE EXCEPTION 'a birth date is corrected by an approved version of a claim, and by nothing else'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
GRANT UPDATE (birth_date) ON engine.person TO thuchi_application;
DROP TRIGGER only_complete ON engine.person;
CREATE TRIGGER only_complete BEFORE UPDATE ON engine.person
    FOR EACH ROW WHEN (OLD.birth_date = NEW.birth_date) EXECUTE FUNCTION engine.only_complete();
CREATE TRIGGER only_corrected BEFORE UPDATE ON engine.person
    FOR EACH ROW WHEN (OLD.birth_date IS DISTINCT FROM NEW.birth_date)
    EXECUTE FUNCTION engine.check_corrected_birth();
"""


def upgrade() -> None:
    op.execute(_SQL)
