"""The stage of a script: roles played by testees, a virtual clock, and everything that travels between them.

Theory. Each testee only ever answers questions; whatever a network, a host or a clock does in the world is done here,
so that it can go wrong on purpose and the same way again. Bytes are carried as they are: the stage knows where they go
because the answer that gave them said so, and looks into none of them.

::

    person ──submission──▶ sender ──request──▶ receiver ──deliveries──▶ person
       └───────────── register, issue, revoke, confirm ──▶┘

Rules:

1. What is due at one second happens in the order in which it was planned; a passage takes a second.
2. A service that is down or dead does not answer; a device that is asleep asks nothing. Both catch up when they are
   back.
3. Each question has a seed of its own, derived from the script's and the number of the question.
4. Whatever a role reports is kept in order, with the ends and the numbers of the common log (`communicator_spec`).
"""

import heapq
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

import cbor2

from communicator_conformance.questions import BEGIN_S, Answer, Flaw, Questions, Refused
from communicator_conformance.scripts.passages import Passages
from communicator_conformance.scripts.script import Link, Person, Script, seconds
from communicator_conformance.testee import Testee
from communicator_conformance.verdicts import Fault
from communicator_spec.errors import ErrorClass
from communicator_spec.events import NONE, Kind, Row
from communicator_spec.parameters import PARAMETERS

__all__ = ["MEETINGS", "Actor", "Device", "Service", "Stage"]

_PASSAGE_S: Final = 1
_REFETCH_S: Final = 60
_NUMBER: Final = 1  # the field of a delivery

MEETINGS: Final = {
    ("person", "person"): "rm-rm",
    ("sender", "receiver"): "ssa-rsa",
    ("person", "sender"): "rm-ssa",
    ("person", "receiver"): "rm-rsa",
}
"""The four places at which two programs meet, by the kinds of the roles."""


class Actor:
    """One role: the program that plays it and its handle there."""

    kind = ""

    def __init__(self, name: str, testee: Testee) -> None:
        self.name = name
        self.testee = testee
        self.handle = ""
        self.snapshot = ""
        self.skew_s = 0


class Service(Actor):
    """A sending or a receiving service; the two of one operator have one URI."""

    def __init__(self, kind: str, name: str, number: int, testee: Testee) -> None:
        super().__init__(name, testee)
        self.kind = kind
        self.number = number
        self.uri = f"https://{name}.example"
        self.config = ""
        self.up = True
        self.dead = False
        self.pump_at = -1
        self.confirmed: set[str] = set()  # deliveries that a device has confirmed

    @property
    def answers(self) -> bool:
        """Whether it can be reached."""
        return self.up and not self.dead


class Device(Actor):
    """One person's device."""

    kind = "person"

    def __init__(self, name: str, number: int, testee: Testee, person: Person) -> None:
        super().__init__(name, testee)
        self.number = number
        self.skew_s = seconds(person.skew)
        self.receiving = list(person.receiving)
        self.sending = list(person.sending)
        self.awake = True
        self.ends: dict[int, int] = {}  # relationship → end
        self.wake_at: dict[int, int] = {}
        self.later: dict[str, list[Answer]] = {}  # requests for services that do not answer
        self.got: dict[int, list[tuple[int, str]]] = {}  # relationship → (number, content)
        self.said: dict[int, list[tuple[int, str]]] = {}
        self.roots: dict[int, set[tuple[str, str]]] = {}  # relationship → (URI, root), registered and not revoked
        self.identities: set[bytes] = set()  # that it showed in packages
        self.ways: set[str] = set()  # the sending services that it used
        self.ended: set[int] = set()  # relationships that this person ended
        self.sent = 0


