"""Scenarios, sweeps and linkage games; here the population model and the real cores meet."""

from communicator_simulations.runs import Run, RunKey, Supplies, model_fidelity, run, simulate
from communicator_simulations.scenario import Scenario, ScenarioError, load_scenario, scenario_names
from communicator_simulations.sweep import Plan, Sweep, plan

__all__ = [
    "Plan",
    "Run",
    "RunKey",
    "Scenario",
    "ScenarioError",
    "Supplies",
    "Sweep",
    "load_scenario",
    "model_fidelity",
    "plan",
    "run",
    "scenario_names",
    "simulate",
]
