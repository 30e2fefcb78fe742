"""The formal model and a fidelity walk in step: the model chooses an action, the nodes perform it, both are compared.

Theory. The normative model is small enough to be searched and precise enough to be executed; population model and real
cores are driven through the same calls (`Nodes`). So one walk holds the model's text against either of them: after each
step the rows that were logged, and all that a device keeps, must be what the model says. A decision that differs
anywhere differs at a named step.

Rules:

1. One unit of the model is one hour. The host adds nothing: no retry, no delay, no choice of its own.
2. Addresses are named, not compared as bytes: end, service, serial, position.
3. What a device keeps is read from its disk, so that a step that is not durable differs too.
4. Each action has one method of the same name in `Stage`; an action without one is an error, never skipped silently.
5. What the nodes have no way to do is not walked (`is_performable`): a sending service that drops, and a revocation
   that waits for a service, because a host of the simulations carries requests out at once.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from communicator_spec import Kind, Row, Terms
from communicator_spec.formal import Model, State, Step, World, world
from communicator_spec.formal import generated as model
from communicator_spec.formal.generated import Notice, Queued
from communicator_spec.formal.projection import FIELDS, OF_GRANTS, current, kept_plainly, row_of, terms_of, told_of
from communicator_spec.formal.walks import walk
from communicator_spec.nodes import DONE, Driven, Outcome, Reach, Setting, Travelling
from communicator_spec.policies import HOUR_MS

__all__ = [
    "WEIGHTS",
    "Divergence",
    "Performable",
    "Stage",
    "Walked",
    "Walker",
    "is_performable",
    "walk_in_step",
    "walked_world",
]

NEVER: Final = 1 << 62
PROVIDERS: Final = 8
Address = tuple[int, int, int, int]
"""End, service, serial, position."""
Walker = Callable[[int, Terms, Reach, Callable[[int, int], float], Callable[[Row], None]], Driven]
"""(providers, terms, reach, receipt draws, emit) → what is driven: a fidelity, or live programs."""
Picks = Mapping[str, Any]
"""What the model chose for one action: values of the generated model, whose types it alone knows."""

WEIGHTS: Final = {
    "submits": 20, "wakes": 80, "fetches": 60, "forwards": 80, "waits": 30, "givesUp": 20, "hears": 30, "tick": 20,
    "leaves": 20, "recovers": 15, "writesJunk": 5, "moves": 3, "switches": 3, "crashes": 3, "dies": 1, "refuses": 1,
}  # fmt: skip
"""How often each action is taken, against the others that are possible: so that walks get far and see everything."""


class Divergence(AssertionError):
    """The nodes did not do what the model says."""

    def __init__(self, action: str, what: str, expected: object, found: object) -> None:
        self.told = f"{what}: the model says {expected}, the nodes {found}"
        super().__init__(f"{action}: {self.told}")
        self.action = action
        self.what = what


class Weather:
    """Which services answer now: all that the nodes may ask the world."""

    def __init__(self) -> None:
        self.receiving = [True] * PROVIDERS
        self.sending = [True] * PROVIDERS


class _Flight(NamedTuple):
    """A transmission at its sending service."""

    transmission: Travelling
    ticket: int


class Walked(NamedTuple):
    """One walk: how many steps were equal, how often each action was taken, and where the two parted, if they did."""

    steps: int
    actions: tuple[str, ...]
    divergence: Divergence | None


class Performable(Model):
    """The model without the steps that no fidelity can perform."""

    def steps(self, state: State) -> list[Step[State]]:
        """Return every step that can be performed."""
        return [step for step in super().steps(state) if is_performable(step)]


def walked_world(profile: str) -> World:
    """Return the world to walk in: that of the instance `walk`, with the batches and the memory of the profile."""
    if profile == "label/1":
        return world("walk")
    return world("walk", {"remembersSpent": True, "terms.longTermCapacity": 2, "terms.ephemeralCapacity": 4})


def is_performable(step: Step[State]) -> bool:
    """Tell whether nodes can do what a step of the model does (rule 5)."""
    return step.action != "drops" and not step.state.revoking


def walk_in_step(profile: str, make: Callable[[int], Walker], depth: int, number: int, seed: int = 1) -> Walked:
    """Take one walk of at most `depth` steps with the nodes of `make(number)`; stop where they part."""
    chosen = walked_world(profile)
    walked = Performable(chosen)
    stage = Stage(chosen, make(number))
    before = walked.init()
    actions: list[str] = []
    try:
        stage.begin(before)
        for step in walk(walked, depth, seed, number, WEIGHTS):
            stage.perform(step.action, dict(step.picks), before, step.state)
            actions.append(step.action)
            before = step.state
    except Divergence as divergence:
        return Walked(len(actions), tuple(actions), divergence)
    return Walked(len(actions), tuple(actions), None)


class Stage:
    """Two devices and eight providers of one fidelity, which do what the model did and nothing else."""

    def __init__(self, chosen: World, fidelity: Walker) -> None:
        self._terms = chosen.terms
        self._weather = Weather()
        self._draw = 0.0
        self._rows: list[Row] = []
        self._flights: dict[Address, _Flight] = {}
        self._nodes: Driven = fidelity(
            PROVIDERS, terms_of(chosen.terms), self._weather, lambda entity, index: self._draw, self._rows.append
        )
        self._settings = [Setting(chosen.receiving[end], chosen.sending[end]) for end in (0, 1)]
        self._nodes.managers.pair(0, 0, (0, 1), (self._settings[0], self._settings[1]))

    def begin(self, state: State) -> None:
        """Compare what two devices are after they have met."""
        self._rows[:] = [row for row in self._rows if row[1] != Kind.PAIRED]  # PAIRED is the world's, not the model's
        self._compare("init", 0, state)

    def perform(self, action: str, picks: Picks, before: State, after: State) -> None:
        """Perform one step of the model, which led from `before` to `after`; raise `Divergence` where it differs."""
        self._rows.clear()
        self._before, self._after = before, after
        getattr(self, action)(before.now * HOUR_MS, **picks)
        self._compare(action, after.now * HOUR_MS, after)

    # ---------------------------------------------------------------- devices

    def submits(self, now_ms: int, end: int) -> None:
        """A person writes."""
        self._nodes.managers.submit(now_ms, end, 0)

    def wakes(self, now_ms: int, end: int, dies: bool, whim: int) -> None:
        """A device does what is due, and perhaps dies before it has handed anything over."""
        due_ms = self._nodes.managers.deadline_ms(end)
        if due_ms > now_ms:
            raise Divergence("wakes", f"deadline of end {end}", "due", due_ms)
        transmissions = self._nodes.managers.wake(now_ms, end)
        if dies:
            self._nodes.managers.restart(end)
        else:
            self._hand_over(now_ms, end, transmissions)

    def fetches(self, now_ms: int, end: int, service: int, confirms: bool, delay: int) -> None:
        """A device fetches; the confirmation may be lost."""
        spread = self._terms.receiptDelayMax - self._terms.receiptDelayMin
        self._draw = (delay - self._terms.receiptDelayMin) / spread if spread else 0.0
        self._nodes.managers.receive(now_ms, end, service, confirms=confirms)
        if not confirms:
            self._nodes.managers.restart(end)

    def hears(self, now_ms: int, end: int, n: Notice) -> None:
        """A device learns that a receiving service does not answer."""
        self._nodes.managers.unreachable(now_ms, end, n.service, n.number)

    def moves(self, now_ms: int, end: int, old: int, new: int) -> None:
        """A person replaces a receiving service, and tells the peer at once."""
        receiving, sending = self._settings[end]
        setting = self._settings[end] = Setting(_replaced(receiving, old, new), sending)
        leave = old not in self._before.receivingDead
        self._nodes.managers.move(now_ms, end, old, setting, now_ms, leave=leave)

    def switches(self, now_ms: int, end: int, old: int, new: int) -> None:
        """A person replaces a sending service."""
        receiving, sending = self._settings[end]
        setting = self._settings[end] = Setting(receiving, _replaced(sending, old, new))
        self._nodes.managers.change_senders(now_ms, end, setting.sending)

    def leaves(self, now_ms: int, end: int, service: int) -> None:
        """A person leaves a receiving service."""
        if not self._nodes.managers.leave(now_ms, end, service, [end]):
            raise Divergence("leaves", f"end {end} at {service}", "may leave", "may not")

    def refuses(self, now_ms: int, end: int) -> None:
        """A person ends the relationship."""
        self._nodes.managers.refuse(now_ms, end)

    # ---------------------------------------------------------------- services

    def forwards(self, now_ms: int, via: int, q: Queued, answered: bool) -> None:
        """A sending service hands over; the answer may be lost."""
        flight = self._flights[_address(q.submission.address)]
        parcel = self._nodes.sending[via].attempt(now_ms, flight.ticket)
        if parcel is None:
            raise Divergence("forwards", f"submission {q.submission.address}", "tried", "given up")
        self._nodes.receiving[q.submission.service].accept(now_ms, parcel)
        self._conclude("forwards", now_ms, via, flight, answered=answered)

    def waits(self, now_ms: int, via: int, q: Queued) -> None:
        """A sending service tries, and nobody answers."""
        flight = self._flights[_address(q.submission.address)]
        if self._nodes.sending[via].attempt(now_ms, flight.ticket) is None:
            raise Divergence("waits", f"submission {q.submission.address}", "tried", "given up")
        self._conclude("waits", now_ms, via, flight, answered=False)

    def givesUp(self, now_ms: int, via: int, q: Queued) -> None:  # the model's name
        """The time of a submission is over."""
        flight = self._flights[_address(q.submission.address)]
        if self._nodes.sending[via].attempt(now_ms, flight.ticket) is not None:
            raise Divergence("givesUp", f"submission {q.submission.address}", "given up", "tried")

    def writesJunk(self, now_ms: int, end: int, g: model.Grant) -> None:  # the model's name
        """A stranger writes to the next address of a grant, which its holder passed on."""
        position = self._before.devices[1 - end].used.get((g.service, g.serial), 0)
        parcel = self._nodes.stray(1 - end, g.service, g.serial, position)
        self._nodes.receiving[g.service].accept(now_ms, parcel)

    # ---------------------------------------------------------------- faults and time

    def crashes(self, now_ms: int, service: int, isSending: bool) -> None:
        """A service goes out of reach."""
        self._world_says()

    def recovers(self, now_ms: int, service: int, isSending: bool) -> None:
        """A service is back."""
        self._world_says()

    def dies(self, now_ms: int, service: int, isSending: bool) -> None:
        """A service is gone for good."""
        (self._nodes.sending if isSending else self._nodes.receiving)[service].die()
        self._world_says()

    def tick(self, now_ms: int) -> None:
        """Time passes."""

    # ---------------------------------------------------------------- performing

    def _hand_over(self, now_ms: int, end: int, transmissions: Sequence[Travelling]) -> None:
        sent = [row for row in self._rows if row[1] == Kind.SENT]
        if len(sent) != len(transmissions):
            raise Divergence("wakes", "transmissions", len(sent), len(transmissions))
        for row, transmission in zip(sent, transmissions, strict=True):
            ticket = self._nodes.sending[transmission.via].submit(now_ms, transmission)
            self._flights[1 - end, row[4], row[5], row[6]] = _Flight(transmission, ticket)

    def _conclude(self, action: str, now_ms: int, via: int, flight: _Flight, *, answered: bool) -> None:
        before, after = self._before, self._after
        outcome: Outcome = self._nodes.sending[via].outcome(now_ms, flight.ticket, answered=answered, draw=0.0)
        kept = sum(map(len, after.queues.values())) == sum(map(len, before.queues.values()))
        if kept != (outcome.retry_ms != DONE):
            raise Divergence(action, "submission kept", kept, outcome)
        told = len(after.notices) > len(before.notices)
        if told != outcome.notice and not before.notices:
            raise Divergence(action, "notice", told, outcome.notice)

    def _world_says(self) -> None:
        """Faults are the world's: it sets what answers, and writes the row."""
        for up, known in (
            (self._weather.receiving, self._after.receivingUp),
            (self._weather.sending, self._after.sendingUp),
        ):
            up[:] = [provider in known for provider in range(PROVIDERS)]
        self._rows.extend(row_of(row, self._after.now * HOUR_MS) for row in self._after.rows)

    # ---------------------------------------------------------------- comparing

    def _compare(self, action: str, now_ms: int, state: State) -> None:
        expected = [row_of(row, now_ms) for row in state.rows]
        if self._rows != expected:
            raise Divergence(action, "rows", expected, self._rows)
        for end in (0, 1):
            told, kept = told_of(state.devices[end]), self._nodes.managers.kept(end)
            for name, value in told.items():
                found = kept_plainly(getattr(kept, FIELDS[name]))
                if name in OF_GRANTS:
                    value, found = current(name, value, told), current(name, found, told)
                if found != value:
                    raise Divergence(action, f"{FIELDS[name]} of end {end}", value, found)


def _address(address: model.Address) -> Address:
    return (address.end, address.service, address.serial, address.position)


def _replaced(services: tuple[int, ...], old: int, new: int) -> tuple[int, ...]:
    return tuple(new if service == old else service for service in services)
