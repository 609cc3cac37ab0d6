"""Statements that are written are read back as they were meant, and no bytes make a reader fall over."""

import contextlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import BinaryIO

from hypothesis import given
from hypothesis import strategies as st

from reconciliation import formats
from reconciliation.errors import StatementRefused
from reconciliation.formats import camt, mt940
from reconciliation.statement import Entry, EntryStatus, StatementEnd, StatementEvent


@dataclass(frozen=True)
class Movement:
    """What a bank would write; the amount is signed and in đồng."""

    amount: int
    booked: bool
    on: date
    reference: str


movements = st.lists(
    st.builds(
        Movement,
        st.integers(-(10**12), 10**12).filter(bool),
        st.booleans(),
        st.dates(date(2001, 1, 1), date(2049, 12, 31)),
        st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=1, max_size=16),
    ),
    max_size=12,
)
openings = st.integers(-(10**14), 10**14)


def as_camt(opening: int, closing: int, moved: list[Movement]) -> bytes:
    def sign(amount: int) -> str:
        return f'<Amt Ccy="VND">{abs(amount)}</Amt><CdtDbtInd>{"DBIT" if amount < 0 else "CRDT"}</CdtDbtInd>'

    balances = "".join(
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>{sign(amount)}<Dt><Dt>2026-12-01</Dt></Dt></Bal>"
        for code, amount in (("OPBD", opening), ("CLBD", closing))
    )
    entries = "".join(
        f"<Ntry>{sign(movement.amount)}<Sts>{'BOOK' if movement.booked else 'PDNG'}</Sts>"
        f"<BookgDt><Dt>{movement.on}</Dt></BookgDt><NtryDtls><TxDtls><Refs>"
        f"<EndToEndId>{movement.reference}</EndToEndId></Refs></TxDtls></NtryDtls></Ntry>"
        for movement in moved
    )
    return (
        "<Document><BkToCstmrStmt><Stmt><Acct><Id><Othr><Id>1</Id></Othr></Id><Ccy>VND</Ccy></Acct>"
        f"{balances}{entries}</Stmt></BkToCstmrStmt></Document>"
    ).encode()


def as_mt940(opening: int, closing: int, moved: list[Movement]) -> bytes:
    def balance(amount: int) -> str:
        return f"{'D' if amount < 0 else 'C'}261201VND{abs(amount)},"

    entries = "".join(
        f":61:{movement.on:%y%m%d%m%d}{'' if movement.booked else 'E'}{'D' if movement.amount < 0 else 'C'}"
        f"{abs(movement.amount)},NTRF{movement.reference}//B\n:86:WORDS\n"
        for movement in moved
    )
    return f":20:A\n:25:1\n:28C:1/1\n:60F:{balance(opening)}\n{entries}:62F:{balance(closing)}\n-\n".encode()


def check(
    read: Callable[[BinaryIO], Iterator[StatementEvent]], data: bytes, opening: int, error: int, moved: list[Movement]
) -> None:
    events = list(read(io.BytesIO(data)))
    entries = [event for event in events if isinstance(event, Entry)]
    assert [
        Movement(
            entry.signed_amount,
            entry.status is EntryStatus.BOOKED,
            entry.booked_on or date.min,
            entry.references.end_to_end_id or "",
        )
        for entry in entries
    ] == moved
    end = events[-1]
    assert isinstance(end, StatementEnd)
    assert end.statement.opening == opening
    assert end.sum_credits - end.sum_debits == sum(movement.amount for movement in moved if movement.booked)
    assert end.adds_up is (error == 0)
    assert len(end.contradictions) == (error != 0)


@given(openings, st.sampled_from([0, 0, 1, -1, 1000]), movements)
def test_camt_is_read_back(opening: int, error: int, moved: list[Movement]) -> None:
    closing = opening + sum(movement.amount for movement in moved if movement.booked) + error
    check(camt.read, as_camt(opening, closing, moved), opening, error, moved)


@given(openings, st.sampled_from([0, 0, 1, -1, 1000]), movements)
def test_mt940_is_read_back(opening: int, error: int, moved: list[Movement]) -> None:
    closing = opening + sum(movement.amount for movement in moved if movement.booked) + error
    check(mt940.read, as_mt940(opening, closing, moved), opening, error, moved)


@given(movements.filter(bool), st.data())
def test_a_cut_file_is_never_taken_as_whole(moved: list[Movement], data: st.DataObject) -> None:
    total = sum(movement.amount for movement in moved if movement.booked)
    for whole, closing_field in ((as_camt(0, total, moved), b"</Document>"), (as_mt940(0, total, moved), b"\n-\n")):
        cut = whole[: data.draw(st.integers(0, len(whole) - len(closing_field) - 1))]
        try:
            ends = [event for event in formats.read(io.BytesIO(cut)) if isinstance(event, StatementEnd)]
        except StatementRefused:
            continue
        assert not any(end.adds_up and not end.contradictions for end in ends)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for start in (b"", b"<Document><BkToCstmrStmt><Stmt>", b":20:A\n:25:1\n:28C:1\n:60F:C261130VND5,\n:61:"):
        with contextlib.suppress(StatementRefused):
            list(formats.read(io.BytesIO(start + data)))


@given(st.integers(-180, 180), st.dates(date(2001, 1, 1), date(2048, 1, 1)))
def test_a_booking_day_up_to_half_a_year_from_the_value_day_is_found(days: int, value_on: date) -> None:
    booked_on = value_on + timedelta(days=days)
    text = f":20:A\n:25:1\n:60F:C261130VND5,\n:61:{value_on:%y%m%d}{booked_on:%m%d}C5,NTRFX\n:62F:C261201VND10,\n"
    (entry,) = [event for event in mt940.read(io.BytesIO(text.encode())) if isinstance(event, Entry)]
    assert entry.booked_on == booked_on
