"""An invented bank that makes of our payments what real banks make of them. The truth is written before the noise.

Each kind of noise is told apart, so that recall can be counted by kind. A line is known again by the bank's own
reference, which no rule of matching looks at. Prefixes and tails of memos are those that public statements show.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from bank_paper import Line, Paper
from sqlalchemy import Connection, text

from reconciliation import expectations, matching
from reconciliation.intake import load_statement, register_account
from reconciliation.references import DIGITS, make_reference
from reconciliation.suggestions import suggest
from reconciliation.working_days import working_days_after

ACCOUNT = "8800000000001"
DAY = date(2026, 2, 13)
"""The last working day before Tết: bookings of later days lie behind nine days without work."""
_FAR = date(2026, 3, 20)
_BEFORE = (
    "MBVCB.1234567890.123456.",
    "123456.130226.101112.",
    "CT nhanh 247 den: ",
    "TKThe :0011 tai VCB. ",
    "IBVCB.",
    "",
)
_AFTER = (
    ".CT tu 0011000000001 NGUYEN VAN A toi 88 BHXH tai TCB",
    " FT26044123456789",
    "-CTLNHIDI000012345678901-1/1",
    "",
)
_UNITS = 40


@dataclass
class Noise:
    """What the bank told, and what it was: of each line its kind and the references that it really pays."""

    lines: list[tuple[date, Line]] = field(default_factory=list)
    truth: dict[str, tuple[str, frozenset[str]]] = field(default_factory=dict)
    payments: list[tuple[str, int, str | None]] = field(default_factory=list)
    """Reference, amount, account of the payee."""

    def tell(self, kind: str, on: date, line: Line, pays: frozenset[str]) -> None:
        number = len(self.lines) + 1
        line = Line(
            line.amount_vnd, line.end_to_end_id, line.text, line.reason, line.name, f"BANK{number:08d}", line.account
        )
        self.lines.append((on, line))
        self.truth[line.bank_reference] = kind, pays


@dataclass(frozen=True)
class Quality:
    """What matching made of the noise."""

    lines: int
    false_matches: int
    false_vnd: int
    recall: dict[str, float]
    """Of each kind of line the share that was matched, and rightly."""
    suggested: float
    """Of the lines without code and account: how often the right one is among the suggestions."""
    adds_up: bool
    """Matched and open lines come to what the statements moved."""
    stable: bool
    """A second run finds nothing."""


class _Maker:
    """Draws payments and tells them with one kind of noise each."""

    def __init__(self, seed: int) -> None:
        self.noise = Noise()
        self.random = random.Random(seed)
        self._number = 0

    def payment(self, amount_vnd: int | None = None, account: str | None = None) -> tuple[str, int, str]:
        self._number += 1
        reference = make_reference("PN", self._number)
        amount = amount_vnd or self.random.randrange(20, 90) * 100_000
        payee = account or f"1903{self._number:010d}"
        self.noise.payments.append((reference, amount, payee))
        return reference, amount, payee

    def memo(self, words: str) -> str:
        return f"{self.random.choice(_BEFORE)}{words} luong huu T2{self.random.choice(_AFTER)}"

    def day(self) -> date:
        """Most lines come on their day, some after the holidays."""
        return working_days_after(DAY, self.random.choice((0, 0, 0, 0, 0, 0, 0, 1, 1, 2)))


Teller = Callable[[_Maker], None]


def _clean(maker: _Maker) -> None:
    reference, amount, payee = maker.payment()
    maker.noise.tell("clean", maker.day(), Line(-amount, reference, account=payee), frozenset({reference}))


def _code(maker: _Maker) -> None:
    reference, amount, payee = maker.payment()
    folded = reference.lower() if maker.random.random() < 0.3 else f"{reference[:6]} {reference[6:]}"
    line = Line(-amount, text=maker.memo(folded), account=payee)
    maker.noise.tell("code in the memo", maker.day(), line, frozenset({reference}))


def _cut_tail(maker: _Maker) -> None:
    reference, amount, payee = maker.payment()
    words = f"{reference} {maker.memo('luong huu')}"[: maker.random.choice((35, 50, 140))]
    maker.noise.tell(
        "memo cut behind the code", maker.day(), Line(-amount, text=words, account=payee), frozenset({reference})
    )


def _code_lost(maker: _Maker) -> None:
    reference, amount, payee = maker.payment()
    line = Line(-amount, text=maker.memo("khong ro"), account=payee)
    maker.noise.tell("code lost, account there", maker.day(), line, frozenset({reference}))


def _damaged(maker: _Maker) -> None:
    """One character wrong, or cut inside the code."""
    reference, amount, _ = maker.payment()
    place = maker.random.randrange(2, 2 + DIGITS)
    wrong = (
        reference[:place] + str((int(reference[place]) + 1 + maker.random.randrange(8)) % 10) + reference[place + 1 :]
    )
    if maker.random.random() < 0.4:
        wrong = reference[:12]
    maker.noise.tell(
        "code damaged", maker.day(), Line(-amount, text=wrong, account="9704000001"), frozenset({reference})
    )


def _nothing(maker: _Maker) -> None:
    reference, amount, _ = maker.payment(maker.random.randrange(20_000_000, 90_000_000))
    line = Line(-amount, text=maker.memo("chi luong"), account="9704000001")
    maker.noise.tell("neither code nor account", maker.day(), line, frozenset({reference}))


def _merged(maker: _Maker) -> None:
    made = [maker.payment() for _ in range(maker.random.choice((2, 3)))]
    line = Line(-sum(amount for _, amount, _ in made), text=" ".join(reference for reference, _, _ in made))
    maker.noise.tell("merged with codes", maker.day(), line, frozenset(reference for reference, _, _ in made))


def _split(maker: _Maker) -> None:
    reference, amount, payee = maker.payment()
    day, part = maker.day(), maker.random.randrange(1, amount // 100_000) * 100_000
    for share in (part, amount - part):
        line = Line(-share, text=maker.memo(reference), account=payee)
        maker.noise.tell("split with code", day, line, frozenset({reference}))


def _part_missing(maker: _Maker) -> None:
    reference, amount, payee = maker.payment()
    maker.noise.tell("a part alone", maker.day(), Line(-(amount - 100_000), reference, account=payee), frozenset())


def _doubled(maker: _Maker) -> None:
    """The first by date is the payment; which of two equal lines is the double nobody can say."""
    reference, amount, payee = maker.payment()
    day = maker.day()
    for _ in range(2):
        maker.noise.tell("told twice", day, Line(-amount, reference, account=payee), frozenset({reference}))


def _returned(maker: _Maker) -> None:
    reference, amount, payee = maker.payment()
    maker.noise.tell("clean", DAY, Line(-amount, reference, account=payee), frozenset({reference}))
    back = Line(amount, reference, reason="AC04", account=ACCOUNT)
    maker.noise.tell("returned", working_days_after(DAY, 2), back, frozenset({reference}))


def _returned_without_reference(maker: _Maker) -> None:
    reference, amount, payee = maker.payment()
    maker.noise.tell("clean", DAY, Line(-amount, reference, account=payee), frozenset({reference}))
    back = Line(amount, text="hoan tra lenh chi", account=ACCOUNT)
    maker.noise.tell("returned without reference", working_days_after(DAY, 2), back, frozenset())


def _wrong_amount(maker: _Maker) -> None:
    reference, amount, payee = maker.payment()
    maker.noise.tell("wrong amount", maker.day(), Line(-(amount + 1_100), reference, account=payee), frozenset())


def _two_codes(maker: _Maker) -> None:
    first, amount, payee = maker.payment()
    second, _, _ = maker.payment()
    maker.noise.tell(
        "two codes, sum of one", maker.day(), Line(-amount, text=f"{first} thay {second}", account=payee), frozenset()
    )


def _unknown(maker: _Maker) -> None:
    """Nothing of ours, but with the amount of a payment that is due that day."""
    _, amount, _ = maker.payment()
    maker.noise.tell(
        "unknown line", DAY, Line(-amount, "FT99887766", text="tra tien hang", account="9704000002"), frozenset()
    )
    maker.noise.tell("unknown line", DAY, Line(amount, text="nop tien", account=ACCOUNT), frozenset())


def _two_benefits(maker: _Maker) -> None:
    """Two equal benefits of one person on one day, told without their codes: nobody can say which is which."""
    _, amount, payee = maker.payment()
    maker.payment(amount, payee)
    for _ in range(2):
        maker.noise.tell("equal benefits of one person", DAY, Line(-amount, account=payee), frozenset())


def _virtual(maker: _Maker) -> None:
    unit = maker.random.randrange(_UNITS)
    line = Line(maker.random.randrange(1, 900) * 10_000, text=maker.memo("dong BH"), account=_virtual_account(unit))
    maker.noise.tell("virtual account", maker.day(), line, frozenset({_notice(unit)}))


def _unit_memo(maker: _Maker) -> None:
    unit = maker.random.randrange(_UNITS)
    memo = maker.memo(f"+BHXH+103+00+{_unit_code(unit)}+07901+dong BHXH+")
    line = Line(maker.random.randrange(1, 900) * 10_000, text=memo, account=ACCOUNT)
    maker.noise.tell("unit in the memo", maker.day(), line, frozenset({_notice(unit)}))


def _foreign_unit(maker: _Maker) -> None:
    line = Line(500_000, text="+BHXH+103+00+ZZ9999Z+07901+dong BHXH+", account=ACCOUNT)
    maker.noise.tell("unit of nobody", maker.day(), line, frozenset())


def _contradiction(maker: _Maker) -> None:
    unit = maker.random.randrange(_UNITS - 1)
    memo = f"+BHXH+103+00+{_unit_code(unit + 1)}+07901+dong BHXH+"
    maker.noise.tell(
        "two signs disagree", maker.day(), Line(500_000, text=memo, account=_virtual_account(unit)), frozenset()
    )


_TELLERS: tuple[tuple[Teller, int], ...] = (
    (_clean, 40), (_code, 15), (_cut_tail, 4), (_code_lost, 6), (_damaged, 4), (_nothing, 4), (_merged, 3), (_split, 3),
    (_part_missing, 2), (_doubled, 2), (_returned, 3), (_returned_without_reference, 1), (_wrong_amount, 2),
    (_two_codes, 2), (_unknown, 3), (_two_benefits, 2), (_virtual, 4), (_unit_memo, 4), (_foreign_unit, 1),
    (_contradiction, 1),
)  # fmt: skip
NEVER_AUTOMATIC = frozenset({"code damaged", "neither code nor account"})
"""What really is a payment, but tells it by nothing that may be believed."""


def _unit_code(unit: int) -> str:
    return f"TA{unit:04d}Z"


def _virtual_account(unit: int) -> str:
    return f"9990{unit:08d}"


def _notice(unit: int) -> str:
    return make_reference("TN", unit + 1)


def make_noise(seed: int, cases: int) -> Noise:
    """So many cases, each of one kind, drawn by their weights."""
    maker = _Maker(seed)
    tellers, weights = zip(*_TELLERS, strict=True)
    for tell in maker.random.choices(tellers, weights, k=cases):
        tell(maker)
    return maker.noise


def measure(connection: Connection, directory: Path, noise: Noise, *, files: int = 3, suggested: int = 50) -> Quality:
    """Expects the payments, tells the lines in so many files, matches, and holds the outcome against the truth."""
    own = register_account(connection, ACCOUNT.encode(), "cash_at_bank.quality")
    _expect(connection, own, noise)
    at = datetime.fromisoformat("2026-02-28T18:00:00+07:00")
    for path in _papers(directory, noise, files):
        loaded = load_statement(connection, path, fingerprint=str.encode, protect=str.encode, recorded_at=at)
        list(matching.match_file(connection, loaded.file_id, at))
    (again,) = matching.match_again(connection, at)
    return _judged(connection, noise, suggested, stable=sum(again.matched.values()) == 0)


def _expect(connection: Connection, own: int, noise: Noise) -> None:
    shared = Counter(account for _, _, account in noise.payments)
    expectations.open_staging(connection)
    insert = text(
        f"INSERT INTO {expectations.STAGING} (own_account_id, sign, reference, amount_vnd, due_on, kind, party, "
        "counterparty, until_on) VALUES (:own, :sign, :reference, :amount, :day, 'payment', :party, :account, :until)"
    )
    until = working_days_after(DAY, 2)
    rows: list[dict[str, object]] = [
        {
            "own": own,
            "sign": "debit",
            "reference": reference,
            "amount": amount,
            "day": DAY,
            "party": None,
            "account": account.encode() if account and shared[account] else None,
            "until": until,
        }
        for reference, amount, account in noise.payments
    ]
    for unit in range(_UNITS):
        receipt = {"sign": "credit", "reference": _notice(unit), "amount": None, "day": _FAR, "until": None}
        rows.append({"own": own, "party": _unit_code(unit), "account": None, **receipt})
    connection.execute(insert, rows)
    expectations.expect_staged(connection)
    for unit in range(_UNITS):
        code = _unit_code(unit)
        expectations.know_party(connection, code, "virtual_account", _virtual_account(unit).encode().hex(), DAY)
        expectations.know_party(connection, code, "agency", "07901", DAY)


def _papers(directory: Path, noise: Noise, files: int) -> Iterator[Path]:
    """The statements, a day at a time and each day cut into files."""
    paper = Paper(ACCOUNT, 10**15)
    for day in sorted({on for on, _ in noise.lines}):
        lines = [line for on, line in noise.lines if on == day]
        size = max(-(-len(lines) // files), 1)
        for start in range(0, len(lines), size):
            yield paper.statement(directory / f"{day}-{start}.xml", day, lines[start : start + size])


def _judged(connection: Connection, noise: Noise, suggested: int, *, stable: bool) -> Quality:
    told: Counter[str] = Counter(kind for kind, _ in noise.truth.values())
    right: Counter[str] = Counter()
    false_matches = false_vnd = 0
    for row in connection.execute(_MATCHED):
        kind, pays = noise.truth[row.bank_reference]
        if set(row.references) <= pays and pays:
            right[kind] += 1
        else:
            false_matches += 1
            false_vnd += row.amount_vnd
    sums = connection.execute(_SUMS).one()
    moved = sum(line.amount_vnd for _, line in noise.lines)
    return Quality(
        lines=len(noise.lines),
        false_matches=false_matches,
        false_vnd=false_vnd,
        recall={kind: round(right[kind] / count, 4) for kind, count in sorted(told.items())},
        suggested=_suggested(connection, noise, suggested),
        adds_up=sums.matched_vnd + sums.open_vnd == moved,
        stable=stable,
    )


def _suggested(connection: Connection, noise: Noise, at_most: int) -> float:
    """Of lines without code and account: how often the right one is among the suggestions."""
    hits = looked = 0
    for row in connection.execute(_OPEN).all():
        kind, pays = noise.truth[row.bank_reference]
        if kind != "neither code nor account" or looked == at_most:
            continue
        looked += 1
        hits += any(found.reference in pays for found in suggest(connection, row.break_id))
    return hits / looked if looked else 1.0


_MATCHED = text("""
    SELECT e.bank_reference, array_agg(x.reference) AS references, sum(m.amount_vnd)::bigint AS amount_vnd
    FROM reconciliation.match m JOIN reconciliation.expectation x USING (expectation_id)
    JOIN reconciliation.statement_item i USING (item_id)
    JOIN reconciliation.statement_entry e USING (statement_id, entry_no)
    WHERE m.undone_at IS NULL GROUP BY e.bank_reference""")
_OPEN = text("""
    SELECT e.bank_reference, b.break_id FROM reconciliation.break b
    JOIN reconciliation.statement_item i USING (item_id)
    JOIN reconciliation.statement_entry e ON e.statement_id = i.statement_id AND e.entry_no = i.entry_no
    WHERE b.closed_on IS NULL ORDER BY b.break_id""")
_SUMS = text("""
    SELECT
        coalesce(sum(signed_vnd) FILTER (WHERE matched), 0)::bigint AS matched_vnd,
        coalesce(sum(signed_vnd) FILTER (WHERE NOT matched AND open), 0)::bigint AS open_vnd
    FROM (
        SELECT CASE i.sign WHEN 'credit' THEN i.amount_vnd ELSE -i.amount_vnd END AS signed_vnd,
            EXISTS (SELECT FROM reconciliation.match m WHERE m.item_id = i.item_id AND m.undone_at IS NULL) AS matched,
            EXISTS (SELECT FROM reconciliation.break b WHERE b.item_id = i.item_id AND b.closed_on IS NULL) AS open
        FROM reconciliation.statement_item i) line""")
