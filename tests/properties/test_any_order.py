"""No order of steps and faults breaks a promise of the standard."""

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from communicator_impl.addresses import Profile
from communicator_impl.outbox import CONTENT_BYTES_MAX
from tests.properties.machine import Machine
from tests.properties.town import DAY, HOUR, Shape
from tests.properties.traffic import Traffic

PROFILES = pytest.mark.parametrize("profile", list(Profile))


@pytest.mark.slow
@pytest.mark.parametrize("steps", [20, 50])
def test_promises_hold_in_any_order_of_steps_and_faults(steps: int) -> None:
    run_state_machine_as_test(Machine, settings=settings(stateful_step_count=steps))


@PROFILES
def test_index_of_windows_finds_what_the_search_of_the_standard_finds(profile: Profile) -> None:
    town = Traffic(Shape((profile,) * 3, 3))
    town.meet(0, 1)
    town.meet(0, 2)
    for end in range(4):
        town.write(end)
        town.settle(30 * HOUR)
    assert town.sight.leaks == town.sight.judge_from_scratch() == []
    assert len(town.sight.views) > 200


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
