"""How people write: habits that are fitted to a trace, and messages that are made from them among any acquaintances.

Theory. People write in sessions: some messages to and fro, then nothing for a heavy-tailed while (Barabási, Nature
435, 2005), and both by day and by week (Jo, Karsai, Kertész, Kaski, New J. Phys. 14, 2012, separate the two so, too).
So a trace is taken apart into

    sessions of a pair      how many; how long after the end of one the next begins, in the time that activity makes
    messages of a session   how many; who writes next, the other (an answer) or the same again; after how long
    the week                how active people are in each of its 168 hours
    pairs                   the share of those with more than one message in which both write

and put together again in the same order. The clock of activity runs as fast as people write on average at that hour of
the week; pauses between sessions are lengths on that clock, so that a night is short.

Rules:

1. A session ends with a pause of more than an hour.
2. Every length has a law of its own (`laws`), chosen by AIC (`fits`). A number is a hyperexponential length rounded up,
   which is a mixture of two geometric numbers and keeps the mean.
3. Same habits, pairs and seed: same bytes. Each step has a Philox generator of its own, keyed by (seed, step).
4. Habits are aggregates; nothing of a single person is in them.

`python -m communicator_model.habits FILE` fits habits to a trace, writes again what its pairs wrote, and says how alike
the two are; with `--toml NAME` it prints the habits for `habits.toml`.
"""

import hashlib
import sys
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.random import Generator, Philox
from numpy.typing import NDArray

from communicator_model.draws import subseed
from communicator_model.fits import QUANTILES, Alike, alike, fits
from communicator_model.formats import open_trace
from communicator_model.laws import Law
from communicator_model.traces import DAY_MS, Trace, TraceError

