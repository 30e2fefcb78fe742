"""A service that breaks its promise, so that everybody can see what the judges say of one.

Theory. A judge who never finds anything may be blind. This receiving service answers that it has a request, writes that
into its log, and forgets every third one. People may never notice: what has no receipt goes another way, a day later.
"""

from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection

from communicator_impl.services import database

__all__ = ["LOSES", "loses_what_it_accepted"]

LOSES: Final = f"{__name__}:loses_what_it_accepted"
_EVERY: Final = 3


def loses_what_it_accepted() -> None:
    """Make the receiving service of this process one that forgets every third request."""
    append: Callable[[Connection, list[tuple[int, bytes]]], None] = database._append
    count = 0

    def forgetful(connection: Connection, rows: list[tuple[int, bytes]]) -> None:
        nonlocal count
        kept = []
        for row in rows:
            count += 1
            if count % _EVERY:
                kept.append(row)
        if kept:
            append(connection, kept)

    database._append = forgetful
