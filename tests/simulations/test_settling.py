"""The warm-up that is found in a run is held against the scenario's own cut."""

import msgspec
import numpy as np
import pytest
from tests.simulations.worlds import DAY_MS, HARSH, SEED, by_model, changed, town

from communicator_model.faults import FaultKind
from communicator_simulations.runs import model_fidelity
from communicator_simulations.settling import Settling, judged, settling
from communicator_spec import Kind

HOUR_MS = 3_600_000


def messages(slow: int, number: int = 1000) -> list[tuple[int, int, int, int]]:
    """One message an hour; the first ones take much longer, all of them vary."""
    luck = np.random.Generator(np.random.PCG64(1)).exponential(1000, number).astype(int).tolist()
    return [(i * HOUR_MS, 0, i, luck[i] + (60_000 if i < slow else 0)) for i in range(number)]


def verdict(at_share: float, slow: int) -> Settling:
    scenario = changed(HARSH, fault=msgspec.structs.replace(HARSH.fault, at_share=at_share))
    return judged(scenario, "two", 1000 * HOUR_MS, messages(slow)[::-1])


def test_a_cut_behind_the_warm_up_is_enough_and_one_before_it_is_not() -> None:
    late, early = verdict(0.3, slow=200), verdict(0.1, slow=200)
    assert late.detected_d == early.detected_d == pytest.approx(200 / 24, abs=1)
    assert (late.scenario_d, early.scenario_d) == pytest.approx((300 / 24, 100 / 24))
    assert (late.enough, early.enough) == (True, False)
    assert late.mean_s is not None
    assert late.mean_of_all_s is not None
    assert late.mean_s < 2 < 10 < late.mean_of_all_s


def test_what_has_not_settled_is_never_enough() -> None:
    found = verdict(0.9, slow=800)
    assert (found.settled, found.enough) == (False, False)


def test_too_few_messages_say_nothing() -> None:
    found = judged(HARSH, "two", DAY_MS, messages(0, 49))
    assert (found.messages, found.detected_d, found.enough) == (49, None, False)


def test_it_reads_the_messages_of_a_run_under_no_fault() -> None:
    supplies = town(40, 4)
    found = settling(HARSH, SEED, supplies, "two", model_fidelity(HARSH.profile))
    log = by_model(HARSH, "two", FaultKind.NONE, supplies).log
    assert found.messages == sum(row[1] == Kind.DELIVERED for row in log) >= 50
    assert found.scenario_d == pytest.approx(HARSH.fault.at_share * supplies.trace.duration_ms / DAY_MS)
    assert found.detected_d is not None
