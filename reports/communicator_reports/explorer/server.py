"""The explorer's server: at this machine's own address, until it is told to stop."""

import asyncio
import signal
from collections.abc import Callable
from typing import Final

from starlette.applications import Starlette

from communicator_impl.services.listening import Listening

__all__ = ["serve"]

_HERE: Final = "127.0.0.1"


async def serve(application: Starlette, port: int, tell: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; `tell` learns the address once it is listened at.

    Raises `SettingsError` if the port is taken.
    """
    listening = Listening(_HERE, port, "--port")
    tell(f"http://{_HERE}:{listening.port}  (Ctrl-C ends it)")
    server = listening.server(application)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.stop)
    await server.serve()
