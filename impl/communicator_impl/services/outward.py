"""Connections that a service opens itself: to public addresses, whatever a stranger hides behind a name.

Theory. Whoever may name a URI could make a service knock at its own machine or its operator's network. A name is
resolved at the moment of connecting, each address is judged, and the connection goes to the address that was judged: a
name that changes its address in between gains nothing.

Rules:

1. Only public addresses, and hosts that the operator names (SEND-11, RECV-15).
2. A request has the headers that are given and `Host`; no cookies, no redirections followed (SEND-9, SVC-9).
3. An answer is read up to a limit. Connections to one origin are shared by all requests to it (SEND-12).
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from functools import cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final, NamedTuple

import httpcore

from communicator_impl.errors import PeerError
from communicator_spec import ErrorClass

__all__ = ["Answer", "NotAnswered", "Outward", "everybodys_context", "is_public"]

_TRANSLATED: Final = tuple(map(IPv6Network, ("2002::/16", "2001::/32", "64:ff9b::/96", "64:ff9b:1::/48")))
"""Addresses of IPv6 that stand for one of IPv4, which nobody has judged."""


class Answer(NamedTuple):
    """What came back: status, headers in lower case, and the body up to a limit."""

    status: int
    headers: dict[str, str]
    body: bytes


class NotAnswered(OSError):
    """There was no answer: no address, no connection, or an end before the answer."""


def is_public(text: str) -> bool:
    """Tell whether an address is one that anybody on the internet may reach."""
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(str(address.ipv4_mapped))
        if any(address in network for network in _TRANSLATED):
            return False
    return _is_global(address)


def _is_global(address: IPv4Address | IPv6Address) -> bool:
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


class _Judging(httpcore.AsyncNetworkBackend):
    """Connects to addresses that were judged, and to nothing else."""

    def __init__(self, named: Iterable[str], inner: httpcore.AsyncNetworkBackend | None = None) -> None:
        self._named = frozenset(named)
        self._inner = inner or httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        for address in await _addresses(host, port):
            if is_public(address) or host in self._named:  # SEND-11, RECV-15
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
        raise httpcore.ConnectError("no public address")

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


@cache
def everybodys_context() -> ssl.SSLContext:
    """Trust what the system trusts; reading that takes as long as starting all the rest."""
    return ssl.create_default_context()


class Outward:
    """A pool of connections; `named` are hosts that the operator permits, `timeout_s` bounds each step."""

    def __init__(
        self,
        named: Iterable[str],
        timeout_s: float,
        trusted: ssl.SSLContext | None = None,
        network: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        context = trusted or everybodys_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_3  # SVC-2
        self._timeouts = dict.fromkeys(("connect", "read", "write", "pool"), timeout_s)
        self._timeout_s = timeout_s
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context, max_connections=256, network_backend=_Judging(named, network)
        )

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, most: int) -> Answer:
        """Post bytes and return the answer; `NotAnswered` without one."""
        return await self._whole("POST", url, headers, body, most)

    async def get(self, url: str, most: int) -> Answer:
        """Get a small resource; `NotAnswered` without an answer, `TOO_LARGE` if it is longer."""
        return await self._whole("GET", url, {}, None, most)

    @asynccontextmanager
    async def stream(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> AsyncIterator[httpcore.Response]:
        """Open one request; its answer is read as it comes."""
        named = [(b"host", _host(url)), *((k.encode(), v.encode()) for k, v in headers.items())]
        if body is not None:
            named.append((b"content-length", str(len(body)).encode()))
        extensions = {"timeout": self._timeouts}
        try:
            async with self._pool.stream(method, url, headers=named, content=body, extensions=extensions) as response:
                yield response
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, ssl.SSLError) as error:
            raise NotAnswered(type(error).__name__) from error
        except (httpcore.UnsupportedProtocol, httpcore.ProxyError) as error:
            raise NotAnswered(type(error).__name__) from error

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.aclose()

    async def _whole(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, most: int) -> Answer:
        try:
            async with asyncio.timeout(self._timeout_s), self.stream(method, url, headers, body) as response:
                data = bytearray()
                async for part in response.aiter_stream():
                    data += part
                    if len(data) > most:
                        raise PeerError(ErrorClass.TOO_LARGE, "answer")
                found = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in response.headers}
                return Answer(response.status, found, bytes(data))
        except TimeoutError as error:
            raise NotAnswered("time") from error


async def _addresses(host: str, port: int) -> list[str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError("no address") from error
    return [str(address[4][0]) for address in found]


def _host(url: str) -> bytes:
    return url.partition("://")[2].partition("/")[0].encode()
