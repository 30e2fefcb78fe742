"""Figures on paper: all panels of one as a single picture of fixed width, for the PDF and for files of their own."""

from typing import Any, Final

from communicator_reports.document import Figure
from communicator_reports.figures.theme import config

__all__ = ["picture"]

_INK: Final = "#1d232b"
_WIDTH: Final = 690
_GAP: Final = 34


def picture(figure: Figure) -> dict[str, Any]:
    """Return all panels of a figure as one chart of fixed width."""
    columns = min(figure.columns, len(figure.panels))
    width = (_WIDTH - _GAP * (columns - 1)) // columns
    panels = [_fixed(panel.spec, panel.title, width) for panel in figure.panels]
    schema = figure.panels[0].spec["$schema"]
    data = {name: values for panel in panels for name, values in panel.pop("datasets", {}).items()}
    rows = [{"hconcat": panels[i : i + columns], "spacing": _GAP} for i in range(0, len(panels), columns)]
    legend = {"color": "shared", "strokeDash": "shared"}
    shown = {**config(_INK, legend=True), "background": "white"}
    return {
        "$schema": schema,
        "vconcat": rows,
        "spacing": 22,
        "config": shown,
        "resolve": {"scale": legend},
        "datasets": data,
    }


def _fixed(spec: dict[str, object], title: str, width: int) -> dict[str, Any]:
    inner = {key: value for key, value in spec.items() if key != "$schema"}
    return {**inner, "width": width, "autosize": {"type": "fit-x", "contains": "padding"}, "title": title}
