"""What somebody can compute from terms, and whether two worlds look the same (static equivalence).

A *frame* is what was seen, in order. A *recipe* says how to compute something from it: x1 is what was seen first,
`unseal(x1, x2, c)` is the outcome of a destructor, `hash(x1)` that of a constructor. Two frames of equal length are
statically equivalent if no recipe works in one only, and no two recipes give the same value in one only (Abadi and
Cortier, 2006). What differs is a link, and the recipes are its witness.

Method, for both frames at once:

1. *Saturate*: apply a destructor to everything known whenever all that it needs can be computed, in either world. The
   same recipe must work in the other world; if it does not, that is the witness. The outcome is known from then on.
2. *Compare*: what is known must not be equal to anything else known in one world only, nor to anything that can be
   *built* from what is known: a term that is known in one world as f(t1 … tn), where all of t1 … tn can be built, must
   be so in the other.

Recipes are not bounded in depth: a term is built by recursion over its structure, and saturation ends because a
destructor gives parts of what it is applied to (or, in the case of `unblind`, the signature of a part). What this
decides is equivalence for the equations of `terms` and for somebody who watches. The tests hold it against an
enumeration of all small recipes, and every witness is evaluated in both worlds before it is reported.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from communicator_spec.formal.unlinkability.terms import CONSTANT, NAME, RULES, Rule, Term, apply

__all__ = ["Frame", "Recipe", "Witness", "computes", "distinguish", "evaluate", "holds"]

Frame = Sequence[tuple[str, Term]]
"""What was seen: a label for people, and the term."""

_DEPTH = 12  # how deep a recipe is shown


class Recipe(NamedTuple):
    """How to compute something: `x` and a position, a constant, or a function of recipes."""

    head: str
    parts: tuple["Recipe", ...] = ()
    position: int = -1
    value: Term | None = None

    def show(self, variables: dict[int, str], depth: int = _DEPTH) -> str:
        """Return the recipe as text; `variables` names positions and is added to. What is deep is left out."""
        if self.position >= 0:
            return variables.setdefault(self.position, f"x{len(variables) + 1}")
        if self.value is not None:
            return f"“{self.value.text}”"
        if depth == 0:
            return "…"
        return f"{self.head}({', '.join(part.show(variables, depth - 1) for part in self.parts)})"


class Witness(NamedTuple):
    """A test that holds in one world only: that two recipes agree, or that a recipe works at all (no second)."""

    first: Recipe
    second: Recipe | None
    world: int

    def show(self, frame: Frame) -> str:
        """Return the test as text, and what its variables stand for."""
        variables: dict[int, str] = {}
        test = self.first.show(variables)
        test = f"{test} works" if self.second is None else f"{self.second.show(variables)} = {test}"
        return f"{test}, where {'; '.join(f'{x} = {frame[position][0]}' for position, x in variables.items())}"


def evaluate(recipe: Recipe, frame: Frame) -> Term | None:
    """Compute a recipe from a frame; None if a destructor fails."""
    done: dict[int, Term | None] = {}  # recipes share parts; keyed by identity, for the time of this call

    def value(part: Recipe) -> Term | None:
        if id(part) not in done:
            done[id(part)] = _step(part, frame, [value(below) for below in part.parts])
        return done[id(part)]

    return value(recipe)


def _step(recipe: Recipe, frame: Frame, parts: Sequence[Term | None]) -> Term | None:
    if recipe.position >= 0:
        return frame[recipe.position][1]
    if recipe.value is not None:
        return recipe.value
    values = [part for part in parts if part is not None]
    if len(values) < len(parts):
        return None
    rules = [rule for rule in RULES if rule.name == recipe.head]
    for rule in rules:
        if rule.head == values[0].head and rule.needs(values[0]) == tuple(values[1:]):
            return rule.result(values[0])
    return None if rules else apply(recipe.head, *values)


def holds(witness: Witness, frame: Frame) -> bool:
    """Tell whether a test holds in a frame."""
    first = evaluate(witness.first, frame)
    second = first if witness.second is None else evaluate(witness.second, frame)
    return first is not None and first is second


class _Known(NamedTuple):
    """A recipe and what it gives in both worlds."""

    recipe: Recipe
    terms: tuple[Term, Term]


class _Found(Exception):
    """The worlds differ."""

    def __init__(self, first: Recipe, second: Recipe | None, world: int) -> None:
        super().__init__()
        self.witness = Witness(first, second, world)


_RULES_OF = {head: tuple(rule for rule in RULES if rule.head == head) for head in dict.fromkeys(r.head for r in RULES)}


class _Closure:
    """Everything that can be taken apart, in both worlds."""

    def __init__(self, left: Frame, right: Frame) -> None:
        self.entries: list[_Known] = []
        self.by_term: tuple[dict[Term, _Known], dict[Term, _Known]] = ({}, {})
        self.built: tuple[dict[Term, _Known | None], dict[Term, _Known | None]] = ({}, {})
        self.waiting: list[tuple[_Known, Rule]] = []
        for position, ((_, a), (_, b)) in enumerate(zip(left, right, strict=True)):
            self.learn(Recipe("x", position=position), a, b)

    def learn(self, recipe: Recipe, a: Term, b: Term) -> None:
        """Add what a recipe gives; raise `_Found` if it equals something known in one world only."""
        old = self.by_term[0].get(a)
        other = self.by_term[1].get(b)
        if old is not None and old.terms[1] is not b:
            raise _Found(recipe, old.recipe, 0)
        if other is not None and other.terms[0] is not a:
            raise _Found(recipe, other.recipe, 1)
        if old is not None:
            return
        entry = _Known(recipe, (a, b))
        self.entries.append(entry)
        self.by_term[0][a] = self.by_term[1][b] = entry
        heads = dict.fromkeys((a.head, b.head))
        self.waiting += [(entry, rule) for head in heads for rule in _RULES_OF.get(head, ())]

    def build(self, world: int, term: Term) -> _Known | None:
        """Return how a term of a world is computed, and what that gives in both; None if it cannot be."""
        known = self.by_term[world].get(term)
        if known is not None or term.head == NAME:
            return known
        if term.head == CONSTANT:
            return _Known(Recipe(CONSTANT, value=term), (term, term))
        if term in self.built[world]:
            return self.built[world][term]
        self.built[world][term] = made = self._constructed(world, term)
        return made

    def _constructed(self, world: int, term: Term) -> _Known | None:
        parts = self.build_all(world, term.parts)
        if parts is None:
            return None
        recipe = Recipe(term.head, tuple(part.recipe for part in parts))
        left = apply(term.head, *(part.terms[0] for part in parts))
        return _Known(recipe, (left, apply(term.head, *(part.terms[1] for part in parts))))

    def build_all(self, world: int, terms: Iterable[Term]) -> list[_Known] | None:
        """Return how all of several terms are computed; None if one cannot be."""
        found: list[_Known] = []
        for term in terms:
            part = self.build(world, term)
            if part is None:
                return None
            found.append(part)
        return found

    def saturate(self) -> None:
        """Apply destructors until nothing new comes out; what could not be built in the last round never can."""
        fired = True
        while fired:
            fired, again = False, self.waiting
            self.waiting = []
            self.forget_failures()
            for entry, rule in again:
                if self.fire(entry, rule):
                    fired = True
                else:
                    self.waiting.append((entry, rule))

    def forget_failures(self) -> None:
        """What could not be built may be built now."""
        for memo in self.built:
            for term in [term for term, made in memo.items() if made is None]:
                del memo[term]

    def fire(self, entry: _Known, rule: Rule) -> bool:
        """Apply a destructor if it can be applied in a world; it must fit in the other as well."""
        for world in (0, 1):
            term = entry.terms[world]
            needs = rule.needs(term) if term.head == rule.head else None
            keys = None if needs is None else self.build_all(world, needs)
            if keys is None:
                continue
            recipe = Recipe(rule.name, (entry.recipe, *(key.recipe for key in keys)))
            twin = entry.terms[1 - world]
            wanted = tuple(key.terms[1 - world] for key in keys)
            if not any(r.name == rule.name and r.needs(twin) == wanted for r in _RULES_OF.get(twin.head, ())):
                raise _Found(recipe, None, world)
            if twin.head == rule.head:
                self.learn(recipe, rule.result(entry.terms[0]), rule.result(entry.terms[1]))
            return True
        return False

    def compare(self) -> None:
        """Whatever is known and can be built as well must be built in the same way in both worlds."""
        for entry in self.entries:
            for world in (0, 1):
                term = entry.terms[world]
                made = (
                    self._atom(term)
                    if term.head == CONSTANT
                    else self._constructed(world, term)
                    if term.parts
                    else None
                )
                if made is not None and made.terms[1 - world] is not entry.terms[1 - world]:
                    raise _Found(entry.recipe, made.recipe, world)

    def _atom(self, term: Term) -> _Known:
        return _Known(Recipe(CONSTANT, value=term), (term, term))


def distinguish(left: Frame, right: Frame) -> Witness | None:
    """Return a test that tells two frames apart, None if they are equivalent; frames of unequal length are an error.

    Cost: a saturation is quadratic at worst in what can be taken apart; a thousand terms take about 20 ms.
    """
    try:
        closure = _Closure(left, right)
        closure.saturate()
        closure.compare()
    except _Found as found:
        return found.witness
    return None


def computes(frame: Frame, goals: Sequence[Term]) -> list[Recipe | None]:
    """Return for each term a recipe that computes it from a frame, None where there is none."""
    closure = _Closure(frame, frame)
    closure.saturate()
    made = [closure.build(0, goal) for goal in goals]
    return [None if found is None else found.recipe for found in made]
