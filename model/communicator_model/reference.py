"""The simulated world as one writes it down in SimPy: the version to read first, and what `World` must equal.

Everything that happens in its own time is a process of a stock `simpy.Environment`: the people who write, an alarm of
a device, the flight of a transmission from one service to another, a fetch, a person who moves, an outage, a stranger.
A process waits for time (`timeout`), or for a service to be up again (an event that whoever waits shares). What a party
decides happens in the `Nodes`, as in `World`.

Two versions of one world keep each other honest. This one is short and says what is meant. `World` says the same with
plain calls on `Ticks`, needs fewer objects, and is what studies run. For the same arguments their logs are equal to
the last row, because both keep two rules:

1. Every random number is a counter-based draw (`draws`): none depends on which version asks, or when.
2. Events of the same millisecond happen in the order in which they were planned. So whoever starts a process gives it
   the event with which it begins: a process of SimPy begins a moment after it was made, and would plan too late.

Lines before services (`lines`) are not told here: conditions with them are refused.

Alarms are not interrupted: one that an earlier alarm has overtaken finds, when it rings, that it is not awaited.
"""

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Final

import simpy

from communicator_model.disasters import disasters, expected
from communicator_model.draws import exponential, stream
from communicator_model.faults import Conditions, FaultKind
from communicator_model.phones import Schedule
from communicator_model.population import Person
from communicator_model.traces import Trace
from communicator_spec import Kind, Row, Terms
from communicator_spec.nodes import DONE, Fidelity, Setting, Travelling

__all__ = ["ReferenceWorld"]

_NEVER: Final = 1 << 62
_MINUTE_MS: Final = 60_000
_DAY_MS: Final = 86_400_000
_CONVERSATION_MS: Final = 3_600_000  # a longer silence ends a conversation
_RETRY_SLOTS: Final = 128  # network draws reserved for the attempts of one transmission
_AGAIN_SLOT: Final = 64  # the first of them for what a restored sending service tries again

Steps = Generator[simpy.Event, object, None]


