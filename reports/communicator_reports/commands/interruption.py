"""Ctrl-C in a command whose work is kept: say so, and stop with exit code 130."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.console import Console

__all__ = ["resumable"]


@contextmanager
def resumable(target: Path, errors: Console) -> Iterator[None]:
    """Turn Ctrl-C inside the block into a line about what is there, and exit code 130."""
    try:
        yield
    except KeyboardInterrupt:
        errors.print(
            f"communicator: stopped; {target} is as it was before. The same command goes on where this one stopped.",
            markup=False, highlight=False, soft_wrap=True,
        )  # fmt: skip
        raise typer.Exit(130) from None
