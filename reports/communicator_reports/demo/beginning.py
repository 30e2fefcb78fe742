"""How a process of a demonstration begins: forked from one that has loaded the program, it becomes the program.

Rules:

1. A child begins as a fresh process of its own session does: its own folder, environment, input and output.
2. A child whose demonstration is gone, however it ended, kills itself.
3. `fault` names a function, `module:name`, that breaks the program before it runs: for tests of the demonstration.
"""

import importlib
import multiprocessing
import os
import signal
import socket
import sys
import threading
from typing import Final, NamedTuple

__all__ = ["LOADED", "Start", "begin"]

LOADED: Final = (
    "communicator_reports.cli",
    "communicator_reports.commands.rm",
    "communicator_reports.commands.serve",
    "communicator_reports.demo.beginning",
    "communicator_impl.services.host",
    "communicator_impl.client.watching",
)
"""What is loaded once."""


class Start(NamedTuple):
    """A start: the words after `communicator`, what is added to the environment, where, and the file of its log."""

    words: tuple[str, ...]
    environment: dict[str, str]
    folder: str
    log: str
    fault: str = ""


def begin(start: Start, line: socket.socket) -> None:
    """Become `communicator` with these words; `line` is its input and its output."""
    from communicator_reports.cli import main

    threading.Thread(target=_follow, daemon=True).start()
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(start.folder)
    os.environ.update(start.environment)
    log = os.open(start.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for number, source in ((0, line.fileno()), (1, line.fileno()), (2, log)):
        os.dup2(source, number)
    line.close()
    for number, mode in ((0, "r"), (1, "w"), (2, "w")):
        setattr(sys, _STREAMS[number], os.fdopen(number, mode, encoding="utf-8", closefd=False))
    sys.argv = ["communicator", *start.words]
    if start.fault:
        module, _, name = start.fault.partition(":")
        getattr(importlib.import_module(module), name)()
    try:
        main()
    finally:
        sys.stdout.flush()


_STREAMS: Final = ("stdin", "stdout", "stderr")


def _follow() -> None:
    """Die when the demonstration is gone (rule 2)."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGKILL)
