"""Costs by month as a picture (SVG): two bars a month, today's law beside the changed one; drawn in whole numbers."""

from collections.abc import Mapping
from xml.sax.saxutils import escape

_WIDTH, _HEIGHT = 960, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 110, 20, 60, 60
_LINES = 5
_TODAY, _CHANGED = "#4a5a6a", "#c0562c"
_BILLION = 10**9
_OPENING = (
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
    'font-family="sans-serif" font-size="12">'
)


def cost_chart(by_month: Mapping[str, tuple[int, int]], title: str) -> str:
    """The picture of costs before and after, in đồng, for each month."""
    top = _round_up(max((vnd for pair in by_month.values() for vnd in pair), default=0))
    parts = [
        _OPENING,
        f"<title>{escape(title)}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="24" font-size="16">{escape(title)}</text>',
        *_legend(),
        *_grid(top),
    ]
    room = (_WIDTH - _LEFT - _RIGHT) // max(1, len(by_month))
    bar = max(1, room * 2 // 5)
    every = 1 + len(by_month) // 18
    for place, (month, (before, after)) in enumerate(by_month.items()):
        x = _LEFT + place * room + (room - 2 * bar) // 2
        for offset, (vnd, colour, word) in enumerate(((before, _TODAY, "today"), (after, _CHANGED, "changed"))):
            height = _scaled(vnd, top)
            y = _HEIGHT - _BOTTOM - height
            told = f"<title>{month}, {word}: {vnd:,} VND</title>"
            parts.append(
                f'<rect x="{x + offset * bar}" y="{y}" width="{bar}" height="{height}" fill="{colour}">{told}</rect>'
            )
        if place % every == 0:
            parts.append(f'<text x="{x + bar}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">{month}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _legend() -> list[str]:
    words = ((_TODAY, "Luật hiện hành / today's law"), (_CHANGED, "Luật giả định / changed law"))
    lines = []
    for place, (colour, said) in enumerate(words):
        x = _LEFT + place * 260
        lines.append(f'<rect x="{x}" y="34" width="12" height="12" fill="{colour}"/>')
        lines.append(f'<text x="{x + 18}" y="45">{escape(said)}</text>')
    return lines


def _grid(top: int) -> list[str]:
    lines = []
    for step in range(_LINES + 1):
        vnd = top * step // _LINES
        y = _HEIGHT - _BOTTOM - _scaled(vnd, top)
        lines.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}" stroke="#dddddd"/>')
        lines.append(f'<text x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{_short(vnd)}</text>')
    return lines


def _scaled(vnd: int, top: int) -> int:
    return vnd * (_HEIGHT - _TOP - _BOTTOM) // top if top else 0


def _short(vnd: int) -> str:
    """Billions of đồng (tỷ đồng) where there are enough of them, else đồng."""
    return f"{vnd // _BILLION:,} tỷ" if vnd >= 10 * _BILLION else f"{vnd:,}"


def _round_up(vnd: int) -> int:
    """The next number of one leading digit that five lines divide."""
    unit: int = 5 * 10 ** max(0, len(str(vnd)) - 2)
    return -(-vnd // unit) * unit
