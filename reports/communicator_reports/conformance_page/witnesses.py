"""A witness as bytes to look at: what two events share, marked, with what stands around it."""

from typing import Final, NamedTuple

from communicator_conformance import Witness
from communicator_reports.conformance_page.texts import shown

__all__ = ["Side", "sides"]

_AROUND: Final = 16
_NAME_MAX: Final = 200


class Side(NamedTuple):
    """One of two events: the bytes before, shared and after, in hex; `cut_…` are how many bytes are not shown there."""

    name: str
    offset: int
    size: int
    length: int
    cut_before: int
    before: str
    shared: str
    after: str
    cut_after: int


def sides(witness: Witness | None) -> tuple[Side, ...]:
    """Return both events of a witness, or nothing."""
    if witness is None:
        return ()
    w = witness
    return (
        _side(w.left_name, w.left, w.left_offset, w.length),
        _side(w.right_name, w.right, w.right_offset, w.length),
    )


def _side(name: str, data: str, offset: int, length: int) -> Side:
    digits = shown(data, len(data))
    size, end = len(digits) // 2, offset + length
    first, last = max(offset - _AROUND, 0), min(end + _AROUND, size)
    return Side(
        shown(name, _NAME_MAX), offset, size, length,
        first, _spaced(digits, first, offset), _spaced(digits, offset, end), _spaced(digits, end, last), size - last,
    )  # fmt: skip


def _spaced(digits: str, first: int, last: int) -> str:
    """Return bytes `first` to `last` in pairs of digits."""
    return " ".join(digits[2 * n : 2 * n + 2] for n in range(first, last))
