"""Ports for the servers of tests: of one process alone until it ends, whichever server of it is down meanwhile.

Theory. A port that the system chooses for a moment may be somebody's a moment later: it comes from the range out of
which the system also takes the ports of clients, and whoever asks such a port of its own host may even meet itself. A
test whose server is killed and started again, or is never to answer, needs a port that stays its own.

Rules:

1. Ports are below those of clients. One of a process is held by a lock on one byte of a file, which ends with it.
2. A port at which somebody listens is nobody's, whatever the file says.
"""

import fcntl
import os
import socket
import tempfile
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Final

__all__ = ["free_port"]

_FIRST: Final = 10_000
_CLIENTS: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_FILE: Final = Path(tempfile.gettempdir()) / f"communicator-ports-{os.geteuid()}"
_STEP: Final = 211
_taken: Final = set[int]()


def free_port() -> int:
    """Return a port of the loopback address that this process has not had, and no other one of tests has."""
    end = max(int(_CLIENTS.read_text().split()[0]), 2 * _FIRST)
    begin = _FIRST + os.getpid() * _STEP % (end - _FIRST)  # so that processes rarely meet
    for port in chain(range(begin, end), range(_FIRST, begin)):
        if port not in _taken and _is_held(port):
            _taken.add(port)
            if _is_free(port):
                return port
    raise AssertionError("no port is free")


@cache
def _file() -> int:
    return os.open(_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _is_held(port: int) -> bool:
    try:
        fcntl.lockf(_file(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
