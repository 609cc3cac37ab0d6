"""The fifteen cases, and the report on them. A case yields what is wrong; for an adapter that conforms, nothing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from gateways.conformance.bench import Bench, Inquiry, LineFault, Payment
from gateways.contract import Outcome
from gateways.errors import BadBatch, Unsupported
from gateways.providers import providers
from gateways.registry import adapter_of

_NAMES = (
    "Nguyễn Thị Ánh Đào",
    "Đặng Ữ Ợ " * 14,
    """Lê & <Con> 'Ơ' "Ư\"""",
)
_LONGEST_NAME = 140
_PROVIDERS = "gateways.conformance.online"


@dataclass(frozen=True, slots=True)
class Row:
    """One case of the report."""

    number: int
    title: str
    problems: tuple[str, ...]
    not_for: str | None = None
    """Why the case does not apply to the adapter; None where it does."""

    @property
    def passed(self) -> bool:
        return not self.problems


def _vectors(bench: Bench) -> Iterator[str]:
    yield from bench.vector_problems()


def _codes(bench: Bench) -> Iterator[str]:
    unlisted = 0
    for mapped in bench.codes():
        unlisted += mapped.documented is Outcome.UNKNOWN
        if mapped.made is not mapped.documented:
            yield f"{mapped.code}: documented as {mapped.documented}, made {mapped.made}"
    if not unlisted:
        yield "no code was tried that is in no table"


def _line(bench: Bench) -> Iterator[str]:
    wanted = {
        LineFault.BEFORE_SENDING: Outcome.NOT_ACCEPTED,
        LineFault.AFTER_SENDING: Outcome.UNKNOWN,
        LineFault.WHILE_READING: Outcome.UNKNOWN,
    }
    for fault, outcome in wanted.items():
        made = bench.break_line(fault, Payment(f"CF03{fault[:3].upper()}"))
        if made is not outcome:
            yield f"{fault}: {made}, not {outcome}"


def _odd_answers(bench: Bench) -> Iterator[str]:
    for name, outcome in bench.odd_answers():
        if outcome not in (Outcome.UNKNOWN, Outcome.PENDING):
            yield f"paying, {name}: {outcome}"
    for name, inquiry in bench.odd_inquiries():
        if inquiry.found is False or inquiry.outcome in (Outcome.FAILED, Outcome.SUCCESS, Outcome.RETURNED):
            yield f"inquiring, {name}: {inquiry}"


def _duplicate(bench: Bench) -> Iterator[str]:
    payment = Payment("CF05A")
    bench.pay(payment)
    again = bench.pay_something_else(Payment("CF05A", 9_999_999))
    if again not in (Outcome.UNKNOWN, Outcome.PENDING):
        yield f"another payment under a used reference: {again}"
    yield from _not(Inquiry(True, Outcome.SUCCESS), bench.inquire("CF05A"), "the inquiry after a duplicate")
    yield from _credited_once(bench, "CF05A")


def _twice(bench: Bench) -> Iterator[str]:
    payment = Payment("CF06A")
    outcomes = [bench.pay(payment) for _ in range(3)]
    if {Outcome.FAILED, Outcome.NOT_ACCEPTED} & set(outcomes):
        yield f"the same payment three times: {', '.join(outcomes)}"
    yield from _credited_once(bench, "CF06A")


def _repeated_news(bench: Bench) -> Iterator[str]:
    yield from bench.repeated_news_problems(Payment("CF07A"))


def _found_late(bench: Bench) -> Iterator[str]:
    if bench.inquire("CF08NEVER").found is not False:
        yield "a payment that never was is not told as not found"
    bench.pay(Payment("CF08A"))
    bench.hide_once("CF08A")
    early = bench.inquire("CF08A")
    if early.found is True or early.outcome not in (None, Outcome.UNKNOWN, Outcome.PENDING):
        yield f"not found early became {early}"
    yield from _not(Inquiry(True, Outcome.SUCCESS), bench.inquire("CF08A"), "the inquiry after it was not found")


def _returned(bench: Bench) -> Iterator[str]:
    yield from bench.return_problems(Payment("CF09A"))


