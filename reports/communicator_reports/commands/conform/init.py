"""`communicator conform init`: a first adapter that runs."""

import json
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["init"]


def init(
    language: Annotated[str, typer.Argument(help="python, javascript or shell.")],
    folder: Annotated[Path, typer.Option(metavar="DIR", help="Where to write it.")] = Path("adapter"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value.")] = False,
) -> None:
    """Write a first adapter that runs, with its list of known failures.

    Examples:

      communicator conform init javascript

      communicator conform init python --folder my-adapter
    """
    from communicator_conformance.starting import begin

    begun = begin(language, folder)
    if as_json:
        print(json.dumps({"files": [str(path) for path in begun.files], "command": begun.command}))
        return
    for path in begun.files:
        print(path)
    print(f"\nNow: cd {folder} && {begun.command}")
