"""A campaign from the command line: `python -m tests.services.killing --kills 500 --database sqlite --seed 7`."""

import argparse
import sys
import time
from pathlib import Path

import msgspec
from tests.services.killing.campaign import Result, run
from tests.services.killing.stage import SCENES

from communicator_simulations.chaos.planted.of_services import OF_SERVICES

BUGS = sorted(bug.name for bug in OF_SERVICES)


def main() -> int:
    """Run one campaign for each scene; returns 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.services.killing", description=__doc__)
    parser.add_argument("--kills", type=int, default=500, help="in all, over the scenes")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scene", choices=sorted(SCENES), action="append", help="all by default")
    parser.add_argument("--fault", choices=BUGS, default="", help="a service that is broken so")
    parser.add_argument("--out", type=Path, help="where the result goes, in JSON")
    chosen = parser.parse_args()
    scenes, results = chosen.scene or list(SCENES), list[Result]()
    for place, scene in enumerate(scenes):
        kills = chosen.kills // len(scenes) + (place < chosen.kills % len(scenes))

        def tell(done: int, scene: str = scene, kills: int = kills) -> None:
            if done % 10 == 0 or done == kills:
                print(f"{time.strftime('%H:%M:%S')} {scene}: {done} of {kills} kills", file=sys.stderr, flush=True)

        results.append(run(scene, chosen.database, kills, chosen.seed, fault=chosen.fault, tell=tell))
        print(_line(results[-1]), flush=True)
    if chosen.out:
        chosen.out.write_bytes(msgspec.json.format(msgspec.json.encode(results)))
    return int(any(result.violations for result in results))


def _line(result: Result) -> str:
    killed, lost = sum(result.kills.values()), sum(result.unanswered)
    return (
        f"{result.scene:<14} {killed:>4} kills, {result.hitting} of them took {lost} requests with them, "
        f"{result.acknowledged.get('answered', 0)} answered, {len(result.violations)} broken, "
        f"start {1000 * result.start_s:.0f} ms, {result.took_s:.0f} s"
        + "".join(f"\n    {text}" for text in result.violations[:10])
    )


if __name__ == "__main__":
    sys.exit(main())
