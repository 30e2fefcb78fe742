"""A directory as a part of a process: its endpoints (chapter 8.4), and the heads that it signs.

Theory. An owner shows the access key of his name, a stranger a token; the log is for everybody. What a token pays for
and the mark that it was spent are one transaction; a query that finds nothing is an answer, and costs its token
(TOK-18), while every refusal undoes the mark.

Rules:

1. An endpoint reads, calls the store in one transaction, and answers; the rules are in `directory_store`.
2. A name is read from the path as it was sent, so that it may hold a slash (DIR-21).
"""

import asyncio
import re
from collections.abc import Callable
from typing import Final, TypeVar
from urllib.parse import unquote_to_bytes

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from communicator_impl import wire
from communicator_impl.directory import checked_name
from communicator_impl.document import Directory, Document
from communicator_impl.entropy import SystemEntropy
from communicator_impl.errors import PeerError
from communicator_impl.redemption import Redeemed
from communicator_impl.services.directory_log import DirectoryLog, locked
from communicator_impl.services.directory_store import DirectoryStore
from communicator_impl.services.http import CBOR, CBOR_SEQUENCE, Frame, access_key, body_of, respond
from communicator_impl.services.part import Kit, Part
from communicator_impl.services.settings import Settings
from communicator_impl.tokens import Purpose
from communicator_spec import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["DirectoryPart"]

Value = TypeVar("Value")

_D: Final = PARAMETERS.directory
_BODY_S: Final = 10.0
_SEGMENT: Final = re.compile(r"(?:[^%\x80-\xff]++|%[0-9A-Fa-f]{2})++")
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,15}")
_INTEGER_MAX: Final = (1 << 53) - 1


