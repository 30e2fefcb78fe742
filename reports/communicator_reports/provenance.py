"""Where a result comes from: the command, the versions, and the digests of everything that took part.

Rules:

1. No time, no host, no path: the same command on the same code and data writes the same bytes.
2. The commit is named if the package runs from a checkout, with a mark if the checkout has changes.
"""

import platform
import subprocess
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Final

from communicator_reports.version import VERSION
from communicator_simulations.sources import source_digest
from communicator_simulations.sweep import Plan, supplies_for
from communicator_spec.clauses import standard_digest

__all__ = ["provenance"]

_LIBRARIES: Final = ("numpy", "scipy", "simpy", "networkx", "polars", "cryptography", "altair", "vl-convert-python",
                     "typst")  # fmt: skip


def provenance(command: Iterable[str], plan: Plan) -> dict[str, object]:
    """Return what a reader needs in order to run this again."""
    supplies = supplies_for(plan, 0)
    return {
        "command": " ".join(command),
        "seed": plan.seed,
        "communicator": VERSION,
        "commit": _commit(),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in _LIBRARIES},
        "digests": {
            "standard": standard_digest(),
            "sources": source_digest(),
            "messages": supplies.trace.digest,
            "phones": supplies.phones.digest,
        },
    }


def _commit() -> str | None:
    commit = _git("rev-parse", "HEAD")
    if commit is None:
        return None
    return commit if _git("diff", "--quiet", "HEAD", "--", ".") is not None else f"{commit} with changes"


def _git(*words: str) -> str | None:
    """Ask git about the checkout of this package; None if there is none, or no git, or if it says no."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    try:
        done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
