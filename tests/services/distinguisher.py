"""Who asks a receiving service cannot tell what became of a submission: measured, by bytes and by times.

    python -m tests.services.distinguisher --samples 10000 --json
    python -m tests.services.distinguisher --samples 10000 --family label --beside

A real service, on SQLite, with its default settings but for the rate of a network address; a client on one connection.
Submissions of all kinds of a family come in one random order, so whatever else the machine does meets all kinds alike.
Each answer is compared byte by byte, but for its date. An attacker looks at more than the time until the answer:

    own          time until the answer
    after        time of a request for the document, on the same connection, right after it
    beside       (`--beside`) the same from a second connection, four in a row, while the answer is waited for
    next         time until the answer to the submission after it, of whatever kind that is
    next after   the same for the document after that
    all          a classifier on all of these together, judged on samples that it has not seen

For each kind and feature the area under the curve against the first kind of the family, with its interval. The exit
code is 1 if answers differ, or if an area is above `--limit` by more than chance would explain.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import numpy as np
from tests.services.running import Service
from tests.services.separation import Area, Floats, area, classified
from tests.services.strangers import FETCH_KINDS, KINDS, LABEL_KINDS, Line, Senders, http_request

__all__ = ["FAMILIES", "Found", "measured"]

FAMILIES: Final = {"two-layer": KINDS, "label": LABEL_KINDS, "fetch": FETCH_KINDS}
LIMIT: Final = 0.52
_BLOCK: Final = 900
_WARM: Final = 20
_BESIDE: Final = 4
_SEED: Final = 20_260_101
_DOCUMENT: Final = http_request("GET", "/.well-known/communicator.json")
_MISS: Final = 1e-4


class Found(NamedTuple):
    """What was seen: answers without their dates, and for each kind and feature the area against the first kind."""

    answers: dict[bytes, int]
    areas: dict[str, dict[str, Area]]
    medians_ms: dict[str, float]

    @property
    def worst(self) -> tuple[str, str, Area]:
        """The kind and feature that tell most."""
        every = ((kind, name, found) for kind, row in self.areas.items() for name, found in row.items())
        return max(every, key=lambda one: one[2].distance)

    def leaks(self, limit: float = LIMIT, miss: float = _MISS) -> list[str]:
        """Return what is above a limit, with a probability of `miss` that anything at it is named."""
        count = sum(len(row) for row in self.areas.values())
        every = ((kind, name, found) for kind, row in self.areas.items() for name, found in row.items())
        return [f"{kind}: {name}" for kind, name, found in every if found.at_least(miss / count) > limit]


def measured(
    service: Service, kinds: tuple[str, ...], samples: int, seed: int, *, beside: bool = False, told: bool = False
) -> Found:
    """Measure `samples` of each kind at a service that runs."""
    chance = random.Random(seed)
    answers: dict[bytes, int] = {}
    order, rows = [], []
    with service.client() as client:
        senders = Senders(client, service, chance)
        wanted = [kind for kind in kinds for _ in range(samples)]
        chance.shuffle(wanted)
        for first in range(0, len(wanted), _BLOCK):
            block = wanted[first : first + _BLOCK]
            made = [senders.make(kind) for kind in (*chance.choices(kinds, k=_WARM), *block)]
            time.sleep(0.3)
            with Line(service.port) as line, Line(service.port) as other:
                times = list(_asked(made, line, other if beside else None, answers))
            rows += [(*own, *following[:2]) for own, following in zip(times[_WARM:-1], times[_WARM + 1 :], strict=True)]
            order += block[:-1]
            if told:
                print(f"\r{first + len(block)} of {len(wanted)}", end="", file=sys.stderr, flush=True)
    names = ("own", "after", *(("beside",) if beside else ()), "next", "next after")
    return _judged(answers, np.array(order), np.array(rows, dtype=np.float64), kinds, names, seed)


def _asked(made: list[bytes], line: Line, other: Line | None, answers: dict[bytes, int]) -> Iterator[tuple[int, ...]]:
    for data in made:
        begin_ns = time.perf_counter_ns()
        line.send(data)
        beside = () if other is None else (sum(other.ask(_DOCUMENT).ns for _ in range(_BESIDE)),)
        answer = line.read()
        own_ns = time.perf_counter_ns() - begin_ns
        answers[answer] = answers.get(answer, 0) + 1
        yield (own_ns, line.ask(_DOCUMENT).ns, *beside)


def _judged(
    answers: dict[bytes, int],
    order: "np.ndarray[tuple[int], np.dtype[np.str_]]",
    rows: Floats,
    kinds: tuple[str, ...],
    names: tuple[str, ...],
    seed: int,
) -> Found:
    base = rows[order == kinds[0]]
    areas = {}
    for kind in kinds[1:]:
        of = rows[order == kind]
        areas[kind] = {name: area(of[:, i], base[:, i]) for i, name in enumerate(names)}
        areas[kind]["all"] = classified(of, base, seed)
    medians = {kind: float(np.median(rows[order == kind][:, 0])) / 1e6 for kind in kinds}
    return Found(answers, areas, medians)


# -------------------------------------------------------------------- the command


def _as_json(found: Found, samples: int) -> dict[str, object]:
    kind, name, worst = found.worst
    return {
        "samples": samples,
        "distinct answers": len(found.answers),
        "median ms": {kind: round(ms, 3) for kind, ms in found.medians_ms.items()},
        "areas": {
            kind: {name: [round(one.value, 4), *(round(end, 4) for end in one.interval())] for name, one in row.items()}
            for kind, row in found.areas.items()
        },
        "worst": [kind, name, round(worst.distance, 4)],
        "above the limit": found.leaks(),
    }


def _as_text(found: Found) -> str:
    names = list(next(iter(found.areas.values())))
    lines = ["area under the curve against " + next(iter(found.medians_ms)) + ", with its 95 % interval"]
    lines.append(f"{'':16}" + "".join(f"{name:>24}" for name in names))
    for kind, row in found.areas.items():
        cells = (f"{one.value:.3f} [{one.interval()[0]:.3f}, {one.interval()[1]:.3f}]" for one in row.values())
        lines.append(f"{kind:16}" + "".join(f"{cell:>24}" for cell in cells))
    kind, name, worst = found.worst
    lines.append(f"distinct answers {len(found.answers)}; farthest from one half: {kind}, {name}: {worst.distance:.3f}")
    return "\n".join(lines)


def main(show: Callable[[str], None] = print) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.services.distinguisher", description=__doc__.split("\n")[0])
    parser.add_argument("--samples", type=int, default=10_000, help="of each kind")
    parser.add_argument("--family", choices=FAMILIES, default="two-layer")
    parser.add_argument("--kinds", help="some kinds of the family, with commas; the first is compared with the others")
    parser.add_argument("--beside", action="store_true", help="ask from a second connection as well")
    parser.add_argument("--seed", type=int, default=_SEED)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    kinds = tuple(chosen.kinds.split(",")) if chosen.kinds else FAMILIES[chosen.family]
    with TemporaryDirectory() as folder, Service(Path(folder), "receiving") as service:
        found = measured(service, kinds, chosen.samples, chosen.seed, beside=chosen.beside, told=sys.stderr.isatty())
    show(json.dumps(_as_json(found, chosen.samples), indent=1) if chosen.json else _as_text(found))
    return int(len(found.answers) != 1 or bool(found.leaks()))


if __name__ == "__main__":
    sys.exit(main())
