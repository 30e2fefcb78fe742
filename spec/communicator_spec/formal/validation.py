"""Is a log a behaviour of the model? The other direction of the lock-step walks: from what happened to what may happen.

Theory. Trace validation (Cirstea, Kuppe, Loillier, Merz 2024): the model takes, line after line, the one step that can
have written what comes next, and every row of that step must be the next row of the log, with all its columns, at its
time. If there is no such step, the log is none of the model's behaviours, and the line where it parts from all of them
is named. What is left open by the rows is in the diary (`histories`), so there is one state at a time, never a search.

Rules:

1. Time is the log's; it never runs backwards. A device may always be later than it is due, never earlier.
2. A wake explains ISSUED, SENT, FAILED and RELEASED; a fetch explains what is opened, up to CONFIRMED.
3. A message is stored once, from the queue of the sending service that took it. Its answer is taken as lost: then
   nothing that happens later is excluded, and no device can tell the difference.
4. A sending service complains only of what it holds, when it has tried for long enough. If the receiving service was
   not down, one request was lost: in the model, a service that is out of reach for this one instant.
5. What is held back is held back within the terms.
"""

from typing import Final, NamedTuple

from communicator_spec.events import NONE, Kind, Row
from communicator_spec.formal.generated import Queued, World
from communicator_spec.formal.histories import FAULTS, NAMELESS, History, Note, Said
from communicator_spec.formal.model import Model, State, world
from communicator_spec.formal.values import Map, but
from communicator_spec.policies import HOUR_MS, Terms

__all__ = ["Deployment", "Verdict", "validate"]

_WAKES: Final = frozenset((Kind.ISSUED, Kind.SENT, Kind.FAILED, Kind.RELEASED))
_FETCHES: Final = frozenset(
    (Kind.UPDATED, Kind.ACKNOWLEDGED, Kind.DELIVERED, Kind.DUPLICATE, Kind.RECEIVED, Kind.CONFIRMED)
)
_FAULTS: Final = {Kind.CRASHED: "crashes", Kind.RECOVERED: "recovers", Kind.DIED: "dies"}
_MANY: Final = 1 << 40
_NEVER: Final = 1 << 62


class Deployment(NamedTuple):
    """On which terms everybody runs, how many providers there are, and what a service says to a spent address."""

    terms: Terms
    providers: int
    remembers_spent: bool


class Verdict(NamedTuple):
    """Whether a history is a behaviour; if not, how many lines are, and the first that is not (None: its end)."""

    accepted: bool
    explained: int
    line: Row | Note | None = None


def validate(history: History, deployment: Deployment) -> Verdict:
    """Tell whether a history is a behaviour of the model. About 60,000 lines a second."""
    run = _Run(history, deployment)
    while run.place < len(history.lines):
        if not run.explain(history.lines[run.place]):
            reached = run.reached
            return Verdict(False, reached, history.lines[reached] if reached < len(history.lines) else None)
    return Verdict(True, run.place)


