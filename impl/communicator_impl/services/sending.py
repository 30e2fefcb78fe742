"""The endpoints of a sending service (chapter 8.3).

Theory. A device hands over a sealed request and goes to sleep. What it gets is a ticket that nobody can guess; what it
asks with it tells it how far the request is, and tells whoever guesses nothing. The rules are those of the core, on
tables (`sending_store`); the requests leave by `forwarder`.

Rules:

1. An endpoint reads, calls the store in one transaction, and answers.
2. A state is the same for everybody who has the ticket, and for one that never was (SEND-13).
"""

import time
from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from communicator_impl.document import base64url
from communicator_impl.entropy import Entropy
from communicator_impl.queue_entry import State, Ticket
from communicator_impl.sending_service import Level, Status
from communicator_impl.services.http import CBOR, Frame, body_of, octets, respond, wait_of
from communicator_impl.services.part import Kit
from communicator_impl.services.sending_store import SendingStore, ticket_topic
from communicator_impl.services.waiting import heard
from communicator_impl.submission import Submission
from communicator_impl.tokens import Purpose
from communicator_spec.parameters import PARAMETERS

__all__ = ["SendingEndpoints"]

_V: Final = PARAMETERS.service
_ACCEPTED: Final = 202
_LOOK_S: Final = 5.0


class SendingEndpoints:
    """The endpoints of one sending service; `wake` tells the forwarder, `is_full` is of the uploads."""

    def __init__(
        self, kit: Kit, store: SendingStore, entropy: Entropy, wake: Callable[[], None], is_full: Callable[[], bool]
    ) -> None:
        self._kit = kit
        self._store = store
        self._entropy = entropy
        self._wake = wake
        self._is_full = is_full

    def routes(self, frame: Frame) -> list[BaseRoute]:
        """Return what is served."""
        return [
            Route("/v1/submit", frame.endpoint("submit", self.submit), methods=["POST"]),
            Route("/v1/submissions/{ticket}", frame.endpoint("submission", self.submission), methods=["GET"]),
            Route("/v1/state", frame.endpoint("state", self.state), methods=["GET"]),
        ]

    async def submit(self, request: Request) -> Response:
        """Keep a submission, with the token that pays for it where one is asked for (SEND-1)."""
        till, now_ms = self._kit.till, self._kit.now_ms
        shown = till.shown(request, Purpose.SUBMIT, now_ms)
        submission = Submission.decode(await body_of(request, CBOR, _V.submission_bytes_max))
        fresh = Ticket(self._entropy.draw("sending.ticket", _V.ticket_bytes))  # SEND-3
        draw = self._entropy.fraction("sending.delay", 0, 0)  # SEND-7

        def work(connection: Connection) -> Ticket:
            redeemed = till.pay(connection, now_ms, Purpose.SUBMIT, shown, submission.digest())
            nonce = redeemed.nonce if redeemed else b""
            return self._store.submit(connection, now_ms, submission, nonce, draw, fresh)

        ticket = await self._kit.work.run(self._kit.database.transact, work)
        self._wake()
        return respond({"ticket": base64url(ticket)}, _ACCEPTED)

    async def submission(self, request: Request) -> Response:
        """Say what became of a submission; with `wait`, when that changes."""
        ticket, wait_s = octets(request.path_params["ticket"], _V.ticket_bytes), wait_of(request)
        until = time.monotonic() + (wait_s or 0)
        with self._kit.bells.hung(ticket_topic(ticket)) as bell:
            first = await self._kit.work.run(self._status, ticket)
            status = first
            while (
                status == first
                and first.state is State.QUEUED
                and (left_s := until - time.monotonic()) > 0
                and not self._kit.bells.closing
            ):
                await heard(bell, min(left_s, _LOOK_S))
                status = await self._kit.work.run(self._status, ticket)
        return respond({"state": status.state.value, "unreachable": status.unreachable})

    async def state(self, request: Request) -> Response:
        """Say what the service can take now."""
        level, retry_after_s = self._store.level()
        upload = Level.CLOSED if self._is_full() else Level.OPEN
        return respond({"submit": level.value, "upload": upload.value, "retry_after_s": retry_after_s})

    def _status(self, ticket: bytes) -> Status:
        with self._kit.database.reading() as connection:
            return self._store.status(connection, self._kit.now_ms, ticket)
