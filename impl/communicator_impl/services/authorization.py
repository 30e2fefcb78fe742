"""An authorization service as a part of a process: its endpoints (chapter 8.5), and its keys.

Theory. The service sees an account and what it cannot read, and answers with what it cannot recognise. So nothing of a
request goes into a log or a metric, and all that is kept is in `authorization_store`.

Rules:

1. An endpoint reads, calls the store, and answers; what was signed is answered when it is counted.
2. One token request has the media types of RFC 9578, several are plain bytes; the answer has the kind of the request.
"""

from typing import Final

import msgspec
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from communicator_impl import wire
from communicator_impl.blind_rsa import SigningKey
from communicator_impl.document import Authorization, Document
from communicator_impl.entropy import SystemEntropy
from communicator_impl.errors import PeerError
from communicator_impl.issuer_keys import epoch_begin_s, epoch_of, write_issuer_document
from communicator_impl.services.authorization_store import AuthorizationStore
from communicator_impl.services.http import JSON, OCTETS, Frame, Limited, access_key, body_of, respond
from communicator_impl.services.part import Kit, Part
from communicator_impl.services.settings import Settings
from communicator_spec import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["AuthorizationPart"]

_T: Final = PARAMETERS.token
_ISSUER: Final = "/.well-known/private-token-issuer-directory"
_REQUEST: Final = "application/private-token-request"
_RESPONSE: Final = "application/private-token-response"


class AuthorizationPart(Part):
    """One authorization service; `shown` is what it shows of its keys, also to other parts of the process."""

    def __init__(self, settings: Settings, kit: Kit) -> None:
        self._settings = settings
        self._kit = kit
        allowances = settings.authorization.by_purpose()
        self._store = AuthorizationStore(allowances, SystemEntropy(), SigningKey.generate)
        self._woken_epoch = -1
        self.keep(kit.now_ms)

    def describe(self, connection: Connection, document: Document, now_s: int) -> Document:
        """Publish the issuer: the host of the origin."""
        part = Authorization(self._settings.service.uri, self._settings.host, _T.epoch_s, _T.redeem_grace_s)
        return msgspec.structs.replace(document, authorization=part)

    def routes(self, frame: Frame) -> list[BaseRoute]:
        """Return what is served."""
        return [
            Route(_ISSUER, frame.endpoint("issuer", self.issuer), methods=["GET"]),
            Route("/v1/tokens", frame.endpoint("tokens", self.tokens), methods=["POST"]),
            Route("/v1/allowance", frame.endpoint("allowance", self.allowance), methods=["GET"]),
        ]

    def keep(self, now_ms: int) -> None:
        """Make keys and erase what has ended, when an epoch begins and at the start."""
        epoch = epoch_of(now_ms // 1000)
        if epoch != self._woken_epoch:
            self._kit.database.transact(lambda connection: self._store.wake(connection, now_ms // 1000))
            self._woken_epoch = epoch

    def shown(self) -> bytes:
        """Return the document of the issuer (RFC 9578 §4)."""
        with self._kit.database.reading() as connection:
            return write_issuer_document(self._store.keys(connection, self._kit.now_ms // 1000))

    async def issuer(self, request: Request) -> Response:
        """Show everybody the same keys (TOK-2)."""
        return Response(await self._kit.work.run(self.shown), media_type=JSON)

    async def tokens(self, request: Request) -> Response:
        """Sign blinded messages, all or none."""
        key = access_key(request)
        single = request.headers.get("content-type", "").partition(";")[0].strip().lower() == _REQUEST
        most = _T.request_bytes * (1 if single else _T.batch)
        body = await body_of(request, _REQUEST if single else OCTETS, most)
        if not single and len(body) == _T.request_bytes:
            raise wire.wrong(f"one token request is {_REQUEST}")
        now_ms = self._kit.now_ms
        try:
            signed = await self._kit.work.run(self._issue, now_ms, key, body)
        except PeerError as error:
            if error.error_class is ErrorClass.LIMIT:  # AUTH-3
                left_s = epoch_begin_s(epoch_of(now_ms // 1000) + 1) - now_ms // 1000
                raise Limited(left_s, error.detail) from error
            raise
        return Response(signed, media_type=_RESPONSE if single else OCTETS)

    async def allowance(self, request: Request) -> Response:
        """Say what is left in this epoch."""
        key = access_key(request)
        return respond(await self._kit.work.run(self._left, key))

    # ---------------------------------------------------------------- work in threads

    def _left(self, key: bytes) -> dict[str, object]:
        with self._kit.database.reading() as connection:
            left = self._store.allowance(connection, self._kit.now_ms // 1000, key)
        return {purpose.value: tokens for purpose, tokens in left.items()}

    def _issue(self, at_ms: int, key: bytes, body: bytes) -> bytes:
        with self._kit.database.reading() as connection:
            order = self._store.order(connection, at_ms // 1000, key, body)
        signed = self._store.sign(order)

        def count(connection: Connection) -> None:
            self._store.count(connection, at_ms, order)

        self._kit.database.transact(count)  # SVC-8: counted, and then answered
        return signed
