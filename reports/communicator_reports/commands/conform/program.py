"""The program under test, as the commands take it: the word `reference`, or a command line after all options."""

from typing import Annotated, Final

import typer

__all__ = ["Program"]

_REFERENCE: Final = "reference"


def _checked(command: list[str]) -> list[str]:
    """Refuse what follows `reference`: it is no program, so nobody would read it."""
    if command[0] == _REFERENCE and len(command) > 1:
        rest = " ".join(command[1:])
        raise typer.BadParameter(f"options come before the program: {rest} {_REFERENCE}")
    return command


Program = Annotated[
    list[str],
    typer.Argument(metavar="TESTEE...", help="'reference', or -- and a command line.", callback=_checked),
]
