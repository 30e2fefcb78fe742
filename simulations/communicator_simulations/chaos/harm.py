"""What is done to processes and to what they have stored: pauses, full disks, old copies, and logs that lose their end.

Theory. A fault that is only simulated shows how the simulation is survived. So each of these is done by the kernel or
to the bytes of a file, from outside, and none needs rights that the owner of the process does not have::

    a pause            SIGSTOP: not an instruction is carried out, sockets stay open, time goes on
    a full disk        a limit on the size of files that the running process gets: its next write beyond it fails with
                       EFBIG, at the same call at which a full disk says ENOSPC, and SQLite tells its caller the same
    an old database    a copy that SQLite or PostgreSQL makes while it is in use, put back after a kill
    a lost tail        the end of a write-ahead log, cut off at a commit: what the power takes with it if nobody flushes

Rules:

1. What was done is seen before it counts: a paused process is stopped, a copy is whole.
2. A process and those that it started are one: they are paused and limited together.
3. A file is exchanged only when no process has it open (`users`).
"""

import os
import resource
import signal
import sqlite3
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

from communicator_impl.backup import RecoveryKey, restore
from communicator_impl.client.vault import Vault

__all__ = [
    "HarmError",
    "children",
    "copy_postgres",
    "copy_sqlite",
    "fill",
    "free",
    "go_on",
    "lose_tail",
    "pause",
    "paused",
    "put_back_device",
    "put_back_postgres",
    "put_back_sqlite",
    "users",
]

_WITHIN_S: Final = 30.0
_LOOK_S: Final = 0.005
_BESIDE: Final = ("-wal", "-shm", "-journal")
_WAL_HEADER: Final = struct.Struct(">8I")
_FRAME_HEADER: Final = struct.Struct(">6I")
_ENDED: Final = "Z"
_STOPPED: Final = "T"


class HarmError(RuntimeError):
    """A fault that could not be done; a run without it proves nothing of it."""


# -------------------------------------------------------------------- processes


def children(process: int) -> list[int]:
    """Return the processes that a process has started and that are there."""
    found = list[int]()
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):
            found += map(int, task.read_text().split())
    return found


def _is_still(process: int) -> bool:
    return _state(process) in (_STOPPED, _ENDED, "")


def pause(process: int) -> list[int]:
    """Stop a process and its children; returns those that are stopped now."""
    stopped = list[int]()
    for one in (process, *children(process)):
        with suppress(ProcessLookupError):
            os.kill(one, signal.SIGSTOP)
            _wait(partial(_is_still, one), f"process {one} did not stop")
            stopped += [one] if _state(one) == _STOPPED else []
    return stopped


def go_on(stopped: list[int]) -> None:
    """Let processes go on."""
    for one in stopped:
        with suppress(ProcessLookupError):
            os.kill(one, signal.SIGCONT)


@contextmanager
def paused(process: int) -> Iterator[list[int]]:
    """Stop a process and its children for a while."""
    stopped = pause(process)
    try:
        yield stopped
    finally:
        go_on(stopped)


def fill(process: int, room: int = 0) -> None:
    """Let a process and its children write no file beyond so many bytes, whatever is free on the disk."""
    _limit(process, room)


def free(process: int) -> None:
    """Let them write again."""
    _limit(process, resource.RLIM_INFINITY)


def _limit(process: int, size: int) -> None:
    for one in (process, *children(process)):
        with suppress(ProcessLookupError):
            _, hard = resource.prlimit(one, resource.RLIMIT_FSIZE)
            resource.prlimit(one, resource.RLIMIT_FSIZE, (hard if size == resource.RLIM_INFINITY else size, hard))


