"""What somebody asked for on the command line, and the plan that follows from it.

Rules:

1. What was not asked for is the scenario's. A wish that cannot be met is refused before anything runs.
2. The words of a wish (`words`) are what one types to get the same bytes again: without the folder and the number of
   workers, which leave no trace in a result, and without the folders of the data, which differ between machines.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from communicator_reports.fidelity_names import FidelityName
from communicator_simulations.scenario import Scenario, ScenarioError, check_scenario, load_scenario
from communicator_simulations.statistics import Rule
from communicator_simulations.sweep import Plan, plan

__all__ = ["IMPL_PEOPLE_MAX", "Wish", "plan_of"]

IMPL_PEOPLE_MAX: Final = 300
"""How many people the real cores are run with unless somebody names a number: they cost a hundredfold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The options of `communicator simulate`; None and empty stand for the scenario's own."""

    scenario: str
    people: int | None = None
    days: float | None = None
    replications: int | None = None
    rule: Rule | None = None
    seed: int | None = None
    fidelity: FidelityName = FidelityName.MODEL
    trace: Path | None = None
    phones: Path | None = None
    synthetic: bool = False
    policies: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    events: bool = False
    warm_up: bool = False

    def words(self) -> list[str]:
        """Return the scenario and the options that decide the result, as they are typed."""
        words = [Path(self.scenario).name]
        for name in ("people", "days", "replications", "seed"):
            value = getattr(self, name)
            words += [] if value is None else [f"--{name}", f"{value:g}" if isinstance(value, float) else str(value)]
        if self.rule is not None:
            metric, width, relative = self.rule.precision
            words += ["--replications", f"auto:{self.rule.most}", "--metric", metric]
            words += ["--width", f"{100 * width:.12g}%" if relative else f"{width:.12g}"]
        if self.fidelity is not FidelityName.MODEL:
            words += ["--fidelity", self.fidelity]
        for name, path in (("--trace", self.trace), ("--phones", self.phones)):
            words += [] if path is None else [name, path.name]
        words += ["--synthetic"] * self.synthetic
        for policy in self.policies:
            words += ["--policy", policy]
        for fault in self.faults:
            words += ["--fault", fault]
        return words + ["--warm-up"] * self.warm_up + ["--events"] * self.events


def plan_of(wish: Wish) -> Plan:
    """Return the plan for a wish.

    Raises `ScenarioError` for what the scenario does not have, `DataError` for data that is not there.
    """
    if wish.synthetic and (wish.trace or wish.phones):
        raise ScenarioError("--synthetic contradicts --trace and --phones: leave one of them out")
    scenario = _changed(load_scenario(wish.scenario), wish)
    seed = scenario.study.seed if wish.seed is None else wish.seed
    found = plan(
        scenario, seed, wish.trace, wish.phones, synthetic=wish.synthetic, policies=wish.policies, faults=wish.faults
    )
    people = scenario.people.count
    if wish.fidelity is FidelityName.IMPL and wish.people is None and not 0 < people <= IMPL_PEOPLE_MAX:
        number = f"{people:,} people" if people else "everybody in the trace"
        raise ScenarioError(
            f"--fidelity impl runs real cryptography for {number}, which takes hours;"
            f" add --people {IMPL_PEOPLE_MAX} or fewer, or name the number that you want"
        )
    return found


def _changed(scenario: Scenario, wish: Wish) -> Scenario:
    people, study = scenario.people, scenario.study
    if wish.people is not None:
        people = msgspec.structs.replace(people, count=wish.people)
    if wish.days is not None:
        people = msgspec.structs.replace(people, days=wish.days)
    if wish.replications is not None:
        study = msgspec.structs.replace(study, replications=wish.replications)
    return check_scenario(msgspec.structs.replace(scenario, people=people, study=study), wish.scenario)
