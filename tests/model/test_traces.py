"""Message traces: reading, numbering, cutting, and saying which line is wrong."""

import hashlib
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from communicator_model.synthetic import synthesise
from communicator_model.traces import Trace, TraceError, find_trace, load_trace

ROOT = Path(__file__).parents[2]
LIVELY = "9 4 100\n4 9 160\n9 7 220\n# a comment\n\n7 9 220\n5 6 90000\n"


@pytest.fixture
def write(tmp_path: Path) -> Path:
    return tmp_path / "trace.txt"


def of(text: str, path: Path) -> Trace:
    path.write_text(text)
    return load_trace(path)


def same(a: Trace, b: Trace) -> bool:
    return (a.people, a.origin_s) == (b.people, b.origin_s) and all(
        np.array_equal(x, y) for x, y in ((a.t_ms, b.t_ms), (a.sender, b.sender), (a.receiver, b.receiver))
    )


def test_people_are_numbered_in_order_of_first_appearance(write: Path) -> None:
    trace = of(LIVELY, write)
    assert trace.people == 5
    assert trace.sender.tolist() == [0, 1, 0, 2, 3]
    assert trace.receiver.tolist() == [1, 0, 2, 0, 4]
    assert trace.t_ms.tolist() == [0, 60_000, 120_000, 120_000, 89_900_000]
    assert (trace.origin_s, trace.messages, trace.duration_ms) == (100, 5, 89_900_000)
    assert trace.pairs().tolist() == [[0, 1], [0, 2], [3, 4]]


def test_digest_is_that_of_the_file(write: Path) -> None:
    assert of(LIVELY, write).digest == hashlib.sha256(LIVELY.encode()).hexdigest()


def test_columns_are_read_only_and_have_their_types(write: Path) -> None:
    trace = of(LIVELY, write)
    assert [x.dtype for x in (trace.t_ms, trace.sender, trace.receiver)] == ["i8", "i4", "i4"]
    with pytest.raises(ValueError, match="read-only"):
        trace.t_ms[0] = 1


@given(st.permutations(range(5)))
def test_order_of_lines_matters_within_a_second_only(order: list[int]) -> None:
    rows = np.array([(1, 2, 10), (2, 1, 20), (3, 1, 30), (2, 3, 40), (1, 3, 50)])
    expected = Trace.of("x", "", rows[:, 2], rows[:, 0], rows[:, 1])
    shuffled = rows[order]
    assert same(expected, Trace.of("x", "", shuffled[:, 2], shuffled[:, 0], shuffled[:, 1]))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "no message in it"),
        ("# only a comment\n", "no message in it"),
        ("1 2 3\n1 2\n", "line 2: 2 fields instead of 3"),
        ("1 2 3 4\n", "line 1: 4 fields instead of 3"),
        ("1 2 3\n\n1 x 3\n", "line 3: 'x' is not an integer"),
        ("1 2 3.5\n", "line 1: '3.5' is not an integer"),
        ("1 2 1_000\n", "line 1: '1_000' is not an integer"),
        ("1 2 3\n1 2 -3\n", "line 2: -3 is negative"),
        ("-1 2 3\n", "line 1: -1 is negative"),
        ("1 2 3\n5 5 4\n", "line 2: 5 writes to itself"),
        ("1 2 3\n1 2 9999999999999\n", "line 2: time 9999999999999 is beyond"),
        ("1 99999999999999999999 3\n", "line 1: id 99999999999999999999 is beyond"),
        ("1 2 " + "9" * 5000 + "\n", "line 1: more than 100 bytes"),
        ("1 2 \x00\n", "line 1: '\\x00' is not an integer"),
    ],
)
def test_bad_file_is_refused_with_its_line(text: str, fault: str, write: Path) -> None:
    with pytest.raises(TraceError) as caught:
        of(text, write)
    assert str(write) in str(caught.value)
    assert fault in str(caught.value)


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=r"missing\.txt: cannot be read \(No such file"):
        load_trace(tmp_path / "missing.txt")
    with pytest.raises(TraceError, match="cannot be read"):
        load_trace(tmp_path)


