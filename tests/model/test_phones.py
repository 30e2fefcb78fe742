"""Phones: when they are reachable, against an oracle that walks second by second."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from communicator_model.phones import SETS, PhoneError, Phones, Schedule, find_phones

ROOT = Path(__file__).parents[2]
DAY_S = 86_400
DAY_MS = DAY_S * 1000

days = st.lists(st.integers(0, DAY_S), min_size=2, max_size=24, unique=True).map(
    lambda seconds: list(zip(*[iter(sorted(seconds))] * 2, strict=False))
)


def line(intervals_s: list[tuple[int, int]]) -> bytes:
    seconds = bytearray(b"0" * DAY_S)
    for start_s, end_s in intervals_s:
        seconds[start_s:end_s] = b"1" * (end_s - start_s)
    return bytes(seconds)


def oracle(seconds: bytes, t_ms: int) -> int:
    """Walk from second to second until one is on."""
    second = t_ms // 1000
    while seconds[second % DAY_S] != ord("1"):
        second += 1
    return max(t_ms, second * 1000)


def save(folder: Path, *lines: bytes, end: bytes = b"") -> Path:
    with gzip.open(folder / "schedules_gen_os15.txt.gz", "wb", 1) as file:
        file.write(b"\n".join(lines) + end)
    return folder


@given(days, st.integers(0, 3 * DAY_MS))
@example([(0, DAY_S)], DAY_MS - 1)
@example([(0, 1)], 1000)
@example([(DAY_S - 1, DAY_S)], 0)
@example([(0, 5), (DAY_S - 5, DAY_S)], 2 * DAY_MS)
def test_next_online_agrees_with_walking(intervals_s: list[tuple[int, int]], t_ms: int) -> None:
    found = Schedule.of(intervals_s).next_online(t_ms)
    assert found == oracle(line(intervals_s), t_ms)
    assert type(found) is int


@given(days, st.integers(0, 3 * DAY_MS), st.integers(0, DAY_MS))
def test_next_online_is_its_own_answer_and_never_goes_back(
    intervals_s: list[tuple[int, int]], t_ms: int, later_ms: int
) -> None:
    schedule = Schedule.of(intervals_s)
    found = schedule.next_online(t_ms)
    assert t_ms <= found < t_ms + DAY_MS
    assert schedule.next_online(found) == found
    assert schedule.next_online(t_ms + DAY_MS) == found + DAY_MS
    assert schedule.next_online(t_ms + later_ms) >= found


@pytest.mark.parametrize("intervals_s", [[], [(5, 5)], [(5, 4)], [(-1, 4)], [(0, DAY_S + 1)], [(0, 9), (8, 10)]])
def test_intervals_that_are_no_day_are_refused(intervals_s: list[tuple[int, int]]) -> None:
    with pytest.raises(PhoneError):
        Schedule.of(intervals_s)


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_file_becomes_intervals(tmp_path: Path, end: bytes) -> None:
    phones: list[list[tuple[int, int]]] = [
        [(0, DAY_S)],
        [(0, 1), (2, 3), (DAY_S - 1, DAY_S)],
        [(7, 9)],
    ]
    loaded = Phones.load(save(tmp_path, *map(line, phones), end=end))
    assert loaded.schedules == tuple(Schedule.of(phone) for phone in phones)
    assert [schedule.intervals for schedule in loaded.schedules] == [1, 3, 1]
    assert loaded.schedules[0].online_share == 1


def test_phone_that_is_never_on_is_left_out(tmp_path: Path) -> None:
    off, on = line([]), line([(3, 4)])
    loaded = Phones.load(save(tmp_path, off, on, off))
    assert loaded.schedules == (Schedule.of([(3, 4)]),)
    with pytest.raises(PhoneError, match="no phone is ever online"):
        Phones.load(save(tmp_path, off))


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ([b""], "no phone in it"),
        ([line([(0, 9)]), b"0101"], "line 2: 4 characters instead of 86,400"),
        ([line([(0, 9)]) + b"1"], "line 1: 86,401 characters"),
        ([line([(0, 9)]), line([(0, 9)])[:-1] + b"2"], "line 2: '2' is neither 0 nor 1"),
        ([line([(0, 9)])[:-1] + b"\n", line([(0, 9)])], "line 1: 86,399 characters"),
    ],
)
def test_bad_file_is_refused_with_its_line(tmp_path: Path, lines: list[bytes], fault: str) -> None:
    with pytest.raises(PhoneError, match=fault):
        Phones.load(save(tmp_path, *lines))


def test_missing_and_broken_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PhoneError, match=r"os15\.txt\.gz: cannot be read"):
        Phones.load(tmp_path)
    packed = save(tmp_path, line([(0, 9)])) / "schedules_gen_os15.txt.gz"
    packed.write_bytes(packed.read_bytes()[:-9])
    with pytest.raises(PhoneError, match="broken"):
        Phones.load(tmp_path)


def test_same_seed_same_phones_and_other_seed_others() -> None:
    one, again, other = (Phones.synthetic(seed, 50) for seed in (1, 1, 2))
    assert one == again
    assert one.digest != other.digest
    assert one.schedules != other.schedules


def test_more_phones_leave_the_first_ones_as_they_are() -> None:
    assert Phones.synthetic(3, 40).schedules[:15] == Phones.synthetic(3, 15).schedules


def waits_min(phones: Phones) -> float:
    """The mean wait for a phone from any half hour of the day."""
    times = range(0, DAY_MS, 1_800_000)
    return float(np.mean([s.next_online(t) - t for s in phones.schedules for t in times])) / 60_000


def test_synthetic_phones_have_the_aggregates_of_the_published_ones() -> None:
    phones = Phones.synthetic(7, 2000)
    shares = [schedule.online_share for schedule in phones.schedules]
    assert np.quantile(shares, [0.25, 0.5, 0.75]) == pytest.approx([0.61, 0.96, 0.98], rel=0.05)
    assert phones.online_share == pytest.approx(0.80, rel=0.05)
    intervals = [schedule.intervals for schedule in phones.schedules]
    assert np.mean(intervals) == pytest.approx(5.16, rel=0.15)
    assert np.median(intervals) == 4
    assert waits_min(phones) == pytest.approx(27.4, rel=0.15)


def test_no_phones_are_refused() -> None:
    with pytest.raises(PhoneError, match="reach nobody"):
        Phones.synthetic(1, 0)


def test_published_phones_read_as_described_if_they_are_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    folder = find_phones()
    phones = Phones.load(folder) if folder else Phones.synthetic(1, 546)
    assert len(phones) == 546
    assert phones.online_share == pytest.approx(0.80, rel=0.03)
    assert waits_min(phones) == pytest.approx(27.4, rel=0.2)


def test_all_published_sets_span_the_described_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    folder = find_phones()
    ends = [Phones.load(folder, [name]) for name in (SETS[0], SETS[-1])] if folder else []
    assert [round(phones.online_share, 2) for phones in ends] in ([], [0.37, 0.93])


def test_explicit_folder_of_phones_must_exist(tmp_path: Path) -> None:
    assert find_phones(tmp_path) == tmp_path
    with pytest.raises(PhoneError, match="give an existing one"):
        find_phones(tmp_path / "phones")
