"""One run against one origin, from what the operator asked to a verdict.

Rules:

1. The verdict holds nothing of the moment: no time, no key, nothing drawn.
2. What was measured stands beside it, because it never comes out the same twice.
"""

import hashlib
from collections.abc import Iterable
from fnmatch import fnmatch
from importlib.resources import files
from pathlib import Path

import msgspec
from rich.console import Console

from communicator_conformance import expectations as lists
from communicator_conformance import report
from communicator_conformance.services.playing import REACHED, Asked, Notes, chosen, play
from communicator_conformance.testee import REFERENCE, Testee
from communicator_conformance.vectors import spec_digest
from communicator_conformance.verdicts import Digests, Result, Verdict
from communicator_spec.openapi import SERVICES, load_openapi

__all__ = ["Report", "examine"]


class Report(msgspec.Struct, frozen=True):
    """A verdict; what was measured, areas under curves by kind; and how many things could not be taken away again."""

    verdict: Verdict
    measured: tuple[dict[str, object], ...] = ()
    left: int = 0


def examine(
    asked: Asked,
    *,
    program: list[str] | None = None,
    expectations: Path | None = None,
    update: bool = False,
    out: Path | None = None,
    console: Console | None = None,
) -> Report:
    """Hold the services of an origin against the standard.

    `program` is the partner that seals, the reference by default; `expectations` a list of known failures, rewritten
    when `update` is set; `out` a folder for the reports; `console` where progress and table are shown. Raises
    `PartnerError` and `ListError`; whatever the service does wrong is part of the verdict.
    """
    notes = Notes()
    with Testee(program or [REFERENCE]) as partner:
        results = _played(play(asked, partner, notes), asked, console)
    if expectations is not None:
        results = lists.hold(expectations, results, lambda test: _judges(asked, test), update=update)
    verdict = Verdict(asked.url, _digests(asked), results, asked.seed or 0, asked.select, whole=not asked.kinds)
    if out is not None:
        report.write(verdict, out)
    if console is not None:
        report.show(verdict, console)
    return Report(verdict, notes.measured, notes.left)


def _played(results: Iterable[Result], asked: Asked, console: Console | None) -> tuple[Result, ...]:
    if console is None:
        return tuple(results)
    cases, durable = chosen(asked, asked.kinds or SERVICES)
    found = []
    with report.Live(
        console, asked.url, (REACHED, *(case.id for case in cases), *(case.id for case in durable))
    ) as live:
        for result in results:
            live.seen(result)
            found.append(result)
    return tuple(found)


def _judges(asked: Asked, test: str) -> bool:
    """Tell whether a listed test that was not played is news; one of a service that was not asked is none."""
    cases, durable = chosen(asked, SERVICES)
    left_out = {*(case.id for case in cases), *(case.id for case in durable)}
    return fnmatch(test, asked.select) and test not in left_out


def _digests(asked: Asked) -> Digests:
    """Return what took part: the tests, the standard, the interfaces, and the origin by its name."""
    suite, interfaces = hashlib.sha256(), hashlib.sha256()
    for source in sorted(files("communicator_conformance.services").iterdir(), key=lambda file: file.name):
        if source.name.endswith(".py"):
            suite.update(source.name.encode() + b"\0" + source.read_bytes())
    for service in SERVICES:
        interfaces.update(msgspec.json.encode(load_openapi(service), order="sorted"))
    testee = hashlib.sha256(asked.url.encode())
    return Digests(suite.hexdigest(), spec_digest(), interfaces.hexdigest(), testee.hexdigest())
