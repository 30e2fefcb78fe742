"""The command in a terminal of its own, with a real service: what it sends to the terminal, and what is left behind."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
from tests.client.two_people import KEY, closing, device, go_on, texts
from tests.patience import PATIENCE_S, eventually
from tests.reports.terminal.picture import PICTURE
from tests.services.running import Service

ALTERNATE_SCREEN = b"\x1b[?1049h"
OWN = (
    "import fcntl, signal, termios; "
    "signal.signal(signal.SIGHUP, signal.SIG_IGN); fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
)
"""Makes the terminal that of the session, and ignores that it goes."""
COLOURS = re.compile(rb"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9[0-7])(?:;\d+)*m")


class Window:
    """A terminal of 100 columns and 30 lines, and the command in it; one that `ignores_hangup` as with `nohup`."""

    def __init__(self, store: Path, key_file: Path, *, ignores_hangup: bool = False) -> None:
        main = (OWN if ignores_hangup else "") + "from communicator_reports.cli import main; main()"
        words = ["rm", "open", "--store", str(store), "--key-file", str(key_file)]
        size = {"COLUMNS": "100", "LINES": "30"}  # what others of this process have set goes before the terminal's own
        environment = {**os.environ, **size, "NO_COLOR": "1", "TERM": "xterm-256color"}
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-c", main, *words], stdin=theirs, stdout=theirs, stderr=theirs, env=environment,
            start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self.output = bytearray()
        self._ours_is_wanted, self._closing = os.pipe()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        while True:
            found, _, _ = select.select([self._ours, self._ours_is_wanted], [], [])
            if self._ours_is_wanted in found:
                return
            try:
                self.output += os.read(self._ours, 1 << 16)
            except OSError:  # the other end is closed
                return

    def vanish(self) -> None:
        """Close the terminal: nothing comes from it any more, and nothing that is written to it goes anywhere."""
        if self._closing >= 0:
            os.close(self._closing)
            self._closing = -1
            self._reader.join()
            os.close(self._ours_is_wanted)
            os.close(self._ours)

    def press(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def sees(self, words: str) -> None:
        # A service that did not answer in time, on a slow machine, is left alone for a while, and perhaps again.
        found = eventually(lambda: words.encode() in self.output, within_s=4 * PATIENCE_S)
        assert found, bytes(self.output).decode(errors="replace")

    def ended(self) -> int:
        code = eventually(self.process.poll, lambda found: found is not None)
        assert code is not None, bytes(self.output[-2000:])
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.vanish()


@pytest.mark.slow
def test_a_person_opens_writes_and_leaves(tmp_path: Path) -> None:
    key, wrong = tmp_path / "key", tmp_path / "wrong"
    key.write_bytes(KEY)
    wrong.write_bytes(bytes(32))
    with Service(tmp_path, "both") as service:
        ann, ben = device(tmp_path / "ann", [service]), device(tmp_path / "ben", [service])
        with closing(ben):
            with closing(ann):
                _, contact = ann.invite("Ben")
                ben.approach("Ann", contact)
                go_on([ben, ann], lambda: bool(ann.core.own_grants(0)) and bool(ann.core.peer_grants(0)))
            with Window(tmp_path / "ann", wrong) as window:
                assert window.ended() == 2
                assert b"is not that of this store" in window.output
                assert ALTERNATE_SCREEN not in window.output
            with Window(tmp_path / "ann", key) as window:
                window.sees("write to Ben")
                window.press("\r")
                window.sees("new line")  # the keys of the writing line
                window.press("hello from a terminal\r")
                window.sees("→  sent")
                ben.say(0, "welcome back")
                go_on([ben], lambda: b"welcome back" in window.output)
                window.press("\x03")
                assert window.ended() == 0
                assert b"Traceback" not in window.output
                assert ALTERNATE_SCREEN in window.output
                assert not COLOURS.search(bytes(window.output))
            go_on([ben], lambda: texts(ben, 0, own=False) == ["hello from a terminal"])
    again = device(tmp_path / "ann")
    with closing(again):
        assert texts(again, 0, own=True) == ["hello from a terminal"]
        assert texts(again, 0, own=False) == ["welcome back"]


@pytest.mark.slow
@pytest.mark.parametrize("ignores_hangup", [False, True], ids=["no-signal", "nohup"])
def test_the_screen_ends_with_its_terminal(tmp_path: Path, ignores_hangup: bool) -> None:
    key = tmp_path / "key"
    key.write_bytes(KEY)
    with Service(tmp_path, "both") as service:
        ann, ben = device(tmp_path / "ann", [service]), device(tmp_path / "ben", [service])
        with closing(ann, ben):
            ben.approach("Ann", ann.invite("Ben")[1])
        with Window(tmp_path / "ann", key, ignores_hangup=ignores_hangup) as window:
            window.sees("invite")
            window.vanish()
            assert window.ended() == 0
    with closing(device(tmp_path / "ann")) as _:
        pass  # nobody else has the store


def test_the_picture_of_the_documentation_is_small_and_asks_for_nothing() -> None:
    drawn = PICTURE.read_text()
    assert len(drawn.encode()) < 200_000
    assert not re.search(r"(?:href|src|url)\s*[=(]\s*['\"]?https?:", drawn)
