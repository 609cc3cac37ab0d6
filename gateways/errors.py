"""What can go wrong at a gateway, as one tree. Each says what may be done next.

GatewayError
├── Refused          `never`   the provider or our own check said no
│   ├── BadBatch
│   ├── BadDocument
│   ├── UnsafeKey
│   ├── Unsupported
│   ├── MixedEnvironments      see `gateways/credentials.py`
│   ├── PrivateAddress         see `gateways/public_web.py`
│   └── UnknownYear            see `gateways/banking_days.py`
├── NotSent          `retry`   nothing left our side
│   └── CircuitOpen            see `gateways/breaker.py`
├── Ambiguous        `inquire` something may have happened
│   └── SignedAtAnotherTime    see `gateways/witness.py`
└── SimulatorError             the simulated bank, see `gateways/simulator/errors.py`
"""

from collections.abc import Sequence
from enum import StrEnum


class NextStep(StrEnum):
    """What a caller may do after an error."""

    NEVER = "never"
    """The same call will fail again."""
    RETRY = "retry"
    """The same call, with the same reference, may be made again."""
    INQUIRE = "inquire"
    """Ask what happened under the same reference; do not send again."""


class GatewayError(Exception):
    """The gateway could not do what was asked."""

    code = "gateway_error"
    next_step = NextStep.INQUIRE


class Refused(GatewayError):
    """The provider refused the call; the same call will be refused again."""

    code = "gateway_refused"
    next_step = NextStep.NEVER


class BadBatch(Refused):
    """The file cannot be written: values do not fit the format or the totals differ. Lists every problem found."""

    code = "bad_batch"

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class BadDocument(Refused):
    """The document is not what its name says: not well-formed, not valid against its schema, or too large."""

    code = "bad_document"


class UnsafeKey(Refused):
    """The signing key cannot be used: no Ed25519 key, or a file that others than its owner can read."""

    code = "unsafe_signing_key"


class Unsupported(Refused):
    """The gateway does not declare this operation, or there is no adapter of this name."""

    code = "unsupported"


class NotSent(GatewayError):
    """The call failed before one byte of it was written: nothing can have happened."""

    code = "not_sent"
    next_step = NextStep.RETRY


class Ambiguous(GatewayError):
    """The call failed after it began, or its answer cannot be read: what happened is not known."""

    code = "ambiguous"
    next_step = NextStep.INQUIRE
