"""`communicator events`: what a service wrote into its event log, for tests."""

import os
from pathlib import Path
from typing import Annotated

import typer

from communicator_impl.services.settings import Settings

__all__ = ["app"]

app = typer.Typer(help="Event logs of live services, for tests.", no_args_is_help=True)


@app.command("export")
def export(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write.")],
    settings: Annotated[Path | None, typer.Option(help="Settings in TOML.")] = None,
    database: Annotated[str | None, typer.Option(help="The database of the service.")] = None,
) -> None:
    """Write the event log of a database as a file that `communicator judge` reads.

    The service may run. The file says which message came to which address, and when.

    Example:

      communicator events export receiving.jsonl --database sqlite:///communicator.sqlite3
    """
    from communicator_impl.services.database import Database, migrate
    from communicator_impl.services.events import exported

    flags = {"database": {"url": database}} if database else {}
    store = Database(Settings.read(settings, os.environ, flags).database.url)
    migrate(store)
    with store.reading() as connection, out.open("w", encoding="utf-8") as file:
        count = sum(1 for line in exported(connection) if file.write(line + "\n"))
    store.close()
    typer.echo(f"{out}: {count} events", err=True)