__all__ = ["Habits", "habits_of", "known_habits", "likeness", "observe", "write_messages"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

GAP_S: Final = 3600
WEEK_S: Final = 7 * 86_400
HOURS: Final = 168
SESSION_MAX: Final = 1000
"""More messages in one session, and more sessions of a pair, are not made."""


class Habits(msgspec.Struct, frozen=True):
    """How people write; laws are of numbers, or of seconds."""

    sessions: Law
    between: Law
    messages: Law
    answer: Law
    again: Law
    answers: float
    """The share of messages within a session that the other one writes."""
    turns: float
    """The share of sessions that somebody else begins than whoever wrote last."""
    two_sided: float
    week: tuple[float, ...]
    """For each hour of the week from Thursday, 1970-01-01, how active people are; 1 on average."""


class _Parts(NamedTuple):
    """A trace taken apart. Everything is by message, in order of pair and time, or by pause before a message."""

    pair: Ints
    time_s: Ints
    sender: Ints
    is_first: Flags
    """The first of its pair."""
    is_new: Flags
    """The first of its session."""


def _apart(trace: Trace) -> _Parts:
    keys = trace.pair_keys()
    order = np.argsort(keys, kind="stable")
    pair, time_s = keys[order], trace.origin_s + trace.t_ms[order] // 1000
    is_first = np.append(True, pair[1:] != pair[:-1])
    is_new = is_first | np.append(True, np.diff(time_s) > GAP_S)
    return _Parts(pair, time_s, trace.sender[order].astype(np.int64), is_first, is_new)


class _Week:
    """The clock of activity: as fast as people write at that hour of the week."""

    def __init__(self, week: tuple[float, ...]) -> None:
        self._hours = np.arange(HOURS + 1) * 3600.0
        self._active = np.append(0.0, np.cumsum(week)) * 3600.0

    def of(self, time_s: Floats | Ints) -> Floats:
        """Return what the clock shows at a time."""
        weeks, rest = np.divmod(time_s, WEEK_S)
        shown: Floats = weeks * WEEK_S + np.interp(rest, self._hours, self._active)
        return shown

    def time(self, shown: Floats) -> Floats:
        """Return when the clock shows this."""
        weeks, rest = np.divmod(shown, WEEK_S)
        time_s: Floats = weeks * WEEK_S + np.interp(rest, self._active, self._hours)
        return time_s


def observe(trace: Trace) -> Habits:
    """Fit habits to a trace; 2 s for 60,000 messages. Raises `FitError` for one in which too little is written."""
    parts = _apart(trace)
    counted = np.bincount(parts.time_s // 3600 % HOURS, minlength=HOURS) + 1.0  # no hour is without hope
    week = tuple((counted / counted.mean()).round(4).tolist())
    clock = _Week(week)
    inside = ~parts.is_new
    pauses_s = np.append(0, np.diff(parts.time_s)) + 0.5
    changes = np.append(False, parts.sender[1:] != parts.sender[:-1])
    by_pair = np.flatnonzero(parts.is_first)
    counts = np.diff(np.append(by_pair, parts.pair.size))
    changed = np.add.reduceat(changes & ~parts.is_first, by_pair) > 0
    both = np.repeat(changed, counts)
    starts = np.flatnonzero(parts.is_new)
    ends_s = parts.time_s[np.append(starts[1:], parts.pair.size) - 1]
    resumed = np.flatnonzero(~parts.is_first[starts])
    shown = clock.of(parts.time_s[starts][resumed]) - clock.of(ends_s[resumed - 1])
    return Habits(
        sessions=_law(np.add.reduceat(parts.is_new.astype(np.int64), by_pair) - 0.5, number=True),
        between=_law(np.maximum(shown, 1.0)),
        messages=_law(np.diff(np.append(starts, parts.pair.size)) - 0.5, number=True),
        answer=_law(pauses_s[inside & changes]),
        again=_law(pauses_s[inside & ~changes]),
        answers=round(float(changes[inside & both].mean()), 4),
        turns=round(float(changes[parts.is_new & ~parts.is_first & both].mean()), 4),
        two_sided=round(float(changed[counts > 1].mean()), 4),
        week=week,
    )


def _law(lengths: Floats, *, number: bool = False) -> Law:
    law = next(fit.law for fit in fits(lengths) if not number or fit.law.family == "hyperexponential")
    return Law(law.family, tuple(float(f"{value:.6g}") for value in law.parameters))


def write_messages(habits: Habits, pairs: Ints, people: int, days: float, seed: int, name: str = "made") -> Trace:
    """Let pairs (n, 2) of people write for some days; a million pairs take some ten seconds.

    1. Each pair gets sessions, and pauses between them, which shrink where they would last for longer than that: those
       who have much to say do not wait. It begins at any time that leaves room for all of them.
    2. Each session gets messages, a writer for each, and pauses.
    3. What would be written after the end is not written.

    People keep their numbers, also those who write nothing. Raises `TraceError` if nothing is written at all.
    """
    end_s = days * 86_400
    clock = _Week(habits.week)
    start_s, pair = _sessions(habits, clock, len(pairs), end_s, seed)  # 1
    counts = _whole(habits.messages, _uniform(seed, "messages", start_s.size))  # 2
    session = np.repeat(np.arange(start_s.size), counts)
    first = np.cumsum(counts) - counts
    of_pair = pair[session]
    is_new = np.zeros(session.size, dtype=np.bool_)
    is_new[first] = True
    is_first = np.append(True, of_pair[1:] != of_pair[:-1]) if of_pair.size else is_new
    side, changes = _sides(habits, of_pair, is_first, is_new, len(pairs), seed)
    drawn = _uniform(seed, "pauses", session.size)
    pauses = np.where(changes, habits.answer.lengths(drawn), habits.again.lengths(drawn))
    pauses = np.where(is_new, 0.0, np.minimum(pauses, GAP_S))
    total = np.cumsum(pauses)
    time_s = (start_s[session] + total - total[first][session]).astype(np.int64)
    kept = time_s < end_s  # 3
    if not kept.any():
        raise TraceError(f"{len(pairs):,} pairs write nothing in {days:g} days: more pairs, or more days")
    sender, receiver = pairs[of_pair[kept], side[kept]], pairs[of_pair[kept], 1 - side[kept]]
    return _trace(name, people, time_s[kept], sender, receiver)


def _uniform(seed: int, step: str, size: int) -> Floats:
    return Generator(Philox(key=subseed(seed, "habits", step))).random(size)


def _whole(law: Law, u: Floats) -> Ints:
    return np.ceil(law.lengths(u) + 1e-9).astype(np.int64).clip(1, SESSION_MAX)


def _sessions(habits: Habits, clock: _Week, pairs: int, end_s: float, seed: int) -> tuple[Floats, Ints]:
    """Return when each session begins, and of which pair it is; in order of pair and time."""
    counts = _whole(habits.sessions, _uniform(seed, "sessions", pairs))
    pair = np.repeat(np.arange(pairs), counts)
    first = np.cumsum(counts) - counts
    pauses = habits.between.lengths(_uniform(seed, "between", pair.size))
    pauses[first] = 0.0
    total = np.cumsum(pauses)
    since = total - total[first][pair]
    whole, spans = float(clock.of(np.array([end_s]))[0]), since[first + counts - 1]
    shrunk = np.minimum(1.0, whole / np.maximum(spans, 1.0))
    begins = _uniform(seed, "begin", pairs) * np.maximum(whole - spans, 0.0)
    return clock.time(since * shrunk[pair] + begins[pair]), pair


def _sides(habits: Habits, of_pair: Ints, is_first: Flags, is_new: Flags, pairs: int, seed: int) -> tuple[Ints, Flags]:
    """Return which side of its pair writes each message, and whether that is another one than before."""
    changes = _uniform(seed, "turns", of_pair.size) < np.where(is_new, habits.turns, habits.answers)
    changes &= (_uniform(seed, "two-sided", pairs) < habits.two_sided)[of_pair]
    changes &= ~is_first
    begins = (_uniform(seed, "begins", pairs) < 0.5).astype(np.int64)
    turned = np.cumsum(changes)
    place = np.cumsum(is_first) - 1
    return (begins[of_pair] + turned - turned[np.flatnonzero(is_first)][place]) % 2, changes


def _trace(name: str, people: int, time_s: Ints, sender: Ints, receiver: Ints) -> Trace:
    order = np.argsort(time_s, kind="stable")
    columns = (time_s[order], sender[order].astype(np.int32), receiver[order].astype(np.int32))
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(column).tobytes() for column in columns)).hexdigest()
    origin_s = int(columns[0][0])
    return Trace(name, digest, people, origin_s, (columns[0] - origin_s) * 1000, columns[1], columns[2])