def _state(process: int) -> str:
    """Return the letter of a process's state; empty if it is gone."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _wait(holds: Callable[[], bool], text: str) -> None:
    until = time.monotonic() + _WITHIN_S
    while not holds():
        if time.monotonic() > until:
            raise HarmError(text)
        time.sleep(_LOOK_S)


# -------------------------------------------------------------------- databases


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy a database that may be in use, as it is at one instant between two transactions."""
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)
    with closing(sqlite3.connect(target)) as whole:
        found = whole.execute("PRAGMA quick_check").fetchone()
        if found != ("ok",):
            raise HarmError(f"a copy that is not whole: {found}")


def put_back_sqlite(copy: Path, target: Path) -> None:
    """Put a copy in the place of a database that nobody has open."""
    _wait(lambda: not users(target), f"{target} is in use")
    for suffix in _BESIDE:
        target.with_name(target.name + suffix).unlink(missing_ok=True)
    fresh = target.with_name(f"{target.name}.back")
    fresh.write_bytes(copy.read_bytes())
    fresh.chmod(target.stat().st_mode & 0o777)
    fresh.replace(target)


def copy_postgres(url: str, target: Path, binaries: Path) -> None:
    """Copy a database of PostgreSQL that is in use, by its own program; `url` as libpq reads it."""
    _run(binaries / "pg_dump", "--format=custom", f"--file={target}", f"--dbname={url}")


def put_back_postgres(copy: Path, url: str, binaries: Path) -> None:
    """Put a copy in the place of a database, all at once."""
    how = ("--clean", "--if-exists", "--exit-on-error", "--single-transaction")
    _run(binaries / "pg_restore", *how, f"--dbname={url}", str(copy))


def _run(*command: str | Path) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        raise HarmError(done.stderr.strip()[-500:])


def put_back_device(copy: bytes, key: RecoveryKey, vault: Vault) -> None:
    """Put what a person backed up into a new store; the device has to say that it is restored before anything else."""
    values = restore(copy, key)
    with vault.together():
        for name, value in values.items():
            vault.save(name, value)


def users(path: Path) -> list[int]:
    """Return the processes of this user that have a file open, but this one."""
    found, wanted = list[int](), str(path)
    for process in (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()):
        if process != os.getpid() and any(_link(one) == wanted for one in _descriptors(process)):
            found.append(process)
    return found


def _descriptors(process: int) -> list[Path]:
    try:
        return list(Path(f"/proc/{process}/fd").iterdir())
    except (FileNotFoundError, PermissionError, ProcessLookupError):
        return []


def _link(descriptor: Path) -> str:
    try:
        return os.readlink(descriptor)
    except (FileNotFoundError, PermissionError, ProcessLookupError):
        return ""


# -------------------------------------------------------------------- the end of a log


def lose_tail(database: Path | str, commits: int, kept: int = 0) -> int:
    """Cut the last commits off the write-ahead log of a database that nobody has open; returns how many are lost.

    The first `kept` commits of the log stay, such as those that made the tables.

    The log is a header with two salts, and frames of a page each; a frame that ends a commit says how many pages the
    database has then, and frames with other salts are older than the log (https://www.sqlite.org/fileformat2.html).
    """
    path = Path(database).resolve()
    log = path.with_name(f"{path.name}-wal")
    if not log.is_file() or log.stat().st_size < _WAL_HEADER.size:
        return 0
    _wait(lambda: not users(path), f"{path} is in use")
    ends = _commits(log.read_bytes())
    lost = min(commits, max(0, len(ends) - kept))
    if lost:
        os.truncate(log, ends[-lost - 1] if lost < len(ends) else 0)
        path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
    return lost


def _commits(log: bytes) -> list[int]:
    """Return where each commit of a log ends, in bytes."""
    _, _, page, _, *salts, _, _ = _WAL_HEADER.unpack_from(log)
    ends, place = list[int](), _WAL_HEADER.size
    while place + _FRAME_HEADER.size + page <= len(log):
        _, pages, *found = _FRAME_HEADER.unpack_from(log, place)
        if found[:2] != salts:
            break
        place += _FRAME_HEADER.size + page
        ends += [place] if pages else []
    return ends
