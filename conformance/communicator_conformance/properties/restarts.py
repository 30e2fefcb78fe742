"""Sessions begun anew: openings of any age, again and again, and what was adopted last (chapter 12).

Theory. Whoever answers an opening knows three times: that of the opening, its own, and that of the newest opening that
it has adopted. An opening no newer than that is replayed; one further from now than clocks may differ has expired. All
other openings of the peer are answered.
"""

from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import rule

from communicator_conformance.properties.searching import Machine
from communicator_conformance.properties.stock import step_of
from communicator_conformance.properties.trial import NOW
from communicator_conformance.vectors import Step
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["Restarts"]

SKEW_S: Final = PARAMETERS.resync.clock_skew_s
BODY: Final = "524553594e43"
_edges: Final = st.sampled_from((-SKEW_S - 1, -SKEW_S, -1, 0, 1, SKEW_S, SKEW_S + 1))


class Restarts(Machine):
    """Openings in any order, with what was adopted before."""

    name = "resync"
    needs = frozenset({"rm", "resync"})
    clauses = ("PORT-19", "PORT-20")

    def set_out(self) -> None:
        """Nothing was adopted."""
        self.newest_s = 0
        self.now = NOW
        self.answerer = {name: value for name, value in step_of("resync/conversation", "session.answer").args.items()
                         if name not in ("ciphertext", "newest_s")}  # fmt: skip

    @rule(seconds=st.sampled_from((1, 3600, SKEW_S)))
    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self.now += seconds

    @rule(after=_edges)
    def answer(self, after: int) -> None:
        """Answer an opening that was made so long after now, and adopt it."""
        made_s = self.now + after
        args = {**self.answerer, "newest_s": self.newest_s, "ciphertext": self._opening(made_s)}
        with self.judged() as trial:
            if made_s <= self.newest_s:
                if abs(after) <= SKEW_S:  # both are wrong otherwise
                    trial.refuse("session.answer", args, ErrorClass.REPLAYED, self.now, {**args, "newest_s": 0})
            elif abs(after) > SKEW_S:
                instead = {**args, "ciphertext": self._opening(self.now)} if self.newest_s < self.now else None
                trial.refuse("session.answer", args, ErrorClass.EXPIRED, self.now, instead)
            else:
                trial.take("session.answer", args, {"body": BODY}, self.now)
                self.newest_s = made_s

    def probe(self) -> list[Step]:
        """Answer an opening of now, as if none had been adopted."""
        args = {**self.answerer, "newest_s": 0, "ciphertext": self._opening(self.now)}
        return [Step("probe", "session.answer", args, None if self.now == NOW else self.now, {"body": BODY})]

    def _opening(self, made_s: int) -> object:
        begun = self.of.stock.make("session.restart", step_of("resync/conversation", "session.restart").args, made_s)
        return self.of.stock.make("session.seal", {"session": begun["handle"], "body": BODY}, made_s)["ciphertext"]
