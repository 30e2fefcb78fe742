"""Tokens begun and finished in any order: each request has one answer, and only that makes a token.

Theory. A token is a signature that its issuer never saw, over a nonce and a challenge that its holder chose. Whatever
the order of answers, only the answer to one's own request gives a token, and always the same one; any other answer, or
that answer with one bit changed, is forged.
"""

from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from communicator_conformance.properties.searching import Machine
from communicator_conformance.properties.stock import named, step_of
from communicator_conformance.vectors import Step
from communicator_spec.errors import ErrorClass

__all__ = ["Tokens"]

PENDING_MAX: Final = 3
PLACES: Final = st.integers(0, PENDING_MAX - 1)


class Tokens(Machine):
    """A holder with several requests under way."""

    name = "token"
    needs = frozenset({"rm", "token"})
    clauses = ("TOK-7",)

    def set_out(self) -> None:
        """Nothing is under way."""
        self.pending: list[tuple[str, dict[str, object]]] = []

    @precondition(lambda self: len(self.pending) < PENDING_MAX)
    @rule(nonce=st.integers(0, 1), challenge=st.integers(0, 1))
    def begin(self, nonce: int, challenge: int) -> None:
        """Begin a token, perhaps the same as before."""
        own = {"nonce": named(f"nonce {nonce}"), "digest": named(f"challenge {challenge}")}
        args = {**step_of("token/begin", "token.begin").args, **own}
        made = self.of.stock.make("token.begin", args)
        with self.judged() as trial:
            step = trial.take("token.begin", args, {"request": made["request"]})
        self.pending.append((f"${step}.handle", made))

    @precondition(lambda self: self.pending)
    @rule(place=PLACES, other=PLACES, bit=st.none() | st.integers(0, 2047))
    def finish(self, place: int, other: int, bit: int | None) -> None:
        """Finish one with its answer, that of another, or one with a bit changed."""
        handle, made = self.pending[place % len(self.pending)]
        _, theirs = self.pending[other % len(self.pending)]
        right, answer = self._answer(made), self._answer(theirs)
        if bit is not None:
            answer = f"{int(answer, 16) ^ (1 << bit):0{len(answer)}x}"
        token = self.of.stock.make("token.finish", {"pending": made["handle"], "answer": right})["token"]
        instead = {"pending": handle, "answer": right}
        with self.judged() as trial:
            if answer == right:
                trial.take("token.finish", instead, {"token": token})
            else:
                trial.refuse("token.finish", {"pending": handle, "answer": answer}, ErrorClass.FORGED, instead=instead)

    def probe(self) -> list[Step]:
        """Finish the first one rightly."""
        handle, made = self.pending[0]
        return [Step("probe", "token.finish", {"pending": handle, "answer": self._answer(made)})]

    def _answer(self, made: dict[str, object]) -> str:
        key = step_of("token/sign", "token.sign").args
        return str(self.of.stock.make("token.sign", {**key, "request": made["request"]})["answer"])
