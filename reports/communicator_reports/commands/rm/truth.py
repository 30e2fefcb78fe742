"""Who does not tell the truth: a directory or an issuer that shows different people different things.

That is no mistake of the person and no failure of the network: something was checked and does not hold. So the exit
code is 1, as it is for everything else that is checked, and `--json` names the class.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from communicator_impl.errors import PeerError

__all__ = ["checked"]


@contextmanager
def checked(as_json: bool) -> Iterator[None]:
    """End the command with code 1 if what another party said does not hold."""
    try:
        yield
    except PeerError as error:
        if as_json:
            print(json.dumps({"refused": error.error_class.value, "detail": error.line}))
        else:
            typer.echo(f"communicator: do not believe it: {error.line}", err=True)
        raise typer.Exit(1) from error
