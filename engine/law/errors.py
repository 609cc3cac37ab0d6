"""What can go wrong in the law room.

LawError
├── ParametersUnreadable   the files themselves are wrong; nothing is assessed
├── NoSuchParameter        a name nobody wrote a file for
├── NoValueOnDate          the parameter is known, but not on that date
└── FactsImpossible        the facts of one person or case contradict themselves or the law's range
"""

from collections.abc import Sequence

from engine.errors import ThuchiError


class LawError(ThuchiError):
    """A rule of social insurance law could not be read or applied."""

    code = "law"


class ParametersUnreadable(LawError):
    """The parameter files hold mistakes; each is named with its file and date."""

    code = "parameters_unreadable"

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class NoSuchParameter(LawError):
    """No parameter bears this name."""

    code = "no_such_parameter"


class NoValueOnDate(LawError):
    """The parameter has no value on the date asked for; the message says which dates exist."""

    code = "no_value_on_date"


class FactsImpossible(LawError):
    """A fact is missing, contradicts another or lies outside what the rule knows. Names the fact."""

    code = "facts_impossible"

    def __init__(self, fact: str, why: str) -> None:
        super().__init__(f"{fact}: {why}")
        self.fact = fact
        self.why = why
