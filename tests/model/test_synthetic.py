"""The synthetic trace: repeatable, of exact size, and close to the data it stands for."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from communicator_model.calibration import COLLEGEMSG, calibration, measure
from communicator_model.synthetic import synthesise
from communicator_model.traces import Trace, TraceError, find_trace, load_trace

ROOT = Path(__file__).parents[2]


def columns(trace: Trace) -> list[bytes]:
    return [column.tobytes() for column in (trace.t_ms, trace.sender, trace.receiver)]


def test_same_seed_same_bytes_and_other_seed_others() -> None:
    one, again, other = (synthesise(seed, 100, 2000, 20) for seed in (1, 1, 2))
    assert columns(one) == columns(again)
    assert one.digest == again.digest
    assert columns(one) != columns(other)
    assert one.digest != other.digest


def test_traces_are_close_to_the_data_on_average() -> None:
    tables = [calibration(synthesise(seed)) for seed in range(1, 5)]
    ratios = {row[0].name: float(np.mean([statistic.ratio for statistic in row])) for row in zip(*tables, strict=True)}
    assert list(ratios) == list(COLLEGEMSG)
    # The one thing that the module says it does not copy.
    assert 0.65 < ratios.pop("share of messages in the busiest five days") < 0.85
    assert {name: ratio for name, ratio in ratios.items() if abs(ratio - 1) > 0.15} == {}


def test_published_aggregates_are_those_of_the_file_if_it_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    path = find_trace()
    here = measure(load_trace(path)) if path else dict(COLLEGEMSG)
    assert here == pytest.approx(COLLEGEMSG, rel=1e-3)


@given(
    st.integers(0, 2**63),
    st.integers(2, 60),
    st.integers(1, 30),
    st.floats(0.01, 400),
)
def test_any_size_is_met(seed: int, people: int, each: int, days: float) -> None:
    trace = synthesise(seed, people, people * each, days)
    assert (trace.people, trace.messages) == (people, people * each)
    assert 0 <= trace.duration_ms <= days * 86_400_000
    assert trace.t_ms[0] == 0
    assert (np.diff(trace.t_ms) >= 0).all()
    assert (trace.sender != trace.receiver).all()
    assert np.unique(np.concatenate((trace.sender, trace.receiver))).size == people


@pytest.mark.parametrize(
    ("people", "messages", "days"),
    [(1, 10, 1), (10, 9, 1), (10, 10, 0), (10, 10, float("nan")), (10, 10, 1e9)],
)
def test_impossible_size_is_refused(people: int, messages: int, days: float) -> None:
    with pytest.raises(TraceError, match="it takes 2 people"):
        synthesise(1, people, messages, days)


def test_answers_are_found_across_runs_of_one_sender() -> None:
    rows = np.array([(1, 2, 0), (1, 2, 60), (2, 1, 90), (1, 2, 10_000), (3, 1, 20_000)])
    found = measure(Trace.of("x", "", rows[:, 2], rows[:, 0], rows[:, 1]))
    # The first two are answered after 90 s and 30 s, the third after 2.8 h, the others never.
    assert found["share of messages answered within an hour"] == pytest.approx(2 / 5)
    assert found["share of messages answered within a day"] == pytest.approx(3 / 5)
    assert found["share of pauses within a minute"] == pytest.approx(2 / 3)
    assert found["share of people who never write"] == 0
    assert found["share of pairs written from both sides"] == pytest.approx(1 / 2)
