"""An experiment with adversaries: arms, questions, and what each defence costs.

A scenario file with a table `[adversaries]` is one. Its arms say what differs; runs that differ in the view alone (what
an address lives for, size classes, cover, receipts left out) share one run of the world.

| arm | decides | default |
|---|---|---|
| `profile` | label/1 or two-layer/1 | the scenario's |
| `phones` | `schedules`, or `always` on line | schedules |
| `receipts` | whether receipts are in the views | true |
| `receipt_delay_min_h`, `receipt_delay_max_h` | how long a receipt is held back | the standard's |
| `delay_s` | mean of the exponential delay at sending services | 0 |
| `cover_per_day` | loops of each device | 0 |
| `classes` | size classes: exact, ladder, one | one |
| `address` | what an address is for: a person, relationship, day, message | message |
| `fault` | none, or sunset: the most popular provider announces that it closes | none |
| `questions` | which of `questions.QUESTIONS` | the experiment's |

Results are rows, one for each arm, question and replication, and one for each arm and replication of costs; `pooled`
has intervals over targets (`ranking`), the conclusions of a scenario those over replications.
"""

import math
from collections.abc import Hashable, Sequence
from typing import Final, Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from communicator_model.draws import subseed
from communicator_model.faults import FaultKind
from communicator_simulations.adversaries import equality
from communicator_simulations.adversaries.cover import Way, with_cover
from communicator_simulations.adversaries.questions import QUESTIONS, Asked
from communicator_simulations.adversaries.ranking import FIGURES, Judged, summarised
from communicator_simulations.adversaries.traffic import Traffic, handed
from communicator_simulations.adversaries.watching import always_on, watched, with_delay, with_receipts
from communicator_simulations.runs import RunKey, Supplies, prepare
from communicator_simulations.scenario import Scenario, ScenarioError, decoded
from communicator_spec import Command, Kind
from communicator_spec.parameters import PARAMETERS

__all__ = [
    "Arm",
    "Experiment",
    "Found",
    "Row",
    "check_experiment",
    "experiment_of",
    "play",
    "pooled",
    "rows_of",
    "worlds",
]

Ints = NDArray[np.int64]
Row = dict[str, str | int | float | None]


class Arm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One way to do it; the table above says what each field decides."""

    name: str
    label: str
    series: str = ""
    profile: Literal["", "label/1", "two-layer/1"] = ""
    phones: Literal["schedules", "always"] = "schedules"
    receipts: bool = True
    receipt_delay_min_h: float | None = None
    receipt_delay_max_h: float | None = None
    delay_s: float = 0.0
    cover_per_day: float = 0.0
    classes: equality.Classes = "one"
    address: equality.Period = "message"
    fault: Literal["none", "sunset"] = "none"
    questions: tuple[str, ...] = ()

    @property
    def world(self) -> tuple[Hashable, ...]:
        """What decides the run; arms with one world are views of one run."""
        return (self.profile, self.phones, self.receipt_delay_min_h, self.receipt_delay_max_h, self.delay_s, self.fault)


class Experiment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table `[adversaries]` of a scenario."""

    questions: tuple[str, ...]
    arm: tuple[Arm, ...]
    policy: str = "two"
    window_s: float = 60.0
    least: int = 20
    most: int = 300

    def asked(self, arm: Arm) -> tuple[str, ...]:
        """Return the questions that are asked of an arm."""
        return arm.questions or self.questions

    @property
    def keys(self) -> dict[str, set[str] | None]:
        """What tells the cells of the results apart, and the values that there are."""
        questions = {question for arm in self.arm for question in self.asked(arm)}
        return {"arm": {arm.name for arm in self.arm}, "question": questions}


class Found(NamedTuple):
    """What was found in one arm and replication: verdicts by question, and costs."""

    arm: str
    replication: int
    judged: dict[str, list[Judged]]
    costs: dict[str, float]


