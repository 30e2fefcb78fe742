"""What happens in a town: people write, devices wake and fetch, services post, and everything that can go wrong.

Theory. Each method is one step of one party, or one fault. Between any two of them anything else may happen: requests
hang in the network for months, devices die between two effects of one step, services restart or never come back.

Rules:

1. What cannot happen now (nothing is due, the service is down) happens not at all, and is no error.
2. A fault is what the network, a disk, a stranger or the power supply does; none of them changes what a core computes.
3. `settle` lets everybody do what is due for a while, without faults; time stands still in every other step.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from tests.properties.town import DAY, MINUTE, Shape, Town
from tests.properties.viewpoints import NOBODY, Tag

from communicator_impl.address_set import ServiceEntry
from communicator_impl.addresses import Label, Profile
from communicator_impl.entropy import SeededEntropy
from communicator_impl.envelope import label_request
from communicator_impl.errors import InputError, PeerError
from communicator_impl.inbox import Received
from communicator_impl.particle_fields import Setting
from communicator_impl.relationship_manager import RelationshipManager
from communicator_impl.sending_service import RetryAt, Ticket
from communicator_impl.submission import Submission
from communicator_impl.turn import Outgoing
from communicator_simulations.real import Parts
from communicator_spec import Kind
from communicator_spec.parameters import PARAMETERS

__all__ = ["Flight", "Traffic"]

_CIPHERTEXT: Final = max(PARAMETERS.envelope.ciphertext_classes_bytes)
_ROUNDS: Final = 200


class Flight(NamedTuple):
    """A request that waits at a sending service, or hangs in the network after it."""

    via: int
    ticket: Ticket
    service: int
    request: bytes
    tag: Tag


class Traffic(Town):
    """A town in which things happen."""

    def __init__(self, shape: Shape, parts: Parts | None = None) -> None:
        super().__init__(shape, parts)
        self._handed: dict[tuple[int, Ticket], tuple[Outgoing, Tag]] = {}
        self._retry_ms: dict[tuple[int, Ticket], int] = {}
        self.air: list[Flight] = []
        self.captured: list[Flight] = []
        self.said: dict[tuple[int, int], bytes] = {}
        self._content = SeededEntropy(b"what people say")

    # ---------------------------------------------------------------- devices

    def write(self, end: int, size: int = 24) -> None:
        """Let somebody write a message; a full disk means that they have to write it again."""
        content = self._content.draw("content", size)
        person = self.people[end]
        number = self.call(person, lambda manager: manager.submit(self.now, end, content))
        if number is not None:
            self.said[end, number] = content

    def due(self) -> list[int]:
        """Return the ends where something is due."""
        return [e for e, person in enumerate(self.people) if self.devices[person].deadline_ms(e) <= self.now]

    def wake(self, end: int, effects: int | None = None) -> None:
        """Wake a device; with `effects`, it dies after so many of the requests and hand-overs of the step."""
        requests, transmissions = self.step_of(end)
        sent = self._sent_tags(len(transmissions))
        self.carry_out(end, requests if effects is None else requests[:effects])
        left = None if effects is None else max(0, effects - len(requests))
        for out, tag in list(zip(transmissions, sent, strict=True))[:left]:
            self._hand_to(out, tag)
        if effects is not None:
            self.restart_device(self.people[end])

    def _sent_tags(self, count: int) -> list[Tag]:
        """Return the tags of the last `count` SENT rows: those of the step that was just taken."""
        rows = [row for row in self.log[-4 * count - 40 :] if row[1] == Kind.SENT][-count:] if count else []
        return [self.tag_of(row[2] ^ 1, row[4], row[5], row[6]) for row in rows]

    def _hand_to(self, out: Outgoing, tag: Tag) -> None:
        via, service, not_after_ms, request, *_ = out
        submission = Submission(self.uri(service), request, not_after_ms)
        ticket = self.call_sending(via, lambda core: core.submit(self.now, submission))
        if ticket is not None:  # else the device got no answer: the message escalates
            self._handed[via, ticket] = (out, tag)
            self.look.handed_over(self.now, via, tag, request, self.sending_disks[via].values[f"queue/{ticket.hex()}"])

    def stores(self) -> list[tuple[int, int]]:
        """Return (end, service) wherever something waits to be fetched."""
        found = []
        for end, person in enumerate(self.people):
            for service in range(self.shape.providers):
                root = self.devices[person].root(end, service)
                if root is not None and self.receiving[service] and self.rsa[service].fetch(root):
                    found.append((end, service))
        return found

    def fetch(self, end: int, service: int, *, dies: bool = False, confirms: bool = True) -> None:
        """Fetch and apply what waits at one root; `dies`: before the application and the service hear of it."""
        person = self.people[end]
        root = self.devices[person].root(end, service)
        if root is None or not self.receiving[service]:
            return
        items = self.rsa[service].fetch(root)
        bodies = [(self.tag_of(end, service, item.serial, item.position), item.body) for item in items]
        self.look.fetched(self.now, service, end, root, bodies)
        received: Received | None = self.call(person, lambda manager: manager.receive(self.now, end, service, items))
        self.remember(end)
        if dies:
            self.restart_device(person)
        elif received is not None:
            self.carry_out(end, received.requests)
            self.hand_over(end)
            if confirms:
                self.call_receiving(service, lambda core: core.confirm(self.now, root, received.confirm))

    # ---------------------------------------------------------------- the way between services

    def flights(self) -> list[tuple[int, Ticket]]:
        """Return what waits at sending services that are up."""
        vias = [via for via, up in enumerate(self.sending) if up]
        return [(via, ticket) for via in vias for ticket in self.ssa[via].waiting() if (via, ticket) in self._handed]

    def take_off(self, via: int, ticket: Ticket) -> Flight | None:
        """Let a sending service post: the bytes are in the network now."""
        attempt = self.call_sending(via, lambda core: core.attempt(self.now, ticket))
        if attempt is None:
            return None
        return Flight(via, ticket, self.number(attempt.uri), attempt.request, self._handed[via, ticket][1])

    def land(self, flight: Flight, *, answered: bool = True) -> None:
        """Let a request arrive; the sending service hears of it if the answer comes back."""
        arrived = self.post(flight)
        self.tell(flight, answered=arrived and answered)

    def post(self, flight: Flight) -> bool:
        """Bring bytes to a receiving service; tell whether it answered."""
        service = flight.service
        if not self.receiving[service]:
            return False
        self.look.posted(self.now, service, flight.tag, flight.request)
        acceptance = self.call_receiving(service, lambda core: core.accept(self.now, flight.request))
        if acceptance is None:
            return False
        self.captured = [*self.captured[-4:], flight]
        if acceptance.root is not None:
            self.record_of(service, acceptance.root)
        return True

    def tell(self, flight: Flight, *, answered: bool) -> None:
        """Tell a sending service how a post went; it may have given up, or tried again, in the meantime."""
        via, ticket = flight.via, flight.ticket
        if not self.sending[via] or ticket not in self.ssa[via].waiting():
            return
        outcome = self.call_sending(via, lambda core: core.outcome(self.now, ticket, answered=answered, draw=0.5))
        if isinstance(outcome, RetryAt):
            self._retry_ms[via, ticket] = outcome.at_ms
            if outcome.notice:
                out = self._handed[via, ticket][0]
                end, service, reference = out.relationship, out.service, out.reference
                self.call(self.people[end], lambda manager: manager.unreachable(self.now, end, service, reference))

    # ---------------------------------------------------------------- services and providers

    def go_down(self, provider: int, *, is_sending: bool) -> None:
        """Make a service unreachable for a while."""
        (self.sending if is_sending else self.receiving)[provider] = False
        self.emit(Kind.CRASHED, *((-1, provider) if is_sending else (provider, -1)))

    def come_back(self, provider: int) -> None:
        """Make both services of a living provider reachable."""
        if not self.sending[provider]:
            self.emit(Kind.RECOVERED, via=provider)
        if not self.receiving[provider]:
            self.emit(Kind.RECOVERED, service=provider)
        self.sending[provider] = self.receiving[provider] = True
        self.catch_up(provider)

    def die(self, provider: int) -> None:
        """A provider is gone for good, with everything that it stored."""
        self.alive[provider] = self.sending[provider] = self.receiving[provider] = False
        self.emit(Kind.DIED, service=provider)
        self.emit(Kind.DIED, via=provider)
        self.waiting_requests[provider].clear()

    def rotate(self, service: int) -> None:
        """Let a receiving service publish new keys, unless its configuration is full of keys that live."""
        self.call_receiving(service, lambda core: core.erase(self.now))
        with suppress(InputError):
            self.call_receiving(service, lambda core: core.rotate_keys(self.now))
        self.sight.publish(self.rsa[service].config())

    def erase(self, provider: int) -> None:
        """Let a provider's services forget what has ended."""
        self.call_receiving(provider, lambda core: core.erase(self.now))
        self.call_sending(provider, lambda core: core.erase(self.now))

    def move(self, person: int, old: int, new: int, delay_ms: int) -> None:
        """A person replaces a receiving service, in all relationships; of one that lives, the leaving begins."""
        receiving, sending = self.settings[person]
        setting = Setting(tuple(new if p == old else p for p in receiving), sending)
        self.settings[person] = setting
        leave = self.alive[old]
        at_ms = self.now + delay_ms
        for end in self.ends_of(person):
            while not self._moved(end, old, setting, at_ms, leave):
                continue  # the disk was full: the person does it again
        self.leaving[person].discard(new)
        if leave:
            self.leaving[person].add(old)

    def _moved(self, end: int, old: int, setting: Setting, at_ms: int, leave: bool) -> bool:
        def move(manager: RelationshipManager) -> bool:
            manager.move(self.now, end, old, setting, at_ms, leave=leave)
            return True

        return self.call(self.people[end], move) is not None

    def leave(self, person: int, service: int) -> bool:
        """Leave a receiving service, if nothing points to it any more."""
        if not self.receiving[service]:
            return False
        core = self.rsa[service]
        requests = self.call(person, lambda m: m.leave(self.now, service, lambda root: not core.fetch(root)))
        if requests is None:
            return False
        self.leaving[person].discard(service)
        for request in requests:
            self.carry_out(self._ends[request.root], (request,))
        return True

    def refuse(self, end: int) -> None:
        """A person ends a relationship, silently."""
        step = self.call(self.people[end], lambda manager: manager.refuse(self.now, end))
        if step is not None:
            self.refused.add(end)
            self.carry_out(end, step.requests)

    # ---------------------------------------------------------------- strangers

    def inject(self, service: int, request: bytes, tag: Tag = NOBODY) -> None:
        """Somebody without a relationship posts bytes."""
        if self.receiving[service]:
            self.emit(Kind.INJECTED, service=service, value=int(tag is not NOBODY))
            self.look.posted(self.now, service, tag, request)
            self.call_receiving(service, lambda core: core.accept(self.now, request))

    def junk(self, service: int) -> bytes:
        """Seal an address that was never issued to a published key, as any stranger can; without a key, send noise."""
        entropy = self._life("stranger")
        label = Label(entropy.draw("label", PARAMETERS.address.label_bytes))
        noise = entropy.draw("junk", _CIPHERTEXT)
        try:
            key = self.rsa[service].config().sealing_key(self.now // 1000)
        except PeerError:
            return noise
        return label_request(label, key, noise, entropy)

    def lift(self, which: int, place: int) -> None:
        """Change one byte of a captured request, or put the address of one before the ciphertext of another."""
        flight = self.captured[which % len(self.captured)]
        other = self.captured[(which + 1) % len(self.captured)].request
        request = bytearray(flight.request)
        if place < len(request):
            request[place] ^= 1 + place % 255
        elif len(other) == len(request):
            request[-_CIPHERTEXT:] = other[-_CIPHERTEXT:]
        if bytes(request) != flight.request:
            self.inject(flight.service, bytes(request))

    # ---------------------------------------------------------------- calm

    def settle(self, duration_ms: int) -> None:
        """Let everybody do what is due, as soon as it is due, without faults."""
        until_ms, least_ms = self.now + duration_ms, max(MINUTE, duration_ms // _ROUNDS)
        self._do_what_is_due()
        while self.now < until_ms and not self.broken():
            ends = [self.devices[person].deadline_ms(end) for end, person in enumerate(self.people)]
            retries = [self._retry_ms.get(key, self.now) for key in self.flights()]
            self.now = min(until_ms, max(self.now + least_ms, min(until_ms, *ends, *retries)))
            self._do_what_is_due()

    def _do_what_is_due(self) -> None:
        for end in self.due():
            self.wake(end)
        for key in self.flights():
            if self._retry_ms.get(key, 0) <= self.now:
                flight = self.take_off(*key)
                if flight is not None:
                    self.land(flight)
        for end, service in self.stores():
            self.fetch(end, service)

    def everyone_else(self, person: int) -> Sequence[int]:
        """Return the people other than one."""
        return [p for p in range(len(self.devices)) if p != person]

    # ---------------------------------------------------------------- the end of a run

    def recover(self) -> None:
        """Stop all faults: disks have room, the living are up, and what hangs in the network arrives."""
        for disk in (*self.device_disks, *self.receiving_disks, *self.sending_disks):
            disk.is_full = False
        for provider in [p for p, alive in enumerate(self.alive) if alive]:
            self.come_back(provider)
            self.rotate(provider)
        while self.air:
            self.land(self.air.pop())

    def has_a_way(self, end: int) -> bool:
        """Tell whether an end holds an address of label/1 that works for a month, and can hand a message over."""
        person, peer = self.people[end], self.people[end ^ 1]
        held = self.devices[person].peer_set(end)
        ended = {end, end ^ 1} & self.refused
        if ended or held is None or not any(self.sending[via] for via in self.settings[person].sending):
            return False
        return any(self._leads(entry, peer, end ^ 1) for entry in held.services)

    def _leads(self, entry: ServiceEntry, owner: int, end: int) -> bool:
        service = self.number(entry.uri)
        root = self.devices[owner].root(end, service)
        registered = root is not None and f"root/{root.hex()}" in self.receiving_disks[service].values
        last_ms = max((grant.valid_until_s * 1000 for grant in entry.grants), default=0)
        works = registered and self.receiving[service] and entry.profile is Profile.LABEL
        return works and last_ms > self.now + 30 * DAY

    def say_farewell(self) -> list[tuple[int, int]]:
        """Let everybody who has a way write once more; return what has to arrive, as (receiving end, number)."""
        ends = [end for end in range(len(self.people)) if self.has_a_way(end)]
        farewells = [(end ^ 1, self.devices[self.people[end]].next_number(end)) for end in ends]
        for end in ends:
            self.write(end)
        return farewells

    def expect_what_was_said(self) -> None:
        """Everybody has exactly what was said to them, and nothing waits that nobody was told of."""
        for end, heard in self.application.items():
            for number, content in heard.items():
                assert self.said.get((end ^ 1, number)) == content, (end, number)
        told = {(row[2], row[3]) for row in self.log if row[1] == Kind.FAILED}
        for end, number in self.said:
            heard_by_peer = number in self.application[end ^ 1]
            assert heard_by_peer or (end, number) in told or end in self.refused, (end, number)
