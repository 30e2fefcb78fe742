"""A device that stays: it is told of what arrives, and wakes when something is due.

Theory. One thread works on the store and the core; each place where something may arrive has a thread of its own that
waits at the service and hands over what it gets. A place at rest costs a request in five minutes, 0.3 kB, and nothing
else: each root is asked for over a connection of its own, so many roots cost as many requests (KNOW-10).

Rules:

1. Threads that wait never touch the store: they have connections of their own and pass values through a queue.
2. A place that does not answer is asked again after a pause that grows to five minutes. One that was quiet for a
   while before its connection ended was cut off on the way: it is asked again at once, and for a shorter time.
3. What was fetched and not confirmed comes again, so a thread waits until it was taken before it asks once more.
4. How long a place is asked for is drawn anew each time, so that requests for several roots do not come in step.
5. A place that does not know its key any more is told to the thread that works: everything is registered again there.
"""

import queue
import secrets
import threading
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from communicator_impl import pace
from communicator_impl.client.courier import Courier
from communicator_impl.client.device import Device
from communicator_impl.errors import CommunicatorError, ServiceError
from communicator_impl.root_record import Item
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["Watch"]

_WAIT_S: Final = PARAMETERS.service.long_poll_s_max
_WAIT_S_MIN: Final = 20
_LONGER_S: Final = 15
_PAUSE_S: Final = 2.0
_PAUSE_S_MAX: Final = 300.0
_LOOK_S: Final = 60.0
_BREATH_S: Final = 0.03
"""Between two passes, unless something came: where clocks go fast, what is due soon is always due."""


class _Place(NamedTuple):
    relationship: int
    service: int
    access_key: bytes


class _Got(NamedTuple):
    """What a place gave; None: it does not know who asks (rule 5)."""

    place: _Place
    items: list[Item] | None
    taken: threading.Event


class Watch:
    """Watches all places of a device until it is stopped; `run` is the thread that works."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._got: queue.Queue[_Got | None] = queue.Queue()
        self._stops: dict[_Place, threading.Event] = {}
        self._over = threading.Event()

    def run(self, after: Callable[[], None] = lambda: None) -> None:
        """Work until `stop` is called from another thread, or an error; `after` is called after each pass."""
        try:
            while not self._over.is_set():
                turned = self._device.turn(fetches=False)
                self._follow()
                after()
                self._wait(turned.next_ms)
        finally:
            for stop in self._stops.values():
                stop.set()

    def stop(self) -> None:
        """End `run` soon."""
        self._over.set()
        self._got.put(None)

    def nudge(self) -> None:
        """Look at once whether something is due: something was written."""
        self._got.put(None)

    def _wait(self, next_ms: int) -> None:
        left_s = min(_LOOK_S, max(_BREATH_S, pace.real_s((next_ms - self._device.clock()) / 1000)))
        try:
            got = self._got.get(timeout=left_s)
        except queue.Empty:
            return
        if got is not None:
            try:
                if got.place not in map(_Place._make, self._device.places()):
                    pass  # it was left, or the relationship ended, while the thread waited there
                elif got.items is None:
                    self._device.forgotten(got.place.relationship, got.place.service)
                else:
                    self._device.take(*got.place, got.items)
            except ServiceError:
                pass  # not confirmed: it comes again
            finally:
                got.taken.set()

    def _follow(self) -> None:
        """Have one thread for each place there is."""
        places = {_Place(*place) for place in self._device.places()}
        for place in self._stops.keys() - places:
            self._stops.pop(place).set()
        for place in sorted(places - self._stops.keys()):
            stop = self._stops[place] = threading.Event()
            uri = self._device.book.uri(place.service)
            threading.Thread(target=self._listen, args=(place, uri, stop), daemon=True).start()

    def _listen(self, place: _Place, uri: str, stop: threading.Event) -> None:
        courier, pause_s, most_s = Courier(), _PAUSE_S, _WAIT_S
        while not stop.is_set():
            begun_s = time.monotonic()
            try:
                items = courier.fetch(uri, place.access_key, most_s - secrets.randbelow(most_s // 5))  # rule 4
            except CommunicatorError as error:
                quiet_s = time.monotonic() - begun_s
                if error.error_class is ErrorClass.FORGED:  # rule 5
                    self._got.put(_Got(place, None, threading.Event()))
                elif quiet_s >= _WAIT_S_MIN:  # rule 2
                    most_s = min(_WAIT_S, max(_WAIT_S_MIN, int(quiet_s / 2)))
                    continue
                stop.wait(pause_s)
                pause_s = min(2 * pause_s, _PAUSE_S_MAX)
                continue
            pause_s, most_s = _PAUSE_S, min(_WAIT_S, most_s + _LONGER_S)
            if items and not stop.is_set():
                got = _Got(place, items, threading.Event())
                self._got.put(got)
                while not got.taken.wait(1.0) and not stop.is_set():
                    pass
        courier.close()
