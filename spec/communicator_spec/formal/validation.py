"""Is a log a behaviour of the model? The other direction of the lock-step walks: from what happened to what may happen.

Theory. The log of one relationship says who did what and when, not what was decided silently: that a device looked and
found no way, that a sending service complained, that a person uses another sending service. So the validator keeps a
set of states that the model may be in, and lets each of them perform every action whose rows are the next rows of the
log. If none can, the log is refused at that row. A silent step is tried only where the log cannot be explained without.

What is validated, and what is not:

1. Every row of the two ends and of faults is explained, with all its columns, at its time. Rows of services that name
   no end (FORWARDED, GAVE_UP, REFUSED) are left out: they cannot be attributed to a relationship, by design.
2. What is drawn or decided outside the protocol is taken from the log: when a receipt was due, when a move was
   announced, which service was taken up. It must still be within the terms.
3. A log that is accepted is a behaviour of the model up to its last row. A log that is refused is none, unless more
   than `SILENT_MOST` silent steps stood between two rows.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from communicator_spec.events import NONE, Command, Kind, Row
from communicator_spec.formal.model import Model
from communicator_spec.policies import HOUR_MS, Terms

__all__ = ["Verdict", "relationship_rows", "validate"]

SILENT_MOST: Final = 3
MANY: Final = 1 << 20
NEVER: Final = 1 << 62
FAULTS: Final = (Kind.CRASHED, Kind.RECOVERED, Kind.DIED)
NAMELESS: Final = (Kind.FORWARDED, Kind.GAVE_UP, Kind.REFUSED, Kind.INJECTED)
ARRIVALS: Final = (Kind.UPDATED, Kind.ACKNOWLEDGED, Kind.DELIVERED, Kind.DUPLICATE, Kind.RECEIVED, Kind.CONFIRMED)
DEPARTURES: Final = (Kind.ISSUED, Kind.SENT, Kind.FAILED, Kind.RELEASED)


class Verdict(NamedTuple):
    """Whether a log is a behaviour; if not, how many rows are, and the first that is not. `states` were kept at most."""

    accepted: bool
    explained: int
    row: Row | None
    states: int


def relationship_rows(log: Iterable[Row], relationship: int) -> list[Row]:
    """Return the rows of one relationship, its ends renamed to 0 and 1, from the meeting on; faults of services too.

    A fault before the meeting is told again at the meeting, so that the first row of the result is PAIRED.
    """
    first = 2 * relationship
    people: dict[int, int] = {}
    found: list[Row] = []
    down: dict[tuple[int, int], Row] = {}
    for row in log:
        t_ms, kind, end, *_ = row
        if kind in FAULTS:
            down[row[4], row[7]] = row
            if people:
                found.append(row)
        elif end in (first, first + 1):
            if kind == Kind.PAIRED:
                people[row[8]] = end - first
            found.append((t_ms, kind, end - first, *row[3:]))
        elif kind == Kind.LEFT and row[8] in people:
            found.append((*row[:8], people[row[8]]))
        if kind == Kind.PAIRED and len(people) == 2:
            earlier = [(t_ms, *fault[1:]) for fault in down.values() if fault[1] != Kind.RECOVERED]
            down.clear()
            found.extend(earlier)  # type: ignore[arg-type]  # the columns are those of a row
    return found


def validate(rows: Sequence[Row], senders: tuple[Sequence[int], Sequence[int]], terms: Terms, providers: int, *,
             remembers_spent: bool) -> Verdict:  # fmt: skip
    """Tell whether the rows of one relationship are a behaviour of the model.

    `senders`: the sending services of each end when they met, in order of preference. Milliseconds are the model's unit.
    """
    start = [row for row in rows if row[0] == rows[0][0] and row[1] == Kind.ISSUED]
    used = [_unique(row[4] for row in start if row[2] == end) for end in (0, 1)]
    world = _world(rows[0][0], terms, used, senders, providers, remembers_spent=remembers_spent)
    model = Model(world)
    told = [row for row in rows if row[1] not in (Kind.PAIRED, *NAMELESS)]
    quick = _Search(model, told, silent=0).run()
    return quick if quick.accepted else _Search(model, told, silent=SILENT_MOST).run()


class _Search:
    """One pass over a log with a set of states for each position in it."""

    def __init__(self, model: Model, rows: Sequence[Row], silent: int) -> None:
        self._model = model
        self._rows = rows
        self._silent = silent
        self._receipts = [_times(rows, end, Command.RECEIPT) for end in (0, 1)]
        self._notices = [_times(rows, end, Command.MOVED) for end in (0, 1)]

    def run(self) -> Verdict:
        """Explain row after row."""
        first = self._model.init()
        waiting: dict[int, dict[Any, None]] = {}
        begun = self._explains(0, first, self._rows[0][0])
        if begun < 0:
            return Verdict(False, 0, self._rows[0], 1)  # noqa: FBT003  # named in the tuple
        waiting[begun] = {first: None}
        most = 1
        for position in range(begun, len(self._rows)):
            states = waiting.pop(position, {})
            most = max(most, len(states))
            for state in states:
                for reached, after in self._continue(position, state):
                    waiting.setdefault(reached, {})[after] = None
            if not waiting:
                return Verdict(False, position, self._rows[position], most)  # noqa: FBT003  # likewise
        return Verdict(True, len(self._rows), None, most)  # noqa: FBT003  # likewise

    def _continue(self, position: int, state: Any) -> Iterator[tuple[int, Any]]:
        """Yield the positions and states that one explained step leads to, silent steps before it included."""
        t_ms = self._rows[position][0]
        now = self._take(state, "tick", by=t_ms - state.now) if t_ms > state.now else state
        if now is None:
            return
        layer, seen = {now: None}, {now: None}
        for depth in range(self._silent + 1):
            for current in layer:
                yield from self._step(position, current, t_ms)
            if depth < self._silent:
                later = {quiet: None for current in layer for quiet in self._quiet(self._rows[position], current)}
                layer = {quiet: None for quiet in later if quiet not in seen}
                seen.update(layer)

    def _step(self, position: int, state: Any, t_ms: int) -> Iterator[tuple[int, Any]]:
        for after in self._candidates(self._rows[position], state):
            if after is not None:
                reached = self._explains(position, after, t_ms)
                if reached > position:
                    yield reached, after

    def _candidates(self, row: Row, state: Any) -> Iterator[Any]:
        """Yield what the actions that may begin with this row lead to."""
        _, kind, end, _, service, serial, index, via, value = row
        if kind == Kind.ACCEPTED:
            yield self._take(state, "submits", end=end)
        elif kind in DEPARTURES:
            yield self._take(state, "wakes", end=end, dies=False, whim=0)
        elif kind in ARRIVALS:
            for place in sorted(place for owner, place in state.stores if owner == end and state.stores[owner, place]):
                for delay in self._delays(end, row[0]):
                    yield self._take(state, "fetches", end=end, service=place, confirms=True, delay=delay)
        elif kind == Kind.STORED:
            for sender, queue in state.queues.items():
                for q in queue:
                    address = q.submission.address
                    if (address.end, address.service, address.serial, address.position) == (end, service, serial, index):
                        yield self._take(state, "forwards", via=sender, q=q, answered=True)
        elif kind == Kind.MOVED:
            for announced in (_next(self._notices[end], row[0]), NEVER):
                yield self._take(state, "moves", end=end, old=service, new=index, announceAt=announced)
        elif kind == Kind.LEFT:
            yield self._take(state, "leaves", end=value, service=service)
        elif kind == Kind.ENDED:
            yield self._take(state, "refuses", end=end)
        elif kind in FAULTS:
            action = {Kind.CRASHED: "crashes", Kind.RECOVERED: "recovers", Kind.DIED: "dies"}[Kind(kind)]
            yield self._take(state, action, service=max(service, via), isSending=via != NONE)

    def _quiet(self, row: Row, state: Any) -> Iterator[Any]:
        """Yield what silent steps lead to, of the end that is about to act."""
        _, kind, end, _, _, _, _, via, _ = row
        if end == NONE or kind == Kind.STORED:
            return
        looked = self._take(state, "wakes", end=end, dies=False, whim=0)
        if looked is not None and not looked.rows:
            yield looked
        device = state.devices[end]
        complaints = {
            (q.submission.service, q.submission.number)
            for queue in state.queues.values()
            for q in queue
            if q.submission.address.end == 1 - end and row[0] - q.since >= state_terms(self._model).unreachableNotice
        }
        for service, number in sorted(complaints):
            notice = self._model.record("Notice", end=end, service=service, number=number)
            yield self._take(state, "hears", n=notice)
        if kind == Kind.SENT and via not in device.senders:
            for old in device.senders:
                yield self._take(state, "switches", end=end, old=old, new=via)

    def _delays(self, end: int, t_ms: int) -> tuple[int, ...]:
        """Return how long a receipt that is planned now may be held back: until the next one that left, or longer."""
        terms = state_terms(self._model)
        least, most = terms.receiptDelayMin, terms.receiptDelayMax
        held = _next(self._receipts[end], t_ms + least) - t_ms
        return (held, most) if held < most else (most,)

    def _take(self, state: Any, action: str, **picks: Any) -> Any:
        return self._model.take(state, action, picks)

    def _explains(self, position: int, state: Any, t_ms: int) -> int:
        """Return where the log goes on if the rows of this step are its next ones, else -1."""
        for row in state.rows:
            if row.kind in NAMELESS:
                continue
            if position == len(self._rows) or self._rows[position] != _row(row, t_ms):
                return -1
            position += 1
        return position


def state_terms(model: Model) -> Any:
    """Return the terms of a model's world."""
    return model.world.terms


