"""What is measured in each run, and its estimate over the replications.

A measure is an expression over the table of runs. Its estimate is the mean over replications with Student's interval at
95 %, cut off at 0 and 1 for a share. Where nothing happened in any replication that interval has no width and says too
little; then the upper end is Wilson's for the pooled count, which takes events as independent.
"""

from typing import Final, NamedTuple

import polars as pl

from communicator_reports.findings import Findings
from communicator_simulations.statistics import Interval, interval, paired, proportion

__all__ = ["AUTOMATED", "BYTES", "CUT_OFF", "EXPOSED", "LATENCIES", "MEASURES", "ONE_WAY", "PER", "UNDELIVERED",
           "Estimates", "Measure"]  # fmt: skip

PER: Final = 10_000
"""Rare outcomes are given per ten thousand."""


class Measure(NamedTuple):
    """A number of one run; for a count, `of` is the column that it is a part of."""

    name: str
    value: pl.Expr
    of: str | None = None


UNDELIVERED: Final = Measure("undelivered", (pl.col("pending") + pl.col("failed")) / pl.col("messages"), "messages")
EXPOSED: Final = Measure("exposed", pl.col("exposed_pending_share") + pl.col("exposed_failed_share"), "exposed")
CUT_OFF: Final = Measure("cut off", pl.col("cut_off") / pl.col("relationships"), "relationships")
ONE_WAY: Final = Measure("one way only", pl.col("one_way") / pl.col("relationships"), "relationships")
AUTOMATED: Final = Measure("automated", pl.col("automated_share"))
BYTES: Final = Measure("bytes", pl.col("sent_bytes").cast(pl.Float64))
LATENCIES: Final = tuple(Measure(p, pl.col(f"latency_{p}_s")) for p in ("p50", "p90", "p99", "p999"))

MEASURES: Final = {m.name: m for m in (UNDELIVERED, EXPOSED, CUT_OFF, ONE_WAY, AUTOMATED, BYTES, *LATENCIES)}
"""All measures by name."""


class Estimates:
    """Estimates of measures over the replications of one study."""

    def __init__(self, findings: Findings) -> None:
        self._runs = findings.tables["runs"].sort("replication")
        names = findings.summary.policies
        self.baseline = "static" if "static" in names else names[0]

    def of(self, measure: Measure, fault: str, policy: str) -> Interval:
        """Return the estimate of a measure."""
        found = interval(self._values(measure, fault, policy))
        if measure.of is None:
            return found
        if found.mean > 0:
            return found if found.n == 1 else found._replace(low=max(0.0, found.low), high=min(1.0, found.high))
        upper = proportion(0, max(1, self.total(measure.of, fault, policy))).high
        return found._replace(low=0.0, high=upper)

    def difference(self, measure: Measure, fault: str, policy: str) -> Interval:
        """Return the estimate of the paired difference to the baseline."""
        return paired(self._values(measure, fault, policy), self._values(measure, fault, self.baseline))

    def column(self, name: str, fault: str, policy: str) -> Interval:
        """Return the estimate of a column of the table of runs."""
        return self.of(Measure(name, pl.col(name)), fault, policy)

    def total(self, name: str, fault: str, policy: str) -> int:
        """Return a column summed over the replications."""
        return round(sum(self._values(Measure(name, pl.col(name)), fault, policy)))

    def events(self, measure: Measure, fault: str, policy: str) -> int:
        """Return how often something happened in all replications together."""
        of = pl.col(measure.of or "messages")
        return round(sum(self._values(Measure(measure.name, measure.value * of), fault, policy)))

    def worst_fault(self, measure: Measure, faults: tuple[str, ...]) -> str:
        """Return the fault that costs the baseline most."""
        return max(faults, key=lambda fault: self.of(measure, fault, self.baseline).mean)

    def best_policy(self, measure: Measure, faults: tuple[str, ...], policies: tuple[str, ...]) -> str:
        """Return the policy that loses least over all faults; of equals the last."""
        return min(reversed(policies), key=lambda p: sum(self.of(measure, f, p).mean for f in faults))

    def _values(self, measure: Measure, fault: str, policy: str) -> list[float]:
        rows = self._runs.filter(pl.col("fault") == fault, pl.col("policy") == policy)
        values = rows.select(measure.value.fill_nan(0.0).cast(pl.Float64)).to_series()
        return [float(x) for x in values]
