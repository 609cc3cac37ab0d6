"""Fits Vietnamese names and texts to the characters a bank's file may hold.

Unless a bank says otherwise a payment file keeps to letters, digits, `/ - ? : ( ) . , ' +` and blank, although the
schema allows all of Unicode.
"""

import unicodedata

_REPLACED = str.maketrans({"đ": "d", "Đ": "D", "&": "+", '"': "'", "`": "'", "’": "'", "‘": "'", "“": "'", "”": "'"})
_DASHES = str.maketrans(dict.fromkeys("–—−_", "-"))


def folded(text: str, allowed: frozenset[str]) -> str:
    """Marks taken off, other characters replaced by a blank, blanks drawn together.

    >>> folded("Nguyễn Thị Đào & <Con>", frozenset("NTDCabcdefghijklmnopqrstuvwxyz+ "))
    'Nguyen Thi Dao + Con'
    """
    bare = unicodedata.normalize("NFD", text.translate(_REPLACED).translate(_DASHES))
    kept = (character if character in allowed else " " for character in bare if not unicodedata.combining(character))
    return " ".join("".join(kept).split())
