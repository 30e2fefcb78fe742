"""Each harm, alone, on real processes and real files: what it does is seen, and it can be undone."""

import errno
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from tests.patience import eventually
from tests.services.postgres import Postgres, binaries

from communicator_simulations.chaos import harm

COUNTING = """
import os, sys, time
if os.fork():
    name = "parent"
else:
    name = "child"
while True:
    with open(os.path.join(sys.argv[1], name), "a") as file:
        file.write(".")
    time.sleep(0.002)
"""
WRITING = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA journal_mode = WAL")
connection.execute("PRAGMA wal_autocheckpoint = 0")
connection.execute("CREATE TABLE rows (n INTEGER PRIMARY KEY, body BLOB)")
for line in sys.stdin:
    try:
        connection.execute("INSERT INTO rows VALUES (?, zeroblob(10000))", (int(line),))
        print("kept", flush=True)
    except sqlite3.OperationalError as error:
        print(error.sqlite_errorname, flush=True)
"""


@contextmanager
def running(program: str, *arguments: str | Path) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, start_new_session=True) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


class Database:
    """A SQLite file and the process that writes it."""

    def __init__(self, process: "subprocess.Popen[str]", path: Path) -> None:
        self.process, self.path = process, path

    def write(self, number: int) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(number, file=self.process.stdin, flush=True)
        return self.process.stdout.readline().strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def rows(self) -> list[int]:
        with closing(sqlite3.connect(self.path)) as connection:
            return [n for (n,) in connection.execute("SELECT n FROM rows ORDER BY n")]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    path = tmp_path / "database.sqlite3"
    with running(WRITING, path) as process:
        yield Database(process, path)


def sizes(folder: Path) -> list[int]:
    return [path.stat().st_size for path in sorted(folder.iterdir())]


def test_a_paused_process_and_its_child_do_nothing_until_they_go_on(tmp_path: Path) -> None:
    with running(COUNTING, tmp_path) as process:
        assert eventually(lambda: len(sizes(tmp_path)) == 2 and min(sizes(tmp_path)) > 0)
        with harm.paused(process.pid) as stopped:
            assert len(stopped) == 2
            before = sizes(tmp_path)
            assert Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
            assert sizes(tmp_path) == before
        assert eventually(lambda: all(now > then for now, then in zip(sizes(tmp_path), before, strict=True)))


def test_a_process_that_is_gone_cannot_be_paused(tmp_path: Path) -> None:
    with running(COUNTING, tmp_path) as process:
        process.kill()
        process.wait()
        assert harm.pause(process.pid) == []


def test_a_full_disk_refuses_a_write_and_takes_it_when_there_is_room(database: Database) -> None:
    assert database.write(1) == "kept"
    harm.fill(database.process.pid)
    assert database.write(2) in ("SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR")
    assert database.rows() == [1]
    harm.free(database.process.pid)
    assert database.write(3) == "kept"
    assert database.rows() == [1, 3]


def test_what_is_refused_is_refused_by_the_kernel(tmp_path: Path) -> None:
    program = "import os, sys\nsys.stdin.readline()\ntry: os.write(os.open(sys.argv[1], 65), b'x')\n"
    program += "except OSError as error: print(error.errno, flush=True)"
    with running(program, tmp_path / "file") as process:
        harm.fill(process.pid)
        assert process.communicate("go\n")[0].strip() == str(errno.EFBIG)


def test_an_old_database_is_what_it_was(tmp_path: Path, database: Database) -> None:
    assert [database.write(n) for n in (1, 2)] == ["kept", "kept"]
    harm.copy_sqlite(database.path, tmp_path / "copy")
    assert database.write(3) == "kept"
    assert harm.users(database.path) == [database.process.pid]
    database.kill()
    assert database.rows() == [1, 2, 3]
    harm.put_back_sqlite(tmp_path / "copy", database.path)
    assert database.rows() == [1, 2]


def test_an_old_database_of_postgresql_is_what_it_was(tmp_path: Path) -> None:
    with Postgres() as server:
        url = server.url.replace("+psycopg", "")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE TABLE rows (n integer)")
            connection.execute("INSERT INTO rows VALUES (1)")
            harm.copy_postgres(url, tmp_path / "copy", binaries())
            connection.execute("INSERT INTO rows VALUES (2)")
        harm.put_back_postgres(tmp_path / "copy", url, binaries())
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT n FROM rows").fetchall() == [(1,)]


@pytest.mark.parametrize("lost", [1, 3, 9])
def test_a_log_that_lost_its_end_has_lost_its_last_commits(database: Database, lost: int) -> None:
    numbers = list(range(8))
    assert [database.write(n) for n in numbers] == ["kept"] * 8
    database.kill()
    assert harm.lose_tail(database.path, lost, kept=9) == 0
    assert harm.lose_tail(database.path, lost) == lost
    left = numbers[: 8 - lost] if lost < 9 else []
    assert (database.rows() if lost < 9 else []) == left
    assert harm.lose_tail(database.path, lost) == 0  # the last one who read it has put the log into the file


def test_a_copy_that_fails_says_so(tmp_path: Path) -> None:
    with pytest.raises(harm.HarmError):
        harm.copy_postgres("postgresql://nobody@127.0.0.1:9/none", tmp_path / "copy", binaries())