class Stage:
    """All roles of one script in one play."""

    def __init__(self, script: Script, profile: str, seed: bytes, cast: Callable[[str, str], Testee]) -> None:
        self.profile, _, suite = profile.partition("+")
        self._suite = {"suite": PARAMETERS.extension.suite_hybrid} if suite else {}
        self.now_s = 0
        self.rows: list[Row] = []
        self.passages = Passages(script.faults)
        self._planned: list[tuple[int, int, Callable[[], object]]] = []
        self._count = 0
        self._ends: dict[str, int] = {}  # root → end of its owner
        self.submissions: list[tuple[str, str]] = []  # (sending service, what it was handed)
        self.epochs: list[tuple[Device, Service, str, int]] = []  # what devices issued: root and epoch
        self._tickets: dict[tuple[str, str], tuple[Device, int, str, int]] = {}
        names = dict.fromkeys((*script.receivers(), *script.senders()))
        self._numbers = {f"https://{name}.example": number for number, name in enumerate(names)}
        uris = self._numbers
        self.receivers = {
            n: Service("receiver", n, uris[f"https://{n}.example"], cast("receiver", n)) for n in script.receivers()
        }
        self.senders = {
            n: Service("sender", n, uris[f"https://{n}.example"], cast("sender", n)) for n in script.senders()
        }
        people = enumerate(script.people.items())
        self.devices = {name: Device(name, i, cast("person", name), person) for i, (name, person) in people}
        actors = (*self.receivers.values(), *self.senders.values(), *self.devices.values())
        self.trace = any(actor.testee.trace for actor in actors)
        self._questions = Questions(seed, trace=self.trace)
        self.lines = self._questions.lines
        self._met: set[str] = set()
        self._by_uri = {s.uri: s for s in self.receivers.values()}
        self._via = {s.uri: s for s in self.senders.values()}

    # ---------------------------------------------------------------- questions

    def ask(self, actor: Actor, verb: str, **args: object) -> Answer:
        """Ask a role; its refusal raises `Refused`, anything that is no answer `Flaw` or `TesteeError`."""
        given = {**({actor.kind: actor.handle} if actor.handle else {}), **args}
        now_s = BEGIN_S + self.now_s + actor.skew_s
        result = self._questions.ask(actor.testee, actor.name, f"{actor.kind}.{verb}", now_s, given)
        self._note(actor, result.get("events", ()))
        return result

    # ---------------------------------------------------------------- meetings

    def meet(self, one: Actor, other: Actor) -> None:
        """Note that two roles come together; it counts when different programs play them."""
        if one.testee is not other.testee:
            self._met.add(MEETINGS[one.kind, other.kind])

    def met(self) -> tuple[str, ...]:
        """Return which roles of the two programs have met so far, in the order of `MEETINGS`."""
        return tuple(name for name in MEETINGS.values() if name in self._met)

    # ---------------------------------------------------------------- time

    def plan(self, after_s: int, act: Callable[[], object]) -> None:
        """Do something `after_s` from now."""
        self._count += 1
        heapq.heappush(self._planned, (self.now_s + max(after_s, 0), self._count, act))

    def run(self, until_s: int) -> None:
        """Let everything happen that is due by then."""
        while self._planned and self._planned[0][0] <= until_s:
            self.now_s, _, act = heapq.heappop(self._planned)
            act()
        self.now_s = until_s

    # ---------------------------------------------------------------- devices

    def step(self, device: Device, relationship: int, result: Answer) -> None:
        """Do what a device asks for after a step: requests first, then transmissions, then the next alarm."""
        for request in result.get("requests", ()):
            self._request(device, relationship, request)
        for transmission in result.get("transmissions", ()):
            device.sent += 1
            self._hand_over(device, relationship, transmission)
        if "deadline_s" in result:
            self._set_alarm(device, relationship, result["deadline_s"])

    def silent(self) -> list[str]:
        """Return the services that do not answer now."""
        return [s.uri for s in (*self.receivers.values(), *self.senders.values()) if not s.answers]

    def wake(self, device: Device, relationship: int) -> None:
        """Let a device do what is due in one relationship."""
        if device.awake:
            result = self.ask(device, "wake", relationship=relationship, silent=self.silent())
            self.step(device, relationship, result)

    def fetch(self, device: Device) -> None:
        """Let a device fetch everything, everywhere, and tell its services what it owes them."""
        if not device.awake:
            return
        for service in self.receivers.values():
            if service.answers:
                for request in device.later.pop(service.uri, []):
                    self._carry_out(service, request)
                for relationship in device.ends:
                    self._fetch(device, relationship, service)

    def catch_up(self, device: Device) -> None:
        """Let a device that is back do what it missed."""
        self.fetch(device)
        for relationship in device.ends:
            self.wake(device, relationship)

    def _set_alarm(self, device: Device, relationship: int, deadline_s: int | None) -> None:
        if deadline_s is None:
            device.wake_at.pop(relationship, None)
            return
        at_s = max(deadline_s - BEGIN_S - device.skew_s, self.now_s)
        device.wake_at[relationship] = at_s

        def ring() -> None:
            if device.wake_at.get(relationship) == at_s:
                device.wake_at.pop(relationship)
                self.wake(device, relationship)

        self.plan(at_s - self.now_s, ring)

    def _request(self, device: Device, relationship: int, request: Answer) -> None:
        service = self._by_uri[request["uri"]]
        root = (request["uri"], request["root"])
        if request["op"] == "register":
            self._ends[request["root"]] = device.ends[relationship]
            device.roots.setdefault(relationship, set()).add(root)
        elif request["op"] == "issue":
            self.epochs.append((device, service, request["root"], request["epoch"]))
        elif request["op"] == "revoke" and request.get("epoch") is None:
            device.roots[relationship].discard(root)
        if service.answers:
            self._carry_out(service, request)
        elif not service.dead:
            device.later.setdefault(service.uri, []).append(request)

    def _carry_out(self, service: Service, request: Answer) -> None:
        args = {k: v for k, v in request.items() if k not in ("op", "uri") and v is not None}
        self.ask(service, request["op"], **args)

    # ---------------------------------------------------------------- passages

    def _hand_over(self, device: Device, relationship: int, transmission: Answer) -> None:
        sender = self._via[transmission["via"]]
        if sender.name not in device.sending:
            raise Flaw(Fault.UNMET, f"{device.name} uses {sender.name}, and has left it")
        device.ways.add(sender.name)
        self.submissions.append((sender.name, transmission["submission"]))

        def arrive(submission: str) -> None:
            if not sender.answers:
                return
            self.meet(device, sender)
            try:
                ticket = self.ask(sender, "submit", submission=submission)["ticket"]
            except Refused:  # a passage that spoilt it; the device will try another way
                return
            where = (device, relationship, transmission["uri"], transmission["reference"])
            self._tickets[sender.name, ticket] = where
            self._pump(sender)

        self._carry(Link.SUBMIT, sender.name, transmission["submission"], arrive)

    def _pump(self, sender: Service) -> None:
        """Let a sending service attempt what is due, and come back when more is."""
        if not sender.answers:
            return
        due = self.ask(sender, "due")
        for attempt in due["attempts"]:
            self._attempt(sender, attempt)
        self._pump_at(sender, due["next_s"])

    def _pump_at(self, sender: Service, next_s: int | None) -> None:
        if next_s is None:
            return
        at_s = sender.pump_at = max(next_s - BEGIN_S, self.now_s + 1)
        self.plan(at_s - self.now_s, lambda: self._pump(sender) if sender.pump_at == at_s else None)

    def _attempt(self, sender: Service, attempt: Answer) -> None:
        receiver = self._by_uri[attempt["uri"]]
        carried = self.passages.through(Link.ACCEPT, receiver.name, self.now_s, attempt["request"])
        answered, refusal = False, None
        for delay_s, request in carried:
            if delay_s:
                self.plan(delay_s, partial(self._accept, receiver, request))
            elif receiver.answers:
                self.meet(sender, receiver)
                answered, refusal = True, self._accept(receiver, request)
        told = {} if refusal is None else {"refusal": refusal.value}
        outcome = self.ask(sender, "outcome", ticket=attempt["ticket"], answered=answered, **told)
        if outcome["notice"]:
            self.plan(_PASSAGE_S, lambda: self._notice(sender, attempt["ticket"]))
        self._pump_at(sender, outcome["next_s"])

    def _notice(self, sender: Service, ticket: str) -> None:
        """Let a device ask what became of a submission, and believe it (DELIV-24)."""
        device, relationship, uri, reference = self._tickets[sender.name, ticket]
        if device.awake and sender.answers and self.ask(sender, "status", ticket=ticket)["unreachable"]:
            result = self.ask(device, "unreachable", relationship=relationship, uri=uri, reference=reference)
            self.step(device, relationship, result)

    def _accept(self, receiver: Service, request: str) -> ErrorClass | None:
        if not receiver.answers:
            return None
        try:
            self.ask(receiver, "accept", request=request)
        except Refused as refused:
            return refused.error_class
        for device in self.devices.values():
            self.plan(_PASSAGE_S, partial(self.fetch, device))
        return None

    def _fetch(self, device: Device, relationship: int, service: Service) -> None:
        root = self.ask(device, "root", relationship=relationship, uri=service.uri)["root"]
        if root is None:
            return
        found = self.ask(service, "fetch", root=root)["deliveries"]
        if not found:
            return
        if not service.confirmed.isdisjoint(found):
            raise Flaw(Fault.DOUBLED, f"{service.name} still has what was confirmed")
        deliveries = self.passages.fetched(service.name, self.now_s, found)
        if len(deliveries) < len(found):
            self.plan(_REFETCH_S, lambda: self.fetch(device))
        if not deliveries:
            return
        self.meet(device, service)
        got = self.ask(device, "receive", relationship=relationship, uri=service.uri, deliveries=deliveries)
        device.got.setdefault(relationship, []).extend((m["number"], m["content"]) for m in got["messages"])
        self.step(device, relationship, got)
        if got["confirm"]:
            self.ask(service, "confirm", root=root, numbers=got["confirm"])
            service.confirmed.update(d for d in found if cbor2.loads(bytes.fromhex(d))[_NUMBER] in got["confirm"])

    def _carry(self, link: Link, name: str, data: str, arrive: Callable[[str], None]) -> None:
        for delay_s, carried in self.passages.through(link, name, self.now_s, data):
            self.plan(_PASSAGE_S + delay_s, partial(arrive, carried))

    # ---------------------------------------------------------------- services

    def start_again(self, service: Service) -> None:
        """Let a service come back from its disk; whoever waited for it goes on."""
        service.up = True
        self.ask(service, "restart")
        self.note(Kind.RECOVERED, service)
        if service.kind == "sender":
            self._pump(service)
        for device in self.devices.values():
            self.plan(_PASSAGE_S, partial(self.catch_up, device))

    def publish(self, service: Service, config: str) -> None:
        """Let every device learn the newest configuration of a receiving service."""
        service.config = config
        for device in self.devices.values():
            self.ask(device, "learn", config=config)

    def raise_curtain(self) -> None:
        """Start all services and create all people; everybody knows every receiving service's configuration."""
        for service in (*self.receivers.values(), *self.senders.values()):
            started = self.ask(service, "start", uri=service.uri)
            service.handle, service.config = started["handle"], started.get("config", "")
        for device in self.devices.values():
            device.handle = self.ask(device, "create", profile=self.profile, **self._suite)["handle"]
            for service in self.receivers.values():
                self.ask(device, "learn", config=service.config)

    # ---------------------------------------------------------------- the log

    def note(self, kind: Kind, service: Service) -> None:
        """Write into the log what happened to a service."""
        names = {"via": service.number} if service.kind == "sender" else {"service": service.number}
        self._write(kind, names)

    def _note(self, actor: Actor, events: Sequence[Answer]) -> None:
        for told in events:
            row: dict[str, int] = {k: v for k, v in told.items() if isinstance(v, int) and k != "relationship"}
            for name in ("service", "via", "position"):
                if isinstance(told.get(name), str):
                    row[name] = self._numbers[told[name]]
            kind = Kind[told["kind"].upper()]
            if "root" in told:
                row["end"] = self._ends[told["root"]]
            elif isinstance(actor, Device) and "relationship" in told:
                row["end"] = actor.ends[told["relationship"]]
            if isinstance(actor, Device) and kind in (Kind.PAIRED, Kind.LEFT):
                row["value"] = actor.number
            elif isinstance(actor, Service):
                row["service" if actor.kind == "receiver" else "via"] = actor.number
            self._write(kind, row)

    def _write(self, kind: Kind, columns: Mapping[str, int]) -> None:
        rest = (columns.get(n, NONE) for n in ("end", "message", "service", "serial", "position", "via", "value"))
        end, message, service, serial, position, via, value = rest
        at_ms = (BEGIN_S + self.now_s) * 1000  # as the dates inside events are: since 1970
        self.rows.append((at_ms, int(kind), end, message, service, serial, position, via, value))
