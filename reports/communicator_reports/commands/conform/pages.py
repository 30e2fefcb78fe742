"""What several commands do: check what they are given before a run, and write the page and the badge of a verdict."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from communicator_conformance import Verdict

if TYPE_CHECKING:
    from communicator_conformance.vectors import Vector

__all__ = ["check_folders", "check_list", "command_of", "write_pages"]


def check_folders(**files: Path | None) -> None:
    """Say before a run, not after it, that a file cannot be written because its folder is not there; by option."""
    for option, path in files.items():
        if path is not None and not path.absolute().parent.is_dir():
            raise typer.BadParameter(f"there is no folder {path.absolute().parent}", param_hint=f"--{option}")


def check_list(expectations: Path | None, *, update: bool) -> None:
    """Say before a run that a list of known failures is not there, or which one is to be rewritten."""
    if update and expectations is None:
        raise typer.BadParameter("give the list to be rewritten with --expectations FILE", param_hint="--update")
    if expectations is not None and not update and not expectations.is_file():
        raise typer.BadParameter(f"{expectations} is no file; --update makes one", param_hint="--expectations")


def command_of(testee: list[str], *, select: str = "*", seed: int = 0, vectors: Path | None = None) -> str:
    """Return the command that repeats a run, as somebody would type it."""
    words = ["communicator", "conform", "--seed", str(seed)]
    words += ["--select", select] if select != "*" else []
    words += ["--vectors", str(vectors)] if vectors is not None else []
    return shlex.join([*words, *(testee if testee == ["reference"] else ["--", *testee])])


def write_pages(
    verdict: Verdict, html: Path | None, badge: Path | None, command: str, vectors: "Mapping[str, Vector] | Path | None"
) -> None:
    """Write the page and the badge, where they are wanted.

    `command` repeats the run; `vectors` are those that were played, or their folder, or ours when absent.
    """
    from communicator_conformance.vectors import load_folder, published
    from communicator_reports.conformance_page import render_badge, render_run

    if html is not None:
        played = published() if vectors is None else load_folder(vectors) if isinstance(vectors, Path) else vectors
        html.write_text(render_run(verdict, command, played), "utf-8")
    if badge is not None:
        badge.write_text(render_badge(verdict), "utf-8")
