"""`communicator serve`: run receiving, sending, directory and authorization services, one or several in a process."""

import asyncio
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from communicator_impl.services.settings import Settings

__all__ = ["serve"]


class Role(StrEnum):
    """What may be named on the command line."""

    RECEIVING = "receiving"
    SENDING = "sending"
    BOTH = "both"
    DIRECTORY = "directory"
    AUTHORIZATION = "authorization"
    ALL = "all"


def serve(
    services: Annotated[
        list[Role] | None,
        typer.Argument(help="One or several of the services above, both, or all.", show_default="both"),
    ] = None,
    settings: Annotated[Path | None, typer.Option(help="A file with settings, in TOML.")] = None,
    uri: Annotated[
        str | None,
        typer.Option(
            help="Origin that people reach it at, such as https://post.example.", show_default="where it listens"
        ),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            help="sqlite:///path for one process, postgresql+psycopg://user@host/name for several.",
            show_default="sqlite:///communicator.sqlite3",
        ),
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen at; others than loopback need TLS.", show_default="127.0.0.1")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen at.", show_default="8420")] = None,
    operations_port: Annotated[
        int | None,
        typer.Option(help="Loopback port of /health/live, /health/ready and /metrics.", show_default="none"),
    ] = None,
    event_log: Annotated[
        bool | None, typer.Option("--event-log", help="Write down which message came to which address: for tests only.")
    ] = None,
) -> None:
    """Run services over HTTP until Ctrl-C, on one origin and one database.

    receiving: takes messages for people at addresses that end, and keeps them until a device asks.

    sending: takes messages from people, and brings them to receiving services, later and again if need be.

    directory: says which identity a name has, with a log that shows everybody the same.

    authorization: gives accounts tokens that services take as payment and cannot trace.

    both: receiving and sending. all: all four.

    Examples:

      communicator serve all

      communicator serve directory authorization --port 8430 --database sqlite:///names.sqlite3

      communicator serve both --settings communicator.toml

    Without settings, services listen at http://127.0.0.1:8420 for this machine alone, take requests without tokens, and
    keep everything in communicator.sqlite3 in this folder. Settings come from the file, then from environment variables
    such as COMMUNICATOR_SERVICE_URI, then from the options here; docs/services.md lists them all.
    """
    service = {
        "uri": uri,
        "listen_host": host,
        "listen_port": port,
        "operations_port": operations_port,
        "event_log": event_log,
    }
    run = {"run": " ".join(services)} if services else {}
    flags = {"service": _given(service) | run, "database": _given({"url": database})}
    chosen = Settings.read(settings, os.environ, flags)
    from communicator_impl.services.host import serve as run_services  # the server is loaded by this command alone
    from communicator_impl.services.observation import Log

    asyncio.run(run_services(chosen, Log(), _tell))


def _tell(line: str) -> None:
    print(line, flush=True)


def _given(values: dict[str, str | int | None]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}
