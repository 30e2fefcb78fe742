"""`communicator demo`: watch the protocol work, with real processes."""

import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from communicator_reports.commands import options

__all__ = ["demo"]

_PACE_MAX = 86_400


def demo(
    step: Annotated[bool, typer.Option("--step", help="Wait for Enter between scenes; the clocks go on.")] = False,
    keep: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep stores, databases and logs in this new or empty folder.")
    ] = None,
    pace: Annotated[
        int | None,
        typer.Option(
            min=7200, max=_PACE_MAX, metavar="N", help="How many times as fast time goes.", show_default="28800"
        ),
    ] = None,
    broken: Annotated[
        bool, typer.Option("--broken", help="With services that lose what they accepted: see how the judges find it.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Start two of every service and two people on this machine, and watch what each of them sees.

    A first contact, a conversation, a service that dies and comes back, addresses that are replaced, a service that
    closes, a client that is killed in mid-send. It takes less than a minute, and leaves nothing.

    Exit code 1: a message was lost, or an invariant of the standard was broken.

    Examples:

      communicator demo

      communicator demo --step --keep /tmp/look
    """
    import msgspec
    from rich.console import Console

    from communicator_reports.demo.play import PACE, play
    from communicator_reports.demo.telling import WIDTH, Teller

    console = Console(width=WIDTH, quiet=as_json, highlight=False)
    with ExitStack() as stack:
        folder = (
            _folder(keep) if keep else Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="communicator-")))
        )
        outcome = play(folder, Teller(console, _wait if step else _go_on), pace or PACE, broken=broken)
    if as_json:
        print(json.dumps({**msgspec.to_builtins(outcome), "holds": outcome.holds}, ensure_ascii=False))
    raise typer.Exit(0 if outcome.holds else 1)


def _folder(keep: Path) -> Path:
    """Return a folder that is empty."""
    keep.mkdir(parents=True, exist_ok=True)
    if any(keep.iterdir()):
        raise typer.BadParameter(f"{keep} is not empty; name a new folder", param_hint="--keep")
    return keep.resolve()


def _wait() -> None:
    print("\nEnter for the next scene: ", end="", file=sys.stderr, flush=True)
    sys.stdin.readline()


def _go_on() -> None:
    pass
