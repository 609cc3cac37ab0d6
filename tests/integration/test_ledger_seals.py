"""Seals over a real ledger: what they cover, in which order, and what they give away when somebody's hands were in."""

import re
import threading
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from conftest import TestDatabase
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from ledger_command import LedgerCommand, ledger_command
from sqlalchemy import Connection, Engine, text

from ledger.accounts import open_account
from ledger.balances import turnover
from ledger.book import post, reverse
from ledger.entries import EntryHeader, Line
from ledger.errors import AppendOnly, Refused, refusals
from ledger.exports import KEY_FILE, ExportVerification, export, verify_export, written_key, written_seals
from ledger.journal import journal
from ledger.money import Dong
from ledger.periods import close_period, detach_partition
from ledger.proofs import proof_difference, prove
from ledger.seals import key_id_of, seal_entries
from ledger.statement import statement
from ledger.verifier import Verification, verify
from ledger.window import Window

AT = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ROTATED = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))


@pytest.fixture(autouse=True)
def accounts(application: Engine) -> None:
    with application.begin() as connection:
        open_account(connection, "benefit_expense", "pension")
        open_account(connection, "benefits_payable")


def post_one(connection: Connection, key: str) -> int:
    header = EntryHeader(key=key, event="x", document=key, business_on=date(2026, 11, 1), description="")
    line = Line("benefit_expense.pension", "benefits_payable", Dong(100), "retirement")
    return post(connection, header, [line], AT).entry_id


def post_many(application: Engine, *keys: str) -> None:
    for key in keys:
        with application.begin() as connection:
            post_one(connection, key)


def seal(application: Engine, key: Ed25519PrivateKey = KEY, *, new_epoch: bool = False) -> list[int]:
    """Seals, and tells how many entries each new seal covers."""
    with application.begin() as connection:
        return [made.entries for made in seal_entries(connection, key, AT, new_epoch=new_epoch)]


def order(application: Engine) -> list[int]:
    with application.begin() as connection:
        return list(connection.scalars(text("SELECT entry_id FROM ledger.sealed_entry ORDER BY position")))


def verified(application: Engine) -> Verification:
    with application.begin() as connection:
        return verify(connection)


def test_each_entry_is_sealed_once_and_the_chain_verifies(application: Engine) -> None:
    post_many(application, "a", "b")
    assert seal(application) == [2]
    assert seal(application) == []
    post_many(application, "c")
    assert seal(application, ROTATED) == [1]
    assert order(application) == [1, 2, 3]
    assert (verified(application).seals_match, verified(application).first_difference) == (True, None)


def test_an_entry_that_commits_late_is_neither_missed_nor_put_before_what_is_sealed(application: Engine) -> None:
    with application.begin() as late:
        first = post_one(late, "late")
        post_many(application, "early")
        assert seal(application) == []
    assert seal(application) == [2]
    assert order(application)[0] == first


def test_sealers_at_the_same_time_seal_each_entry_once(application: Engine) -> None:
    post_many(application, *"abcdef")
    made: list[list[int]] = []
    sealers = [threading.Thread(target=lambda: made.append(seal(application))) for _ in range(4)]
    for sealer in sealers:
        sealer.start()
    for sealer in sealers:
        sealer.join()
    assert sorted(made) == [[], [], [], [6]]
    assert verified(application).seals_match


def test_a_restore_into_another_cluster_needs_a_new_epoch(application: Engine, superuser: Engine) -> None:
    post_many(application, "a")
    seal(application)
    post_many(application, "b", "c")
    with superuser.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("UPDATE ledger.seal_epoch SET system_identifier = 1"))
    with pytest.raises(Refused, match="begin a new epoch"):
        seal(application)
    assert seal(application, new_epoch=True) == [2]
    assert seal(application) == []
    assert verified(application).seals_match


