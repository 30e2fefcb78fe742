"""`communicator rm files|fetch`: what comes beside messages."""

import json
from pathlib import Path
from typing import Annotated

import typer

from communicator_impl.client import Device
from communicator_impl.client.files import Listed, listed
from communicator_impl.client.shelf import FolderShelf
from communicator_impl.errors import InputError
from communicator_reports.commands import options
from communicator_reports.commands.rm.meeting import STORE
from communicator_reports.commands.rm.opening import KeyFileOption, Relationship, Store, find, opened
from communicator_reports.commands.rm.showing import day, draft_row, file_row, plain, size
from communicator_spec import ErrorClass

__all__ = ["fetch", "files"]


def files(
    name: Relationship, store: Store = STORE, key_file: KeyFileOption = None, as_json: options.Json = False
) -> None:
    """List the files of a conversation, and messages that wait until their files are stored.

    Example:

      communicator rm files Ben
    """
    with opened(store, key_file) as device:
        relationship = find(device, name)
        device.turn()
        found = listed(device.history.messages(relationship))
        drafts = [draft_row(n, w) for n, w in device.uploads.all().items() if w.relationship == relationship]
        called, now_s = device.history.called(relationship), device.clock() // 1000
    if as_json:
        print(json.dumps({"files": [file_row(file) for file in found], "drafts": drafts}))
        return
    for file in found:
        who = "from me" if file.own else f"from {plain(called)}"
        print(f"{file.reference:>6}  {_described(file)}, {who}, {day(file.date_s)}, {_until(file, now_s)}")
    for draft in drafts:
        print(f"{'':>6}  {draft['text']}: {draft['error'] or 'waits until its files are stored'}")
    if not found and not drafts:
        print("no files")


def fetch(
    name: Relationship,
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="A file as `files` numbers it, or all of a message.")],
    to: Annotated[Path, typer.Option(metavar="DIR", help="Where to write it; nothing there is replaced.")] = Path(),
    directly: Annotated[
        bool, typer.Option("--directly", help="Connect to the server that stores it, which then sees you.")
    ] = False,
    ask: Annotated[
        bool, typer.Option("--ask", help="Write to the person if the file cannot be fetched any more.")
    ] = False,
    store: Store = STORE,
    key_file: KeyFileOption = None,
    as_json: options.Json = False,
) -> None:
    """Fetch a file through your receiving service, so that the server that stores it does not see you.

    Examples:

      communicator rm fetch Ben 7.1

      communicator rm fetch Ben 7 --to ~/Pictures

      communicator rm fetch Ben 7.1 --ask
    """
    with opened(store, key_file) as device:
        relationship = find(device, name)
        device.turn()
        wanted = _wanted(device, relationship, number)
        rows = [_fetched(device, relationship, file, to, directly, ask) for file in wanted]
        device.turn()
    if as_json:
        print(json.dumps(rows))
        return
    for row in rows:
        print(f"{row['path']}  (by {row['by']})" if row["path"] else f"{row['error']}: {name} was asked for it")


def _fetched(device: Device, relationship: int, file: Listed, to: Path, directly: bool, ask: bool) -> dict[str, object]:
    shelf = FolderShelf(to, file.attachment.name or f"file {file.reference}")
    try:
        by = device.fetch(relationship, file.attachment, shelf, directly=directly)
    except InputError as error:
        if not ask or error.error_class not in (ErrorClass.UNKNOWN, ErrorClass.EXPIRED):
            raise
        number = device.say(relationship, f"Please send me {_described(file)} again: it cannot be fetched any more.")
        return {"file": file.reference, "path": None, "by": None, "error": error.detail, "asked": number}
    return {"file": file.reference, "path": str(shelf.path), "by": by, "error": None, "asked": None}


def _wanted(device: Device, relationship: int, number: str) -> list[Listed]:
    """Return the peer's files that a person means: one, or all of a message."""
    there = [file for file in listed(device.history.messages(relationship)) if not file.own]
    found = [file for file in there if number in (file.reference, str(file.number))]
    if not found:
        known = ", ".join(file.reference for file in there) or "none yet"
        raise InputError(ErrorClass.UNKNOWN, f"there is no file {number}; there is {known}")
    return found


def _described(file: Listed) -> str:
    a = file.attachment
    return plain(f"{a.name or 'a file'} ({'picture, ' if file.is_picture else ''}{a.type}, {size(a.length)})")


def _until(file: Listed, now_s: int) -> str:
    dates = [place.valid_until_s for place in file.attachment.locations if place.valid_until_s > now_s]
    if not dates:
        return "stored nowhere any more"
    return f"stored until {day(max(dates))} at {len(dates)} {'place' if len(dates) == 1 else 'places'}"