def test_absurd_size_is_refused_before_it_is_read(write: Path) -> None:
    with write.open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(TraceError, match="1,073,741,824 bytes, more than"):
        load_trace(write)


def test_restricted_trace_is_small_lively_and_repeatable() -> None:
    trace = synthesise(5, people=400, messages=8000, days=60)
    small = trace.restrict(people=40, days=5)
    assert small.people == 40
    assert 0 < small.duration_ms <= 5 * 86_400_000
    assert small.t_ms[0] == 0
    assert (np.diff(small.t_ms) >= 0).all()
    # Forty random people in a random window would share 8000 * (5 / 60) * (40 / 400)² ≈ 7.
    assert small.messages > 100
    assert nx.is_connected(nx.Graph(small.pairs().tolist()))
    assert same(small, trace.restrict(people=40, days=5))


def test_restricting_to_everything_changes_nothing() -> None:
    trace = synthesise(5, people=50, messages=400, days=9)
    assert same(trace, trace.restrict())
    assert same(trace, trace.restrict(people=50, days=9))


def test_window_is_the_densest_one(write: Path) -> None:
    days = [0, 10, 20, 20.2, 20.4, 30, 30.9]
    text = "".join(f"1 2 {round(day * 86_400)}\n" for day in days)
    cut = of(text, write).restrict(days=1)
    assert cut.t_ms.tolist() == [0, 17_280_000, 34_560_000]
    assert cut.origin_s == 20 * 86_400


def test_quiet_people_fill_up_a_wish_for_more_than_the_window_has(write: Path) -> None:
    cut = of(LIVELY, write).restrict(people=4, days=0.5)
    assert (cut.people, cut.messages) == (4, 4)
    assert 3 not in np.concatenate((cut.sender, cut.receiver))


@pytest.mark.parametrize(
    ("people", "days", "fault"),
    [
        (6, None, "6 people wished, but the trace has 5"),
        (1, None, "1 people cannot write to each other"),
        (None, 0.0, "a window of 0.0 days is empty"),
        (None, float("nan"), "a window of nan days is empty"),
    ],
)
def test_impossible_wish_is_refused(people: int | None, days: float | None, fault: str, write: Path) -> None:
    with pytest.raises(TraceError, match=fault):
        of(LIVELY, write).restrict(people, days)


def test_explicit_path_goes_first_and_must_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMUNICATOR_DATA", str(tmp_path / "elsewhere"))
    (tmp_path / "mine.txt").touch()
    assert find_trace(tmp_path / "mine.txt") == tmp_path / "mine.txt"
    with pytest.raises(TraceError, match="give an existing one, or none for synthetic data"):
        find_trace(tmp_path / "other.txt")


def test_data_folder_goes_second_and_must_hold_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMUNICATOR_DATA", str(tmp_path))
    with pytest.raises(TraceError, match=r"collegemsg\.txt: .*unset COMMUNICATOR_DATA"):
        find_trace()
    (tmp_path / "collegemsg.txt").touch()
    assert find_trace() == tmp_path / "collegemsg.txt"


def test_shared_folder_beside_goes_third_and_need_not_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMMUNICATOR_DATA", raising=False)
    (tmp_path / "repository").mkdir()
    monkeypatch.chdir(tmp_path / "repository")
    assert find_trace() is None
    (tmp_path / "shared" / "data").mkdir(parents=True)
    (tmp_path / "shared" / "data" / "collegemsg.txt").touch()
    found = find_trace()
    assert found is not None
    assert found.exists()


def test_real_trace_has_its_published_size_if_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    path = find_trace()
    trace = load_trace(path) if path else synthesise(1)
    assert (trace.people, trace.messages, len(trace.pairs())) == (1_899, 59_835, 13_838)
    assert 193 < trace.duration_ms / 86_400_000 < 194
    assert trace.restrict(people=200, days=5).messages > 1_500
