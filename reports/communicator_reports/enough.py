"""How often a run is repeated: so many times, or until the intervals of a metric are narrow enough.

Rules:

1. What has no answer is refused before anything runs: a width that is none, a metric that there is not, a width with a
   number of replications, one replication that is to have an interval.
2. When to look, and at what confidence, is decided by `Rule` before the first run. Every look goes on where the former
   one stopped: no run is repeated.
3. Policies and faults are repeated equally often, so that they stay pairs.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from communicator_reports.progress import Update
from communicator_simulations.metrics import measure
from communicator_simulations.results import cells
from communicator_simulations.scenario import ScenarioError
from communicator_simulations.statistics import Precision, PrecisionError, Rule
from communicator_simulations.sweep import Plan, Sweep, repeated

__all__ = ["DEFAULT_METRIC", "Often", "run_enough", "understood"]

DEFAULT_METRIC: Final = "delivered_share"
_AUTO: Final = "auto"


class Often(NamedTuple):
    """How often; without a rule so many times, or as the scenario says."""

    replications: int | None = None
    rule: Rule | None = None


def understood(replications: str | None, width: str | None, metric: str | None) -> Often:
    """Return what `--replications`, `--width` and `--metric` ask for; `ScenarioError` if it is nonsense (rule 1)."""
    auto = (replications or (_AUTO if width else "")).partition(":")[0] == _AUTO
    if auto and width is None:
        raise ScenarioError("--replications auto needs --width: how wide an interval may be, as 0.01 or 10%")
    if width is None:
        if metric is not None:
            raise ScenarioError("--metric names what --width is about: add --width, or leave it out")
        return Often(None if replications is None else _count("--replications", replications))
    if not auto:
        alone = "one replication has no interval; " if replications == "1" else ""
        raise ScenarioError(f"--width: {alone}it decides how many replications there are: use --replications auto")
    try:
        return Often(None, _rule(replications or _AUTO, width, metric or DEFAULT_METRIC).check())
    except PrecisionError as error:
        raise ScenarioError(f"--width {width}, --replications {replications or _AUTO}: {error}") from None


def _rule(replications: str, width: str, metric: str) -> Rule:
    names = measure((), 0, 0, frozenset(), 0).row
    if metric not in names:
        raise ScenarioError(f"no metric {metric!r}; there are: {', '.join(names)}")
    relative = width.endswith("%")
    try:
        wide = float(width.removesuffix("%")) / (100 if relative else 1)
    except ValueError:
        raise ScenarioError(f"--width {width!r} is no width: write 0.01, or 10% of the mean") from None
    rule = Rule(Precision(metric, wide, relative))
    most = replications.partition(":")[2]
    return rule._replace(most=_count("--replications auto:", most)) if most else rule


def _count(name: str, text: str) -> int:
    if not text.isdecimal() or not text.isascii() or not 1 <= int(text) <= 1_000_000:
        raise ScenarioError(f"{name} {text!r} is no number of replications: write 1 or more, auto, or auto:MAX")
    return int(text)


def run_enough(plan: Plan, rule: Rule, sweep_of: Callable[[Plan], Sweep], workers: int,
               update: Update) -> tuple[Plan, Sweep]:  # fmt: skip
    """Run the plan as often as the rule wants (rules 2 and 3); return the plan of all its runs, and their sweep."""
    for number in rule.looks():
        longer = repeated(plan, number)
        sweep = sweep_of(longer)
        sweep.run(min(workers, len(longer.keys)), update)
        if rule.is_met(cells(sweep.results(), rule.precision.metric)):
            break
    return longer, sweep
