"""A piece of network in front of a service: bytes go through it, until it keeps an answer back.

Theory. Whoever sends and gets no answer cannot know whether the request arrived. The worst instant to die is just then:
the service has a message, and its sender does not know. So the relay lets requests pass, and when it is told to, keeps
back what the service says to a submission.
"""

import socket
import threading
from contextlib import suppress
from typing import Final

__all__ = ["Relay"]

_BYTES: Final = 1 << 16
_SUBMISSION: Final = b"POST /v1/submit "


class Relay:
    """Listens at one port and passes everything on to another; `kept` is set when an answer was kept back."""

    def __init__(self, port: int, target: int) -> None:
        self._target = target
        self._keeps = False
        self.kept = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, daemon=True).start()

    def keep_answers(self, keeps: bool) -> None:
        """From now on keep answers to submissions back, or not."""
        self._keeps = keeps
        self.kept.clear()

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._socket.accept()
                threading.Thread(target=self._connect, args=(near,), daemon=True).start()

    def _connect(self, near: socket.socket) -> None:
        with near, suppress(OSError), socket.create_connection(("127.0.0.1", self._target)) as far:
            held = threading.Event()
            back = threading.Thread(target=self._pass_back, args=(far, near, held), daemon=True)
            back.start()
            while data := near.recv(_BYTES):
                if self._keeps and data.startswith(_SUBMISSION):
                    held.set()
                far.sendall(data)
            far.shutdown(socket.SHUT_WR)
            back.join()

    def _pass_back(self, far: socket.socket, near: socket.socket, held: threading.Event) -> None:
        with suppress(OSError):
            while data := far.recv(_BYTES):
                if held.is_set():
                    self.kept.set()
                else:
                    near.sendall(data)
            near.shutdown(socket.SHUT_WR)
