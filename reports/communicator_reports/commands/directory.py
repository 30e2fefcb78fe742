"""`communicator directory`: give names to people, and watch a directory from outside."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from communicator_reports.commands import options

if TYPE_CHECKING:
    from communicator_impl.services.directory_watch import Seen

__all__ = ["app"]

app = typer.Typer(help="Give names to people, and watch a directory from outside.", no_args_is_help=True)


@app.command("open")
def open_(
    name: Annotated[str, typer.Argument(help="The name.")],
    settings: Annotated[Path | None, typer.Option(help="Settings in TOML.")] = None,
    database: Annotated[str | None, typer.Option(help="The database of the directory.")] = None,
) -> None:
    """Give a name to whoever gets the access key that this prints; an earlier key of the name ends.

    Example:

      communicator directory open blair --database sqlite:///communicator.sqlite3
    """
    from communicator_impl.document import base64url
    from communicator_impl.entropy import SystemEntropy
    from communicator_impl.errors import CommunicatorError
    from communicator_impl.services.database import Database, migrate
    from communicator_impl.services.directory_store import open_account
    from communicator_impl.services.settings import Settings
    from communicator_spec.parameters import PARAMETERS

    flags = {"database": {"url": database}} if database else {}
    store = Database(Settings.read(settings, os.environ, flags).database.url)
    migrate(store)
    key = SystemEntropy().draw("access key", PARAMETERS.service.access_key_bytes)
    try:
        store.transact(lambda connection: open_account(connection, name, key))
    except CommunicatorError as error:
        raise typer.BadParameter(error.detail, param_hint="name") from error
    print(base64url(key))


@app.command()
def watch(
    uri: Annotated[str, typer.Argument(help="The directory.")],
    via: Annotated[
        list[str] | None, typer.Option(help="Where to ask for it, once for each way; by default its URI.")
    ] = None,
    name: Annotated[list[str] | None, typer.Option(help="A name whose entries are shown when they are new.")] = None,
    head: Annotated[list[Path] | None, typer.Option(help="A head that another reader saw.")] = None,
    state: Annotated[Path, typer.Option(help="What is kept between two looks.")] = Path("directory-watch.sqlite3"),
    as_json: options.Json = False,
) -> None:
    """Look once whether a directory has one log for everybody, and whether names changed; exit code 1 if not.

    Example:

      communicator directory watch https://directory.example --via https://203.0.113.7 --name blair
    """
    from communicator_impl import pace
    from communicator_impl.directory import Head
    from communicator_impl.errors import CommunicatorError
    from communicator_impl.services.directory_client import DirectoryClient
    from communicator_impl.services.directory_watch import DirectoryWatch
    from communicator_impl.services.file_storage import FileStorage
    from communicator_spec import ErrorClass

    storage = FileStorage(state)
    try:
        heads = [Head.decode(path.read_bytes()) for path in head or ()]
        ways = [DirectoryClient(uri, base.rstrip("/")) for base in via or ()]
        seen = DirectoryWatch(uri, storage, ways, name or ()).look(pace.now_ms(), heads)
    except CommunicatorError as error:
        found = {"refused": error.error_class.value, "detail": error.detail}
        print(json.dumps(found) if as_json else f"{uri}: {error}")
        is_untrue = error.error_class in (ErrorClass.FORGED, ErrorClass.EXPIRED)
        raise typer.Exit(1 if is_untrue else 2) from error
    finally:
        storage.close()
    _show(seen, as_json)


def _show(seen: "Seen", as_json: bool) -> None:
    alarms = {name: [{"sequence": leaf.sequence} for leaf in leaves] for name, leaves in seen.alarms}
    if as_json:
        print(json.dumps({"sizes": dict(seen.sizes), "silent": list(seen.silent), "alarms": alarms}))
    else:
        for base, size in seen.sizes:
            print(f"{base}: {size} entries, one log")
        for base in seen.silent:
            print(f"{base}: no answer")
        for name, leaves in alarms.items():
            for leaf in leaves:
                print(f"{name}: entry {leaf['sequence']} is new: did you make it?")
    raise typer.Exit(1 if any(alarms.values()) else 0 if seen.sizes else 2)
