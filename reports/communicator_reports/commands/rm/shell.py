"""`communicator rm shell`: stay, print what arrives, and take the other commands as lines.

Theory. A store serves one program at a time, so a device that stays has to do what its owner types as well. Each line
is a command of `communicator rm` without its first two words; it runs on the device that is open, between two passes,
in the thread that works on the store (`watching`, rule 1).

With `--json` a program can sit in front of it. Each line of the output is one JSON value:

    {"from": "Ann", "number": 0, "text": "hello"}                     something arrived
    {"line": "say Ann 'hello'", "code": 0, "output": "…"}             a command ended; code as that of the program
"""

import io
import json
import shlex
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from queue import Empty, SimpleQueue
from typing import Final, NamedTuple

import typer

from communicator_impl.client import Device
from communicator_impl.errors import CommunicatorError
from communicator_reports.commands import options
from communicator_reports.commands.rm.meeting import STORE
from communicator_reports.commands.rm.opening import KeyFileOption, Store, holding, opened
from communicator_reports.commands.rm.showing import plain, said

__all__ = ["shell"]

_APART: Final = ("shell", "watch", "init", "restore")
"""Commands that need a store of their own."""


def shell(store: Store = STORE, key_file: KeyFileOption = None, as_json: options.Json = False) -> None:
    """Stay, print messages as they arrive, and take commands as lines, until the input ends or Ctrl-C.

    Example:

      communicator rm shell

      say Ben 'see you at eight'
    """
    from communicator_impl.client.watching import Watch

    with opened(store, key_file) as device, holding(device):
        lines, watch, news = SimpleQueue[str](), Watch(device), _News(device)

        def between() -> None:
            for arrival in news.arrivals():
                _print(arrival.plain() if as_json else arrival.text())
            for line in _waiting(lines):
                done = _done(line)
                _print(json.dumps(done._asdict()) if as_json else done.output)

        def read() -> None:
            for line in sys.stdin:
                lines.put(line)
                watch.nudge()
            watch.stop()

        threading.Thread(target=read, daemon=True).start()
        watch.run(between)
        between()


class _Done(NamedTuple):
    line: str
    code: int
    output: str


class _Arrival(NamedTuple):
    name: str
    number: int
    said: str

    def plain(self) -> str:
        return json.dumps({"from": self.name, "number": self.number, "text": self.said})

    def text(self) -> str:
        return f"{time.strftime('%H:%M:%S')}  {self.name}: {self.said}"


class _News:
    """What has arrived since it was asked last."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._told = {
            (r, n) for r in device.core.relationships() for own, n, _ in device.history.messages(r) if not own
        }

    def arrivals(self) -> Iterator[_Arrival]:
        for relationship in self._device.history.people():
            for own, number, message in self._device.history.messages(relationship):
                if not own and (relationship, number) not in self._told:
                    self._told.add((relationship, number))
                    yield _Arrival(plain(self._device.history.called(relationship)), number, said(message))


def _waiting(lines: SimpleQueue[str]) -> Iterator[str]:
    while True:
        try:
            line = lines.get_nowait().strip()
        except Empty:
            return
        if line:
            yield line


def _done(line: str) -> _Done:
    """Run one line as a command; whatever is wrong with it is said, and the shell goes on."""
    from communicator_reports.commands.rm import app

    output, errors = io.StringIO(), io.StringIO()
    try:
        words = shlex.split(line)
        if words[:1] and words[0] in _APART:
            return _Done(line, 2, f"{words[0]} is a program of its own")
        with redirect_stdout(output), redirect_stderr(errors):
            typer.main.get_command(app).main(words, "communicator rm")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
        return _Done(line, code, (output.getvalue() or errors.getvalue()).rstrip())
    except CommunicatorError as error:
        return _Done(line, 2, error.detail or str(error))
    except (ValueError, OSError) as error:  # a quotation mark that is not closed; a file
        return _Done(line, 2, str(error))
    return _Done(line, 0, output.getvalue().rstrip())


def _print(line: str) -> None:
    if line:
        print(line, flush=True)
