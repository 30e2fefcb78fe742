"""How time and memory of a run grow with the people in it, each size in a process of its own.

Run: python -m tests.benchmarks population --scale 100000 (or 1000000: 5.2 GB; writes the figures of docs/figures)

Theory. If a run of n people takes time a·n^b, its points lie on a line of slope b where both axes are logarithmic; b is
1 if nobody costs more because others are there. It is fitted by least squares, with Student's interval. Memory is what
the process holds at its peak beyond what it held when the trace was read: the trace is data, and the libraries are
there with nobody in the world.

Everybody writes two messages on average in twenty days, and twenty more days pass: about one relationship for each
person, which is two ends. People who write more with the same peers cost time and hardly any memory.
"""

import gc
import json
import math
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import altair as alt
import polars as pl
import vl_convert
from scipy.stats import linregress, t
from tests.benchmarks._figures import Row

from communicator_model.faults import FaultKind
from communicator_model.phones import Phones
from communicator_model.synthetic import synthesise
from communicator_simulations.runs import RunKey, Supplies, model_fidelity, run
from communicator_simulations.scenario import load_scenario

__all__ = ["exponent", "measure", "scale"]

_SIZES: Final = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
_FIGURE: Final = Path("docs") / "figures" / "population"
_MESSAGES: Final = 2
_DAYS: Final = 20
_MANY: Final = 10_000


def measure(people: int) -> Row:
    """Run, judge and measure one town, in this process; CPU seconds, and bytes beyond what the trace took."""
    scenario, key = load_scenario("migration"), RunKey("two", FaultKind.SUNSET, 0)
    trace = synthesise(1, people=people, messages=_MESSAGES * people, days=_DAYS)
    supplies = Supplies(trace, Phones.synthetic(1))
    relationships = len(trace.pairs())
    gc.collect()
    held, begin = _held_bytes(), time.process_time()
    found = run(scenario, 1, supplies, key, model_fidelity(scenario.profile))
    taken = time.process_time() - begin
    assert not found.violations
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"people": people, "relationships": relationships, "messages": trace.messages, "seconds": taken,
            "messages/s": trace.messages / taken, "peak GB": peak / 1e9, "bytes/person": (peak - held) / people,
            "bytes/relationship": (peak - held) / relationships}  # fmt: skip


def _held_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def exponent(sizes: Sequence[float], values: Sequence[float]) -> dict[str, float]:
    """Fit values = a * sizes ** b; return b with its 95 % interval."""
    fit = linregress([math.log(size) for size in sizes], [math.log(value) for value in values])
    half = float(t.ppf(0.975, len(sizes) - 2)) * float(fit.stderr)
    return {"exponent": float(fit.slope), "low": float(fit.slope) - half, "high": float(fit.slope) + half}


def scale(most: int) -> tuple[list[Row], list[Row]]:
    """Measure towns of up to `most` people, draw them, and return them and both exponents."""
    rows: list[Row] = []
    for people in (size for size in _SIZES if size <= most):
        command = [sys.executable, "-m", "tests.benchmarks._scaling", str(people)]
        rows.append(json.loads(subprocess.run(command, check=True, capture_output=True).stdout))
    return rows, growth(rows)


def growth(rows: list[Row]) -> list[Row]:
    """Draw what was measured and return the exponents of time and memory.

    That of memory from 10,000 people on: below, what libraries take at their first use is more than what people take.
    """
    people = [float(row["people"]) for row in rows]
    taken = [float(row["seconds"]) for row in rows]
    held = [float(row["bytes/person"]) * n for row, n in zip(rows, people, strict=True)]
    _draw(people, taken, held)
    found: list[Row] = [{"what": "time", **exponent(people, taken)}]
    many = sum(n >= _MANY for n in people)
    if many > 2:
        found.append({"what": "memory", **exponent(people[-many:], held[-many:])})
    return found


def _draw(people: list[float], taken: list[float], held: list[float]) -> None:
    """Write the figure: two panels on logarithmic axes, and a line of slope 1 through the largest town."""
    panels = [_panel(people, taken, "CPU seconds"), _panel(people, [size / 1e6 for size in held], "memory, MB")]
    chart = alt.hconcat(*panels).to_json()
    _FIGURE.with_suffix(".svg").write_text(vl_convert.vegalite_to_svg(chart))
    _FIGURE.with_suffix(".png").write_bytes(vl_convert.vegalite_to_png(chart, scale=2))


def _panel(people: list[float], values: list[float], title: str) -> alt.LayerChart | alt.FacetChart:
    line = [n * values[-1] / people[-1] for n in people]
    powers = alt.Axis(values=[10.0**power for power in range(-2, 8)], format="~s")
    log = alt.Scale(type="log")
    base = alt.Chart(pl.DataFrame({"people": people, "measured": values, "linear": line}), width=280, height=220)
    base = base.encode(x=alt.X("people:Q", title="people", scale=log, axis=powers))
    dashed = base.mark_line(strokeDash=[4, 4], color="gray")
    linear = dashed.encode(y=alt.Y("linear:Q", title=title, scale=log, axis=powers))
    points = base.mark_point(filled=True, size=60).encode(y=alt.Y("measured:Q", title=title, scale=log, axis=powers))
    return alt.layer(linear, points)


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