def experiment_of(name: str, scenario: Scenario) -> Experiment | None:
    """Return the experiment of a scenario by its name or file, None if it has none; `ScenarioError` if it cannot be."""
    table = decoded(name)
    if "adversaries" not in table:
        return None
    try:
        found = msgspec.convert(table["adversaries"], Experiment)
    except msgspec.ValidationError as error:
        raise ScenarioError(f"{name}: {error}") from None
    return check_experiment(found, scenario, name)


def check_experiment(experiment: Experiment, scenario: Scenario, name: str) -> Experiment:
    """Return the experiment, or raise `ScenarioError` naming what makes it impossible."""

    def require(condition: bool, complaint: str) -> None:
        if not condition:
            raise ScenarioError(f"{name}: adversaries.{complaint}")

    names = [arm.name for arm in experiment.arm]
    require(len(names) > 0 and len(set(names)) == len(names), "arm: there must be arms with different names")
    require(experiment.policy in [policy.name for policy in scenario.policy], "policy must be one of the policies")
    require(experiment.window_s > 0, "window_s must be positive")
    require(experiment.least >= 1 and experiment.most >= 1, "least and most must be at least 1")
    for arm in experiment.arm:
        wanted = experiment.asked(arm)
        unknown = [question for question in wanted if question not in QUESTIONS]
        require(len(wanted) > 0, f"arm {arm.name!r}: there must be questions")
        require(not unknown, f"arm {arm.name!r}: no question {unknown}; there are: {', '.join(QUESTIONS)}")
        require(min(arm.delay_s, arm.cover_per_day) >= 0, f"arm {arm.name!r}: nothing may be negative")
        both = (arm.receipt_delay_min_h is None) == (arm.receipt_delay_max_h is None)
        require(both, f"arm {arm.name!r}: receipt_delay_min_h and receipt_delay_max_h belong together")
        changed = _scenario_of(arm, experiment, scenario)
        next(p for p in changed.policy if p.name == experiment.policy).terms(changed.profile)
    return experiment


def worlds(experiment: Experiment) -> list[tuple[Arm, ...]]:
    """Return the arms by the run that they look at, in order."""
    grouped: dict[Hashable, list[Arm]] = {}
    for arm in experiment.arm:
        grouped.setdefault(arm.world, []).append(arm)
    return [tuple(arms) for arms in grouped.values()]


def _scenario_of(arm: Arm, experiment: Experiment, scenario: Scenario) -> Scenario:
    changed = msgspec.structs.replace(scenario, profile=arm.profile or scenario.profile)
    if arm.receipt_delay_min_h is not None and arm.receipt_delay_max_h is not None:
        changed = with_receipts(changed, experiment.policy, arm.receipt_delay_min_h, arm.receipt_delay_max_h)
    return with_delay(changed, round(arm.delay_s * 1000))


def play(experiment: Experiment, scenario: Scenario, seed: int, supplies: Supplies, arms: Sequence[Arm],
         replication: int) -> list[Found]:  # fmt: skip
    """Run the one world of these arms in one replication, and ask each arm its questions."""
    first = arms[0]
    own = _scenario_of(first, experiment, scenario)
    data = always_on(supplies) if first.phones == "always" else supplies
    fault = FaultKind(first.fault)
    run = watched(own, seed, data, experiment.policy, fault, replication)
    key = RunKey(experiment.policy, fault, replication)
    prepared = prepare(own, seed, data, key)
    people, conditions = prepared.people, prepared.conditions
    own_seed = subseed(seed, own.name, "adversaries", replication)
    way = Way(own.weather.delay_min_ms, own.weather.delay_mean_ms)
    found: list[Found] = []
    for arm in arms:
        traffic = with_cover(run.traffic, arm.cover_per_day, people, prepared.schedules, way, own_seed)
        closing = conditions.fault.provider if fault is not FaultKind.NONE else -1
        asked = Asked(
            traffic, own_seed, round(experiment.window_s * 1000), experiment.least, experiment.most, arm.receipts,
            arm.address, arm.classes, own.weather.delay_mean_ms, closing, conditions.fault.at_ms,
        )  # fmt: skip
        judged = {question: QUESTIONS[question].ask(asked) for question in experiment.asked(arm)}
        found.append(Found(arm.name, replication, judged, _costs(asked, own.profile)))
    return found


