"""`communicator report`: draw the report again from its result files."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from communicator_reports.commands import options

__all__ = ["report"]


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of results.")],
    as_json: options.Json = False,
) -> None:
    """Draw index.html, report.pdf and the figures from the results in a folder; nothing is run again.

    Example:

      communicator report out/migration
    """
    from communicator_reports.findings import load
    from communicator_reports.progress import Steps
    from communicator_reports.report import draw

    load(folder)  # refuses what holds no results before anything is announced
    with Steps(Console(stderr=True), 1).step("drawing the report") as update:
        written = draw(folder, update)
    if as_json:
        print(json.dumps({"written": [str(path) for path in written]}))
    else:
        for path in written[:2]:
            print(path)
