"""Bytes on their way over TCP: carried, broken off, and given up when nobody is there any more.

Rules:

1. A connection that breaks on one side breaks on the other: a reset, never a tidy end.
2. Whoever starts a task here ends it.
"""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Final, TypeVar

from communicator_simulations.chaos.framing import Stream

__all__ = ["PIECES", "Handler", "both_ways", "broken_off", "cancelled", "pumped", "served", "unless_gone", "written"]

Result = TypeVar("Result")
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

PIECES: Final = 8
_READ: Final = 1 << 16
_RESET: Final = struct.pack("ii", 1, 0)


def served(handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> Handler:
    """Return what serves one connection; a connection that breaks on one side breaks on the other."""

    async def called(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handle(reader, writer)
            writer.close()
        except (OSError, asyncio.CancelledError):  # the second: the relay ends, and there is nobody to tell
            pass
        finally:
            if not writer.is_closing():
                broken_off(writer)

    return called


def broken_off(writer: asyncio.StreamWriter) -> None:
    """End a connection so that the other side sees that it broke."""
    with suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


async def written(writer: asyncio.StreamWriter, data: bytes, pause_s: float = 0.0) -> None:
    """Write everything; in pieces, if there is a pause between them."""
    size = len(data) // PIECES + 1 if pause_s else len(data)
    for begin in range(0, len(data), size):
        writer.write(data[begin : begin + size])
        await writer.drain()
        await asyncio.sleep(pause_s)


async def pumped(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, change: Callable[[bytes], bytes] = bytes
) -> None:
    """Carry bytes one way until they end."""
    while data := await reader.read(_READ):
        writer.write(change(data))
        await writer.drain()


async def both_ways(one: Coroutine[None, None, None], other: Coroutine[None, None, None]) -> None:
    """Carry bytes both ways until one of them ends; raises if it broke."""
    tasks = [asyncio.create_task(one), asyncio.create_task(other)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        await cancelled(tasks)


async def unless_gone(client: Stream, work: Coroutine[None, None, Result]) -> Result:
    """Do something as long as a client is there: `ConnectionError` when it goes."""
    doing = asyncio.create_task(work)
    more = asyncio.create_task(client.more())
    try:
        while True:
            await asyncio.wait((doing, more), return_when=asyncio.FIRST_COMPLETED)
            if doing.done():
                return doing.result()
            if not more.result():
                raise ConnectionError("whoever asked is gone")
            more = asyncio.create_task(client.more())
    finally:
        await cancelled((doing, more))


async def cancelled(tasks: Iterable["asyncio.Task[Result]"]) -> None:
    """End tasks, and hear what they have to say."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
