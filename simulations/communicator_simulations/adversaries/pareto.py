"""What each defence takes from an adversary, against what it costs: which are worth their price.

Theory. An arm is *dominated* in a question if another costs no more, leaves the adversary no more advantage, and is
better in one of the two. Those that are not dominated are the Pareto front: every other choice pays for nothing.

Rules:

1. Means and their intervals (Student's, 95 %) are over replications, as for conclusions.
2. The front is that of the means. Where intervals overlap it could be another one; the rows say which do.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from communicator_simulations.adversaries.experiment import Arm, Row
from communicator_simulations.statistics import Interval, interval

__all__ = ["COSTS", "Point", "points", "rows"]

COSTS: Final = ("latency_p50_s", "receipt_p50_s", "bytes_per_message")
"""What people pay: half of the messages (receipts) arrive within, s; bytes on the way for each message."""


class Point(NamedTuple):
    """One arm in one question: what it costs, what it leaves, and whether nobody is better in both."""

    arm: str
    label: str
    series: str
    question: str
    cost: Interval
    advantage: Interval
    front: bool


def points(arms: Sequence[Arm], attacks: Sequence[Row], costs: Sequence[Row], question: str,
           cost: str) -> list[Point]:  # fmt: skip
    """Return the points of one question and one cost, in the order of the arms; who was not asked is absent."""
    found: list[tuple[Arm, Interval, Interval]] = []
    for arm in arms:
        left = [
            float(row["advantage"] or 0) for row in attacks if (row["arm"], row["question"]) == (arm.name, question)
        ]
        paid = [float(row[cost] or 0) for row in costs if row["arm"] == arm.name]
        if left and paid:
            found.append((arm, interval(paid), interval(left)))
    return [
        Point(arm.name, arm.label, arm.series, question, paid, left, not _dominated(paid, left, found))
        for arm, paid, left in found
    ]


def _dominated(paid: Interval, left: Interval, all_: Sequence[tuple[Arm, Interval, Interval]]) -> bool:
    return any(
        p.mean <= paid.mean and a.mean <= left.mean and (p.mean < paid.mean or a.mean < left.mean) for _, p, a in all_
    )


def rows(arms: Sequence[Arm], attacks: Sequence[Row], costs: Sequence[Row]) -> list[Row]:
    """Return the points of all questions and costs as rows of a table."""
    questions = dict.fromkeys(str(row["question"]) for row in attacks)
    return [
        {
            "arm": p.arm, "series": p.series, "question": p.question, "cost": cost, "paid": p.cost.mean,
            "paid_low": _finite(p.cost.low), "paid_high": _finite(p.cost.high), "advantage": p.advantage.mean,
            "advantage_low": _finite(p.advantage.low), "advantage_high": _finite(p.advantage.high), "front": p.front,
        }
        for question in questions for cost in COSTS for p in points(arms, attacks, costs, question, cost)
    ]  # fmt: skip


def _finite(x: float) -> float | None:
    return x if math.isfinite(x) else None
