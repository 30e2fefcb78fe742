"""Attachments of a sending service: bytes of a few sizes, kept for a while for whoever knows where (chapter 10).

Theory. An upload is long, and a transaction must be short. So chunks are stored as they come, under a row that nobody
can find yet; when the last one is there, one transaction takes the tokens and makes the row findable. What never is
made so is erased.

How an upload is stored:

1. the form: length, lifetime, and how many tokens the document asks for
2. chunks, each in a transaction of its own, and the digest of the request as they pass
3. in one transaction: the tokens, the name by which a repetition finds its answer, the date

Rules:

1. The path has random bytes and nothing about the file (ATT-6). The key that deletes an upload is made from the secret
   of the service and that path, so that a repeated request gets the same answer and nothing is stored (SVC-7).
2. What was deleted, has expired or never was is answered alike (ATT-8).
3. Chunks are read back one after the other: the memory for one upload or download is that of one chunk.
"""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator
from typing import Final, NamedTuple

from sqlalchemy import Connection, delete, func, insert, select, update
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from communicator_impl import wire
from communicator_impl.document import base64url, unbase64url
from communicator_impl.entropy import Entropy
from communicator_impl.errors import PeerError
from communicator_impl.services.http import OCTETS, Frame, access_key, check_media, respond
from communicator_impl.services.part import Kit
from communicator_impl.services.paying import target_of
from communicator_impl.services.schema import chunks, uploads
from communicator_impl.tokens import Purpose, read_authorization
from communicator_spec import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["UPLOAD_TOKENS", "AttachmentEndpoints"]

_A: Final = PARAMETERS.attachment
_ID_BYTES: Final = 32
_PARTIAL_S: Final = 3600
_CHUNK_S: Final = 60.0
_CREATED: Final = 201
_EMPTY: Final = 204
_LABEL: Final = b"communicator delete key"
UPLOAD_TOKENS: Final = ((1, 1), (2, 1), (4, 1), (8, 1), (16, 2), (32, 3), (64, 5))
"""Tokens of an upload by its number of chunks (ATT-9); what is not listed is not offered."""

_TOKENS: Final = dict(UPLOAD_TOKENS)


class _Upload(NamedTuple):
    """What a request for an upload says before its body."""

    length: int
    lifetime_s: int
    tokens: tuple[bytes, ...]


