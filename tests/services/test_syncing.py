"""No success leaves before the disk was told: what the kernel saw of a service, and of one that flushes nothing."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.services.running import BARE
from tests.services.syncing import look, read

ASKED = '11 recvfrom(7<socket:[1]>, "POST /v1/accept HTTP/1.1"..., 8192, 0, NULL, NULL) = 207'
WRITTEN = '12 pwrite64(5</data/a.sqlite3-wal>, "..."..., 4096, 32) = 4096'
FLUSHED = "12 fdatasync(5</data/a.sqlite3-wal>) = 0"
ANSWERED = '11 writev(7<socket:[1]>, [{iov_base="HTTP/1.1 202 Accepted"..., iov_len=98}], 1) = 98'
BEGUN, DONE = "12 fdatasync(5</data/a.sqlite3-wal> <unfinished ...>", "12 <... fdatasync resumed>) = 0"
OFF = "from communicator_impl.services import database as d; d._PRAGMAS += ('synchronous=OFF',);"
NOT_FLUSHING = (*BARE[:2], OFF + BARE[2])


@pytest.mark.parametrize(
    ("lines", "early"),
    [
        ([ASKED, WRITTEN, FLUSHED, ANSWERED], 0),
        ([ASKED, WRITTEN, BEGUN, DONE, ANSWERED], 0),
        ([ASKED, WRITTEN, BEGUN, ANSWERED, DONE], 1),
        ([ASKED, WRITTEN, ANSWERED, FLUSHED], 1),
        ([ASKED, FLUSHED, WRITTEN, ANSWERED], 1),
        ([ASKED, WRITTEN, FLUSHED, ANSWERED, ASKED, ANSWERED], 1),
    ],
)
def test_an_early_answer_is_told_from_others(lines: list[str], early: int) -> None:
    assert read(lines).early() == early


def may_trace() -> bool:
    """Tell whether processes may be traced here: containers often forbid it."""
    if shutil.which("strace") is None or os.geteuid() != 0:
        return False
    return subprocess.run(("strace", "-o", os.devnull, "true"), capture_output=True).returncode == 0


def test_no_success_leaves_before_the_log_is_flushed(tmp_path: Path) -> None:  # SVC-8
    if not may_trace():  # then the command of `syncing` is for another machine
        return
    seen = look(tmp_path, 30)
    assert (seen.answers(), seen.early()) == (30, 0)
    broken = look(tmp_path, 30, NOT_FLUSHING)
    assert broken.answers() == 30
    assert broken.early() > 25
