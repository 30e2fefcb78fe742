"""Runs of a plan, and what is wrong with them: invariants, what must come in the end, and agreement.

Theory. A plan runs on the population model and on the real cores, in the same world. Four judges look at the real run,
the first that finds something speaks:

1. **invariants**: the monitors over the event log. What they say was wrong at that instant, whoever looks.
2. **liveness**: at the end of the calm phase nothing is open. Every message has arrived or was reported as failed, each
   end has its peer's probe (a message of the calm phase, when nothing is in its way any more), who wanted to leave a
   service has left, and what was delivered is acknowledged.
3. **agreement**: the log of the real cores is that of the population model, row for row.
4. **formal model**: each relationship's history is a behaviour of it (`communicator_spec.formal.validation`).

An exception of a core, or one that never comes to an end, is a finding, too.

Rules:

1. What a fault of the plan never met is named (`unfired`), and then nothing was proved: the run is not valid.
2. The bytes of a stranger that knows an address are stored there, by design; the monitors, which know no strangers, do
   not see those two rows. The formal model has strangers, and late requests, but its histories cannot tell them apart
   from the peer's: plans with `UNTOLD` faults are not held against it.
3. Contact is assumed: the generator keeps to at most one dead provider, and no end is without a connection for as long
   as its addresses live. A plan that breaks that may lose probes, and nobody is to blame.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from communicator_model.faults import FaultKind
from communicator_simulations.diary import Diary
from communicator_simulations.faults.plan import DAY, FaultPlan, What, terms_of
from communicator_simulations.faults.planted import PLANTS, Plant, planted
from communicator_simulations.faults.world import PlannedWorld, Runaway
from communicator_simulations.real import impl_fidelity
from communicator_simulations.runs import RunKey, model_fidelity
from communicator_simulations.validation import validated
from communicator_spec import Event, Kind, Row
from communicator_spec.formal.histories import Note
from communicator_spec.formal.validation import Deployment
from communicator_spec.invariants import Monitors
from communicator_spec.nodes import Fidelity

__all__ = ["FIDELITIES", "Finding", "Ran", "Verdict", "firing", "judge", "ran"]

FIDELITIES: Final = ("model", "impl")
UNTOLD: Final = frozenset((What.STRAY, What.DELAY, What.DEVICE_DIES, What.UNCONFIRMED))
_PROBE_MS: Final = 4 * DAY * 60_000
"""A probe's first path may be the dead one: then the second, after it was silent for a day, is the one that works."""
_GRACE_MS: Final = DAY * 60_000
_SHOWN: Final = 200


class Finding(NamedTuple):
    """What is wrong: which judge says so, the name of what was broken, and how it shows."""

    judge: str
    name: str
    detail: str


class Ran(NamedTuple):
    """What is left of a run: its log and diary, how often each fault met something, what is still open."""

    log: list[Row]
    notes: list[Note]
    met: tuple[int, ...]
    probes: tuple[tuple[int, int], ...]
    leaving: tuple[tuple[int, int], ...]
    strays: frozenset[tuple[int, int, int, int]]
    raised: str


class Verdict(NamedTuple):
    """What came of a plan: what was found (none: nothing), which faults never happened, how often each did."""

    found: Finding | None
    unfired: tuple[int, ...]
    met: tuple[int, ...]
    events: int
    messages: int


def ran(plan: FaultPlan, fidelity: str, plant: str = "") -> Ran:
    """Run a plan on the population model (`model`) or the real cores (`impl`), perhaps with a planted fault."""
    log: list[Row] = []
    used = PLANTS[plant] if plant and fidelity == "impl" else None
    diary = Diary(_fidelity(plan, fidelity, used), log)
    raised = ""
    with planted(used):
        world = PlannedWorld(plan, diary, log)
        try:
            world.run()
        except Runaway as error:
            raised = f"never at rest: {error}"
        except Exception as error:
            raised = f"{type(error).__name__}: {error}"
    met = tuple(world.met[number] for number in range(len(plan.faults)))
    probes, leaving = tuple(world.probes), tuple(sorted(world.leaving))
    return Ran(log, diary.notes, met, probes, leaving, frozenset(world.strays), raised)


def _fidelity(plan: FaultPlan, fidelity: str, plant: Plant | None) -> Fidelity:
    if fidelity == "model":
        return model_fidelity(plan.profile)
    return impl_fidelity(plan.profile, plan.seed, plant.parts if plant else None)


