"""What a scenario is for: its question at length, its figures, and its conclusions, as they stand in its file.

Theory. A scenario file says what runs (`scenario`), at which points (`[sweep]`), and also why: what varies, what is
fixed, how the result is drawn, and what follows from it. The second half changes no run, so it is read apart from the
first, and a sentence that is put better makes no result old.

Rules:

1. Everything is checked when the file is read: unknown keys, policies, faults and parameters are refused by name.
2. A metric is a column of `runs`, or follows from the point alone: what theory expects there (`expected`).
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

import msgspec

from communicator_model.faults import FaultKind
from communicator_simulations.adversaries.experiment import experiment_of
from communicator_simulations.conclusions import Cells, Conclusion, Side, Value, cells_of, judge
from communicator_simulations.expected import expected
from communicator_simulations.scenario import Scenario, ScenarioError, decoded
from communicator_simulations.sweep import Stored
from communicator_simulations.sweeps.parameters import parameters

__all__ = ["SHARES", "About", "Account", "Drawn", "Scale", "account_of", "results_of", "shares", "verdicts"]

SHARES: Final = {
    "undelivered_share": "messages", "delivered_share": "messages", "pending_share": "messages",
    "failed_share": "messages", "cut_off_share": "relationships", "one_way_share": "relationships",
    "lost_share": "relationships", "exposed_undelivered_share": "exposed", "away_cut_share": "away_relationships",
    "stayed_cut_share": "stayed_relationships", "none_cut_share": "none_relationships",
    "one_cut_share": "one_relationships", "both_cut_share": "both_relationships",
}  # fmt: skip
"""Metrics that are a share, and the column with what they are a share of."""


class About(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The question at length."""

    varies: str
    fixed: str
    why: str


class Scale(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An axis: the metric or key along it, its title with the unit, and the factor into that unit."""

    name: str
    title: str
    times: float = 1.0
    log: bool = False


class Drawn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A figure: lines or dots of `value` over `along`, one for each value of `series`; or a heat map, `along` × `up`.

    Each value of the key `panels` has a panel of its own; `where` leaves cells out.
    """

    name: str
    kind: Literal["lines", "dots", "heat"]
    caption: str
    along: Scale
    value: Scale
    up: Scale | None = None
    series: str = "policy"
    panels: str = ""
    where: dict[str, Value] = {}


class Account(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that a scenario file says beside what runs. A file that says nothing has an empty one."""

    about: About | None = None
    figure: tuple[Drawn, ...] = ()
    conclusion: tuple[Conclusion, ...] = ()


def account_of(name: str, scenario: Scenario) -> Account:
    """Return the account of a scenario by its name or file; raises `ScenarioError` for one that cannot be."""
    table = decoded(name)
    try:
        account = msgspec.convert({key: table[key] for key in Account.__struct_fields__ if key in table}, Account)
    except msgspec.ValidationError as error:
        raise ScenarioError(f"{name}: {error}") from None
    experiment = experiment_of(name, scenario)
    keys = _keys(scenario) if experiment is None else experiment.keys
    for conclusion in account.conclusion:
        for side in (conclusion.of, conclusion.than):
            if isinstance(side, Side):
                _check(name, f"conclusion {conclusion.says!r}", side.where, keys)
    for drawn in account.figure:
        _check(name, f"figure {drawn.name!r}", drawn.where, keys)
        if (drawn.kind == "heat") != (drawn.up is not None):
            raise ScenarioError(f"{name}: figure {drawn.name!r}: a heat map has an axis `up`, and nothing else has one")
    return account


def _keys(scenario: Scenario) -> dict[str, set[str] | None]:
    """Return what tells the cells of a sweep apart, each with the values that it can have; None: any."""
    policies, faults = {policy.name for policy in scenario.policy}, {kind.value for kind in FaultKind}
    return {"policy": policies, "fault": faults, **dict.fromkeys(parameters(scenario))}


def _check(name: str, what: str, where: Mapping[str, Value], keys: Mapping[str, set[str] | None]) -> None:
    for key, value in where.items():
        if key not in keys:
            short = [known for known in keys if keys[known] is not None]
            raise ScenarioError(f"{name}: {what}: no key {key!r}; there are {', '.join(short)}, and parameters")
        known = keys[key]
        if known is not None and value not in known:
            raise ScenarioError(f"{name}: {what}: no {key} {value!r} in this scenario")


def results_of(points: Sequence[tuple[Mapping[str, Value], Scenario, Sequence[Stored]]]) -> Cells:
    """Return the runs of a study as cells: for each point what is varied there, its scenario, and its runs."""
    varied = tuple(dict.fromkeys(name for values, _, _ in points for name in values))
    rows: list[dict[str, Value]] = []
    for values, scenario, runs in points:
        theory = {policy.name: expected(scenario, policy) for policy in scenario.policy}
        for run in runs:
            keys: dict[str, Value] = {**values, "policy": run.policy, "fault": run.fault}
            fired = {f"fired_{name.replace('-', '_')}": number for name, number in run.fired.items()}
            found = {**theory[run.policy], **run.row, **shares(run.row), **fired}
            rows.append({**found, **keys, "replication": run.replication})
    return cells_of(rows, (*varied, "fault", "policy"), SHARES)


def verdicts(account: Account, results: Cells) -> dict[str, object]:
    """Return what a summary says of the conclusions; nothing, if the scenario draws none."""
    found = judge(account.conclusion, results)
    return {"conclusions": msgspec.to_builtins(found)} if found else {}


def shares(row: Mapping[str, int | float]) -> dict[str, Value]:
    """Return what is asked for more often than it is measured."""
    relationships, automated = row["relationships"] or 1, row["sent_receipt"] + row["sent_update"]
    written = automated / row["automated_share"] if automated else row["messages"] + row["refused"] or 1
    sent = sum(row[f"sent_{name}"] for name in ("message", "receipt", "update", "moved"))
    return {
        "undelivered_share": row["pending_share"] + row["failed_share"],
        "exposed_undelivered_share": row["exposed_pending_share"] + row["exposed_failed_share"],
        "one_way_share": row["one_way"] / relationships,
        "lost_share": (row["cut_off"] + row["one_way"]) / relationships,
        "sent_per_message": sent / written,
        "bytes_per_message": row["sent_bytes"] / written,
        "issued_per_message": row["issued"] / written,
    }
