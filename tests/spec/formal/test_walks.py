import pytest
from tests.spec.formal.texts import channel

from communicator_spec.formal.draws import draw
from communicator_spec.formal.model import Model
from communicator_spec.formal.walks import walk, walks


def test_a_walk_is_a_function_of_its_numbers() -> None:
    assert list(walk(channel(messages=5), 40, 1, 2)) == list(walk(channel(messages=5), 40, 1, 2))
    assert list(walk(channel(messages=5), 40, 1, 2)) != list(walk(channel(messages=5), 40, 1, 3))
    assert list(walk(channel(messages=5), 40, 1, 2)) != list(walk(channel(messages=5), 40, 2, 2))


def test_walks_stop_where_nothing_can_be_done() -> None:
    steps = list(walk(channel(lossy=False), 100, 1))
    assert len(steps) == 4


def test_weights_say_how_often_an_action_is_taken() -> None:
    found = walks(channel(messages=50), 20, 40, 1, weights={"submits": 10, "carries": 90})
    often = walks(channel(messages=50), 20, 40, 1, weights={"submits": 90, "carries": 10})
    assert found.actions["submits"] < often.actions["submits"]


def test_an_action_of_no_weight_is_taken_only_when_nothing_else_is_possible() -> None:
    steps = [step.action for step in walk(channel(lossy=False), 10, 1, weights={"carries": 0})]
    assert steps == ["submits", "submits", "carries", "carries"]


def test_walks_find_a_planted_fault_and_stop() -> None:
    found = walks(channel(messages=4, fault="forgets"), 100, 40, 1, ["exactlyOnce"])
    assert found.violation is not None
    assert found.walks < 100
    assert len(set(found.violation.steps[-1].state.arrived)) < len(found.violation.steps[-1].state.arrived)


def test_witnesses_are_counted_in_walks() -> None:
    found = walks(channel(), 30, 40, 1, ["exactlyOnce"], ["allArrived", "outOfOrder"])
    assert found.violation is None
    assert 0 < found.witnesses["outOfOrder"] < found.witnesses["allArrived"] <= 30


def test_draws_are_even_and_independent() -> None:
    drawn = [draw(4, 1, i) for i in range(4000)]
    assert all(900 < drawn.count(n) < 1100 for n in range(4))
    assert drawn != [draw(4, 2, i) for i in range(4000)]
    assert draw(10, 1, 2, 3) != draw(10, 1, 23) or draw(1000, 1, 2, 3) != draw(1000, 1, 23)
    with pytest.raises(ValueError, match="nothing to draw"):
        draw(0, 1)


def test_an_action_may_have_arguments_that_no_step_picks() -> None:
    model = Model("walk")
    later = model.perform(model.init(), "tick", 5)
    assert later is not None
    assert later.now == model.init().now + 5
    assert model.perform(model.init(), "tick", 1 << 40) is None
    with pytest.raises(KeyError):
        model.perform(model.init(), "step")
