import stat
from pathlib import Path

import pytest

from engine.vault import CannotOpen, UnsafeKeyFile, Vault, mask, open_vault


def test_a_sealed_value_opens_only_as_the_field_it_was_sealed_for(vault: Vault) -> None:
    sealed = vault.seal("account", "0011004123456")
    assert vault.open("account", sealed.ciphertext) == "0011004123456"
    with pytest.raises(CannotOpen):
        vault.open("phone", sealed.ciphertext)


def test_the_same_value_is_found_again_and_never_looks_the_same(vault: Vault) -> None:
    first, second = vault.seal("account", "0011004123456"), vault.seal("account", "0011004123456")
    assert first.fingerprint == second.fingerprint
    assert first.ciphertext != second.ciphertext
    assert vault.fingerprint("phone", "0011004123456") != first.fingerprint
    assert b"0011004123456" not in first.ciphertext + first.fingerprint


@pytest.mark.parametrize("position", [0, 1, 5, 20, -1])
def test_a_changed_ciphertext_is_refused(vault: Vault, position: int) -> None:
    ciphertext = bytearray(vault.seal("account", "0011004123456").ciphertext)
    ciphertext[position] ^= 1
    with pytest.raises(CannotOpen):
        vault.open("account", bytes(ciphertext))


def test_a_new_ring_is_private_and_a_readable_one_is_refused(tmp_path: Path) -> None:
    key_file = tmp_path / "keys" / "vault.json"
    fingerprint = open_vault(key_file).fingerprint("account", "1")
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert open_vault(key_file).fingerprint("account", "1") == fingerprint
    key_file.chmod(0o640)
    with pytest.raises(UnsafeKeyFile):
        open_vault(key_file)


def test_a_masked_value_shows_four_characters_at_most() -> None:
    assert mask("0011004123456") == "•••••••••3456"
    assert mask("123") == "••••"
