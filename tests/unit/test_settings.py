from pathlib import Path

import pytest

from engine.errors import WrongInput
from engine.settings import Settings


def test_a_secret_can_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql://app:secret@db/thuchi\n")
    assert Settings.read({"THUCHI_DATABASE_URL_FILE": str(file)}).database_url == "postgresql://app:secret@db/thuchi"


def test_a_setting_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongInput, match="both set"):
        Settings.read({"THUCHI_REDIS_URL": "redis://a", "THUCHI_REDIS_URL_FILE": str(tmp_path / "x")})


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(WrongInput, match="THUCHI_REDIS_URL_FILE"):
        Settings.read({"THUCHI_REDIS_URL_FILE": str(tmp_path / "missing")})


def test_the_owner_s_address_needs_the_application_s() -> None:
    with pytest.raises(WrongInput, match="set both or neither"):
        Settings.read({"THUCHI_DATABASE_OWNER_URL": "postgresql://owner@db/thuchi"})


def test_without_settings_the_home_is_here() -> None:
    assert Settings.read({}) == Settings(Path.cwd() / ".thuchi", None, None, None)
