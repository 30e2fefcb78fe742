"""A document before it has a form: sections of prose, figures and tables, rendered alike as page and as PDF.

Prose is plain text with two marks, `**strong**` and `` `code` ``. A figure is a row of panels, each a Vega-Lite
specification whose width is the container's; a page lays them out to fit, a sheet puts them in `columns`.
"""

import re
from typing import Final

import msgspec

from communicator_reports.quantities import Quantity

__all__ = [
    "Block",
    "Cell",
    "Chip",
    "Document",
    "Facts",
    "Figure",
    "Items",
    "Panel",
    "Prose",
    "Run",
    "Section",
    "Table",
    "runs",
]

_APART: Final = re.compile(r"(?<=\d) (?=%|\d{3}\b)")
_MARKS: Final = re.compile(r"\*\*(?P<strong>[^*]+)\*\*|`(?P<code>[^`]+)`")


class Run(msgspec.Struct, frozen=True):
    """A piece of prose in one style: plain, strong or code."""

    style: str
    text: str


class Prose(msgspec.Struct, frozen=True, tag="prose"):
    """A paragraph, and the numbers in it."""

    text: str
    said: tuple[Quantity, ...] = ()


class Items(msgspec.Struct, frozen=True, tag="items"):
    """A list of short paragraphs, and the numbers in them."""

    items: tuple[str, ...]
    said: tuple[Quantity, ...] = ()


class Panel(msgspec.Struct, frozen=True):
    """One chart: its title and its specification."""

    title: str
    spec: dict[str, object]


class Chip(msgspec.Struct, frozen=True):
    """One entry of a legend: colour, dash pattern, and what it stands for."""

    label: str
    colour: str
    dash: str = ""


class Figure(msgspec.Struct, frozen=True, tag="figure"):
    """Charts with a caption; `name` is also the name of the file, `data` the files of the numbers."""

    name: str
    caption: str
    data: str
    panels: tuple[Panel, ...]
    columns: int = 2
    legend: tuple[Chip, ...] = ()


Cell = str | Quantity


class Table(msgspec.Struct, frozen=True, tag="table"):
    """Rows of cells; `left` counts the leading columns that hold words, the others hold numbers.

    If `grouped`, the first column is the heading of a group of rows, and empty in all but the first of them.
    """

    name: str
    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    left: int = 1
    grouped: bool = False


class Facts(msgspec.Struct, frozen=True, tag="facts"):
    """A box of names and values."""

    rows: tuple[tuple[str, str], ...]


Block = Prose | Items | Figure | Table | Facts


class Section(msgspec.Struct, frozen=True):
    """A heading and what stands under it."""

    title: str
    name: str
    blocks: tuple[Block, ...]


class Document(msgspec.Struct, frozen=True):
    """A short paper; `said` are the numbers in title, subtitle and abstract."""

    title: str
    subtitle: str
    abstract: str
    sections: tuple[Section, ...]
    said: tuple[Quantity, ...] = ()

    def figures(self) -> list[Figure]:
        """Return all figures in their order."""
        return [block for section in self.sections for block in section.blocks if isinstance(block, Figure)]

    def tables(self) -> list[Table]:
        """Return all tables in their order."""
        return [block for section in self.sections for block in section.blocks if isinstance(block, Table)]


def runs(text: str) -> list[Run]:
    """Cut prose into runs of one style."""
    text = _APART.sub("\u202f", text)  # 95 % and 10 000 are one word each
    found: list[Run] = []
    at = 0
    for match in _MARKS.finditer(text):
        found.append(Run("plain", text[at : match.start()]))
        style = "strong" if match["strong"] else "code"
        found.append(Run(style, match["strong"] or match["code"]))
        at = match.end()
    return [run for run in [*found, Run("plain", text[at:])] if run.text]
