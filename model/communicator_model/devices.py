"""Devices beside the published day schedules: longer traces, fitted on/off processes, and several devices of a person.

    Cycle      on-intervals of any period, repeated: a trace of some days, or a process drawn for as long
    Several    the devices of one person: reachable when any of them is

FLASH (Yang et al., WWW 2021; as FLHetBench publishes it) saw 1,000 phones for 1 to 10 days, and noted when each was
locked, on Wi-Fi and charging at once. That is when it may train, a tenth of the time, and so a lower bound of when
it can be reached: who uses it studies people who are hardly ever there. Its file states no licence; it is read where it
lies.

A process on and off in turn is fitted to the intervals of a set of phones: each kind of length has the law (`laws`)
that AIC prefers. What is lost is whatever links intervals: hours of the day, and that phones differ.

`python -m communicator_model.devices FOLDER` fits processes to the published phones of a folder.

Rules:

1. Several devices of a person are one relationship manager that is reachable when any of them is. The standard has one
   device in a relationship; what several of them would tell each other is not modelled.
2. Phones and processes are drawn by Philox generators, keyed by (seed, purpose).
"""

import hashlib
import sys
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, Self

import msgspec
import numpy as np
from numpy.random import Generator, Philox
from numpy.typing import NDArray

from communicator_model.draws import subseed
from communicator_model.fits import Fit, fits
from communicator_model.laws import Law
from communicator_model.phones import DAY_MS, PhoneError, Phones, Schedule
from communicator_model.traces import file_bytes

__all__ = ["FLASH_FILE", "Cycle", "OnOff", "Several", "flash", "on_off", "renewal", "several"]

FLASH_FILE: Final = "phones/flash_timers.json"
_DAYS: Final = 28
_LEAST_DAYS: Final = 1.0

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cycle(Schedule):
    """Online in [starts_ms[i], ends_ms[i]) of every period; the last interval is the first one of the next."""

    period_ms: int

    @classmethod
    def over(cls, intervals_ms: Sequence[tuple[int, int]], period_ms: int) -> Self:
        """Build from intervals within one period, in order and apart; raises `PhoneError` if they are not."""
        flat = [edge for interval in intervals_ms for edge in interval]
        rising = all(a < b for a, b in intervals_ms) and flat == sorted(flat)
        if not flat or not rising or flat[0] < 0 or flat[-1] > period_ms:
            raise PhoneError("on-intervals must be at least one, rising, and within the period")
        starts, ends = flat[::2], flat[1::2]
        return cls((*starts, starts[0] + period_ms), (*ends, ends[0] + period_ms), period_ms)

    def next_online(self, t_ms: int) -> int:
        """The first time from `t_ms` on at which the phone is online; `t_ms` itself when it is."""
        rest_ms = t_ms % self.period_ms
        wait_ms = self.starts_ms[bisect_right(self.ends_ms, rest_ms)] - rest_ms
        return t_ms + wait_ms if wait_ms > 0 else t_ms

    @property
    def online_share(self) -> float:
        """The part of the period in which the phone is online."""
        return (sum(self.ends_ms[:-1]) - sum(self.starts_ms[:-1])) / self.period_ms


@dataclass(frozen=True, slots=True)
class Several(Schedule):
    """Some devices; its own intervals are those of the first."""

    devices: tuple[Schedule, ...]

    @classmethod
    def of_all(cls, devices: Sequence[Schedule]) -> Self:
        """Put devices together."""
        return cls(devices[0].starts_ms, devices[0].ends_ms, tuple(devices))

    def next_online(self, t_ms: int) -> int:
        """The first time from `t_ms` on at which any of them is online."""
        return min(device.next_online(t_ms) for device in self.devices)

    @property
    def online_share(self) -> float:
        """The part of four weeks in which any of them is online, to the minute."""
        minutes = range(0, 28 * DAY_MS, 60_000 * 7)  # a number of steps that is no part of a day
        return sum(self.next_online(t_ms) == t_ms for t_ms in minutes) / len(minutes)


class _Watched(msgspec.Struct, frozen=True):
    """A phone of FLASH, in seconds."""

    isSuccess: bool
    trace_start: float | None = None
    trace_end: float | None = None
    ready_time: tuple[tuple[float, float], ...] = ()


def flash(path: Path) -> Phones:
    """Read the phones of FLASH that were watched for a day or more, and were ready at all; 0.1 s.

    A moment without length counts as a second. Raises `PhoneError` for a file that is something else.
    """
    data = file_bytes(path)
    try:
        phones = msgspec.json.decode(data, type=dict[str, _Watched])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PhoneError(f"{path}: {error}") from None
    watched = [_cycle(path, name, phone) for name, phone in phones.items() if phone.isSuccess]
    schedules = tuple(schedule for schedule in watched if schedule is not None)
    if not schedules:
        raise PhoneError(f"{path}: no phone in it that was watched for a day")
    return Phones("FLASH", hashlib.sha256(data).hexdigest(), schedules)