CHANGES = [
    ("UPDATE ledger.seal SET merkle_root = sha256('') WHERE seal_no = 1", "seal 1: content does not match its hash"),
    ("UPDATE ledger.seal SET seal_hash = sha256('') WHERE seal_no = 1", "seal 1: content does not match its hash"),
    ("UPDATE ledger.seal SET sealed_at = '2026-01-01Z' WHERE seal_no = 2", "seal 2: content does not match its hash"),
    ("UPDATE ledger.seal SET epoch = 9 WHERE seal_no = 2", "seal 2: content does not match its hash"),
    ("UPDATE ledger.seal SET entries = 3 WHERE seal_no = 1", "seal 1: content does not match its hash"),
    (
        "UPDATE ledger.seal SET previous_hash = sha256('') WHERE seal_no = 2",
        "seal 2: it does not link to the seal before it",
    ),
    (
        "UPDATE ledger.seal SET first_position = 9 WHERE seal_no = 2",
        "seal 2: its positions do not follow those of the seal before it",
    ),
    (
        "UPDATE ledger.seal SET signature = set_bit(signature, 7, 1 - get_bit(signature, 7)) WHERE seal_no = 2",
        "seal 2: its signature is not valid",
    ),
    (
        (
            "ALTER TABLE ledger.seal_key DROP CONSTRAINT seal_key_id_is_its_fingerprint;"
            "UPDATE ledger.seal_key SET public_key = set_bit(public_key, 7, 1 - get_bit(public_key, 7))"
        ),
        "seal 1: its public key is not the one that it names",
    ),
    ("DELETE FROM ledger.seal WHERE seal_no = 1", "seal 1: it is missing, but its entries are there"),
    ("DELETE FROM ledger.sealed_entry WHERE position = 2", "seal 1: it seals 2 entries, 1 are there"),
    (
        "UPDATE ledger.sealed_entry SET position = 9 WHERE position = 3",
        "seal 2: the positions of its entries are not those that it sealed",
    ),
    (
        (
            "ALTER TABLE ledger.sealed_entry DROP CONSTRAINT sealed_entry_pkey;"
            "UPDATE ledger.sealed_entry SET position = 3 - position WHERE position < 3"
        ),
        "seal 1: its entries do not match its Merkle root",
    ),
    (
        "UPDATE ledger.sealed_entry SET content_hash = sha256('') WHERE entry_id = 2",
        "entry 2: it is not what seal 1 sealed",
    ),
    (
        "DELETE FROM ledger.seal WHERE seal_no = 1; DELETE FROM ledger.sealed_entry WHERE seal_no = 1",
        "seal 2: the seal before it is missing",
    ),
]


def test_every_change_of_a_seal_is_found_and_named(application: Engine, superuser: Engine) -> None:
    post_many(application, "a", "b")
    seal(application)
    post_many(application, "c")
    seal(application)
    for changes, difference in CHANGES:
        with superuser.connect() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            for change in changes.split(";"):
                connection.execute(text(change))
            found = verify(connection)
        assert (changes, found.first_difference) == (changes, difference)
        assert (found.contents_match, found.balances_match, found.seals_match) == (True, True, False)


def test_an_entry_erased_without_trace_is_missed_by_its_seal(application: Engine, superuser: Engine) -> None:
    post_many(application, "a", "b")
    seal(application)
    with superuser.connect() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for table in ("line", "entry_key", "entry"):
            connection.execute(text(f"DELETE FROM ledger.{table} WHERE entry_id = 2"))
        connection.execute(
            text("UPDATE ledger.balance SET debit_vnd = greatest(0, debit_vnd - 100), "
                 "credit_vnd = greatest(0, credit_vnd - 100)")
        )  # fmt: skip
        found = verify(connection)
    assert (found.contents_match, found.balances_match, found.seals_match) == (True, True, False)
    assert found.first_difference == "entry 2: it is not what seal 1 sealed"


