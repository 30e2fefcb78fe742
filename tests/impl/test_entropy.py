from hypothesis import given
from hypothesis import strategies as st

from communicator_impl.entropy import SeededEntropy, SystemEntropy


@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abc"), max_size=12))
def test_draws_of_one_label_ignore_the_order_of_others(first: list[str], second: list[str]) -> None:
    one, other = SeededEntropy(b"seed"), SeededEntropy(b"seed")
    drawn_one = [one.draw(label, 8) for label in first]
    drawn_other = [other.draw(label, 8) for label in second]
    of_a = [d for label, d in zip(first, drawn_one, strict=True) if label == "a"]
    of_a_other = [d for label, d in zip(second, drawn_other, strict=True) if label == "a"]
    shared = min(len(of_a), len(of_a_other))
    assert of_a[:shared] == of_a_other[:shared]


def test_draws_never_repeat_and_have_the_asked_length() -> None:
    source = SeededEntropy(b"seed")
    assert source.draw("x", 100)[:32] != source.draw("x", 100)[:32]
    assert len(source.draw("x", 100)) == 100
    assert len({source.draw("y", 8) for _ in range(100)}) == 100


def test_fraction_depends_on_its_arguments_alone() -> None:
    one, other = SeededEntropy(b"seed"), SeededEntropy(b"seed")
    other.draw("delay", 8)
    assert one.fraction("delay", 3, 4) == other.fraction("delay", 3, 4)
    assert one.fraction("delay", 3, 4) != one.fraction("delay", 4, 3)
    assert 0 <= one.fraction("delay", 0, 0) < 1
    assert 0 <= SystemEntropy().fraction("delay", 0, 0) < 1


def test_fractions_may_be_injected() -> None:
    source = SeededEntropy(b"seed", lambda label, entity, index: (entity + index) / 10)
    assert source.fraction("delay", 2, 3) == 0.5
    assert source.fork("phone").fraction("delay", 2, 3) == 0.5


def test_forks_are_independent() -> None:
    source = SeededEntropy(b"seed")
    assert source.fork("a").draw("x", 16) != source.fork("b").draw("x", 16)
