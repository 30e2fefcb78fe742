"""Reachability of phones: a lookup by time of day, never a stream of events.

A `Schedule` is one phone's day: sorted on-intervals, repeated every 24 h. The published schedules
(Hugenroth, Kleppmann, Beresford, "Rollercoaster", USENIX Security 2021; built from Device Analyzer)
hold one phone a line, 86,400 characters, one a second, `1` = online.

Rules:

1. `Schedule.next_online` is the hot path: one bisection, about 0.3 µs. It has no state.
2. Time of day is the real one: no phase is shifted. Who gets which phone is the population's draw.
3. A phone that is never on is left out, for nothing can ever reach it. A flicker of one second is
   kept: it is a chance to fetch.
4. The default is the set os15, the one its authors use wherever they use a single set. Phones are
   online 80 % of the time on average and one in four below 61 %; the sets run from 0.37 to 0.93.
5. The synthetic set copies aggregates of os15 and holds no row of it: deciles of the online share
   and of the number of gaps, their rank correlation, and how unequal the lengths of one phone are.
"""

import gzip
import hashlib
import io
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from communicator_model.draws import subseed
from communicator_model.traces import DataError, find_data

__all__ = ["DEFAULT_SETS", "SETS", "Absence", "Interrupted", "PhoneError", "Phones", "Schedule", "find_phones"]

DAY_S = 86_400
DAY_MS = DAY_S * 1000
SETS = ("os05", "os10", "os15", "os20", "os25", "os30")
DEFAULT_SETS = ("os15",)
SIZE_BYTES_MAX = 1 << 28

# Deciles over the 546 phones of os15, measured there.
ONLINE_SHARES = (0.278, 0.472, 0.569, 0.670, 0.784, 0.960, 0.970, 0.977, 0.982, 0.988, 0.998)
GAPS_A_DAY = (1.0, 1.0, 2.0, 2.0, 2.0, 3.0, 3.0, 4.0, 9.0, 12.0, 18.0)
GAPS_MAX = 18
SHARE_GAPS_CORRELATION = -0.76
# Power of an exponential length. At 2 the mean wait from any moment is 26 min, as in os15 (27 min).
GAP_INEQUALITY = 2.0


