"""Figures on paper: all panels of one as a single picture of fixed width, for the PDF and for files of their own."""

import math
import re
from typing import Any, Final

import vl_convert

from communicator_reports.document import Figure, Panel
from communicator_reports.figures.theme import BREAK, config

__all__ = ["picture"]

_INK: Final = "#1d232b"
_WIDTH: Final = 800
_GAP: Final = 34


def picture(figure: Figure) -> dict[str, Any]:
    """Return all panels of a figure as one chart of fixed width.

    Joined charts have the width of their plots and not of their labels, so the chart is drawn once to measure these.
    """
    columns = min(figure.columns, len(figure.panels))
    plot = _WIDTH // columns
    labels = _width(_joined(figure, columns, plot)) - _WIDTH
    return _joined(figure, columns, plot - math.ceil(labels / columns))


def _joined(figure: Figure, columns: int, width: int) -> dict[str, Any]:
    """Return the panels in rows; data sets, which only the outermost chart may have, move there."""
    panels = [_panel(panel, width) for panel in figure.panels]
    data = {name: values for panel in panels for name, values in panel.pop("datasets", {}).items()}
    rows = [{"hconcat": panels[i : i + columns], "spacing": _GAP} for i in range(0, len(panels), columns)]
    return {
        "$schema": figure.panels[0].spec["$schema"],
        "vconcat": rows,
        "spacing": 22,
        "config": {**config(_INK, legend=True), "background": "white"},
        "resolve": {"scale": {"color": "shared", "strokeDash": "shared"}},
        "datasets": data,
    }


def _panel(panel: Panel, width: int) -> dict[str, Any]:
    inner = {key: value for key, value in panel.spec.items() if key != "$schema"}
    return {**inner, "width": width, "title": panel.title.split(BREAK)}


def _width(chart: dict[str, Any]) -> float:
    """Draw a chart and return its width."""
    found = re.search(r'<svg[^>]*? width="([\d.]+)"', vl_convert.vegalite_to_svg(chart))
    return float(found[1]) if found else float(_WIDTH)
