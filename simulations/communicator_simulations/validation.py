"""`python -m communicator_simulations.validation`: are the logs of simulated worlds behaviours of the formal model?

    python -m communicator_simulations.validation [--scenario NAME] [--people N] [--days N] [--fidelity model|impl]
        [--policy NAME]... [--fault NAME]... [--profile NAME]... [--seed N] [--synthetic] [--json]

Every policy under every fault is run with a diary beside its log, both are taken apart by relationship, and each
history is held against the model (`communicator_spec.formal.validation`). Exit status: 0 if all are behaviours of the
model, 1 if one is not, 2 if called wrongly or if a log has what the model does not have, 130 after an interrupt.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from communicator_model.traces import DataError
from communicator_simulations.diary import Diary
from communicator_simulations.real import impl_fidelity
from communicator_simulations.runs import RunKey, Supplies, model_fidelity, simulate
from communicator_simulations.scenario import Scenario, ScenarioError, check_scenario, load_scenario
from communicator_simulations.sweep import Plan, plan, supplies_for
from communicator_spec import NONE, Event, Kind, Row
from communicator_spec.formal.histories import History, Note, NotValidated, histories
from communicator_spec.formal.validation import Deployment, Verdict, validate

__all__ = ["Refused", "Validated", "main", "validated", "validated_run"]

_SHOWN = 12


class Refused(NamedTuple):
    """A history that is no behaviour of the model."""

    history: History
    verdict: Verdict

    def lines(self) -> list[str]:
        """Return the last lines that are explained, and the one that is not."""
        end = self.verdict.explained + 1
        return [_shown(line) for line in self.history.lines[max(0, end - _SHOWN) : end]]


class Validated(NamedTuple):
    """What came of one run: its rows and notes, in how many histories and lines, and which histories are refused."""

    key: RunKey
    rows: int
    notes: int
    relationships: int
    lines: int
    refused: tuple[Refused, ...]


def validated(log: Sequence[Row], diary: Sequence[Note], deployment: Deployment, key: RunKey) -> Validated:
    """Hold every relationship of a log against the model. `NotValidated`: it has what the model does not have."""
    found = histories(log, diary)
    verdicts = [Refused(history, validate(history, deployment)) for history in found.values()]
    refused = tuple(each for each in verdicts if not each.verdict.accepted)
    lines = sum(len(history.lines) for history in found.values())
    return Validated(key, len(log), len(diary), len(found), lines, refused)


def validated_run(scenario: Scenario, seed: int, supplies: Supplies, key: RunKey, *, real: bool) -> Validated:
    """Run one world, on the real cores or on the population model, and hold it against the formal model."""
    log: list[Row] = []
    diary = Diary(impl_fidelity(scenario.profile, seed) if real else model_fidelity(scenario.profile), log)
    terms = simulate(scenario, seed, supplies, key, diary, log=log).terms
    deployment = Deployment(terms, scenario.people.providers, scenario.profile == "two-layer/1")
    return validated(log, diary.notes, deployment, key)


# ---------------------------------------------------------------------- the command


def main(arguments: Sequence[str] | None = None) -> int:
    """Validate; return the exit status."""
    given = _parser().parse_args(arguments)
    try:
        return _all(given)
    except (ScenarioError, DataError, NotValidated) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m communicator_simulations.validation",
        description="Hold simulated logs against the formal model.",
    )
    parser.add_argument("--scenario", default="migration", help="a name, or a .toml file")
    parser.add_argument("--people", type=int, help="how many people of the trace; 0 is everybody")
    parser.add_argument("--days", type=float, help="how many days of the trace; 0 is all")
    parser.add_argument("--fidelity", choices=("model", "impl"), default="model")
    parser.add_argument("--policy", action="append", default=[], metavar="NAME")
    parser.add_argument("--fault", action="append", default=[], metavar="NAME")
    parser.add_argument("--profile", action="append", default=[], choices=("label/1", "two-layer/1"))
    parser.add_argument("--seed", type=int)
    parser.add_argument("--synthetic", action="store_true", help="use no measured data")
    parser.add_argument("--json", action="store_true", help="results as JSON")
    return parser


def _all(given: argparse.Namespace) -> int:
    results: list[dict[str, object]] = []
    lines, refused, began = 0, 0, time.monotonic()
    for scenario, planned, key in _runs(given):
        if sys.stderr.isatty() and time.monotonic() - began > 2:
            print(
                f"\r\x1b[K{len(results)} runs done, then {key.policy} under {key.fault.value}", end="", file=sys.stderr
            )
        supplies = supplies_for(planned, key.replication)
        found = validated_run(scenario, planned.seed, supplies, key, real=given.fidelity == "impl")
        results.append(_plain(scenario, given.fidelity, found))
        lines, refused = lines + found.lines, refused + len(found.refused)
        if not given.json:
            _say(scenario, found)
    if given.json:
        print(json.dumps(results, indent=1, sort_keys=True))
    else:
        verdict = f"{refused} histories are no behaviour of the model" if refused else "all are behaviours of the model"
        print(f"{verdict}: {len(results)} runs, {lines:,} lines, {time.monotonic() - began:.1f} s")
    return int(refused > 0)


def _runs(given: argparse.Namespace) -> Iterator[tuple[Scenario, Plan, RunKey]]:
    scenario = load_scenario(given.scenario)
    people = scenario.people
    count = people.count if given.people is None else given.people
    days = people.days if given.days is None else given.days
    smaller = msgspec.structs.replace(people, count=count, days=days)
    once = msgspec.structs.replace(scenario.study, replications=1)
    seed = scenario.study.seed if given.seed is None else given.seed
    for profile in given.profile or [scenario.profile]:
        changed = msgspec.structs.replace(scenario, profile=profile, people=smaller, study=once)
        checked = check_scenario(changed, given.scenario)
        planned = plan(checked, seed, None, None, synthetic=given.synthetic, policies=given.policy, faults=given.fault)
        for key in planned.keys:
            yield checked, planned, key


def _say(scenario: Scenario, found: Validated) -> None:
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    key = found.key
    verdict = f"{len(found.refused)} REFUSED" if found.refused else "accepted"
    print(f"{key.policy:8} {key.fault.value:8} {scenario.profile:12} {found.relationships:6} relationships "
          f"{found.rows:8,} rows {found.notes:7,} notes  {verdict}", flush=True)  # fmt: skip
    for each in sorted(found.refused, key=lambda each: each.verdict.explained)[:1]:
        print(f"  relationship {each.history.relationship}, line {each.verdict.explained}:")
        print("\n".join(f"    {line}" for line in each.lines()), flush=True)


def _plain(scenario: Scenario, fidelity: str, found: Validated) -> dict[str, object]:
    refused = [
        {"relationship": r.history.relationship, "line": r.verdict.explained, "lines": r.lines()} for r in found.refused
    ]
    return {
        "scenario": scenario.name, "profile": scenario.profile, "fidelity": fidelity, "policy": found.key.policy,
        "fault": found.key.fault.value, "rows": found.rows, "notes": found.notes,
        "relationships": found.relationships, "lines": found.lines, "refused": refused,
    }  # fmt: skip


def _shown(line: Row | Note) -> str:
    if isinstance(line, Note):
        return f"{line.t_ms} end={line.end} {line.said.name} {' '.join(map(str, line.values))}"
    event = Event(*line)
    said = (f"{name}={value}" for name, value in zip(event._fields[2:], event[2:], strict=True) if value != NONE)
    return f"{event.t_ms} {Kind(event.kind).name} {' '.join(said)}"


if __name__ == "__main__":
    sys.exit(main())
