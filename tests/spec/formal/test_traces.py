import pytest

from communicator_spec.formal.model import Model, world
from communicator_spec.formal.traces import NotARun, plain, read, replay, valued, written
from communicator_spec.formal.values import Map, Variant
from communicator_spec.formal.walks import walk


def test_a_run_of_the_model_is_written_read_and_taken_again() -> None:
    model = Model("walk")
    steps = list(walk(model, 80, 5))
    text = written("walk", {}, steps)
    trace = read(text, Model.record)
    again = replay(Model(world(trace.instance, trace.overrides)), trace.steps)
    assert again == steps
    assert written(trace.instance, trace.overrides, again) == text


def test_a_run_that_the_model_has_not_is_refused_at_its_step() -> None:
    model = Model("deliver")
    steps = [(step.action, dict(step.picks)) for step in walk(model, 5, 1)]
    with pytest.raises(NotARun, match="step 6: leaves"):
        replay(model, [*steps, ("leaves", {})])


@pytest.mark.parametrize(
    "value",
    [
        1,
        "a",
        True,
        (1, "b"),
        frozenset(((1, 2), (0, 1))),
        Map({(1, 2): frozenset((3,))}),
        Variant("Some", (1,)),
        Model.record("Notice", end=0, service=1, number=2),
    ],
)
def test_every_kind_of_value_survives(value: object) -> None:
    assert valued(plain(value), Model.record) == value


def test_what_is_no_value_is_refused() -> None:
    with pytest.raises(TypeError):
        plain(1.5)
