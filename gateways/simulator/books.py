"""What the simulated providers really credited, read from their books alone: it works while they are stopped."""

from pathlib import Path
from typing import Any

from gateways.simulator.journal import events
from gateways.simulator.purse import credited
from gateways.simulator.state import State


def read_books(home: Path) -> list[dict[str, Any]]:
    """One row for each payment whose money left: reference, account, amount, and how many times it was credited.

    A payment that came back later was credited to the beneficiary's bank and stands here too; one that was rejected
    does not.
    """
    state = State()
    for event in events(home):
        state.apply(event)
    by_bank = [
        {
            "reference": payment.end_to_end_id,
            "account": payment.account,
            "amount_vnd": payment.amount_vnd,
            "credits": times,
        }
        for payment, times in state.credited()
    ]
    return by_bank + credited(home)
