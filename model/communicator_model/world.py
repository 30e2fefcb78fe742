"""The simulated world: one clock, devices, a network, providers that fail, and the people's messages.

The world is a SimPy environment whose clock counts integer milliseconds. It owns everything that a protocol
implementation cannot decide: when people write, when phones are online (a lookup, never a stream of events), how long
a packet takes and whether it arrives, when a provider is down, when a person decides. Whatever a party decides happens
in the `Nodes`, which may be the population model or the real cores.

Determinism: every random number is a counter-based draw (`draws`), and events of the same millisecond run in the order
in which they were scheduled. Idle relationships cost nothing: each end has at most one alarm in the queue.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from typing import Final

import simpy

from communicator_model.disasters import disasters, expected
from communicator_model.draws import exponential, stream
from communicator_model.faults import Conditions, FaultKind
from communicator_model.phones import Schedule
from communicator_model.population import Person
from communicator_model.ticks import Ticks
from communicator_model.traces import Trace
from communicator_spec import Kind, Row, Terms
from communicator_spec.nodes import DONE, Fidelity, Setting, Travelling

__all__ = ["RETRY_SLOTS", "Flight", "World"]

_NEVER: Final = 1 << 62
_DAY_MS: Final = 86_400_000
_CONVERSATION_MS: Final = 3_600_000  # a longer silence ends a conversation
RETRY_SLOTS: Final = 128  # network draws reserved for the attempts of one transmission
_AGAIN_SLOT: Final = 64  # the first of them for what a restored sending service tries again

Steps = Generator[simpy.Event, object, None]


Flight = tuple[Travelling, int, int]
"""A transmission at its sending service, its ticket there, and how often it was tried."""


class World:
    """One run."""

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
        """`contexts`: how many relationships each pair of people keeps; each conversation happens in one of them."""
        seed = conditions.seed
        self.receiving = [True] * providers
        self.sending = [True] * providers
        self._emit = log.append
        self._terms = terms
        self._conditions = conditions
        self._weather = conditions.weather
        self._providers = providers
        self._env = Ticks()
        self._at = self._env.at
        self._rung = self._wake  # one object for all alarms that are to come
        self._contexts = contexts
        self._people = people
        lookups = [schedule.next_online for schedule in schedules]
        self._online = [lookups[person.phone] for person in people]
        settings: dict[Setting, Setting] = {}  # many people use the same services: one object for each choice
        self._settings = [settings.setdefault(s, s) for s in map(self._first_setting, people)]
        self._draw_network = stream(seed, "network")
        self._draw_loss = stream(seed, "loss")
        self._draw_backoff = stream(seed, "backoff")
        self._draw_fetch = stream(seed, "fetch")
        self._draw_refusal = stream(seed, "refusal")
        self._draw_reaction = stream(seed, "reaction")
        self._draw_announce = stream(seed, "announce")
        self._nodes = fidelity(providers, terms, self, stream(seed, "receipt"), self._emit)
        self._managers = self._nodes.managers
        self._deadline_of = self._managers.deadline_ms
        self._rsas = self._nodes.receiving
        self._ssas = self._nodes.sending
        self._rows = trace.rows()
        self._numbers: dict[int, int] = {}  # of relationships, by pair and context
        self._turns: Counter[int] = Counter()
        self._latest: dict[int, int] = {}
        # columns by end
        self._online_of: list[Callable[[int], int]] = []
        self._alarms = array("q")
        self._overtaken = array("q")  # when an alarm rings that an earlier one has replaced
        self._before = array("q")  # the end of the same person that came before; -1: none
        self._last_of = array("q", [-1]) * len(people)
        self._waiting: set[tuple[int, int]] = set()
        self._parked_flights: list[list[Flight]] = [[] for _ in range(providers)]
        self._parked_fetches: list[list[tuple[int, int]]] = [[] for _ in range(providers)]
        self._outages = [0] * (2 * providers)
        self._dead: set[int] = set()
        self._avoided: set[int] = set()  # dead, or announced to close: nobody turns to them
        self._captured: dict[int, object] = {}
        self._ages: dict[int, int] = {}  # of the states with which services are about to come back
        names = expected(conditions.services)
        self.fired: dict[str, int] = dict.fromkeys(("lost", "confirm-lost", "down", *names), 0)

    def _first_setting(self, person: Person) -> Setting:
        terms = self._terms
        return Setting(person.receiving[: terms.receiving_services], person.sending[: terms.sending_services])

    def run(self, drain: Callable[[], object] = lambda: None) -> None:
        """Run until the horizon; `drain` is called from time to time, for whoever empties the log."""
        env = self._env
        self._write(env.now, next(self._rows, None))
        env.process(self._fault())
        if self._weather.outage_every_ms:
            for service in range(2 * self._providers):
                env.process(self._short_outages(service))
        if self._weather.stranger_every_ms:
            env.process(self._strangers())
        for befalls in disasters(self, env, self._conditions.services, self._conditions.seed):
            env.process(befalls)
        env.run_until(self._conditions.horizon_ms, drain)

    @property
    def steps(self) -> int:
        """How many steps the clock has run: the measure of a run's work."""
        return self._env.calls

    def dismantle(self) -> None:
        """Let go of everything. A world is full of cycles, and finding them takes longer than a quarter of its run."""
        self.__dict__.clear()

    # ---------------------------------------------------------------- people and devices

    def _write(self, now_ms: int, row: tuple[int, int, int] | None) -> None:
        """Let people write what the trace says, to whom and when: a row, and what follows at the same time."""
        while row is not None:
            t_ms, sender, receiver = row
            if t_ms > now_ms:
                self._at(t_ms, self._write, row)
                return
            low, high = (sender, receiver) if sender < receiver else (receiver, sender)
            end = 2 * self._relationship(now_ms, low, high) + (sender == high)
            self._managers.submit(now_ms, end, 0)
            self._set_alarm(now_ms, end)
            row = next(self._rows, None)

    def _relationship(self, now_ms: int, low: int, high: int) -> int:
        """Return the relationship in which two people write now; it begins when they first do."""
        pair = (low * len(self._people) + high) * self._contexts
        if self._contexts > 1:
            if now_ms - self._latest.get(pair, 0) > _CONVERSATION_MS:
                self._turns[pair] += 1
            self._latest[pair] = now_ms
            pair += self._turns[pair] % self._contexts
        found = self._numbers.get(pair)
        if found is None:
            found = self._numbers[pair] = len(self._numbers)
            self._pair(now_ms, found, low, high)
        return found

    def _pair(self, now_ms: int, relationship: int, low: int, high: int) -> None:
        first = 2 * relationship
        for end, person in ((first, low), (first + 1, high)):
            self._online_of.append(self._online[person])
            self._alarms.append(_NEVER)
            self._overtaken.append(_NEVER)
            self._before.append(self._last_of[person])
            self._last_of[person] = end
        self._managers.pair(now_ms, first, (low, high), (self._settings[low], self._settings[high]))
        self._set_alarm(now_ms, first)
        self._set_alarm(now_ms, first + 1)
        self._maybe_refuse(relationship, now_ms)

    def _maybe_refuse(self, relationship: int, now_ms: int) -> None:
        draw, weather = self._draw_refusal, self._weather
        if draw(relationship, 0) < weather.refusal_share:
            end = 2 * relationship + (draw(relationship, 1) < 0.5)
            t_ms = now_ms + int(exponential(draw(relationship, 2), weather.refusal_mean_ms))
            self._at(self._online_of[end](t_ms), self._refuse, end)

    def _ends_of(self, person: int) -> list[int]:
        """Return the ends of one person, oldest first."""
        found, end = list[int](), self._last_of[person]
        while end >= 0:
            found.append(end)
            end = self._before[end]
        return found[::-1]

    def _refuse(self, now_ms: int, end: int) -> None:
        for transmission in self._managers.refuse(now_ms, end):
            self._hand_over(now_ms, transmission)

    def _set_alarm(self, now_ms: int, end: int) -> None:
        """See to it that the end is woken when it has something to do and its device is online."""
        due_ms = self._deadline_of(end)
        overtaken = self._alarms[end]
        if due_ms >= overtaken:
            return  # it is woken earlier anyway
        t_ms = self._online_of[end](due_ms if due_ms > now_ms else now_ms)
        if t_ms < overtaken:
            self._alarms[end] = t_ms
            if self._overtaken[end] == t_ms:
                return  # it rings then anyway
            if overtaken != _NEVER:
                self._overtaken[end] = overtaken
            self._at(t_ms, self._rung, end)

    def _wake(self, now_ms: int, end: int) -> None:
        if self._overtaken[end] == now_ms:
            self._overtaken[end] = _NEVER
        if self._alarms[end] != now_ms:
            return  # an earlier alarm has replaced this one
        self._alarms[end] = _NEVER
        for transmission in self._managers.wake(now_ms, end):
            self._hand_over(now_ms, transmission)
        self._set_alarm(now_ms, end)

    # ---------------------------------------------------------------- the way of a message

    def _hand_over(self, now_ms: int, transmission: Travelling) -> None:
        ticket = self._ssas[transmission.via].submit(now_ms, transmission)
        weather = self._weather
        draw = self._draw_network(transmission.end, transmission.draw_index)
        delay_ms = weather.delay_min_ms + int(exponential(draw, weather.delay_mean_ms))
        self._at(now_ms + delay_ms, self._attempt, (transmission, ticket, 0))

    def _attempt(self, now_ms: int, flight: Flight) -> None:
        """Let a sending service post to a receiving service."""
        transmission, ticket, attempt = flight
        via = transmission.via
        if not self.sending[via]:
            self._parked_flights[via].append(flight)
            return
        parcel = self._ssas[via].attempt(now_ms, ticket)
        if parcel is None:
            return
        slot = transmission.draw_index * RETRY_SLOTS + attempt
        answered = self._post(now_ms, transmission, slot, parcel)
        draw = 0.0 if answered else self._draw_backoff(transmission.end, slot)
        retry_ms, notice = self._ssas[via].outcome(now_ms, ticket, answered=answered, draw=draw)
        if notice:
            t_ms = self._online_of[transmission.end](now_ms + self._weather.push_ms)
            self._at(t_ms, self._give_notice, transmission)
        if retry_ms != DONE:
            self._at(retry_ms, self._attempt, (transmission, ticket, attempt + 1))

    def _post(self, now_ms: int, transmission: Travelling, slot: int, parcel: object) -> bool:
        """Carry bytes over the network; tell whether the answer came back."""
        service = transmission.service
        if not self.receiving[service]:
            self.fired["down"] += 1
            return False
        luck = self._draw_loss(transmission.end, slot)
        loss = self._weather.loss
        if luck < loss:
            self.fired["lost"] += 1
            return False
        self._captured[service] = parcel
        end = self._rsas[service].accept(now_ms, parcel)
        if end is not None:
            self._notify(now_ms, end, service)
        if luck < 1.5 * loss:
            self.fired["confirm-lost"] += 1
            return False
        return True

    def _give_notice(self, now_ms: int, transmission: Travelling) -> None:
        end = transmission.end
        self._managers.unreachable(now_ms, end, transmission.service, transmission.reference)
        self._set_alarm(now_ms, end)

    def _notify(self, now_ms: int, end: int, service: int) -> None:
        """Tell a device that a root has something for it; a device that was offline spreads its fetches."""
        key = (end, service)
        if key in self._waiting:
            return
        self._waiting.add(key)
        online = self._online_of[end]
        pushed_ms = now_ms + self._weather.push_ms
        t_ms = online(pushed_ms)
        if t_ms > pushed_ms:
            t_ms = online(t_ms + int(self._draw_fetch(end, now_ms) * self._weather.fetch_spread_ms))
        self._at(t_ms, self._fetch, key)

    def _fetch(self, now_ms: int, key: tuple[int, int]) -> None:
        end, service = key
        if not self.receiving[service]:
            self._parked_fetches[service].append(key)
            return
        self._waiting.discard(key)
        self._managers.receive(now_ms, end, service)
        self._set_alarm(now_ms, end)

    # ---------------------------------------------------------------- faults

    def _fault(self) -> Steps:
        """Let the provider under study be announced, die, or go out for a while."""
        fault = self._conditions.fault
        env, provider = self._env, fault.provider
        if fault.kind is FaultKind.NONE:
            return
        yield env.timeout(fault.at_ms)
        if fault.kind is FaultKind.OUTAGE:
            self._down(2 * provider)
            self._down(2 * provider + 1)
            yield env.timeout(fault.outage_ms)
            self._up(2 * provider)
            self._up(2 * provider + 1)
            return
        sunset = fault.kind is FaultKind.SUNSET
        self._plan_moves(provider, 0 if sunset else self._terms.dead_after_ms, leave=sunset)
        if sunset:
            yield env.timeout(fault.notice_ms)
        self._die(provider)

    def _plan_moves(self, provider: int, after_ms: int, turn: int = 0, *, leave: bool = False) -> None:
        """Let every client of a provider decide, in their own time, to use another."""
        fault = self._conditions.fault
        self._avoided.add(provider)
        for person, setting in enumerate(self._settings):
            if provider in setting.receiving or provider in setting.sending:
                reaction_ms = exponential(self._draw_reaction(person, turn), fault.reaction_mean_ms)
                t_ms = self._env.now + after_ms + int(min(reaction_ms, fault.reaction_max_ms))
                self._at(self._online[person](t_ms), self._move, (person, provider, leave))

    def _move(self, now_ms: int, decision: tuple[int, int, bool]) -> None:
        person, old, leave = decision
        before = self._settings[person]
        setting = self._settings[person] = self._replacement(person, old)
        for end in self._ends_of(person):
            if old in before.receiving:
                spread = self._draw_announce(end, 0) * self._terms.announce_spread_ms
                self._managers.move(now_ms, end, old, setting, now_ms + int(spread), leave=leave)
            else:
                self._managers.change_senders(now_ms, end, setting.sending)
            self._set_alarm(now_ms, end)
        if leave and old in before.receiving:
            self._at(self._online[person](now_ms + _DAY_MS), self._try_to_leave, (person, old))

    def _replacement(self, person_number: int, old: int) -> Setting:
        """Put the next provider of the person's own order in place of one that is gone or going."""
        person, setting = self._people[person_number], self._settings[person_number]

        def replace(current: tuple[int, ...], order: Sequence[int]) -> tuple[int, ...]:
            if old not in current:
                return current
            spare = next(p for p in order if p != old and p not in current and p not in self._avoided)
            return tuple(spare if p == old else p for p in current)

        return Setting(
            replace(setting.receiving, (*person.receiving, *person.spares)),
            replace(setting.sending, (*person.sending, *person.spares, *person.receiving)),
        )

    def _try_to_leave(self, now_ms: int, departure: tuple[int, int]) -> None:
        """Once a day, see whether nothing points to the old service any more."""
        person, old = departure
        if old in self._dead:
            return
        gone = self.receiving[old] and self._managers.leave(now_ms, person, old, self._ends_of(person))
        if not gone:
            self._at(self._online[person](now_ms + _DAY_MS), self._try_to_leave, departure)

    def is_dead(self, provider: int) -> bool:
        """Tell whether a provider is gone for good."""
        return provider in self._dead

    def crash(self, service: int) -> None:
        """Make a service unreachable."""
        self._down(service)

    def recover(self, service: int) -> None:
        """Make a service reachable again, unless something else keeps it down."""
        self._up(service)

    def perish(self, provider: int, turn: int) -> None:
        """Let a provider die without warning; people notice as they do of the one under study."""
        self._plan_moves(provider, self._terms.dead_after_ms, turn)
        self._die(provider)

    def keep(self, service: int) -> None:
        """Make a backup of what a service stores."""
        self._nodes.keep(service)

    def restore(self, service: int, age_ms: int) -> None:
        """Put a backup in place of what a service stores; devices that look find out what that means for them."""
        provider, now_ms = service // 2, self._env.now
        self._ages[service] = age_ms
        back = self._nodes.restore(service)
        for what, found in zip(("queued-again", "forgotten", "shown-again"), back, strict=True):
            self.fired[what] += len(found)
        for ticket, transmission in back.queued:
            self._at(now_ms, self._attempt, (transmission, ticket, _AGAIN_SLOT))
        for end in back.forgotten:
            self._at(self._online_of[end](now_ms), self._register, (end, provider))
        for end in back.stored:
            self._notify(now_ms, end, provider)

    def _register(self, now_ms: int, key: tuple[int, int]) -> None:
        """Let a device that is unknown to its receiving service register everything once more."""
        end, provider = key
        if self.receiving[provider]:
            self._nodes.register(now_ms, end, provider)
        elif provider not in self._dead:
            self._at(self._online_of[end](now_ms + self._terms.retry_max_ms), self._register, key)

    def _die(self, provider: int) -> None:
        self._dead.add(provider)
        self._down(2 * provider, Kind.DIED)
        self._down(2 * provider + 1, Kind.DIED)
        self._rsas[provider].die()
        self._ssas[provider].die()
        self._parked_flights[provider].clear()
        for key in self._parked_fetches[provider]:
            self._waiting.discard(key)
        self._parked_fetches[provider].clear()

    def _down(self, service: int, kind: Kind = Kind.CRASHED) -> None:
        """Make a service unreachable: receiving services are even, sending services odd."""
        provider, is_sending = divmod(service, 2)
        self._outages[service] += 1
        (self.sending if is_sending else self.receiving)[provider] = False
        place = (-1, -1, -1, provider, -1) if is_sending else (provider, -1, -1, -1, -1)
        self._emit((self._env.now, kind, -1, -1, *place))

    def _up(self, service: int) -> None:
        provider, is_sending = divmod(service, 2)
        self._outages[service] -= 1
        if self._outages[service] or provider in self._dead:
            return
        now_ms, age_ms = self._env.now, self._ages.pop(service, -1)
        if is_sending:
            self.sending[provider] = True
            self._emit((now_ms, Kind.RECOVERED, -1, -1, -1, -1, -1, provider, age_ms))
            for flight in self._parked_flights[provider]:
                self._at(now_ms, self._attempt, flight)
            self._parked_flights[provider].clear()
        else:
            self.receiving[provider] = True
            self._emit((now_ms, Kind.RECOVERED, -1, -1, provider, -1, -1, -1, age_ms))
            for key in self._parked_fetches[provider]:
                spread_ms = int(self._draw_fetch(key[0], now_ms) * self._weather.fetch_spread_ms)
                self._at(self._online_of[key[0]](now_ms + spread_ms), self._fetch, key)
            self._parked_fetches[provider].clear()

    def _short_outages(self, service: int) -> Steps:
        """Crash and recover one service from time to time."""
        draw, weather, env = stream(self._conditions.seed, "outage"), self._weather, self._env
        for turn in range(1 << 30):
            yield env.timeout(int(exponential(draw(service, 2 * turn), weather.outage_every_ms)))
            if service // 2 in self._dead:
                return
            self._down(service)
            yield env.timeout(int(exponential(draw(service, 2 * turn + 1), weather.outage_mean_ms)))
            self._up(service)

    def _strangers(self) -> Steps:
        """Let somebody without a relationship submit junk, or bytes captured on the network."""
        draw, weather, env = stream(self._conditions.seed, "stranger"), self._weather, self._env
        for turn in range(1 << 30):
            yield env.timeout(int(exponential(draw(turn, 0), weather.stranger_every_ms)))
            service = int(draw(turn, 1) * self._providers)
            if self.receiving[service]:
                replay = self._captured.get(service) if draw(turn, 2) < 0.5 else None
                parcel = self._nodes.junk(service, draw(turn, 3)) if replay is None else replay
                self._emit((env.now, Kind.INJECTED, -1, -1, service, -1, -1, -1, int(replay is not None)))
                end = self._rsas[service].accept(env.now, parcel)
                if end is not None:
                    self._notify(env.now, end, service)
