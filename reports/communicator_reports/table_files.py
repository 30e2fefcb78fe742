"""Tables as files for other programs: CSV for reading on, LaTeX (booktabs) for other papers.

In the CSV a column of numbers has as many columns as it has numbers: the value, and the ends of its interval or the
whole that it is a part of, if any cell has them. They are in the unit of the column, and not rounded for reading.
"""

import csv
import io
from typing import Final

from communicator_reports.document import Cell, Table, runs
from communicator_reports.quantities import Quantity

__all__ = ["comma_separated", "latex"]

_PARTS: Final = (("mean", ""), ("low", ", low"), ("high", ", high"), ("of", ", of"))
_TEX: Final = str.maketrans({
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "\u202f": r"\,", "\u00a0": "~", "−": "$-$", "∞": r"$\infty$",
    "…": r"\dots{}",
})  # fmt: skip


def comma_separated(table: Table) -> str:
    """Return a table as CSV; the heading of a group is repeated in each of its rows."""
    columns = [_parts(table, number) for number in range(len(table.header))]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([name + end for name, parts in zip(_names(table), columns, strict=True) for _, end in parts])
    group: Cell = ""
    for row in table.rows:
        group = row[0] if row[0] or not table.grouped else group
        cells = (group, *row[1:])
        writer.writerow([_value(c, part) for c, parts in zip(cells, columns, strict=True) for part, _ in parts])
    return out.getvalue()


def _names(table: Table) -> list[str]:
    """Return the names of the columns; one that occurs again stands behind the one to its left."""
    found: list[str] = []
    for at, name in enumerate(table.header):
        found.append(f"{found[-1]}: {name}" if table.header.count(name) > 1 and at else name)
    return found


def _parts(table: Table, column: int) -> list[tuple[str, str]]:
    """Return which numbers the cells of a column have; the value alone of words."""
    cells = [row[column] for row in table.rows]
    found = {
        name for cell in cells if isinstance(cell, Quantity) for name, _ in _PARTS if getattr(cell, name) is not None
    }
    return [part for part in _PARTS if part[0] in found or part[0] == "mean"]


def _value(cell: Cell, part: str) -> str:
    if isinstance(cell, Quantity):
        value: float | None = getattr(cell, part)
        return "" if value is None else f"{value:.12g}"
    return "".join(run.text for run in runs(cell)) if part == "mean" else ""


def latex(table: Table) -> str:
    """Return a table as LaTeX, to be read with `\\input`; it needs the package booktabs."""
    first = 1 if table.grouped else 0
    form = "l" * (table.left - first) + "r" * (len(table.header) - table.left)
    lines = [rf"\begin{{tabular}}{{{form}}}", r"\toprule", _row(table.header[first:]), r"\midrule"]
    for number, row in enumerate(table.rows):
        if table.grouped and row[0]:
            lines += [r"\addlinespace"] if number else []
            lines.append(rf"\multicolumn{{{len(form)}}}{{l}}{{\textbf{{{_tex(row[0])}}}}} \\")
        lines.append(_row(row[first:]))
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _row(cells: tuple[Cell, ...]) -> str:
    return " & ".join(map(_tex, cells)) + r" \\"


def _tex(cell: Cell) -> str:
    marks = {"plain": "{}", "strong": r"\textbf{{{}}}", "code": r"\texttt{{{}}}"}
    return "".join(marks[run.style].format(run.text.translate(_TEX)) for run in runs(str(cell)))
