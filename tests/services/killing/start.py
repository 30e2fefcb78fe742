"""What a forked process becomes: one of the services as `communicator serve` runs it, or one with a planted bug."""

import asyncio
import os

from communicator_impl.services.host import serve
from communicator_impl.services.observation import Log
from communicator_impl.services.outward import everybodys_context
from communicator_impl.services.settings import Settings, SettingsError
from communicator_simulations.chaos.child import Forked, lend
from communicator_simulations.chaos.planted import plant

everybodys_context()


def run(role: str, fault: str) -> None:
    """Serve until the process ends."""
    if fault:
        plant(fault)
    if role in ("receiving", "both"):
        lend(Forked(lambda: None))
    try:
        asyncio.run(serve(Settings.read(None, os.environ), Log()))
    except SettingsError as error:
        os.write(2, f"{error}\n".encode())
        raise SystemExit(2) from error
