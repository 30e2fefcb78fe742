"""Run the benchmarks of this folder: `python -m tests.benchmarks [NAME …] [--json]`; without a name, all of them.

A benchmark is a module with `tables(is_short)`, which yields titles with rows of figures; they are shown as they come.
`--short` takes as few rounds as there can be, to see that it runs; its figures say nothing.
"""

import argparse
import importlib
import json
import signal
import sys
from pathlib import Path

from tests.benchmarks._figures import Row, show
from tests.benchmarks._scaling import scale

__all__ = ["main"]

NAMES = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.name.startswith(("_", "test_")))


def main(arguments: list[str] | None = None) -> None:
    """Measure, and print tables, or one object in JSON: benchmark → title → rows."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--scale", type=int, metavar="PEOPLE", help="only how towns of up to so many people grow")
    chosen = parser.parse_args(arguments)
    if unknown := [name for name in chosen.names if name not in NAMES]:
        parser.error(f"unknown: {', '.join(unknown)}")
    if chosen.scale:
        towns, exponents = scale(chosen.scale)
        show("population: towns, each in a process of its own", towns)
        show("population: by which power of the people it grows", exponents)
        return
    found: dict[str, dict[str, list[Row]]] = {}
    for name in chosen.names or NAMES:
        found[name] = {}
        for title, rows in importlib.import_module(f"tests.benchmarks.{name}").tables(chosen.short):
            found[name][title] = rows
            if not chosen.json:
                show(f"{name}: {title}", rows)
    if chosen.json:
        print(json.dumps(found, indent=1))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(1))  # servers that were started are stopped
    main()
