"""Lines of a terminal: words with a role each, and how they are wrapped, cut and aligned.

Theory. A terminal is a grid of cells, and a character takes none, one or two of them; so all widths here are in cells.
What a word is for is its role; what a role looks like is the theme's business (`screen.tcss`).
"""

import re
from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from rich.cells import cell_len, chop_cells, set_cell_size

__all__ = ["Block", "Line", "Span", "block", "cut", "fitted", "length", "line", "pair", "rule", "wrapped"]

_WORDS: Final = re.compile(r"\s*\S+|\s+$")
_ELLIPSIS: Final = "…"


class Span(NamedTuple):
    """A piece of a line; `action` is what a click on it does."""

    text: str
    role: str = ""
    action: str = ""


Line = tuple[Span, ...]


class Block(NamedTuple):
    """Lines that belong together; one without a key cannot be selected."""

    key: Hashable | None
    lines: tuple[Line, ...]


def line(*spans: Span | str) -> Line:
    """Return a line."""
    return tuple(Span(span) if isinstance(span, str) else span for span in spans)


def block(*lines: Line, key: Hashable | None = None) -> Block:
    """Return lines that belong together."""
    return Block(key, lines)


def length(spans: Sequence[Span]) -> int:
    """Return how many cells a line takes."""
    return sum(cell_len(span.text) for span in spans)


def cut(text: str, width: int) -> str:
    """Return a text that takes at most so many cells, with an ellipsis where something is missing."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(0, width - 1)).rstrip() + _ELLIPSIS if width > 0 else ""


def fitted(text: str, width: int, *, right: bool = False) -> str:
    """Return a text that takes exactly so many cells."""
    short = cut(text, width)
    gap = " " * (width - cell_len(short))
    return gap + short if right else short + gap


def pair(left: Span, right: Span, width: int) -> Line:
    """Return a line with something at either end; the left one gives way."""
    room = width - cell_len(right.text) - 1
    return line(Span(fitted(left.text, max(0, room)), *left[1:]), " ", right)


def rule(title: str, width: int, role: str) -> Line:
    """Return a line across, with a word in it."""
    shown = f" {cut(title, max(0, width - 4))} "
    return line(Span(shown + "─" * max(0, width - cell_len(shown)), role))


@lru_cache(maxsize=4096)
def wrapped(text: str, width: int) -> tuple[str, ...]:
    """Break a text into lines of at most so many cells; a word that is longer is broken anywhere between letters."""
    return tuple(part for paragraph in text.split("\n") for part in _paragraph(paragraph, max(2, width)))


def _paragraph(text: str, width: int) -> list[str]:
    lines, now = [], ""
    for word in _WORDS.findall(text):
        if cell_len(now + word) <= width:
            now += word
            continue
        if now:
            lines.append(now)
            word = word.lstrip()
        *whole, now = chop_cells(word, width) or [""]
        lines += whole
    return [*lines, now]
