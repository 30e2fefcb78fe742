"""Coverage-guided search with libFuzzer, by atheris: one child process a target, and one line of progress for each.

Theory. Random changes find what lies one step away; a search that keeps every input which reached new code finds what
lies many steps away. libFuzzer does that for one function in one process, and ends the process. So the parent imports
the instrumented parsers once, makes the seeds, and forks for each target; a child writes what it finds into files, and
the parent reads the child's last lines.

Rules:

1. An input that breaks a promise is saved as it came, and the line that replays it is printed.
2. The same seed and a number of runs give the same search; with minutes instead of runs the end differs.
3. Ctrl-C ends the child, shows what was reached, and loses nothing: the corpus lies in the folder that was named.
"""

import contextlib
import hashlib
import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

import atheris
from tests.fuzz.mutations import mutate
from tests.fuzz.target import Target, judge

__all__ = ["Budget", "Outcome", "search"]

_INPUT_MAX: Final = 8192
_INPUT_S: Final = 25
_MEMORY_MB: Final = 2048
_DONE: Final = re.compile(r"cov: (\d+) ft: (\d+)")
_RUNS: Final = re.compile(r"stat::number_of_executed_units: *(\d+)")


class Budget(NamedTuple):
    """How long one target is searched: `runs` inputs, or `seconds`; -1 and 0 stand for no limit."""

    seed: int
    runs: int = -1
    seconds: int = 0


class Outcome(NamedTuple):
    """What one search saw: inputs tried, edges and features reached, and the files with what it found."""

    target: str
    runs: int
    edges: int
    features: int
    finds: tuple[Path, ...]
    interrupted: bool = False


def search(target: Target, budget: Budget, folder: Path) -> Outcome:
    """Search one target in a child process; `folder` keeps its corpus, its log and its finds."""
    place = folder / target.name
    corpus, found, log = place / "corpus", place / "finds", place / "log.txt"
    for path in (corpus, found):
        path.mkdir(parents=True, exist_ok=True)
    for data in target.seeds():
        (corpus / hashlib.sha256(data).hexdigest()[:20]).write_bytes(data[:_INPUT_MAX])
    before = set(found.iterdir())
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        _run(target, budget, corpus, found, log)  # never returns
    interrupted = _wait(child)
    new = tuple(sorted(set(found.iterdir()) - before))
    return _outcome(target.name, log.read_text("utf-8", "replace"), new, interrupted)


def _run(target: Target, budget: Budget, corpus: Path, found: Path, log: Path) -> None:
    """Fuzz in the child until the budget is used up or something is found; ends the process."""
    with log.open("wb") as file:
        for number in (1, 2):
            os.dup2(file.fileno(), number)
    flags = (
        f"-seed={budget.seed}",
        f"-runs={budget.runs}",
        f"-max_total_time={budget.seconds}",
        f"-max_len={_INPUT_MAX}",
        f"-timeout={_INPUT_S}",
        f"-rss_limit_mb={_MEMORY_MB}",
        f"-artifact_prefix={found}/",
        "-print_final_stats=1",
        "-verbosity=1",
    )

    def change(data: bytes, most: int, seed: int) -> bytes:
        draw = Random(seed)
        made = mutate(target.form, data, draw) if draw.random() < 0.6 else atheris.Mutate(data, len(data))
        return made[:most]

    atheris.Setup([target.name, *flags, str(corpus)], lambda data: _judged(target, data), custom_mutator=change)
    atheris.Fuzz()
    os._exit(0)


def _judged(target: Target, data: bytes) -> None:
    judge(target, data)


def _wait(child: int) -> bool:
    """Wait for the child; tell whether somebody pressed Ctrl-C meanwhile."""
    try:
        os.waitpid(child, 0)
    except KeyboardInterrupt:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return True
    return False


def _outcome(name: str, log: str, new: tuple[Path, ...], interrupted: bool) -> Outcome:
    reached = _DONE.findall(log)
    edges, features = map(int, reached[-1]) if reached else (0, 0)
    runs = _RUNS.search(log)
    counted = int(runs[1]) if runs else max(map(int, re.findall(r"^#(\d+)", log, re.MULTILINE)), default=0)
    return Outcome(name, counted, edges, features, new, interrupted)


def complaints(log: str) -> Iterator[str]:
    """Yield the lines of a child's log that say what broke."""
    for line in log.splitlines():
        if line.startswith((" === Uncaught", "tests.fuzz.target.Find", "SUMMARY", "==")) or re.match(
            r"\w+(\.\w+)*Error", line
        ):
            yield line[:300]
