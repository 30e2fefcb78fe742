"""`communicator authorization`: open accounts at an authorization service, and close them."""

import os
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(help="Open and close accounts at an authorization service.", no_args_is_help=True)

_Settings = Annotated[Path | None, typer.Option("--settings", help="Settings in TOML.")]
_Database = Annotated[str | None, typer.Option("--database", help="The database of the service.")]


@app.command("open")
def open_(settings: _Settings = None, database: _Database = None) -> None:
    """Open an account for whoever gets the access key that this prints.

    Example:

      communicator authorization open --database sqlite:///communicator.sqlite3
    """
    from communicator_impl.document import base64url
    from communicator_impl.entropy import SystemEntropy
    from communicator_impl.services.authorization_store import open_account
    from communicator_impl.services.database import Database, migrate
    from communicator_impl.services.settings import Settings
    from communicator_spec.parameters import PARAMETERS

    store = Database(Settings.read(settings, os.environ, _flags(database)).database.url)
    migrate(store)
    key = SystemEntropy().draw("access key", PARAMETERS.service.access_key_bytes)
    store.transact(lambda connection: open_account(connection, key))
    print(base64url(key))


@app.command()
def close(
    key: Annotated[str, typer.Argument(help="The access key of the account.")],
    settings: _Settings = None,
    database: _Database = None,
) -> None:
    """Forget an account; tokens that it has stay good.

    Example:

      communicator authorization close KEY --database sqlite:///communicator.sqlite3
    """
    from communicator_impl.document import unbase64url
    from communicator_impl.errors import PeerError
    from communicator_impl.services.authorization_store import close_account
    from communicator_impl.services.database import Database, migrate
    from communicator_impl.services.settings import Settings

    try:
        raw = unbase64url(key)
    except PeerError as error:
        raise typer.BadParameter("not an access key", param_hint="key") from error
    store = Database(Settings.read(settings, os.environ, _flags(database)).database.url)
    migrate(store)
    store.transact(lambda connection: close_account(connection, raw))


def _flags(database: str | None) -> dict[str, dict[str, object]]:
    return {"database": {"url": database}} if database else {}
