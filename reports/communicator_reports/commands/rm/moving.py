"""`communicator rm services|addresses|move|end`: where one is reached, and for whom."""

import json
from datetime import datetime
from typing import Annotated

import msgspec
import typer

from communicator_impl.client import Device
from communicator_impl.errors import CommunicatorError
from communicator_reports.commands import options
from communicator_reports.commands.rm.meeting import STORE
from communicator_reports.commands.rm.opening import KeyFileOption, Relationship, Store, find, opened
from communicator_spec import Grant

__all__ = ["addresses", "end", "move", "services"]


class _Address(msgspec.Struct, frozen=True):
    service: str
    kind: str
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
        setting, leaving = device.book.setting, _leaving(device)
        rows = {
            "receiving": [device.book.uri(n) for n in setting.receiving],
            "sending": [device.book.uri(n) for n in setting.sending],
            "leaving": leaving,
            "silent": device.book.silent_now(),
        }
    if as_json:
        print(json.dumps(rows))
        return
    print(f"receives by: {', '.join(rows['receiving'])}\nsends by: {', '.join(rows['sending'])}")
    for uri, left in leaving.items():
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
        own = [_address(device, grant, used) for grant, used in device.core.own_grants(relationship)]
        peer = [_address(device, grant, used) for grant, used in device.core.peer_grants(relationship)]
        leaving = {device.book.uri(s): until // 1000 for s, until in device.core.leaving(relationship).items()}
    if as_json:
        builtins = msgspec.to_builtins({"own": own, "peer": peer, "leaving": leaving})
        print(json.dumps(builtins))
        return
    for title, rows in (("people reach you", own), ("you reach them", peer)):
        print(f"{title}:")
        for row in rows:
            until = datetime.fromtimestamp(row.valid_until_s).strftime("%Y-%m-%d %H:%M")
            print(f"  {row.service}  {row.kind}, {row.used} of {row.capacity} used, until {until}")


def move(
    old: Annotated[str, typer.Argument(metavar="OLD", help="The receiving service that you leave.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The one that takes its place.")],
    dead: Annotated[bool, typer.Option("--dead", help="The old one is gone for good.")] = False,
    store: Store = STORE,
    key_file: KeyFileOption = None,
    as_json: options.Json = False,
) -> None:
    """Receive at another service from now on. Everybody learns of it by itself, with the next message or within days.

    `communicator rm services` shows how far it is.

    Examples:

      communicator rm move https://old.example https://new.example

      communicator rm move https://dead.example https://new.example --dead
    """
    with opened(store, key_file) as device:
        if old != new:
            device.replace_receiving(old, new, leave=not dead)
        device.turn()
        leaving = _leaving(device)
        left = not dead and not leaving.get(old) and _finished(device, old)
    if as_json:
        print(json.dumps({"leaving": leaving, "left": left}))
    elif left:
        print(f"{old} is left: nothing of you is there any more")
    else:
        print(f"{new} takes the place of {old}")


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
            typer.confirm(f"End the relationship with {device.history.person(relationship).name}?", abort=True)
        device.end(relationship, tell=tell)
        device.turn()
    print(json.dumps({"ended": relationship}) if as_json else "ended")


def _leaving(device: Device) -> dict[str, int]:
    found: dict[str, int] = {}
    for relationship in device.core.relationships():
        for service in device.core.leaving(relationship):
            uri = device.book.uri(service)
            found[uri] = found.get(uri, 0) + 1
    return found


def _finished(device: Device, uri: str) -> bool:
    try:
        return device.finish_leaving(uri)
    except CommunicatorError:
        return False


def _address(device: Device, grant: Grant, used: int) -> _Address:
    kind = "long-term" if grant.long_term else "short-lived"
    return _Address(device.book.uri(grant.service), kind, grant.valid_until_ms // 1000, used, grant.capacity)
