"""Live programs as what a walk drives (`communicator_spec.nodes.Driven`): two devices, and the services of operators.

Theory. The formal model decides what happens; here each call becomes the questions that a host would ask. Bytes are
carried as they are. What roles report becomes rows of the common log, with the ends and numbers of the model.

Rules:

1. One unit of the model is one hour, and its time 0 is the beginning of every play.
2. An operator's number is its place in its URI; a relationship's number is its end.
3. What an application is given must be what the peer's application said.
4. What a device wants of its own services is done at once, unless the service is dead.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from communicator_conformance.questions import BEGIN_S, Answer, Flaw, Questions
from communicator_conformance.testee import Testee
from communicator_conformance.traces.kept import NEVER, kept_of, number_of, uri_of
from communicator_conformance.verdicts import Fault
from communicator_spec import NONE, Kind, Row, Terms
from communicator_spec.nodes import DONE, Outcome, Reach, Setting, Travelling

__all__ = ["LiveRoles"]

_QUEUED: Final = "queued"
Cast = Callable[[str, int], Testee]
"""(kind, number) → the program that plays it."""


class _Travel(NamedTuple):
    """A hand-over to a sending service, as the walk carries it."""

    via: int
    service: int
    not_after_ms: int
    parcel: str
    end: int
    reference: int
    draw_index: int = 0


class _Role:
    """One role of one program."""

    def __init__(self, kind: str, number: int, testee: Testee, log: "_Log") -> None:
        self.number = number
        self.kind = kind
        self._testee = testee
        self._log = log
        self._handle: dict[str, str] = {}

    def begin(self, now_ms: int, verb: str, **args: object) -> Answer:
        """Begin to exist."""
        answer = self.ask(now_ms, verb, **args)
        self._handle = {self.kind: answer["handle"]}
        return answer

    def ask(self, now_ms: int, verb: str, **args: object) -> Answer:
        """Ask it one thing, and write into the log what it reports."""
        self._log.now_ms, now_s = now_ms, BEGIN_S + now_ms // 1000
        name, op = f"{self.kind} {self.number}", f"{self.kind}.{verb}"
        answer = self._log.questions.ask(self._testee, name, op, now_s, {**self._handle, **args})
        for told in answer.get("events", ()):
            self._log.write(now_ms, self, told)
        return answer


class _Log:
    """What roles report, as rows; whose root is whose, and what the clock said last."""

    def __init__(self, questions: Questions, emit: Callable[[Row], None]) -> None:
        self.questions = questions
        self.now_ms = 0
        self.ends: dict[str, int] = {}  # root → end of its owner
        self._emit = emit

    def write(self, now_ms: int, role: _Role, told: Mapping[str, object]) -> None:
        """Write one event with numbers in the place of names."""
        kind = Kind[str(told["kind"]).upper()]
        row = {name: number_of(value) if isinstance(value, str) else value for name, value in told.items()
               if name in ("message", "service", "serial", "position", "via", "value")}  # fmt: skip
        row["end"] = self.ends[str(told["root"])] if "root" in told else told.get("relationship", NONE)
        if role.kind != "person":
            row["service" if role.kind == "receiver" else "via"] = role.number
        elif kind in (Kind.PAIRED, Kind.LEFT):
            row["value"] = role.number
        if kind is Kind.ISSUED:
            row["value"] = int(str(row["value"])) - BEGIN_S * 1000
        columns = ("end", "message", "service", "serial", "position", "via", "value")
        end, message, service, serial, position, via, value = (int(str(row.get(name, NONE))) for name in columns)
        self._emit((now_ms, int(kind), end, message, service, serial, position, via, value))


class _Receiver(_Role):
    """A receiving service."""

    dead = False
    config = ""

    def accept(self, now_ms: int, parcel: object) -> int | None:
        """Take bytes from anyone."""
        self.ask(now_ms, "accept", request=parcel)
        return None

    def die(self) -> None:
        """Lose everything."""
        self.dead = True


class _Sender(_Role):
    """A sending service; tickets become small numbers."""

    def __init__(self, kind: str, number: int, testee: Testee, log: _Log) -> None:
        super().__init__(kind, number, testee, log)
        self._tickets: list[str] = []

    def submit(self, now_ms: int, submission: Travelling) -> int:
        """Keep bytes durably; return a ticket."""
        self._tickets.append(self.ask(now_ms, "submit", submission=submission.parcel)["ticket"])
        return len(self._tickets) - 1

    def attempt(self, now_ms: int, ticket: int) -> object | None:
        """Return the bytes to post, or None."""
        request: object | None = self.ask(now_ms, "attempt", ticket=self._tickets[ticket])["request"]
        return request

    def outcome(self, now_ms: int, ticket: int, *, answered: bool, draw: float) -> Outcome:
        """Take the result of an attempt."""
        told = self.ask(now_ms, "outcome", ticket=self._tickets[ticket], answered=answered)
        state = self.ask(now_ms, "status", ticket=self._tickets[ticket])["state"]
        return Outcome(now_ms if state == _QUEUED else DONE, told["notice"])

    def die(self) -> None:
        """Lose everything; nobody asks it again."""


class _Managers:
    """Both relationship managers, by end."""

    def __init__(self, roles: "LiveRoles", people: Sequence[_Role], reach: Reach, terms: dict[str, object]) -> None:
        self._roles = roles
        self._people = people
        self._reach = reach
        self._terms = terms
        self._deadline_ms = {0: NEVER, 1: NEVER}
        self._said: dict[tuple[int, int], str] = {}

    def pair(self, now_ms: int, first: int, people: tuple[int, int], settings: tuple[Setting, Setting]) -> None:
        """Start the relationship, the first end's events before the second's."""
        one, other = self._people
        for person in self._people:
            person.begin(now_ms, "create", profile=self._roles.profile, terms=self._terms)
            self._learn(now_ms, person)
        package = one.ask(now_ms, "invite", relationship=0, **_setting(settings[0]))["package"]
        answer = other.ask(now_ms, "accept", relationship=1, package=package, **_setting(settings[1]))["answer"]
        completed = self._step(now_ms, 0, "complete", answer=answer)
        self._step(now_ms, 1, "conclude", greeting=completed["greeting"])

    def submit(self, now_ms: int, end_id: int, size: int) -> int:
        """Take a message from the application."""
        content = hashlib.sha256(b"%d %d %d" % (end_id, now_ms, len(self._said))).hexdigest()
        number: int = self._step(now_ms, end_id, "submit", content=content)["number"]
        self._said[end_id, number] = content
        return number

    def deadline_ms(self, end_id: int) -> int:
        """When `wake` has something to do."""
        return self._deadline_ms[end_id]

    def wake(self, now_ms: int, end_id: int) -> Sequence[_Travel]:
        """Do what is due."""
        woken = self._step(now_ms, end_id, "wake", **self._silent())
        return [_travel(end_id, out) for out in woken["transmissions"]]

    def receive(self, now_ms: int, end_id: int, service: int, *, confirms: bool = True) -> None:
        """Fetch, apply and confirm what one service stores for one end; or lose the confirmation."""
        root = self._root(now_ms, end_id, service)
        if root is None:
            return
        receiver = self._roles.receiving[service]
        deliveries = receiver.ask(now_ms, "fetch", root=root)["deliveries"]
        got = self._step(now_ms, end_id, "receive", uri=uri_of(service), deliveries=deliveries)
        for message in got["messages"]:
            if self._said.get((1 - end_id, message["number"])) != message["content"]:  # rule 3
                raise Flaw(Fault.MISMATCH, f"person {end_id} was given what nobody said")
        if confirms:
            receiver.ask(now_ms, "confirm", root=root, numbers=got["confirm"])

    def unreachable(self, now_ms: int, end_id: int, service: int, reference: int) -> None:
        """Take a sending service's notice."""
        self._step(now_ms, end_id, "unreachable", uri=uri_of(service), reference=reference)

    def move(self, now_ms: int, end_id: int, old: int, setting: Setting, announce_ms: int, *, leave: bool) -> None:
        """Replace a receiving service by the person's decision."""
        announce_s = BEGIN_S + announce_ms // 1000
        self._step(now_ms, end_id, "move", old=uri_of(old), announce_s=announce_s, leave=leave, **_setting(setting))

    def change_senders(self, now_ms: int, end_id: int, senders: tuple[int, ...]) -> None:
        """Use other sending services."""
        self._step(now_ms, end_id, "senders", sending=[uri_of(service) for service in senders])

    def refuse(self, now_ms: int, end_id: int, *, tell: bool = False) -> Sequence[_Travel]:
        """End the relationship; `tell` the peer, or say nothing."""
        ended = self._step(now_ms, end_id, "end", tell=tell, **self._silent())
        return [_travel(end_id, out) for out in ended["transmissions"]]

    def leave(self, now_ms: int, person: int, service: int, ends: Sequence[int]) -> bool:
        """Leave a receiving service if nothing points to it any more; tell whether that was so."""
        receiver = self._roles.receiving[service]
        roots = [root for end in ends if (root := self._root(now_ms, end, service)) is not None]
        empty = [root for root in roots if not receiver.ask(now_ms, "fetch", root=root)["deliveries"]]
        left = self._people[person].ask(now_ms, "leave", uri=uri_of(service), empty=empty)
        self._carry_out(now_ms, person, left["requests"])
        return bool(left["left"])

    def restart(self, end_id: int) -> None:
        """The device of an end dies and comes back with what it had stored."""
        person = self._people[end_id]
        person.ask(self._roles.log.now_ms, "restart")
        self._learn(self._roles.log.now_ms, person)

    def kept(self, end_id: int) -> object:
        """Return what the device of an end keeps."""
        return kept_of(self._people[end_id].ask(self._roles.log.now_ms, "projection", relationship=end_id))

    def stray(self, now_ms: int, holder: int, service: int, serial: int, position: int) -> str:
        """Return what a stranger writes to an address that an end holds."""
        of = {"uri": uri_of(service), "serial": serial, "position": position}
        request: str = self._people[holder].ask(now_ms, "stray", relationship=holder, **of)["request"]
        return request

    def _root(self, now_ms: int, end: int, service: int) -> str | None:
        root: str | None = self._people[end].ask(now_ms, "root", relationship=end, uri=uri_of(service))["root"]
        return root

    def _learn(self, now_ms: int, person: _Role) -> None:
        for receiver in self._roles.receiving:
            if receiver.config:
                person.ask(now_ms, "learn", config=receiver.config)

    def _silent(self) -> dict[str, list[str]]:
        """Return who does not answer, as far as two services of one operator differ."""
        told = {"silent_receiving": self._reach.receiving, "silent_sending": self._reach.sending}
        return {"silent": []} | {name: [uri_of(n) for n, up in enumerate(ups) if not up] for name, ups in told.items()}

    def _step(self, now_ms: int, end: int, verb: str, **args: object) -> Answer:
        """Ask a device for a step, and do what it wants of its own services."""
        answer = self._people[end].ask(now_ms, verb, relationship=end, **args)
        self._carry_out(now_ms, end, answer["requests"])
        deadline_s = answer["deadline_s"]
        self._deadline_ms[end] = NEVER if deadline_s is None else (deadline_s - BEGIN_S) * 1000
        return answer

    def _carry_out(self, now_ms: int, end: int, requests: Iterable[Answer]) -> None:
        for request in requests:
            receiver = self._roles.receiving[number_of(request["uri"])]
            if request["op"] == "register":
                self._roles.log.ends[request["root"]] = end
            if not receiver.dead:  # rule 4
                args = {k: v for k, v in request.items() if k not in ("op", "uri") and v is not None}
                receiver.ask(now_ms, request["op"], **args)