class _Run:
    """A run along a history. `place` lines are explained; up to `reached` they agree with a step that is not."""

    def __init__(self, history: History, deployment: Deployment) -> None:
        self._lines = history.lines
        self._terms = deployment.terms
        self._model = Model(_world(history, deployment))
        self._delay = [self._terms.receipt_delay_min_ms] * 2
        self._announces = [0, 0]
        self._state = self._model.init()
        self.place = self.reached = 0
        self._begins = True

    def explain(self, line: Row | Note) -> bool:
        """Take the step that explains the next lines; tell whether there is one."""
        if self._begins:
            self._begins = False
            return self._adopt(self._state)
        self.reached = max(self.reached, self.place)
        t_ms = line.t_ms if isinstance(line, Note) else line[0]
        if t_ms > self._state.now:  # 1
            self._state = self._certain("tick", t_ms - self._state.now)
        return t_ms == self._state.now and (self._note(line) if isinstance(line, Note) else self._row(line))

    # ---------------------------------------------------------------- rows

    def _row(self, row: Row) -> bool:
        _, kind, end, _, service, _, index, via, value = row
        if kind in _WAKES:  # 2
            self._give_up()
            return self._adopt(self._perform("wakes", end, False, 0))
        if kind in _FETCHES:
            return self._fetches(end)
        if kind == Kind.STORED:
            return self._stored(row)
        if kind == Kind.ACCEPTED:
            return self._adopt(self._perform("submits", end))
        if kind == Kind.MOVED:
            at_ms = self._state.now + self._announces[end]
            return self._adopt(self._perform("moves", end, service, index, at_ms))
        if kind == Kind.LEFT:
            return self._adopt(self._perform("leaves", value, service))
        if kind == Kind.ENDED:
            return self._adopt(self._perform("refuses", end))
        return kind in FAULTS and self._adopt(self._perform(_FAULTS[Kind(kind)], max(service, via), via != NONE))

    def _fetches(self, end: int) -> bool:
        """Fetch from a service that has something; the confirmations tell which it was."""
        delay, self._delay[end] = self._delay[end], self._terms.receipt_delay_min_ms
        places = [place for (owner, place), items in self._state.stores.items() if owner == end and items]
        return any(self._adopt(self._perform("fetches", end, place, True, delay)) for place in places)

    def _stored(self, row: Row) -> bool:
        """Let the sending service that holds it hand it over (3)."""
        address = (row[2], row[4], row[5], row[6])
        for via, queue in self._state.queues.items():
            for queued in queue:
                if queued.submission.address == address:
                    return self._adopt(self._perform("forwards", via, queued, False))
        return False

    # ---------------------------------------------------------------- notes

    def _note(self, note: Note) -> bool:
        end, values = note.end, note.values
        if note.said == Said.HOLDS:  # 5
            self._delay[end] = values[0]
            return self._pass(self._terms.receipt_delay_min_ms <= values[0] <= self._terms.receipt_delay_max_ms)
        if note.said == Said.ANNOUNCES:  # 5
            self._announces[end] = values[0]
            return self._pass(0 <= values[0] <= self._terms.announce_spread_ms)
        if note.said == Said.USES:
            return self._uses(end, values)
        if note.said == Said.LOOKED:
            self._give_up()
            looked = self._perform("wakes", end, False, 0)
            return looked is not None and not looked.rows and self._adopt(looked, 1)
        if note.said == Said.COMPLAINED:
            return self._complained(end, *values)
        notice = self._model.record("Notice", end=end, service=values[0], number=values[1])
        return notice in self._state.notices and self._adopt(self._perform("hears", notice), 1)

    def _uses(self, end: int, senders: tuple[int, ...]) -> bool:
        """Replace sending services one by one (PORT-1)."""
        state: State | None = self._state
        for old, new in zip(self._state.devices[end].senders, senders, strict=False):
            if old != new and state is not None:
                state = self._model.perform(state, "switches", end, old, new)
        return state is not None and state.devices[end].senders == senders and self._adopt(state, 1)

    def _complained(self, end: int, via: int, service: int, number: int) -> bool:
        """Let a sending service complain of one submission (4)."""
        notice = self._model.record("Notice", end=end, service=service, number=number)
        if notice in self._state.notices:
            return self._pass(True)  # the answer that was lost was its
        for queued in sorted(self._state.queues[via], key=_since):
            submission = queued.submission
            if (submission.service, submission.number, submission.address.end) == (service, number, 1 - end):
                told = self._unanswered(via, queued)
                if told is not None and notice in told.notices:
                    return self._adopt(told, 1)
        return False

    def _unanswered(self, via: int, queued: Queued) -> State | None:
        service = queued.submission.service
        if service not in self._state.receivingUp:
            return self._perform("waits", via, queued)
        lost = self._certain("crashes", service, False)
        waited = self._model.perform(lost, "waits", via, queued)
        return None if waited is None else self._model.perform(waited, "recovers", service, False)

    # ---------------------------------------------------------------- the model

    def _perform(self, action: str, *arguments: object) -> State | None:
        return self._model.perform(self._state, action, *arguments)

    def _certain(self, action: str, *arguments: object) -> State:
        found = self._perform(action, *arguments)
        assert found is not None, f"{action} is always possible here"
        return found

    def _give_up(self) -> None:
        """Let sending services give up what is late: no device learns of it, and the queues stay short."""
        for via, queue in self._state.queues.items():
            for queued in queue:
                if queued.submission.notAfter <= self._state.now:
                    self._state = self._perform("givesUp", via, queued) or self._state

    def _adopt(self, state: State | None, notes: int = 0) -> bool:
        """Go on from a state if the rows of its step, one at least, are next; those of a note's step do not count."""
        if state is None:
            return False
        place = self.place + notes
        for row in () if notes else state.rows:
            if row.kind in NAMELESS:
                continue
            self.reached = max(self.reached, place)
            if place == len(self._lines) or self._lines[place] != (state.now, *row):
                return False
            place += 1
        if place > self.place:
            self.place, self._state = place, state
            return True
        return False

    def _pass(self, allowed: bool) -> bool:
        self.place += allowed
        return allowed


def _since(queued: Queued) -> tuple[int, int, int]:
    return (queued.since, queued.submission.address.serial, queued.submission.address.position)


def _world(history: History, deployment: Deployment) -> World:
    """Return the world in which a history is to be explained: nothing is bounded, and milliseconds are the unit."""
    everybody = frozenset(range(deployment.providers))
    start = [
        line for line in history.lines if not isinstance(line, Note) and line[:2] == (history.start_ms, Kind.ISSUED)
    ]
    homes = {end: tuple(dict.fromkeys(row[4] for row in start if row[2:4] == (end, 1))) for end in (0, 1)}
    return but(
        world("walk"),
        terms=_terms(deployment.terms),
        receiving=Map(homes), sending=Map(enumerate(history.senders)),
        spare=everybody, spareSending=everybody, mortal=everybody,
        start=history.start_ms, horizon=_NEVER, remembersSpent=deployment.remembers_spent,
        messages=Map({0: _MANY, 1: _MANY}), capacity=_MANY,
        faults=_MANY, deaths=_MANY, moves=_MANY, refusals=_MANY, strangers=_MANY,
    )  # fmt: skip


def _terms(terms: Terms) -> tuple[object, ...]:
    return Model.record(
        "Terms", fault="none", hour=HOUR_MS, rangesMax=terms.ranges_max, announces=terms.announces,
        longTermLifetime=terms.long_term_lifetime_ms, longTermRefresh=terms.long_term_refresh_ms,
        ephemeralLifetime=terms.ephemeral_lifetime_ms, ephemeralRefresh=terms.ephemeral_refresh_ms,
        longTermCapacity=terms.long_term_capacity, ephemeralCapacity=terms.ephemeral_capacity,
        receiptDelayMin=terms.receipt_delay_min_ms, receiptDelayMax=terms.receipt_delay_max_ms,
        escalateAfter=terms.escalate_after_ms, messageLifetime=terms.message_lifetime_ms,
        queueLifetime=terms.queue_lifetime_ms, retryMin=terms.retry_min_ms, retryMax=terms.retry_max_ms,
        unreachableNotice=terms.unreachable_notice_ms, suspect=terms.suspect_ms,
    )  # fmt: skip
