"""Options that several commands share, so that they are spelt and explained alike."""

import os
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from communicator_reports.fidelity_names import FidelityName

__all__ = ["CORES", "Cluster", "Days", "Design", "Events", "Fault", "Fidelity", "HowOften", "Json", "Metric", "Out",
           "People", "Phones", "Policy", "Replications", "Samples", "Scenario", "Seed", "SweepOut", "Synthetic",
           "Trace", "Vary", "WarmUp", "Width", "Workers"]  # fmt: skip

CORES: Final = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

_DESIGN = "What is varied"
_WHAT = "What is simulated"
_DATA = "Data"
_HOW = "Running"

Scenario = Annotated[str, typer.Argument(help="A scenario that comes with the package, or a .toml file.")]
People = Annotated[
    int | None, typer.Option(min=2, help="Only the N most active people.", rich_help_panel=_WHAT, show_default="all")
]
Days = Annotated[
    float | None, typer.Option(min=0.1, help="Only the first N days.", rich_help_panel=_WHAT, show_default="all")
]
Replications = Annotated[
    int | None,
    typer.Option(min=1, help="How often each run is repeated.", rich_help_panel=_WHAT, show_default="the scenario's"),
]
HowOften = Annotated[
    str | None,
    typer.Option(
        "--replications",
        metavar="N|auto|auto:MAX",
        help="How often each run is repeated; auto: until --width is reached, or 64 times, or MAX.",
        rich_help_panel=_WHAT,
        show_default="the scenario's",
    ),
]
Width = Annotated[
    str | None,
    typer.Option(
        metavar="W|W%",
        help="Repeat runs until no interval of --metric is wider than this from end to end; W%: than so much of its"
        " mean.",
        rich_help_panel=_WHAT,
        show_default="none",
    ),
]
Metric = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="What --width is about: a column of runs.parquet.", rich_help_panel=_WHAT,
                 show_default="delivered_share"),
]  # fmt: skip
Seed = Annotated[
    int | None,
    typer.Option(min=0, help="Where all randomness comes from.", rich_help_panel=_WHAT, show_default="the scenario's"),
]
Fidelity = Annotated[
    FidelityName,
    typer.Option(
        help="model: the population model. impl: the real cores with real cryptography.", rich_help_panel=_WHAT
    ),
]
Policy = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="Only this policy; may be repeated.", rich_help_panel=_WHAT, show_default="all"),
]
Fault = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="Only this fault; may be repeated.", rich_help_panel=_WHAT, show_default="all"),
]
Trace = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Messages, one 'from to unix-seconds' a line.",
        rich_help_panel=_DATA,
        show_default="$COMMUNICATOR_DATA/collegemsg.txt if there, else synthetic",
    ),
]
Phones = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="When phones are on line.",
        rich_help_panel=_DATA,
        show_default="$COMMUNICATOR_DATA/phones if there, else synthetic",
    ),
]
Synthetic = Annotated[
    bool, typer.Option("--synthetic", help="Make the data, even if real data are there.", rich_help_panel=_DATA)
]
Events = Annotated[
    bool,
    typer.Option(
        "--events", help="Keep the event log of each run as Parquet; takes twice as long.", rich_help_panel=_HOW
    ),
]
WarmUp = Annotated[
    bool,
    typer.Option(
        "--warm-up", help="Say where MSER-5 ends the warm-up, and whether the scenario cuts it.", rich_help_panel=_HOW
    ),
]
Workers = Annotated[
    int, typer.Option(min=1, max=256, help="How many processes.", rich_help_panel=_HOW, show_default="all cores")
]
Out = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Where the results go; a former result there is replaced.",
        rich_help_panel=_HOW,
        show_default="out/SCENARIO",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON value instead of text.")]
Vary = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=VALUES",
        help="A parameter, with values (24,168), a range (0:0.1), steps in it (0:0.1:5), or :log; may be repeated.",
        rich_help_panel=_DESIGN,
        show_default="the scenario's [sweep]",
    ),
]
Design = Annotated[
    Literal["grid", "lhs"] | None,
    typer.Option(
        help="Every combination, or a Latin hypercube.",
        rich_help_panel=_DESIGN,
        show_default="grid; lhs with --samples",
    ),
]
Samples = Annotated[int | None, typer.Option(min=1, help="How many points the hypercube has.", rich_help_panel=_DESIGN)]
Cluster = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Run on the Dask cluster with this scheduler, such as tcp://host:8786, instead of here.",
        rich_help_panel=_HOW,
    ),
]
SweepOut = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="The folder of the sweep; what is finished there is not run again.",
        rich_help_panel=_HOW,
        show_default="out/sweep-SCENARIO",
    ),
]
