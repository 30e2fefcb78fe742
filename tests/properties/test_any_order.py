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
    for end in (0, 3):
        town.write(end)
        town.settle(30 * HOUR)
    assert town.sight.leaks == town.sight.judge_from_scratch() == []
    assert len(town.sight.views) > 80


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


@PROFILES
def test_longest_message_leaves_while_a_new_address_set_waits_to_be_told(profile: Profile) -> None:
    town = Traffic(Shape((profile, profile), 4))
    town.meet(0, 1)
    town.now += 8 * DAY  # ephemeral addresses have ended, so a new set is due
    town.write(0, CONTENT_BYTES_MAX)
    town.settle(HOUR)
    town.expect_what_was_said()
    assert len(town.application[1]) == 1


@PROFILES
def test_service_that_rotates_its_keys_too_often_refuses_and_stays_reachable(profile: Profile) -> None:
    town = Traffic(Shape((profile, profile), 4))
    town.meet(0, 1)
    for _ in range(12):
        town.rotate(0)
    town.now += 8 * DAY
    for end in (0, 1):
        town.write(end)
    town.settle(HOUR)
    assert [len(heard) for heard in town.application.values()] == [1, 1]


@PROFILES
def test_device_that_died_after_issuing_and_again_after_refusing_repeats_only_the_refusal(profile: Profile) -> None:
    town = Traffic(Shape((profile, profile), 4))
    town.meet(0, 1)
    town.now += 330 * DAY  # long-term addresses are due for renewal
    town.wake(0, effects=9)
    town.restart_device(0)
    town.refuse(0)
    town.restart_device(0)
    town.wake(0)
    assert not any(town.waiting_requests)
    assert town.devices[0].deadline_ms(0) > town.now
