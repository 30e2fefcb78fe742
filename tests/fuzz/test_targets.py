"""Every parser, held to its promise: any bytes, changed encodings, what asks for too much, and what was once found."""

import tracemalloc
from functools import cache
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzz.mutations import hostile, mutate
from tests.fuzz.planted import PLANTED, plant
from tests.fuzz.table import TARGETS
from tests.fuzz.target import judge

CORPUS = Path(__file__).parent / "corpus"
KEPT = sorted(path for path in CORPUS.rglob("*") if path.is_file())
SLOW = {
    "backup-inside",
    "blinded",
    "deposited",
    "issued",
    "meet-answer",
    "meet-greeting",
    "received",
    "restart-received",
}
MEMORY = 4 << 20
"""Bytes that reading may take beside what the input takes sixty times over: a small integer in a list takes forty."""


@cache
def seeds(name: str) -> tuple[bytes, ...]:
    return tuple(TARGETS[name].seeds())


@settings(max_examples=20)
@given(data=st.binary(max_size=300))
@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes_are_read_or_refused(name: str, data: bytes) -> None:
    judge(TARGETS[name], data)


@settings(max_examples=20)
@given(seed=st.integers(0, (1 << 32) - 1))
@pytest.mark.parametrize("name", TARGETS)
def test_changed_encodings_are_read_or_refused(name: str, seed: int) -> None:
    draw = Random(seed)
    for _ in range(1 if name in SLOW else 5):
        judge(TARGETS[name], mutate(TARGETS[name].form, draw.choice(seeds(name)), draw))


@pytest.mark.parametrize("name", TARGETS)
def test_what_asks_for_much_gets_little(name: str) -> None:
    judge(TARGETS[name], seeds(name)[0])  # what is made once is made
    for data in hostile(TARGETS[name].form):
        tracemalloc.start()
        try:
            judge(TARGETS[name], data)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < MEMORY + 60 * len(data), data[:20]


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_was_found_once_is_not_found_again(path: Path) -> None:
    judge(TARGETS[path.parent.name], path.read_bytes())


def test_there_is_something_to_remember() -> None:
    assert len(KEPT) >= 15


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_found_by_changes(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    target = TARGETS[plant(fault, monkeypatch.setattr).target]
    finds = 0
    for seed in range(300):  # as many changes as the test above makes
        draw = Random(seed)
        try:
            judge(target, mutate(target.form, draw.choice(seeds(target.name)), draw))
        except Exception:
            finds += 1
    assert finds
    monkeypatch.undo()
    assert all(judge(target, data) in (True, False) for data in seeds(target.name))
