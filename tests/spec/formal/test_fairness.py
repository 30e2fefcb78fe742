import pytest
from tests.spec.formal.texts import channel

from communicator_spec.formal.explore import Found
from communicator_spec.formal.fairness import FairClass, FairRun, Incomplete, leads_to
from communicator_spec.formal.machine import Machine


def fair(*names: str) -> list[FairClass]:
    return [FairClass.read(name) for name in names]


def test_what_is_fair_to_every_message_arrives() -> None:
    verdict = leads_to(channel(), "begun", "allArrived", fair("submits", "carries/n/lost"))
    assert verdict.holds
    assert verdict.run is None
    assert isinstance(verdict.found, Found)
    assert verdict.classes == 5  # submits, and two messages, lost or not


def test_fairness_that_may_always_lose_has_a_fair_cycle() -> None:
    verdict = leads_to(channel(), "begun", "allArrived", fair("submits", "carries/n"))
    assert not verdict.holds
    assert verdict.run is not None
    check_run(channel(), verdict.run)
    assert all(dict(step.picks)["lost"] for step in verdict.run.cycle)


def test_without_fairness_nothing_has_to_happen() -> None:
    verdict = leads_to(channel(), "begun", "allArrived", [])
    assert not verdict.holds
    assert verdict.run is not None
    assert verdict.run.cycle
    check_run(channel(), verdict.run)


def test_a_cycle_takes_every_class_that_it_makes_possible() -> None:
    """Two messages are lost in turn: fair to each, and neither arrives."""
    verdict = leads_to(channel(), "begun", "allArrived", fair("submits", "carries/n"))
    assert verdict.run is not None
    state = [verdict.run.begin, *(step.state for step in verdict.run.prefix)][-1]
    waiting = {n for step in verdict.run.cycle for n in step.state.waiting} | set(state.waiting)
    assert {dict(step.picks)["n"] for step in verdict.run.cycle} == waiting


def test_a_dead_end_before_the_goal_is_a_counterexample() -> None:
    verdict = leads_to(channel(), "begun", "outOfOrder", fair("submits", "carries/n/lost"))
    assert not verdict.holds
    assert verdict.run is not None
    assert verdict.run.cycle == ()
    last = verdict.run.prefix[-1].state
    assert last.arrived == (0, 1)
    assert channel().steps(last) == []


def test_a_goal_that_is_reached_at_once_holds_without_fairness() -> None:
    assert leads_to(channel(), "outOfOrder", "allArrived", []).holds


def test_an_incomplete_graph_proves_nothing() -> None:
    with pytest.raises(Incomplete):
        leads_to(channel(), "begun", "allArrived", [], stop=lambda states, transitions: True)


@pytest.mark.parametrize("classes", [("flies",), ("carries/n", "carries")])
def test_classes_that_make_no_sense_are_refused(classes: tuple[str, ...]) -> None:
    with pytest.raises(KeyError):
        leads_to(channel(), "begun", "allArrived", fair(*classes))


def test_fields_of_picks_make_classes() -> None:
    assert FairClass.read("forwards/q.submission.via/answered") == FairClass(
        "forwards", (("q", "submission", "via"), ("answered",))
    )


def check_run(model: Machine[tuple[object, ...]], run: FairRun[tuple[object, ...]]) -> None:
    """A counterexample is a run of the machine, and its cycle ends where it begins."""
    state = run.begin
    assert state == model.init()
    for step in run.prefix:
        assert step in model.steps(state)
        state = step.state
    entry = model.key(state)
    for step in run.cycle:
        assert step in model.steps(state)
        state = step.state
    assert model.key(state) == entry
