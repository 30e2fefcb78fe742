"""Ports of tests: each once, and no other process gets one while this one runs."""

import os
import socket
import subprocess
import sys
from pathlib import Path

from tests.services.ports import _CLIENTS, _is_free, free_port

ROOT = Path(__file__).parents[2]
SEARCH = """
import os
from tests.services import ports
os.getpid = lambda: {pid}  # it begins its search where the other process began
print(*(ports.free_port() for _ in range(50)))
"""


def test_a_port_is_given_once_and_to_one_process_alone() -> None:
    mine = {free_port() for _ in range(50)}
    found = subprocess.run(
        (sys.executable, "-c", SEARCH.format(pid=os.getpid())), capture_output=True, text=True, check=True, cwd=ROOT
    )
    others = set(map(int, found.stdout.split()))
    assert len(mine) == len(others) == 50
    assert not mine & others
    assert max(mine | others) < int(_CLIENTS.read_text().split()[0])


def test_a_port_that_somebody_has_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        assert not _is_free(other.getsockname()[1])
