"""The frame of every endpoint: what may come in, what goes out, and what a refusal looks like (chapter 8.1).

Theory. Whoever asks is a stranger until a token or a key says otherwise, so limits hold while a body is being read, not
after (SEC-8). What goes out is as uniform as the standard asks: a refusal is its class, and says nothing of its cause.

::

    request ─▶ rate of the address ─▶ body, by media type and limit ─▶ endpoint ─▶ answer with the revision
                    │                        │                          │
                    └────────────────────────┴──── PeerError ───────────┴─▶ problem+json of its class

Rules:

1. An endpoint raises `PeerError`; only this module makes an answer of it (SVC-4).
2. What fails for a reason of ours, whatever it is, is 503 without a body: no answer, as the client sees it (SVC-6). The
   log gets the class of the error, and nothing that it says.
3. Work on the database runs in threads, as many as there are connections.
4. No cookies, and no header that the standard does not name (SVC-10).
"""

import asyncio
import json
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from email.utils import formatdate
from functools import partial
from typing import Final, NoReturn, TypeVar

import anyio.to_thread
import msgspec
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from communicator_impl import wire
from communicator_impl.document import unbase64url
from communicator_impl.errors import PeerError
from communicator_impl.services.clock import now_s
from communicator_impl.services.observation import Log, Metrics
from communicator_spec import ErrorClass
from communicator_spec.errors import STATUS
from communicator_spec.parameters import PARAMETERS

__all__ = ["Frame", "Limited", "Rates", "Work", "access_key", "body_of", "json_of", "octets", "respond", "wait_of"]

Value = TypeVar("Value")
Endpoint = Callable[[Request], Awaitable[Response]]

_V: Final = PARAMETERS.service
_BODY_S: Final = 10.0
_BODY_BYTES_PER_S: Final = 10_000
_RETRY_AFTER_S: Final = 1
_POLICY: Final = 1008
_ADDRESSES_MAX: Final = 1 << 16
_INTEGER_MAX: Final = (1 << 53) - 1
_WAIT_DIGITS: Final = len(str(_V.long_poll_s_max))
_BEARER: Final = "bearer "
JSON: Final = "application/json"
CBOR: Final = "application/cbor"
CBOR_SEQUENCE: Final = "application/cbor-seq"
OCTETS: Final = "application/octet-stream"
PROBLEM: Final = "application/problem+json"
DATE: Final = "Date"
REVISION: Final = "Communicator-Revision"
RETRY_AFTER: Final = "Retry-After"


class Refusal(PeerError):
    """A refusal with headers of its own, such as the challenge of a token."""

    def __init__(self, error_class: ErrorClass, headers: tuple[tuple[str, str], ...], detail: str = "") -> None:
        super().__init__(error_class, detail)
        self.headers = headers


class Limited(Refusal):
    """A refusal of class `LIMIT` that says after how many seconds another request has a chance (SVC-5)."""

    def __init__(self, retry_after_s: float, detail: str) -> None:
        seconds = max(math.ceil(retry_after_s), _RETRY_AFTER_S)
        super().__init__(ErrorClass.LIMIT, ((RETRY_AFTER, str(seconds)),), detail)


class Work:
    """Runs work on the database in threads; waits when all connections are taken."""

    def __init__(self, threads: int) -> None:
        self._limiter = anyio.CapacityLimiter(threads)

    async def run(self, work: Callable[..., Value], *args: object) -> Value:
        """Run `work(*args)` in a thread."""
        return await anyio.to_thread.run_sync(partial(work, *args), limiter=self._limiter)


class Rates:
    """How fast one network address may ask: a bucket for each, and no more buckets than there is memory for."""

    def __init__(self, per_s: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._burst = float(burst)
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, address: str) -> None:
        """Take one request of an address; beyond its rate `LIMIT`, and when there is room again (ENV-12, SVC-5)."""
        now = self._clock()
        left, then = self._buckets.pop(address, (self._burst, now))
        left = min(self._burst, left + (now - then) * self._per_s)
        self._buckets[address] = (left - 1 if left >= 1 else left, now)  # what is refused costs nothing
        if len(self._buckets) > _ADDRESSES_MAX:  # SEC-8
            self._buckets.popitem(last=False)
        if left < 1:
            raise Limited((1 - left) / self._per_s, "rate of a network address")


class Frame:
    """What all endpoints of one process share."""

    def __init__(self, rates: Rates, metrics: Metrics, log: Log, revision: Callable[[], int]) -> None:
        self._rates = rates
        self._metrics = metrics
        self._log = log
        self._revision = revision

    def endpoint(self, name: str, answer: Endpoint, *, to_device: bool = True) -> Endpoint:
        """Wrap an endpoint: rate, refusals, revision and counts; `to_device`: the answer carries the revision."""

        async def framed(request: Request) -> Response:
            response = await self._answered(name, answer, request)
            if to_device:
                response.headers[REVISION] = str(self._revision())  # SVC-18
            response.headers[DATE] = formatdate(now_s(), usegmt=True)
            self._metrics.count("requests", endpoint=name, status=str(response.status_code))
            return response

        return framed

    def socket(
        self, name: str, answer: Callable[[WebSocket], Awaitable[None]]
    ) -> Callable[[WebSocket], Awaitable[None]]:
        """Wrap the endpoint of a WebSocket: a refusal before it opens is like any other, one after it closes it."""

        async def framed(socket: WebSocket) -> None:
            try:
                self._rates.take(_address(socket))
                await answer(socket)
            except PeerError as error:
                if socket.application_state is WebSocketState.CONNECTING:
                    await socket.send_denial_response(problem(error))
                else:
                    await socket.close(_POLICY)
            except WebSocketDisconnect:
                return
            except Exception as error:  # rule 2
                self._log.failed(f"{name} failed", error)
            finally:
                self._metrics.count("sockets", endpoint=name)

        return framed

    def handlers(self) -> dict[type[Exception], Callable[[Request, Exception], Response]]:
        """Return what answers a path, or a method on it, that no endpoint is for (SVC-22)."""
        return {HTTPException: lambda _request, _error: problem(PeerError(ErrorClass.UNKNOWN, "no such endpoint"))}

    async def _answered(self, name: str, answer: Endpoint, request: Request) -> Response:
        try:
            self._rates.take(_address(request))
            return await answer(request)
        except PeerError as error:
            return problem(error)
        except ClientDisconnect:
            return Response(status_code=503)
        except Exception as error:  # rule 2
            self._log.failed(f"{name} failed", error)
            return Response(status_code=503)  # SVC-6: no answer, and the request may have been carried out


