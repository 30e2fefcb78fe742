"""A document as PDF, set by Typst from the same blocks, with the same charts as pictures.

Rules:

1. Only fonts that come with the wheels are used, so that the sheet looks alike and has the same bytes everywhere.
2. The template reads the document as JSON; no text of ours or of the data becomes markup.
"""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import typst
import vl_convert

from communicator_reports.document import Cell, Document, Figure, Items, Prose, Table, runs

__all__ = ["pdf", "sheets"]


def pdf(document: Document, charts: Mapping[str, dict[str, Any]]) -> bytes:
    """Return the PDF for A4; `charts` are the pictures of the figures by name."""
    return sheets(document, charts, {"": "a4"})[""]


def sheets(document: Document, charts: Mapping[str, dict[str, Any]], papers: Mapping[str, str]) -> dict[str, bytes]:
    """Return a PDF for each paper (Typst's name for its size); `charts` are the pictures of the figures by name."""
    template = files("communicator_reports") / "templates" / "paper.typ"
    with TemporaryDirectory() as name:
        folder = Path(name)
        for figure, chart in charts.items():
            (folder / f"{figure}.pdf").write_bytes(vl_convert.vegalite_to_pdf(chart))
        (folder / "document.json").write_bytes(msgspec.json.encode(_plain(document)))
        (folder / "paper.typ").write_bytes(template.read_bytes())
        return {
            name: typst.compile(
                folder / "paper.typ", root=folder, format="pdf", ignore_system_fonts=True, timestamp=0,
                sys_inputs={"paper": paper},
            )
            for name, paper in papers.items()
        }  # fmt: skip


def _plain(document: Document) -> dict[str, Any]:
    """Return the document as JSON, with prose cut into runs."""
    found: dict[str, Any] = msgspec.to_builtins(document)
    found["subtitle"], found["abstract"] = _runs(document.subtitle), _runs(document.abstract)
    for section, plain in zip(document.sections, found["sections"], strict=True):
        for block, out in zip(section.blocks, plain["blocks"], strict=True):
            if isinstance(block, Prose):
                out["text"] = _runs(block.text)
            elif isinstance(block, Items):
                out["items"] = [_runs(item) for item in block.items]
            elif isinstance(block, Table):
                out |= {"caption": _runs(block.caption), "rows": _cells(block.rows)}
            elif isinstance(block, Figure):
                out |= {"caption": _runs(block.caption), "panels": len(block.panels)}
            else:
                out["rows"] = _cells(block.rows)
    return found


def _runs(text: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = msgspec.to_builtins(runs(text))
    return found


def _cells(rows: Sequence[Sequence[Cell]]) -> list[list[list[dict[str, str]]]]:
    return [[_runs(str(cell)) for cell in row] for row in rows]
