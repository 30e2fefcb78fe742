"""What meets processes besides kills at crash points: done when it is due, and counted when it was seen.

Rules:

1. A fault that finds its process dead, or just started, waits; one that met nothing lasts until it has.
2. Who has no room is seen by what it does: a service answers that it has none, a device says so and ends.
3. What was begun is ended, whatever became of the process meanwhile.
"""

import os
import signal
import socket
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import partial
from http.client import HTTPConnection, HTTPException
from typing import Final

from communicator_impl import wire
from communicator_impl.addresses import Profile
from communicator_simulations.chaos import harm
from communicator_simulations.chaos.cast import Cast
from communicator_simulations.chaos.connections import Fault as Trouble
from communicator_simulations.chaos.connections import Relay
from communicator_simulations.chaos.connections import Trouble as Troubled
from communicator_simulations.chaos.kills import Kills
from communicator_simulations.chaos.plan import Fault, Kind
from communicator_simulations.chaos.stage import Process
from communicator_spec.parameters import PARAMETERS

__all__ = ["Faults"]

_HOST: Final = "127.0.0.1"
_TRY_S: Final = 0.3
_TRIES: Final = 4
_ANSWER_S: Final = 3
_AMOUNT_S: Final = 0.5
_NO_ROOM: Final = 503
_FULL_S: Final = 2.0
_SEALED_BYTES: Final = 2865
_JUNK: Final = wire.encode({0: PARAMETERS.envelope.version, 1: int(Profile.LABEL), 2: bytes(_SEALED_BYTES)})
"""A request that a service stores before it looks what it is."""


class Faults:
    """Does what a plan says; `fired` counts what was seen, by kind."""

    def __init__(self, cast: Cast, kills: Kills, relay: Relay, *, has_files: bool) -> None:
        self.fired: Counter[str] = Counter()
        self._cast, self._kills, self._relay, self._has_files = cast, kills, relay, has_files
        self._later: list[tuple[float, Callable[[], None]]] = []
        self._troubles: defaultdict[int, list[Troubled]] = defaultdict(list)
        self._full: dict[str, float] = {}

    def harm(self, fault: Fault) -> None:
        """Let a fault of the plan happen."""
        if fault.kind is Kind.KILL:
            self._kills.want(fault.role)
            return
        process = (self._cast.people if fault.role == "person" else self._cast.services)[fault.which]
        if not process.lives or time.monotonic() - process.started_s < _TRY_S:
            self._put_off(_TRY_S, partial(self.harm, fault))
            return
        match fault.kind:
            case Kind.KILL_ANYWHERE:
                self._kill_anywhere(process, fault)
            case Kind.PAUSE:
                self._pause(process, fault)
            case Kind.FULL:
                self._fill(process, fault)
            case Kind.SKEW:
                self._cast.skews[process.name] = int(fault.amount)
                self._kill(process)
                self._seen(fault)
            case Kind.TROUBLE:
                self._trouble(fault)

    def tend(self) -> None:
        """Do what was put off and is due."""
        now = time.monotonic()
        for at_s, what in [one for one in self._later if one[0] <= now]:
            self._later.remove((at_s, what))
            what()

    def calm(self) -> None:
        """Let nothing happen any more."""
        self._relay.calm()
        for process in self._cast.everybody():
            process.send(signal.SIGCONT)
        self._later.clear()

    def had_no_room(self, process: Process) -> bool:
        """Tell whether a process that is dead ended because it could not write; that is seen, then."""
        if self._full.pop(process.name, 0.0) <= time.monotonic() - _FULL_S:
            return False
        self.fired[Kind.FULL] += 1
        self.fired["full person"] += 1
        return True

    # ---------------------------------------------------------------- each of them

    def _put_off(self, for_s: float, what: Callable[[], None]) -> None:
        self._later.append((time.monotonic() + for_s, what))

    def _seen(self, fault: Fault) -> None:
        self.fired[fault.kind] += 1

    def _kill(self, process: Process) -> None:
        """End a process, which is then not one that ended by itself."""
        process.kill()
        self._kills.excuse(self._cast.row(process))

    def _kill_anywhere(self, process: Process, fault: Fault) -> None:
        victims = process.children() if fault.role == "resolver" else []
        for victim in victims:
            _end(victim)
        if not victims:
            self._kill(process)
        self._seen(fault)

    def _pause(self, process: Process, fault: Fault) -> None:
        stopped = harm.pause(process.pid) if process.lives else []
        self._put_off(fault.for_s, partial(harm.go_on, stopped))
        if stopped:
            self._seen(fault)

    def _trouble(self, fault: Fault) -> None:
        """Let something happen on the way to one operator, for a while, and for longer if nothing met it (rule 1)."""
        port, (how, _, path) = self._cast.addresses[fault.which], fault.how.partition(" ")
        trouble, active = Troubled(Trouble(how), fault.amount, path or "/v1/", _AMOUNT_S), self._troubles[port]
        active.append(trouble)
        self._relay.trouble(port, *active)

        def end() -> None:
            if not self._relay.fired[Trouble(how)]:
                self._put_off(fault.for_s, end)
                return
            active.remove(trouble)
            self._relay.trouble(port, *active)

        self._put_off(fault.for_s, end)

    # ---------------------------------------------------------------- no room

    def _fill(self, process: Process, fault: Fault) -> None:
        """Leave a process no room; a server of databases is not that of the run alone, so a person has none then."""
        if process.role == "service" and not self._has_files:
            process = self._cast.people[fault.which % len(self._cast.people)]
        if process.role == "service" and not self._listens(process):
            self._put_off(_TRY_S, partial(self.harm, fault))
            return
        harm.fill(process.pid)
        if process.role == "service":
            self._put_off(_TRY_S, partial(self._look_for_room, process, fault, _TRIES))
        else:
            self._full[process.name] = time.monotonic() + fault.for_s
        self._put_off(fault.for_s, partial(self._free, process, process.pid, fault))

    def _listens(self, process: Process) -> bool:
        """Tell whether a service is there; one that finds no room when it starts does not, and that is no fault."""
        try:
            socket.create_connection((_HOST, self._cast.port(process.which)), _ANSWER_S).close()
        except OSError:
            return False
        return True

    def _free(self, process: Process, pid: int, fault: Fault) -> None:
        if process.lives and process.pid == pid:
            harm.free(pid)
        if not self.fired[f"full {process.role}"]:
            self.harm(fault)

    def _look_for_room(self, process: Process, fault: Fault, tries: int) -> None:
        connection = HTTPConnection(_HOST, self._cast.port(process.which), timeout=_ANSWER_S)
        try:
            connection.request("POST", "/v1/accept", _JUNK, {"content-type": "application/cbor"})
            if connection.getresponse().status == _NO_ROOM:
                self._seen(fault)
                self.fired["full service"] += 1
                return
        except (OSError, HTTPException):
            pass
        finally:
            connection.close()
        if tries:
            self._put_off(_TRY_S, partial(self._look_for_room, process, fault, tries - 1))


def _end(process: int) -> None:
    """End a process, if it is there."""
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        return
    try:
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        os.close(descriptor)
