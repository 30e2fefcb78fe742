"""What is left of a body is read before the answer goes out.

Theory. A client that is still sending when its connection is closed sees a broken connection and not the refusal that
was written into it, and tries again what was refused for good (SVC-4, SVC-6). So the rest is read first, up to a
megabyte and for a few seconds: whoever sends more, or slower, loses the answer (SEC-8).
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

__all__ = ["Application", "Message", "Receive", "Scope", "Send", "drained"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_BYTES: Final = 1 << 20
_S: Final = 5.0


def drained(application: Application) -> Application:
    """Return the application with each body read, within bounds, before its answer begins."""

    async def called(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        body = _Body(receive)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                await body.drain()
            await send(message)

        await application(scope, body.receive, answer)

    return called


class _Body:
    """The body of one request, and whether all of it was read; one at a time waits for a part.

    An answer that is streamed has a second reader, which waits for the client to go away.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._is_read = False
        self._turn = asyncio.Lock()

    async def receive(self) -> Message:
        """Return the next part."""
        async with self._turn:
            return await self._next()

    async def _next(self) -> Message:
        message = await self._receive()
        self._is_read = not message.get("more_body", False)
        return message

    async def drain(self) -> None:
        """Read what is left, up to the bounds."""
        left = _BYTES
        try:
            async with asyncio.timeout(_S):
                while left > 0 and not self._is_read:
                    async with self._turn:
                        if not self._is_read:
                            left -= len((await self._next()).get("body", b""))
        except TimeoutError:
            return
