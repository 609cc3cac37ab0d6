import csv
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from engine.database import Database
from engine.errors import NotAllowed, WrongInput
from engine.people import person as people
from engine.people.files import PAYOUT_ACCOUNTS, import_payout_accounts
from engine.people.person import Person, Roll, enrol
from engine.people.workbook import Problems, Row
from engine.vault import Vault

OCTOBER, NOVEMBER = datetime(2026, 10, 1, 9, tzinfo=UTC), datetime(2026, 11, 10, 9, tzinfo=UTC)
HOA = Person("Trần Thị Hoa", "F", date(1960, 5, 2), "001160123456", "0112345678", None, "01", "urban")
BINH = Person("Đỗ Văn Bình", "M", date(1958, 1, 9), "079058654321", "7912345678", "0530000001", "79", "rural")


@pytest.fixture
def known(database: Database, vault: Vault) -> None:
    """Hoa and Bình are on record."""
    with database.transaction("preparer") as connection:
        rows = [(Row("form", 1, {}, Problems()), person) for person in (HOA, BINH)]
        roll = people.recognise(connection, vault, rows)
        assert isinstance(roll, Roll)
        enrol(connection, vault, roll)


def account_file(path: Path, *rows: Sequence[str]) -> Path:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, delimiter=";").writerows([PAYOUT_ACCOUNTS.required, *rows])
    return path


def hoa(account: str, bank: str = "970436", valid_from: str = "01/01/2026", holder: str = "TRAN THI HOA") -> list[str]:
    return [HOA.personal_id, HOA.name, bank, account, holder, valid_from]


def account_on(database: Database, vault: Vault, day: date, known_at: datetime) -> str | None:
    """Hoa's account for payments on a day, as known at an instant."""
    with database.transaction() as connection:
        row = connection.execute(
            text(
                "SELECT account_ciphertext FROM engine.payout_account JOIN engine.person USING (person_id)"
                " WHERE personal_id_fingerprint = :print AND valid_during @> CAST(:day AS date)"
                " AND recorded_during @> CAST(:known_at AS timestamptz)"
            ),
            {"print": vault.fingerprint("personal_id", HOA.personal_id), "day": day, "known_at": known_at},
        ).one_or_none()
    return vault.open("account", row.account_ciphertext) if row else None


@pytest.mark.usefixtures("known")
def test_a_changed_account_leaves_what_was_known_before_as_it_was(
    database: Database, vault: Vault, tmp_path: Path
) -> None:
    first = account_file(tmp_path / "first.csv", hoa("0011004123456"))
    second = account_file(tmp_path / "second.csv", hoa("19001234567890", "970407", valid_from="15/11/2026"))
    with database.transaction("preparer") as connection:
        assert import_payout_accounts(connection, vault, first, OCTOBER).opened == 1
    with database.transaction("preparer") as connection:
        changed = import_payout_accounts(connection, vault, second, NOVEMBER)
    assert (changed.opened, changed.replaced, changed.unchanged) == (0, 1, 0)

    before, after = datetime(2026, 11, 10, 8, tzinfo=UTC), datetime(2026, 11, 10, 10, tzinfo=UTC)
    # Before the change was recorded, the old account was believed to hold for ever; it ends with 14 November now.
    assert account_on(database, vault, date(2026, 12, 1), known_at=before) == "0011004123456"
    assert account_on(database, vault, date(2026, 11, 14), known_at=after) == "0011004123456"
    assert account_on(database, vault, date(2026, 11, 15), known_at=after) == "19001234567890"
    assert account_on(database, vault, date(2025, 12, 31), known_at=after) is None


@pytest.mark.usefixtures("known")
def test_the_same_file_twice_changes_nothing_and_answers_as_before(
    database: Database, vault: Vault, tmp_path: Path
) -> None:
    file = account_file(tmp_path / "accounts.csv", hoa("0011004123456"))
    copy = account_file(tmp_path / "copy.csv", hoa("0011004123456"))
    with database.transaction("preparer") as connection:
        first = import_payout_accounts(connection, vault, file, OCTOBER)
    with database.transaction("preparer") as connection:
        second = import_payout_accounts(connection, vault, copy, NOVEMBER)
        assert connection.scalar(text("SELECT count(*) FROM engine.payout_account")) == 1
    assert not first.already
    assert second.already
    assert (second.rows, second.opened) == (first.rows, first.opened) == (1, 1)


