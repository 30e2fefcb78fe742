"""Takes everything: what the reference refuses, it says yes to."""

import sys

from communicator_impl.adapter import HELLO, OPERATIONS
from communicator_impl.adapter.lines import Call, Operation, serve
from communicator_impl.errors import CommunicatorError


def _taken(operation: Operation) -> Operation:
    def taken(call: Call) -> object:
        try:
            return operation(call)
        except CommunicatorError:
            return {}

    return taken


serve(sys.stdin.buffer, sys.stdout.buffer, HELLO, {name: _taken(op) for name, op in OPERATIONS.items()})
