"""From a device to a `Desk`: what is in the store, said as the screen shows it. Runs in the thread that owns the store.

Rules:

1. Looking changes nothing, and asks no service.
2. A message is `sent` when a sending service has taken one of its transmissions, and `kept` until then.
"""

from collections.abc import Iterable
from typing import Final

from communicator_impl.client import Device, link_of
from communicator_impl.client.files import listed
from communicator_impl.client.ledger import AddressRow
from communicator_impl.client.records import Message, Person, Stage, State
from communicator_reports.commands.rm.showing import draft_row, said, size
from communicator_reports.terminal.characters import on_one_line, seen
from communicator_reports.terminal.desk import Address, Attempt, Desk, Opened, Said, Service, Someone, Standing

__all__ = ["look", "numbers"]

_STATES: Final = {
    Stage.INVITED: "invited",
    Stage.ANSWERED: "joining",
    Stage.TOGETHER: "ready",
    Stage.ENDED: "ended",
}
_STANDINGS: Final = {
    State.DELIVERED: Standing.DELIVERED,
    State.SEEN: Standing.READ,
    State.FAILED: Standing.FAILED,
    State.RECEIVED: Standing.CAME,
}
_NOT_TAKEN: Final = ("", "not taken")


def numbers(device: Device) -> tuple[int, ...]:
    """Return the relationships of a device, those that have ended too."""
    return tuple(device.history.people())


def look(device: Device, opened: Iterable[int]) -> Desk:
    """Return what a device holds, and what is in some of its relationships."""
    rows = tuple(_someone(device, number, person) for number, person in device.history.people().items())
    return Desk(rows, _services(device), tuple(_opened(device, number) for number in opened))


def _someone(device: Device, number: int, person: Person) -> Someone:
    is_over = person.stage is Stage.ENDED
    is_known = number in device.core.relationships() and not is_over
    suite = device.core.suite(number) if is_known else None
    return Someone(
        number,
        on_one_line(device.history.called(number)) or f"({number})",
        "syncing" if is_known and not device.core.is_synchronised(number) else _STATES[person.stage],
        device.history.unread(number),
        is_over,
        person.verified,
        "" if suite is None else suite.name.lower(),
        link_of(bytes.fromhex(person.link)) if person.link else "",
        is_known and device.core.tells_read(number),
    )


def _services(device: Device) -> tuple[Service, ...]:
    setting, silent = device.book.setting, set(device.book.silent_now())
    left: dict[int, list[int]] = {service: [] for service in device.departures.services()}
    for relationship in device.core.relationships():
        for service, until_ms in device.core.leaving(relationship).items():
            left.setdefault(service, []).append(until_ms // 1000)
    return tuple(
        Service(
            uri := device.book.uri(number),
            number in setting.receiving,
            number in setting.sending,
            uri in silent,
            number in left,
            len(left.get(number, ())),
            max(left.get(number, ()), default=0),
        )
        for number in dict.fromkeys((*setting.receiving, *setting.sending, *left))
    )


def _opened(device: Device, number: int) -> Opened:
    messages = [_said(own, n, m) for own, n, m in device.history.messages(number)]
    waiting = ((draft, one) for draft, one in device.uploads.all().items() if one.relationship == number)
    drafts = [_draft(draft_row(draft, one)) for draft, one in waiting]
    if number not in device.core.relationships():
        return Opened(number, (*messages, *drafts), (), ())
    own, peer = device.core.own_grants(number), device.core.peer_grants(number)
    now_ms, rows = device.clock(), device.ledger.rows
    mine = [_address(device, row) for row in rows(number, now_ms, own=True, grants=own)]
    yours = [_address(device, row) for row in rows(number, now_ms, own=False, grants=peer)]
    return Opened(number, (*messages, *drafts), tuple(mine), tuple(yours))


def _said(own: bool, number: int, message: Message) -> Said:
    attempts = tuple(Attempt(w.via, w.service, w.at_ms, w.said, w.without) for w in message.ways)
    standing = _STANDINGS.get(message.state, Standing.KEPT)
    if standing is Standing.KEPT and any(attempt.came_of_it not in _NOT_TAKEN for attempt in attempts):
        standing = Standing.SENT  # rule 2
    files = [
        f"+ {file.reference} {on_one_line(file.attachment.name or 'a file')} ({size(file.attachment.length)})"
        for file in listed([(own, number, message)])
    ]
    text = "\n".join([*filter(None, [seen(said(message))]), *files])
    is_read = own or message.is_read
    return Said(own, number, message.date_s, text, standing, is_read, message.settled_s, attempts)


def _draft(row: dict[str, object]) -> Said:
    """A message that waits for its files; its number is none of a message."""
    why = f"\n(not sent: {on_one_line(str(row['error']))})" if row["error"] else "\n(its files are being stored)"
    standing = Standing.FAILED if row["error"] else Standing.KEPT
    return Said(True, -int(str(row["draft"])) << 32, int(str(row["date_s"])), seen(f"{row['text']}{why}"), standing)


def _address(device: Device, row: AddressRow) -> Address:
    until_s = row.valid_until_ms // 1000
    return Address(device.book.uri(row.service), row.long_term, row.standing, row.used, row.capacity, until_s)
