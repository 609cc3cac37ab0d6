"""What can go wrong at the simulated bank, as a branch of the gateways' tree.

SimulatorError
├── SimulatorUnavailable   its process cannot be started or stopped
├── ControlRefused         it did not do what the control door was told
├── BooksInUse             another process keeps its books
└── Declined               it says no, with a code that goes on the wire
    ├── Unread
    ├── Unsigned
    └── Contradiction
"""

from gateways.errors import GatewayError


class SimulatorError(GatewayError):
    """The simulated bank failed."""

    code = "simulator_error"


class SimulatorUnavailable(SimulatorError):
    """The simulated bank could not be started or stopped; its log is in its home."""

    code = "simulator_unavailable"


class ControlRefused(SimulatorError):
    """The simulated bank did not do what it was told."""

    code = "simulator_control_refused"


class BooksInUse(SimulatorError):
    """Another process keeps these books."""

    code = "simulator_books_in_use"


class Declined(SimulatorError):
    """The bank says no; `answer_code` is what it tells its customer."""

    code = "simulator_declined"

    def __init__(self, answer_code: str, text: str) -> None:
        super().__init__(text)
        self.answer_code = answer_code


class Unread(Declined):
    """The bank refuses a file as a whole, with a reason code."""

    code = "simulator_unread"


class Unsigned(Declined):
    """The bank does not believe who sent the request."""

    code = "simulator_unsigned"


class Contradiction(Declined):
    """What was asked of the bank contradicts its books."""

    code = "simulator_contradiction"

    def __init__(self, text: str) -> None:
        super().__init__("FORBIDDEN", text)
