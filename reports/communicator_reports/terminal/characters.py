"""Other people's text on one's own terminal: letters, never commands.

Theory. A terminal obeys what it is sent, and what it is sent here was written by a peer or a service. So of each text
only what can be seen goes on: a control character becomes its picture, and what turns the direction of a whole line is
left out, because it would not end with the text that it came in. Letters that run from right to left stay as they are;
terminals know them.

Rules:

1. No control character of C0 or C1, no embedding, override or isolate of a direction, and no joiner at either end of a
   word leaves this module.
2. Lines are ended by a newline alone; in a name there is none.
"""

import re
from typing import Final

__all__ = ["on_one_line", "seen"]

_PICTURES: Final = 0x2400
_C0: Final = range(0x20)
_C1: Final = range(0x7F, 0xA0)
_TURNS: Final = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
_SEEN: Final = {
    **{code: chr(_PICTURES + code) for code in _C0},
    **dict.fromkeys(_C1, "�"),
    **dict.fromkeys(_TURNS, ""),
    0x09: "    ",
    0x0A: "\n",
    0x7F: "␡",
    0x85: "\n",
    0x2028: "\n",
    0x2029: "\n",
}
_LOOSE: Final = re.compile(r"(?:^|(?<=\s))[\u200d\ufe0f]+|[\u200d]+(?=\s|$)")
"""Joiners that have nothing to join, and would join what stands beside the text."""


def seen(text: str) -> str:
    """Return a text as it may be shown, on as many lines as it has."""
    return _LOOSE.sub("", text.replace("\r\n", "\n").translate(_SEEN))


def on_one_line(text: str) -> str:
    """Return a text as it may be shown on one line."""
    return " ".join(seen(text).split())
