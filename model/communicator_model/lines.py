"""Services that cannot take everything at once: lines, refusals, and those who wait no longer.

Theory. A service works on one request after another, each for the same time: a line M/D/1 when requests come by chance.
Who waits too long asks again, and what nobody waits for any more is done all the same. So a service that was gone for
an hour may come back to more than it can do, and stay there (Bronson, Aghayev, Charapko, Zhu, "Metastable failures in
distributed systems", HotOS 2021).

What happens to an attempt of a sending service, at a receiving service with a line:

1. It may get lost on the way, as everywhere.
2. If `waiting_max` wait, it is refused with class limit: an answer, which says after how long to try again (SEND-10).
3. Else it waits, and is served when it is its turn; then the address resolves, or does not.
4. Who has waited `patience_ms` takes it for unanswered, and tries again after its own pauses (DELIV-11).
5. A crash ends the line: nobody is answered, and what waited was never taken.

A fetch of a device stands in the same line; one that is refused comes again. A sending service with a line makes its
attempts one after another; nothing is refused there, for its queue is durable.
"""

from collections.abc import Sequence

from communicator_model.faults import Conditions
from communicator_model.phones import Schedule
from communicator_model.population import Person
from communicator_model.services import Capacity
from communicator_model.traces import Trace
from communicator_model.world import RETRY_SLOTS, Flight, World
from communicator_spec import Kind, Row, Terms
from communicator_spec.nodes import DONE, Fidelity, Outcome

__all__ = ["FULL", "LimitedWorld", "Line", "world_type"]

FULL = -1
"""What `Line.admit` says where too many wait."""


