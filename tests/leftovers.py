"""Processes that a program leaves: told by a mark in the environment that it was started in."""

import os
import uuid
from pathlib import Path

MARK = "COMMUNICATOR_TEST_MARK"


def environment(folder: Path) -> dict[str, str]:
    """Return an environment that no other process has, with a folder for what is temporary."""
    return {**os.environ, MARK: uuid.uuid4().hex, "TMPDIR": str(folder)}


def left(marked: dict[str, str]) -> list[str]:
    """Return the processes that were begun in an environment."""
    mark, found = f"{MARK}={marked[MARK]}".encode(), []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text())
        except OSError:
            continue
    return found
