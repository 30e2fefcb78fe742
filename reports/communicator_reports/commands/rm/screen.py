"""`communicator rm open`: people, messages and services on one screen."""

import sys
from typing import Annotated

import typer

from communicator_impl.errors import InputError
from communicator_reports.commands.rm.meeting import STORE
from communicator_reports.commands.rm.opening import KeyFileOption, Store, opened
from communicator_spec import ErrorClass

__all__ = ["open_screen"]


def open_screen(
    light: Annotated[
        bool | None, typer.Option("--light/--dark", help="Colours for a light or a dark terminal; t changes them.")
    ] = None,
    store: Store = STORE,
    key_file: KeyFileOption = None,
) -> None:
    """Open the store as a screen: people, conversations, the path of each message, addresses and services.

    It stays, sends and receives until q or Ctrl-C, by keys alone or with a mouse; ? shows the keys. With NO_COLOR set
    it has no colours.

    Example:

      communicator rm open
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InputError(ErrorClass.REFUSED, "the screen needs a terminal; for scripts there is: communicator rm watch")
    with opened(store, key_file) as device:  # what is wrong with the store is said before the screen opens
        from communicator_reports.terminal.app import run

        run(device, store.name, is_light=light)
