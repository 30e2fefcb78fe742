"""Disks that take nothing: small ones, full ones, and such as can only be read."""

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.patience import eventually
from tests.services.running import Service
from tests.services.running import status as answered


def mounted(folder: Path, size: str = "64m") -> bool:
    """Mount an empty file system in memory; False where that is not allowed."""
    folder.mkdir(exist_ok=True)
    command = ("mount", "-t", "tmpfs", "-o", f"size={size},mode=0777", "tmpfs", str(folder))
    return os.geteuid() == 0 and subprocess.run(command, capture_output=True).returncode == 0


def fill(service: Service, size: int) -> None:
    """Let the processes of a service write no file beyond a size."""
    limit(service.pid, size)


def limit(process: int, size: int, user: str | None = None) -> None:
    """Let a process of a user, and those it has started, write no file beyond a size (-1: of any)."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    for one in (process, *map(int, children)):  # a process that has ended meanwhile has no limit
        subprocess.run(("prlimit", f"--pid={one}", f"--fsize={size}:"), user=user, capture_output=True)


@contextmanager
def refused(service: Service) -> Iterator[str]:
    """Have each write of a running service refused; yields how."""
    files = [str(path) for path in service.folder.glob("*.sqlite3*")]
    assert len(files) >= 3, files
    way = "immutable" if _immutable("+i", files) else "no bytes"
    if way == "no bytes":
        fill(service, 0)
    try:
        yield way
    finally:
        if way == "immutable":
            assert _immutable("-i", files)
        else:
            fill(service, resource.RLIM_INFINITY)


def _immutable(change: str, files: list[str]) -> bool:
    """Make files immutable, or not; False where that cannot be done, or what is open is written all the same."""
    if shutil.which("chattr") is None:
        return False
    probe = Path(files[0]).with_name("probe")
    with probe.open("wb", buffering=0) as opened:
        done = subprocess.run(("chattr", change, *files, str(probe)), capture_output=True).returncode == 0
        try:
            opened.write(b"?")
            writes = True
        except PermissionError:
            writes = False
    subprocess.run(("chattr", "-i", str(probe)), capture_output=True)
    probe.unlink()
    if change == "+i" and writes:
        subprocess.run(("chattr", "-i", *files), capture_output=True)
    return done and writes == (change == "-i")


def until_ready_is(service: Service, status: int) -> None:
    """Wait until readiness says something."""
    seen = eventually(lambda: answered(service.operations_port, "/health/ready"), lambda found: found == status)
    assert seen == status, service.log.read_text()
