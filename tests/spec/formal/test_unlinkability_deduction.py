"""Recipes are found however deep, and two frames are told apart exactly when a recipe does it."""

from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from communicator_spec.formal.unlinkability.deduction import (
    Frame,
    Recipe,
    Witness,
    computes,
    distinguish,
    evaluate,
    holds,
)
from communicator_spec.formal.unlinkability.terms import (
    OK,
    RULES,
    Term,
    aead,
    apply,
    blind,
    bsign,
    constant,
    digest,
    hpke,
    kdf,
    mac,
    name,
    number,
    pair,
    pk,
    rsign,
    sign,
    unpack,
)

A, B, C, K, L, M, N, R, Q = (name(text) for text in "ABCKLMNRQ")
ZERO, INFO = constant("0"), constant("info")


def frame(*terms: Term) -> list[tuple[str, Term]]:
    return [(f"seen {k}", term) for k, term in enumerate(terms)]


def told(left: Frame, right: Frame) -> Witness | None:
    """Distinguish, and hold the witness against both frames."""
    witness = distinguish(left, right)
    if witness is not None:
        frames = (left, right)
        assert holds(witness, frames[witness.world])
        assert not holds(witness, frames[1 - witness.world])
    return witness


def test_equal_terms_are_one_object() -> None:
    assert pair(A, B, C) is pair(A, pair(B, C))
    assert unpack(pair(A, B, C), 3) == (A, B, C)
    assert unpack(pair(A, B), 3) is None


def test_every_destructor_gives_what_its_equation_says() -> None:
    outcomes = {
        ("fst", pair(A, B)): A,
        ("snd", pair(A, B)): B,
        ("open", aead(M, K, N, ZERO)): M,
        ("unseal", hpke(M, pk(K), INFO, R)): M,
        ("verify", sign(M, K)): OK,
        ("verify", rsign(M, K)): OK,
        ("verify", bsign(M, K)): OK,
        ("recover", rsign(M, K)): pk(K),
        ("unblind", blind(M, R)): M,
        ("unblind", bsign(blind(M, R), K)): bsign(M, K),
    }
    assert {(rule.name, rule.head) for rule in RULES} == {(name_, term.head) for name_, term in outcomes}
    for (rule_name, term), outcome in outcomes.items():
        rule = next(rule for rule in RULES if (rule.name, rule.head) == (rule_name, term.head))
        needs = rule.needs(term)
        assert needs is not None
        parts = (Recipe("x", position=0), *(Recipe("x", position=1 + k) for k in range(len(needs))))
        assert evaluate(Recipe(rule_name, parts), frame(term, *needs)) is outcome


@pytest.mark.parametrize(
    ("seen", "goal", "reached"),
    [
        ((pair(A, B),), B, True),
        ((aead(M, kdf(K, INFO), N, ZERO), K, N), M, True),
        ((aead(M, kdf(K, INFO), N, ZERO), kdf(K, ZERO), N), M, False),
        ((hpke(aead(M, K, N, ZERO), pk(L), INFO, R), L, K, N), M, True),
        ((hpke(M, pk(L), INFO, R), pk(L), R), M, False),
        ((aead(M, kdf(K, INFO), N, ZERO), aead(K, L, N, ZERO), N, L), M, True),
        ((rsign(M, K), M), pk(K), True),
        ((sign(M, K), M), pk(K), False),
        ((bsign(blind(M, R), K), R), bsign(M, K), True),
        ((bsign(blind(M, R), K), M), bsign(M, K), False),
        ((mac(mac(K, ZERO), INFO),), mac(K, ZERO), False),
        ((K,), mac(mac(mac(K, ZERO), ZERO), INFO), True),
        ((number(A, 2),), number(A, 5), True),
        ((number(A, 5),), number(A, 2), False),
    ],
)
def test_what_can_be_computed(seen: tuple[Term, ...], goal: Term, reached: bool) -> None:
    (recipe,) = computes(frame(*seen), [goal])
    assert (recipe is not None) == reached
    if recipe is not None:
        assert evaluate(recipe, frame(*seen)) is goal


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((A, A), (A, B)),
        ((pair(A, B),), (A,)),
        ((pk(A), pk(A)), (pk(A), pk(B))),
        ((A, digest(A)), (A, digest(B))),
        ((A, constant("1")), (A, constant("2"))),
        ((number(A, 1), number(A, 4)), (number(A, 1), number(B, 4))),
        ((K, aead(M, K, ZERO, ZERO)), (K, aead(M, L, ZERO, ZERO))),
        ((rsign(M, K), M, rsign(N, K), N), (rsign(M, K), M, rsign(N, L), N)),
        ((sign(M, K), M, pk(K)), (sign(M, L), M, pk(K))),
        ((hpke(A, pk(K), INFO, R), K, A), (hpke(B, pk(K), INFO, R), K, A)),
        ((blind(M, R), bsign(blind(M, R), K), R, bsign(M, K)), (blind(M, R), bsign(blind(M, R), K), R, bsign(N, K))),
    ],
)
def test_what_differs_is_found(left: tuple[Term, ...], right: tuple[Term, ...]) -> None:
    assert told(frame(*left), frame(*right)) is not None
    assert told(frame(*right), frame(*left)) is not None


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((A, B), (C, K)),
        ((aead(M, K, A, ZERO), aead(M, K, B, ZERO)), (aead(M, K, A, ZERO), aead(N, L, B, ZERO))),
        ((hpke(A, pk(K), INFO, R), pk(K), A), (hpke(B, pk(L), INFO, R), pk(K), A)),
        ((sign(M, K), M, sign(N, K), N), (sign(M, K), M, sign(N, L), N)),
        ((mac(K, number(A, 1)), mac(K, number(A, 2))), (mac(K, number(A, 1)), mac(L, number(A, 2)))),
        ((K, blind(M, R), bsign(M, K)), (K, blind(M, R), bsign(N, K))),
    ],
)
def test_what_is_hidden_stays_hidden(left: tuple[Term, ...], right: tuple[Term, ...]) -> None:
    assert told(frame(*left), frame(*right)) is None


