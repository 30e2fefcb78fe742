"""MSER-5 cuts what is unlike the rest at the beginning, and says when a series has not settled."""

import numpy as np
import pytest

from communicator_simulations.statistics import mser5


def noise(size: int, seed: int = 1) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    return np.random.Generator(np.random.PCG64(seed)).normal(10.0, 1.0, size)


def test_a_beginning_that_is_unlike_the_rest_is_cut() -> None:
    series = noise(1000)
    series[:200] += 50
    found = mser5(series)
    assert found.settled
    assert found.cut == pytest.approx(200, abs=20)
    assert found.mean == pytest.approx(series[found.cut :].mean())
    assert found.mean_of_all == pytest.approx(series.mean())


def test_a_decaying_beginning_is_cut_where_it_has_decayed() -> None:
    series = noise(2000) + 40 * np.exp(-np.arange(2000) / 50)
    found = mser5(series)
    assert 100 <= found.cut <= 400
    assert abs(found.mean - 10) < abs(found.mean_of_all - 10)


def test_of_a_steady_series_little_is_cut() -> None:
    cuts = [mser5(noise(1000, seed)).cut for seed in range(20)]
    assert float(np.median(cuts)) <= 250
    assert all(mser5(noise(1000, seed)).settled for seed in range(5))


def test_a_series_that_only_grows_has_not_settled() -> None:
    found = mser5(np.arange(1000.0))
    assert not found.settled
    assert found.cut == 500


def test_a_constant_series_is_kept_whole() -> None:
    assert mser5([7.0] * 60) == (0, 60, 7.0, 7.0, True)


def test_it_agrees_with_the_definition() -> None:
    series = noise(400, 9)
    series[:40] -= 3
    batches = series.reshape(-1, 5).mean(axis=1)
    errors = [((batches[d:] - batches[d:].mean()) ** 2).sum() / (80 - d) ** 2 for d in range(75)]
    assert mser5(series).cut == 5 * int(np.argmin(errors))


@pytest.mark.parametrize("series", [[1.0] * 49, [1.0] * 60 + [float("nan")]])
def test_too_little_is_refused(series: list[float]) -> None:
    with pytest.raises(ValueError, match="50 finite observations"):
        mser5(series)
