"""Structured logs: one JSON object a line in `logs/thuchi.log`, with a correlation id that joins what belongs together.

No log line holds an account number, a personal id or a phone: long runs of digits are masked whatever field they stand
in, so a careless message cannot leak one.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any

import structlog

_NUMBER = re.compile(r"(?<![A-Za-z0-9])\d{5,}(?=\d{4}(?!\d))")


def configure_logs(home: Path) -> None:
    """Sends the logs of this process to its log file; errors, and how far long work is, also to standard error."""
    directory = home / "logs"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    handler = WatchedFileHandler(directory / "thuchi.log", encoding="utf-8")
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        mask_numbers,
    ]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
            foreign_pre_chain=shared,
        )
    )
    console = logging.StreamHandler(sys.stderr)
    console.setLevel(logging.ERROR)
    console.addFilter(_MaskedRecords())
    progress = logging.StreamHandler(sys.stderr)
    progress.addFilter(logging.Filter("thuchi.progress"))
    progress.addFilter(_MaskedRecords())
    logging.basicConfig(level=logging.INFO, handlers=[handler, console, progress], force=True)
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    logging.getLogger("dramatiq").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )


def mask_numbers(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hides all but the last four digits of every number of nine digits or more."""
    for key, value in event.items():
        if key != "timestamp" and isinstance(value, str):
            event[key] = masked_text(value)
    return event


def masked_text(value: str) -> str:
    return _NUMBER.sub(lambda found: "•" * len(found.group()), value)


class _MaskedRecords(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.msg, str):
            record.msg, record.args = masked_text(record.getMessage()), ()
        return True
