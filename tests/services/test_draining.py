"""Reading what is left of a body, beside an answer that is streamed: one reader at a time, and none waits in vain."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.responses import StreamingResponse
from tests.patience import PATIENCE_S

from communicator_impl.services import draining
from communicator_impl.services.draining import Message, drained


async def _parts() -> AsyncIterator[bytes]:
    yield b"whole"


def test_a_streamed_answer_does_not_wait_for_a_body_that_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draining, "_S", 100 * PATIENCE_S)
    sent: list[str] = []
    readers = 0

    async def receive() -> Message:
        nonlocal readers
        readers += 1
        assert readers == 1, "two wait for a part of one body"
        await asyncio.sleep(0)
        if sent.count("asked") == 0:
            sent.append("asked")
            readers -= 1
            return {"type": "http.request", "body": b"", "more_body": False}
        await asyncio.Event().wait()
        raise AssertionError("nobody goes away")

    async def send(message: Message) -> None:
        sent.append(message["type"])

    async def ask() -> None:
        scope = {"type": "http", "method": "GET", "asgi": {"spec_version": "2.3"}}
        async with asyncio.timeout(PATIENCE_S):  # draining does not give up before
            await drained(StreamingResponse(_parts()))(scope, receive, send)

    asyncio.run(ask())
    assert sent == ["asked", "http.response.start", "http.response.body", "http.response.body"]
