"""Plays every role of a script well, except for what its first argument says."""

import sys
from collections.abc import Callable
from typing import Any

from communicator_impl.adapter import HELLO, OPERATIONS
from communicator_impl.adapter.lines import Call, Operation, plain, serve
from communicator_impl.errors import PeerError
from communicator_spec.errors import ErrorClass

Answer = dict[str, Any]


def _told(change: Callable[[Answer], Answer]) -> Callable[[Operation], Operation]:
    """Change what the operation gives."""
    return lambda operation: lambda c: change(dict(plain(operation(c)) or {}))  # type: ignore[call-overload]


def _twice(name: str) -> Callable[[Operation], Operation]:
    return _told(lambda answer: answer | {name: answer[name] * 2})


def _refuses(_: Operation) -> Operation:
    def refused(_: Call) -> object:
        raise PeerError(ErrorClass.REFUSED, "no")

    return refused


def _accepts(_: Operation) -> Operation:
    return lambda c: {"events": []}


def _hangs(_: Operation) -> Operation:
    return lambda c: sys.stdin.read()


def _dies(_: Operation) -> Operation:
    return lambda c: sys.exit("falling over")


def _never_rests(operation: Operation) -> Operation:
    return lambda c: _told(lambda answer: answer | {"deadline_s": c.now})(operation)(c)


def _chatters(operation: Operation) -> Operation:
    def chatty(c: Call) -> object:
        print("as I was saying", flush=True)
        return operation(c)

    return chatty


LIES: dict[str, tuple[str, Callable[[Operation], Operation]]] = {
    "forgets": ("person.receive", _told(lambda answer: answer | {"messages": answer["messages"][1:]})),
    "doubles": ("person.receive", _twice("messages")),
    "changes": (
        "person.receive",
        _told(lambda answer: answer | {"messages": [m | {"content": "00"} for m in answer["messages"]]}),
    ),
    "tells_twice": ("person.receive", _twice("events")),
    "leaves_out": ("person.receive", _told(lambda answer: {n: v for n, v in answer.items() if n != "confirm"})),
    "numbers_from_seven": ("person.submit", _told(lambda answer: answer | {"number": answer["number"] + 7})),
    "hands_nothing_over": ("person.wake", _told(lambda answer: answer | {"transmissions": []})),
    "refuses_to_receive": ("person.receive", _refuses),
    "refuses_to_send": ("sender.submit", _refuses),
    "refuses_to_store": ("receiver.accept", _refuses),
    "stores_nothing": ("receiver.accept", _accepts),
    "attempts_nothing": ("sender.due", _told(lambda answer: answer | {"attempts": [], "next_s": None})),
    "confirms_nothing": ("receiver.confirm", _accepts),
    "reports_what_there_is_not": ("person.submit", _told(lambda answer: answer | {"events": [{"kind": "nothing"}]})),
    "uses_a_service_of_nobody": (
        "person.wake",
        _told(
            lambda answer: (
                answer | {"transmissions": [t | {"via": "https://nobody.example"} for t in answer["transmissions"]]}
            )
        ),
    ),
    "shows_no_package": ("person.invite", _told(lambda answer: answer | {"package": ""})),
    "hangs_at_receiving": ("person.receive", _hangs),
    "hangs_at_storing": ("receiver.accept", _hangs),
    "dies_at_sending": ("sender.submit", _dies),
    "dies_at_storing": ("receiver.accept", _dies),
    "never_rests": ("person.wake", _never_rests),
    "chatters_when_it_sends": ("sender.due", _chatters),
    "chatters_when_it_fetches": ("receiver.fetch", _chatters),
}

name, lie = LIES[sys.argv[1]]
serve(sys.stdin.buffer, sys.stdout.buffer, HELLO, {**OPERATIONS, name: lie(OPERATIONS[name])})
