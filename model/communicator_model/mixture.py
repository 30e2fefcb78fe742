"""A population in which some people's devices were told something else: relationship managers on different terms.

Theory. What an end decides depends on its own terms alone; what it learns of the peer travels in messages. So the rules
of `relationships` hold for each end on its own terms, and nothing else is needed where both meet.

Rule: whatever is called for an end is done on the terms of its person. Nobody's terms change in a run.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from communicator_model.ends import End, Transmission
from communicator_model.receiving import ReceivingService
from communicator_model.relationships import RelationshipManagers
from communicator_spec import Grant, Row, Terms
from communicator_spec.nodes import Reach, Setting

__all__ = ["MixedManagers"]

_PAIR: Final = 2


class MixedManagers(RelationshipManagers):
    """All relationship managers of a population; `others` has the terms of those people who are not on the usual."""

    def __init__(
        self,
        terms: Terms,
        others: Mapping[int, Terms],
        services: Sequence[ReceivingService],
        reach: Reach,
        receipt_draw: Callable[[int, int], float],
        emit: Callable[[Row], None],
    ) -> None:
        super().__init__(terms, services, reach, receipt_draw, emit)
        self._usual, self._others = terms, others
        self._terms_of: list[Terms] = []

    def pair(self, now_ms: int, first: int, people: tuple[int, int], settings: tuple[Setting, Setting]) -> None:
        """Start a relationship; each end has the terms of its person from now on."""
        self._terms_of += [self._others.get(person, self._usual) for person in people]
        super().pair(now_ms, first, people, settings)

    def move(self, now_ms: int, end_id: int, old: int, setting: Setting, announce_ms: int, *, leave: bool) -> None:
        """Replace a receiving service by the person's decision."""
        self._terms = self._terms_of[end_id]
        super().move(now_ms, end_id, old, setting, announce_ms, leave=leave)

    def refuse(self, now_ms: int, end_id: int, *, tell: bool = False) -> list[Transmission]:
        """End the relationship."""
        self._terms = self._terms_of[end_id]
        return super().refuse(now_ms, end_id, tell=tell)

    def wake(self, now_ms: int, end_id: int) -> list[Transmission]:
        """Do everything that is due."""
        self._terms = self._terms_of[end_id]
        return super().wake(now_ms, end_id)

    def receive(self, now_ms: int, end_id: int, service: int, *, confirms: bool = True) -> None:
        """Fetch everything stored for one root at one service, and apply it."""
        self._terms = self._terms_of[end_id]
        super().receive(now_ms, end_id, service, confirms=confirms)

    def unreachable(self, now_ms: int, end_id: int, service: int, reference: int) -> None:
        """Take a sending service's notice that a receiving service does not answer."""
        self._terms = self._terms_of[end_id]
        super().unreachable(now_ms, end_id, service, reference)

    def _refresh(self, now_ms: int, end_id: int, end: End, *, in_conversation: bool, everywhere: bool = False) -> None:
        self._terms = self._terms_of[end_id]  # two ends meet in `pair`
        super()._refresh(now_ms, end_id, end, in_conversation=in_conversation, everywhere=everywhere)

    def _adopt(self, end: End, grants: tuple[Grant, ...], version: int) -> None:
        for end_id in range(len(self._ends) - _PAIR, len(self._ends)):
            if self._ends[end_id] is end:  # likewise
                self._terms = self._terms_of[end_id]
        super()._adopt(end, grants, version)