def firing(plan: FaultPlan, fidelity: str = "model", plant: str = "") -> tuple[FaultPlan, Ran]:
    """Leave out what meets nothing, until every fault meets something; return that plan and its run."""
    while True:
        run = ran(plan, fidelity, plant)
        if all(run.met) or run.raised:
            return plan, run
        left = tuple(fault for fault, met in zip(plan.faults, run.met, strict=True) if met)
        plan = msgspec.structs.replace(plan, faults=left)


def judge(plan: FaultPlan, model: Ran, cores: Ran) -> Verdict:
    """Judge a run of the real cores; `model` is that of the population model under the same plan."""
    found = next(_findings(plan, model, cores), None)
    unfired = tuple(number for number, met in enumerate(cores.met) if not met)
    messages = sum(row[1] == Kind.ACCEPTED for row in cores.log)
    return Verdict(found, unfired, cores.met, len(cores.log), messages)


def _findings(plan: FaultPlan, model: Ran, cores: Ran) -> Iterator[Finding]:
    horizon_ms = (plan.faults_min + plan.calm_min) * 60_000
    terms = terms_of(plan)
    monitors = Monitors(terms, grace_ms=_GRACE_MS)
    monitors.feed_all(row for row in cores.log if not _is_stray(row, cores))
    for violation in monitors.finish(horizon_ms):
        yield Finding("invariant", violation.invariant, f"{violation.detail}: {_shown(violation.events[-1])}")
    if cores.raised:
        yield Finding("exception", cores.raised.partition(":")[0], cores.raised)
    yield from _open(plan, cores)
    parted = next((n for n, (a, b) in enumerate(zip(model.log, cores.log, strict=False)) if a != b), None)
    if parted is None and len(model.log) != len(cores.log):
        parted = min(len(model.log), len(cores.log))
    if parted is not None:
        says = [_shown(Event(*log[parted])) if parted < len(log) else "its end" for log in (model.log, cores.log)]
        yield Finding("agreement", "model", f"row {parted}: the model has {says[0]}, the cores {says[1]}")
    if not UNTOLD & {fault.what for fault in plan.faults}:
        yield from _told(plan, cores)


def _is_stray(row: Row, run: Ran) -> bool:
    return row[1] in (Kind.STORED, Kind.CONFIRMED) and (row[2], *row[4:7]) in run.strays


def _open(plan: FaultPlan, run: Ran) -> Iterator[Finding]:
    """Say what is still open at the end of the calm phase."""
    ended = {row[2] for row in run.log if row[1] == Kind.ENDED}
    over = ended | {end ^ 1 for end in ended}
    delivered = {(row[2] ^ 1, row[3]): row[0] for row in reversed(run.log) if row[1] == Kind.DELIVERED}
    settled = {(row[2], row[3]) for row in run.log if row[1] in (Kind.ACKNOWLEDGED, Kind.FAILED)}
    from_ms = (plan.faults_min + 60) * 60_000
    for end, number in run.probes if plan.calm_min * 60_000 > _PROBE_MS else ():
        if delivered.get((end, number), 1 << 62) - from_ms > _PROBE_MS:
            yield Finding("liveness", "arrives", f"message {number} of end {end}, of the calm phase, did not arrive")
    lifetime_ms = terms_of(plan).message_lifetime_ms + _GRACE_MS
    horizon_ms = (plan.faults_min + plan.calm_min) * 60_000
    for row in run.log:
        key = (row[2], row[3])
        if row[1] == Kind.ACCEPTED and key not in settled and row[0] + lifetime_ms < horizon_ms and row[2] not in over:
            yield Finding("liveness", "settles", f"message {row[3]} of end {row[2]} is neither acknowledged nor failed")
    waits = {plan.person_of(end ^ 1) for end in ended}  # whose peer says no more: for the last address to expire
    for person, service in run.leaving if plan.calm_min * 60_000 >= lifetime_ms else ():
        if person not in waits:
            yield Finding("liveness", "leaves", f"person {person} never came away from service {service}")


def _told(plan: FaultPlan, run: Ran) -> Iterator[Finding]:
    """Hold every relationship against the formal model."""
    deployment = Deployment(terms_of(plan), plan.providers, plan.profile == "two-layer/1")
    found = validated(run.log, run.notes, deployment, RunKey("plan", FaultKind.NONE, 0))
    for refused in found.refused:
        last = refused.lines()[-1:] or ["its end"]
        name = f"relationship {refused.history.relationship}"
        yield Finding("formal model", "behaviour", f"{name} is none of its behaviours at: {last[0]}")


def _shown(event: Event) -> str:
    said = (f"{name}={value}" for name, value in zip(event._fields[2:], event[2:], strict=True) if value != -1)
    return f"{Kind(event.kind).name} at {event.t_ms / 3_600_000:.1f} h {' '.join(said)}"[:_SHOWN]
