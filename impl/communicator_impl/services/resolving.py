"""The resolver in a process of its own, so that nobody who asks the service feels what it is doing.

Theory. The resolver does more for a request that resolves than for one that does not. In the process that answers, each
of its instructions is one that an answer waits for: whoever asks for anything at the right moment would measure how
much there was to do (RECV-3). So it runs in another process. The one that answers says when, and lets no other writer
in while it decides: then nobody waits in the database either, except for a turn as before.

::

    process that answers                      process that resolves
    look            ─────────────────────────▶ takes rows and opens them
                    ◀───────────────────────── how many
    takes its turn to write
    decide          ─────────────────────────▶ one transaction
                    ◀───────────────────────── what became of them

With PostgreSQL there is one word, `step`: its rows are locked one by one, and nobody takes turns.

Rules:

1. Keys, rows and spent marks are in the database; what is told here is words and counts.
2. The other process ends with the stream of words: when this one stops, and when it is killed.
3. When the other process is lost, the next step starts another one; what it had not decided is still there.
"""

import json
import signal
import subprocess
import sys
from collections import Counter
from typing import IO, Final

from communicator_impl.services.database import Database
from communicator_impl.services.observation import Log
from communicator_impl.services.resolver import Looked, Resolved, Resolver
from communicator_spec import ErrorClass

__all__ = ["ResolverApart", "main"]

_COMMAND: Final = (sys.executable, "-m", "communicator_impl.services.resolving")
_LOOK, _DECIDE, _STEP = "look", "decide", "step"


class ResolverApart:
    """A resolver in another process, asked by one thread; `stop` is for when that has ended."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._process: subprocess.Popen[str] | None = None
        try:
            self._running()  # it takes a while to start
        except OSError:  # it was killed before it heard anything: rule 3
            self.stop()

    def step(self) -> Resolved:
        """Resolve one batch; `OSError` if the other process is lost or failed: the next step starts another one."""
        try:
            if self._database.is_postgres:
                return self._asked(_STEP)
            looked = self._asked(_LOOK)
            if looked.rows == 0:
                return looked
            with self._database.turn:
                return self._asked(_DECIDE)
        except OSError:
            self.stop()
            raise

    def stop(self) -> None:
        """End the other process after what it is at."""
        process, self._process = self._process, None
        if process is not None:
            process.communicate()

    def _running(self) -> "subprocess.Popen[str]":
        if self._process is None:
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(_COMMAND, stdin=pipe, stdout=pipe, text=True, start_new_session=True)
            _write(self._process.stdin, json.dumps(self._settings()))
        return self._process

    def _settings(self) -> list[str]:
        return [self._database.url, self._database.event_log, self._database.key.hex()]

    def _asked(self, word: str) -> Resolved:
        process = self._running()
        _write(process.stdin, word)
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            raise ConnectionResetError("the resolver ended")
        rows, topics, stored, refused = json.loads(line)
        return Resolved(rows, tuple(topics), stored, Counter({ErrorClass(name): n for name, n in refused.items()}))


def main() -> None:
    """Do what is asked on the standard input, until it ends; the first line is what makes the database."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # the process that answers says when
    url, event_log, key = json.loads(sys.stdin.readline())
    resolver, looked = Resolver(Database(url, 1, event_log, bytes.fromhex(key))), Looked([], [], {})
    try:
        for line in sys.stdin:
            word, found = line.rstrip("\n"), Resolved(0, (), 0, Counter())
            if word == _LOOK:
                looked = resolver.look()
                found = found._replace(rows=len(looked.ids))
            else:
                found = resolver.decide(looked) if word == _DECIDE else resolver.step()
            _write(sys.stdout, json.dumps(found))
    except BrokenPipeError:
        return
    except Exception as error:  # whatever it is, another process takes over, and nothing of it is shown
        Log().failed("resolving failed", error)


def _write(stream: IO[str] | None, text: str) -> None:
    if stream is not None:
        stream.write(text + "\n")
        stream.flush()


if __name__ == "__main__":
    main()
