"""What needs the testee in TypeScript: `python -m tests.conformance.with_typescript`, called by `make typescript`.

1. It passes every vector and every property that it offers: whatever of the suite is skipped is a whole role.
"""

import shutil
import sys
from pathlib import Path

from communicator_conformance import run
from communicator_conformance.vectors import published

PROGRAM = Path(__file__).parents[2] / "conformance" / "testees" / "typescript" / "dist" / "testee.js"


def command() -> list[str]:
    """Return how the testee is started. `SystemExit` without Node."""
    node = shutil.which("node")
    if node is None or not PROGRAM.is_file():
        sys.exit("Node or the built testee is missing: `make typescript` builds it")
    return [node, str(PROGRAM)]


def main() -> None:
    """Print what passed; exit with the first thing that is not as it must be."""
    verdict = run(command())
    passed = {result.id for result in verdict.results if result.status.value == "passed"}
    vectors = set(published())
    print(f"TypeScript: {len(vectors & passed)} of {len(vectors)} vectors, {len(passed - vectors)} other tests passed")
    left = vectors - passed
    if not verdict.ok or left:
        sys.exit(f"failed: {list(verdict.failures)}, skipped: {sorted(left)}")


if __name__ == "__main__":
    main()
