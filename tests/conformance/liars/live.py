"""Plays every role of a script well, except for what its first argument says."""

import sys
from typing import Any

from communicator_impl.adapter import HELLO, OPERATIONS
from communicator_impl.adapter.lines import Call, Operation, plain, serve


def _forgets(c: Call, answer: dict[str, Any]) -> dict[str, Any]:
    return answer | {"messages": answer["messages"][1:]}


def _doubles(c: Call, answer: dict[str, Any]) -> dict[str, Any]:
    return answer | {"messages": answer["messages"] * 2}


def _changes(c: Call, answer: dict[str, Any]) -> dict[str, Any]:
    return answer | {"messages": [message | {"content": "00"} for message in answer["messages"]]}


def _never_confirms(c: Call, answer: dict[str, Any]) -> dict[str, Any]:
    return answer | {"confirm": []}


def _tells_twice(c: Call, answer: dict[str, Any]) -> dict[str, Any]:
    return answer | {"events": answer["events"] * 2}


def _leaves_out(c: Call, answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "confirm"}


def _lies(operation: Operation, lie: Any) -> Operation:  # noqa: ANN401 - JSON
    return lambda c: lie(c, plain(operation(c)))


LIES = {
    "forgets": _forgets,
    "doubles": _doubles,
    "changes": _changes,
    "never_confirms": _never_confirms,
    "tells_twice": _tells_twice,
    "leaves_out": _leaves_out,
}

lying = {"person.receive": _lies(OPERATIONS["person.receive"], LIES[sys.argv[1]])}
serve(sys.stdin.buffer, sys.stdout.buffer, HELLO, {**OPERATIONS, **lying})