class DirectoryPart(Part):
    """One directory: its part of the document, its endpoints, and what it does once in a while."""

    def __init__(self, settings: Settings, kit: Kit) -> None:
        self._settings = settings
        self._kit = kit
        self._entropy = SystemEntropy()
        self._log = DirectoryLog(settings.service.uri)
        self._store = DirectoryStore(self._log, settings.directory.rules, self._entropy)
        self._key = kit.database.transact(self._open)

    def describe(self, connection: Connection, document: Document, now_s: int) -> Document:
        """Publish how it introduces, and the key that signs heads."""
        chosen, uri = self._settings.directory, self._settings.service.uri
        tokens = tuple(sorted(chosen.tokens.items()))
        part = Directory(uri, chosen.mode.value, chosen.namespace, self._key, tokens)
        return msgspec.structs.replace(document, directory=part)

    def routes(self, frame: Frame) -> list[BaseRoute]:
        """Return what is served."""
        name = "/v1/names/{name}"
        return [
            Route(name, frame.endpoint("register", self.register), methods=["PUT"]),
            Route(name, frame.endpoint("lookup", self.lookup), methods=["GET"]),
            Route(f"{name}/stock", frame.endpoint("stock", self.stock), methods=["GET"]),
            Route(f"{name}/contacts", frame.endpoint("deposit", self.deposit), methods=["POST"]),
            Route(f"{name}/contact", frame.endpoint("contact", self.contact), methods=["POST"]),
            Route("/v1/names/{rest:path}", frame.endpoint("no name", self.no_name), methods=["GET", "PUT", "POST"]),
            Route("/v1/log/head", frame.endpoint("head", self.head), methods=["GET"]),
            Route("/v1/log/leaves", frame.endpoint("leaves", self.leaves), methods=["GET"]),
            Route("/v1/log/consistency", frame.endpoint("consistency", self.consistency), methods=["GET"]),
        ]

    def keep(self, now_ms: int) -> None:
        """Sign a head that is due (DIR-16)."""
        database = self._kit.database
        with database.reading() as connection:
            stale = self._log.is_stale(connection, now_ms // 1000)
        if stale:
            database.transact(lambda c: self._log.refresh(c, locked(c, self._entropy), now_ms // 1000))

    def erase(self, connection: Connection, now_ms: int) -> None:
        """Erase contacts that have ended."""
        self._store.erase(connection, now_ms)

    # ---------------------------------------------------------------- what owners do

    async def register(self, request: Request) -> Response:
        """Register the identity of a name, or replace it."""
        key, name = access_key(request), _name(request)
        body = await body_of(request, CBOR, _D.entry_bytes_max)
        return _cbor(await self._changed(lambda c: self._store.register(c, self._kit.now_ms, key, name, body)))

    async def stock(self, request: Request) -> Response:
        """Count the contacts that are left."""
        key, name = access_key(request), _name(request)
        left = await self._read(lambda c: self._store.stock(c, self._kit.now_ms, key, name))
        return respond({"contacts": left})

    async def deposit(self, request: Request) -> Response:
        """Add contacts, each for one stranger."""
        key, name = access_key(request), _name(request)
        body = await body_of(request, CBOR_SEQUENCE, _D.contacts_upload_max * _D.contact_bytes_max)
        left = await self._changed(lambda c: self._store.deposit(c, self._kit.now_ms, key, name, body))
        return respond({"contacts": left})

    # ---------------------------------------------------------------- what strangers do

    async def lookup(self, request: Request) -> Response:
        """Return the identity of a name; that there is none is an answer too, and costs the token (TOK-18)."""
        name = _name(request)
        found = await self._paid(request, Purpose.QUERY, lambda c, _: self._store.lookup(c, name))
        if found is None:
            raise PeerError(ErrorClass.UNKNOWN, "no such name")
        return _cbor(found)

    async def contact(self, request: Request) -> Response:
        """Hand out one contact."""
        name = _name(request)
        now_ms, give = self._kit.now_ms, self._store.contact
        return _cbor(await self._paid(request, Purpose.CONTACT, lambda c, paid: give(c, now_ms, name, paid)))

    async def no_name(self, request: Request) -> Response:
        """Refuse a path with an empty name, and one that is no endpoint."""
        rest: str = request.path_params["rest"]
        if not rest.partition("/")[0]:
            raise wire.wrong("empty name")  # DIR-21
        raise PeerError(ErrorClass.UNKNOWN, "no such endpoint")

    # ---------------------------------------------------------------- the log

    async def head(self, request: Request) -> Response:
        """Return the newest head."""
        return _cbor(await self._read(lambda c: self._log.head(c).encode()))

    async def leaves(self, request: Request) -> Response:
        """Return leaves of the log."""
        first, to = _number(request, "from"), _number(request, "to")
        found = await self._read(lambda c: self._log.leaves(c, first, to))
        return Response(b"".join(found), media_type=CBOR_SEQUENCE)

    async def consistency(self, request: Request) -> Response:
        """Prove that one tree is the beginning of another."""
        first, second = _number(request, "first"), _number(request, "second")
        return _cbor(await self._read(lambda c: self._log.consistency(c, first, second)))

    # ---------------------------------------------------------------- work in threads

    async def _paid(
        self, request: Request, purpose: Purpose, work: Callable[[Connection, Redeemed | None], Value]
    ) -> Value:
        """Carry out what a token pays for, in the transaction that marks it (TOK-14); the body is empty."""
        await _no_body(request)
        till, now_ms = self._kit.till, self._kit.now_ms
        shown, digest = till.shown(request, purpose, now_ms), till.digest(request, b"")
        return await self._changed(lambda c: work(c, till.pay(c, now_ms, purpose, shown, digest)))

    async def _changed(self, work: Callable[[Connection], Value]) -> Value:
        return await self._kit.work.run(self._kit.database.transact, work)

    async def _read(self, work: Callable[[Connection], Value]) -> Value:
        def reading() -> Value:
            with self._kit.database.reading() as connection:
                return work(connection)

        return await self._kit.work.run(reading)

    def _open(self, connection: Connection) -> bytes:
        """Open the log, and return the key that signs its heads."""
        writer = locked(connection, self._entropy)
        self._log.open(connection, writer, self._kit.now_ms // 1000)
        return Ed25519PrivateKey.from_private_bytes(writer.seed).public_key().public_bytes_raw()


def _name(request: Request) -> str:
    """Read the name in a path as it was sent: percent-encoded UTF-8; `MALFORMED` (DIR-21)."""
    sent: str = request.path_params["name"]
    if not _SEGMENT.fullmatch(sent):
        raise wire.wrong("percent encoding of a name")
    try:
        return checked_name(unquote_to_bytes(sent).decode())
    except UnicodeDecodeError as error:
        raise wire.wrong("name is not UTF-8") from error


def _number(request: Request, name: str) -> int:
    """Read a number of the query, which stands there once."""
    found = request.query_params.getlist(name)
    if len(found) != 1 or not _NUMBER.fullmatch(found[0]):
        raise wire.wrong(f"{name} is a number")
    return wire.uint(int(found[0]), _INTEGER_MAX)


async def _no_body(request: Request) -> None:
    try:
        async with asyncio.timeout(_BODY_S):  # SEC-8
            async for part in request.stream():
                if part:
                    raise wire.wrong("this request has no body")
    except TimeoutError as error:
        raise PeerError(ErrorClass.LIMIT, "time for a body") from error


def _cbor(data: bytes) -> Response:
    return Response(data, media_type=CBOR)
