"""Results as a table, kind by kind, in the order of the file."""

from collections.abc import Sequence

from communicator_spec.formal.running import Result

TITLES = {
    "instance": "instances, searched to their end",
    "fault": "seeded faults, all to be found",
    "liveness": "what leads to what",
    "walks": "random walks",
    "referee": "states counted again by Quint",
}


def table(results: Sequence[Result], *, runs: bool = False) -> list[str]:
    """Return the lines of the table; with `runs` also the runs that show what was found."""
    lines: list[str] = []
    for kind, title in TITLES.items():
        chosen = [result for result in results if result.kind == kind]
        if chosen:
            lines += ["", title]
            width = max(len(result.name) for result in chosen)
            for result in chosen:
                lines += _row(result, width)
                if runs or (result.problems and result.run and result.kind != "fault"):
                    lines += [f"        {line}" for line in result.run]
    return lines


def _row(result: Result, width: int) -> list[str]:
    counts = "  ".join(f"{number:>9,} {name.replace('_', ' ')}" for name, number in result.counts.items())
    mark = "FAIL" if result.problems else "ok"
    where = "" if result.where == result.name else f"  in {result.where}"
    line = f"  {mark:4}  {result.name:{width}}  {counts}  {result.verdict}{where}  {result.seconds:.1f} s"
    return [line, *(f"        {problem}" for problem in result.problems)]


def summary(results: Sequence[Result], problems: Sequence[str]) -> str:
    """Return the last lines: what is wrong beside the results, and how much was checked."""
    faults = [result for result in results if result.kind == "fault"]
    found = sum(bool(result.counts) for result in faults)
    states = sum(result.counts.get("states", 0) for result in results)
    wrong = sum(bool(result.problems) for result in results) + len(problems)
    sought = f"{found}/{len(faults)} seeded faults found"
    return "\n".join(
        [
            "",
            *(f"  FAIL  {problem}" for problem in problems),
            f"model: {len(results)} checks, {states:,} states, {sought}, {wrong} wrong",
        ]
    )
