"""Search the services for a long time: `python -m tests.services.described --minutes 10`.

Each round takes the next seed, and says which: `--seed` begins there, and so repeats a round that found something.
"""

import argparse
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.services.described.search import NOT_REACHED, Effort, search
from tests.services.described.world import postgres_databases, unharmed, worlds

from communicator_spec.openapi import SERVICES


def main() -> int:
    """Run; returns how many things were wrong."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--minutes", type=float, default=10)
    asked.add_argument("--examples", type=int, default=100)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--postgres", action="store_true")
    asked.add_argument("--service", choices=SERVICES, action="append")
    given = asked.parse_args()
    until, wrong, seed = time.monotonic() + 60 * given.minutes, 0, given.seed
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        databases = stack.enter_context(postgres_databases()) if given.postgres else None
        world = stack.enter_context(worlds(folder, databases))
        while time.monotonic() < until and not wrong:
            for service in given.service or SERVICES:
                left_s = max(1, int(until - time.monotonic()))
                found = search(world, service, Effort(given.examples, left_s, seed))
                wrong += len(found.wrong)
                print(
                    f"seed {seed}  {service:14} {sum(found.answers.values()):7,} answers, {len(found.wrong)} wrong",
                    flush=True,
                )
                print("".join(f"  {text}\n" for text in found.wrong[:20]), end="", flush=True)
            seed += 1
        unharmed(world)
    print(f"not asked to succeed: {', '.join(NOT_REACHED)}")
    return wrong


if __name__ == "__main__":
    raise SystemExit(min(1, main()))
