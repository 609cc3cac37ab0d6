"""Lists by cursor: a page ends with the place where the next one begins."""

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel

from engine.api.errors import BadCursor

T = TypeVar("T")

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
        word, _, place = base64.urlsafe_b64decode(cursor.encode()).decode().partition(" ")
        if word == "after" and place.isdecimal():
            return int(place)
    except (binascii.Error, ValueError):
        pass
    raise BadCursor(BadCursor.__doc__)
