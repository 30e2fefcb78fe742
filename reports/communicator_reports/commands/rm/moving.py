"""`communicator rm services|addresses|move|leaving|end`: where one is reached, and for whom."""

import json
from typing import Annotated

import msgspec
import typer

from communicator_impl.client import Device
from communicator_impl.client.ledger import AddressRow
from communicator_reports.commands import options
from communicator_reports.commands.rm.meeting import STORE
from communicator_reports.commands.rm.opening import KeyFileOption, Relationship, Store, find, opened
from communicator_reports.commands.rm.showing import minute, plain

__all__ = ["addresses", "end", "leaving", "move", "services"]


class _Address(msgspec.Struct, frozen=True):
    service: str
    kind: str
    state: str
    valid_until_s: int
    used: int
    capacity: int


def services(
    sending: Annotated[
        list[str] | None, typer.Option(metavar="URI", help="Send by these from now on; nobody else learns of it.")
    ] = None,
    store: Store = STORE,
    key_file: KeyFileOption = None,
    as_json: options.Json = False,
) -> None:
    """List the services in use and those that are being left, or choose other sending services.

    Examples:

      communicator rm services

      communicator rm services --sending https://post.example
    """
    with opened(store, key_file) as device:
        if sending:
            device.replace_senders(sending)
        device.turn()
        setting, under_way = device.book.setting, _leaving(device)
        rows = {
            "receiving": [device.book.uri(n) for n in setting.receiving],
            "sending": [device.book.uri(n) for n in setting.sending],
            "leaving": under_way,
            "silent": device.book.silent_now(),
        }
    if as_json:
        print(json.dumps(rows))
        return
    print(f"receives by: {', '.join(rows['receiving'])}\nsends by: {', '.join(rows['sending'])}")
    for uri, left in under_way.items():
        print(f"leaving {uri}: {left} relationships still have an address there")
    for uri in rows["silent"]:
        print(f"{uri} does not answer")


def addresses(
    name: Relationship, store: Store = STORE, key_file: KeyFileOption = None, as_json: options.Json = False
) -> None:
    """Show the addresses of one relationship: what was issued, how much is used, and until when it is good.

    Example:

      communicator rm addresses Ben
    """
    with opened(store, key_file) as device:
        relationship = find(device, name)
        device.turn()
        own = _addresses(device, relationship, own=True)
        peer = _addresses(device, relationship, own=False)
        leaving = {device.book.uri(s): until // 1000 for s, until in device.core.leaving(relationship).items()}
    if as_json:
        builtins = msgspec.to_builtins({"own": own, "peer": peer, "leaving": leaving})
        print(json.dumps(builtins))
        return
    for title, rows in (("people reach you", own), ("you reach them", peer)):
        print(f"{title}:")
        for row in rows:
            used = f"{row.used} of {row.capacity} used"
            print(f"  {row.service}  {row.kind}, {row.state}: {used}, until {minute(row.valid_until_s)}")


def move(
    old: Annotated[str, typer.Argument(metavar="OLD", help="The receiving service that you leave.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The one that takes its place.")],
    leave: Annotated[
        bool, typer.Option("--leave/--dead", help="Leave the old one in good order, or it is gone for good.")
    ] = True,
    store: Store = STORE,
    key_file: KeyFileOption = None,
    as_json: options.Json = False,
) -> None:
    """Receive at another service from now on. Everybody learns of it by itself, with the next message or within days.

    The old one is used until nobody writes there any more; `communicator rm leaving` shows how far it is.

    Examples:

      communicator rm move https://old.example https://new.example --leave

      communicator rm move https://dead.example https://new.example --dead
    """
    with opened(store, key_file) as device:
        if old != new:
            device.replace_receiving(old, new, leave=leave)
        device.turn()
        under_way = _leaving(device)
        left = leave and old not in under_way
    if as_json:
        print(json.dumps({"leaving": under_way, "left": left}))
    elif left:
        print(f"{old} is left: nothing of you is there any more")
    else:
        print(f"{new} takes the place of {old}")


def leaving(store: Store = STORE, key_file: KeyFileOption = None, as_json: options.Json = False) -> None:
    """Show how far you are with leaving a receiving service. When it is safe, it is left, without a command of yours.

    Example:

      communicator rm leaving
    """
    with opened(store, key_file) as device:
        device.turn()
        rows = device.departures.progress()
    if as_json:
        print(json.dumps([row._asdict() for row in rows]))
        return
    for row in rows:
        until = f", until {minute(row.until_s)} at the latest" if row.until_s else ""
        stored = "unknown, it does not answer" if row.stored is None else str(row.stored)
        print(f"leaving {row.uri}{until}")
        print(f"  people who have not confirmed the new addresses: {row.waiting}")
        print(f"  people who have, with something on its way perhaps: {row.confirmed}")
        print(f"  people who write there no more: {row.released}")
        print(f"  messages stored there: {stored}")
    if not rows:
        print("no service is being left")


def end(
    name: Relationship,
    tell: Annotated[bool, typer.Option("--tell", help="Let the person know.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    store: Store = STORE,
    key_file: KeyFileOption = None,
    as_json: options.Json = False,
) -> None:
    """End a relationship: its addresses are revoked, its keys erased; what was written stays with you.

    Example:

      communicator rm end Ben --tell
    """
    with opened(store, key_file) as device:
        relationship = find(device, name)
        if not yes and not as_json:
            typer.confirm(f"End the relationship with {plain(device.history.called(relationship))}?", abort=True)
        device.end(relationship, tell=tell)
        device.turn()
    print(json.dumps({"ended": relationship}) if as_json else "ended")


def _leaving(device: Device) -> dict[str, int]:
    """Return how many relationships still hold the person at each service that is being left (PORT-3)."""
    return {row.uri: row.waiting + row.confirmed for row in device.departures.progress()}


def _addresses(device: Device, relationship: int, *, own: bool) -> list[_Address]:
    core = device.core
    grants = core.own_grants(relationship) if own else core.peer_grants(relationship)
    rows = device.ledger.rows(relationship, device.clock(), own=own, grants=grants)
    return [_address(device, row) for row in rows]


def _address(device: Device, row: AddressRow) -> _Address:
    kind, until_s = "long-term" if row.long_term else "short-lived", row.valid_until_ms // 1000
    return _Address(device.book.uri(row.service), kind, row.standing.value, until_s, row.used, row.capacity)