class Line:
    """One line, first come first served; it knows when the service is free again, and nobody by name."""

    __slots__ = ("_each_us", "_free_us", "capacity")

    def __init__(self, capacity: Capacity) -> None:
        self.capacity = capacity
        self._each_us = capacity.each_us
        self._free_us = 0

    def admit(self, now_ms: int, waiting_max: int | None = None) -> int:
        """Return when a request that comes now will have been served, or FULL."""
        now_us = 1000 * now_ms
        there = -((now_us - self._free_us) // self._each_us) if self._free_us > now_us else 0
        if waiting_max is not None and there > waiting_max:
            return FULL
        self._free_us = max(self._free_us, now_us) + self._each_us
        return -(-self._free_us // 1000)

    def clear(self, now_ms: int) -> None:
        """Forget everybody who waits."""
        self._free_us = min(self._free_us, 1000 * now_ms)


class _Call:
    """An attempt in a line; `is_open` while somebody waits for the answer."""

    __slots__ = ("flight", "is_open", "lives", "luck", "parcel")

    def __init__(self, flight: Flight, parcel: object, luck: float, lives: tuple[int, int]) -> None:
        self.flight = flight
        self.parcel = parcel
        self.luck = luck
        self.lives = lives  # of both services when it began
        self.is_open = True


class LimitedWorld(World):
    """A world in which some services have lines; arguments as of `World`."""

    def __init__(
        self,
        trace: Trace,
        people: Sequence[Person],
        schedules: Sequence[Schedule],
        providers: int,
        terms: Terms,
        conditions: Conditions,
        fidelity: Fidelity,
        log: list[Row],
        contexts: int = 1,
    ) -> None:
        super().__init__(trace, people, schedules, providers, terms, conditions, fidelity, log, contexts)
        self._lines = {
            service: Line(capacity) for capacity in conditions.services.capacity for service in capacity.services
        }
        self._lives = [0] * (2 * providers)
        self.fired.update(dict.fromkeys(("turned-away", "impatient", "cut-short"), 0))

    def _attempt(self, now_ms: int, flight: Flight) -> None:
        via = flight[0].via
        line = self._lines.get(2 * via + 1)
        if line is None or not self.sending[via]:
            self._bring(now_ms, flight)
        else:
            self._at(line.admit(now_ms), self._bring, flight)

    def _bring(self, now_ms: int, flight: Flight) -> None:
        """Let a sending service post to a receiving service."""
        transmission, ticket, attempt = flight
        via, service = transmission.via, transmission.service
        line = self._lines.get(2 * service)
        if line is None:
            super()._attempt(now_ms, flight)
            return
        if not self.sending[via]:
            self._parked_flights[via].append(flight)
            return
        parcel = self._ssas[via].attempt(now_ms, ticket)
        if parcel is None:
            return
        luck = self._draw_loss(transmission.end, transmission.draw_index * RETRY_SLOTS + attempt)
        call = _Call(flight, parcel, luck, (self._lives[2 * service], self._lives[2 * via + 1]))
        if not self.receiving[service]:
            self.fired["down"] += 1
            self._answer(now_ms, call, answered=False)
        elif luck < self._weather.loss:  # 1
            self.fired["lost"] += 1
            self._answer(now_ms, call, answered=False)
        else:
            self._stand(now_ms, line, call)

    def _stand(self, now_ms: int, line: Line, call: _Call) -> None:
        limits = line.capacity
        served_ms = line.admit(now_ms, limits.waiting_max)
        if served_ms == FULL:  # 2
            self.fired["turned-away"] += 1
            transmission, ticket, attempt = call.flight
            draw = self._draw_backoff(transmission.end, transmission.draw_index * RETRY_SLOTS + attempt)
            outcome = self._nodes.turned_away(now_ms, transmission.via, ticket, draw, limits.retry_after_ms)
            self._follow(now_ms, call.flight, outcome)
            return
        if served_ms - now_ms > limits.patience_ms:
            self._at(now_ms + limits.patience_ms, self._lose_patience, call)
        self._at(served_ms, self._serve, call)

    def _lose_patience(self, now_ms: int, call: _Call) -> None:
        if call.is_open:  # 4
            self.fired["impatient"] += 1
            self._answer(now_ms, call, answered=False)

    def _serve(self, now_ms: int, call: _Call) -> None:
        service = call.flight[0].service
        if self._lives[2 * service] != call.lives[0]:  # 5
            self.fired["cut-short"] += 1
            self._answer(now_ms, call, answered=False)
            return
        self._captured[service] = call.parcel
        end = self._rsas[service].accept(now_ms, call.parcel)  # 3
        if end is not None:
            self._notify(now_ms, end, service)
        lost = call.luck < 1.5 * self._weather.loss
        self.fired["confirm-lost"] += lost
        self._answer(now_ms, call, answered=not lost)

    def _answer(self, now_ms: int, call: _Call, *, answered: bool) -> None:
        """Let a sending service have its answer, or none, unless it no longer waits for it."""
        if not call.is_open:
            return
        call.is_open = False
        transmission, ticket, attempt = flight = call.flight
        via = transmission.via
        if self._lives[2 * via + 1] != call.lives[1]:  # it crashed meanwhile, and begins anew
            again = (transmission, ticket, attempt + 1)
            if self.sending[via]:
                self._at(now_ms, self._attempt, again)
            else:
                self._parked_flights[via].append(again)
            return
        draw = self._draw_backoff(transmission.end, transmission.draw_index * RETRY_SLOTS + attempt)
        self._follow(now_ms, flight, self._ssas[via].outcome(now_ms, ticket, answered=answered, draw=draw))

    def _follow(self, now_ms: int, flight: Flight, outcome: Outcome) -> None:
        transmission, ticket, attempt = flight
        if outcome.notice:
            t_ms = self._online_of[transmission.end](now_ms + self._weather.push_ms)
            self._at(t_ms, self._give_notice, transmission)
        if outcome.retry_ms != DONE:
            self._at(outcome.retry_ms, self._attempt, (transmission, ticket, attempt + 1))

    def _fetch(self, now_ms: int, key: tuple[int, int]) -> None:
        end, service = key
        line = self._lines.get(2 * service)
        if line is None or not self.receiving[service]:
            super()._fetch(now_ms, key)
            return
        served_ms = line.admit(now_ms, line.capacity.waiting_max)
        if served_ms == FULL:
            self.fired["turned-away"] += 1
            wait_ms = line.capacity.retry_after_ms + int(self._draw_fetch(end, now_ms) * self._weather.fetch_spread_ms)
            self._at(self._online_of[end](now_ms + wait_ms), self._fetch, key)
        else:
            self._at(served_ms, super()._fetch, key)

    def _down(self, service: int, kind: Kind = Kind.CRASHED) -> None:
        super()._down(service, kind)
        self._lives[service] += 1
        if service in self._lines:
            self._lines[service].clear(self._env.now)


def world_type(conditions: Conditions) -> type[World]:
    """Return the world that can do what the conditions ask for; only who has lines pays for them."""
    return LimitedWorld if conditions.services.capacity else World
