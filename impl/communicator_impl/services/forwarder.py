"""Brings what is queued to receiving services: one origin at a time is asked first, and the rest follow if it answers.

Theory. A receiving service that is down has thousands of requests waiting for it, and each attempt costs a timeout. So
what is due for one origin goes as a group: its first request is the probe. If there is no answer at all, one attempt
has told the whole group; otherwise the others go at once, over connections that they share (SEND-12).

How a group goes:

1. what is too late is expired, and not attempted (DELIV-11)
2. the probe is posted: the request, its media type, and nothing that tells where it came from (SEND-9)
3. no connection: the others count as not answered, and the origin is left alone for a while; otherwise they are
   posted together
4. every outcome is concluded in one transaction, and whoever waits for a ticket is told

Rules:

1. What was posted and not concluded, because the process died, is posted again; its address is spent, so nothing is
   stored twice (ADDR-17).
2. One process has one group for an origin under way, and at most so many groups. How long an origin is left alone is
   remembered for pacing and nothing else; another process may find out for itself.
"""

import asyncio
import json
import math
from typing import Final, NamedTuple

from sqlalchemy import Connection

from communicator_impl import pace
from communicator_impl.entropy import Entropy
from communicator_impl.errors import PeerError
from communicator_impl.queue_entry import Entry, State
from communicator_impl.sending_service import Reply, concluded, reading
from communicator_impl.services.clock import Steps, now_ms
from communicator_impl.services.database import Database
from communicator_impl.services.http import CBOR, Work
from communicator_impl.services.observation import Log, Metrics
from communicator_impl.services.outward import Answer, NotAnswered, Outward
from communicator_impl.services.sending_store import SendingStore, Taken
from communicator_impl.services.waiting import Bells, heard

__all__ = ["Forwarder"]

_GROUP: Final = 16
_GROUPS_MAX: Final = 32
_ANSWER_BYTES_MAX: Final = 4096
_RETRY_AFTER_S_MAX: Final = 86_400
_LOOK_S: Final = 1.0
_CONCLUDE_S: Final = 10.0
_ALONE_MS_MAX: Final = 60_000
_SILENT_MAX: Final = 1000
_SILENT: Final = Reply(answered=False)


class _Silence(NamedTuple):
    """An origin that did not answer: how often in a row, and until when by the clock that counts it is left alone."""

    times: int
    until_s: float


