"""Refuses rightly, by falling over."""

import os
import sys

from communicator_impl.adapter import HELLO, OPERATIONS
from communicator_impl.adapter.lines import Call, Operation, serve
from communicator_impl.errors import CommunicatorError


def _crashing(operation: Operation) -> Operation:
    def crashing(call: Call) -> object:
        try:
            return operation(call)
        except CommunicatorError as error:
            print(f"falling over: {error}", file=sys.stderr, flush=True)
            os._exit(3)

    return crashing


serve(sys.stdin.buffer, sys.stdout.buffer, HELLO, {name: _crashing(op) for name, op in OPERATIONS.items()})
