"""Quint's own word on the text: its types, its stories, and its count of the states.

The translation and the search are our code; a mistake in them could hide one in the protocol. So
`spec/formal/referee.js` counts the states of small instances with Quint's own evaluator, and the counts must be those
of `checks.toml`. Stories are the runs that the text tells itself (`run …Test`), by Quint's simulator; those that choose
are told several times.
"""

import json
import re
import time
from collections.abc import Iterator

from communicator_spec.formal.checks import Checks, InstanceCheck, Tier
from communicator_spec.formal.running import COUNTS, Result
from communicator_spec.formal.toolchain import FOLDER, ToolchainError, node, quint

SAMPLES = 20  # times that a story that chooses is told; Quint would tell it 10,000 times


def stories(checks: Checks) -> Iterator[str]:
    """Tell every story, which checks the types first; yield a line for each module that tells some.

    `ToolchainError` if Quint refuses the text, if a story does not end well, or if a file of stories tells none.
    """
    if not checks.text.stories:
        raise ToolchainError("no file of stories is named")
    for name in checks.text.stories:
        text = (FOLDER / name).read_text()
        told = 0
        for module in re.split(r"(?m)^(?=module )", text)[1:]:
            main = module.split()[1]
            count = len(re.findall(r"(?m)^\s*run \w+Test\b", module))
            if count:
                quint("test", "--backend", "typescript", "--max-samples", str(SAMPLES), "--main", main, name)
                yield f"{name} {main}: {count} stories"
            told += count
        if not told:
            raise ToolchainError(f"{name} tells no story")


def recounted(check: InstanceCheck, checks: Checks) -> Result:
    """Count the states of an instance again. `ToolchainError` if Quint cannot."""
    if check.set:
        raise ToolchainError(f"{check.name} changes its world; the referee counts instances of the text")
    began = time.perf_counter()
    main = check.instance or check.name
    arguments = ["--observed", ",".join(checks.text.observed), "--invariants", ",".join(check.invariants)]
    found = json.loads(node("referee.js", checks.text.main, main, *arguments))
    counts = {name: found[name] for name in COUNTS}
    problems = [
        f"Quint counts {number:,} {name}, not {getattr(check, name):,}"
        for name, number in counts.items()
        if number != getattr(check, name)
    ]
    problems += [f"Quint finds that {name} does not hold" for name, held in found["held"].items() if not held]
    if not found["complete"]:
        problems.append("Quint has not seen every state")
    return Result(
        kind="referee",
        name=check.name,
        where=main,
        counts=counts,
        verdict="Quint counts the same" if not problems else "Quint DIFFERS",
        problems=tuple(problems),
        seconds=time.perf_counter() - began,
    )


def chosen(checks: Checks, tier: Tier) -> list[InstanceCheck]:
    """Return the instances that are counted again in a tier."""
    return [check for check in checks.instance if check.referee == "ci" or (check.referee and tier == "nightly")]