class Forwarder:
    """Works through the queue in the event loop of one process, until it is stopped."""

    def __init__(
        self,
        database: Database,
        store: SendingStore,
        outward: Outward,
        work: Work,
        bells: Bells,
        entropy: Entropy,
        metrics: Metrics,
        log: Log,
        attempt_s: float,
    ) -> None:
        self._database, self._store, self._outward = database, store, outward
        self._work, self._bells, self._entropy = work, bells, entropy
        self._metrics, self._log = metrics, log
        self._lease_ms = int((2 * attempt_s + _CONCLUDE_S) * 1000)
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._silent: dict[str, _Silence] = {}
        self._wanted = asyncio.Event()
        self._steps = Steps(now_ms)
        self._stopped = False

    def wake(self) -> None:
        """Say that something may be due."""
        self._wanted.set()

    async def run(self) -> None:
        """Forward until `stop`; a database that fails is tried again."""
        while not self._stopped:
            try:
                pause_s = await self._step()
            except Exception as error:  # whatever it is, the next step comes
                self._log.failed("forwarding failed", error)
                pause_s = _LOOK_S
            await heard(self._wanted, pause_s)

    async def stop(self) -> None:
        """Take nothing more, and wait for what is under way."""
        self._stopped = True
        self._wanted.set()
        await asyncio.gather(*self._busy.values(), return_exceptions=True)

    # ---------------------------------------------------------------- taking

    async def _step(self) -> float:
        """Take what is due and begin its groups; returns how long there is nothing to do, in seconds."""
        while not self._stopped and len(self._busy) < _GROUPS_MAX:
            at_ms = now_ms()
            if back_ms := self._steps.back_ms():
                await self._work.run(self._bring_back, at_ms, back_ms)
            quiet_s = pace.count_s()
            alone = {uri: silence for uri, silence in self._silent.items() if silence.until_s > quiet_s}
            left = (*self._busy, *alone)
            next_ms = await self._work.run(self._next_ms, left)
            if next_ms is None or next_ms > at_ms:
                due_s = math.inf if next_ms is None else (next_ms - at_ms) / 1000
                later_s = (due_s, *(silence.until_s - quiet_s for silence in alone.values()))
                return min(_LOOK_S, pace.real_s(min(later_s)))
            taken = await self._work.run(self._take, at_ms, left)
            if not taken:
                return _LOOK_S / 20
            for uri in dict.fromkeys(one.entry.uri for one in taken):
                group = [one for one in taken if one.entry.uri == uri]
                self._busy[uri] = asyncio.create_task(self._group(uri, group))
        return _LOOK_S

    def _next_ms(self, left: tuple[str, ...]) -> int | None:
        with self._database.reading() as connection:
            return self._store.next_ms(connection, left)

    def _bring_back(self, at_ms: int, back_ms: int) -> None:
        self._database.transact(lambda c: self._store.bring_back(c, at_ms, back_ms))

    def _take(self, at_ms: int, left: tuple[str, ...]) -> list[Taken]:
        until_ms = at_ms + self._lease_ms
        return self._database.transact(lambda c: self._store.take(c, at_ms, until_ms, left, _GROUP))

    # ---------------------------------------------------------------- attempts

    async def _group(self, uri: str, group: list[Taken]) -> None:
        try:
            at_ms = now_ms()
            late = [one for one in group if at_ms >= one.entry.not_after_ms]  # 1
            timely = [one for one in group if at_ms < one.entry.not_after_ms]
            after = [Taken(one.ticket, one.entry.finished(State.EXPIRED)) for one in late]
            if timely:
                after += await self._attempts(timely)
            await self._work.run(self._conclude, after)  # 4
        except Exception as error:
            self._log.failed("group failed", error)
        finally:
            del self._busy[uri]
            self._wanted.set()

    async def _attempts(self, group: list[Taken]) -> list[Taken]:
        probe, *others = group
        first, connected = await self._post(probe.entry)  # 2
        after = [Taken(probe.ticket, first)]
        self._note(probe.entry.uri, connected)
        if not connected:  # 3
            return after + [Taken(one.ticket, self._concluded(one.entry, _SILENT, 0)) for one in others]
        posted = await asyncio.gather(*(self._post(one.entry) for one in others))
        return after + [Taken(one.ticket, entry) for one, (entry, _) in zip(others, posted, strict=True)]

    def _note(self, uri: str, connected: bool) -> None:
        before = self._silent.pop(uri, _Silence(0, 0.0))
        if connected or len(self._silent) >= _SILENT_MAX:
            return
        alone_ms = min(self._store.terms.retry_min_ms << min(before.times, 20), _ALONE_MS_MAX)
        self._silent[uri] = _Silence(before.times + 1, pace.count_s() + alone_ms / 1000)

    async def _post(self, entry: Entry) -> tuple[Entry, bool]:
        """Post one request; returns the entry after it, and whether anybody was there."""
        try:
            url, headers = f"{entry.uri}/v1/accept", {"content-type": CBOR}
            answer = await self._outward.post(url, headers, entry.request, _ANSWER_BYTES_MAX)  # SEND-8, SEND-9
        except NotAnswered:
            return self._concluded(entry, _SILENT, 0), False
        except PeerError:
            return self._concluded(entry, _SILENT, 0), True
        return self._concluded(entry, reading(answer.status, _class(answer)), _retry_after_ms(answer)), True

    def _concluded(self, entry: Entry, reply: Reply, retry_after_ms: int) -> Entry:
        draw = self._entropy.fraction("sending.retry", 0, entry.attempts)
        terms = self._store.terms
        after, _ = concluded(now_ms(), entry, reply, draw=draw, retry_after_ms=retry_after_ms, terms=terms)
        self._metrics.count("attempts", outcome=after.state.value)
        return after

    def _conclude(self, after: list[Taken]) -> None:
        def work(connection: Connection) -> list[str]:
            topics = self._store.conclude(connection, after)
            for topic in topics:
                self._database.tell(connection, topic)
            return topics

        topics = self._database.transact(work)
        if not self._database.is_postgres:
            self._bells.ring_from_thread(topics)


def _class(answer: Answer) -> str | None:
    """Return the class in the body of a refusal; None where there is none to read."""
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    name = found.get("class") if isinstance(found, dict) else None
    return name if isinstance(name, str) else None


def _retry_after_ms(answer: Answer) -> int:
    text = answer.headers.get("retry-after", "0")
    seconds = int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0
    return min(seconds, _RETRY_AFTER_S_MAX) * 1000