@pytest.mark.usefixtures("known")
def test_an_account_known_already_is_left_alone(database: Database, vault: Vault, tmp_path: Path) -> None:
    with database.transaction("preparer") as connection:
        import_payout_accounts(connection, vault, account_file(tmp_path / "a.csv", hoa("0011004123456")), OCTOBER)
        later = account_file(tmp_path / "b.csv", hoa("0011004123456", valid_from="01/06/2026"))
        assert import_payout_accounts(connection, vault, later, NOVEMBER).unchanged == 1
        assert connection.scalar(text("SELECT count(*) FROM engine.payout_account")) == 1


@pytest.mark.usefixtures("known")
def test_two_changes_at_one_instant_are_refused(database: Database, vault: Vault, tmp_path: Path) -> None:
    with database.transaction("preparer") as connection:
        import_payout_accounts(connection, vault, account_file(tmp_path / "a.csv", hoa("0011004123456")), OCTOBER)
    other = account_file(tmp_path / "b.csv", hoa("0011004999999"))
    with pytest.raises(NotAllowed), database.transaction("preparer") as connection:
        import_payout_accounts(connection, vault, other, OCTOBER)


@pytest.mark.usefixtures("known")
def test_every_wrong_row_is_named_and_no_account_is_stored(database: Database, vault: Vault, tmp_path: Path) -> None:
    file = account_file(
        tmp_path / "accounts.csv",
        hoa("9704151234567890"),  # a card: 16 digits, begins with 9704, right Luhn digit
        hoa("0912345678", bank="971025"),  # the wallet MoMo
        [BINH.personal_id, "Đỗ Văn Bình", "999999", "123456789", "DO VAN BINH", "01/01/2026"],
        [BINH.personal_id, "Đỗ Văn Bính", "970405", "12 34", "NGUYEN VAN BINH", "30/02/2026"],
        ["001160999999", "Lê Thị Lan", "970405", "1234567890123", "LE THI LAN", "01/01/2026"],
        ["1160", "Lê Thị Lan", "970405", "1234567890123", "LE THI LAN", ""],
    )
    with pytest.raises(WrongInput) as refused, database.transaction("preparer") as connection:
        import_payout_accounts(connection, vault, file, OCTOBER)
    problems = refused.value.problems
    expected = (
        "row 2, column Số tài khoản: is a card number",
        "row 3, column Mã ngân hàng: is an electronic wallet",
        "row 4, column Mã ngân hàng: is not the number of a bank",
        "row 5, column Số tài khoản: an account number has 6 to 19 digits",
        "row 5, column Hiệu lực từ ngày: '30/02/2026' is not a date",
        "row 6, column Số định danh: nobody with this personal id is on record",
        "row 7, column Số định danh: a personal id has 12 digits",
        "row 7, column Hiệu lực từ ngày: must be filled in",
    )
    for place in expected:
        assert any(place in problem for problem in problems), place
    assert not any("9704151234567890" in problem or "001160999999" in problem for problem in problems)
    with database.transaction() as connection:
        assert connection.scalar(text("SELECT count(*) FROM engine.payout_account")) == 0
        assert connection.scalar(text("SELECT count(*) FROM engine.imported_file")) == 0


@pytest.mark.usefixtures("known")
def test_a_wallet_is_taken_where_it_was_allowed_by_name(database: Database, vault: Vault, tmp_path: Path) -> None:
    file = account_file(tmp_path / "wallets.csv", hoa("0912345678", bank="971025"))
    with pytest.raises(WrongInput), database.transaction("preparer") as connection:
        import_payout_accounts(connection, vault, file, OCTOBER)
    with database.transaction("preparer") as connection:
        assert import_payout_accounts(connection, vault, file, OCTOBER, wallets=True).opened == 1
    other = account_file(tmp_path / "other.csv", hoa("0912345678", bank="971025", holder="TRAN VAN NAM"))
    with pytest.raises(WrongInput), database.transaction("preparer") as connection:
        import_payout_accounts(connection, vault, other, OCTOBER, wallets=True)


