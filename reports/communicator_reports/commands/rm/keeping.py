"""`communicator rm export|backup|restore`: what a person takes along, and what a next device begins with."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from communicator_impl import backup as backups
from communicator_impl.client.records import Stage
from communicator_impl.entropy import SystemEntropy
from communicator_impl.errors import InputError, PeerError
from communicator_impl.export import Kept, Relationship
from communicator_impl.export import export as exported
from communicator_reports.commands import options
from communicator_reports.commands.rm.meeting import STORE
from communicator_reports.commands.rm.opening import KeyFileOption, Store, created, opened
from communicator_spec import ErrorClass

__all__ = ["backup", "export", "restore"]

_Recovery = Annotated[
    str,
    typer.Option(
        envvar="COMMUNICATOR_RECOVERY",
        prompt="Passphrase of the backup",
        hide_input=True,
        help="What opens the backup.",
    ),
]


def export(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it, as JSON.")],
    store: Store = STORE,
    key_file: KeyFileOption = None,
    as_json: options.Json = False,
) -> None:
    """Write all messages as JSON, for any other program. There is no key in it, so nobody can write in your name.

    Example:

      communicator rm export messages.json
    """
    with opened(store, key_file) as device:
        relationships = []
        for number, person in device.history.people().items():
            messages = [Kept(own, n, m.date_s, m.content) for own, n, m in device.history.messages(number)]
            relationships.append(Relationship(tuple(messages), person.stage is Stage.ENDED))
    _write(target, exported(relationships))
    count = sum(len(relationship.messages) for relationship in relationships)
    print(json.dumps({"messages": count}) if as_json else f"{count} messages: {target}")


def backup(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it.")],
    recovery: _Recovery,
    store: Store = STORE,
    key_file: KeyFileOption = None,
    as_json: options.Json = False,
) -> None:
    """Write everything that this device holds, encrypted for your next device.

    Example:

      communicator rm backup phone.backup
    """
    with opened(store, key_file) as device:
        data = backups.make(backups.snapshot(device.vault), backups.Passphrase(recovery), SystemEntropy())
    _write(target, data)
    print(json.dumps({"bytes": len(data)}) if as_json else f"{len(data)} bytes: {target}")


def restore(
    source: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="A backup.")],
    recovery: _Recovery,
    store: Store = STORE,
    key_file: KeyFileOption = None,
    as_json: options.Json = False,
) -> None:
    """Make a store from a backup. The other device must not be used any more; people are asked what was missed.

    Example:

      communicator rm restore phone.backup --store new.store
    """
    values = _values(source, recovery)
    device = created(store, key_file)
    try:
        with device.vault.together():
            for name, value in values.items():
                device.vault.save(name, value)
    except BaseException:
        device.close()
        store.unlink()
        raise
    device.close()
    with opened(store, key_file) as again:
        again.turn(wakes=False)
        again.restored()
        again.turn()
        count = len(again.core.relationships())
    print(json.dumps({"relationships": count}) if as_json else f"{count} relationships are being synchronised")


def _values(source: Path, recovery: str) -> dict[str, bytes]:
    try:
        return backups.restore(source.read_bytes(), backups.Passphrase(recovery))
    except PeerError as error:
        if error.error_class is ErrorClass.FORGED:
            text = f"the passphrase is not that of {source}, or the file was changed; nothing was made"
        else:
            text = f"{source} is no backup, or not all of it; nothing was made"
        raise InputError(error.error_class, text) from error


def _write(target: Path, data: bytes) -> None:
    """Write a file whole or not at all, for its owner's eyes."""
    part = target.with_name(f"{target.name}.part")
    try:
        with os.fdopen(os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise InputError(ErrorClass.REFUSED, f"{target} cannot be written: {error.strerror}") from error
