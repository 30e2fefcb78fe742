"""Colours, type and lines that all figures share.

The colours are Okabe and Ito's, told apart by people with any kind of colour vision, with the blue a little lighter so
that each has a contrast of at least 3:1 on white and on near-black. Dash patterns and labels repeat what colours say.
"""

from collections.abc import Sequence
from typing import Final

from communicator_reports.document import Chip
from communicator_simulations.scenario import Policy

__all__ = ["BREAK", "FAULTS", "PALETTE", "PER_ROW", "chips", "colours", "config", "dashes"]

PALETTE: Final = ("#D55E00", "#CC79A7", "#2B7FC4", "#009E73", "#8A6FC9", "#A67C00")
_DASHES: Final = ((6, 3), (2, 2), (1, 0), (8, 3, 2, 3), (3, 3), (10, 2))
_FONT: Final = "Liberation Sans, Arial, Helvetica, sans-serif"

BREAK: Final = " — "
"""Where the title of a panel goes on to a second line on paper."""

PER_ROW: Final = 19
"""Height of one row of a dot plot, in pixels."""

FAULTS: Final = {
    "none": "Nothing fails",
    "sunset": "Provider closes, announced",
    "death": "Provider dies without warning",
    "outage": "Provider is out for a while",
}
"""What readers call the faults."""


def colours(policies: Sequence[Policy]) -> list[str]:
    """Return the colour of each policy of a scenario, in order."""
    return [PALETTE[i % len(PALETTE)] for i in range(len(policies))]


def dashes(policies: Sequence[Policy]) -> list[list[int]]:
    """Return the dash pattern of each policy."""
    return [list(_DASHES[i % len(_DASHES)]) for i in range(len(policies))]


def chips(policies: Sequence[Policy]) -> tuple[Chip, ...]:
    """Return the legend of the policies."""
    looks = zip(policies, colours(policies), dashes(policies), strict=True)
    return tuple(Chip(p.label, colour, " ".join(map(str, dash))) for p, colour, dash in looks)


def config(ink: str, *, legend: bool) -> dict[str, object]:
    """Return the Vega-Lite configuration; `ink` is the colour of text and lines."""
    axis = {
        "labelColor": ink, "titleColor": ink, "domainColor": ink, "tickColor": ink, "gridColor": ink,
        "gridOpacity": 0.12, "domainOpacity": 0.4, "tickOpacity": 0.4, "labelFontSize": 11, "titleFontSize": 11,
        "titleFontWeight": "normal", "labelFont": _FONT, "titleFont": _FONT, "labelLimit": 220, "titlePadding": 6,
    }  # fmt: skip
    return {
        "background": "transparent",
        "font": _FONT,
        "axis": axis,
        "view": {"stroke": None},
        "text": {"color": ink, "font": _FONT, "fontSize": 11},
        "rule": {"color": ink},
        "title": {"color": ink, "font": _FONT, "fontSize": 12, "anchor": "start", "fontWeight": "bold"},
        "legend": {
            "disable": not legend, "orient": "top", "title": None, "labelColor": ink, "labelFont": _FONT,
            "labelFontSize": 11, "symbolStrokeWidth": 2.5, "symbolSize": 250, "labelLimit": 300,
        },
    }  # fmt: skip
