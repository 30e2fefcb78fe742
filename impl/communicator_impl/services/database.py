"""One database for all instances of a service: SQLite for one process, PostgreSQL for several.

Theory. What a success confirms is durable when it is answered (SVC-8), and a disk that is asked for each request alone
is the slowest part of a service. So what need not be decided together is committed together: acceptances wait for the
commit that is under way, and then share the next one. Everything else is one transaction for one request.

::

    stranger ─▶ accepted ─┐
    stranger ─▶ accepted ─┼─▶ one transaction, one flush to the disk ─▶ all are answered
    stranger ─▶ accepted ─┘

Rules:

1. SQLite runs in WAL with `synchronous=FULL`: a commit is on the disk when it returns. What is deleted is overwritten,
   so that an erased key is gone (ADDR-23). A transaction that writes takes the lock when it begins.
2. PostgreSQL runs in READ COMMITTED; who changes what belongs to a root holds the lock of the root's row.
3. Two writers that meet at a unique key are told apart by running the second one again: it then sees the first.
4. Nothing of a statement's parameters reaches a log.
5. A server that went away is connected to again; one that says nothing is given up after a while (`_PATIENCE`).
"""

import asyncio
import errno
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from itertools import chain
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import BinaryIO, Final, NamedTuple, TypeVar

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, Table, create_engine, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from communicator_impl.services.events import EVENT_LOG, is_on, write
from communicator_impl.services.schema import accepted, kept
from communicator_impl.services.sealing import SEALER, Sealer, read_key, settle
from communicator_impl.services.settings import Settings, SettingsError
from communicator_spec import Kind
from communicator_spec.events import named
from communicator_spec.places import PlaceEvent

__all__ = ["Database", "GroupCommit", "add_new", "database_of", "insert_new", "migrate", "put", "settle_secrets"]

Result = TypeVar("Result")

_TRIES: Final = 6
_WRITES: Final = "communicator_writes"
_BATCH: Final = 256
_SERIALIZATION: Final = ("40001", "40P01")
_PRAGMAS: Final = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON", "busy_timeout=20000")
_POSTGRES: Final = "postgresql"
_CHANNEL: Final = "communicator"
_PATIENCE: Final = {"connect_timeout": 5, "keepalives_idle": 20, "keepalives_interval": 5, "tcp_user_timeout": 30_000}