def _cycle(path: Path, name: str, phone: _Watched) -> Cycle | None:
    if phone.trace_start is None or phone.trace_end is None:
        raise PhoneError(f"{path}: phone {name} was watched, and nothing says when")
    period_ms = round(1000 * (phone.trace_end - phone.trace_start))
    if period_ms < _LEAST_DAYS * DAY_MS:
        return None
    merged: list[list[int]] = []
    for start_s, end_s in phone.ready_time:
        start, end = (round(1000 * (t - phone.trace_start)) for t in (start_s, end_s))
        if end < start or (merged and start < merged[-1][0]):
            raise PhoneError(f"{path}: the intervals of phone {name} are not in order")
        start, end = max(0, start), min(max(end, start + 1000), period_ms)
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
        elif start < end:
            merged.append([start, end])
    return Cycle.over([(start, end) for start, end in merged], period_ms) if merged else None


class OnOff(NamedTuple):
    """A process on and off in turn; laws of milliseconds."""

    on: Law
    off: Law


def on_off(phones: Phones) -> tuple[list[Fit], list[Fit]]:
    """Fit laws to the times on and off of a set of phones, in ms, the best first. Nights are off as they come."""
    on: list[int] = []
    off: list[int] = []
    for schedule in phones.schedules:
        on += [end - start for start, end in zip(schedule.starts_ms[:-1], schedule.ends_ms[:-1], strict=True)]
        off += [b - a for a, b in zip(schedule.ends_ms[:-1], schedule.starts_ms[1:], strict=True) if b > a]
    return fits(np.array(on, dtype=np.float64)), fits(np.array(off, dtype=np.float64))


def renewal(process: OnOff, seed: int, count: int = 546, days: int = _DAYS) -> Phones:
    """Draw phones from a process; each is repeated after `days`. It begins at a moment of a long on or off time."""
    period_ms, mean_ms = days * DAY_MS, process.on.mean + process.off.mean
    turns = int(2 * period_ms / mean_ms) + 64
    schedules = tuple(_drawn(process, seed, number, period_ms, turns) for number in range(count))
    digest = hashlib.sha256(repr(schedules).encode()).hexdigest()
    return Phones(f"on and off (seed {seed})", digest, schedules)


def _drawn(process: OnOff, seed: int, number: int, period_ms: int, turns: int) -> Cycle:
    draws = Generator(Philox(key=subseed(seed, "on and off", number))).random((2, turns))
    lengths = np.column_stack((process.off.lengths(draws[0]), process.on.lengths(draws[1]))).ravel()
    edges = np.cumsum(np.maximum(lengths, 1000.0)).astype(np.int64)
    begin = int(edges[1] * draws[0, 0]) if edges[-1] > 2 * period_ms else 0
    starts, ends = edges[::2] - begin, edges[1::2] - begin
    inside = (ends > 0) & (starts < period_ms)
    intervals = [
        (max(0, int(start)), min(int(end), period_ms)) for start, end in zip(starts[inside], ends[inside], strict=True)
    ]
    return Cycle.over(intervals or [(0, 1000)], period_ms)


def several(phones: Phones, seed: int, second: float, third: float = 0.0) -> Phones:
    """Return phones of which a share `second` are two devices of one person, and of those a share `third` are three."""
    pool, size = phones.schedules, max(len(phones), 1000)
    draws = Generator(Philox(key=subseed(seed, "several devices"))).random((size, 4))
    made: list[Schedule] = []
    for number, (two, three, other, another) in enumerate(draws.tolist()):
        devices = [pool[number % len(pool)]]
        if two < second:
            devices.append(pool[int(other * len(pool))])
            if three < third:
                devices.append(pool[int(another * len(pool))])
        made.append(Several.of_all(devices) if len(devices) > 1 else devices[0])
    digest = hashlib.sha256(repr((phones.digest, seed, second, third)).encode()).hexdigest()
    return Phones(f"{phones.name}, of which {100 * second:g} % with a second device", digest, tuple(made))


def main(words: list[str]) -> None:
    """Say which laws fit the published phones, and how well."""
    folder = Path(words[0])
    for phones in (Phones.load(folder), flash(folder / Path(FLASH_FILE).name)):
        print(f"{phones.name}: {len(phones)} phones, online {100 * phones.online_share:.1f} % of the time")
        for what, found in zip(("on", "off"), on_off(phones), strict=True):
            for fit in found:
                values = ", ".join(f"{value:.4g}" for value in fit.law.parameters)
                mean_min = fit.law.mean / 60_000
                print(f"  {what:<4} {fit.law.family:<17} AIC {fit.aic:>11,.0f}  KS {fit.distance:.3f}"
                      f"  mean {mean_min:,.1f} min  ({values})")  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:])
