"""How much two Vietnamese names resemble each other: marks, case, order and abbreviated words told apart from others.

The measure sorts what people look at; it decides nothing alone. It is our own, in whole percent.
"""

from engine.people.workbook import fold

_SAME, _ABBREVIATED, _MISSPELT = 100, 70, 70
_OTHER_ORDER = 5
"""Taken off where the same words stand in another order."""
_LEAST_TO_MISSPELL = 4


def resemblance_percent(one: str, other: str) -> int:
    """100 for one name written twice, 0 for names without a word in common.

    >>> resemblance_percent("Nguyễn Thị Hòa", "NGUYEN THI HOA")
    100
    >>> resemblance_percent("Nguyễn Thị Hòa", "HOA NGUYEN THI")
    95
    >>> resemblance_percent("Nguyễn Thị Hòa", "NGUYEN T. HOA")
    90
    >>> resemblance_percent("Nguyễn Thị Hòa", "NGUYEN HOA")
    80
    >>> resemblance_percent("Nguyễn Thị Hòa", "TRAN VAN BINH")
    0
    """
    first, second = _words(one), _words(other)
    if not first or not second:
        return 0
    if first == second:
        return _SAME
    if sorted(first) == sorted(second):
        return _SAME - _OTHER_ORDER
    left = list(second)
    found = 0
    for alike in (_same, _near):
        for word in list(first):
            partner = next((each for each in left if alike(word, each)), None)
            if partner is not None:
                found += _SAME if alike is _same else min(_ABBREVIATED, _MISSPELT)
                first.remove(word)
                left.remove(partner)
    return 2 * found // (len(_words(one)) + len(second))


def _words(name: str) -> list[str]:
    return fold(name).replace(".", " ").replace("-", " ").split()


def _same(one: str, other: str) -> bool:
    return one == other


def _near(one: str, other: str) -> bool:
    """An initial of the other, or one letter away from it."""
    short, long = sorted((one, other), key=len)
    if len(short) == 1:
        return long.startswith(short)
    return len(short) >= _LEAST_TO_MISSPELL and _one_letter_apart(short, long)


def _one_letter_apart(short: str, long: str) -> bool:
    if len(long) - len(short) > 1:
        return False
    at = next((place for place, pair in enumerate(zip(short, long, strict=False)) if pair[0] != pair[1]), len(short))
    return short[at + (len(short) == len(long)) :] == long[at + 1 :]