class Database:
    """Connections to one database, and the transactions on it; `event_log`: the URI whose event log is written.

    `key` is what the secrets in it are sealed with (`sealing`); empty: they are plain.
    """

    def __init__(self, url: str, connections: int = 16, event_log: str = "", key: bytes = b"") -> None:
        try:
            parsed = make_url(url)
            dialect = parsed.get_dialect()
        except (ArgumentError, ImportError) as error:
            raise SettingsError("database.url: use sqlite:///path or postgresql+psycopg://user@host/name") from error
        if dialect.name not in ("sqlite", _POSTGRES):
            raise SettingsError("database.url: SQLite and PostgreSQL are supported")
        self._lock: BinaryIO | None = None
        self.is_postgres: Final = dialect.name == _POSTGRES
        self.url: Final = url
        self.event_log: Final = event_log
        made = create_engine(
            parsed,
            hide_parameters=True,
            pool_size=connections,
            max_overflow=0,
            pool_pre_ping=self.is_postgres,
            connect_args=_PATIENCE if self.is_postgres else {},
        )
        self.key: Final = key
        logging = {EVENT_LOG: event_log} if event_log else {}
        self.engine: Final[Engine] = made.execution_options(**logging, **({SEALER: Sealer(key)} if key else {}))
        self.turn: Final[AbstractContextManager[object]] = (
            nullcontext() if self.is_postgres else threading.Lock()
        )  # SQLite has one writer: it waits in line
        if not self.is_postgres:
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Run a transaction that changes nothing."""
        with self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Run one transaction; all of it is durable when it ends, or nothing."""
        with self.turn, self.engine.connect().execution_options(**{_WRITES: True}) as connection, connection.begin():
            yield connection

    def transact(self, work: Callable[[Connection], Result]) -> Result:
        """Run `work` in one transaction, again if another one was in its way: `work` does nothing besides (rule 3)."""
        for attempt in range(_TRIES):
            try:
                with self.writing() as connection:
                    return work(connection)
            except DBAPIError as error:
                if attempt == _TRIES - 1 or not _was_in_the_way(error):
                    raise
                time.sleep(0.01 * 2**attempt)
        raise AssertionError("the last attempt returns or raises")

    def write(self) -> None:
        """Write something new that means nothing: whether that can be done is what readiness says."""
        row = {"name": "written", "revision": time.monotonic_ns(), "value": b""}
        self.transact(lambda connection: put(connection, kept, [row]))

    def look(self, work: Callable[[Connection], Result]) -> Result:
        """Run `work`, which changes nothing but the event log, if there is one."""
        if self.event_log:
            return self.transact(work)
        with self.reading() as connection:
            return work(connection)

    def tell(self, connection: Connection, topic: str) -> None:
        """Tell all instances, when this transaction is durable (RECV-12); SQLite has one, which tells itself."""
        if self.is_postgres:
            connection.execute(text("SELECT pg_notify(:channel, :topic)"), {"channel": _CHANNEL, "topic": topic})

    def keep_to_oneself(self) -> None:
        """Refuse a SQLite file that cannot be written, or that another process serves: it would not hear what this one
        stores (RECV-12)."""
        path = None if self.is_postgres else self.engine.url.database
        if not path or path == ":memory:":
            return
        try:
            self._lock = open(f"{path}.lock", "wb")  # noqa: SIM115 held as long as the process lives
            if Path(path).exists() and not os.access(path, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except OSError as error:
            what_would_do = "name a file that this process may write, in a folder that it may write"
            raise SettingsError(f"database.url: {path}: {error.strerror}; {what_would_do}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise SettingsError(f"database.url: another process serves {path}; stop it, or name another") from error

    def close(self) -> None:
        """Close all connections, and let others have the file."""
        self.engine.dispose()
        if self._lock is not None:
            self._lock.close()


def database_of(settings: Settings, connections: int) -> Database:
    """Return the database of a service, with its event log and its key: `SettingsError`, and `OSError` for a file."""
    key = read_key(settings.database.key_file)
    return Database(settings.database.url, connections, settings.event_log, key)


def migrate(database: Database) -> None:
    """Bring a database to the newest schema; one that is there already does nothing."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with database.writing() as connection:
        if database.is_postgres:  # two instances that start at once
            connection.execute(text("SELECT pg_advisory_xact_lock(20260101)"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def settle_secrets(database: Database) -> None:
    """Check that the secrets can be opened, and seal those that are plain: `SettingsError` with another key."""
    count = database.transact(settle)
    if count and not database.is_postgres:  # what was plain is in the write-ahead log too
        with database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def insert_new(connection: Connection, table: Table, row: Mapping[str, object]) -> bool:
    """Insert a row, and tell whether it is new; one with a key that is there already changes nothing."""
    made = _insert(connection)(table).values(row).on_conflict_do_nothing()
    return connection.execute(made).rowcount == 1


def add_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert rows; those with a key that is there already change nothing."""
    if rows:
        connection.execute(_insert(connection)(table).on_conflict_do_nothing(), rows)


def put(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert rows, each in the place of the one with its key, if there is one."""
    if not rows:
        return
    made = _insert(connection)(table)
    others = {column.name: made.excluded[column.name] for column in table.columns if not column.primary_key}
    connection.execute(made.on_conflict_do_update(index_elements=list(table.primary_key), set_=others), rows)


def _insert(connection: Connection) -> Callable[[Table], sqlite.Insert | postgresql.Insert]:
    return postgresql.insert if connection.dialect.name == _POSTGRES else sqlite.insert


class _Waiting(NamedTuple):
    """A request whose sender waits until it is durable."""

    at_ms: int
    request: bytes
    durable: "asyncio.Future[None]"


class GroupCommit:
    """Makes accepted requests durable, many in one transaction; a thread of its own writes them."""

    def __init__(self, database: Database, stored: Callable[[int], None]) -> None:
        self._database = database
        self._stored = stored
        self._waiting: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="group commit", daemon=True)
        self._thread.start()

    def put(self, at_ms: int, request: bytes) -> "asyncio.Future[None]":
        """Hand a request over, in an event loop; the future ends when it is durable, or with what prevented that."""
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.put(_Waiting(at_ms, request, durable))
        return durable

    def stop(self) -> None:
        """Write what is waiting, and end."""
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        goes_on = True
        while goes_on:
            batch = [self._waiting.get()]
            with suppress(Empty):
                while len(batch) < _BATCH:
                    batch.append(self._waiting.get_nowait())
            rows = [item for item in batch if item is not None]
            goes_on = len(rows) == len(batch)
            if rows:
                self._write(rows)

    def _write(self, rows: list[_Waiting]) -> None:
        def store(connection: Connection) -> None:
            _append(connection, [(row.at_ms, row.request) for row in rows])
            if is_on(connection):
                taken = [PlaceEvent(row.at_ms, Kind.TAKEN, message=named(row.request)) for row in rows]
                write(connection, taken)

        failure: Exception | None = None
        try:
            self._database.transact(store)
        except Exception as error:  # whatever it is, those who wait are answered, and the thread goes on
            failure = error
        loop = rows[0].durable.get_loop()
        loop.call_soon_threadsafe(_answer, rows, failure)  # RECV-1, SVC-8
        if failure is None:
            self._stored(len(rows))


def _append(connection: Connection, rows: list[tuple[int, bytes]]) -> None:
    """Insert accepted requests by one statement in the driver's own words.

    SQLite's driver gives the interpreter away at each row of several statements, and waits for it again each time.
    """
    into = f"INSERT INTO {accepted.name} ({accepted.c.at_ms.name}, {accepted.c.request.name})"
    if connection.dialect.name == _POSTGRES:  # one statement for all rows, their bytes as bytes
        columns = tuple(list(column) for column in zip(*rows, strict=True))
        connection.exec_driver_sql(f"{into} SELECT * FROM unnest(%b::bigint[], %b::bytea[])", columns)
    else:
        connection.exec_driver_sql(f"{into} VALUES {', '.join(['(?, ?)'] * len(rows))}", tuple(chain(*rows)))


def _answer(rows: Sequence[_Waiting], failure: Exception | None) -> None:
    """End the futures of one transaction, in their event loop: one wake-up for all of them."""
    for row in rows:
        if row.durable.done():  # nobody waits any more
            continue
        if failure is None:
            row.durable.set_result(None)
        else:
            row.durable.set_exception(failure)


def _was_in_the_way(error: DBAPIError) -> bool:
    """Tell whether a transaction failed for another one; what is wrong for another reason fails again."""
    if isinstance(error, IntegrityError):
        return True
    code = getattr(error.orig, "sqlstate", None)
    return isinstance(error, OperationalError) and (code in _SERIALIZATION or "database is locked" in str(error.orig))


def _prepare_sqlite(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # transactions begin where this module begins them
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
