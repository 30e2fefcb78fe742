"""`communicator simulate threats`: every weakness of the drafts, attacked on what was drafted and on the standard."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from communicator_reports.commands import options

__all__ = ["threats"]


def threats(
    seed: Annotated[int, typer.Option(min=0, help="Where keys, people and messages come from.")] = 1,
    only: Annotated[
        list[str] | None, typer.Option(metavar="T", help="Only this one; may be repeated.", show_default="all")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Attack the scheme as it was drafted, and the standard: T1 to T18 of chapter 14, on real bytes.

    What chapter 14 calls closed has to succeed on the drafted variant and to fail on the standard; what it calls
    measured has an advantage with a 95 % interval on both. Exit code 1: something is not as the chapter says.

    Examples:

      communicator simulate threats

      communicator simulate threats --only T1 --only T9 --json
    """
    from communicator_simulations.threats.table import NAMES, row_of

    unknown = sorted(set(only or ()) - set(NAMES))
    if unknown:
        raise typer.BadParameter(f"no threat {', '.join(unknown)}; there are T1 to T18", param_hint="--only")
    rows = []
    with Console(stderr=True).status("attacking") as status:
        for threat in [name for name in NAMES if not only or name in only]:
            status.update(f"{threat}: {NAMES[threat]}")
            rows.append(row_of(threat, seed))
    if as_json:
        print(json.dumps([row._asdict() for row in rows], ensure_ascii=False))
    else:
        table = Table(title="what attacks achieve")
        for heading in ("", "weakness", "status", "as drafted", "in the standard", "as said"):
            table.add_column(heading)
        for row in rows:
            said = {True: "yes", False: "[red]NO[/red]", None: ""}[row.as_said]
            table.add_row(row.threat, row.name, row.status, row.drafted, row.standard, said)
        Console().print(table)
    raise typer.Exit(int(any(row.as_said is False for row in rows)))
