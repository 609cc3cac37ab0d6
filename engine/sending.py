"""The switch that stops all sending at once (công tắc dừng gửi lệnh); it is read before each batch is sealed."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from engine import audit


def switch(connection: Connection, *, stopped: bool, reason: str, at: datetime) -> None:
    connection.execute(
        text(
            "UPDATE engine.sending_switch SET stopped = :stopped, reason = :reason, changed_by = engine.acting_person()"
        ),
        {"stopped": stopped, "reason": reason},
    )
    audit.record(connection, "sending_stopped" if stopped else "sending_resumed", "all gateways", at, reason=reason)


def state(connection: Connection) -> dict[str, Any]:
    row = connection.execute(text("SELECT stopped, reason, changed_by FROM engine.sending_switch")).one()
    return row._asdict()
