"""Print what each party can tell, in each scheme; exit with 1 if something is not as it should be.

Usage: python -m communicator_spec.formal.unlinkability [--json] [--walks N] [--length N] [--seed N]

`--walks` adds random walks of the model to the stories on which the schemes as designed are played.
"""

import argparse
import sys
from collections.abc import Sequence

import msgspec

from communicator_spec.formal.unlinkability.report import Report, report
from communicator_spec.formal.unlinkability.traces import walks


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m communicator_spec.formal.unlinkability", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print data instead of a table")
    parser.add_argument("--walks", type=int, default=0, help="how many random walks to add")
    parser.add_argument("--length", type=int, default=60, help="how many steps of each relationship a walk has")
    parser.add_argument("--seed", type=int, default=1, help="of the walks")
    chosen = parser.parse_args(arguments)
    result = report(walks(chosen.walks, chosen.length, chosen.seed))
    print(msgspec.json.format(msgspec.json.encode(result)).decode() if chosen.json else _table(result))
    return 0 if result.passed else 1


def _table(result: Report) -> str:
    lines = [f"runs: {', '.join(result.runs)}", "", "scheme | party | relation | outcome"]
    for line in result.lines:
        mark = "" if line.expected else "  ← NOT AS EXPECTED"
        by = f" by {line.recipe}" if line.recipe and not line.outcome.startswith("permitted") else ""
        lines.append(f"{line.scheme} | {line.party} | {line.relation} | {line.outcome}{by}{mark}")
    lines += ["", "everything is as it should be" if result.passed else "something is not as it should be"]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
