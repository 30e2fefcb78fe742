"""Regenerate `clauses.json` in a checkout: `python -m communicator_spec.clauses [--publish]`."""

import sys
from pathlib import Path

from communicator_spec.clauses import ClauseError, write


def main(arguments: list[str]) -> int:
    """Write the generated files next to the package; return the exit code."""
    try:
        count = write(Path(__file__).parents[2], publish="--publish" in arguments)
    except ClauseError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{count} clauses")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
