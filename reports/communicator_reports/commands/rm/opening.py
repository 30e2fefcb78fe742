"""Opening the store of a device: where it is, and what it is locked by.

A store is named by `--store` or `COMMUNICATOR_STORE`; it is opened by `--key-file`, by `COMMUNICATOR_PASSPHRASE`, or by
a passphrase that is asked for. Nothing else is read from the environment, and neither is ever printed.
"""

import mimetypes
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Final

import typer

from communicator_impl.client import Device, KeyFile, Passphrase, Vault
from communicator_impl.errors import InputError
from communicator_reports.commands.rm.showing import plain
from communicator_spec import ErrorClass

__all__ = ["KeyFileOption", "Relationship", "Store", "created", "find", "holding", "media_type", "opened"]

_PASSPHRASE: Final = "COMMUNICATOR_PASSPHRASE"
_LOG: Final = "COMMUNICATOR_EVENT_LOG"
_held: ContextVar[Device | None] = ContextVar("held", default=None)

Store = Annotated[
    Path,
    typer.Option(envvar="COMMUNICATOR_STORE", metavar="FILE", help="The store of this device."),
]
KeyFileOption = Annotated[
    Path | None, typer.Option("--key-file", metavar="FILE", help="What opens the store, in place of a passphrase.")
]
Relationship = Annotated[str, typer.Argument(metavar="NAME", help="The name of a person, or a relationship's number.")]


def created(store: Path, key_file: Path | None) -> Device:
    """Make a store and its device; a key file that is not there is made too."""
    if key_file is not None and not key_file.exists():
        key_file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(key_file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(32))
    return _device(Vault.create(store, _secret(key_file, confirm=True)))


@contextmanager
def opened(store: Path, key_file: Path | None) -> Iterator[Device]:
    """Open a device for one command; in a program that stays it is the one that is open."""
    held = _held.get()
    if held is not None:
        yield held
        return
    if not store.is_file():
        raise InputError(ErrorClass.UNKNOWN, f"there is no store at {store}; make one with: communicator rm init")
    device = _device(Vault.open(store, _secret(key_file, confirm=False)))
    try:
        yield device
        for line in (*device.clocks.lines(), *device.purses.lines()):
            print(f"communicator: {line}", file=sys.stderr)
    finally:
        device.close()


@contextmanager
def holding(device: Device) -> Iterator[None]:
    """Let all commands inside the block work on a device that is open."""
    token = _held.set(device)
    try:
        yield
    finally:
        _held.reset(token)


def find(device: Device, name: str) -> int:
    """Return the relationship that a person meant."""
    people = device.history.people()
    own = {number: person.name for number, person in people.items() if person.name}
    rest = {number: device.history.called(number) for number in people if number not in own}
    named = [number for number, called in own.items() if called.casefold() == name.casefold()]
    named = named or [number for number, called in rest.items() if called.casefold() == name.casefold()]  # CONT-7
    if len(named) > 1:
        raise InputError(ErrorClass.REFUSED, f"{len(named)} people are called {name}; use a number: {named}")
    if named:
        return named[0]
    if name.isdecimal() and int(name) in people:
        return int(name)
    known = ", ".join(sorted({*own.values(), *map(plain, rest.values())})) or "nobody yet"
    raise InputError(ErrorClass.UNKNOWN, f"nobody is called {name}; there is {known}")


def media_type(path: Path) -> str:
    """Return the media type that a file's name stands for."""
    return mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def _device(vault: Vault) -> Device:
    person = os.environ.get(_LOG, "")
    if person and not person.isdecimal():
        vault.close()
        raise InputError(ErrorClass.MALFORMED, f"{_LOG} is the number of this person in the log, such as 0")
    return Device(vault, log=bool(person), person=int(person or 0))


def _secret(key_file: Path | None, *, confirm: bool) -> KeyFile | Passphrase:
    if key_file is not None:
        try:
            return KeyFile(key_file.read_bytes())
        except OSError as error:
            raise InputError(ErrorClass.UNKNOWN, f"{key_file} cannot be read: {error.strerror}") from error
    given = os.environ.get(_PASSPHRASE)
    if given is None and not sys.stdin.isatty():
        raise InputError(ErrorClass.REFUSED, f"give a passphrase in {_PASSPHRASE}, or a key file by --key-file")
    if given is None:
        given = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True)
    return Passphrase(given)