@pytest.mark.parametrize("table", ["seal_epoch", "seal_key", "seal", "sealed_entry"])
def test_nobody_changes_or_erases_what_is_sealed(application: Engine, owner: Engine, table: str) -> None:
    post_many(application, "a")
    seal(application)
    for change in (f"DELETE FROM ledger.{table}", f"TRUNCATE ledger.{table} CASCADE"):
        with pytest.raises(AppendOnly), owner.begin() as connection, refusals():
            connection.execute(text(change))
    with application.begin() as connection:
        rights = "SELECT has_table_privilege(:table, 'INSERT, UPDATE, DELETE, TRUNCATE')"
        assert connection.scalar(text(rights), {"table": f"ledger.{table}"}) is False


PUBLIC = KEY.public_key().public_bytes_raw()


def exported(application: Engine, directory: Path, until_seal: int | None = None) -> ExportVerification:
    with application.begin() as connection:
        export(connection, directory, until_seal)
    return verify_export(directory, {key_id_of(PUBLIC): PUBLIC})


def test_an_export_is_verified_with_the_public_key_alone(application: Engine, tmp_path: Path) -> None:
    post_many(application, "a", "b")
    seal(application)
    with application.begin() as connection:
        reverse(connection, 1, key="r", document="đ", business_on=date(2026, 11, 2), description="đảo", recorded_at=AT)
    seal(application)
    with application.begin() as connection:
        heads = [seal["seal_hash"] for seal in written_seals(connection, 1, 2)]
    assert exported(application, tmp_path) == ExportVerification(2, 3, 3, heads[1], None)
    assert exported(application, tmp_path / "first", 1) == ExportVerification(1, 2, 2, heads[0], None)
    assert "none of the given public keys" in str(verify_export(tmp_path, {}).first_difference)


def test_any_other_byte_anywhere_in_an_export_is_found_and_its_place_named(application: Engine, tmp_path: Path) -> None:
    """Every third place: with a bit flipped, and with a blank, a digit or the letter's other case in its stead."""
    post_many(application, "a", "b")
    seal(application)
    with application.begin() as connection:
        reverse(connection, 1, key="r", document="đ", business_on=date(2026, 11, 2), description="", recorded_at=AT)
    seal(application)
    assert exported(application, tmp_path).first_difference is None
    (tmp_path / KEY_FILE).write_bytes(written_key(PUBLIC))
    keys = {key_id_of(PUBLIC): PUBLIC}
    assert verify_export(tmp_path, keys).first_difference is None
    for name in ("seals.jsonl", "entries.jsonl", KEY_FILE):
        written = (tmp_path / name).read_bytes()
        for place in range(0, len(written), 3):
            byte = written[place]
            for other in {byte ^ 1 << place % 8, (0x09, 0x0A, 0x20, 0x30, byte ^ 0x20)[place % 5]} - {byte}:
                (tmp_path / name).write_bytes(written[:place] + bytes([other]) + written[place + 1 :])
                difference = verify_export(tmp_path, keys).first_difference
                assert difference is not None, (name, place, written[place - 20 : place + 20], other)
                assert re.match(r"seal \d+: |(seals|entries)\.jsonl line \d+: |public-key\.pem: ", difference)
        (tmp_path / name).write_bytes(written)
    assert verify_export(tmp_path, keys).first_difference is None