class PhoneError(DataError):
    """A file of phone schedules is missing or malformed."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """One phone's day: it is online in [starts_ms[i], ends_ms[i]).

    Sorted and disjoint; the last interval is the first one of the next day, so that a search never
    runs off the end. Build with `Schedule.of`.
    """

    starts_ms: tuple[int, ...]
    ends_ms: tuple[int, ...]

    @classmethod
    def of(cls, intervals_s: Iterable[tuple[int, int]]) -> Self:
        """Build from [start, end) seconds of the day; raises `PhoneError` when they are no day."""
        intervals = list(intervals_s)
        flat_s = [second for interval in intervals for second in interval]
        rising = all(a < b for a, b in intervals) and flat_s == sorted(flat_s)
        if not intervals or not rising or flat_s[0] < 0 or flat_s[-1] > DAY_S:
            raise PhoneError("on-intervals must be at least one, rising, and within 24 hours")
        intervals.append((intervals[0][0] + DAY_S, intervals[0][1] + DAY_S))
        return cls(tuple(a * 1000 for a, _ in intervals), tuple(b * 1000 for _, b in intervals))

    def next_online(self, t_ms: int) -> int:
        """The first time from `t_ms` on at which the phone is online; `t_ms` itself when it is."""
        day_ms = t_ms % DAY_MS
        wait_ms = self.starts_ms[bisect_right(self.ends_ms, day_ms)] - day_ms
        return t_ms + wait_ms if wait_ms > 0 else t_ms

    @property
    def intervals(self) -> int:
        """On-intervals in a day; one that spans midnight counts twice."""
        return len(self.starts_ms) - 1

    @property
    def online_share(self) -> float:
        """The part of the day in which the phone is online."""
        return (sum(self.ends_ms[:-1]) - sum(self.starts_ms[:-1])) / DAY_MS


class Absence(NamedTuple):
    """When somebody is away, [from, until) in ms: without a device, or with one that is off."""

    from_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class Interrupted(Schedule):
    """The schedule of a phone that is off line for once, however long."""

    absence: Absence
    under: Schedule

    @classmethod
    def by(cls, schedule: Schedule, absence: Absence) -> Self:
        """Return a schedule with an absence in it."""
        return cls(schedule.starts_ms, schedule.ends_ms, absence, schedule)

    def next_online(self, t_ms: int) -> int:
        """The first time from `t_ms` on at which the phone is online."""
        t_ms = self.under.next_online(t_ms)
        away = self.absence
        return t_ms if not away.from_ms <= t_ms < away.until_ms else self.under.next_online(away.until_ms)


@dataclass(frozen=True, slots=True)
class Phones:
    """A set of phones; `digest` is the SHA-256 over its sources, in hexadecimal."""

    name: str
    digest: str
    schedules: tuple[Schedule, ...]

    def __len__(self) -> int:
        return len(self.schedules)

    @classmethod
    def load(cls, folder: Path, sets: Sequence[str] = DEFAULT_SETS) -> Self:
        """Read `schedules_gen_<set>.txt.gz` of the folder; about 0.2 s a set."""
        digest = hashlib.sha256()
        schedules: list[Schedule] = []
        for name in sets:
            path = folder / f"schedules_gen_{name}.txt.gz"
            packed = _read(path)
            digest.update(hashlib.sha256(packed).digest())
            schedules += _schedules(path, _unzip(path, packed))
        if not schedules:
            raise PhoneError(f"{folder}: no phone is ever online in the sets {', '.join(sets)}")
        return cls("+".join(sets), digest.hexdigest(), tuple(schedules))

    @classmethod
    def synthetic(cls, seed: int, count: int = 546) -> Self:
        """Make phones with the aggregates of os15; more of them leave the first ones as is."""
        if count < 1:
            raise PhoneError(f"{count} phones reach nobody; ask for 1 or more")
        rng = np.random.Generator(np.random.PCG64(subseed(seed, "phones")))
        # One row a phone, of fixed width: two ranks, one rotation, lengths of gaps and on-times.
        rows = rng.random((count, 3 + 2 * GAPS_MAX))
        schedules = tuple(_synthetic(row) for row in rows)
        digest = hashlib.sha256(repr(schedules).encode()).hexdigest()
        return cls(f"synthetic os15 (seed {seed})", digest, schedules)

    @property
    def online_share(self) -> float:
        """The mean online share."""
        return float(np.mean([schedule.online_share for schedule in self.schedules]))


def find_phones(explicit: Path | None = None) -> Path | None:
    """Find the folder of phone schedules; None means that nothing was asked for or is there."""
    return find_data("phones", explicit, PhoneError)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PhoneError(f"{path}: cannot be read ({error.strerror})") from error


def _unzip(path: Path, packed: bytes) -> bytes:
    try:
        with gzip.open(io.BytesIO(packed)) as file:
            data = file.read(SIZE_BYTES_MAX + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise PhoneError(f"{path}: is no gzip file, or a broken one ({error})") from error
    if len(data) > SIZE_BYTES_MAX:
        raise PhoneError(f"{path}: more than {SIZE_BYTES_MAX:,} bytes when unpacked")
    return data


def _schedules(path: Path, data: bytes) -> list[Schedule]:
    """Turn seconds into intervals: wherever two neighbours differ, one begins or ends."""
    width = DAY_S + 1
    flat = np.frombuffer(data, dtype=np.uint8, count=len(data) - data.endswith(b"\n"))
    lines, rest = divmod(flat.size + 1, width)
    if not lines or rest or not (flat[DAY_S::width] == ord("\n")).all():
        raise PhoneError(_fault_of_length(path, data))
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    _check_characters(path, data, np.append(0, changes))
    parts = np.split(changes, _line_starts(changes, lines))
    days = [
        _intervals(bool(flat[line * width] == ord("1")), (part - line * width).tolist())
        for line, part in enumerate(parts)
    ]
    return [Schedule.of(day) for day in days if day]


def _check_characters(path: Path, data: bytes, runs: NDArray[np.int64]) -> None:
    """Look at the first character of each run only; newlines are known to stand where they must."""
    flat = np.frombuffer(data, dtype=np.uint8)
    odd = (flat[runs] != ord("0")) & (flat[runs] != ord("1")) & (runs % (DAY_S + 1) != DAY_S)
    if odd.any():
        at = int(runs[odd][0])
        if data[at] == ord("\n"):
            raise PhoneError(_fault_of_length(path, data))
        fault = f"{chr(data[at])!r} is neither 0 nor 1"
        raise PhoneError(f"{path}, line {at // (DAY_S + 1) + 1}: {fault}")


def _line_starts(changes: NDArray[np.int64], lines: int) -> NDArray[np.int64]:
    """Where in `changes` each line but the first begins."""
    return np.searchsorted(changes, np.arange(1, lines) * (DAY_S + 1))


def _intervals(online: bool, changes_s: list[int]) -> list[tuple[int, int]]:
    """On-intervals of one line, from its changes; change 0 and change DAY_S are its newlines."""
    edges_s = [0] * online + [second for second in changes_s if 0 < second < DAY_S]
    edges_s += [DAY_S] * (len(edges_s) % 2)
    return list(zip(edges_s[::2], edges_s[1::2], strict=True))


def _fault_of_length(path: Path, data: bytes) -> str:
    for number, line in enumerate(data.splitlines(), 1):
        if len(line) != DAY_S:
            return f"{path}, line {number}: {len(line):,} characters instead of {DAY_S:,}"
    return f"{path}: no phone in it"


def _synthetic(row: NDArray[np.float64]) -> Schedule:
    """Build one phone from its uniform draws.

    1. Online share and number of gaps, by a Gaussian copula over their deciles.
    2. Gaps and on-times in turn, of Weibull and exponential lengths, scaled to the share and
       rounded to seconds.
    3. The day is turned by a uniform number of seconds, and cut at midnight.
    """
    normal = NormalDist()
    share_z, other_z = (normal.inv_cdf(min(max(u, 1e-9), 1 - 1e-9)) for u in row[:2].tolist())
    gaps_z = SHARE_GAPS_CORRELATION * share_z + (1 - SHARE_GAPS_CORRELATION**2) ** 0.5 * other_z
    share = _quantile(ONLINE_SHARES, normal.cdf(share_z))
    gaps = round(_quantile(GAPS_A_DAY, normal.cdf(gaps_z)))
    lengths = -np.log1p(-row[3 : 3 + 2 * GAPS_MAX].reshape(2, GAPS_MAX)[:, :gaps])
    lengths[0] **= GAP_INEQUALITY
    lengths *= np.array([[1 - share], [share]]) / lengths.sum(axis=1, keepdims=True)
    edges_s = np.rint(np.cumsum(lengths.T) * DAY_S).astype(int)
    seconds = np.zeros(DAY_S, dtype=bool)
    for start_s, end_s in zip(edges_s[::2].tolist(), edges_s[1::2].tolist(), strict=True):
        seconds[start_s:end_s] = True
    seconds = np.roll(seconds, int(row[2] * DAY_S))
    changes = np.flatnonzero(seconds[1:] != seconds[:-1]) + 1
    return Schedule.of(_intervals(bool(seconds[0]), changes.tolist()))


def _quantile(deciles: tuple[float, ...], u: float) -> float:
    """The inverse distribution function, linear between deciles."""
    return float(np.interp(u * (len(deciles) - 1), np.arange(len(deciles)), deciles))
