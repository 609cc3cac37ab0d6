"""What the ledger refuses, as one tree. The code of each error is stable; its message is for people."""

import contextlib
from collections.abc import Iterator
from typing import ClassVar, NoReturn

from sqlalchemy.exc import DBAPIError


class LedgerError(Exception):
    """The ledger could not do what was asked; nothing was written."""

    code: ClassVar[str] = "ledger_error"


class Refused(LedgerError):
    """The ledger refuses this call."""

    code = "refused"


class WrongLines(Refused):
    """One or more lines cannot stand in the ledger; the message names each with its number."""

    code = "wrong_lines"


class KeyTaken(Refused):
    """The key stands for an entry with other content."""

    code = "key_taken"


class PeriodClosed(Refused):
    """The books of this month are closed."""

    code = "period_closed"


class AlreadyReversed(Refused):
    """The entry has been reversed before."""

    code = "already_reversed"


class PastLimit(Refused):
    """The balance of an account would pass its limit."""

    code = "past_limit"


class AppendOnly(Refused):
    """What the ledger holds is never changed or erased."""

    code = "append_only"


class UnknownEntry(Refused):
    """There is no such entry."""

    code = "unknown_entry"


class UnknownAccount(Refused):
    """There is no such account, or the chart does not know its code."""

    code = "unknown_account"


class AccountDiffers(Refused):
    """The account is open with another normal side or limit."""

    code = "account_differs"


class ChartInvalid(LedgerError):
    """The chart of accounts cannot be read."""

    code = "chart_invalid"


_BY_SQLSTATE: dict[str, type[Refused]] = {
    "LG001": Refused,
    "LG002": WrongLines,
    "LG003": KeyTaken,
    "LG004": PeriodClosed,
    "LG005": AlreadyReversed,
    "LG006": PastLimit,
    "LG007": AppendOnly,
    "LG008": UnknownEntry,
    "LG009": AccountDiffers,
    "22003": WrongLines,  # a sum beyond 9,223,372,036,854,775,807 đồng
    "22P02": WrongLines,
    "23502": Refused,
    "23514": Refused,
}


@contextlib.contextmanager
def refusals() -> Iterator[None]:
    """Turns what the database refuses within the block into the errors of this module."""
    try:
        yield
    except DBAPIError as error:
        if error.orig is None:
            raise
        raise_refusal(error.orig, error)


def raise_refusal(reason: BaseException, error: BaseException) -> NoReturn:
    sqlstate = getattr(reason, "sqlstate", None) or ""
    if sqlstate not in _BY_SQLSTATE:
        raise error
    diagnosis = getattr(reason, "diag", None)
    raise refusal(sqlstate, getattr(diagnosis, "message_primary", None) or str(reason)) from error


def refusal(sqlstate: str, words: str) -> Refused:
    """The error for a refusal that the database tells without raising it."""
    return _BY_SQLSTATE[sqlstate](words)