def problem(error: PeerError) -> Response:
    """Return the answer for a refusal: the status and the body of its class (SVC-4)."""
    status = STATUS[error.error_class]
    body = {"class": error.error_class.value} | ({"detail": error.detail} if error.detail else {})
    response = Response(json.dumps(body), status_code=status, media_type=PROBLEM)
    for key, value in error.headers if isinstance(error, Refusal) else ():
        response.headers.append(key, value)
    if error.error_class is ErrorClass.LIMIT:
        response.headers.setdefault(RETRY_AFTER, str(_RETRY_AFTER_S))  # SVC-5
    return response


def respond(value: Mapping[str, object], status: int = 200) -> Response:
    """Answer with an object in JSON."""
    return Response(json.dumps(value), status_code=status, media_type=JSON)


# -------------------------------------------------------------------- what comes in


async def body_of(request: Request, media: str, most: int) -> bytes:
    """Read a body of one media type: `MALFORMED` for another, `TOO_LARGE` as soon as it is longer."""
    check_media(request.headers, media)
    if _length(request.headers) > most:
        raise PeerError(ErrorClass.TOO_LARGE, "body")
    data = bytearray()
    try:
        async with asyncio.timeout(_BODY_S + most / _BODY_BYTES_PER_S):  # SEC-8
            async for part in request.stream():
                data += part
                if len(data) > most:
                    raise PeerError(ErrorClass.TOO_LARGE, "body")
    except TimeoutError as error:
        raise PeerError(ErrorClass.LIMIT, "time for a body") from error
    return bytes(data)


async def json_of(request: Request, kind: type[Value]) -> tuple[Value, bytes]:
    """Read a JSON body as `kind`, which names every member; returns its bytes too, for the digest of the request."""
    data = await body_of(request, JSON, _V.json_bytes_max)  # SVC-3
    try:
        found = json.loads(
            data.decode(),
            object_pairs_hook=_once,
            parse_int=_uint,
            parse_float=_no_number,
            parse_constant=_no_number,
        )
        json.dumps(found, ensure_ascii=False).encode()  # every text has an encoding
        return msgspec.convert(found, kind, dec_hook=_octets), data
    except (ValueError, RecursionError) as error:
        raise wire.wrong("JSON") from error


def check_media(headers: Headers, media: str) -> None:
    """Check `Content-Type`; parameters after it are nothing that this standard names."""
    if headers.get("content-type", "").partition(";")[0].strip().lower() != media:
        raise wire.wrong(f"the body is {media}")


def access_key(request: HTTPConnection) -> bytes:
    """Return the access key that a request shows: `FORGED` without one or with another text than one."""
    header = request.headers.get("authorization", "")
    try:
        key = unbase64url(header[len(_BEARER) :].strip()) if header.lower().startswith(_BEARER) else b""
    except PeerError:
        key = b""
    if len(key) != _V.access_key_bytes:
        raise PeerError(ErrorClass.FORGED, "access key")
    return key


def wait_of(request: Request) -> int | None:
    """Return how many seconds a request is willing to wait; None: it does not say."""
    text = request.query_params.get("wait")
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > _WAIT_DIGITS or int(text) > _V.long_poll_s_max:
        raise wire.wrong("seconds to wait")
    return int(text)


def octets(text: str, size: int) -> bytes:
    """Read bytes of one length in base64url."""
    return wire.octets(unbase64url(text), size)


class Octets(bytes):
    """Bytes that are base64url in JSON."""


def _octets(kind: type, value: object) -> object:
    if kind is not Octets or not isinstance(value, str):
        raise ValueError("a text in base64url is expected")
    return Octets(unbase64url(value))


def _length(headers: Headers) -> int:
    text = headers.get("content-length", "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < len(str(_INTEGER_MAX)) else _INTEGER_MAX


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):  # SVC-3
        raise ValueError("a member is named twice")
    return found


def _uint(text: str) -> int:
    """Read an integer as the standard has them: not negative and below 2^53."""
    if text.startswith("-") or len(text) > len(str(_INTEGER_MAX)) or int(text) > _INTEGER_MAX:
        raise ValueError(text)
    return int(text)


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)


def _address(request: HTTPConnection) -> str:
    """Return the network address of a request; of IPv6, the network that one subscriber has."""
    host = request.client.host if request.client else ""
    return ":".join(host.split(":")[:4]) if ":" in host else host
