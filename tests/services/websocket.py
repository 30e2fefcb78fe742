"""A WebSocket as a device opens one: it reads frames and sends none (RFC 6455)."""

import base64
import os
import socket
from types import TracebackType
from typing import Self

from tests.patience import PATIENCE_S

from communicator_impl.envelope import Delivery


class Frames:
    """One connection; `status` is that of the answer to the handshake."""

    def __init__(self, port: int, headers: dict[str, str]) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        key = base64.b64encode(os.urandom(16)).decode()
        asked = {"Host": f"127.0.0.1:{port}", "Upgrade": "websocket", "Connection": "Upgrade"}
        named = {**asked, "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": key, **headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
        self._socket.sendall(f"GET /v1/notify HTTP/1.1\r\n{lines}\r\n".encode())
        self._file = self._socket.makefile("rb")
        self.status = int(self._file.readline().split()[1])
        while self._file.readline().strip():
            pass

    def read(self) -> Delivery:
        head = self._file.read(2)
        assert head[0] == 0x82, f"a whole binary frame, not {head.hex()}"
        length = head[1] if head[1] < 126 else int.from_bytes(self._file.read(2))
        return Delivery.decode(self._file.read(length))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._socket.close()