@pytest.mark.usefixtures("known")
def test_an_account_of_somebody_else_is_refused(database: Database, vault: Vault, tmp_path: Path) -> None:
    file = account_file(tmp_path / "accounts.csv", hoa("0011004123456", holder="NGUYEN VAN AN"))
    with pytest.raises(WrongInput, match="the account must be their own"), database.transaction() as connection:
        import_payout_accounts(connection, vault, file, OCTOBER)


@pytest.mark.usefixtures("known")
def test_the_database_lets_a_fact_be_closed_and_nothing_else(database: Database, vault: Vault, tmp_path: Path) -> None:
    with database.transaction("preparer") as connection:
        import_payout_accounts(connection, vault, account_file(tmp_path / "a.csv", hoa("0011004123456")), OCTOBER)
    second_account_for_the_same_days = (
        "INSERT INTO engine.payout_account (person_id, bank_bin, account_ciphertext, account_fingerprint, holder_name,"
        " valid_during, recorded_during) SELECT person_id, bank_bin, account_ciphertext, account_fingerprint,"
        " holder_name, '[2026-05-01,)', '[2026-11-01 00:00+00,)' FROM engine.payout_account"
    )
    forbidden = (
        "UPDATE engine.payout_account SET bank_bin = '970405'",
        "UPDATE engine.payout_account SET recorded_during = tstzrange('2020-01-01', '2026-12-01')",
        "UPDATE engine.person SET name = 'X'",
        "DELETE FROM engine.payout_account",
        "TRUNCATE engine.person CASCADE",
        second_account_for_the_same_days,
    )
    for statement in forbidden:
        with pytest.raises(DBAPIError), database.transaction("preparer") as connection:
            connection.execute(text(statement))


@pytest.mark.usefixtures("known")
def test_plain_numbers_stand_nowhere_in_the_tables(database: Database, vault: Vault, tmp_path: Path) -> None:
    with database.transaction("preparer") as connection:
        import_payout_accounts(connection, vault, account_file(tmp_path / "a.csv", hoa("0011004123456")), OCTOBER)
        content = "".join(
            str(row)
            for name in ("person", "payout_account", "imported_file")
            for row in connection.execute(
                text(f"SELECT t::text, encode(t::text::bytea, 'escape') FROM engine.{name} t")
            )
        )
    for number in (HOA.personal_id, HOA.insured_number, BINH.phone, "0011004123456"):
        assert str(number) not in content
        assert str(number).encode().hex() not in content


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.usefixtures("known")
def test_any_changes_one_after_another_leave_what_was_known_each_time(
    database: Database, vault: Vault, tmp_path: Path, seed: int
) -> None:
    """Against a small model: what we know is a list of changes, and the last one that has begun holds."""
    random = Random(seed)
    days = [date(2026, month, 1) for month in range(1, 13)]
    changes: list[tuple[datetime, date, str]] = []
    for at in (OCTOBER + timedelta(hours=number) for number in range(6)):
        valid_from, number = random.choice(days), str(random.randint(100_000, 100_003))
        changes.append((at, valid_from, number))
        file = account_file(tmp_path / f"{at:%H}.csv", hoa(number, valid_from=f"{valid_from:%d/%m/%Y}"), [])
        # the same content could come a second time: a blank row more makes it another file
        file.write_text(file.read_text(encoding="utf-8") + "\n" * len(changes), encoding="utf-8")
        with database.transaction("preparer") as connection:
            import_payout_accounts(connection, vault, file, at)

    for known_at, _, _ in changes:
        for day in days:
            expected = None
            for at, valid_from, number in changes:
                if at <= known_at and valid_from <= day:
                    expected = number
            assert account_on(database, vault, day, known_at) == expected, (changes, known_at, day)
