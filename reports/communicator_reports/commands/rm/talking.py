"""`communicator rm say|show|sync|watch|profile|log`: messages."""

import json
import time
from datetime import datetime
from typing import Annotated

import typer

from communicator_impl.client.records import Message
from communicator_impl.content import Profile, decode_content, decode_profile
from communicator_impl.errors import PeerError
from communicator_reports.commands import options
from communicator_reports.commands.rm.meeting import STORE
from communicator_reports.commands.rm.opening import KeyFileOption, Relationship, Store, find, opened
from communicator_spec.parameters import PARAMETERS

__all__ = ["log", "profile", "said", "say", "show", "sync", "watch"]

_C = PARAMETERS.content


def say(
    name: Relationship,
    text: Annotated[str, typer.Argument(help="What you write.")],
    store: Store = STORE,
    key_file: KeyFileOption = None,
    as_json: options.Json = False,
) -> None:
    """Write a message. It is kept before anything else happens, and sent until it is delivered or given up.

    Example:

      communicator rm say Ben 'see you at eight'
    """
    with opened(store, key_file) as device:
        relationship = find(device, name)
        number = device.say(relationship, text)
        device.turn()
        message = device.history.message(relationship, number, own=True)
    assert message is not None
    if as_json:
        print(json.dumps({"relationship": relationship, **_plain(True, number, message)}))
    else:
        print(f"{number}: {_way(message)}")


def show(
    name: Relationship,
    ways: Annotated[bool, typer.Option("--ways", help="Show which way each message took.")] = False,
    unread: Annotated[bool, typer.Option("--peek", help="Leave what is new unread.")] = False,
    store: Store = STORE,
    key_file: KeyFileOption = None,
    as_json: options.Json = False,
) -> None:
    """Show a conversation, after a look for what has arrived.

    Examples:

      communicator rm show Ben

      communicator rm show Ben --ways
    """
    with opened(store, key_file) as device:
        relationship = find(device, name)
        device.turn()
        messages = device.history.messages(relationship)
        person = device.history.person(relationship)
        if not unread:
            device.read(relationship)
    if as_json:
        print(json.dumps([_plain(own, number, message) for own, number, message in messages]))
        return
    for own, _, message in messages:
        at = datetime.fromtimestamp(message.date_s).strftime("%Y-%m-%d %H:%M")
        state = f"  [{message.state.value}]" if own else ""
        print(f"{at}  {'me' if own else person.name}: {said(message)}{state}")
        for way in message.ways if ways else ():
            print(f"{'':18}via {way.via} to {way.service}: {way.said or 'handed over'}")


def sync(store: Store = STORE, key_file: KeyFileOption = None, as_json: options.Json = False) -> None:
    """Send and fetch everything that is due, once.

    Example:

      communicator rm sync
    """
    with opened(store, key_file) as device:
        turned = device.turn()
        silent = device.book.silent_now()
    if as_json:
        print(json.dumps({"arrived": turned.arrived, "silent": silent}))
        return
    print(f"{turned.arrived} arrived")
    for uri in silent:
        print(f"{uri} does not answer; it is asked again later")


def watch(
    seconds: Annotated[float | None, typer.Option(min=0.0, metavar="S", help="Stop after S seconds.")] = None,
    store: Store = STORE,
    key_file: KeyFileOption = None,
) -> None:
    """Stay, and print messages as they arrive, until Ctrl-C.

    Example:

      communicator rm watch
    """
    from threading import Timer

    from communicator_impl.client.watching import Watch

    with opened(store, key_file) as device:
        shown = {(r, n) for r in device.core.relationships() for own, n, _ in device.history.messages(r) if not own}

        def tell() -> None:
            for relationship, person in device.history.people().items():
                for own, number, message in device.history.messages(relationship):
                    if not own and (relationship, number) not in shown:
                        shown.add((relationship, number))
                        print(f"{time.strftime('%H:%M:%S')}  {person.name}: {said(message)}", flush=True)

        running = Watch(device)
        if seconds is not None:
            timer = Timer(seconds, running.stop)
            timer.daemon = True
            timer.start()
        running.run(tell)


def profile(
    name: Relationship,
    called: Annotated[str, typer.Option(metavar="NAME", help="What you are called in this relationship.")],
    pronouns: Annotated[str | None, typer.Option(help="How people speak of you.")] = None,
    store: Store = STORE,
    key_file: KeyFileOption = None,
    as_json: options.Json = False,
) -> None:
    """Say what you are called. It is for this person alone, and can be something else for everybody else.

    Example:

      communicator rm profile Ben --called 'Ann Example' --pronouns she/her
    """
    with opened(store, key_file) as device:
        number = device.tell_profile(find(device, name), Profile(called, pronouns))
        device.turn()
    print(json.dumps({"number": number}) if as_json else f"{number}: {called}")


def log(store: Store = STORE, key_file: KeyFileOption = None) -> None:
    """Print the event log, for `communicator judge`.

    It is written while COMMUNICATOR_EVENT_LOG holds a number, that of this person in the log.

    Example:

      communicator rm log > ann.jsonl
    """
    from communicator_impl.client.log import EventLog

    with opened(store, key_file) as device:
        lines = EventLog(device.vault, device.book).lines()
    for line in lines:
        print(line)


def said(message: Message) -> str:
    """Return a message as one line of text."""
    try:
        content = decode_content(message.content)
    except PeerError:
        return "(a message that cannot be read)"
    if content.type == _C.text_type:
        return content.data.decode()
    if content.type == _C.profile_type:
        told = decode_profile(content.data)
        return f"(is called {told.name}{f', {told.pronouns}' if told.pronouns else ''})"
    return f"(a message of type {content.type})"


def _plain(own: bool, number: int, message: Message) -> dict[str, object]:
    ways = [{"via": w.via, "service": w.service, "at_ms": w.at_ms, "said": w.said} for w in message.ways]
    head = {"from": "me" if own else "peer", "number": number, "date_s": message.date_s}
    return {**head, "text": said(message), "state": message.state.value, "ways": ways}


def _way(message: Message) -> str:
    if not message.ways:
        return "kept; it is sent when a service can be reached"
    last = message.ways[-1]
    return f"via {last.via} to {last.service}"
