"""What a translated text is made of, and how it is run: states, steps, and the ways from one to the next.

`Machine` binds a translated text to a world. It is a transition system: `init` gives the state to begin with, `steps`
every state that may follow. It keeps nothing between two calls.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Generic, NamedTuple, Protocol, TypeVar

from communicator_spec.formal.values import FormalError

S = TypeVar("S", bound=tuple[object, ...])
W_contra = TypeVar("W_contra", contravariant=True)

Picks = tuple[tuple[str, object], ...]


class Ambiguous(FormalError):
    """The picks that were named leave more than one state."""


class Step(NamedTuple, Generic[S]):
    """A step: the action that was taken, what was picked (name, value), and the state after it."""

    action: str
    picks: Picks
    state: S


class Branch(NamedTuple, Generic[S]):
    """One alternative of a text: the actions it may take, and the generator of its steps."""

    actions: tuple[str, ...]
    ways: Callable[[S | None, Mapping[str, object] | None], Iterator[Step[S]]]


class Bound(NamedTuple, Generic[S]):
    """A text whose constant is fixed: its beginnings, alternatives, definitions, actions, and what observes."""

    init: tuple[Branch[S], ...]
    step: tuple[Branch[S], ...]
    values: Mapping[str, Callable[[S], object]]
    actions: Mapping[str, Callable[..., S | None]]
    observing: tuple[str, ...]


class Text(Protocol[W_contra, S]):
    """A translated text: a generated module."""

    OBSERVED: tuple[str, ...]
    State: type[S]

    @staticmethod
    def bind(world: W_contra, /) -> Bound[S]:
        """Fix the constant."""
        ...


class Machine(Generic[S]):
    """A translated text in one world."""

    def __init__(self, bound: Bound[S], state: type[S], observed: tuple[str, ...]) -> None:
        self._bound = bound
        self._by_action: dict[str, list[Branch[S]]] = {}
        for branch in bound.step:
            for action in branch.actions:
                self._by_action.setdefault(action, []).append(branch)
        self.state = state
        self.fields: tuple[str, ...] = state._fields  # type: ignore[attr-defined]
        self.kept = len(self.fields) - len(observed)
        self.actions = tuple(self._by_action)
        self.definitions = tuple(bound.values)

    def init(self) -> S:
        """Return the state to begin with; `Ambiguous` if there are several."""
        found = self.inits()
        if len(found) != 1:
            raise Ambiguous(f"{len(found)} states to begin with")
        return found[0]

    def inits(self) -> list[S]:
        """Return all states to begin with."""
        return [step.state for branch in self._bound.init for step in branch.ways(None, None)]

    def steps(self, state: S) -> list[Step[S]]:
        """Return every step from a state, in the order of the text and of the picks."""
        return [step for branch in self._bound.step for step in branch.ways(state, None)]

    def candidates(self, state: S, action: str, picks: Mapping[str, object]) -> list[Step[S]]:
        """Return the steps of one action with these picks; those not named may be any. `KeyError`: no such action."""
        found = [step for branch in self._by_action[action] for step in branch.ways(state, picks)]
        return [s for s in found if s.action == action and picks.keys() <= {name for name, _ in s.picks}]

    def take(self, state: S, action: str, picks: Mapping[str, object]) -> S | None:
        """Return the state after one action with these picks, None if it cannot be taken; `Ambiguous` if several."""
        found = {step.state: None for step in self.candidates(state, action, picks)}
        if len(found) > 1:
            raise Ambiguous(f"{action} {dict(picks)!r} leads to {len(found)} states")
        return next(iter(found), None)

    def perform(self, state: S, action: str, *arguments: object) -> S | None:
        """Return the state after an action with any arguments, also such as `step` never picks; None if it cannot be.

        What `step` demands outside the action (that a pick is in a set) is the caller's to check. `KeyError`: no such
        action, or it is one of those that choose.
        """
        return self._bound.actions[action](state, *arguments)

    def value(self, definition: str, state: S) -> object:
        """Return the value of a definition without parameters. `KeyError`: no such definition."""
        return self._bound.values[definition](state)

    def definition(self, name: str) -> Callable[[S], object]:
        """Return a definition without parameters as a function of the state. `KeyError`: no such definition."""
        return self._bound.values[name]

    def observes(self, definition: str) -> bool:
        """Does a definition read an observed variable? Then it judges steps, not states."""
        return definition in self._bound.observing

    def key(self, state: S) -> tuple[object, ...]:
        """Return what makes two states the same: all but the observed variables."""
        return tuple(state[: self.kept])


def machine(text: Text[W_contra, S], world: W_contra) -> Machine[S]:
    """Bind a translated text to a world."""
    return Machine(text.bind(world), text.State, text.OBSERVED)
