"""Fetches attachments for devices, so that the server that stores one does not see who reads it (RECV-14).

Theory. The device trusts its receiving service with the fact that it fetches, and the server with nothing. So what goes
out is a request of this service, and what came is handed on when all of it is here: a ciphertext that breaks off would
have been answered as a success.

Rules:

1. Only https and public addresses, except on the own machine if the operator names it; no headers of the device, no
   redirection (RECV-15, RECV-17, SVC-9).
2. What is too long is refused as soon as that is known (RECV-16). The body waits in a file that has no name.
3. What the server does not have, or does not say, is `UNKNOWN`; a request that fails costs no token (TOK-18).
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from typing import IO, Final

import msgspec
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from communicator_impl import wire
from communicator_impl.errors import PeerError
from communicator_impl.services.http import OCTETS, Frame, json_of
from communicator_impl.services.outward import NotAnswered, Outward
from communicator_impl.services.part import Kit
from communicator_impl.services.settings import is_loopback
from communicator_impl.tokens import Purpose
from communicator_spec import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["ProxyEndpoints"]

_A: Final = PARAMETERS.attachment
_BYTES_MAX: Final = _A.chunk_bytes * _A.chunks_max
_URI_MAX: Final = 1024
_IN_MEMORY: Final = 1 << 20
_AT_ONCE: Final = 16
_WHOLE_S: Final = 300.0
_OK: Final = 200


class _Fetch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    uri: str


class ProxyEndpoints:
    """The endpoint that fetches; `outward` connects to public addresses, and to the hosts that `named` lists."""

    def __init__(self, kit: Kit, outward: Outward, named: tuple[str, ...] = ()) -> None:
        self._kit = kit
        self._outward = outward
        self._named = frozenset(named)
        self._free = asyncio.Semaphore(_AT_ONCE)

    def routes(self, frame: Frame) -> list[BaseRoute]:
        """Return what is served."""
        return [Route("/v1/fetch", frame.endpoint("fetch", self.fetch), methods=["POST"])]

    async def fetch(self, request: Request) -> Response:
        """Fetch one attachment."""
        till, now_ms = self._kit.till, self._kit.now_ms
        shown = till.shown(request, Purpose.FETCH, now_ms)
        found, body = await json_of(request, _Fetch)
        uri = _checked(found.uri, self._named)
        if shown is not None:
            till.verify(now_ms, Purpose.FETCH, shown)
        if self._free.locked():
            raise PeerError(ErrorClass.LIMIT, "as many fetches as at once")
        async with self._free:
            file, length = await self._fetched(uri)
        digest = till.digest(request, body)

        def work(connection: Connection) -> None:
            till.pay(connection, now_ms, Purpose.FETCH, shown, digest)  # TOK-14

        try:
            await self._kit.work.run(self._kit.database.transact, work)
        except BaseException:
            file.close()
            raise
        return StreamingResponse(_parts(file), media_type=OCTETS, headers={"content-length": str(length)})

    async def _fetched(self, uri: str) -> tuple[IO[bytes], int]:
        file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 whoever streams it closes it
        try:
            async with asyncio.timeout(_WHOLE_S), self._outward.stream("GET", uri, {}) as response:
                if response.status != _OK:
                    raise PeerError(ErrorClass.UNKNOWN, "attachment")
                _check_length(response.headers)
                async for part in response.aiter_stream():
                    file.write(part)
                    if file.tell() > _BYTES_MAX:  # RECV-16
                        raise PeerError(ErrorClass.TOO_LARGE, "attachment")
        except (NotAnswered, TimeoutError) as error:
            file.close()
            raise PeerError(ErrorClass.UNKNOWN, "attachment") from error
        except PeerError:
            file.close()
            raise
        length = file.tell()
        file.seek(0)
        return file, length


def _checked(uri: str, named: frozenset[str] = frozenset()) -> str:
    """Check the URI of an attachment: https, of a length that a message could carry, and nothing but ASCII.

    Without TLS it may only be on this machine, and only if the operator names that: both are a trial.
    """
    scheme, _, rest = uri.partition("://")
    host = rest.partition("/")[0]
    name = host.partition(":")[0]
    is_trial = scheme == "http" and name in named and is_loopback(name)
    is_text = len(uri) <= _URI_MAX and uri.isascii() and uri.isprintable() and " " not in uri
    if not (scheme == "https" or is_trial) or not is_text:
        raise wire.wrong("the URI of an attachment is https")  # RECV-15
    if not host or "@" in host or "#" in uri:
        raise wire.wrong("host of an attachment")
    return uri


def _check_length(headers: list[tuple[bytes, bytes]]) -> None:
    for name, value in headers:
        if name.lower() == b"content-length" and (not value.isdigit() or len(value) > 12 or int(value) > _BYTES_MAX):
            raise PeerError(ErrorClass.TOO_LARGE, "attachment")  # RECV-16


async def _parts(file: IO[bytes]) -> AsyncIterator[bytes]:
    with file:
        while part := file.read(_A.chunk_bytes):
            yield part
