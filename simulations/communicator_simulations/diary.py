"""What a run's log does not say, noted while it runs: what devices did without a row, and what was drawn for them.

The log has what each place knows at each instant, and nothing else. To tell whether it is a behaviour of the formal
model, one must also know that a device looked and found no way, or heard a complaint. A `Diary` stands between the
world and the nodes of either fidelity, passes every call on, and notes these with their place in the log.

Rules:

1. A diary changes nothing: the log of a run with a diary is that of the run without.
2. A note stands where its step begins. A step with rows needs none, unless something was drawn or decided for it.
3. What the world knows of a transmission (whose it is, which message) no service learns from being noted.
"""

from collections.abc import Callable, Sequence

from communicator_spec import Row, Terms, receipt_delay_ms
from communicator_spec.formal.histories import Note, Said
from communicator_spec.nodes import Fidelity, Managers, Nodes, Outcome, Reach, Receiving, Sending, Setting, Travelling

__all__ = ["Diary"]


class Diary:
    """A fidelity that notes what the log does not say; `notes` are complete when the run has ended."""

    def __init__(self, fidelity: Fidelity, log: list[Row]) -> None:
        """`log` is where the world writes its rows."""
        self._fidelity = fidelity
        self.log = log
        self.notes: list[Note] = []

    def __call__(
        self,
        providers: int,
        terms: Terms,
        reach: Reach,
        receipt_draw: Callable[[int, int], float],
        emit: Callable[[Row], None],
    ) -> Nodes:
        """Build the nodes."""
        delays: list[int] = []

        def draw(end: int, index: int) -> float:
            found = receipt_draw(end, index)
            delays.append(receipt_delay_ms(found, terms))
            return found

        return _NotedNodes(self._fidelity(providers, terms, reach, draw, emit), self, delays)

    def note(self, t_ms: int, end: int, said: Said, *values: int, place: int = -1) -> None:
        """Add a line; `place` is that of the next row, unless it is given."""
        self.notes.append(Note(len(self.log) if place < 0 else place, t_ms, end, said, values))


class _NotedNodes:
    """Nodes whose calls are noted."""

    def __init__(self, nodes: Nodes, diary: Diary, delays: list[int]) -> None:
        self._nodes = nodes
        self.managers: Managers = _NotedManagers(nodes.managers, diary, delays)
        self.receiving: Sequence[Receiving] = nodes.receiving
        self.sending: Sequence[Sending] = [_NotedSending(core, diary) for core in nodes.sending]
        self.turned_away = nodes.turned_away
        self.keep = nodes.keep
        self.restore = nodes.restore
        self.register = nodes.register

    def junk(self, service: int, draw: float) -> object:
        """As the nodes do."""
        return self._nodes.junk(service, draw)

    def stray(self, holder: int, service: int, serial: int, position: int) -> object:
        """As the nodes do."""
        return self._nodes.stray(holder, service, serial, position)


class _NotedManagers:
    """Relationship managers whose calls are noted."""

    def __init__(self, managers: Managers, diary: Diary, delays: list[int]) -> None:
        self._managers = managers
        self._diary = diary
        self._delays = delays
        self._senders: dict[int, tuple[int, ...]] = {}
        self.submit = managers.submit
        self.deadline_ms = managers.deadline_ms
        self.refuse = managers.refuse
        self.leave = managers.leave
        self.restart = managers.restart
        self.kept = managers.kept

    def pair(self, now_ms: int, first: int, people: tuple[int, int], settings: tuple[Setting, Setting]) -> None:
        """Note the sending services that both ends begin with."""
        self._managers.pair(now_ms, first, people, settings)
        for end, setting in enumerate(settings, first):
            self._uses(now_ms, end, setting.sending)

    def wake(self, now_ms: int, end_id: int) -> Sequence[Travelling]:
        """Note that nothing came of it."""
        due, before = self._managers.deadline_ms(end_id) <= now_ms, len(self._diary.log)
        found = self._managers.wake(now_ms, end_id)
        if due and len(self._diary.log) == before:
            self._diary.note(now_ms, end_id, Said.LOOKED)
        return found

    def receive(self, now_ms: int, end_id: int, service: int, *, confirms: bool = True) -> None:
        """Note how long a receipt that was planned is held back."""
        before = len(self._diary.log)
        self._delays.clear()
        self._managers.receive(now_ms, end_id, service, confirms=confirms)
        for delay_ms in self._delays:
            self._diary.note(now_ms, end_id, Said.HOLDS, delay_ms, place=before)

    def unreachable(self, now_ms: int, end_id: int, service: int, reference: int) -> None:
        """Note that the device heard of it."""
        self._managers.unreachable(now_ms, end_id, service, reference)
        self._diary.note(now_ms, end_id, Said.HEARD, service, reference)

    def move(self, now_ms: int, end_id: int, old: int, setting: Setting, announce_ms: int, *, leave: bool) -> None:
        """Note when it is to be announced, and the sending services from then on."""
        before = len(self._diary.log)
        self._managers.move(now_ms, end_id, old, setting, announce_ms, leave=leave)
        if len(self._diary.log) > before:
            self._diary.note(now_ms, end_id, Said.ANNOUNCES, announce_ms - now_ms, place=before)
        self._uses(now_ms, end_id, setting.sending)

    def change_senders(self, now_ms: int, end_id: int, senders: tuple[int, ...]) -> None:
        """Note the sending services from now on."""
        self._managers.change_senders(now_ms, end_id, senders)
        self._uses(now_ms, end_id, senders)

    def _uses(self, now_ms: int, end: int, senders: tuple[int, ...]) -> None:
        if self._senders.get(end) != senders:
            self._senders[end] = senders
            self._diary.note(now_ms, end, Said.USES, *senders)


class _NotedSending:
    """One sending service whose complaints are noted."""

    def __init__(self, core: Sending, diary: Diary) -> None:
        self._core = core
        self._diary = diary
        self._held: dict[int, Travelling] = {}
        self.attempt = core.attempt
        self.die = core.die

    def submit(self, now_ms: int, submission: Travelling) -> int:
        """Remember whose it is (3)."""
        ticket = self._core.submit(now_ms, submission)
        self._held[ticket] = submission
        return ticket

    def outcome(self, now_ms: int, ticket: int, *, answered: bool, draw: float) -> Outcome:
        """Note a complaint."""
        found = self._core.outcome(now_ms, ticket, answered=answered, draw=draw)
        if found.notice:
            held = self._held[ticket]
            self._diary.note(now_ms, held.end, Said.COMPLAINED, held.via, held.service, held.reference)
        return found
