"""`communicator rm register|unregister|names|head`: names at directories, and their contacts."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from communicator_impl.client import Device
from communicator_impl.client.names import KEEPS, Name
from communicator_impl.document import unbase64url
from communicator_impl.errors import InputError, PeerError
from communicator_reports.commands import options
from communicator_reports.commands.rm.meeting import STORE
from communicator_reports.commands.rm.opening import KeyFileOption, Store, opened
from communicator_reports.commands.rm.truth import checked
from communicator_spec import ErrorClass

__all__ = ["Directory", "head", "key_of", "names", "register", "unregister"]

Directory = Annotated[str, typer.Option("--directory", metavar="URI", help="The directory.")]
_Name = Annotated[str, typer.Argument(metavar="NAME", help="The name at the directory.")]


def register(
    name: _Name,
    directory: Directory,
    key: Annotated[
        str | None,
        typer.Option(
            envvar="COMMUNICATOR_NAME_KEY", help="The access key that the directory gave you, the first time."
        ),
    ] = None,
    keep: Annotated[int | None, typer.Option(min=1, metavar="N", help="How many contacts to keep there.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Take a new identity, and replace all contacts.")] = False,
    store: Store = STORE,
    key_file: KeyFileOption = None,
    as_json: options.Json = False,
) -> None:
    """Let strangers find you at a directory. Each gets a contact of his own, and waits until you let him in.

    `sync` and `watch` fill up what strangers took, and read the log for entries that you did not make.

    Examples:

      communicator rm register ann@school --directory https://names.example --key owAB…

      communicator rm register ann@school --directory https://names.example --replace
    """
    uri = directory.rstrip("/")
    with opened(store, key_file) as device, checked(as_json):
        known = {(one.uri, one.name): one for one in device.names.all()}.get((uri, name))
        if known is None and key is None:
            key = typer.prompt("Access key of the name", hide_input=True, err=True)
        raw = key_of(key) if key is not None else known.access_key if known is not None else b""
        wanted = keep or (known.keeps if known is not None else KEEPS)
        found = device.names.register(uri, name, raw, wanted)
        if replace:
            found = device.names.replace(uri, name)
        row = _row(device, found)
    if as_json:
        print(json.dumps(msgspec.to_builtins(row)))
    else:
        print(f"{name} is registered at {uri}{_stock(found)}")


def unregister(
    name: _Name,
    directory: Directory,
    store: Store = STORE,
    key_file: KeyFileOption = None,
    as_json: options.Json = False,
) -> None:
    """Close the door: nobody new comes by this name any more. Whoever came before is not affected.

    Example:

      communicator rm unregister ann@school --directory https://names.example
    """
    with opened(store, key_file) as device, checked(as_json):
        taken = device.names.give_up(directory.rstrip("/"), name)
        device.turn()
    print(json.dumps({"taken_back": taken}) if as_json else f"closed; {taken} contacts were taken back")


def names(
    look: Annotated[bool, typer.Option("--look", help="Look at the directories now, whatever is due.")] = False,
    seen: Annotated[bool, typer.Option("--seen", help="You have seen what is strange.")] = False,
    store: Store = STORE,
    key_file: KeyFileOption = None,
    as_json: options.Json = False,
) -> None:
    """List your names, with the contacts that are left and what is strange in the log; exit code 1 if something is.

    Examples:

      communicator rm names --look

      communicator rm names --seen
    """
    with opened(store, key_file) as device, checked(as_json):
        for known in device.names.all():
            if look:
                device.names.look(known)
            if seen:
                device.names.seen(known)
        rows = [_row(device, known) for known in device.names.all()]
        found = device.names.all()
    if as_json:
        print(json.dumps(msgspec.to_builtins(rows)))
    for known, row in zip(found, rows, strict=True) if not as_json else ():
        print(f"{known.name} at {known.uri}{_stock(known)}")
        for sequence in row.strange:
            print(f"  entry {sequence} is in the log and not made by you: somebody may answer in your name")
        if known.trouble:
            print(f"  the last look failed: {known.trouble}")
    if not rows and not as_json:
        print("no name yet: communicator rm register NAME --directory URI")
    if any(row.strange for row in rows):
        raise typer.Exit(1)


def head(
    directory: Directory,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it.")],
    store: Store = STORE,
    key_file: KeyFileOption = None,
    as_json: options.Json = False,
) -> None:
    """Write the head of a directory's log that you saw last. Friends compare it with theirs (find --head).

    Example:

      communicator rm head seen-by-me.cbor --directory https://names.example
    """
    with opened(store, key_file) as device:
        found = device.finder.head(directory.rstrip("/"))
    if found is None:
        raise InputError(ErrorClass.UNKNOWN, f"no head of {directory} was seen yet")
    file.write_bytes(found.encode())
    row = {"size": found.size, "date_s": found.date_s}
    print(json.dumps(row) if as_json else f"{file}: a log of {found.size} entries")


def key_of(text: str) -> bytes:
    """Read an access key."""
    try:
        return unbase64url(text.strip())
    except PeerError as error:
        raise InputError(ErrorClass.MALFORMED, "the access key is not complete; copy all of it") from error


class _Row(msgspec.Struct, frozen=True):
    name: str
    directory: str
    brokered: bool
    left: int
    keeps: int
    next_look_s: int
    strange: tuple[int, ...]
    trouble: str


def _row(device: Device, known: Name) -> _Row:
    strange = tuple(leaf.sequence for leaf in device.names.alarms(known))
    stock, next_s = (known.is_brokered, known.left, known.keeps), known.look_ms // 1000
    return _Row(known.name, known.uri, *stock, next_s, strange, known.trouble)


def _stock(known: Name) -> str:
    if not known.is_brokered:
        return ": it says who you are, and hands out no contacts"
    at = datetime.fromtimestamp(known.look_ms // 1000).strftime("%Y-%m-%d %H:%M")
    return f": {known.left} of {known.keeps} contacts are left; next look {at}"
