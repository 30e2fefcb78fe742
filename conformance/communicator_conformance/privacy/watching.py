"""A stage on which everything is watched: who sent which bytes, who saw them, and what they were of.

Theory. The stage of the scripts carries every byte between roles that play live (`scripts/stage.py`), and all of them
pass `ask`. So views are taken there, at each role's own boundary, and nothing else changes: a relationship is an
ordinary one, a service an ordinary service.

| role | sees |
|---|---|
| sending service | each submission |
| receiving service | roots and epochs as their owners register them; each request; what it delivers |
| correspondent | what is shown when two people meet; each delivery; what its device opened (the feature `opened`) |
| network | each submission, each request, each registration, from outside |

Rules:

1. Whatever a role says is taken: the wire schema is held by other tests, and bytes that do not fit it can link, too.
2. Whom a message reaches is known to the stage, so that only its device fetches; which delivery is which message
   follows from their order.
3. A point of the plot has one transmission for each end: the first in its time.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import cbor2

from communicator_conformance.privacy.views import Spot, Tag, Views
from communicator_conformance.questions import Answer, Questions, Refused
from communicator_conformance.scripts.script import Person, Script
from communicator_conformance.scripts.stage import Actor, Device, Service, Stage
from communicator_conformance.testee import Testee
from communicator_spec.errors import ErrorClass
from communicator_spec.events import NONE
from communicator_spec.views import Role

__all__ = ["Act", "WatchedStage"]

_PASSAGE_S: Final = 1


class Act(NamedTuple):
    """From when on the first transmission of an end has a name, by its side (0: invited, 1: was invited)."""

    begin_s: int
    names: tuple[str, str]
    messages: tuple[int, int] = (NONE, NONE)


class _Passage(NamedTuple):
    """One transmission on its way."""

    tag: Tag
    where: str
    when: str
    device: Device
    relationship: int
    recipient: int


class WatchedStage(Stage):
    """Plays people and services, and keeps what each role sees in `views`."""

    def __init__(
        self,
        people: Mapping[str, Person],
        acts: tuple[Act, ...],
        profile: str,
        seed: bytes,
        cast: Callable[[str, str], Testee],
    ) -> None:
        super().__init__(Script("", (), "0s", dict(people), ()), profile, seed, cast)
        self._questions = Questions(seed, trace=self.trace, fit=False)  # rule 1
        self.lines = self._questions.lines
        self.views = Views()
        self.labels: dict[int, str] = {}  # relationship → how the plot calls it
        self._acts = acts
        self._taken: set[tuple[int, str]] = set()
        self._transmissions = 0
        self._handed: dict[str, deque[_Passage]] = {}  # submission → those on their way
        self._ticketed: dict[tuple[str, str], _Passage] = {}
        self._posted: dict[str, deque[_Passage]] = {}  # request → those on their way
        self._stored: dict[tuple[str, int], deque[_Passage]] = {}  # receiving service, end → not delivered so far
        self._given: dict[tuple[str, int], int] = {}
        self._delivered: dict[str, _Passage] = {}

    # ---------------------------------------------------------------- what is watched

    def ask(self, actor: Actor, verb: str, **args: Any) -> Answer:  # noqa: ANN401 - JSON
        """Ask a role, and keep what it sees of the question and what the answer shows."""
        before = self._BEFORE.get((actor.kind, verb))
        if before is not None:
            before(self, actor, args)
        answer = super().ask(actor, verb, **args)
        after = self._AFTER.get((actor.kind, verb))
        if after is not None:
            after(self, actor, args, answer)
        if isinstance(actor, Device):
            for transmission in answer.get("transmissions", ()):
                self._leave(actor, args["relationship"], transmission)
        return answer

    def _note(self, actor: Actor, events: object) -> None:
        """Leave events alone: bytes are judged here."""

    def where(self, end: int) -> str:
        """Return how the plot calls an end: its relationship and its side."""
        return f"{self.labels[end >> 1]}.{'ax'[end & 1]}"

    def _person_at(self, end: int) -> int:
        return next(d.number for d in self.devices.values() if end in d.ends.values())

    def _leave(self, device: Device, relationship: int, transmission: Answer) -> None:
        """Know a transmission again wherever it comes."""
        end = device.ends[relationship]
        act = [one for one in self._acts if one.begin_s <= self.now_s][-1:]
        name, message = (act[0].names[end & 1], act[0].messages[end & 1]) if act else ("", NONE)
        if (end, name) in self._taken:  # rule 3
            name, message = "", NONE
        self._taken.add((end, name))
        self._transmissions += 1
        tag = Tag(end, device.number, message, self._transmissions)
        passage = _Passage(tag, self.where(end), name, device, relationship, self._person_at(end ^ 1))
        self._handed.setdefault(transmission["submission"], deque()).append(passage)

    def _see(self, role: Role, passage: _Passage, channel: str, data: bytes, *, suffix: str = "") -> None:
        spot = Spot(role, passage.where, f"{passage.when or 'other'}{suffix}")
        self.views.see(spot, self.now_s, channel, data, passage.tag, also=passage.recipient)

    # ---------------------------------------------------------------- sending services

    def _submitted(self, actor: Actor, args: Answer, answer: Answer) -> None:
        self._ticketed[actor.name, answer["ticket"]] = self._going

    def _submitting(self, actor: Actor, args: Answer) -> None:
        passage = self._going = self._handed[args["submission"]].popleft()
        data = bytes.fromhex(args["submission"])
        self._see(Role.SENDING, passage, "submit", data)
        self.views.pass_network(passage.where, f"{passage.when} in", self.now_s, "submit", data, passage.tag)

    def _due(self, actor: Actor, args: Answer, answer: Answer) -> None:
        for attempt in answer["attempts"]:
            passage = self._ticketed[actor.name, attempt["ticket"]]
            self._posted.setdefault(attempt["request"], deque()).append(passage)

    # ---------------------------------------------------------------- receiving services

    def _registering(self, actor: Actor, args: Answer) -> None:
        end = self._ends[args["root"]]
        owned = [bytes.fromhex(args[name]) for name in ("root", "verify_key", "key") if args.get(name)]
        data, tag = cbor2.dumps(owned), Tag(end, self._person_at(end))
        self.views.see(Spot(Role.RECEIVING, self.where(end), "root"), self.now_s, "register", data, tag)
        self.views.pass_network(self.where(end), "root", self.now_s, "register", data, tag)

    def _accepting(self, actor: Actor, args: Answer) -> None:
        passage, data = self._posted[args["request"]][0], bytes.fromhex(args["request"])
        self._see(Role.RECEIVING, passage, "post", data)
        self.views.pass_network(passage.where, f"{passage.when} out", self.now_s, "post", data, passage.tag)

    def _accept(self, receiver: Service, request: str) -> ErrorClass | None:  # rule 2
        if not receiver.answers:
            return None
        try:
            self.ask(receiver, "accept", request=request)
        except Refused as refused:
            self._posted[request].popleft()
            return refused.error_class
        passage = self._posted[request].popleft()
        self._stored.setdefault((receiver.name, passage.tag.end ^ 1), deque()).append(passage)
        peer = next(d for d in self.devices.values() if passage.tag.end ^ 1 in d.ends.values())
        self.plan(_PASSAGE_S, lambda: self._fetch(peer, passage.relationship, receiver) if peer.awake else None)
        return None

    def _fetch(self, device: Device, relationship: int, service: Service) -> None:
        self._fetching = device.ends[relationship]
        try:
            super()._fetch(device, relationship, service)
        except Refused:  # what a device cannot read stays where it is; scripts judge that
            return

    def _fetched(self, actor: Actor, args: Answer, answer: Answer) -> None:
        stored = self._stored.get((actor.name, self._fetching), deque())
        for raw in answer["deliveries"]:
            if raw not in self._delivered and stored:
                passage = self._delivered[raw] = stored.popleft()
                self._see(Role.RECEIVING, passage, "delivery", bytes.fromhex(raw), suffix=" delivered")

    # ---------------------------------------------------------------- correspondents

    def _shown(self, actor: Actor, args: Answer, answer: Answer) -> None:
        """Somebody shows this to the one whom he meets."""
        for name in ("package", "greeting"):
            if name in answer:
                assert isinstance(actor, Device)
                self._known(actor.ends[args["relationship"]], name, bytes.fromhex(answer[name]))

    def _opened(self, actor: Actor, args: Answer, answer: Answer) -> None:
        """A device opened what its correspondent wrote."""
        assert isinstance(actor, Device)
        for raw in answer.get("opened", ()):
            self._known(actor.ends[args["relationship"]] ^ 1, "body", bytes.fromhex(raw))

    def _known(self, end: int, channel: str, data: bytes) -> None:
        """The correspondent of an end learnt something of it: what those who invite let those know whom they invite."""
        if end & 1:
            return
        spot, tag = Spot(Role.CORRESPONDENT, self.where(end), "all"), Tag(end, self._person_at(end))
        self.views.see(spot, self.now_s, channel, data, tag, place=self._person_at(end ^ 1))

    _BEFORE: Final[Mapping[tuple[str, str], Callable[..., None]]] = {
        ("sender", "submit"): _submitting,
        ("receiver", "register"): _registering,
        ("receiver", "issue"): _registering,
        ("receiver", "accept"): _accepting,
    }
    _AFTER: Final[Mapping[tuple[str, str], Callable[..., None]]] = {
        ("sender", "submit"): _submitted,
        ("sender", "due"): _due,
        ("receiver", "fetch"): _fetched,
        ("person", "invite"): _shown,
        ("person", "complete"): _shown,
        ("person", "conclude"): _opened,
        ("person", "receive"): _opened,
    }
