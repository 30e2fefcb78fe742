"""Two quiet themes, and the terminal's own colours where none are wanted.

Theory. Blue and orange are told apart by everybody, and by their lightness alone; and no state is told by a colour only
(`pages`). With `NO_COLOR` set no colour is sent at all: bold, dim and reversed letters do.
"""

import os
from collections.abc import Mapping
from typing import Final

from textual.theme import Theme

__all__ = ["DARK", "LIGHT", "is_light"]

DARK: Final = Theme(
    "communicator-dark",
    primary="#7aa2d6",
    secondary="#7aa2d6",
    accent="#7ab0e8",
    foreground="#d5d9df",
    background="#14171c",
    surface="#14171c",
    panel="#1b2027",
    success="#9fc5b8",
    warning="#e0b45c",
    error="#f0955f",
    dark=True,
    variables={"quiet": "#8b939e", "line": "#39414b", "selected": "#232c38"},
)
LIGHT: Final = Theme(
    "communicator-light",
    primary="#1f5c99",
    secondary="#1f5c99",
    accent="#12579c",
    foreground="#1f252d",
    background="#fbfbfa",
    surface="#fbfbfa",
    panel="#f1f2f2",
    success="#2c6a58",
    warning="#80570b",
    error="#a8430c",
    dark=False,
    variables={"quiet": "#5f6975", "line": "#c6ccd3", "selected": "#e3ebf4"},
)
_LIGHT_GROUNDS: Final = frozenset({"7", "15"})


def is_light(environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether the terminal says that its ground is light; many say nothing, and are dark."""
    return environment.get("COLORFGBG", "").rpartition(";")[2] in _LIGHT_GROUNDS
