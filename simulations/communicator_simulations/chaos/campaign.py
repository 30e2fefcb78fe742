"""One run of chaos: starts everything, lets the plan happen, lets everything come to rest, and has it judged.

Theory. A run has two phases. In the first, people write and decide while the plan's faults meet them; a kill is an
order to die at a crash point, given to a process that passes it, and prefers what was taken least often so far. In the
second nothing is harmed any more and time runs faster, until nobody has anything left to do; only then can be said what
was lost. What must hold at every instant is judged between the two, too. ::

    start ─▶ load and faults ─▶ all killed, judged ─▶ calm, until all is at rest ─▶ all killed, judged

Rules:

1. What dies is started again at once, on what it left. Who ends by itself, without a reason of the plan, is a finding.
2. A fault counts when it was seen: a process that died at its point, a request that met the relay's fault, a write that
   found no room. The load lasts longer until each kind was seen, but no longer than `OVERTIME_S`; what was not seen by
   then makes the run invalid.
3. Whatever happens, all processes of the run are gone when it is over, and nobody else's is touched.
"""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import msgspec

from communicator_simulations.chaos import judging
from communicator_simulations.chaos.cast import Cast
from communicator_simulations.chaos.certificate import certificate_for
from communicator_simulations.chaos.connections import Relay
from communicator_simulations.chaos.faults import Faults
from communicator_simulations.chaos.kills import Kills
from communicator_simulations.chaos.outcome import Outcome, Wish, found_by
from communicator_simulations.chaos.plan import OPERATORS, OVERTIME_S, Kind
from communicator_simulations.chaos.planted import BUGS, reached_line
from communicator_simulations.chaos.points import PHASES, excuse, is_rare, scan
from communicator_simulations.chaos.stage import Process
from communicator_simulations.chaos.talker import Status, read_status

__all__ = ["run"]

_HOST: Final = "127.0.0.1"
_TICK_S: Final = 0.01
_LOOK_S: Final = 0.1
_REST_S: Final = 2.0
_SAID: Final = 300
_THROWN: Final = "client.post:Post.hand_over:1"


def run(wish: Wish, folder: Path, tell: Callable[[str], None] = lambda _: None) -> Outcome:
    """Run one chaos in a folder, which keeps all logs and stores; `tell` hears how far it is."""
    with ExitStack() as stack:
        return _Run(wish, folder, stack, tell).all()