class LiveRoles:
    """Two devices and the services of the operators that are `used`, played by programs."""

    def __init__(
        self,
        profile: str,
        cast: Cast,
        questions: Questions,
        used: Collection[int],
        providers: int,
        terms: Terms,
        reach: Reach,
        emit: Callable[[Row], None],
    ) -> None:
        self.profile = profile
        self.log = _Log(questions, emit)
        own = _terms(terms)
        self.receiving = [_Receiver("receiver", n, cast("receiver", n), self.log) for n in range(providers)]
        self.sending = [_Sender("sender", n, cast("sender", n), self.log) for n in range(providers)]
        for receiver in self.receiving:
            if receiver.number in used:
                receiver.config = receiver.begin(0, "start", uri=uri_of(receiver.number))["config"]
        for sender in self.sending:
            if sender.number in used:
                sender.begin(0, "start", uri=uri_of(sender.number), terms=own)
        people = [_Role("person", end, cast("person", end), self.log) for end in (0, 1)]
        self.managers = _Managers(self, people, reach, own)

    def stray(self, holder: int, service: int, serial: int, position: int) -> object:
        """Return what a stranger writes to an address that the end `holder` was given by its peer."""
        return self.managers.stray(self.log.now_ms, holder, service, serial, position)


def _terms(terms: Terms) -> dict[str, object]:
    plain = msgspec.structs.asdict(terms)
    in_s = {f"{name.removesuffix('_ms')}_s": value // 1000 for name, value in plain.items() if name.endswith("_ms")}
    return in_s | {name: value for name, value in plain.items() if not name.endswith("_ms")}


def _setting(setting: Setting) -> dict[str, list[str]]:
    return {"receiving": [uri_of(n) for n in setting.receiving], "sending": [uri_of(n) for n in setting.sending]}


def _travel(end: int, out: Answer) -> _Travel:
    return _Travel(number_of(out["via"]), number_of(out["uri"]), 0, out["submission"], end, out["reference"])