def likeness(trace: Trace, other: Trace, seed: int = 1) -> dict[str, Alike]:
    """Compare how two traces are written; pairs are resampled for the intervals."""
    ours, theirs = _groups(trace), _groups(other)
    return {name: alike(ours[name], theirs[name], seed) for name in ours}


def _groups(trace: Trace) -> dict[str, list[Floats]]:
    """Return what is compared, by pair."""
    parts = _apart(trace)
    pauses_s = np.append(0.0, np.diff(parts.time_s))
    changes = np.append(False, parts.sender[1:] != parts.sender[:-1])
    starts = np.flatnonzero(parts.is_new)
    lengths = np.zeros(parts.pair.size)
    lengths[starts] = np.diff(np.append(starts, parts.pair.size))
    by_pair = np.flatnonzero(parts.is_first)
    counts = np.zeros(parts.pair.size)
    counts[by_pair] = np.diff(np.append(by_pair, parts.pair.size))

    def of(values: Floats, wanted: Flags) -> list[Floats]:
        cuts = np.cumsum(np.add.reduceat(wanted.astype(np.int64), by_pair))[:-1]
        return [group for group in np.split(values[wanted], cuts) if group.size]

    return {
        "messages of a pair": of(counts, parts.is_first),
        "messages of a session": of(lengths, parts.is_new),
        "pause within a pair, s": of(pauses_s, ~parts.is_first),
        "pause between sessions, s": of(pauses_s, parts.is_new & ~parts.is_first),
        "answer within a session, s": of(pauses_s, changes & ~parts.is_new),
        "hour of the day": of((parts.time_s // 3600 % 24).astype(np.float64), np.ones(parts.pair.size, dtype=np.bool_)),
        "hour of the week": of(
            (parts.time_s // 3600 % HOURS).astype(np.float64), np.ones(parts.pair.size, dtype=np.bool_)
        ),
    }


def known_habits() -> list[str]:
    """Return the names of the habits that come with the package."""
    return sorted(_table())


def habits_of(name: str) -> Habits:
    """Return habits that come with the package; raises `TraceError` naming those that there are."""
    table = _table()
    if name not in table:
        raise TraceError(f"no habits {name!r}; there are: {', '.join(sorted(table))}")
    return table[name]


def _table() -> Mapping[str, Habits]:
    source = (files("communicator_model") / "habits.toml").read_bytes()
    return msgspec.toml.decode(source, type=dict[str, Habits])


def _toml(name: str, habits: Habits) -> str:
    """Return habits as a table of `habits.toml`."""
    lines = [f"[{name}]"]
    for field in habits.__struct_fields__:
        value = getattr(habits, field)
        if isinstance(value, Law):
            value = f'{{ family = "{value.family}", parameters = {list(value.parameters)} }}'
        elif isinstance(value, tuple):
            rows = [", ".join(map(str, value[hour : hour + 12])) for hour in range(0, len(value), 12)]
            value = "[\n" + "".join(f"    {row},\n" for row in rows) + "]"
        lines.append(f"{field} = {value}")
    return "\n".join(lines) + "\n"


def main(words: list[str]) -> None:
    """Fit habits to a trace and say how alike what they write is."""
    trace = open_trace(Path(words[0]))
    habits = observe(trace)
    if words[1:2] == ["--toml"]:
        print(_toml(words[2], habits))
        return
    made = write_messages(habits, trace.pairs().astype(np.int64), trace.people, trace.duration_ms / DAY_MS, 1)
    print(f"{trace.name}: {trace.messages:,} messages, {len(trace.pairs()):,} pairs; made: {made.messages:,} messages")
    for name in ("sessions", "between", "messages", "answer", "again"):
        law: Law = getattr(habits, name)
        print(f"  {name:<10} {law.family:<17} {', '.join(f'{value:.4g}' for value in law.parameters)}")
    print(f"  answers {habits.answers}, turns {habits.turns}, two-sided {habits.two_sided}")
    print(f"{'':28}  KS [95 %]           " + " ".join(f"{f'{100 * q:g} %':>17}" for q in QUANTILES))
    for name, found in likeness(trace, made).items():
        sides = " ".join(f"{one:>8.4g}/{other:<8.4g}" for one, other in found.quantiles)
        print(f"{name:<28}  {found.distance:.3f} [{found.low:.3f}, {found.high:.3f}]  {sides}")


if __name__ == "__main__":
    main(sys.argv[1:])
