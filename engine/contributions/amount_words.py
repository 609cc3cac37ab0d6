"""Amounts in Vietnamese words, as documents state them beside the figures (số tiền bằng chữ)."""

_DIGITS = ("không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín")
_SCALES = ("", " nghìn", " triệu")
_BILLION = 10**9


def in_words(amount_vnd: int) -> str:
    """The words for whole đồng, 0 or more.

    >>> in_words(1_234_567)
    'Một triệu hai trăm ba mươi tư nghìn năm trăm sáu mươi bảy đồng'
    >>> in_words(105_015_000_021)
    'Một trăm linh năm tỷ không trăm mười lăm triệu không nghìn không trăm hai mươi mốt đồng'
    """
    words = _number(amount_vnd, leading=True) or _DIGITS[0]
    return f"{words[0].upper()}{words[1:]} đồng"


def _number(number: int, *, leading: bool) -> str:
    """`leading`: nothing stands before, so that zeros in front are not spoken."""
    if number >= _BILLION:
        billions, rest = divmod(number, _BILLION)
        spoken = f"{_number(billions, leading=True)} tỷ"
        return f"{spoken} {_number(rest, leading=False)}" if rest else spoken
    parts: list[str] = []
    for scale in reversed(range(len(_SCALES))):
        group = number // 1000**scale % 1000
        spoken_before = bool(parts) or not leading
        if group:
            parts.append(_group(group, full=spoken_before) + _SCALES[scale])
        elif spoken_before and number % 1000**scale:
            parts.append(_DIGITS[0] + _SCALES[scale])
    return " ".join(parts)


def _group(number: int, *, full: bool) -> str:
    """Three digits; `full`: the hundreds are spoken even where they are zero."""
    hundreds, tens, ones = number // 100, number // 10 % 10, number % 10
    words = [f"{_DIGITS[hundreds]} trăm"] if hundreds or full else []
    if tens > 1:
        words.append(f"{_DIGITS[tens]} mươi")
    elif tens == 1:
        words.append("mười")
    elif ones and words:
        words.append("linh")
    if ones:
        words.append(_ones(ones, tens))
    return " ".join(words)


def _ones(ones: int, tens: int) -> str:
    """After tens, một, bốn and năm change: hai mươi mốt, hai mươi tư, mười lăm."""
    if tens > 1 and ones == 1:
        return "mốt"
    if tens > 1 and ones == 4:
        return "tư"
    return "lăm" if tens and ones == 5 else _DIGITS[ones]
