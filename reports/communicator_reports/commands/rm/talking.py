"""`communicator rm say|show|sync|watch|log`: messages."""

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from communicator_impl.client.files import listed
from communicator_impl.client.records import Message
from communicator_impl.content import Content
from communicator_reports.commands import options
from communicator_reports.commands.rm.meeting import STORE
from communicator_reports.commands.rm.opening import KeyFileOption, Relationship, Store, find, media_type, opened
from communicator_reports.commands.rm.showing import (
    draft_row,
    message_row,
    minute,
    plain,
    said,
    size,
    state_of,
    way_lines,
)
from communicator_spec.parameters import PARAMETERS

__all__ = ["log", "say", "show", "sync", "watch"]

_C = PARAMETERS.content


def say(
    name: Relationship,
    text: Annotated[str, typer.Argument(help="What you write.")],
    attach: Annotated[
        list[Path] | None, typer.Option("--attach", metavar="FILE", help="A file beside it; may be repeated.")
    ] = None,
    store: Store = STORE,
    key_file: KeyFileOption = None,
    as_json: options.Json = False,
) -> None:
    """Write a message. It is kept before anything else happens, and sent until it is delivered or given up.

    Files are encrypted and stored with two sending services before the message leaves; until then it waits here.

    Examples:

      communicator rm say Ben 'see you at eight'

      communicator rm say Ben 'the lake' --attach lake.jpg --attach map.pdf
    """
    with opened(store, key_file) as device:
        relationship = find(device, name)
        if attach:
            files = [(path, media_type(path)) for path in attach]
            draft = device.attach(relationship, Content(_C.text_type, text.encode()), files)
            device.turn()
            number, waiting = device.sent_with_files.get(draft), device.uploads.all().get(draft)
        else:
            number, draft, waiting = device.say(relationship, text), 0, None
            device.turn()
        message = None if number is None else device.history.message(relationship, number, own=True)
    if number is not None and message is not None:
        row = message_row(True, number, message)
        print(json.dumps({"relationship": relationship, **row}) if as_json else f"{number}: {_way(message)}")
    elif waiting is not None:
        row = {"relationship": relationship, **draft_row(draft, waiting)}
        print(json.dumps(row) if as_json else waiting.error or "kept; it is sent when its files are stored")


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
        called = plain(device.history.called(relationship))
        drafts = [draft_row(n, w) for n, w in device.uploads.all().items() if w.relationship == relationship]
        if not unread:
            device.read(relationship)
    if as_json:
        print(json.dumps([*(message_row(*one) for one in messages), *drafts]))
        return
    for own, number, message in messages:
        state = f"  [{state_of(message)}]" if own else ""
        print(f"{minute(message.date_s)}  {'me' if own else called}: {said(message)}{state}")
        for file in listed([(own, number, message)]):
            print(
                f"{'':18}+ {file.reference} {plain(file.attachment.name or 'a file')} ({size(file.attachment.length)})"
            )
        for line in way_lines(message) if ways else ():
            print(f"{'':18}{line}")
    for row in drafts:
        state = f"failed: {row['error']}" if row["error"] else "waits until its files are stored"
        print(f"{minute(int(str(row['date_s'])))}  me: {row['text']}  [{state}]")


def sync(store: Store = STORE, key_file: KeyFileOption = None, as_json: options.Json = False) -> None:
    """Send and fetch everything that is due, once.

    Example:

      communicator rm sync
    """
    with opened(store, key_file) as device:
        turned = device.turn()
        silent = device.book.silent_now()
        waiting = len(device.strangers.waiting())
        troubles = [f"{name.name} at {name.uri}: {name.trouble}" for name in device.names.all() if name.trouble]
    if as_json:
        row = {"arrived": turned.arrived, "silent": silent, "waiting": waiting, "troubles": troubles}
        print(json.dumps(row))
        return
    print(f"{turned.arrived} arrived")
    for line in [f"{waiting} strangers wait: communicator rm requests"] * bool(waiting) + troubles:
        print(line)
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
        shown = {(r, n) for r in device.history.people() for n in device.history.numbers(r)}

        def tell() -> None:
            for one in device.strangers.waiting():
                if (one.relationship, -1) not in shown:
                    shown.add((one.relationship, -1))
                    print(f"{time.strftime('%H:%M:%S')}  a stranger waits: communicator rm requests", flush=True)
            for relationship in device.history.people():
                for number in device.history.numbers(relationship):
                    if (relationship, number) in shown:
                        continue
                    shown.add((relationship, number))
                    if (message := device.history.message(relationship, number, own=False)) is not None:
                        called = plain(device.history.called(relationship))
                        print(f"{time.strftime('%H:%M:%S')}  {called}: {said(message)}", flush=True)

        running = Watch(device)
        if seconds is not None:
            timer = Timer(seconds, running.stop)
            timer.daemon = True
            timer.start()
        running.run(tell)


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


def _way(message: Message) -> str:
    if not message.ways:
        return "kept; it is sent when a service can be reached"
    last = message.ways[-1]
    return f"via {last.via} to {last.service}"
