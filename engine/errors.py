"""What can go wrong in the engine, as one tree. The code of each error is stable; its message is for people."""

from collections.abc import Sequence


class ThuchiError(Exception):
    """The engine could not do what was asked."""

    code = "error"


class WrongInput(ThuchiError):
    """The call or its input is wrong; nothing was changed. Lists every problem found, each with its place."""

    code = "wrong_input"

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class DoesNotHold(ThuchiError):
    """Something that must always hold does not; nothing was changed."""

    code = "does_not_hold"


class NotAllowed(ThuchiError):
    """The acting person, the state of the thing or a switch forbids this step."""

    code = "not_allowed"


class NotFound(ThuchiError):
    """There is no such thing."""

    code = "not_found"


class ServerUnavailable(ThuchiError):
    """A server this work needs (PostgreSQL, Redis, the simulated bank) could not be reached or started."""

    code = "server_unavailable"
