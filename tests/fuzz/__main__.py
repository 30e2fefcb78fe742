"""`python -m tests.fuzz TARGET|all`: a coverage-guided search, or a replay of saved inputs.

python -m tests.fuzz all --minutes 20 --seed 1       search every target, the minutes shared out
python -m tests.fuzz body --runs 100000              search one
python -m tests.fuzz body --replay FILE …            judge saved inputs, and show the error
python -m tests.fuzz list                            names of targets, and what they stand for
"""

import argparse
import contextlib
import io
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import atheris

if TYPE_CHECKING:
    from tests.fuzz.harness import Outcome
    from tests.fuzz.target import Target

_PARSERS = ["communicator_impl", "communicator_conformance", "communicator_spec"]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.split("\n")[0])
    parser.add_argument("target", help="a target, `all`, or `list`")
    parser.add_argument("--minutes", type=float, default=0.0, help="for all targets together")
    parser.add_argument("--runs", type=int, default=-1, help="inputs for each target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("out/fuzz"), help="corpus, logs and finds")
    parser.add_argument("--planted", default="", help="break a parser first, by the name of a planted fault")
    parser.add_argument("--replay", type=Path, nargs="+", default=[], help="judge these files")
    return parser.parse_args()


def main() -> int:
    """Search or replay; 0 if nothing was found."""
    arguments = _arguments()
    with (
        contextlib.redirect_stderr(io.StringIO()),
        atheris.instrument_imports(include=_PARSERS),
    ):  # it names each module
        from tests.fuzz.planted import plant
        from tests.fuzz.table import TARGETS
    if arguments.planted:
        plant(arguments.planted)
    if arguments.target == "list":
        for target in TARGETS.values():
            print(f"{target.name:18} {target.form:5} {' '.join(target.covers)}")
        return 0
    if arguments.target not in (*TARGETS, "all"):
        print(f"{arguments.target!r} is no target; `python -m tests.fuzz list` names them", file=sys.stderr)
        return 2
    chosen = list(TARGETS.values()) if arguments.target == "all" else [TARGETS[arguments.target]]
    return _replay(chosen[0], arguments.replay) if arguments.replay else _search(chosen, arguments)


def _replay(target: "Target", files: list[Path]) -> int:
    from tests.fuzz.target import judge

    for file in files:
        taken = judge(target, file.read_bytes())  # whatever it raises is what is to be seen
        print(f"{file}: {'taken' if taken else 'refused'}")
    return 0


def _search(chosen: "list[Target]", arguments: argparse.Namespace) -> int:
    from tests.fuzz.harness import Budget, search

    budget = Budget(arguments.seed, arguments.runs)
    if arguments.minutes:
        budget = Budget(arguments.seed, -1, max(1, round(60 * arguments.minutes / len(chosen))))
    elif arguments.runs < 0:
        budget = Budget(arguments.seed, 20_000)
    begin, outcomes = time.monotonic(), list["Outcome"]()
    print(f"{'':9} {'target':18} {'runs':>9} {'edges':>6} {'features':>8} finds", flush=True)
    for number, target in enumerate(chosen, 1):
        outcome = search(target, budget, arguments.folder)
        outcomes.append(outcome)
        row = f"{outcome.runs:9,} {outcome.edges:6,} {outcome.features:8,} {len(outcome.finds)}"
        print(f"{number:4}/{len(chosen):<4} {target.name:18} {row}", flush=True)
        for file in outcome.finds:
            print(f"  python -m tests.fuzz {target.name} --replay {file}", flush=True)
        if outcome.interrupted:
            print("interrupted; the corpus is kept")
            break
    finds = sum(len(outcome.finds) for outcome in outcomes)
    runs = sum(outcome.runs for outcome in outcomes)
    print(f"{runs:,} runs of {len(outcomes)} targets in {time.monotonic() - begin:.0f} s, {finds} finds")
    return 1 if finds else 0


if __name__ == "__main__":
    sys.exit(main())
