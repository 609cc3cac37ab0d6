"""What the simulated bank really credited, read from its books alone: it works while the bank is stopped."""

from pathlib import Path
from typing import Any

from gateways.simulator.journal import events
from gateways.simulator.state import State


def read_books(home: Path) -> list[dict[str, Any]]:
    """One row for each payment whose money left: reference, account, amount, and how many times it was credited.

    A payment that came back later was credited to the beneficiary's bank and stands here too; one that was rejected
    does not.
    """
    state = State()
    for event in events(home):
        state.apply(event)
    return [
        {
            "reference": payment.end_to_end_id,
            "account": payment.account,
            "amount_vnd": payment.amount_vnd,
            "credits": times,
        }
        for payment, times in state.credited()
    ]
