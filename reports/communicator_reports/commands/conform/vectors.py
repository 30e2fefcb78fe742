"""`communicator conform vectors`: the vectors by themselves, for a runner of one's own."""

import json
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["vectors"]


def vectors(
    out: Annotated[Path, typer.Option(metavar="FILE.zip|DIR", help="An archive, or a folder.")] = Path("vectors.zip"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value.")] = False,
) -> None:
    """Write the vectors with their schema, digests and a page on how one is played.

    The same vectors give the same archive, byte for byte.

    Examples:

      communicator conform vectors

      communicator conform vectors --out my-tests/vectors
    """
    from communicator_conformance.bundle import write

    try:
        count = write(out)
    except OSError as error:
        typer.echo(f"error: cannot write {out}: {error.strerror}; choose another place with --out", err=True)
        raise typer.Exit(2) from error
    if as_json:
        print(json.dumps({"out": str(out), "files": count}))
        return
    print(f"{out}: {count:,} files; README.md in it says how a vector is played")
