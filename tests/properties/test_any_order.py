"""No order of steps and faults breaks a promise of the standard."""

from typing import ClassVar

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from tests.properties.machine import SHAPES, Machine
from tests.properties.town import DAY, HOUR, Shape
from tests.properties.traffic import Traffic

from communicator_impl.addresses import Profile
from communicator_impl.outbox import CONTENT_BYTES_MAX

PROFILES = pytest.mark.parametrize("profile", list(Profile))


@pytest.mark.slow
@pytest.mark.parametrize("people", [2, 3, 4])
def test_promises_hold_in_any_order_of_steps_and_faults(people: int) -> None:
    class Town(Machine):
        shapes: ClassVar[list[Shape]] = [shape for shape in SHAPES if len(shape.profiles) == people]

    examples = max(settings.default.max_examples * 2 // 5, 5) if settings.default else 5
    run_state_machine_as_test(Town, settings=settings(max_examples=examples, stateful_step_count=40))


@PROFILES
def test_index_of_windows_finds_what_the_search_of_the_standard_finds(profile: Profile) -> None:
    town = Traffic(Shape((profile,) * 3, 3))
    town.meet(0, 1)
    town.meet(0, 2)
    for end in range(4):
        town.write(end)
        town.settle(30 * HOUR)
    assert town.sight.leaks == town.sight.judge_from_scratch() == []
    assert len(town.sight.views) > 150


@PROFILES
def test_calm_town_delivers_everything_and_acknowledges_it(profile: Profile) -> None:
    town = Traffic(Shape((profile, profile), 4))
    town.meet(0, 1)
    for turn in range(8):
        town.write(turn % 2, CONTENT_BYTES_MAX)
        town.settle(HOUR)
    town.settle(5 * DAY)
    town.expect_what_was_said()
    assert [len(heard) for heard in town.application.values()] == [4, 4]
    assert town.monitors.finish(town.now, town.log) == []
