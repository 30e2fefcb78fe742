"""Leaks that are planted into a receiving service, to see that the distinguisher finds them.

Each function changes the acceptance of the process that calls it before it serves; `command` starts such a process.
"""

import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from tests.services.running import BARE

from communicator_impl.services import beats, receiving, resolver

__all__ = ["answers_after_resolving", "command", "environment", "sleeps_when_invalid"]

_PAUSE_S: Final = 0.0002
_VALID: Final = bytes(1000)


def sleeps_when_invalid() -> None:
    """Answer 0.2 ms later when the ciphertext is none of those that the tests seal; to open it would take longer."""
    accept = receiving.ReceivingEndpoints.accept

    async def leaking(self: receiving.ReceivingEndpoints, request: Request) -> Response:
        is_valid = (await request.body()).endswith(_VALID)
        answer = await accept(self, request)
        until_s = time.monotonic() + (0.0 if is_valid else _PAUSE_S)
        while time.monotonic() < until_s:
            pass
        return answer

    receiving.ReceivingEndpoints.accept = leaking  # type: ignore[method-assign]


def answers_after_resolving() -> None:
    """Answer when the request is resolved, and not on a beat."""
    accept = receiving.ReceivingEndpoints.accept

    async def leaking(self: receiving.ReceivingEndpoints, request: Request) -> Response:
        answer = await accept(self, request)
        await self._kit.work.run(resolver.Resolver(self._kit.database).step)
        return answer

    receiving.ReceivingEndpoints.accept = leaking  # type: ignore[method-assign]
    beats.Beats.kept = lambda self: nullcontext()  # type: ignore[method-assign,assignment,return-value]


def command(leak: Callable[[], None]) -> tuple[str, ...]:
    """Return how a service with a leak is started."""
    planted = f"from tests.services.leaks import {leak.__name__}; {leak.__name__}();"
    return (sys.executable, "-c", planted + BARE[2])


def environment() -> dict[str, str]:
    """Return where that finds the tests."""
    return {"PYTHONPATH": str(Path(__file__).parents[2])}
