"""What is asked of a run of chaos, and what came out of it.

Rules:

1. A run in which a planned fault was never seen proves less than it was to (`unfired`), and so does one that passed no
   time at a crash point (`missed`), or passed one that is excused (`stale`).
2. A planted bug is found by those that have to find it, and by nobody else: a run that is only late has found nothing.
"""

import msgspec

from communicator_simulations.chaos import judging
from communicator_simulations.chaos.plan import Kind
from communicator_simulations.chaos.planted import BUGS

__all__ = ["Outcome", "Wish", "found_by"]


class Wish(msgspec.Struct, frozen=True):
    """What somebody wants to be run; `database`: `sqlite` or `postgresql`, a private one unless `server` is a URL."""

    people: int = 10
    minutes: float = 5.0
    seed: int = 1
    kills: int = 300
    database: str = "sqlite"
    plant: str = ""
    faults: bool = True
    calm_s: float = 120.0
    server: str = ""


class Outcome(msgspec.Struct, frozen=True):
    """What came out: kills by point and phase, passes by point, faults by kind, and the verdict."""

    wish: Wish
    kills: dict[str, int]
    passes: dict[str, int]
    missed: tuple[str, ...]
    stale: tuple[str, ...]
    fired: dict[str, int]
    planned: dict[str, int]
    starts: dict[str, int]
    endings: tuple[str, ...]
    at_rest: bool
    verdict: judging.Verdict
    load_s: float
    took_s: float
    reached: bool = True

    @property
    def killed(self) -> int:
        """How many processes were killed."""
        return sum(self.kills.values()) + self.fired.get(Kind.KILL_ANYWHERE, 0)

    @property
    def unfired(self) -> tuple[str, ...]:
        """The kinds of faults that were planned and not seen."""
        return tuple(sorted(kind for kind in self.planned if not self.fired.get(kind)))

    @property
    def violations(self) -> tuple[str, ...]:
        """Everything that must not be."""
        late = () if self.at_rest else ("the run did not come to rest",)
        return (*self.verdict.violations, *self.endings, *late)

    @property
    def found(self) -> str:
        """What the planted bug was found by; empty if it was not, or never reached."""
        return found_by(self.wish.plant, self.verdict) if self.reached else ""


def found_by(plant: str, verdict: judging.Verdict) -> str:
    """Return what a planted bug was found by, of what has to find it; empty if there is none (rule 2)."""
    names = BUGS[plant].caught_by if plant else ()
    return next((line for line in verdict.violations if line.startswith(names)), "") if names else ""
