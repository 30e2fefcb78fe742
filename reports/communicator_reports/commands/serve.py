"""`communicator serve`: run a receiving service, a sending service, or both; a directory; an authorization service."""

import asyncio
import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from communicator_impl.services.settings import Settings

__all__ = ["serve"]

Role = Literal["receiving", "sending", "both", "directory", "authorization"]


def serve(
    role: Annotated[Role, typer.Argument(help="Which services to run.")] = "both",
    settings: Annotated[Path | None, typer.Option(help="Settings in TOML.")] = None,
    uri: Annotated[
        str | None, typer.Option(help="Origin that people reach it at, such as https://post.example.")
    ] = None,
    database: Annotated[
        str | None, typer.Option(help="sqlite:///path, or postgresql+psycopg://user@host/name.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen at; others than loopback need TLS.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen at.")] = None,
    operations_port: Annotated[
        int | None, typer.Option(help="Loopback port of /health/live, /health/ready and /metrics.")
    ] = None,
    event_log: Annotated[
        bool | None, typer.Option("--event-log", help="Write down which message came to which address: for tests only.")
    ] = None,
) -> None:
    """Run services over HTTP until Ctrl-C.

    Settings come from the file, then from environment variables such as COMMUNICATOR_SERVICE_URI, then from the
    options here. Without any, both services run at http://127.0.0.1:8420 on a SQLite file in this folder. A directory
    and an authorization service each have an origin and a process of their own.
    """
    service = {
        "uri": uri,
        "listen_host": host,
        "listen_port": port,
        "operations_port": operations_port,
        "event_log": event_log,
    }
    flags = {"service": _given(service), "database": _given({"url": database})}
    from communicator_impl.services.observation import Log  # the server is loaded by this command alone

    if role == "directory":
        from communicator_impl.services.directory import serve_directory
        from communicator_impl.services.directory_settings import read_directory_settings

        asyncio.run(serve_directory(read_directory_settings(settings, os.environ, flags), Log()))
    elif role == "authorization":
        from communicator_impl.services.authorization import serve_authorization
        from communicator_impl.services.authorization_settings import read_authorization_settings

        asyncio.run(serve_authorization(read_authorization_settings(settings, os.environ, flags), Log()))
    else:
        from communicator_impl.services.serve import serve as run_services

        flags["service"]["run"] = role
        asyncio.run(run_services(Settings.read(settings, os.environ, flags), Log()))


def _given(values: dict[str, str | int | None]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}