REWRITTEN = [
    ("entries.jsonl", '"retirement"', '"sickness"', "entries.jsonl line 1: entry 1: content does not match its hash"),
    ("entries.jsonl", " 100,", " 101,", "entries.jsonl line 1: entry 1: content does not match its hash"),
    ("entries.jsonl", '"document": "b"', '"document": "x"', "entries.jsonl line 3: entry 2: content does not match"),
    ("entries.jsonl", '"reverses": null', '"reverses": ""', "entries.jsonl line 1: not as it was written"),
    ("entries.jsonl", " 100,", ' "100",', "entries.jsonl line 2: not as it was written"),
    ("entries.jsonl", '"position": 1', '"position": 3', "entries.jsonl line 1: entry 1: it stands at place 1"),
    ("entries.jsonl", '{"position": 1, ', "{", "entries.jsonl line 1: not as it was written"),
    ("entries.jsonl", '{"position"', '{"a": 1, "position"', "entries.jsonl line 1: not as it was written"),
    ("seals.jsonl", '"epoch": 1', '"epoch": 2', "seal 1: content does not match its hash"),
    ("seals.jsonl", '"epoch": 1', '"epoch": "1"', "seals.jsonl line 1: not a seal as it was written"),
    ("seals.jsonl", '"entries": 2', '"entries": 1', "seal 1: content does not match its hash"),
    ("seals.jsonl", '"seal_no": 1', '"seal_no": 2', "seal 2: the seal before it is missing"),
    ("seals.jsonl", "+00:00", "Z", "seals.jsonl line 1: not a seal as it was written"),
    ("seals.jsonl", "{", "[" * 200_000, "seals.jsonl line 1: not as it was written"),
    ("seals.jsonl", "{", "x" * 2_000_000, "seals.jsonl line 1: not as it was written"),
]


def test_a_changed_export_is_found(application: Engine, tmp_path: Path) -> None:
    post_many(application, "a", "b")
    seal(application)
    assert exported(application, tmp_path).first_difference is None
    for name, old, new, difference in REWRITTEN:
        written = (tmp_path / name).read_text(encoding="utf-8")
        assert old in written
        (tmp_path / name).write_text(written.replace(old, new, 1), encoding="utf-8")
        found = verify_export(tmp_path, {key_id_of(PUBLIC): PUBLIC})
        assert (old, str(found.first_difference)[: len(difference)]) == (old, difference)
        (tmp_path / name).write_text(written, encoding="utf-8")


def test_an_export_cut_off_or_with_entries_exchanged_is_found(application: Engine, tmp_path: Path) -> None:
    post_many(application, "a", "b")
    seal(application)
    exported(application, tmp_path)
    lines = (tmp_path / "entries.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    for changed, difference in (
        (lines[:2], "seal 1: it seals 2 entries, 1 are there"),
        (lines[:3], "entries.jsonl line 3: entry 2: content does not match its hash"),
        (lines[2:] + lines[:2], "entries.jsonl line 1: entry 2: it stands at place 1, not where it says"),
        (lines[1:], "entries.jsonl line 1: a line without its entry"),
        ([*lines, lines[2].replace('"position": 2', '"position": 3')], "entries.jsonl line 5: entry 2: content does"),
    ):
        (tmp_path / "entries.jsonl").write_text("".join(changed), encoding="utf-8")
        found = verify_export(tmp_path, {key_id_of(PUBLIC): PUBLIC})
        assert str(found.first_difference).startswith(difference)


def test_an_entry_is_proved_by_its_path_to_the_signed_root(application: Engine) -> None:
    post_many(application, *"abcde")
    seal(application)
    with application.begin() as connection:
        for entry_id in range(1, 6):
            proof = prove(connection, entry_id)
            assert proof_difference(proof) is None
            assert proof_difference(proof | {"position": proof["position"] % 5 + 1}) is not None
            assert proof_difference(proof | {"content_hash": "00" * 32}) is not None


