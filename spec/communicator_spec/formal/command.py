"""`python -m communicator_spec.formal`: run the checks of a tier; or translate, search, repeat or keep runs.

    python -m communicator_spec.formal [--tier ci|nightly] [--only NAME]... [--json] [--update] [--runs] [--workers N]
    python -m communicator_spec.formal [--tier ci|nightly] quint
    python -m communicator_spec.formal translate [--check]
    python -m communicator_spec.formal search INSTANCE [--set PATH=VALUE]... [--invariant NAME]... [--witness NAME]...
    python -m communicator_spec.formal replay FILE
    python -m communicator_spec.formal traces [--check]

Checks run in two processes; the table is in the order of the file. Exit status: 0 if all is well, 1 if not, 2 if called
wrongly, 130 after an interrupt.
"""

import argparse
import json
import multiprocessing
import signal
import sys
import time
from collections.abc import Sequence
from multiprocessing.pool import AsyncResult
from pathlib import Path

import msgspec

from communicator_spec.formal.checks import CHECKS, Check, Checks, load, rewritten, seeded
from communicator_spec.formal.explore import explore
from communicator_spec.formal.kept import KEPT, kept, traces
from communicator_spec.formal.machine import Step
from communicator_spec.formal.model import Model, State, world
from communicator_spec.formal.referee import chosen, recounted, stories
from communicator_spec.formal.report import summary, table
from communicator_spec.formal.running import Result, run
from communicator_spec.formal.toolchain import FOLDER, GENERATED, digests, formatted, program
from communicator_spec.formal.traces import plain_picks, read, replay
from communicator_spec.formal.translate import translate
from communicator_spec.formal.values import FormalError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m communicator_spec.formal", description="The formal model.")
    parser.add_argument("--tier", choices=("ci", "nightly"), default="ci", help="nightly has all of ci too")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="only the checks of this name")
    parser.add_argument("--json", action="store_true", help="results as JSON")
    parser.add_argument("--update", action="store_true", help="write the counts into checks.toml")
    parser.add_argument("--runs", action="store_true", help="show the runs of faults that were found")
    parser.add_argument("--workers", type=int, default=2)
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("translate", help="the Quint text to generated.py").add_argument("--check", action="store_true")
    commands.add_parser("quint", help="types, stories and state counts, by Quint itself")
    search = commands.add_parser("search", help="visit every state of an instance")
    search.add_argument("instance")
    search.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="a field of the world (JSON)")
    search.add_argument("--invariant", action="append", default=[])
    search.add_argument("--witness", action="append", default=[])
    search.add_argument("--states", type=int, help="stop after so many")
    commands.add_parser("replay", help="take the steps of a trace again").add_argument("file", type=Path)
    commands.add_parser("traces", help="the runs worth keeping").add_argument("--check", action="store_true")
    given = parser.parse_args(arguments)
    handlers = {
        "translate": _translate,
        "search": _search,
        "replay": _replay,
        "quint": _quint,
        "traces": _traces,
        None: _check,
    }
    try:
        return handlers[given.command](given)
    except (FormalError, KeyError, TypeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _translate(given: argparse.Namespace) -> int:
    text = load().text
    source = formatted(translate(program(FOLDER / text.main), digests(), text.observed))
    if not given.check:
        GENERATED.write_text(source)
    elif source != GENERATED.read_text():
        print(f"{GENERATED.name} is not what {text.main} gives: run `translate`", file=sys.stderr)
        return 1
    return 0


def _quint(given: argparse.Namespace) -> int:
    """Check types, tell stories, count states again, and compare the translation: all that needs Node."""
    checks = load()
    progress = _Progress("quint")
    for line in stories(checks):
        progress.end()
        print(f"  ok    {line}", flush=True)
    status = _translate(argparse.Namespace(check=True))
    results = [recounted(check, checks) for check in chosen(checks, given.tier)]
    print("\n".join(table(results)))
    return status or int(any(result.problems for result in results))


def _overrides(settings: Sequence[str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for setting in settings:
        path, _, value = setting.partition("=")
        try:
            found[path] = json.loads(value)
        except json.JSONDecodeError:
            found[path] = value
    return found


def _search(given: argparse.Namespace) -> int:
    model = Model(world(given.instance, _overrides(given.set)))
    progress = _Progress(given.instance)
    found = explore(model, given.invariant, given.witness, states_max=given.states, stop=progress.say)
    progress.end()
    end = f"{found.violation.name} VIOLATED" if found.violation else "complete" if found.complete else "incomplete"
    print(f"{given.instance}: {end}: {found.states:,} states, {found.transitions:,} transitions, depth {found.depth}, "
          f"{found.dead_ends} without successor, {progress.seconds:.1f} s")  # fmt: skip
    for witness, depth in found.witnesses.items():
        print(f"witness {witness}: {'NOT reached' if depth is None else f'after {depth} steps'}")
    if found.violation:
        _show(found.violation.steps)
    return int(found.violation is not None)


def _show(steps: Sequence[Step[State]]) -> None:
    for number, step in enumerate(steps):
        print(f"{number + 1:3} {step.action} {plain_picks(dict(step.picks))}")


def _replay(given: argparse.Namespace) -> int:
    trace = read(given.file.read_text(), Model.record)
    steps = replay(Model(world(trace.instance, trace.overrides)), trace.steps)
    print(f"{trace.instance}: {len(steps)} steps")
    return 0


def _traces(given: argparse.Namespace) -> int:
    """Choose the runs worth keeping, and write them or compare them with those that are kept."""
    found, before = traces(load()), kept()
    changed = sorted(name for name in found.keys() | before.keys() if found.get(name) != before.get(name))
    print(
        f"{len(found)} runs, {sum(text.count(chr(10)) - 1 for text in found.values())} steps; changed: {len(changed)}"
    )
    if given.check:
        for name in changed:
            print(f"{name} is not what the text gives: run `traces`", file=sys.stderr)
        return int(bool(changed))
    KEPT.mkdir(exist_ok=True)
    for name in changed:
        if name in found:
            (KEPT / name).write_text(found[name])
        else:
            (KEPT / name).unlink()
    return 0


class _Progress:
    """A line on the terminal, rewritten, for whatever takes more than two seconds."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._began = self._said = time.monotonic()
        self._terminal = sys.stderr.isatty()

    @property
    def seconds(self) -> float:
        """How long it has taken."""
        return time.monotonic() - self._began

    def say(self, states: int, transitions: int) -> bool:
        """Say how far a search is, once a second; never stop it."""
        self.line(f"{states:,} states, {transitions:,} transitions")
        return False

    def line(self, text: str) -> None:
        """Say something, once a second at most."""
        now = time.monotonic()
        if self._terminal and now - self._began > 2 and now - self._said > 1:
            self._said = now
            print(f"\r\x1b[K{self._name}: {text}, {now - self._began:.0f} s", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Clear the line."""
        if self._terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


# ---------------------------------------------------------------------- the checks
def _quiet() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _work(check: Check, checks: Checks) -> Result:
    return run(check, checks)


def _check(given: argparse.Namespace) -> int:
    checks = load()
    wanted = [c for c in checks.all() if given.tier == "nightly" or c.tier == "ci"]
    if given.only:
        wanted = [check for check in checks.all() if check.name in given.only]
        unknown = set(given.only) - {check.name for check in wanted}
        if unknown:
            raise KeyError(f"no check is named {', '.join(sorted(unknown))}")
    results = _run_all(wanted, checks, given.workers)
    problems = [] if given.only else _unsought(checks)
    if digests() != _sources():
        problems.append("the Quint text has changed since generated.py was made: run `translate`")
    if given.update:
        _update(results)
    if given.json:
        print(json.dumps([msgspec.to_builtins(result) for result in results], indent=1, sort_keys=True))
    else:
        print("\n".join(table(results, runs=given.runs)))
        print(summary(results, problems))
    return int(bool(problems) or any(result.problems for result in results))


def _sources() -> dict[str, str]:
    from communicator_spec.formal.generated import SOURCES

    return dict(SOURCES)


def _unsought(checks: Checks) -> list[str]:
    """Say which faults the text can have and no check seeks, and the other way round."""
    sought = {c.fault for c in checks.fault} | {c.fault for c in checks.liveness if c.fault}
    can = seeded()
    return [
        *(f"nobody looks for the seeded fault {fault!r}" for fault in sorted(can - sought)),
        *(f"the text cannot have the fault {fault!r}" for fault in sorted(sought - can)),
    ]


def _size(check: Check) -> int:
    """How long a check takes, roughly: the longest begin first."""
    return getattr(check, "states", 0) or getattr(check, "count", 0) * getattr(check, "depth", 0)


def _run_all(wanted: Sequence[Check], checks: Checks, workers: int) -> list[Result]:
    progress = _Progress("checks")
    if workers < 2 or len(wanted) < 2:
        return [run(check, checks) for check in wanted]
    with multiprocessing.get_context("spawn").Pool(workers, _quiet) as pool:
        order = sorted(range(len(wanted)), key=lambda i: -_size(wanted[i]))
        waiting: dict[int, AsyncResult[Result]] = {}
        for i in order:
            waiting[i] = pool.apply_async(_work, (wanted[i], checks))
        while not all(result.ready() for result in waiting.values()):
            time.sleep(0.05)
            going = [wanted[i].name for i in order if not waiting[i].ready()]
            progress.line(f"{len(wanted) - len(going)} of {len(wanted)} done, then {', '.join(going[:workers])}")
        progress.end()
        return [waiting[i].get() for i in range(len(wanted))]


def _update(results: Sequence[Result]) -> None:
    text = CHECKS.read_text()
    for result in results:
        if result.counts:
            text = rewritten(text, result.kind, result.key, result.name, result.counts)
    CHECKS.write_text(text)
