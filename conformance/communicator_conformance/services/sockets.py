"""A WebSocket as a device opens one: it reads frames and sends none (RFC 6455).

Rules:

1. A frame is one whole delivery: binary, final, unmasked; anything else fails the test.
2. Pings are not answered: a test is over before a service may mind.
"""

import base64
import socket
import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import cbor2

from communicator_conformance.services.outcomes import Failed
from communicator_conformance.verdicts import Fault
from communicator_spec.schema import validate

__all__ = ["Frames"]

_KEY: Final = base64.b64encode(bytes(range(16))).decode()
_BINARY: Final = 0x82
_PING: Final = 0x89
_SHORT: Final = 126
_LENGTH_MAX: Final = 1 << 20  # far more than any delivery has


class Frames:
    """One connection; `status` is that of the answer to the handshake."""

    def __init__(self, origin: str, headers: Mapping[str, str], timeout_s: float) -> None:
        place = urlsplit(origin)
        host, secure = place.hostname or "", place.scheme == "https"
        try:
            plain = socket.create_connection((host, place.port or (443 if secure else 80)), timeout_s)
            context = ssl.create_default_context()
            self._socket = context.wrap_socket(plain, server_hostname=host) if secure else plain
        except OSError as error:
            raise Failed(Fault.DIED, "notify: no connection") from error
        asked = {"Host": place.netloc, "Upgrade": "websocket", "Connection": "Upgrade"}
        named = {**asked, "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": _KEY, **headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
        self._file = self._socket.makefile("rb")
        try:
            self._socket.sendall(f"GET /v1/notify HTTP/1.1\r\n{lines}\r\n".encode())
            self.status = int(self._file.readline().split()[1])
            while self._file.readline().strip():
                pass
        except (OSError, IndexError, ValueError) as error:
            self._close()
            raise Failed(Fault.DIED, "notify: no answer to the handshake") from error

    def read(self) -> dict[int, Any]:
        """Return the next delivery."""
        try:
            opcode, data = self._frame()
            while opcode == _PING:
                opcode, data = self._frame()
        except TimeoutError as error:
            raise Failed(Fault.LOST, "no frame for a message that is stored") from error
        except (OSError, IndexError) as error:
            raise Failed(Fault.DIED, "the WebSocket is closed") from error
        if opcode != _BINARY:
            raise Failed(Fault.SCHEMA, "a frame is not one whole binary frame")
        why = validate("delivery", data)
        if why is not None:
            raise Failed(Fault.SCHEMA, f"a frame is no {why}")
        found: dict[int, Any] = cbor2.loads(data)
        return found

    def _frame(self) -> tuple[int, bytes]:
        head = self._file.read(2)
        length = head[1]
        if length >= _SHORT:
            length = int.from_bytes(self._file.read(2 if length == _SHORT else 8))
        if length > _LENGTH_MAX:
            raise Failed(Fault.SCHEMA, f"a frame of {length} bytes")
        return head[0], self._file.read(length)

    def _close(self) -> None:
        self._file.close()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
