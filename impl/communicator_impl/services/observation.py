"""What an operator sees of a running service: counts for Prometheus, and lines of JSON; never an address or a person.

Theory. What is written down can be taken away. So a metric has a name and an outcome, and no label that came from a
request; a line of the log has an event and numbers, and of an error its class alone, since its text may hold what a
stranger sent.

Rules:

1. Labels are from fixed lists: endpoints of the standard, statuses, error classes.
2. Nothing here is state of the service: a new process counts from zero.
"""

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Final, TextIO

__all__ = ["Log", "Metrics"]

_PREFIX: Final = "communicator_"
_QUIET_S: Final = 60.0


class Metrics:
    """Counters of one process, and gauges that are read when somebody asks."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()
        self._gauges: dict[str, Callable[[], float]] = {}
        self._lock = threading.Lock()

    def count(self, name: str, by: float = 1, **labels: str) -> None:
        """Add to a counter."""
        with self._lock:
            self._counts[name, tuple(sorted(labels.items()))] += by  # type: ignore[assignment]

    def gauge(self, name: str, read: Callable[[], float]) -> None:
        """Show what `read` returns."""
        self._gauges[name] = read

    def text(self) -> str:
        """Return everything in the text format of Prometheus."""
        with self._lock:
            counts = sorted(self._counts.items())
        lines = [f"{_PREFIX}{name}_total{_labels(labels)} {value:g}" for (name, labels), value in counts]
        lines += [f"{_PREFIX}{name} {read():g}" for name, read in sorted(self._gauges.items())]
        return "\n".join(lines) + "\n"


class Log:
    """Lines of JSON on one stream."""

    def __init__(self, stream: TextIO = sys.stderr) -> None:
        self._stream = stream
        self._failed: dict[tuple[str, str], tuple[float, int]] = {}
        self._lock = threading.Lock()

    def write(self, event: str, **values: str | float) -> None:
        """Write one event; values are names from fixed lists, and numbers."""
        line = json.dumps({"at": round(time.time(), 3), "event": event, **values})
        print(line, file=self._stream, flush=True)

    def failed(self, event: str, error: BaseException) -> None:
        """Write that something failed: the class of the error and nothing that it says; how often, once a minute."""
        name, now_s = (event, type(error).__name__), time.monotonic()
        with self._lock:
            until_s, times = self._failed.get(name, (0.0, 0))
            self._failed[name] = (until_s, times + 1) if now_s < until_s else (now_s + _QUIET_S, 0)
        if now_s >= until_s:
            self.write(event, error=name[1], **({"before": times} if times else {}))


def _labels(labels: tuple[tuple[str, str], ...]) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels) + "}" if labels else ""
