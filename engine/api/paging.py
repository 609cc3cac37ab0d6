"""Lists by cursor: a page ends with the place where the next one begins."""

import base64
import re
from collections.abc import Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel

from engine.api.errors import BadCursor

T = TypeVar("T")

_TOLD = re.compile(rb"after (?P<place>[0-9]{1,19})")
_LAST_PLACE = 2**63 - 1 - 200
"""The database counts places in 64 bits, and a page's limit is added to them."""

Limit = Annotated[int, Query(ge=1, le=200, description="Items on a page.")]
Cursor = Annotated[str | None, Query(max_length=64, description="`next_cursor` of the page before.")]


class Page(BaseModel, Generic[T]):
    """Items, and the cursor of the next page; none on the last."""

    items: Sequence[T]
    next_cursor: str | None


def cursor_at(place: int) -> str:
    return base64.urlsafe_b64encode(f"after {place}".encode()).decode()


def place_of(cursor: str | None) -> int | None:
    """The place that a cursor stands for."""
    if cursor is None:
        return None
    try:
        told = _TOLD.fullmatch(base64.urlsafe_b64decode(cursor.encode()))
    except ValueError:
        told = None
    if told is None or int(told["place"]) > _LAST_PLACE:
        raise BadCursor(BadCursor.__doc__)
    return int(told["place"])