class AttachmentEndpoints:
    """The endpoints for attachments; `uri` is that of the service, `secret` makes the keys that delete."""

    def __init__(self, kit: Kit, uri: str, entropy: Entropy, secret: bytes, bytes_max: int) -> None:
        self._kit = kit
        self._uri = uri
        self._entropy = entropy
        self._secret = secret
        self._bytes_max = bytes_max
        self._held = 0

    def routes(self, frame: Frame) -> list[BaseRoute]:
        """Return what is served."""
        place = "/v1/attachments/{id}"
        return [
            Route("/v1/attachments", frame.endpoint("upload", self.upload), methods=["POST"]),
            Route(place, frame.endpoint("download", self.download, to_device=False), methods=["GET"]),
            Route(place, frame.endpoint("delete", self.delete), methods=["DELETE"]),
        ]

    async def upload(self, request: Request) -> Response:
        """Store a ciphertext (the numbered steps above)."""
        wanted = self._form(request)  # 1
        if self.is_full():
            raise PeerError(ErrorClass.LIMIT, "no room")
        place = self._entropy.draw("sending.upload", _ID_BYTES)  # ATT-6
        try:
            digest = await self._store(request, place, wanted.length)  # 2
            found, until_s = await self._kit.work.run(self._publish, place, wanted, digest)  # 3
        except BaseException:
            await asyncio.shield(self._kit.work.run(self._drop, place))
            raise
        if found != place:
            await self._kit.work.run(self._drop, place)
        uri = f"{self._uri}/v1/attachments/{base64url(found)}"
        return respond({"uri": uri, "valid_until": until_s, "delete_key": base64url(self._delete_key(found))}, _CREATED)

    async def download(self, request: Request) -> Response:
        """Return a ciphertext, chunk by chunk; what is not there is `UNKNOWN`, whatever the reason (ATT-8)."""
        place = _place(request)
        length = await self._kit.work.run(self._length, place)
        if length is None:
            raise PeerError(ErrorClass.UNKNOWN, "no such upload")
        headers = {"content-length": str(length)}
        return StreamingResponse(self._read(place, length), media_type=OCTETS, headers=headers)

    async def delete(self, request: Request) -> Response:
        """Delete an upload; with another key than its own there is nothing to forget (SVC-12)."""
        place = _place(request)
        try:
            key = access_key(request)
        except PeerError as error:
            raise PeerError(ErrorClass.MALFORMED, "access key") from error
        if hmac.compare_digest(key, self._delete_key(place)):
            await self._kit.work.run(self._drop, place)
        return Response(status_code=_EMPTY)

    def is_full(self) -> bool:
        """Tell whether there is no room for the largest upload that is offered."""
        return self._held + max(_TOKENS) * _A.chunk_bytes > self._bytes_max

    def count(self, connection: Connection) -> None:
        """Count the bytes of all uploads: now and then."""
        found = connection.execute(select(func.coalesce(func.sum(uploads.c.length), 0))).scalar_one()
        self._held = int(found)

    def erase(self, connection: Connection, now_s: int) -> None:
        """Erase what has ended, and what was never completed (ATT-7)."""
        connection.execute(delete(uploads).where(uploads.c.valid_until_s <= now_s))

    # ---------------------------------------------------------------- the form

    def _form(self, request: Request) -> _Upload:
        check_media(request.headers, OCTETS)
        length = _decimal(request.headers.get("content-length", ""))
        count, rest = divmod(length, _A.chunk_bytes)
        if count > _A.chunks_max:
            raise PeerError(ErrorClass.TOO_LARGE, "upload")
        if rest or count == 0 or count & (count - 1):  # ATT-5
            raise wire.wrong("length of an upload")
        if count not in _TOKENS:  # ATT-9
            raise PeerError(ErrorClass.REFUSED, "size that the document does not list")
        lifetime_s = _decimal(request.query_params.get("lifetime", ""))
        if not _A.lifetime_s_min <= lifetime_s <= _A.lifetime_s_max:
            raise wire.wrong("lifetime of an upload")
        return _Upload(length, lifetime_s, self._tokens(request, _TOKENS[count]))

    def _tokens(self, request: Request, count: int) -> tuple[bytes, ...]:
        """Read the tokens and check their signatures before a byte of the body is stored (SEC-8)."""
        first = self._kit.till.shown(request, Purpose.UPLOAD, self._kit.now_ms)
        if first is None:
            return ()
        header = request.headers.get("communicator-tokens", "")
        more = [text.strip() for text in header.split(",")] if header.strip() else []
        if len(more) >= _A.tokens_max:
            raise wire.wrong("more tokens than an upload costs")
        shown = (first, *(read_authorization(f'PrivateToken token="{text}"') for text in more))
        if len(set(shown)) != count:
            raise PeerError(ErrorClass.FORGED, "number of tokens")
        for token in shown:
            self._kit.till.verify(self._kit.now_ms, Purpose.UPLOAD, token)
        return shown

    # ---------------------------------------------------------------- chunks

    async def _store(self, request: Request, place: bytes, length: int) -> bytes:
        """Store the body in chunks, and return the digest of the request."""
        digest = hashlib.sha256(f"{request.method} {target_of(request)}\n".encode())
        until_s = self._kit.now_ms // 1000 + _PARTIAL_S
        await self._kit.work.run(self._begin, place, length, until_s)
        data, number, parts = bytearray(), 0, request.stream()
        while True:
            async with asyncio.timeout(_CHUNK_S):
                part = await anext(parts, None)
            if part is None:
                break
            digest.update(part)
            data += part
            while len(data) >= _A.chunk_bytes:
                if number * _A.chunk_bytes >= length:
                    raise wire.wrong("length of an upload")
                await self._kit.work.run(self._keep, place, number, bytes(data[: _A.chunk_bytes]))
                del data[: _A.chunk_bytes]
                number += 1
        if data or number * _A.chunk_bytes != length:
            raise wire.wrong("length of an upload")
        return digest.digest()

    def _begin(self, place: bytes, length: int, until_s: int) -> None:
        row = {"id": place, "name": None, "digest": None, "length": length, "valid_until_s": until_s}

        def work(connection: Connection) -> None:
            connection.execute(insert(uploads).values(row))

        self._kit.database.transact(work)

    def _keep(self, place: bytes, number: int, data: bytes) -> None:
        def work(connection: Connection) -> None:
            connection.execute(insert(chunks).values(id=place, number=number, data=data))

        self._kit.database.transact(work)

    def _publish(self, place: bytes, wanted: _Upload, digest: bytes) -> tuple[bytes, int]:
        """Take the tokens and make the upload findable; returns the one that the same request made before, if any."""
        now_ms = self._kit.now_ms
        until_s = now_ms // 1000 + wanted.lifetime_s

        def work(connection: Connection) -> tuple[bytes, int]:
            paid = [self._kit.till.pay(connection, now_ms, Purpose.UPLOAD, t, digest) for t in wanted.tokens]
            name = paid[0].nonce if paid and paid[0] is not None else digest
            known = connection.execute(select(uploads).where(uploads.c.name == name)).first()
            if known is not None:  # SVC-7
                return known.id, known.valid_until_s
            found = update(uploads).where(uploads.c.id == place)
            connection.execute(found.values(name=name, digest=digest, valid_until_s=until_s))
            return place, until_s

        return self._kit.database.transact(work)

    # ---------------------------------------------------------------- what is there

    def _length(self, place: bytes) -> int | None:
        now_s = self._kit.now_ms // 1000
        there = (uploads.c.id == place, uploads.c.name.is_not(None), uploads.c.valid_until_s > now_s)
        with self._kit.database.reading() as connection:
            length: int | None = connection.execute(select(uploads.c.length).where(*there)).scalar()
        return length

    async def _read(self, place: bytes, length: int) -> AsyncIterator[bytes]:
        for number in range(length // _A.chunk_bytes):
            yield await self._kit.work.run(self._chunk, place, number)

    def _chunk(self, place: bytes, number: int) -> bytes:
        wanted = select(chunks.c.data).where(chunks.c.id == place, chunks.c.number == number)
        with self._kit.database.reading() as connection:
            data: bytes = connection.execute(wanted).scalar_one()
        return data

    def _drop(self, place: bytes) -> None:
        def work(connection: Connection) -> None:
            connection.execute(delete(uploads).where(uploads.c.id == place))

        self._kit.database.transact(work)

    def _delete_key(self, place: bytes) -> bytes:
        return hmac.digest(self._secret, _LABEL + b"\0" + place, "sha256")


def _place(request: Request) -> bytes:
    """Read the id in a path; one that no upload has is like any other that is not there."""
    try:
        return unbase64url(request.path_params["id"])
    except PeerError:
        return b""


def _decimal(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(_A.file_bytes_max)) + 4:
        raise wire.wrong("a number is expected")
    return int(text)