class ReferenceWorld:
    """One run; arguments as of `World`."""

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
        if conditions.services.capacity:
            raise ValueError("the readable world knows no lines before services")
        self.env = simpy.Environment()
        self.receiving = [True] * providers
        self.sending = [True] * providers
        names = expected(conditions.services)
        self.fired: dict[str, int] = dict.fromkeys(("lost", "confirm-lost", "down", *names), 0)
        self._trace, self._people, self._schedules = trace, people, schedules
        self._terms, self._conditions = terms, conditions
        self._weather, self._fault = conditions.weather, conditions.fault
        self._contexts = contexts
        self._emit = log.append
        self._nodes = fidelity(providers, terms, self, self._draws("receipt"), self._emit)
        self._managers = self._nodes.managers
        self._network, self._loss, self._backoff = map(self._draws, ("network", "loss", "backoff"))
        self._fetching = self._draws("fetch")
        # people
        most = terms.receiving_services, terms.sending_services
        self._settings = [Setting(p.receiving[: most[0]], p.sending[: most[1]]) for p in people]
        self._ends_of: list[list[int]] = [[] for _ in people]
        # relationships and their two ends
        self._numbers: dict[tuple[int, int, int], int] = {}
        self._turns: Counter[tuple[int, int]] = Counter()
        self._latest: dict[tuple[int, int], int] = {}
        self._person_of: list[int] = []
        self._alarms: list[int] = []
        # services
        self._outages: Counter[tuple[int, bool]] = Counter()
        self._dead: set[int] = set()
        self._avoided: set[int] = set()  # dead, or announced to close: nobody turns to them
        self._sender_up = [self.env.event() for _ in range(providers)]
        self._notified: set[tuple[int, int]] = set()
        self._turned_away: list[list[tuple[int, int]]] = [[] for _ in range(providers)]
        self._captured: dict[int, object] = {}
        self._ages: dict[tuple[int, bool], int] = {}  # of the states with which services are about to come back

    def _draws(self, purpose: str) -> Callable[[int, int], float]:
        return stream(self._conditions.seed, purpose)

    def run(self, drain: Callable[[], object] | None = None) -> None:
        """Run until the horizon; `drain` is called once a simulated minute, for whoever empties the log."""
        env = self.env
        env.process(self._writing(self._trace.rows()))
        env.process(self._striking())
        if self._weather.outage_every_ms:
            for provider in range(len(self.receiving)):
                env.process(self._short_outages(provider, is_sender=False))
                env.process(self._short_outages(provider, is_sender=True))
        if self._weather.stranger_every_ms:
            env.process(self._strangers())
        for befalls in disasters(self, env, self._conditions.services, self._conditions.seed):
            env.process(befalls)
        if drain is not None:
            env.process(self._emptying(drain))
        env.run(until=self._conditions.horizon_ms)

    def _emptying(self, drain: Callable[[], object]) -> Steps:
        while True:
            yield self.env.timeout(_MINUTE_MS)
            drain()

    @property
    def now(self) -> int:
        """The time, ms."""
        return int(self.env.now)

    def _until(self, t_ms: int) -> simpy.Timeout:
        return self.env.timeout(t_ms - self.now)

    def _until_online(self, person: int, t_ms: int) -> simpy.Timeout:
        return self._until(self._online(person, t_ms))

    def _online(self, person: int, t_ms: int) -> int:
        """Return when the person's device is online, at `t_ms` or later."""
        return self._schedules[self._people[person].phone].next_online(t_ms)

    # ---------------------------------------------------------------- people and devices

    def _writing(self, rows: Iterator[tuple[int, int, int]]) -> Steps:
        """People write what the trace says, to whom and when."""
        for t_ms, sender, receiver in rows:
            if t_ms > self.now:
                yield self._until(t_ms)
            low, high = sorted((sender, receiver))
            end = 2 * self._relationship(low, high) + (sender == high)
            self._managers.submit(self.now, end, 0)
            self._see_to(end)

    def _relationship(self, low: int, high: int) -> int:
        """Return the relationship in which two people write now; it begins when they first do."""
        pair, context = (low, high), 0
        if self._contexts > 1:
            if self.now - self._latest.get(pair, 0) > _CONVERSATION_MS:
                self._turns[pair] += 1
            self._latest[pair] = self.now
            context = self._turns[pair] % self._contexts
        if (*pair, context) not in self._numbers:
            self._numbers[*pair, context] = len(self._numbers)
            self._meet(self._numbers[*pair, context], low, high)
        return self._numbers[*pair, context]

    def _meet(self, relationship: int, low: int, high: int) -> None:
        first = 2 * relationship
        for end, person in ((first, low), (first + 1, high)):
            self._person_of.append(person)
            self._alarms.append(_NEVER)
            self._ends_of[person].append(end)
        self._managers.pair(self.now, first, (low, high), (self._settings[low], self._settings[high]))
        self._see_to(first)
        self._see_to(first + 1)
        luck = self._draws("refusal")
        if luck(relationship, 0) < self._weather.refusal_share:
            end = first + (luck(relationship, 1) < 0.5)
            t_ms = self.now + int(exponential(luck(relationship, 2), self._weather.refusal_mean_ms))
            self.env.process(self._refusal(self._until_online(self._person_of[end], t_ms), end))

    def _refusal(self, decides: simpy.Event, end: int) -> Steps:
        yield decides
        self._hand_over(self._managers.refuse(self.now, end))

    def _see_to(self, end: int) -> None:
        """Set an alarm for when the end has something to do and its device is online, unless one rings earlier."""
        t_ms = self._managers.deadline_ms(end)
        if t_ms < self._alarms[end]:
            t_ms = self._online(self._person_of[end], max(t_ms, self.now))
            if t_ms < self._alarms[end]:
                self._alarms[end] = t_ms
                self.env.process(self._alarm(self._until(t_ms), end))

    def _alarm(self, rings: simpy.Event, end: int) -> Steps:
        yield rings
        if self._alarms[end] == self.now:
            self._alarms[end] = _NEVER
            self._hand_over(self._managers.wake(self.now, end))
            self._see_to(end)

    # ---------------------------------------------------------------- the way of a message

    def _hand_over(self, transmissions: Sequence[Travelling]) -> None:
        for transmission in transmissions:
            ticket = self._nodes.sending[transmission.via].submit(self.now, transmission)
            draw = self._network(transmission.end, transmission.draw_index)
            delay_ms = self._weather.delay_min_ms + int(exponential(draw, self._weather.delay_mean_ms))
            self.env.process(self._flight(self.env.timeout(delay_ms), transmission, ticket))

    def _flight(self, due: simpy.Event, transmission: Travelling, ticket: int, slot: int = 0) -> Steps:
        """A sending service posts to a receiving service, until it is answered or gives up."""
        via = transmission.via
        service = self._nodes.sending[via]
        first = transmission.draw_index * _RETRY_SLOTS + slot
        for slot in range(first, first + (1 << 30)):
            yield due
            while not self.sending[via]:
                yield self._sender_up[via]
            parcel = service.attempt(self.now, ticket)
            if parcel is None:
                return
            answered = self._post(transmission, slot, parcel)
            draw = self._backoff(transmission.end, slot)
            retry_ms, notice = service.outcome(self.now, ticket, answered=answered, draw=draw)
            if notice:
                reaches = self._until_online(self._person_of[transmission.end], self.now + self._weather.push_ms)
                self.env.process(self._notice(reaches, transmission))
            if retry_ms == DONE:
                return
            due = self._until(retry_ms)

    def _post(self, transmission: Travelling, slot: int, parcel: object) -> bool:
        """Carry bytes over the network; tell whether the answer came back."""
        service, loss = transmission.service, self._weather.loss
        if not self.receiving[service]:
            self.fired["down"] += 1
            return False
        luck = self._loss(transmission.end, slot)
        if luck < loss:
            self.fired["lost"] += 1
            return False
        self._captured[service] = parcel
        self._arrive(service, parcel)
        if luck < 1.5 * loss:
            self.fired["confirm-lost"] += 1
            return False
        return True

    def _notice(self, reaches: simpy.Event, transmission: Travelling) -> Steps:
        """A sending service tells the device that a receiving service does not answer."""
        yield reaches
        self._managers.unreachable(self.now, transmission.end, transmission.service, transmission.reference)
        self._see_to(transmission.end)

    def _arrive(self, service: int, parcel: object) -> None:
        """A receiving service takes bytes, and tells the device if they are for one."""
        end = self._nodes.receiving[service].accept(self.now, parcel)
        if end is not None:
            self._call(end, service)

    def _call(self, end: int, service: int) -> None:
        """Tell the device, once, that there is something for it; one that was offline spreads its fetches."""
        if (end, service) in self._notified:
            return
        self._notified.add((end, service))
        person, pushed_ms = self._person_of[end], self.now + self._weather.push_ms
        t_ms = self._online(person, pushed_ms)
        if t_ms > pushed_ms:
            t_ms = self._online(person, t_ms + self._spread_ms(end))
        self.env.process(self._fetch(self._until(t_ms), end, service))

    def _spread_ms(self, end: int) -> int:
        return int(self._fetching(end, self.now) * self._weather.fetch_spread_ms)

    def _fetch(self, begins: simpy.Event, end: int, service: int) -> Steps:
        """A device fetches; from a service that is down, when it is up again."""
        yield begins
        if not self.receiving[service]:
            self._turned_away[service].append((end, service))
            return
        self._notified.discard((end, service))
        self._managers.receive(self.now, end, service)
        self._see_to(end)

    # ---------------------------------------------------------------- faults

    def _striking(self) -> Steps:
        """The provider under study is announced, dies, or goes out for a while."""
        fault = self._fault
        if fault.kind is FaultKind.NONE:
            return
        yield self.env.timeout(fault.at_ms)
        if fault.kind is FaultKind.OUTAGE:
            self._down(fault.provider, is_sender=False)
            self._down(fault.provider, is_sender=True)
            yield self.env.timeout(fault.outage_ms)
            self._up(fault.provider, is_sender=False)
            self._up(fault.provider, is_sender=True)
        elif fault.kind is FaultKind.SUNSET:
            self._react(fault.provider, 0, leaves=True)
            yield self.env.timeout(fault.notice_ms)
            self._die(fault.provider)
        else:
            self.perish(fault.provider, 0)

    def _react(self, provider: int, after_ms: int, turn: int = 0, *, leaves: bool = False) -> None:
        """Every client of the provider decides, in their own time, to use another."""
        fault, reaction = self._fault, self._draws("reaction")
        self._avoided.add(provider)
        for person, setting in enumerate(self._settings):
            if provider in setting.receiving or provider in setting.sending:
                wait_ms = int(min(exponential(reaction(person, turn), fault.reaction_mean_ms), fault.reaction_max_ms))
                decides = self._until_online(person, self.now + after_ms + wait_ms)
                self.env.process(self._moving(decides, person, provider, leaves=leaves))

    def _moving(self, decides: simpy.Event, person: int, old: int, *, leaves: bool) -> Steps:
        """A person uses another provider; once a day, who leaves looks whether nothing points to the old one."""
        yield decides
        was_receiving = old in self._settings[person].receiving
        setting = self._settings[person] = self._replacement(person, old)
        announcing = self._draws("announce")
        for end in self._ends_of[person]:
            if was_receiving:
                announce_ms = self.now + int(announcing(end, 0) * self._terms.announce_spread_ms)
                self._managers.move(self.now, end, old, setting, announce_ms, leave=leaves)
            else:
                self._managers.change_senders(self.now, end, setting.sending)
            self._see_to(end)
        while leaves and was_receiving:
            yield self._until_online(person, self.now + _DAY_MS)
            if old in self._dead:
                return
            if self.receiving[old] and self._managers.leave(self.now, person, old, self._ends_of[person]):
                return

    def _replacement(self, number: int, old: int) -> Setting:
        """Put the next provider of the person's own order in place of one that is gone or going."""
        person, setting = self._people[number], self._settings[number]

        def replace(current: tuple[int, ...], order: Sequence[int]) -> tuple[int, ...]:
            spares = (p for p in order if p != old and p not in current and p not in self._avoided)
            return tuple(next(spares) if p == old else p for p in current)

        return Setting(
            replace(setting.receiving, (*person.receiving, *person.spares)),
            replace(setting.sending, (*person.sending, *person.spares, *person.receiving)),
        )

    def _short_outages(self, provider: int, *, is_sender: bool) -> Steps:
        """One service crashes and recovers from time to time."""
        draw, entity = self._draws("outage"), 2 * provider + is_sender
        for turn in range(1 << 30):
            yield self.env.timeout(int(exponential(draw(entity, 2 * turn), self._weather.outage_every_ms)))
            if provider in self._dead:
                return
            self._down(provider, is_sender=is_sender)
            yield self.env.timeout(int(exponential(draw(entity, 2 * turn + 1), self._weather.outage_mean_ms)))
            self._up(provider, is_sender=is_sender)

    def _down(self, provider: int, *, is_sender: bool, kind: Kind = Kind.CRASHED) -> None:
        self._outages[provider, is_sender] += 1
        (self.sending if is_sender else self.receiving)[provider] = False
        self._tell(kind, provider, is_sender=is_sender)

    def _up(self, provider: int, *, is_sender: bool) -> None:
        self._outages[provider, is_sender] -= 1
        if self._outages[provider, is_sender] or provider in self._dead:
            return
        (self.sending if is_sender else self.receiving)[provider] = True
        age_ms = self._ages.pop((provider, is_sender), -1)
        self._tell(Kind.RECOVERED, provider, is_sender=is_sender, value=age_ms)
        if is_sender:
            self._sender_up[provider].succeed()
            self._sender_up[provider] = self.env.event()
            return
        waiting, self._turned_away[provider] = self._turned_away[provider], []
        for end, service in waiting:
            t_ms = self.now + self._spread_ms(end)
            self.env.process(self._fetch(self._until_online(self._person_of[end], t_ms), end, service))

    def _die(self, provider: int) -> None:
        """A provider is gone with everything it stored; what waits for it waits for ever."""
        self._dead.add(provider)
        self._down(provider, is_sender=False, kind=Kind.DIED)
        self._down(provider, is_sender=True, kind=Kind.DIED)
        self._nodes.receiving[provider].die()
        self._nodes.sending[provider].die()
        self._notified.difference_update(self._turned_away[provider])

    def _tell(self, kind: Kind, provider: int, *, is_sender: bool, value: int = -1) -> None:
        place = (-1, -1, -1, provider, value) if is_sender else (provider, -1, -1, -1, value)
        self._emit((self.now, kind, -1, -1, *place))

    # ---------------------------------------------------------------- what befalls services (`disasters`)

    def is_dead(self, provider: int) -> bool:
        """Tell whether a provider is gone for good."""
        return provider in self._dead

    def crash(self, service: int) -> None:
        """Make a service unreachable."""
        self._down(service // 2, is_sender=bool(service % 2))

    def recover(self, service: int) -> None:
        """Make a service reachable again, unless something else keeps it down."""
        self._up(service // 2, is_sender=bool(service % 2))

    def perish(self, provider: int, turn: int) -> None:
        """Let a provider die without warning; its people notice later."""
        self._react(provider, self._terms.dead_after_ms, turn)
        self._die(provider)

    def keep(self, service: int) -> None:
        """Make a backup of what a service stores."""
        self._nodes.keep(service)

    def restore(self, service: int, age_ms: int) -> None:
        """Put a backup in place of what a service stores; devices that look find out what that means for them."""
        provider = service // 2
        self._ages[provider, bool(service % 2)] = age_ms
        back = self._nodes.restore(service)
        for what, found in zip(("queued-again", "forgotten", "shown-again"), back, strict=True):
            self.fired[what] += len(found)
        for ticket, transmission in back.queued:
            self.env.process(self._flight(self.env.timeout(0), transmission, ticket, _AGAIN_SLOT))
        for end in back.forgotten:
            self.env.process(self._registering(self._until_online(self._person_of[end], self.now), end, provider))
        for end in back.stored:
            self._call(end, provider)

    def _registering(self, begins: simpy.Event, end: int, provider: int) -> Steps:
        """A device that is unknown to its receiving service registers everything once more."""
        yield begins
        while not self.receiving[provider]:
            if provider in self._dead:
                return
            yield self._until_online(self._person_of[end], self.now + self._terms.retry_max_ms)
        self._nodes.register(self.now, end, provider)

    # ---------------------------------------------------------------- strangers

    def _strangers(self) -> Steps:
        """Somebody without a relationship submits junk, or bytes captured on the network."""
        draw = self._draws("stranger")
        for turn in range(1 << 30):
            yield self.env.timeout(int(exponential(draw(turn, 0), self._weather.stranger_every_ms)))
            service = int(draw(turn, 1) * len(self.receiving))
            if self.receiving[service]:
                replay = self._captured.get(service) if draw(turn, 2) < 0.5 else None
                parcel = self._nodes.junk(service, draw(turn, 3)) if replay is None else replay
                self._emit((self.now, Kind.INJECTED, -1, -1, service, -1, -1, -1, int(replay is not None)))
                self._arrive(service, parcel)