@pytest.fixture
def thuchi(
    test_database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> LedgerCommand:
    return ledger_command(test_database, tmp_path / "home", monkeypatch, capsys)


def test_sealing_exporting_proving_and_changing_the_key(
    thuchi: LedgerCommand, application: Engine, tmp_path: Path
) -> None:
    post_many(application, "a", "b", "c", "d")
    (first,) = thuchi("seal", "--json").json
    assert first["entries"] == 4
    assert thuchi("seal", "--json").json == []
    key = tmp_path / "home" / "keys" / "seal.pem"
    key.rename(tmp_path / "old.pem")
    post_many(application, "e")
    (second,) = thuchi("seal", "--json").json
    assert first["key"] != second["key"]
    assert thuchi("verify", "--json").json["seals_match"] is True
    thuchi("export", str(tmp_path / "new"))
    key.unlink()
    (tmp_path / "old.pem").rename(key)
    thuchi("export", str(tmp_path / "old"), "--until-seal", "1")
    new, old = (["--public-key", str(tmp_path / name / "public-key.pem")] for name in ("new", "old"))
    for name, keys, seals in (("old", old, 1), ("new", [*old, *new], 2)):
        found = thuchi("verify", "--export", str(tmp_path / name), *keys, "--json").json
        assert (found["seals"], found["first_difference"]) == (seals, None)
        assert found["head"] == (first, second)[seals - 1]["hash"]
    refused = thuchi("verify", "--export", str(tmp_path / "new"), *new)
    assert refused.code == 1
    assert f"none of the given public keys is {first['key']}" in refused.err
    (tmp_path / "new" / "seals.jsonl").unlink()
    assert thuchi("verify", "--export", str(tmp_path / "new"), *new).code == 2
    proof = tmp_path / "proof.json"
    for entry, key_id in ((1, first["key"]), (4, first["key"]), (5, second["key"])):
        proof.write_text(thuchi("prove", str(entry)).out, encoding="utf-8")
        checked = thuchi("check-proof", str(proof), "--json").json
        assert (checked["entry"], checked["key"], checked["holds"]) == (entry, key_id, True)
    proof.write_text(proof.read_text(encoding="utf-8").replace('"position": 5', '"position": 4'), encoding="utf-8")
    assert thuchi("check-proof", str(proof)).code == 1
    assert thuchi("prove", "99").code == 2


def test_what_has_left_the_books_is_neither_read_nor_exported_as_if_it_were_there(
    application: Engine, owner: Engine, tmp_path: Path
) -> None:
    """November left in February; its sums are in the books, its days are not."""
    months = [datetime(2026, 11, 5, tzinfo=UTC), datetime(2026, 12, 5, tzinfo=UTC), datetime(2027, 1, 5, tzinfo=UTC)]
    account = "benefits_payable"
    for at in months:
        header = EntryHeader(key=f"{at}", event="x", document="d", business_on=at.date(), description="")
        with application.begin() as connection:
            post(connection, header, [Line("benefit_expense.pension", account, Dong(100), "retirement")], at)
    seal(application)
    exported(application, tmp_path / "before")
    windows = [
        Window(),
        Window(until=date(2026, 12, 31)),
        Window(date(2026, 12, 1), date(2026, 12, 31)),
        Window(known_at=datetime(2026, 12, 31, tzinfo=UTC)),
    ]
    with application.begin() as connection:
        before = [turnover(connection, window) for window in windows]
    with owner.begin() as connection:
        close_period(connection, date(2026, 11, 1), AT)
        detach_partition(connection, 0, datetime(2027, 2, 1, tzinfo=UTC), [])
    with application.begin() as connection:
        assert [turnover(connection, window) for window in windows] == before
        assert statement(connection, account).closing == Dong(300)
        for gone in (
            Window(until=date(2026, 11, 4)),
            Window(since=date(2026, 11, 5)),
            Window(known_at=datetime(2026, 11, 20, tzinfo=UTC)),
        ):
            for read in (
                lambda window: turnover(connection, window),
                lambda window: statement(connection, account, window),
                lambda window: journal(connection, window, limit=1),
            ):
                with pytest.raises(Refused, match="left the books"):
                    read(gone)
        with pytest.raises(Refused, match="entries of seal 1 have left the books"):
            export(connection, tmp_path / "after")
    assert verify_export(tmp_path / "before", {key_id_of(PUBLIC): PUBLIC}).first_difference is None


FLIPPED = {
    "text": "overlay({0} placing chr(ascii({0}) # 1) from 1 for 1)",
    "bytea": "set_bit({0}, 100, 1 - get_bit({0}, 100))",
    "bigint": "{0} # 1",
    "integer": "{0} # 1",
    "date": "date '2000-01-01' + (({0} - date '2000-01-01') # 1)",
    "timestamp with time zone": "{0} + CASE extract(microseconds FROM {0})::int % 2 WHEN 0 THEN 1 ELSE -1 END"
    " * interval '1 us'",
    "xid8": "(({0}::text::bigint) # 1)::text::xid8",
}
"""One bit of a value, by its type: flipping it again gives the value back."""

RULES_LIFTED = """
    DO $$ DECLARE rule record; BEGIN
        FOR rule IN SELECT conrelid::regclass AS owner, conname FROM pg_constraint
            WHERE contype IN ('c', 'f', 'u', 'p') AND connamespace = 'ledger'::regnamespace AND coninhcount = 0
            ORDER BY contype = 'f' DESC
        LOOP
            EXECUTE format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS %I CASCADE', rule.owner, rule.conname);
        END LOOP;
        ALTER TABLE ledger.entry ALTER entry_id DROP IDENTITY;
        ALTER TABLE ledger.account ALTER account_id DROP IDENTITY;
        ALTER TABLE ledger.balance ALTER balance_id DROP IDENTITY;
    END $$
"""

WITHOUT_EVIDENCE = {
    "account.name", "account.name_en", "balance.balance_id",
    "closed_period.month", "closed_period.closed_at", "closed_period.person",
    "partition.partition_no", "partition.made_in", "partition.month", "partition.ends_at", "partition.detached_at",
    "seal_epoch.system_identifier", "seal_epoch.inherited_through", "seal_epoch.begun_at",
}  # fmt: skip
"""What no hash covers and nothing repeats: names, row numbers, and what steers later work without being money."""


def test_a_flipped_bit_of_any_column_of_any_table_is_named_by_the_command(
    thuchi: LedgerCommand, application: Engine, superuser: Engine
) -> None:
    with application.begin() as connection:
        connection.execute(text("SET LOCAL thuchi.person = 'lan'"))
        open_account(connection, "in_transit", "simbank")
        header = EntryHeader(key="w", event="x", document="đ", business_on=date(2026, 11, 1), description="chi")
        line = Line("benefit_expense.pension", "benefits_payable", Dong(100), "retirement", "đợt", "p", "q")
        original = post(connection, header, [line, line], AT).entry_id
        reverse(connection, original, key="r", document="đ", business_on=AT.date(), description="đảo", recorded_at=AT)
        close_period(connection, date(2026, 10, 1), AT)
    seal(application)
    with superuser.begin() as connection:
        connection.execute(text(RULES_LIFTED))
        columns = connection.execute(
            text("""
                SELECT c.relname, a.attname, format_type(a.atttypid, -1)
                FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
                WHERE c.relnamespace = 'ledger'::regnamespace AND c.relkind IN ('r', 'p') AND attnum > 0
                    AND NOT attisdropped ORDER BY 1, attnum
            """)
        ).all()
    silent = set()
    for table, column, kind in columns:
        flip = f"""
            UPDATE ledger.{table} SET {column} = {FLIPPED[kind].format(column)} WHERE (ctid, tableoid) =
                (SELECT ctid, tableoid FROM ledger.{table} WHERE {column} IS NOT NULL ORDER BY ctid LIMIT 1)
            RETURNING ctid, tableoid
        """
        with superuser.begin() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            changed = connection.execute(text(flip)).one_or_none()
        found = thuchi("verify")
        if found.code == 0:
            silent.add(f"{table}.{column}")
        else:
            assert re.match(r"(entry \d+|account \S+|seal \d+): ", found.err), (table, column, found.err)
        if changed is not None:
            with superuser.begin() as connection:
                connection.execute(text("SET LOCAL session_replication_role = replica"))
                back = f"UPDATE ledger.{table} SET {column} = {FLIPPED[kind].format(column)} WHERE (ctid, tableoid) ="
                connection.execute(
                    text(f"{back} (CAST(:ctid AS tid), CAST(:tableoid AS oid))"),
                    {"ctid": changed.ctid, "tableoid": changed.tableoid},
                )
    assert thuchi("verify").code == 0
    assert silent == WITHOUT_EVIDENCE