def _costs(asked: Asked, profile: str) -> dict[str, float]:
    """Return what people pay: how long messages and receipts take, and what travels for each message.

    Bytes are those of requests to receiving services, padded, with the address of the profile; messages that did not
    arrive have no latency.
    """
    traffic = asked.traffic
    length = equality.padded(equality.lengths(handed(traffic), asked.seed), asked.classes)
    kept = ~np.isin(traffic.sent[:, 8], [int(command) for command in asked.without])
    overhead = PARAMETERS.address.sda_bytes if profile == "two-layer/1" else _LABEL_BYTES
    written = max(1, len(traffic.accepted))
    arrived = traffic.opened[traffic.opened[:, 1] == Kind.DELIVERED]
    return {
        "latency_p50_s": _middle(_waits(traffic, arrived[:, [2, 3, 0]] ^ np.array([1, 0, 0]))),
        "latency_mean_s": float(np.mean(_waits(traffic, arrived[:, [2, 3, 0]] ^ np.array([1, 0, 0])) or [math.nan])),
        "receipt_p50_s": _middle(_waits(traffic, traffic.acknowledged[:, [2, 3, 0]])),
        "sent_per_message": float(kept.sum()) / written,
        "receipts_per_message": float((traffic.sent[kept, 8] == Command.RECEIPT).sum()) / written,
        "bytes_per_message": float((length[kept] + overhead).sum()) / written,
        "messages": float(len(traffic.accepted)),
    }


_LABEL_BYTES: Final = 65
"""label/1: what a request has beside the padded ciphertext."""


def _waits(traffic: Traffic, done: Ints) -> list[float]:
    """Return how long after its acceptance something happened to each message (end, number, when), s."""
    begun = {(end, number): t_ms for t_ms, end, number in traffic.accepted[:, [0, 2, 3]].tolist()}
    return [(t_ms - begun[end, number]) / 1000 for end, number, t_ms in done.tolist() if (end, number) in begun]


def _middle(values: list[float]) -> float:
    return float(np.median(values)) if values else math.nan


# -------------------------------------------------------------------- tables


def rows_of(found: Sequence[Found]) -> tuple[list[Row], list[Row]]:
    """Return rows of attacks (means over targets) and of costs, one for each arm and replication."""
    attacks: list[Row] = []
    costs: list[Row] = []
    for arm, replication, judged, paid in found:
        costs.append({"arm": arm, "replication": replication, **paid})
        for question, verdicts in judged.items():
            if verdicts:
                row: Row = {"arm": arm, "question": question, "replication": replication, "targets": len(verdicts)}
                row |= {f: float(np.mean([getattr(one.verdict, f) for one in verdicts])) for f in FIGURES}
                row["candidates"] = float(np.mean([one.verdict.candidates for one in verdicts]))
                if not any(math.isnan(one.verdict.after) for one in verdicts):
                    row["identified"] = float(np.mean([math.isfinite(one.verdict.after) for one in verdicts]))
                attacks.append(row)
    return attacks, costs


def pooled(found: Sequence[Found], seed: int, *, same_people: bool) -> list[Row]:
    """Return each arm's and question's figures with intervals over the targets of all replications.

    `same_people`: a target of one replication is the same person or end in another; else all are different.
    """
    gathered: dict[tuple[str, str], list[Judged]] = {}
    for arm, replication, judged, _ in found:
        for question, verdicts in judged.items():
            names = [one.target if same_people else (replication, one.target) for one in verdicts]
            pool = gathered.setdefault((arm, question), [])
            pool += [Judged(name, one.verdict) for name, one in zip(names, verdicts, strict=True)]
    return [
        {"arm": arm, "question": question, "observer": QUESTIONS[question].observer, "finds": QUESTIONS[question].finds,
         **summarised(verdicts, seed)}
        for (arm, question), verdicts in gathered.items() if verdicts
    ]  # fmt: skip
