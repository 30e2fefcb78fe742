"""`communicator judge`: hold the event logs of live services and devices against the invariants of the standard."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import typer

from communicator_reports.commands import options
from communicator_spec import NONE, Event, Kind, Monitors, Violation
from communicator_spec.places import PlaceError, merged
from communicator_spec.terms import standard_terms

__all__ = ["Verdict", "judge", "verdict"]

_SHOWN = 20


def judge(
    logs: Annotated[list[Path], typer.Argument(metavar="LOG...", help="Files of services and devices.")],
    settled: Annotated[bool, typer.Option("--settled", help="Nothing was under way any more at the end.")] = False,
    profile: Annotated[Literal["label/1", "two-layer/1"], typer.Option(help="Address profile.")] = "two-layer/1",
    as_json: options.Json = False,
) -> None:
    """Bring the logs of all places together and judge them. Exit code 1: an invariant is broken.

    A service writes its log if `event_log` is on (`communicator events export`); a device, or who tests one, writes
    the events of the device in the same form, and which root is which end. The log of a simulated run
    (`communicator simulate --events`) is judged alone, as it was when it ran.

    Example:

      communicator judge receiving.jsonl sending.jsonl ann.jsonl ben.jsonl --settled

      communicator judge out/migration/events/two-death-0.parquet
    """
    try:
        found = verdict(logs, settled=settled, profile=profile)
    except (PlaceError, UnicodeDecodeError) as error:
        raise typer.BadParameter(str(error), param_hint="LOG") from error
    if as_json:
        print(json.dumps({"events": found.counts, "violations": [_plain(v) for v in found.violations]}))
    else:
        print(", ".join(f"{count} {name.lower()}" for name, count in found.counts.items()))
        _show(found.violations, sum(found.counts.values()))
    raise typer.Exit(1 if found.violations else 0)


class Verdict(NamedTuple):
    """How many events of each kind there were, what was broken, and the number of each URI in it."""

    counts: dict[str, int]
    violations: Sequence[Violation]
    numbers: dict[str, int]


def verdict(logs: Sequence[Path], *, settled: bool, profile: str) -> Verdict:
    """Judge the logs of all places, or the log of one simulated run; `PlaceError` if they do not belong together."""
    if [path.suffix for path in logs] == [".parquet"]:
        return _of_a_run(logs[0])
    found = merged([(str(path), path.read_text("utf-8").splitlines()) for path in logs])
    monitors = Monitors(standard_terms(profile), settled=settled)
    monitors.feed_all(found.rows)
    violations = monitors.finish(max((row[0] for row in found.rows), default=0), found.rows)
    return Verdict(dict(sorted(Counter(Kind(row[1]).name for row in found.rows).items())), violations, found.numbers)


def _of_a_run(path: Path) -> Verdict:
    from communicator_simulations.logs import LogError, judged, parts  # pyarrow takes longer than the judge

    try:
        violations = judged(path).violations
    except LogError as error:
        raise PlaceError(str(error)) from error
    counts = Counter(Kind(row[1]).name for rows in parts(path) for row in rows)
    return Verdict(dict(sorted(counts.items())), violations, {})


def _show(violations: Sequence[Violation], rows: int) -> None:
    for violation in violations[:_SHOWN]:
        print(f"{violation.invariant}: {violation.detail}")
        for event in violation.events:
            print(f"    {_said(event)}")
    print(
        f"{len(violations)} violations over {rows} events" if violations else f"all invariants hold over {rows} events"
    )


def _said(event: Event) -> str:
    columns = zip(event._fields[2:], event[2:], strict=True)
    return f"{event.t_ms} {Kind(event.kind).name} " + " ".join(f"{name}={v}" for name, v in columns if v != NONE)


def _plain(violation: Violation) -> dict[str, object]:
    events = [_said(event) for event in violation.events]
    return {"invariant": violation.invariant, "detail": violation.detail, "events": events}
