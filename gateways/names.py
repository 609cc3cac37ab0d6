"""Compares a name with what a bank or wallet says: they write capitals without marks, and sometimes mask letters."""

import unicodedata

from gateways.contract import NameCheck


def compared(ours: str, theirs: str) -> NameCheck:
    """Match, close or none; a masked name says nothing.

    >>> compared("Nguyễn Văn Ân", "NGUYEN VAN AN"), compared("Trần Thị Đào", "TRAN T DAO")
    (<NameCheck.MATCH: 'match'>, <NameCheck.CLOSE_MATCH: 'close_match'>)
    """
    if "*" in theirs:
        return NameCheck.UNABLE
    one, other = _folded(ours).split(), _folded(theirs).split()
    if one == other and one:
        return NameCheck.MATCH
    alike = one and other and (one[0], one[-1]) == (other[0], other[-1])
    return NameCheck.CLOSE_MATCH if alike else NameCheck.NO_MATCH


def _folded(name: str) -> str:
    bare = unicodedata.normalize("NFD", name.upper().replace("Đ", "D"))
    return "".join(character for character in bare if not unicodedata.combining(character))