class _Run:
    def __init__(self, wish: Wish, folder: Path, stack: ExitStack, tell: Callable[[str], None]) -> None:
        self._wish, self._folder, self._tell = wish, folder, tell
        folder.mkdir(parents=True, exist_ok=True)
        certificate = certificate_for(_HOST, folder)
        self._relay = stack.enter_context(Relay(wish.seed, certificate))
        self._cast = Cast(wish, folder, stack, self._relay, certificate)
        bug = BUGS[wish.plant] if wish.plant else None
        self._kills = Kills(self._cast.ledger, wish.people, wish.seed, bug)
        self._faults = Faults(self._cast, self._kills, self._relay, has_files=wish.database == "sqlite")
        self._endings: list[str] = []

    def all(self) -> Outcome:
        """Run both phases, and judge after each; a planted bug that was found needs no second one."""
        began = time.monotonic()
        try:
            for process in self._cast.everybody():
                process.start()
            load_s = self._load(began)
            self._stop()
            verdict, at_rest = self._judged(settled=False), False
            if not found_by(self._wish.plant, verdict):
                at_rest = self._rest()
        finally:
            for process in self._cast.everybody():
                process.kill()
        if not found_by(self._wish.plant, verdict):
            last = self._judged(settled=at_rest)
            verdict = msgspec.structs.replace(last, violations=(*verdict.violations, *last.violations))
        return self._outcome(verdict, at_rest, load_s, time.monotonic() - began)

    def _judged(self, *, settled: bool) -> judging.Verdict:
        """Judge what everybody has stored; nobody runs."""
        self._tell("judging")
        names = {f"operator {n}": url for n, url in enumerate(self._cast.databases)}
        return judging.judged(self._cast.parts, names, dropped=self._dropped(), settled=settled)

    # ---------------------------------------------------------------- phases

    def _load(self, began: float) -> float:
        """Let the plan's faults happen, each when it is due; returns how long that took."""
        due, planned_s = list(self._cast.plan.faults), self._cast.plan.seconds
        while True:
            now_s = time.monotonic() - began
            while due and due[0].at_s <= now_s:
                self._faults.harm(due.pop(0))
            self._tend()
            self._kills.tend()
            is_over = not due and self._kills.is_done and now_s >= planned_s and self._is_all_seen()
            if is_over or now_s >= planned_s + OVERTIME_S:
                return now_s
            done, others = self._kills.counts.total(), self._faults.fired.total() + self._relay.fired.total()
            self._tell(f"{now_s:.0f} s, {done} of {self._wish.kills} kills, {others} other faults")
            time.sleep(_TICK_S)

    def _is_all_seen(self) -> bool:
        """Tell whether every fault of the plan was seen, and all people have met; or the planted bug was reached."""
        if self._wish.plant:
            return self._is_reached()
        fired = self._fired()
        return all(fired.get(kind) for kind in self._planned()) and self._met()

    def _met(self) -> bool:
        return all(status.met for status in self._states())

    def _stop(self) -> None:
        """Let nothing happen any more, and nobody run."""
        (self._folder / "over").touch()
        self._faults.calm()
        self._kills.withdraw()
        for process in self._cast.everybody():
            process.kill()

    def _rest(self) -> bool:
        """Let everything come to rest, with clocks that run faster; False if it does not."""
        self._cast.hasten()
        for process in self._cast.everybody():
            process.start()
        until, still = time.monotonic() + self._wish.calm_s, time.monotonic()
        while time.monotonic() < until:
            self._tend()
            states = self._states()
            over = {end for status in states for end in status.over}
            busy = sum(not status.is_settled(over) or status.at_s < time.time() - _REST_S for status in states)
            still = time.monotonic() if busy else still
            if time.monotonic() - still > _REST_S:
                return True
            self._tell(f"calm: {busy} people have something left")
            time.sleep(_LOOK_S)
        return False

    def _states(self) -> list[Status]:
        return [read_status(Path(part.folder)) for part in self._cast.parts]

    # ---------------------------------------------------------------- tending

    def _tend(self) -> None:
        """Start what has died again, and do what was put off."""
        for process in self._cast.everybody():
            if not process.lives:
                self._died(process)
                process.start()
        self._faults.tend()

    def _died(self, process: Process) -> None:
        if self._kills.is_excused(self._cast.row(process)) or self._faults.had_no_room(process):
            return
        log = self._cast.log(process)
        last = log.read_text("utf-8", "replace").strip().splitlines()[-1:] if log.exists() else []
        self._endings.append(f"{process.name} ended by itself: {''.join(last)[-_SAID:]}")

    # ---------------------------------------------------------------- what came out

    def _outcome(self, verdict: judging.Verdict, at_rest: bool, load_s: float, took_s: float) -> Outcome:
        points, of = scan(), self._wish.database
        passed = dict(zip(points, self._passes(), strict=True))
        due = {point: count for point, count in passed.items() if not is_rare(point)}
        killed = sorted(self._kills.counts.items())
        cast = {"person": self._cast.people, "service": self._cast.services}
        return Outcome(
            wish=msgspec.structs.replace(self._wish, server=""),  # it may have a password
            kills={f"{points[n].name} {PHASES[phase]}": count for (n, phase), count in killed},
            passes={point.name: count for point, count in passed.items()},
            missed=tuple(point.name for point, count in due.items() if not count and not excuse(point, of)),
            stale=tuple(point.name for point, count in due.items() if count and excuse(point, of)),
            fired=self._fired(),
            planned=self._planned(),
            starts={role: sum(process.starts for process in found) for role, found in cast.items()},
            endings=tuple(self._endings),
            at_rest=at_rest,
            verdict=verdict,
            load_s=load_s,
            took_s=took_s,
            reached=self._is_reached(),
        )

    def _passes(self) -> list[int]:
        """Return how often each point was passed, before it happened."""
        rows = range(self._wish.people + 2 * OPERATORS)
        return [sum(column) for column in zip(*map(self._cast.ledger.passes, rows), strict=True)][::2]

    def _fired(self) -> dict[str, int]:
        met = {fault.value: count for fault, count in self._relay.fired.items()}
        return {**self._faults.fired, **met, Kind.KILL.value: self._kills.counts.total()}

    def _planned(self) -> dict[str, int]:
        """Return how many faults of each kind are in the plan; those of connections by what they do."""
        faults = self._cast.plan.faults
        return dict(Counter(f.how.partition(" ")[0] if f.kind is Kind.TROUBLE else f.kind.value for f in faults))

    def _is_reached(self) -> bool:
        """Tell whether the planted bug was reached, if there is one."""
        line = reached_line(self._wish.plant)
        logs = [log for process in self._cast.everybody() if (log := self._cast.log(process)).exists()]
        return not self._wish.plant or any(line in log.read_text("utf-8", "replace") for log in logs)

    def _dropped(self) -> int:
        """Return how many parcels devices threw away because their time was over."""
        thrown = [n for n, point in enumerate(scan()) if point.name == _THROWN]
        return sum(self._passes()[n] for n in thrown)
