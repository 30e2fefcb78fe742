"""Folders of results that are there as a whole or not at all.

Rules:

1. What is being built stands in a hidden folder beside its target, and is removed whenever
   building stops.
2. A folder that holds anything but a former result is never replaced.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from communicator_simulations.results import ResultsError, check_writable, replace_folder

__all__ = ["MARK", "building", "work_folder"]

MARK: Final = "provenance.json"
"""The file by which a folder of results is recognised."""


@contextmanager
def building(out: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of `out` when the block ends well.

    Raises `ResultsError` at once if `out` cannot be written, or holds something else.
    """
    out = out.resolve()
    _refuse_foreign(out)
    check_writable(out)
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    part.mkdir()
    try:
        yield part
        replace_folder(part, out)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def work_folder(out: Path) -> Path:
    """Return where finished runs are kept, so that an interrupted command can go on."""
    return out.resolve().parent / ".work"


def _refuse_foreign(out: Path) -> None:
    try:
        foreign = out.is_dir() and any(out.iterdir()) and not (out / MARK).exists()
    except OSError as error:
        raise ResultsError(f"cannot read {out} ({error.strerror}); choose another --out") from None
    if foreign or out.parent == out:
        raise ResultsError(f"{out} holds files that are no results, and would be replaced; choose another --out")
