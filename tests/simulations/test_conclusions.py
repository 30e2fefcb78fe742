"""A sentence may be said if the data say so, in every case; otherwise it is false, undecided or not asked."""

import math
from collections.abc import Sequence

import numpy as np
import pytest

from communicator_simulations.conclusions import (
    Cells,
    Conclusion,
    ConclusionError,
    Outcome,
    Side,
    Value,
    cells_of,
    judge,
    unproven,
)

LOST = Side("lost", {"policy": "one"})


def results(one: Sequence[float], two: Sequence[float], fault: str = "death", trials: int = 0) -> Cells:
    """Make the results of two policies, one value a replication."""
    rows: list[dict[str, Value]] = [
        {"policy": policy, "fault": fault, "replication": n, "lost": value, "messages": trials}
        for policy, values in (("one", one), ("two", two)) for n, value in enumerate(values)
    ]  # fmt: skip
    return cells_of(rows, ("fault", "policy"), {"lost": "messages"} if trials else {})


def outcome(conclusion: Conclusion, found: Cells) -> Outcome:
    return judge([conclusion], found)[0].outcome


@pytest.mark.parametrize(
    ("is_", "values", "expected"),
    [
        ("below", [1.0, 1.1, 0.9, 1.0], "holds"),
        ("below", [2.0, 2.1, 1.9, 2.0], "undecided"),
        ("below", [3.0, 3.1, 2.9, 3.0], "false"),
        ("above", [3.0, 3.1, 2.9, 3.0], "holds"),
        ("above", [1.0, 1.1, 0.9, 1.0], "false"),
        ("at most", [2.0, 2.0, 2.0, 2.0], "holds"),
        ("below", [2.0, 2.0, 2.0, 2.0], "false"),
        ("at least", [2.0, 2.0, 2.0, 2.0], "holds"),
        ("below", [1.0], "undecided"),
        ("below", [1.0, math.inf], "undecided"),
    ],
)
def test_a_mean_is_held_against_a_number_by_its_interval(is_: str, values: list[float], expected: Outcome) -> None:
    conclusion = Conclusion("…", LOST, is_, 2.0)  # type: ignore[arg-type]
    assert outcome(conclusion, results(values, [])) == expected


@pytest.mark.parametrize(("within", "expected"), [(0.5, "holds"), (0.05, "undecided")])
def test_what_is_about_equal_differs_by_little_in_the_whole_interval(within: float, expected: Outcome) -> None:
    found = results([1.0, 1.1, 0.9, 1.0], [])
    assert outcome(Conclusion("…", LOST, "about", 1.0, within), found) == expected
    assert outcome(Conclusion("…", LOST, "about", 2.0, within), found) == "false"


def test_policies_are_compared_replication_by_replication() -> None:
    """What the replications have in common, which is far more than what the policies differ in, does not matter."""
    common = [0.0, 50.0, 100.0, 150.0]
    found = results([x + y for x, y in zip(common, (1.0, 1.2, 0.8, 1.1), strict=True)], common)
    assert outcome(Conclusion("…", LOST, "above", Side("lost", {"policy": "two"})), found) == "holds"
    assert outcome(Conclusion("…", LOST, "above", Side("lost", {"policy": "two"}, plus=2.0)), found) == "false"
    assert outcome(Conclusion("…", LOST, "above", 75.0), found) == "undecided"


def test_nothing_in_few_trials_is_not_known_to_be_nothing() -> None:
    rare = Conclusion("…", LOST, "below", 0.001)
    assert outcome(rare, results([0.0] * 4, [], trials=100)) == "undecided"
    assert outcome(rare, results([0.0] * 4, [], trials=10_000)) == "holds"
    shown = judge([rare], results([0.0] * 4, [], trials=100))[0].shown
    assert shown == f"fault death: 0 [0, {1 - 0.025 ** (1 / 400):.3g}] below 0.001"
    versus = Conclusion("…", LOST, "at most", Side("lost", {"policy": "two"}))
    assert outcome(versus, results([0.0] * 4, [0.0] * 4, trials=100)) == "undecided"
    assert outcome(versus, results([0.0] * 4, [1.0] * 4, trials=100)) == "holds"


def test_a_share_of_nothing_is_not_known() -> None:
    found = results([0.0, 0.0, 0.5, 0.5], [])
    rows = [{**row, "messages": 0 if row["lost"] == 0 else 10} for row in found.cells["death", "one"].values()]
    some = cells_of(rows, found.keys, {"lost": "messages"})
    verdict = judge([Conclusion("…", LOST, "above", 0.1)], some)[0]
    assert verdict.shown == "fault death: 0.5 [0.272, 0.728] above 0.1"
    nothing = cells_of([{**row, "messages": 0} for row in rows], found.keys, {"lost": "messages"})
    verdict = judge([Conclusion("…", LOST, "at most", 0.1)], nothing)[0]
    assert (verdict.outcome, verdict.shown) == ("undecided", "fault death: nothing tried at most 0.1")


def test_all_cases_count_and_the_worst_is_shown() -> None:
    few, many = results([1.0, 1.1, 1.0], [2.0, 2.2, 2.0]), results([5.0, 5.1, 5.0], [2.0, 2.2, 2.0], "outage")
    both = Cells(few.keys, {**few.cells, **many.cells}, {})
    conclusion = Conclusion("…", LOST, "below", Side("lost", {"policy": "two"}))
    assert [outcome(conclusion, found) for found in (few, many, both)] == ["holds", "false", "false"]
    verdict = judge([conclusion], both)[0]
    assert verdict.cases == 2
    assert verdict.shown.startswith("fault outage: 5.03 [4.89, 5.18] below 2.07 [1.78, 2.35], difference 2.97 [")


def test_what_was_not_run_is_not_asked() -> None:
    found = results([1.0, 1.1], [2.0, 2.1])
    nobody = Conclusion("…", Side("lost", {"policy": "three"}), "below", 1.0)
    no_sweep = Conclusion("…", Side("lost", {"people.zipf": 2}), "below", 1.0)
    no_other = Conclusion("…", LOST, "below", Side("lost", {"policy": "three"}))
    verdicts = judge([nobody, no_sweep, no_other], found)
    assert [verdict.outcome for verdict in verdicts] == ["not asked"] * 3
    assert unproven(verdicts) == []


def test_a_metric_that_there_is_not_is_refused() -> None:
    with pytest.raises(ConclusionError, match="no metric 'luck'; there are: policy, fault, replication, lost"):
        judge([Conclusion("…", Side("luck"), "below", 1.0)], results([1.0, 1.0], []))


def test_of_sentences_that_are_not_true_one_in_forty_is_said() -> None:
    """Both policies are alike. A one-sided sentence at 95 % two-sided holds by chance in 2.5 % of all studies."""
    rng = np.random.Generator(np.random.PCG64(3))
    above = Conclusion("…", LOST, "above", Side("lost", {"policy": "two"}))
    studies = [results(rng.normal(size=4).tolist(), rng.normal(size=4).tolist()) for _ in range(2000)]
    said = [outcome(above, study) for study in studies]
    assert 25 <= said.count("holds") <= 80
    assert 25 <= said.count("false") <= 80
