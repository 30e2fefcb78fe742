"""`communicator conform doctor`: what is wrong with an adapter."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from communicator_conformance.doctor import Finding
from communicator_reports.commands.conform.program import Program

__all__ = ["doctor"]


def doctor(
    testee: Program,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", min=0.1, help="How long one answer may take.")] = 10.0,
    expectations: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Your list of known failures; what it names is known.")
    ] = None,
    lines: Annotated[bool, typer.Option("--lines", help="Show the lines exchanged for what is well, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value instead.")] = False,
) -> None:
    """Say what is wrong with an adapter, step by step, with the exact lines exchanged.

    Exit code 1: something is.

    Examples:

      communicator conform doctor -- python3 adapter/adapter.py

      communicator conform doctor --expectations known.txt -- python3 adapter.py

      communicator conform doctor --lines reference
    """
    import msgspec

    from communicator_conformance.doctor import State, examine
    from communicator_conformance.expectations import read_file
    from communicator_conformance.testee import Testee
    from communicator_conformance.vectors import published

    if expectations is not None and not expectations.is_file():
        raise typer.BadParameter(f"{expectations} is no file", param_hint="--expectations")
    known = () if expectations is None else read_file(expectations)
    console = Console(quiet=as_json, soft_wrap=True, highlight=False)
    findings = []
    with Testee(testee, timeout) as program, Console(stderr=True).status("asking"):
        for finding in examine(program, published(), known):
            findings.append(finding)
            _show(finding, console, lines=lines or finding.state is State.ILL)
    ill = [finding for finding in findings if finding.state is State.ILL]
    if as_json:
        print(json.dumps({"well": not ill, "findings": msgspec.to_builtins(findings)}))
    console.print(f"\n{len(ill)} wrong" if ill else "\nall is well: communicator conform plays the vectors")
    raise typer.Exit(1 if ill else 0)


def _show(finding: "Finding", console: Console, *, lines: bool) -> None:
    from communicator_conformance.doctor import State

    if finding.state is State.UNOFFERED and not lines:
        return
    color = {State.WELL: "green", State.KNOWN: "yellow", State.ILL: "red", State.UNOFFERED: "dim"}[finding.state]
    word = "–" if finding.state is State.UNOFFERED else finding.state.value
    console.print(f"[{color}]{word:<5}[/]  {escape(finding.what)}  [dim]{escape(finding.detail)}[/]")
    if finding.hint:
        console.print(f"      [yellow]{escape(finding.hint)}[/]")
    for line in finding.lines if lines else ():
        console.print(f"      {escape(line)}")
