"""The world of a fault plan: everything that a plan says happens, and each fault counts what it met.

Theory. Like the population's world (`communicator_model.world`), this one owns time, network, devices and people's
decisions, and drives any `Nodes`. It knows nothing that a plan does not say: no weather, no schedule of phones. What is
left to chance (delays, jitter) are counter-based draws of the plan's seed, by whom they concern, so that a plan of
which something was cut runs as before elsewhere.

The way of a message: device → sending service → network → receiving service → notice → device; each step is a method.

Rules:

1. A fault has met something when something would have gone otherwise without it: a request that found no answer, a
   device that wanted to act and had no connection. `met` counts that, by the number of the fault.
2. A service that is down is asked for in vain, and that counts: devices ask through `_Up`.
3. In the calm phase, one hour after its beginning, each end of a relationship that lives writes once (`probes`).
4. Who has moved away tries four times a day to leave, until it may.
5. A world whose cores wake without end is stopped: `Runaway`.
6. Whoever wakes at the same instant wakes in the order of ends, whenever that was planned: real cores look once more
   after they died, the population model does not, and nothing may depend on that.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from communicator_model.draws import exponential, stream
from communicator_simulations.faults.plan import HOUR, MINUTE_MS, Fault, FaultPlan, What, terms_of
from communicator_spec import Kind, Row
from communicator_spec.nodes import DONE, Fidelity, Setting, Travelling

__all__ = ["PlannedWorld", "Runaway"]

_NEVER: Final = 1 << 62
_RETRY_SLOTS: Final = 128  # draws reserved for the attempts of one transmission
_DELAY_MIN_MS: Final = 50
_DELAY_MEAN_MS: Final = 2000
_PUSH_MS: Final = 2000
_AGAIN_MS: Final = 30 * MINUTE_MS  # until a device that died looks again what there is
_TRY_MS: Final = 6 * HOUR * MINUTE_MS
_STEPS_MAX: Final = 200_000


class Runaway(RuntimeError):
    """The cores always have something to do at once, and never come to an end."""


class _Flight(NamedTuple):
    """A transmission at its sending service."""

    transmission: Travelling
    ticket: int
    attempt: int


class _Up(list[bool]):
    """Which services answer; asking for one that does not is what its fault meets (rule 2)."""

    def __init__(self, providers: int, meet: Callable[[int], None]) -> None:
        super().__init__([True] * providers)
        self._meet = meet

    def __getitem__(self, place: Any) -> Any:  # noqa: ANN401 - as a list has it
        found = list.__getitem__(self, place)
        if found is False:
            self._meet(place)
        return found


class PlannedWorld:
    """One run of a plan; `met` counts by fault what it met, `probes` are the messages of the calm phase."""

    def __init__(self, plan: FaultPlan, fidelity: Fidelity, log: list[Row]) -> None:
        self._plan, self._terms, self._emit = plan, terms_of(plan), log.append
        self.met: Counter[int] = Counter()
        self.probes: list[tuple[int, int]] = []  # end, number
        self.leaving: set[tuple[int, int]] = set()  # person, service: who wants to be gone and is not
        self.strays: set[tuple[int, int, int, int]] = set()  # addresses that a stranger wrote to
        self.receiving = _Up(plan.providers, lambda place: self._meet_down("receiving", place))
        self.sending = _Up(plan.providers, lambda place: self._meet_down("sending", place))
        self._active: dict[tuple[What, str, int], list[int]] = {}
        self._dead: set[tuple[str, int]] = set()
        self._queue: list[tuple[int, int, int, Callable[..., object], tuple[object, ...]]] = []
        self._steps = 0
        self._draw_network, self._draw_backoff = stream(plan.seed, "network"), stream(plan.seed, "backoff")
        self._draw_fetch = stream(plan.seed, "fetch")
        self._nodes = fidelity(plan.providers, self._terms, self, stream(plan.seed, "receipt"), self._emit)
        self._managers = self._nodes.managers
        self._settings = [Setting(person.receiving, person.sending) for person in plan.people]
        self._alarms = [_NEVER] * (2 * len(plan.pairs))
        self._ended: set[int] = set()
        self._waiting: set[tuple[int, int]] = set()
        self._parked: dict[tuple[str, int], list[tuple[Callable[..., None], tuple[object, ...]]]] = {}
        self._captured: dict[int, object] = {}

    def run(self) -> None:
        """Run both phases. `Runaway`: the cores never come to an end."""
        plan = self._plan
        for number, pair in enumerate(plan.pairs):
            self._managers.pair(0, 2 * number, pair, (self._settings[pair[0]], self._settings[pair[1]]))
        for end in range(2 * len(plan.pairs)):
            self._set_alarm(0, end)
        for number, fault in enumerate(plan.faults):
            self._at(fault.at_min * MINUTE_MS, self._begin, number)
        for at_min, end in plan.writes:
            self._at(at_min * MINUTE_MS, self._write, end)
        calm_ms = plan.faults_min * MINUTE_MS
        self._at(calm_ms, self._calm)
        if plan.calm_min > HOUR:
            self._at(calm_ms + HOUR * MINUTE_MS, self._probe)
        self._run_until(calm_ms + plan.calm_min * MINUTE_MS)

    def _run_until(self, horizon_ms: int) -> None:
        queue = self._queue
        while queue and queue[0][0] <= horizon_ms:
            now_ms, _, _, what, given = heapq.heappop(queue)
            what(now_ms, *given)

    def _at(self, t_ms: int, what: Callable[..., object], *given: object) -> None:
        self._put(t_ms, 0, what, given)

    def _put(self, t_ms: int, rank: int, what: Callable[..., object], given: tuple[object, ...]) -> None:
        self._steps += 1
        if self._steps > _STEPS_MAX:
            raise Runaway(f"more than {_STEPS_MAX:,} steps")
        heapq.heappush(self._queue, (t_ms, rank, self._steps, what, given))

    # ---------------------------------------------------------------- people and devices

    def _write(self, now_ms: int, end: int) -> int:
        number = self._managers.submit(now_ms, end, 0)
        self._set_alarm(now_ms, end)
        return number

    def _probe(self, now_ms: int) -> None:
        """Let everybody write once more (rule 3)."""
        for end in range(2 * len(self._plan.pairs)):
            if not self._ended & {end, end ^ 1}:
                self.probes.append((end, self._write(now_ms, end)))

    def _set_alarm(self, now_ms: int, end: int) -> None:
        due_ms = max(self._managers.deadline_ms(end), now_ms)
        if due_ms < self._alarms[end]:
            self._alarms[end] = due_ms
            self._put(due_ms, end + 1, self._wake, (end,))  # rule 6

    def _wake(self, now_ms: int, end: int) -> None:
        if self._alarms[end] != now_ms:
            return  # an earlier alarm has replaced this one
        self._alarms[end] = _NEVER
        if self._put_off(self._plan.person_of(end), self._ring, end):
            return
        transmissions = self._managers.wake(now_ms, end)
        if transmissions and self._once(What.DEVICE_DIES, self._plan.person_of(end)):
            self._managers.restart(end)  # nothing was handed over
        else:
            for transmission in transmissions:
                self._hand_over(now_ms, transmission)
        self._set_alarm(now_ms + 1, end)

    def _ring(self, now_ms: int, end: int) -> None:
        self._set_alarm(now_ms, end)

    def _put_off(self, person: int, what: Callable[..., None], *given: object) -> bool:
        """Tell whether somebody's device has no connection; then it does this when it has."""
        if not self._meet(What.OFFLINE, "person", person):
            return False
        self._park(("person", person), what, *given)
        return True

    def _park(self, place: tuple[str, int], what: Callable[..., None], *given: object) -> None:
        self._parked.setdefault(place, []).append((what, given))

    # ---------------------------------------------------------------- the way of a message

    def _hand_over(self, now_ms: int, transmission: Travelling) -> None:
        ticket = self._nodes.sending[transmission.via].submit(now_ms, transmission)
        draw = self._draw_network(transmission.end, transmission.draw_index)
        delay_ms = _DELAY_MIN_MS + int(exponential(draw, _DELAY_MEAN_MS))
        self._at(now_ms + delay_ms, self._attempt, _Flight(transmission, ticket, 0))

    def _attempt(self, now_ms: int, flight: _Flight) -> None:
        """Let a sending service post to a receiving service."""
        transmission, ticket, attempt = flight
        via = transmission.via
        if not self.sending[via]:
            self._park(("sending", via), self._attempt, flight)
            return
        core = self._nodes.sending[via]
        parcel = core.attempt(now_ms, ticket)
        if parcel is None:
            return
        answered = self._post(now_ms, transmission.service, parcel)
        draw = self._draw_backoff(transmission.end, transmission.draw_index * _RETRY_SLOTS + attempt)
        retry_ms, notice = core.outcome(now_ms, ticket, answered=answered, draw=draw)
        if notice:
            self._at(now_ms + _PUSH_MS, self._hear, transmission)
        if retry_ms != DONE:
            self._at(retry_ms, self._attempt, _Flight(transmission, ticket, attempt + 1))

    def _post(self, now_ms: int, service: int, parcel: object) -> bool:
        """Carry bytes over the network; tell whether an answer came back."""
        if not self.receiving[service] or self._meet(What.LOSE, "receiving", service):
            return False
        late = self._meet(What.DELAY, "receiving", service)
        if late:
            by_min = max(self._plan.faults[number].by_min for number in late)
            self._at(now_ms + by_min * MINUTE_MS, self._accept, service, parcel)
            return False
        self._accept(now_ms, service, parcel)
        if self._meet(What.DUPLICATE, "receiving", service):
            self._at(now_ms + _PUSH_MS, self._accept, service, parcel)
        return not self._meet(What.LOSE_ANSWERS, "receiving", service)

    def _accept(self, now_ms: int, service: int, parcel: object) -> None:
        if not self.receiving[service]:
            return
        self._captured[service] = parcel
        end = self._nodes.receiving[service].accept(now_ms, parcel)
        if end is not None:
            self._notify(now_ms, end, service)

    def _hear(self, now_ms: int, transmission: Travelling) -> None:
        """Tell a device that a receiving service does not answer."""
        end = transmission.end
        if not self._put_off(self._plan.person_of(end), self._hear, transmission):
            self._managers.unreachable(now_ms, end, transmission.service, transmission.reference)
            self._set_alarm(now_ms, end)

    def _notify(self, now_ms: int, end: int, service: int, after_ms: int = _PUSH_MS) -> None:
        """Let a device look what a service has, some time after it was told."""
        if (end, service) not in self._waiting:
            self._waiting.add((end, service))
            self._at(now_ms + after_ms + self._looks_ms(now_ms, end), self._fetch, end, service)

    def _looks_ms(self, now_ms: int, end: int) -> int:
        return int(exponential(self._draw_fetch(end, now_ms), self._plan.look_min * MINUTE_MS))

    def _look(self, now_ms: int, end: int, service: int) -> None:
        self._at(now_ms + self._looks_ms(now_ms, end), self._fetch, end, service)

    def _fetch(self, now_ms: int, end: int, service: int) -> None:
        person = self._plan.person_of(end)
        if self._put_off(person, self._look, end, service):
            return
        if not self.receiving[service]:
            self._park(("receiving", service), self._fetch, end, service)
            return
        self._waiting.discard((end, service))
        dies = self._once(What.UNCONFIRMED, person)
        self._managers.receive(now_ms, end, service, confirms=not dies)
        if dies:
            self._managers.restart(end)
            self._notify(now_ms, end, service, _AGAIN_MS)
        self._set_alarm(now_ms, end)

    # ---------------------------------------------------------------- faults begin, meet and end

    def _begin(self, now_ms: int, number: int) -> None:
        fault = self._plan.faults[number]
        if fault.for_min or fault.what is What.DIE:
            place = (fault.what, fault.whom, fault.which)
            self._active.setdefault(place, []).append(number)
            if fault.what in (What.CRASH, What.DIE):
                self._down(now_ms, fault)
            if fault.for_min:
                end_min = min(fault.at_min + fault.for_min, self._plan.faults_min)
                self._at(end_min * MINUTE_MS, self._over, number)
        elif _AT_ONCE[fault.what](self, now_ms, fault):
            self.met[number] += 1

    def _over(self, now_ms: int, number: int) -> None:
        fault = self._plan.faults[number]
        active = self._active.get((fault.what, fault.whom, fault.which), [])
        if number not in active:
            return
        active.remove(number)
        if active:
            return
        if fault.what is What.CRASH:
            self._recover(now_ms, fault)
        elif fault.what is What.OFFLINE:
            self._release(now_ms, ("person", fault.which))

    def _calm(self, now_ms: int) -> None:
        """End what has not ended; who is dead stays dead."""
        for number in [n for active in list(self._active.values()) for n in active]:
            if self._plan.faults[number].what is not What.DIE:
                self._over(now_ms, number)

    def _meet(self, what: What, whom: str, which: int) -> Sequence[int]:
        """Return the numbers of the faults that are met here now, counted; mostly none."""
        active = self._active.get((what, whom, which))
        if not active:
            return ()
        self.met.update(active)
        return active

    def _meet_down(self, whom: str, place: int) -> None:
        if not self._meet(What.DIE, whom, place):
            self._meet(What.CRASH, whom, place)

    def _once(self, what: What, person: int) -> bool:
        """Tell whether a fault that waits for this instant happens now; it does once."""
        active = self._active.get((what, "person", person))
        if active:
            self.met[active.pop(0)] += 1
            return True
        return False

    def _down(self, now_ms: int, fault: Fault) -> None:
        up = self.receiving if fault.whom == "receiving" else self.sending
        place, dies = (fault.whom, fault.which), fault.what is What.DIE
        if place in self._dead:
            return
        if dies or list.__getitem__(up, fault.which):
            self._say(now_ms, Kind.DIED if dies else Kind.CRASHED, fault)
        up[fault.which] = False
        if dies:
            self._dead.add(place)
            cores = self._nodes.receiving if fault.whom == "receiving" else self._nodes.sending
            cores[fault.which].die()
            self._parked.pop(place, None)

    def _recover(self, now_ms: int, fault: Fault) -> None:
        place = (fault.whom, fault.which)
        if place in self._dead:
            return
        (self.receiving if fault.whom == "receiving" else self.sending)[fault.which] = True
        self._say(now_ms, Kind.RECOVERED, fault)
        self._release(now_ms, place)

    def _release(self, now_ms: int, place: tuple[str, int]) -> None:
        """Let go on what waited for a service, or for a connection."""
        for what, given in self._parked.pop(place, ()):
            self._at(now_ms, what, *given)

    def _say(self, now_ms: int, kind: Kind, fault: Fault) -> None:
        is_sending = fault.whom == "sending"
        service, via = (-1, fault.which) if is_sending else (fault.which, -1)
        self._emit((now_ms, kind, -1, -1, service, -1, -1, via, -1))

    # ---------------------------------------------------------------- what happens at once

    def _junk(self, now_ms: int, fault: Fault) -> bool:
        parcel = self._nodes.junk(fault.which, self._draw_network(-1, fault.at_min))
        return self._inject(now_ms, fault.which, parcel, 0)

    def _replay(self, now_ms: int, fault: Fault) -> bool:
        parcel = self._captured.get(fault.which)
        return parcel is not None and self._inject(now_ms, fault.which, parcel, 1)

    def _inject(self, now_ms: int, service: int, parcel: object, value: int) -> bool:
        if not list.__getitem__(self.receiving, service):
            return False
        self._emit((now_ms, Kind.INJECTED, -1, -1, service, -1, -1, -1, value))
        end = self._nodes.receiving[service].accept(now_ms, parcel)
        if end is not None:
            self._notify(now_ms, end, service)
        return True

    def _stray(self, now_ms: int, fault: Fault) -> bool:
        """Write to the next address of a grant that the peer holds, as somebody can to whom it was passed on."""
        owner, holder = fault.which, fault.which ^ 1
        if holder in self._ended:
            return False  # who has ended a relationship has no addresses to pass on
        kept: Any = self._managers.kept(holder)
        for grant in kept.held:
            service, serial = grant.service, grant.serial
            position = kept.used.get((service, serial), 0)
            is_good = position < grant.capacity and now_ms < grant.valid_until_ms
            if is_good and list.__getitem__(self.receiving, service):
                self.strays.add((owner, service, serial, position))
                parcel = self._nodes.stray(holder, service, serial, position)
                return self._inject(now_ms, service, parcel, 0)
        return False

    def _move(self, now_ms: int, fault: Fault) -> bool:
        person, (old, new) = fault.which, fault.services
        receiving, sending = self._settings[person]
        if old not in receiving or new in receiving or ("receiving", new) in self._dead:
            return False
        self._settings[person] = setting = Setting(tuple(new if s == old else s for s in receiving), sending)
        leave = ("receiving", old) not in self._dead
        draw = stream(self._plan.seed, "announce")
        for end in self._ends_of(person):
            announce_ms = now_ms + int(draw(end, fault.at_min) * self._terms.announce_spread_ms)
            self._managers.move(now_ms, end, old, setting, announce_ms, leave=leave)
            self._set_alarm(now_ms, end)
        if leave:
            self.leaving.add((person, old))
            self._at(now_ms + _TRY_MS, self._try_to_leave, person, old)
        return True

    def _try_to_leave(self, now_ms: int, person: int, old: int) -> None:
        if ("receiving", old) in self._dead or old in self._settings[person].receiving:
            self.leaving.discard((person, old))  # it is gone, or in use again
            return
        if self._put_off(person, self._try_to_leave, person, old):
            return
        is_up = list.__getitem__(self.receiving, old)
        if is_up and self._managers.leave(now_ms, person, old, self._ends_of(person)):
            self.leaving.discard((person, old))
        else:
            self._at(now_ms + _TRY_MS, self._try_to_leave, person, old)

    def _switch(self, now_ms: int, fault: Fault) -> bool:
        person, (old, new) = fault.which, fault.services
        receiving, sending = self._settings[person]
        if old not in sending or new in sending or ("sending", new) in self._dead:
            return False
        self._settings[person] = setting = Setting(receiving, tuple(new if s == old else s for s in sending))
        for end in self._ends_of(person):
            self._managers.change_senders(now_ms, end, setting.sending)
            self._set_alarm(now_ms, end)
        return True

    def _refuse(self, now_ms: int, fault: Fault) -> bool:
        if fault.which in self._ended:
            return False
        self._ended.add(fault.which)
        for transmission in self._managers.refuse(now_ms, fault.which):
            self._hand_over(now_ms, transmission)
        return True

    def _ends_of(self, person: int) -> list[int]:
        ends = range(2 * len(self._plan.pairs))
        return [end for end in ends if self._plan.person_of(end) == person]


_AT_ONCE: Final[dict[What, Callable[[PlannedWorld, int, Fault], bool]]] = {
    What.JUNK: PlannedWorld._junk,
    What.REPLAY: PlannedWorld._replay,
    What.STRAY: PlannedWorld._stray,
    What.MOVE: PlannedWorld._move,
    What.SWITCH: PlannedWorld._switch,
    What.REFUSE: PlannedWorld._refuse,
}
"""What happens at one instant, and tells whether it did."""