def _amounts_and_names(bench: Bench) -> Iterator[str]:
    limits = bench.limits
    for number, amount_vnd in enumerate((limits.min_vnd, limits.max_vnd)):
        outcome = bench.pay(Payment(f"CF10A{number}", amount_vnd))
        if outcome not in (Outcome.PENDING, Outcome.SUCCESS):
            yield f"{amount_vnd} VND: {outcome}"
    for number, amount_vnd in enumerate((limits.max_vnd + 1, 0, -1, 2**53)):
        try:
            outcome = bench.pay(Payment(f"CF10B{number}", amount_vnd))
        except BadBatch:
            continue
        yield f"{amount_vnd} VND was not refused but {outcome}"
    for number, name in enumerate(_NAMES):
        reference = f"CF10C{number}"
        bench.pay(Payment(reference, name=name[:_LONGEST_NAME]))
        if bench.credits(reference) != 1 or not bench.received_name(reference).strip():
            yield f"the name {name[:20]}… did not arrive"


def _clock(bench: Bench) -> Iterator[str]:
    yield from bench.clock_problems()


def _recording(bench: Bench) -> Iterator[str]:
    yield from bench.recording_problems(Payment("CF12A", account="0011004123456"))


def _capabilities(bench: Bench) -> Iterator[str]:
    yield from bench.capability_problems()


def _environments(bench: Bench) -> Iterator[str]:
    yield from bench.environment_problems()


def _killed(bench: Bench) -> Iterator[str]:
    """After the call: the answer was never written down, and the inquiry finds the payment. Before it: not found, and
    the same call is made."""
    bench.pay(Payment("CF15A"))
    bench.restart()
    yield from _not(Inquiry(True, Outcome.SUCCESS), bench.inquire("CF15A"), "killed after the call, the inquiry")
    yield from _credited_once(bench, "CF15A")
    bench.restart()
    if bench.inquire("CF15B").found is True:
        yield "killed before the call, the inquiry finds a payment"
    bench.pay(Payment("CF15B"))
    bench.restart()
    bench.pay(Payment("CF15B"))
    yield from _credited_once(bench, "CF15B")


CASES: tuple[tuple[str, Callable[[Bench], Iterator[str]]], ...] = (
    ("every vector of its protocol", _vectors),
    ("every code maps as documented, one not in the table is unknown", _codes),
    ("time-outs before and after sending and while reading", _line),
    ("server errors, HTML, empty, cut and foreign answers", _odd_answers),
    ("duplicate reference: inquire, then the truth", _duplicate),
    ("the same reference twice is one payment", _twice),
    ("news twice, out of order, wrong or wrongly signed", _repeated_news),
    ("not found early, then found", _found_late),
    ("success, then a return", _returned),
    ("amounts and names at their limits", _amounts_and_names),
    ("clock ten minutes away; the day changes at GMT+7", _clock),
    ("a recorded exchange holds no secret and no account", _recording),
    ("the capability sheet agrees with behaviour", _capabilities),
    ("keys of test and live cannot be mixed", _environments),
    ("killed between send and write: one payment", _killed),
)


def run(bench: Bench) -> list[Row]:
    """All cases, in order, on one bench. A case that breaks has failed; the others are still tried."""
    return [row_of(bench, number) for number in range(1, len(CASES) + 1)]


def row_of(bench: Bench, number: int) -> Row:
    title, case = CASES[number - 1]
    if number in bench.not_for:
        return Row(number, title, (), bench.not_for[number])
    bench.restart()
    try:
        problems = tuple(case(bench))
    except Exception as error:  # noqa: BLE001 - whatever an adapter throws is a finding about it
        problems = (f"it broke: {type(error).__name__}: {error}",)
    return Row(number, title, problems)


def open_bench(adapter: str, home: Path) -> Bench:
    """The bench that an adapter of files brings, or that of a provider that is asked one payment at a time."""
    if adapter in providers():
        place = f"{_PROVIDERS}:{adapter}"
        found = import_module(_PROVIDERS).BENCHES.get(adapter)
    else:
        place = adapter_of(adapter).bench or ""
        module, _, name = place.partition(":")
        found = getattr(import_module(module), name) if place else None
    if found is None:
        raise Unsupported(f"{adapter} brings no conformance bench")
    bench = found(home)
    if not isinstance(bench, Bench):
        raise Unsupported(f"{place} is no conformance bench")
    return bench


def _credited_once(bench: Bench, reference: str) -> Iterator[str]:
    times = bench.credits(reference)
    if times != 1:
        yield f"{reference} was credited {times} times"


def _not(wanted: Inquiry, got: Inquiry, what: str) -> Iterator[str]:
    if got != wanted:
        yield f"{what} gives {got}"
