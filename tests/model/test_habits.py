"""Messages that are made from habits: as often, as soon and as much in turns as the trace that taught them."""

import numpy as np
import pytest

from communicator_model.graphs import Graph, acquaintances
from communicator_model.habits import Habits, habits_of, known_habits, likeness, observe, write_messages
from communicator_model.synthetic import synthesise
from communicator_model.traces import Trace, TraceError

PEOPLE, DAYS = 600, 28.0


def made(habits: Habits, seed: int = 1) -> Trace:
    pairs = acquaintances(Graph("watts-strogatz", PEOPLE, 6), 1)
    return write_messages(habits, pairs, PEOPLE, DAYS, seed)


def test_habits_of_the_package_are_read() -> None:
    assert known_habits() == ["collegemsg", "copenhagen"]
    for name in known_habits():
        habits = habits_of(name)
        assert len(habits.week) == 168
        assert np.mean(habits.week) == pytest.approx(1, abs=1e-3)
    with pytest.raises(TraceError, match="no habits 'mine'; there are: collegemsg, copenhagen"):
        habits_of("mine")


def test_same_seed_same_messages() -> None:
    habits = habits_of("copenhagen")
    assert made(habits).digest == made(habits).digest != made(habits, 2).digest


def test_messages_are_in_order_within_the_days_and_between_acquaintances() -> None:
    trace = made(habits_of("copenhagen"))
    pairs = {tuple(pair) for pair in acquaintances(Graph("watts-strogatz", PEOPLE, 6), 1).tolist()}
    assert (np.diff(trace.t_ms) >= 0).all()
    assert trace.duration_ms < DAYS * 86_400_000
    assert {tuple(pair) for pair in trace.pairs().tolist()} <= pairs
    assert trace.people == PEOPLE
    assert trace.origin_s < 86_400 * 7


@pytest.mark.parametrize("name", ["collegemsg", "copenhagen"])
def test_habits_that_are_observed_again_are_those_that_were_followed(name: str) -> None:
    habits = habits_of(name)
    again = observe(made(habits))
    assert again.answers == pytest.approx(habits.answers, abs=0.03)
    assert again.turns == pytest.approx(habits.turns, abs=0.06)
    assert again.answer.mean == pytest.approx(habits.answer.mean, rel=0.25)
    assert np.corrcoef(again.week, habits.week)[0, 1] > 0.85
    assert again.messages.mean == pytest.approx(habits.messages.mean, rel=0.35)  # some sessions run into each other


def test_another_trace_is_learnt_and_written_alike() -> None:
    trace = synthesise(1, people=300, messages=6_000, days=60)
    copy = write_messages(observe(trace), trace.pairs().astype(np.int64), trace.people, 60, 1)
    assert 0.75 < copy.messages / trace.messages < 1.25
    found = likeness(trace, copy)
    assert found["answer within a session, s"].distance < 0.15
    assert found["hour of the day"].distance < 0.05
    assert found["messages of a pair"].distance < 0.15
    assert all(likeness.low <= likeness.high for likeness in found.values())


def test_who_never_answers_never_does() -> None:
    habits = habits_of("collegemsg")
    mute = made(Habits(habits.sessions, habits.between, habits.messages, habits.answer, habits.again, 1.0, 1.0, 0.0,
                       habits.week))  # fmt: skip
    directed = np.unique(mute.sender.astype(np.int64) * PEOPLE + mute.receiver)
    assert len(directed) == len(mute.pairs())


def test_pairs_that_write_nothing_are_an_error() -> None:
    with pytest.raises(TraceError, match="write nothing"):
        write_messages(habits_of("collegemsg"), np.empty((0, 2), dtype=np.int64), 5, 1.0, 1)
