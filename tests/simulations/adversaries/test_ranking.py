import math

import numpy as np
import pytest

from communicator_simulations.adversaries.ranking import (
    Judged,
    Verdict,
    identified_after,
    judge,
    looks,
    mean_over_targets,
    median_over_targets,
    summarised,
)


def verdict(scores: list[float], right: list[int]) -> Verdict:
    truth = np.zeros(len(scores), dtype=bool)
    truth[right] = True
    found = judge(np.array(scores), truth)
    assert found is not None
    return found


def test_a_right_candidate_that_scores_highest_is_certainty() -> None:
    found = verdict([5, 1, 2, 0], [0])
    assert found.advantage == 1
    assert found.top_1 == found.top_5 == 1
    assert found.suspects == 1


def test_one_that_scores_lowest_is_certainty_of_the_opposite() -> None:
    found = verdict([0, 1, 2, 5], [0])
    assert found.advantage == -1
    assert found.top_1 == 0
    assert found.suspects == 4


def test_equal_scores_are_guessing() -> None:
    found = verdict([1.0] * 10, [3])
    assert found.advantage == 0
    assert found.top_1 == pytest.approx(0.1)
    assert found.top_5 == pytest.approx(0.5)
    assert found.suspects == 10
    assert verdict([1.0] * 10, [3, 4]).top_5 == pytest.approx(1 - (8 * 7 * 6 * 5 * 4) / (10 * 9 * 8 * 7 * 6))


def test_a_tie_for_the_fifth_place_is_broken_at_random() -> None:
    assert verdict([9, 8, 7, 6, 1, 1, 1, 1], [4]).top_5 == pytest.approx(0.25)


def test_entropy_is_of_the_scores_above_zero() -> None:
    assert verdict([1, 1, 1, 1], [0]).entropy == pytest.approx(2)
    assert verdict([1, 1, -5, 0], [0]).entropy == pytest.approx(1)
    assert verdict([-1, -2, -5, -1], [0]).entropy == pytest.approx(2)


@pytest.mark.parametrize(("rate", "mu"), [(300, 20.0), (500, 20.0), (100, 2.0), (500, 2.0), (100, 0.2), (500, 0.2)])
def test_the_estimate_of_who_left_an_exponential_mix_has_the_entropy_of_loopix(rate: int, mu: float) -> None:
    """Figure 4 of Piotrowska et al. (2017): log2(e rate / mu), within 0.05 bits. `rate` and `mu` are per second.

    Who knows the mean delay gives a message that came t ago the weight exp(-mu t); with fewer than ten messages in the
    mix the closed form is a little low. That the clock of the worlds gives the same: `tests/model/test_oracles.py`.
    """
    rng = np.random.Generator(np.random.PCG64(rate))
    found = []
    for _ in range(40):
        number = rng.poisson(rate * 15 / mu)
        scores = np.exp(-mu * rng.uniform(0, 15 / mu, number))
        right = np.zeros(number, dtype=bool)
        right[0] = True
        verdict = judge(scores, right)
        assert verdict is not None
        found.append(verdict.entropy)
    assert np.mean(found) == pytest.approx(math.log2(math.e * rate / mu), abs=0.05)


def test_without_right_or_wrong_candidates_there_is_no_verdict() -> None:
    assert judge(np.array([1.0, 2.0]), np.array([True, True])) is None
    assert judge(np.array([1.0, 2.0]), np.array([False, False])) is None


def test_identification_counts_only_if_it_lasts() -> None:
    right = np.array([True, False])
    rows = [np.array(row) for row in ([1.0, 0.0], [0.0, 1.0], [2.0, 1.0], [3.0, 1.0])]
    assert identified_after([1, 2, 5, 9], rows.__getitem__, right) == 5
    assert identified_after([1, 2], rows.__getitem__, right) == math.inf
    assert identified_after([1], lambda _: np.array([0.0, 0.0]), right) == math.inf


def test_looks_grow_and_end_with_everything() -> None:
    assert looks(1) == [1]
    assert looks(30) == [1, 2, 5, 10, 20, 30]
    assert looks(100) == [1, 2, 5, 10, 20, 50, 100]


def of(*advantages: float, after: float = 1.0) -> list[Judged]:
    return [Judged(i, Verdict(a, 0, 0, 1, 0, 5, after)) for i, a in enumerate(advantages)]


def test_verdicts_of_one_target_are_one_observation() -> None:
    once = of(0.125, 0.5, 0.875, 0.25)
    assert mean_over_targets(once * 8, "advantage", 1) == mean_over_targets(once, "advantage", 1)


def test_intervals_cover_the_mean_as_often_as_they_say() -> None:
    rng = np.random.Generator(np.random.PCG64(5))
    covered = 0
    for seed in range(200):
        found = mean_over_targets(of(*rng.normal(0.2, 1, 60).tolist()), "advantage", seed)
        covered += found.low <= 0.2 <= found.high
    assert 178 <= covered <= 200  # 95 % of 200 is 190; fewer than 178 come once in ten thousand


def test_times_that_are_not_reached_are_infinite() -> None:
    found = of(*[0.0] * 3, after=math.inf)
    assert median_over_targets(found, 1).mean == math.inf
    row = summarised([*found, *[Judged(9, of(0.0)[0].verdict)]], 1)
    assert row["after"] is None
    assert row["identified"] == 0.25
    assert row["targets"] == 4
