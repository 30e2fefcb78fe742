"""Numbers as people read them: significant digits, thin spaces, SI units, intervals.

An interval is written `mean [low, high]`. All three have as many decimals as the width of the interval is worth: two
digits of it. Thousands are set apart by a narrow space that does not break, and minus is a minus.

A `Quantity` is such a text together with the numbers that it was made from, in the unit in which it is shown. Tables
and prose hold quantities, so that the results file has every number of a document as a number.
"""

import math
from typing import Final

import msgspec

from communicator_simulations.statistics import Interval

__all__ = ["NARROW", "Quantity", "bytes_text", "count", "counted", "duration", "measured", "number", "percent", "plain",
           "shown", "timed", "with_interval"]  # fmt: skip

NARROW: Final = "\u202f"
_UNITS: Final = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
_TIMES: Final = ((86_400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))


class Quantity(msgspec.Struct, frozen=True, omit_defaults=True):
    """A number as people read it, and as a number with its interval; None: not reached, or not bounded.

    `of` is the whole that a count is a part of, if the text names it.
    """

    text: str
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    of: float | None = None

    def __str__(self) -> str:
        return self.text


def count(value: float) -> str:
    """Return a whole number with its thousands apart."""
    return f"{round(value):,}".replace(",", NARROW).replace("-", "−")


def number(value: float, digits: int = 3) -> str:
    """Return a number with that many significant digits."""
    if not math.isfinite(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return _fixed(value, 0 if value == round(value) else decimals)


def _fixed(value: float, decimals: int) -> str:
    text = f"{value:,.{decimals}f}".replace(",", NARROW).replace("-", "−")
    return text if text.strip("−0.") else "0"


def percent(share: float, digits: int = 3) -> str:
    """Return a share in percent."""
    text = number(round(100 * share, 9), digits)
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text}{NARROW}%"


def with_interval(x: Interval, scale: float = 1.0, *, floor: float = -math.inf, ceiling: float = math.inf) -> str:
    """Return `mean [low, high]`; only the mean if one replication alone bounds nothing."""
    mean, low, high = scale * x.mean, max(floor, scale * x.low), min(ceiling, scale * x.high)
    if not math.isfinite(mean):
        return "not reached"
    if not (math.isfinite(x.low) and math.isfinite(x.high)):
        return number(mean)
    decimals = _decimals(mean, high - low)
    return f"{_fixed(mean, decimals)}\u00a0[{_fixed(low, decimals)},\u00a0{_fixed(high, decimals)}]"


def _decimals(mean: float, width: float) -> int:
    """Two digits of the width, but no more than four of the mean."""
    if width <= 0:
        return 0 if mean == round(mean) else max(0, 2 - math.floor(math.log10(abs(mean))))
    wanted = 1 - math.floor(math.log10(width))
    most = 3 - math.floor(math.log10(abs(mean))) if mean else wanted
    return min(6, max(0, min(wanted, most)))


def duration(seconds: float) -> str:
    """Return a duration in the largest unit of which there is at least one."""
    return timed(seconds).text


def timed(seconds: float) -> Quantity:
    """Return a duration as a quantity in the unit that its text has."""
    size, unit = next(((size, unit) for size, unit in _TIMES if seconds >= size), (1e-3, "ms"))
    return shown(f"{number(seconds / size)}{NARROW}{unit}", seconds / size)


def bytes_text(size: float) -> str:
    """Return a number of bytes with a decimal prefix."""
    for unit, name in _UNITS:
        if size >= unit:
            return f"{number(size / unit)}{NARROW}{name}"
    return f"{count(size)}{NARROW}B"


def shown(text: str, *numbers: float) -> Quantity:
    """Return a text with the number in it, or with a number and the two ends of its interval."""
    return Quantity(text, *map(plain, numbers))


def counted(value: float, of: float | None = None) -> Quantity:
    """Return a count, or a count out of so many."""
    if of is None:
        return shown(count(value), value)
    return Quantity(f"{count(value)} of {count(of)}", plain(value), of=plain(of))


def measured(x: Interval, scale: float = 1.0, *, floor: float = -math.inf, ceiling: float = math.inf) -> Quantity:
    """Return an estimate with its interval, in another unit if it is scaled."""
    text = with_interval(x, scale, floor=floor, ceiling=ceiling)
    return shown(text, scale * x.mean, max(floor, scale * x.low), min(ceiling, scale * x.high))


def plain(value: float) -> float | None:
    """Return a number as a file holds it: twelve digits, and nothing for what is not finite."""
    return float(f"{value:.12g}") + 0.0 if math.isfinite(value) else None