def _times(rows: Sequence[Row], end: int, command: Command) -> list[int]:
    return [row[0] for row in rows if row[1] == Kind.SENT and row[2] == end and row[8] == command]


def _next(times: Sequence[int], t_ms: int) -> int:
    return next((time for time in times if time >= t_ms), NEVER)


def _unique(numbers: Iterable[int]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(numbers))


def _row(row: Any, t_ms: int) -> Row:
    return (t_ms, row.kind, row.end, row.message, row.service, row.serial, row.position, row.via, row.value)


def _world(start: int, terms: Terms, receiving: Sequence[tuple[int, ...]], senders: Sequence[Sequence[int]],
           providers: int, *, remembers_spent: bool) -> dict[str, object]:  # fmt: skip
    """Return the world in which a log is to be explained: nothing is bounded, milliseconds are the unit."""
    everybody = frozenset(range(providers))
    return {
        "terms": {
            "hour": HOUR_MS,
            "longTermLifetime": terms.long_term_lifetime_ms,
            "longTermRefresh": terms.long_term_refresh_ms,
            "ephemeralLifetime": terms.ephemeral_lifetime_ms,
            "ephemeralRefresh": terms.ephemeral_refresh_ms,
            "longTermCapacity": terms.long_term_capacity,
            "ephemeralCapacity": terms.ephemeral_capacity,
            "rangesMax": terms.ranges_max,
            "announces": terms.announces,
            "receiptDelayMin": terms.receipt_delay_min_ms,
            "receiptDelayMax": terms.receipt_delay_max_ms,
            "escalateAfter": terms.escalate_after_ms,
            "messageLifetime": terms.message_lifetime_ms,
            "queueLifetime": terms.queue_lifetime_ms,
            "retryMin": terms.retry_min_ms,
            "retryMax": terms.retry_max_ms,
            "unreachableNotice": terms.unreachable_notice_ms,
            "suspect": terms.suspect_ms,
            "fault": "none",
        },
        "receiving": {0: receiving[0], 1: receiving[1]},
        "sending": {0: tuple(senders[0]), 1: tuple(senders[1])},
        "spare": everybody,
        "spareSending": everybody,
        "lossy": frozenset[int](),
        "start": start,
        "horizon": NEVER,
        "prompt": False,
        "folded": False,
        "remembersSpent": remembers_spent,
        "messages": {0: MANY, 1: MANY},
        "capacity": MANY,
        **dict.fromkeys(("faults", "deaths", "moves", "refusals", "strangers"), MANY),
    }
