"""One run against one testee, from its command to its verdict.

A run goes like this:

1. read and check all vectors and scripts; a fault in the suite's own files stops here
2. start the testee, play the vectors that match the selection, and the other kinds with the reference for a partner
3. hold the results against the expectation list, or rewrite the list
4. write the reports

Rules:

1. The verdict holds nothing of the machine: no time, no path, no process id.
2. With `update` the list is rewritten first and then applied, so that the verdict is what the next
   run will say.
"""

import fnmatch
import hashlib
from collections.abc import Iterable, Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import msgspec
from rich.console import Console

from communicator_conformance import expectations as lists
from communicator_conformance import report
from communicator_conformance.errors import TesteeError
from communicator_conformance.kinds import KINDS, Kind, kinds
from communicator_conformance.runner import HELLO, PROTOCOL_TESTS, Seen, play_all
from communicator_conformance.testee import Testee, reference
from communicator_conformance.vectors import Vector, digest_of, load_folder, published, spec_digest
from communicator_conformance.verdicts import Digests, Result, Status, Verdict

__all__ = ["run"]


def run(
    testee: list[str],
    *,
    vectors: Path | None = None,
    select: str = "*",
    timeout_s: float = 10.0,
    expectations: Path | None = None,
    update: bool = False,
    seed: int = 0,
    examples: int | None = None,
    replications: int | None = None,
    save: Path | None = None,
    trace: bool = False,
    out: Path | None = None,
    console: Console | None = None,
) -> Verdict:
    """Run the suite against a program and return the verdict.

    `testee` is a command line, or `["reference"]`; `vectors` a folder to use instead of the published ones; `select` a
    pattern of test ids such as `label/*`; `expectations` a list of known failures, rewritten when `update` is set;
    `seed` is what everything that is drawn comes from, `examples` how many walks and examples are drawn, `replications`
    how many populations play the games of privacy, `save` a folder for the vectors of counterexamples; with `trace` all
    lines are kept; `out` a folder for the reports; `console` where the progress and the table are shown, nowhere if
    absent. Raises `VectorError` and `ListError`; whatever the testee does wrong is part of the verdict.
    """
    known = published() if vectors is None else load_folder(vectors)  # 1
    chosen, others = _selected(known, select), _others(select if vectors is None else "")
    with Testee(testee, timeout_s, trace=trace) as program, reference() as partner:  # 2
        results = _played(program, partner, chosen, others, kinds(examples, save, replications), seed, console)
        name, about, offers = _about(program)
    results = _held_against(results, expectations, update, select)  # 3
    digests = Digests(_suite_digest(), spec_digest(), digest_of(chosen), about)
    verdict = Verdict(name, digests, results, seed, select, offers, whole=vectors is None)
    if out is not None:  # 4
        report.write(verdict, out)
    if console is not None:
        report.show(verdict, console)
    return verdict


def _selected(known: dict[str, Vector], pattern: str) -> dict[str, Vector]:
    """Return the vectors whose id matches, with the twins that they need."""
    chosen = {name for name in known if fnmatch.fnmatch(name, pattern)}
    twins = {known[name].twin for name in chosen}
    return {name: vector for name, vector in known.items() if name in chosen | twins}


def _others(pattern: str) -> tuple[str, ...]:
    """Return the ids that match and are no vectors, in the order in which they are played."""
    return tuple(test for kind in KINDS for test in fnmatch.filter(kind.tests(), pattern))


def _played(
    program: Testee,
    partner: Testee,
    chosen: dict[str, Vector],
    others: tuple[str, ...],
    rows: tuple[Kind, ...],
    seed: int,
    console: Console | None,
) -> tuple[Result, ...]:
    if console is None:
        return tuple(_results(program, partner, chosen, others, rows, seed, lambda _: None))
    with report.Live(console, " ".join(program.command), (*PROTOCOL_TESTS, *chosen, *others)) as live:
        return tuple(_results(program, partner, chosen, others, rows, seed, live.seen))


def _results(
    program: Testee,
    partner: Testee,
    chosen: dict[str, Vector],
    others: tuple[str, ...],
    rows: tuple[Kind, ...],
    seed: int,
    seen: Seen,
) -> Iterator[Result]:
    found = play_all(program, chosen, seen, seed)
    yield from found
    if _is_speechless(found):
        return
    for kind in rows:
        for result in kind.play(program, partner, frozenset(others), seed):
            seen(result)
            yield result


def _is_speechless(results: Iterable[Result]) -> bool:
    return any(r.id == HELLO and r.status is Status.FAILED for r in results)


def _held_against(results: tuple[Result, ...], path: Path | None, update: bool, select: str) -> tuple[Result, ...]:
    if path is None or _is_speechless(results):  # who said no hello has played nothing that a list could name
        return results
    return lists.hold(path, results, lambda test: fnmatch.fnmatch(test, select), update=update)


def _about(program: Testee) -> tuple[str, str, tuple[str, ...]]:
    """Return the testee's name with its version, the digest of its hello, and what it offers."""
    try:
        hello = program.hello
    except TesteeError:
        return "no hello", hashlib.sha256(b"").hexdigest(), ()
    digest = hashlib.sha256(msgspec.json.encode(hello, order="sorted")).hexdigest()
    return f"{hello.name} {hello.version}", digest, (*hello.roles, *hello.profiles, *hello.features)


def _suite_digest() -> str:
    """Return the digest of the suite's own sources, in hex; vectors have one of their own."""
    whole = hashlib.sha256()
    for name, source in sorted(_sources(files("communicator_conformance"), "")):
        whole.update(name.encode() + b"\0" + source)
    return whole.hexdigest()


def _sources(folder: Traversable, place: str) -> Iterator[tuple[str, bytes]]:
    for found in folder.iterdir():
        name = f"{place}/{found.name}"
        if found.is_dir() and found.name != "vectors":
            yield from _sources(found, name)
        elif found.name.endswith((".py", ".toml")):
            yield name, found.read_bytes()
