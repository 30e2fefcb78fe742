"""`communicator explore`: a local page on the event log of one run."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["explore"]


def explore(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's log, a folder of logs, or a folder of results.")],
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port of this machine; 0: any that is free.")] = 8400,
) -> None:
    """Look into one run in the browser, until Ctrl-C: filter events, follow a message, see with one observer's eyes.

    The page is for this machine alone. A log links addresses to people: it is for tests.

    Examples:

      communicator explore out/migration

      communicator explore out/small/events/two-death-0.parquet
    """
    from communicator_reports.explorer.logs import loaded
    from communicator_reports.explorer.pages import application
    from communicator_reports.explorer.server import serve

    found = loaded(run)
    asyncio.run(serve(application(found), port, _tell))
    sys.stdout.flush()
    os._exit(0)  # threads of the server may be at their end still, and abort if the interpreter goes before them


def _tell(line: str) -> None:
    print(line, flush=True)
