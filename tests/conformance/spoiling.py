"""Values of which one place is spoilt at a time: what both tests of malformed lines begin with."""

import copy
from collections.abc import Iterable, Iterator
from typing import Any

MISSING = object()
"""In the place of a spoilt value: there is none."""


def places(value: object, items: int | None = None, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of everything inside a value; of each list its first `items`, or all."""
    inside = value.items() if isinstance(value, dict) else enumerate(value[:items]) if isinstance(value, list) else ()
    for name, item in inside:
        yield (*path, name)
        yield from places(item, items, (*path, name))


def spoilt(value: dict[str, Any], junk: Iterable[object], items: int | None = None) -> Iterator[dict[str, Any]]:
    """Yield a value with each of its places replaced by each piece of junk."""
    wanted = tuple(junk)
    for *way, last in places(value, items):
        for piece in wanted:
            changed = copy.deepcopy(value)
            inner: Any = changed
            for name in way:
                inner = inner[name]
            if piece is MISSING:
                del inner[last]
            else:
                inner[last] = piece
            yield changed
