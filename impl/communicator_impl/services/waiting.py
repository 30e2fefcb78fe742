"""Who waits for something, and how they are told, in one process and between several (RECV-12).

Theory. A device that waits must hear of a message that any instance stores. Inside a process that is a bell for each
topic. Between processes PostgreSQL carries the topic when the transaction that stored is durable; a bell that rang for
nothing costs one look, a bell that did not ring would cost a message, so when the connection was lost all bells ring.

Rules:

1. A bell is hung before the first look at the tables, so that nothing falls between look and wait.
2. A topic is a digest; what is stored is read from the tables, never from the topic.
"""

import asyncio
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from sqlalchemy.engine import make_url

from communicator_impl.services.database import Database

__all__ = ["Bells", "Listener", "heard"]

_CHANNEL: Final = "communicator"
_PAUSE_S: Final = 0.5
_LOOK_S: Final = 1.0
_PATIENCE: Final = {"connect_timeout": "5", "keepalives_idle": "20", "keepalives_interval": "5"}


class Bells:
    """The bells of one process; all methods but `ring_from_thread` are for its event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._hung: dict[str, set[asyncio.Event]] = {}
        self.closing = False

    @contextmanager
    def hung(self, topic: str) -> Iterator[asyncio.Event]:
        """Hang a bell for one topic."""
        bell = asyncio.Event()
        self._hung.setdefault(topic, set()).add(bell)
        try:
            yield bell
        finally:
            self._hung[topic].discard(bell)
            if not self._hung[topic]:
                del self._hung[topic]

    def ring(self, topics: Iterable[str]) -> None:
        """Wake whoever waits for one of these topics."""
        for topic in topics:
            for bell in self._hung.get(topic, ()):
                bell.set()

    def ring_all(self) -> None:
        """Wake everybody."""
        self.ring(list(self._hung))

    def ring_from_thread(self, topics: Iterable[str] | None) -> None:
        """Ring from another thread; None rings all."""
        if topics is None:
            self._loop.call_soon_threadsafe(self.ring_all)
        else:
            self._loop.call_soon_threadsafe(self.ring, tuple(topics))

    def close(self) -> None:
        """Wake everybody for the last time: whoever waits is answered with what there is."""
        self.closing = True
        self.ring_all()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(len(bells) for bells in self._hung.values())


async def heard(bell: asyncio.Event, timeout_s: float) -> None:
    """Wait for a bell, at most so long, and make it ready to ring again."""
    try:
        async with asyncio.timeout(max(timeout_s, 0)):
            await bell.wait()
    except TimeoutError:
        return
    bell.clear()


class Listener:
    """Hears what other instances store, on a connection of its own to PostgreSQL."""

    def __init__(self, database: Database, bells: Bells) -> None:
        url = make_url(database.url).set(drivername="postgresql").update_query_dict(_PATIENCE)
        self._url = url.render_as_string(hide_password=False)
        self._bells = bells
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="listener", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; takes at most a second."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                with psycopg.connect(self._url, autocommit=True) as connection:
                    connection.execute(f"LISTEN {_CHANNEL}")
                    self._bells.ring_from_thread(None)  # what was told while nobody listened
                    self._hear(connection)
            except psycopg.Error:
                self._stopped.wait(_PAUSE_S)

    def _hear(self, connection: "psycopg.Connection[tuple[object, ...]]") -> None:
        while not self._stopped.is_set():
            told = [note.payload for note in connection.notifies(timeout=_LOOK_S, stop_after=1)]
            if told:
                self._bells.ring_from_thread(told)
