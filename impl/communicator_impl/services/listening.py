"""The server around an application: one socket of its own, TLS 1.3 and nothing below, and a time for everything.

Theory. A device that waits holds a connection for minutes or for days, and one whose network went away says nothing.
So the system asks each silent peer whether it is still there, below TLS and HTTP, where a client needs to know nothing
of it; a peer that does not answer, or does not take what was sent to it, is gone like one that closed.

A stranger's connection costs the stranger a packet, and a service that waited for a thousand of them would be closed to
everybody else. So each has so many seconds for the head of a request, whether nothing comes, or a byte a second, or
nothing more after an answer; and there is room for many more of them than one machine opens in that time (SEC-8). A
body has its own time (`http`).

Rules:

1. The socket is bound before anything else is done, by this process alone: a port that another one has is refused.
2. With a certificate the server speaks TLS 1.3 only (SVC-2).
3. Paths are matched as they were sent, so that a name may hold whatever a percent sign encodes (DIR-21).
4. HTTP/1.1 alone: the server has no time limit for the first bytes of a connection that may become HTTP/2.
5. Each connection is a file descriptor, so the limit of the process is raised as far as it may be.
"""

import errno
import resource
import socket
from pathlib import Path
from typing import Final

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.server.embed import Server
from starlette.applications import Starlette

from communicator_impl.services.draining import Application, Receive, Scope, Send
from communicator_impl.services.sections import ServiceSettings
from communicator_impl.services.settings import SettingsError

__all__ = ["HEAD_S", "Listening", "as_sent"]

HEAD_S: Final = 10
_CONNECTIONS_MAX: Final = 8192
_FILES_APART: Final = 256
_BUFFER_BYTES: Final = 1 << 16
_BACKLOG: Final = 1024
_QUIET_S: Final = 30
_ASKED_AGAIN_S: Final = 10
_ASKED_MAX: Final = 3
_GONE_MS: Final = 1000 * (_QUIET_S + _ASKED_MAX * _ASKED_AGAIN_S)


class _Bound(Server):
    """A server on a socket that is there already; on Linux granian would share the port with whoever binds it next."""

    own_socket: socket.socket

    def _init_shared_socket(self) -> None:
        self._shd: SocketHolder = SocketHolder(self.own_socket.detach(), False, _BACKLOG)  # type: ignore[assignment, call-arg]


class Listening:
    """One address to listen at; `name` is the setting that chose it, `port` is where it is if 0 was chosen."""

    def __init__(self, host: str, port: int, name: str) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._socket = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                text = f"{name}: {host} port {port} is taken; stop what listens there, or choose another port"
            else:
                text = f"{name}: cannot listen at {host} port {port}: {error.strerror}"
            raise SettingsError(text) from error
        self.port: int = self._socket.getsockname()[1]
        self._socket.setblocking(False)
        for option, value in _ALIVE.items():  # what is accepted here inherits these
            self._socket.setsockopt(*option, value)

    def server(self, application: Application | Starlette, tls: ServiceSettings | None = None) -> Server:
        """Return what serves an application here, with the certificate that `tls` names."""
        certificate, key = (tls.tls_certificate, tls.tls_key) if tls else ("", "")
        made = _Bound(
            application,
            interface=Interfaces.ASGINL,
            backlog=_BACKLOG,
            backpressure=_room(),
            log_enabled=False,
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(header_read_timeout=1000 * HEAD_S, max_buffer_size=_BUFFER_BYTES),
            ssl_cert=Path(certificate) if certificate else None,
            ssl_key=Path(key) if key else None,
            ssl_protocol_min=SSLProtocols.tls13,  # SVC-2
        )
        made.own_socket = self._socket
        return made


def _room() -> int:
    """Return for how many connections there are file descriptors, once there are as many as may be (rule 5)."""
    wanted, unlimited = _CONNECTIONS_MAX + _FILES_APART, resource.RLIM_INFINITY
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == unlimited or soft >= wanted:
        return _CONNECTIONS_MAX
    raised = wanted if hard == unlimited else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
    return max(1, raised - _FILES_APART)


def as_sent(application: Application) -> Application:
    """Return the application with the path of a request as it was sent (rule 3)."""

    async def called(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            raw: bytes = scope["raw_path"]
            scope = {**scope, "path": raw.partition(b"?")[0].decode("latin-1")}
        await application(scope, receive, send)

    return called


_TCP: Final = socket.IPPROTO_TCP
_ALIVE: Final = {
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE): 1,
    (_TCP, socket.TCP_KEEPIDLE): _QUIET_S,
    (_TCP, socket.TCP_KEEPINTVL): _ASKED_AGAIN_S,
    (_TCP, socket.TCP_KEEPCNT): _ASKED_MAX,
    (_TCP, socket.TCP_USER_TIMEOUT): _GONE_MS,
}
