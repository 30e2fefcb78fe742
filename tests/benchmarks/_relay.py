"""A relay that counts the bytes that pass between clients and one service, both ways, above TCP."""

import selectors
import socket
import threading
from typing import Final, Self

from tests.services.ports import free_port

__all__ = ["Relay"]

_BYTES: Final = 1 << 16


class Relay:
    """Listens at a port of its own, and brings everything to another one; `counted` grows meanwhile."""

    def __init__(self) -> None:
        self.counted = self.connections = 0
        self._listening = socket.create_server(("127.0.0.1", free_port()))
        self.uri = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._selector = selectors.DefaultSelector()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, port: int) -> Self:
        """Begin to bring everything to this port."""
        self._selector.register(self._listening, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, args=(port,), daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """End all connections."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        for key in [*self._selector.get_map().values()]:
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()

    def _run(self, port: int) -> None:
        while not self._over.is_set():
            for key, _ in self._selector.select(timeout=0.5):
                if key.data is None:
                    here, _ = self._listening.accept()
                    there = socket.create_connection(("127.0.0.1", port))
                    self._selector.register(here, selectors.EVENT_READ, there)
                    self._selector.register(there, selectors.EVENT_READ, here)
                    self.connections += 1
                elif key.fd in self._selector.get_map():
                    self._bring(key.fileobj, key.data)  # type: ignore[arg-type]

    def _bring(self, one: socket.socket, other: socket.socket) -> None:
        try:
            data = one.recv(_BYTES)
            other.sendall(data)
        except OSError:
            data = b""
        self.counted += len(data)
        if not data:
            for end in (one, other):
                self._selector.unregister(end)
                end.close()
