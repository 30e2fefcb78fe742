"""Bootstrap intervals of quantiles: the replication is the unit, and the same seed gives the same interval."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from communicator_simulations.metrics import LATENCY_MS
from communicator_simulations.quantiles import latency_quantile
from communicator_simulations.statistics import bootstrap_quantile, pooled_quantile
from communicator_simulations.sweep import Stored

RUNS = st.lists(st.lists(st.integers(0, 1000), min_size=1, max_size=30), min_size=2, max_size=6)


@given(RUNS, st.floats(0.01, 0.99))
def test_pooled_quantile_is_the_inverse_of_the_distribution_of_all_values(runs: list[list[int]], share: float) -> None:
    everything = [value for run in runs for value in run]
    found = pooled_quantile(runs, share)
    assert found == np.quantile(everything, share, method="inverted_cdf")


def test_counted_values_have_the_quantile_of_values_that_are_written_out() -> None:
    counted = pooled_quantile([[1, 5], [5, 9]], 0.6, weights=[[3, 1], [2, 4]])
    assert counted == pooled_quantile([[1, 1, 1, 5], [5, 5, 9, 9, 9, 9]], 0.6) == 5


def test_the_same_seed_gives_the_same_interval_and_another_seed_nearly() -> None:
    runs = np.random.Generator(np.random.PCG64(3)).exponential(1.0, (12, 200))
    first, again, other = (bootstrap_quantile(list(runs), 0.9, seed) for seed in (1, 1, 2))
    assert first == again
    assert other.mean == first.mean
    assert (other.low, other.high) == pytest.approx((first.low, first.high), rel=0.1)


def test_an_interval_of_runs_that_differ_is_wider_than_one_of_messages_that_are_mixed() -> None:
    """Values of one run are alike. Dealt out anew, the same values look many times more certain than they are."""
    rng = np.random.Generator(np.random.PCG64(4))
    runs = rng.exponential(1.0, (12, 1)) + rng.exponential(0.1, (12, 500))
    mixed = rng.permutation(runs.ravel()).reshape(12, 500)
    honest, naive = (bootstrap_quantile(list(x), 0.5, 1) for x in (runs, mixed))
    assert honest.mean == naive.mean
    assert honest.high - honest.low > 5 * (naive.high - naive.low)


def test_runs_that_are_all_alike_have_an_interval_without_width() -> None:
    found = bootstrap_quantile([[1, 2, 3]] * 5, 0.5, 1)
    assert (found.low, found.mean, found.high, found.n) == (2, 2, 2, 5)


@given(RUNS, st.integers(0, 3))
def test_the_interval_holds_its_quantile(runs: list[list[int]], seed: int) -> None:
    found = bootstrap_quantile(runs, 0.9, seed, draws=100)
    assert found.low <= found.mean <= found.high


@pytest.mark.parametrize(
    ("runs", "share", "complaint"),
    [
        ([[1.0, 2.0]], 0.5, "1 replications"),
        ([[1.0], []], 0.5, "every replication"),
        ([], 0.5, "every replication"),
        ([[1.0], [float("inf")]], 0.5, "finite"),
        ([[1.0], [2.0]], 0.0, "quantile at 0"),
        ([[1.0], [2.0]], 1.0, "quantile at 1"),
    ],
)
def test_nonsense_is_refused(runs: list[list[float]], share: float, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        bootstrap_quantile(runs, share, 1)


def test_weights_that_do_not_fit_are_refused() -> None:
    for weights in ([[1, 2], [1]], [[-1], [1]]):
        with pytest.raises(ValueError, match="weight"):
            pooled_quantile([[1.0], [2.0]], 0.5, weights)


def stored(latencies_ms: list[float], failed: int = 0) -> Stored:
    """A finished run as it is kept, of which only latencies matter."""
    messages = len(latencies_ms) + failed
    table = [(ms, sum(x < ms for x in latencies_ms) / messages) for ms in LATENCY_MS]
    row: dict[str, int | float] = {"messages": messages, "delivered": len(latencies_ms)}
    return Stored("two", "none", 0, row, table, [], [], [], 0, {})


def test_latencies_of_a_study_have_the_quantiles_of_all_messages() -> None:
    rng = np.random.Generator(np.random.PCG64(5))
    runs = [rng.lognormal(9, 2, 400).tolist() for _ in range(8)]
    for share in (0.5, 0.9):
        found = latency_quantile([stored(run, failed=50) for run in runs], share, 1)
        assert found is not None
        assert found.mean == pytest.approx(np.quantile(np.concatenate(runs), share) / 1000, rel=0.15)
        assert found.low <= found.mean <= found.high
        assert found.high < 3 * found.low


def test_one_run_has_no_interval_of_latencies_and_neither_has_one_that_delivers_nothing() -> None:
    assert latency_quantile([stored([1000.0])], 0.5, 1) is None
    assert latency_quantile([stored([1000.0]), stored([], failed=3)], 0.5, 1) is None
