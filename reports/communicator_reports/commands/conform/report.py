"""`communicator conform report`: the page and the badge of results that are there already."""

from pathlib import Path
from typing import Annotated

import typer

from communicator_reports.commands.conform.pages import command_of, write_pages

__all__ = ["report"]


def report(
    results: Annotated[
        Path, typer.Argument(metavar="RESULTS", help="What --jsonl wrote.", exists=True, dir_okay=False)
    ],
    summary: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            show_default="summary.json beside the results",
            help="What --json printed: name, seed and digests.",
        ),
    ] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page to send to others.")] = None,
    badge: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a badge, as SVG.")] = None,
) -> None:
    """Draw the page and the badge again from results; runs nothing.

    Without a summary the page says that name, seed and digests are not stated.

    Examples:

      communicator conform --json --jsonl results.jsonl reference > summary.json

      communicator conform report results.jsonl --html report.html --badge badge.svg
    """
    from communicator_conformance.report import read

    if html is None and badge is None:
        raise typer.BadParameter("say what to write: --html FILE, --badge FILE, or both", param_hint="--html")
    beside = results.with_name("summary.json")
    verdict = read(results, summary or (beside if beside.is_file() else None))
    command = command_of(["YOUR", "PROGRAM"], select=verdict.select, seed=verdict.seed)
    write_pages(verdict, html, badge, command, None)
