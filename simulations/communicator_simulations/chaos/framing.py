"""Whole messages of HTTP/1.1, as bytes: enough to drop, repeat or hold back a request without changing it.

Theory. Whoever stands between two programs and repeats bytes must know where a request ends; of what it says, nothing
but that matters. So a message is read as its head and its body as they are on the wire, and nothing is decoded. ::

    body of a request    its Content-Length, or its chunks; otherwise none
    body of an answer    the same, but none for 1xx, 204 and 304; otherwise what comes until the connection ends

Rules:

1. What was read and belongs to the next message stays in the stream.
2. Bytes that are no HTTP/1.1, and an end in the middle of a message, raise `ConnectionError`.
"""

import asyncio
import re
from typing import Final, NamedTuple

__all__ = ["Stream", "Whole", "answer", "request"]

_HEAD_END: Final = b"\r\n\r\n"
_READ: Final = 1 << 16
_MOST: Final = 1 << 27
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*\r\n", re.IGNORECASE)
_CHUNKED: Final = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked[ \t]*\r\n", re.IGNORECASE)
_STATUS: Final = re.compile(rb"HTTP/1\.1 ([0-9]{3})")
_NO_BODY: Final = (204, 304)
_SWITCHES: Final = 101


class Stream:
    """One direction of a connection, with what was read and not used yet."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self.reader = reader
        self.held = bytearray()

    async def more(self) -> bool:
        """Wait for more bytes; False at the end."""
        part = await self.reader.read(_READ)
        self.held += part
        if len(self.held) > _MOST:
            raise ConnectionError("a message without end")
        return bool(part)

    async def until(self, mark: bytes) -> bytes:
        """Take everything up to a mark, and the mark; empty if the stream ends before anything came."""
        while (place := self.held.find(mark)) < 0:
            if not await self.more():
                if self.held:
                    raise ConnectionError("an end in the middle")
                return b""
        return self.take(place + len(mark))

    async def exactly(self, count: int) -> bytes:
        """Take so many bytes."""
        while len(self.held) < count:
            if not await self.more():
                raise ConnectionError("an end in the middle")
        return self.take(count)

    async def rest(self) -> bytes:
        """Take everything to the end."""
        while await self.more():
            pass
        return self.take(len(self.held))

    def take(self, count: int) -> bytes:
        """Take bytes that are there."""
        taken = bytes(self.held[:count])
        del self.held[:count]
        return taken


class Whole(NamedTuple):
    """A message: head with its empty line, and body, as they are on the wire."""

    head: bytes
    body: bytes

    @property
    def data(self) -> bytes:
        """All of it."""
        return self.head + self.body

    @property
    def path(self) -> str:
        """The target of a request."""
        return self.head.split(b" ", 2)[1].decode("latin-1")

    @property
    def switches(self) -> bool:
        """Whether what follows an answer is no HTTP any more."""
        return _status(self.head) == _SWITCHES


async def request(stream: Stream) -> Whole | None:
    """Read a request; None if the connection ends instead."""
    head = await stream.until(_HEAD_END)
    if not head:
        return None
    if head.count(b" ", 0, head.index(b"\r\n")) != 2:
        raise ConnectionError("no request")
    body = await _body(stream, head)
    return Whole(head, body or b"")


async def answer(stream: Stream) -> Whole:
    """Read an answer."""
    head = await stream.until(_HEAD_END)
    status = _status(head)
    if status < 200 or status in _NO_BODY:
        return Whole(head, b"")
    body = await _body(stream, head)
    return Whole(head, await stream.rest() if body is None else body)


async def _body(stream: Stream, head: bytes) -> bytes | None:
    """Read a body whose end the head tells; None if it does not."""
    if _CHUNKED.search(head):
        return await _chunks(stream)
    length = _LENGTH.search(head)
    return None if length is None else await stream.exactly(int(length[1]))


async def _chunks(stream: Stream) -> bytes:
    data = bytearray()
    while True:
        line = await stream.until(b"\r\n")
        try:
            size = int(line.partition(b";")[0], 16)
        except ValueError as error:
            raise ConnectionError("no chunk") from error
        data += line
        if size:
            data += await stream.exactly(size + 2)
            continue
        while trailer := await stream.until(b"\r\n"):
            data += trailer
            if trailer == b"\r\n":
                return bytes(data)


def _status(head: bytes) -> int:
    found = _STATUS.match(head)
    if found is None:
        raise ConnectionError("no answer")
    return int(found[1])
