"""Judges a run that has come to rest: the logs of all places by the invariants, and what people were promised.

Theory. Two witnesses that know nothing of each other. The event logs of devices and services say what happened to every
message and are held against the invariants of the standard. The records of people say what the client promised, written
down by somebody who is not the client::

    every accepted message    is at the other person once, or still in the outbox, or reported as failed
    what is at a person       was written by the other one, in the same relationship
    what was confirmed        had been delivered before: a device that confirms and then dies has not lost it

Rules:

1. A relationship that was ended excuses what was under way in it, and nothing else does.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from communicator_impl.client.log import EventLog
from communicator_impl.client.records import Parcel, Stage, State, unpacked
from communicator_impl.services.database import Database, migrate
from communicator_impl.services.events import exported
from communicator_simulations.chaos.accounts import sent_and_taken
from communicator_simulations.chaos.talker import Part, opened, text_of
from communicator_spec import NONE, Command, Kind, Monitors
from communicator_spec.events import Event, Row
from communicator_spec.places import PlaceError, merged
from communicator_spec.terms import standard_terms

__all__ = ["Messages", "Verdict", "judged", "kept_before_confirmed"]

_SHOWN: Final = 8
"""Of the same kind."""


class Messages(msgspec.Struct, frozen=True):
    """What became of the messages that people wrote."""

    accepted: int
    delivered: int
    waiting: int
    failed: int


class Verdict(msgspec.Struct, frozen=True):
    """What was found: violations in one line each, counts of messages and events, and the invariants that judged."""

    violations: tuple[str, ...]
    messages: Messages
    events: dict[str, int]
    invariants: tuple[str, ...]


class _Device(NamedTuple):
    """What a store holds at the end: names of messages by end and direction, their states, and ends that are over."""

    own: dict[int, dict[str, State]]
    peer: dict[int, list[str]]
    over: set[int]
    lines: list[str]
    parcels: list[tuple[str, str]]


def judged(parts: Sequence[Part], databases: Mapping[str, str], *, dropped: int, settled: bool) -> Verdict:
    """Judge the stores of people and the databases of services (name → URL); nobody runs any more.

    `dropped`: how many parcels devices threw away because their time was over; `settled`: everything is at rest.
    """
    devices = [_read(part) for part in parts]
    files = [(f"person {part.person}", device.lines) for part, device in zip(parts, devices, strict=True)]
    files += [(name, _log(url)) for name, url in databases.items()]
    violations, messages = _compared(devices, settled=settled)
    violations += [line for part in parts for line in _broken(part)]
    monitors = Monitors(standard_terms("label/1"), settled=settled)
    rows: Sequence[Row] = ()
    numbers: dict[str, int] = {}
    try:
        rows, _, numbers = merged(files)
    except PlaceError as error:
        violations.append(f"the logs do not belong together: {error}")
    monitors.feed_all(rows)
    found = monitors.finish(max((row[0] for row in rows), default=0), rows)
    violations += [f"{one.invariant}: {one.detail}: {'; '.join(map(_said, one.events))}" for one in found]
    violations += kept_before_confirmed(rows)
    waiting = Counter((numbers.get(via, NONE), numbers.get(to, NONE)) for one in devices for via, to in one.parcels)
    violations += [f"sent-and-taken: {line}" for line in sent_and_taken(rows, waiting, dropped)]
    events = Counter(Kind(row[1]).name for row in rows)
    names = (*(one.name for one in monitors.invariants), "kept-before-confirmed", "sent-and-taken", "accepted-once")
    return Verdict(_few(violations), messages, dict(sorted(events.items())), names)


def _few(violations: Iterable[str]) -> tuple[str, ...]:
    """Return the first of each kind."""
    counts, found = Counter[str](), list[str]()
    for line in violations:
        kind = line.partition(":")[0]
        counts[kind] += 1
        found += [line] if counts[kind] <= _SHOWN else []
    return tuple(found)


def kept_before_confirmed(rows: Iterable[Row]) -> list[str]:
    """Return the messages that a device confirmed at its service before it had delivered them (DELIV-27).

    What came to an address of a contact after the reply was answered may be confirmed unopened, and comes again: its
    opening is good for nothing by then (SES-11).
    """
    sent: dict[tuple[int, int, int, int], tuple[int, int]] = {}
    known, found = set[tuple[int, int]](), list[str]()
    contacts, answered = set[tuple[int, int, int]](), set[int]()
    for row in rows:
        _, kind, end, message, service, serial, position, _, value = row
        grant, address = (end, service, serial), (end, service, serial, position)
        if kind == Kind.ISSUED and message == 0:
            contacts.add(grant)
        elif kind in (Kind.SENT, Kind.RECEIVED) and value == Command.RESYNC:  # what was sealed before is sent again
            sent = {way: carried for way, carried in sent.items() if way[0] not in (end, end ^ 1)}
        elif kind == Kind.SENT and value == Command.MESSAGE:
            sent[end ^ 1, service, serial, position] = (end ^ 1, message)
        elif kind in (Kind.DELIVERED, Kind.DUPLICATE):
            known.add((end, message))
        elif kind == Kind.CONFIRMED and grant not in contacts:
            answered.add(end)
        unopened = kind == Kind.CONFIRMED and address in sent and sent[address] not in known
        if unopened and not (grant in contacts and end in answered):
            message = sent[address][1]
            found.append(f"kept-before-confirmed: {_said(Event(*row))}: message {message} was not delivered")
    return found


def _compared(devices: Sequence[_Device], *, settled: bool) -> tuple[list[str], Messages]:
    """Compare what was written with what has arrived."""
    found, states = list[str](), Counter[State]()
    peer = {end: names for device in devices for end, names in device.peer.items()}
    own = {end: names for device in devices for end, names in device.own.items()}
    over = {end for device in devices for end in device.over}
    for end, names in sorted(own.items()):
        arrived = Counter(peer.get(end ^ 1, ()))
        for name, state in names.items():
            states[state] += 1
            count = arrived.pop(name, 0)
            if count > 1:
                found.append(f"accepted-once: {name!r} of end {end} arrived {count} times")
            if state in (State.DELIVERED, State.SEEN) and not count:
                found.append(f"accepted-once: {name!r} of end {end} is {state.value} and never arrived")
        found += [f"accepted-once: {name!r} arrived at end {end ^ 1} and nobody wrote it" for name in arrived]
        waiting = [name for name, state in names.items() if state is State.WAITING]
        if settled and waiting and not {end, end ^ 1} & over:
            found.append(f"accepted-once: {waiting} of end {end} wait though everything has come to rest")
    delivered = states[State.DELIVERED] + states[State.SEEN]
    return found, Messages(states.total(), delivered, states[State.WAITING], states[State.FAILED])


def _broken(part: Part) -> Iterable[str]:
    """Return what a person found missing after a start."""
    path = Path(part.folder) / "record.jsonl"
    for line in path.read_text().splitlines() if path.exists() else ():
        found = json.loads(line)
        if "lost" in found:
            yield f"promised: {found['lost']!r} was accepted from person {part.person} and is not in the store"


def _read(part: Part) -> _Device:
    device = opened(part)
    try:
        people, history = device.history.people(), device.history
        own, peer = dict[int, dict[str, State]](), dict[int, list[str]]()
        for end in people:
            own[end], peer[end] = {}, []
            for is_own, _, message in history.messages(end):
                name = text_of(message.content)
                if not name:  # a profile
                    continue
                if is_own:
                    own[end][name] = message.state
                else:
                    peer[end].append(name)
        for waiting in device.uploads.all().values():
            state = State.FAILED if waiting.error else State.WAITING
            own[waiting.relationship][waiting.draft.data.decode()] = state
        over = {end for end, person in people.items() if person.stage is Stage.ENDED}
        held = [unpacked(value, Parcel) for _, value in device.vault.items("outgoing/")]
        parcels = [(device.book.uri(one.via), device.book.uri(one.service)) for one in held]
        return _Device(own, peer, over, EventLog(device.vault, device.book).lines(), parcels)
    finally:
        device.close()


def _log(url: str) -> list[str]:
    database = Database(url, 1)
    try:
        migrate(database)
        with database.reading() as connection:
            return list(exported(connection))
    finally:
        database.close()


def _said(event: Event) -> str:
    columns = zip(event._fields[2:], event[2:], strict=True)
    return f"{event.t_ms} {Kind(event.kind).name} " + " ".join(f"{name}={v}" for name, v in columns if v >= 0)
