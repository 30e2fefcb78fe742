"""The report of a folder of results: `index.html`, `report.pdf` and the pictures in `figures/`.

Everything is drawn from the files in the folder. Each file is written whole or not at all; the same results give the
same bytes. Cost: about ten seconds, most of it for compiling charts.
"""

import os
from pathlib import Path

import vl_convert

from communicator_reports.figures.sheet import picture
from communicator_reports.findings import load
from communicator_reports.page import page
from communicator_reports.paper import paper
from communicator_reports.pdf import pdf
from communicator_reports.progress import Update

__all__ = ["draw"]


def draw(folder: Path, update: Update) -> list[Path]:
    """Draw the report into the folder and return the files that were written.

    Raises `ResultsError` if the folder holds no results, or broken ones.
    """
    document = paper(load(folder))
    charts = {figure.name: picture(figure) for figure in document.figures()}
    steps = len(charts) + 2
    written = [_write(folder / "index.html", page(document).encode())]
    update(1, steps)
    written.append(_write(folder / "report.pdf", pdf(document, charts)))
    update(2, steps)
    (folder / "figures").mkdir(exist_ok=True)
    for number, (name, chart) in enumerate(charts.items(), start=3):
        written.append(_write(folder / "figures" / f"{name}.svg", vl_convert.vegalite_to_svg(chart).encode()))
        update(number, steps)
    return written


def _write(path: Path, data: bytes) -> Path:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_bytes(data)
    part.replace(path)
    return path
