"""Clocks of one run agree on a faster time, and one may be wrong."""

import os
import subprocess
import sys
import time

import pytest

from communicator_impl import pace
from communicator_impl.errors import InputError
from communicator_spec import ErrorClass

_S = 1_000_000_000


def test_time_goes_as_many_times_as_fast_since_an_instant() -> None:
    found = pace.parse("60@1767225600000")
    start_ns = 1767225600 * _S
    assert found.of(start_ns) == start_ns
    assert found.of(start_ns + 2 * _S) == start_ns + 120 * _S
    assert found.of(start_ns - _S) == start_ns - 60 * _S


@pytest.mark.parametrize("text", ["1@0", "60@1767225600000", "60@1767225600000+86400", "7@5-30"])
def test_a_pace_is_written_as_it_is_read(text: str) -> None:
    assert pace.parse(text).text() == text


def test_a_process_may_be_ahead_or_behind() -> None:
    assert pace.parse("10@0+30").of(_S) == 40 * _S
    assert pace.parse("10@0-30").of(_S) == -20 * _S


@pytest.mark.parametrize("text", ["", "60", "0@5", "-1@5", "60@", "60@5+", "60@5 ", "6e1@5", "٣@5", "9999999@5"])
def test_what_is_no_pace_is_refused(text: str) -> None:
    with pytest.raises(InputError) as refused:
        pace.parse(text)
    assert refused.value.error_class is ErrorClass.MALFORMED


def test_without_the_variable_time_is_the_machines() -> None:
    before_ns = time.time_ns()
    assert before_ns <= pace.now_ns() <= time.time_ns()
    assert pace.real_s(2.0) == 2.0


def test_a_process_follows_the_variable() -> None:
    since_ms = time.time_ns() // 1_000_000
    script = "from communicator_impl import pace; print(pace.now_ms(), pace.real_s(60.0))"
    environment = {**os.environ, pace.VARIABLE: f"60@{since_ms}+3600"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    now_ms, real_s = done.stdout.split()
    passed_ms = time.time_ns() // 1_000_000 - since_ms
    assert 3_600_000 <= int(now_ms) - since_ms <= 3_600_000 + 60 * passed_ms
    assert float(real_s) == 1.0
