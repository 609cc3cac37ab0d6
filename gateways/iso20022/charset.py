"""Fits Vietnamese names and texts to the characters a bank's file may hold.

Unless a bank says otherwise a payment file keeps to letters, digits, `/ - ? : ( ) . , ' +` and blank, although the
schema allows all of Unicode.
"""

import unicodedata

_REPLACED = {"đ": "d", "Đ": "D", "&": "+", '"': "'", "`": "'", "’": "'", "‘": "'", "“": "'", "”": "'"}
_REPLACED |= dict.fromkeys("–—−_", "-")


class Folding:
    """Fits texts to one bank's characters and lengths; names in capitals where it wants them."""

    def __init__(self, allowed: frozenset[str], *, capitals: bool = False) -> None:
        self._allowed = allowed
        self._capitals = capitals
        self._table = _Table(allowed)

    def name(self, text: str, length: int) -> str:
        """A name, cut to the length that fits."""
        written = self.text(text, length)
        return written.upper() if self._capitals else written

    def text(self, text: str, length: int) -> str:
        # References and remittances are written by ourselves, and are plain already.
        plain = text.isascii() and self._allowed.issuperset(text) and "  " not in text
        return (text.strip() if plain else self.folded(text))[:length].strip()

    def folded(self, text: str) -> str:
        """Marks taken off, other characters replaced by a blank, blanks drawn together.

        >>> Folding(frozenset("NTDCabcdefghijklmnopqrstuvwxyz+ ")).folded("Nguyễn Thị Đào & <Con>")
        'Nguyen Thi Dao + Con'
        """
        return " ".join(unicodedata.normalize("NFD", text).translate(self._table).split())


class _Table(dict[int, str]):
    """What each character becomes, found when it is first met: `str.translate` asks here."""

    def __init__(self, allowed: frozenset[str]) -> None:
        super().__init__()
        self._allowed = allowed

    def __missing__(self, code_point: int) -> str:
        character = _REPLACED.get(chr(code_point), chr(code_point))
        if unicodedata.combining(character):
            self[code_point] = ""
        else:
            self[code_point] = character if character in self._allowed else " "
        return self[code_point]