def test_frames_of_unequal_length_are_an_error() -> None:
    with pytest.raises(ValueError, match="shorter"):
        distinguish(frame(A, B), frame(A))


def test_a_witness_names_what_was_seen() -> None:
    left, right = frame(A, digest(A)), frame(A, digest(B))
    witness = told(left, right)
    assert witness is not None
    assert witness.show(left) == "hash(x2) = x1, where x1 = seen 1; x2 = seen 0"


# ---------------------------------------------------------------------- against an enumeration of all small recipes
NAMES = st.sampled_from([A, B, K, L])


def _larger(smaller: st.SearchStrategy[Term]) -> st.SearchStrategy[Term]:
    return st.one_of(
        st.builds(pair, smaller, smaller),
        st.builds(lambda m, k: aead(m, k, ZERO, ZERO), smaller, smaller),
        st.builds(lambda m, k, r: hpke(m, pk(k), INFO, r), smaller, smaller, NAMES),
        st.builds(sign, smaller, smaller),
        st.builds(rsign, smaller, smaller),
        st.builds(mac, smaller, smaller),
        st.builds(pk, smaller),
        st.builds(blind, smaller, smaller),
        st.builds(lambda m, r, k: bsign(blind(m, r), k), smaller, smaller, smaller),
    )


TERMS = st.recursive(NAMES, _larger, max_leaves=4)


def renamed(term: Term, swap: dict[Term, Term]) -> Term:
    if not term.parts:
        return swap.get(term, term)
    return apply(term.head, *(renamed(part, swap) for part in term.parts))


FUNCTIONS = {"fst": 1, "snd": 1, "verify": 3, "recover": 2, "unblind": 2, "pk": 1, "mac": 2}


def recipes(positions: int) -> Iterator[Recipe]:
    """All recipes with one function, and openings with the constants that the terms above use."""
    atoms = [Recipe("x", position=k) for k in range(positions)]
    yield from atoms
    for function, arity in FUNCTIONS.items():
        for parts in product(atoms, repeat=arity):
            yield Recipe(function, parts)
    zero, info = Recipe("constant", value=ZERO), Recipe("constant", value=INFO)
    for x, y in product(atoms, repeat=2):
        yield Recipe("open", (x, y, zero, zero))
        yield Recipe("unseal", (x, y, info))
        yield Recipe("verify", (x, y, Recipe("pk", (x,))))


def tells_apart(left: Frame, right: Frame) -> bool:
    """Do two small recipes agree in one frame only, or does one work in one only?"""
    values = [(evaluate(r, left), evaluate(r, right)) for r in recipes(len(left))]
    if any((a is None) != (b is None) for a, b in values):
        return True
    works = [(a, b) for a, b in values if a is not None]
    return any((a is c) != (b is d) for (a, b), (c, d) in product(works, repeat=2))


@given(
    terms=st.lists(TERMS, min_size=2, max_size=5),
    since=st.integers(0, 4),
    swap=st.dictionaries(NAMES, NAMES, max_size=2),
)
def test_no_small_recipe_tells_more_than_the_method(terms: list[Term], since: int, swap: dict[Term, Term]) -> None:
    left = frame(*terms)
    right = frame(*(term if k < since else renamed(term, swap) for k, term in enumerate(terms)))
    witness = told(left, right)  # a witness holds in one frame only, or this fails
    assert witness is not None or not tells_apart(left, right)


@given(terms=st.lists(TERMS, min_size=1, max_size=5))
def test_nothing_differs_from_itself_under_other_names(terms: list[Term]) -> None:
    swap = {A: C, B: M, K: N, L: R}
    assert told(frame(*terms), frame(*(renamed(term, swap) for term in terms))) is None
