"""Số liệu chi không dùng tiền mặt as people take them away: one table for a sheet, one picture (SVG) of the shares.

Each row of the table carries its definition, so that a number cut out of it still says what it counts.
"""

from collections.abc import Iterator
from xml.sax.saxutils import escape

from engine.payments.figures import DEFINITIONS, Figures, Share, percent_of, shown
from engine.people.person import AREA, provinces
from ledger.money import Dong
from ledger.sheets import Cell, Column, Kind

COLUMNS = (
    Column("figure", "Chỉ số", "Figure"),
    Column("dimension", "Chiều", "Dimension"),
    Column("value", "Giá trị", "Value"),
    Column("whole", "Tổng số", "Of", Kind.NUMBER),
    Column("part", "Đạt", "Reached", Kind.NUMBER),
    Column("percent", "Tỷ lệ %", "Percent"),
    Column("whole_vnd", "Tổng tiền", "Of money", Kind.MONEY),
    Column("part_vnd", "Tiền đạt", "Money reached", Kind.MONEY),
    Column("percent_of_money", "Tỷ lệ % tiền", "Percent of money"),
    Column("definition", "Định nghĩa", "Definition"),
)
DIMENSIONS = {
    "all": "Chung",
    "area": "Khu vực",
    "benefit_group": "Nhóm chế độ",
    "sex": "Giới tính",
    "age_band": "Tuổi",
    "office": "Cơ quan BHXH",
    "province": "Tỉnh",
}
_WORDS = {
    "all": "Tất cả",
    "monthly": "Hằng tháng",
    "once": "Một lần",
    "F": "Nữ",
    "M": "Nam",
    "unknown": "Chưa rõ",
    "under 60": "dưới 60",
    "80 and more": "80 trở lên",
} | {code: word for word, code in AREA.items()}


def rows(figures: Figures) -> Iterator[tuple[Cell, ...]]:
    """All figures of a month, one a row."""
    for each in figures.shares:
        yield (
            "share",
            each.dimension,
            each.value,
            each.persons,
            each.persons_cashless,
            shown(each.percent_of_persons),
            Dong(each.amount_vnd),
            Dong(each.amount_cashless_vnd),
            shown(each.percent_of_money),
            _definition("share"),
        )
    for target in figures.targets:
        reached = {None: None, True: "reached", False: "missed"}[target.reached]
        yield (
            "target",
            target.dimension,
            target.value,
            None,
            None,
            str(target.percent),
            *_EMPTY,
            reached,
            target.document,
        )
    tried, succeeded = figures.first_attempts, figures.first_attempts_succeeded
    yield _counted("first_attempt", None, tried, succeeded, shown(percent_of(succeeded, tried)))
    for reason, payments, amount_vnd in figures.returns:
        told = _definition("returns")
        yield "returns", "reason", reason, payments, None, None, Dong(amount_vnd), None, None, told
    for days, payments in figures.days_to_credit:
        yield _counted("days_to_credit", str(days), payments)
    yield _counted("unverified", None, figures.unverified)
    yield _counted("without_account", None, figures.without_account)


_EMPTY = (None, None)


def _counted(
    figure: str, value: str | None, whole: int, part: int | None = None, percent: str | None = None
) -> tuple[Cell, ...]:
    return figure, None, value, whole, part, percent, *_EMPTY, None, _definition(figure)


def _definition(figure: str) -> str:
    return f"{DEFINITIONS[figure]['vi']} / {DEFINITIONS[figure]['en']}"


_WIDTH, _LEFT, _BAR, _ROW, _TOP = 960, 250, 560, 22, 96
_REACHED, _REST, _MARK = "#2f6f5e", "#dfe5ea", "#c0562c"

_OPENING = (
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {{height}}" role="img" '
    'font-family="sans-serif" font-size="12">'
)


def chart(figures: Figures) -> str:
    """The shares of persons as bars; a mark where a target stands, the definition below."""
    height = _TOP + _ROW * (len(figures.shares) + len({each.dimension for each in figures.shares})) + 50
    title = f"Tỷ lệ người được chi không dùng tiền mặt, tháng {figures.month:%m/%Y}"
    parts = [
        _OPENING.format(height=height),
        f"<title>{escape(title)}</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="20" y="28" font-size="16">{escape(title)}</text>',
        *_legend(figures),
    ]
    y, dimension = _TOP, None
    for each in figures.shares:
        if each.dimension != dimension:
            dimension = each.dimension
            y += _ROW
            parts.append(f'<text x="20" y="{y - 6}" font-weight="bold">{escape(DIMENSIONS[dimension])}</text>')
        parts += _bar(each, y)
        y += _ROW
        parts += [
            f'<line x1="{_LEFT + _BAR * target.percent // 100}" x2="{_LEFT + _BAR * target.percent // 100}" '
            f'y1="{y - _ROW}" y2="{y - 4}" stroke="{_MARK}" stroke-width="3"/>'
            for target in figures.targets
            if (target.dimension, target.value) == (each.dimension, each.value)
        ]
    parts.append(f'<text x="20" y="{y + 26}" font-size="11">{escape(DEFINITIONS["share"]["vi"])}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _legend(figures: Figures) -> list[str]:
    lines = [
        f'<rect x="20" y="44" width="12" height="12" fill="{_REACHED}"/>',
        '<text x="38" y="54">Chi vào tài khoản / paid to an account</text>',
    ]
    for place, target in enumerate(figures.targets):
        said = f"Chỉ tiêu {target.percent}%: {_value(target.dimension, target.value)} ({target.document})"
        y = 62 + 18 * place
        lines.append(f'<rect x="20" y="{y}" width="3" height="12" fill="{_MARK}"/>')
        lines.append(f'<text x="38" y="{y + 10}">{escape(said)}</text>')
    return lines


def _bar(share: Share, y: int) -> list[str]:
    width = _BAR * share.persons_cashless // share.persons if share.persons else 0
    counted = f"{shown(share.percent_of_persons) or '–'} %  ({share.persons_cashless:,}/{share.persons:,})"
    return [
        f'<text x="{_LEFT - 8}" y="{y + 12}" text-anchor="end">{escape(_value(share.dimension, share.value))}</text>',
        f'<rect x="{_LEFT}" y="{y}" width="{_BAR}" height="16" fill="{_REST}"/>',
        f'<rect x="{_LEFT}" y="{y}" width="{width}" height="16" fill="{_REACHED}"/>',
        f'<text x="{_LEFT + _BAR + 8}" y="{y + 12}">{escape(counted.replace(",", "."))}</text>',
    ]


def _value(dimension: str, value: str) -> str:
    if dimension == "province":
        return provinces().get(value, value)
    return _WORDS.get(value, value)
