"""Statistics over independent replications: intervals, resampling, warm-up, and when to stop."""

from communicator_simulations.statistics.intervals import (
    Interval,
    exact_proportion,
    exact_rate,
    interval,
    paired,
    proportion,
)
from communicator_simulations.statistics.resampling import bootstrap_quantile, pooled_quantile
from communicator_simulations.statistics.stopping import Precision, PrecisionError, Rule
from communicator_simulations.statistics.warmup import WarmUp, mser5

__all__ = [
    "Interval",
    "Precision",
    "PrecisionError",
    "Rule",
    "WarmUp",
    "bootstrap_quantile",
    "exact_proportion",
    "exact_rate",
    "interval",
    "mser5",
    "paired",
    "pooled_quantile",
    "proportion",
]
