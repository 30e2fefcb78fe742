"""Works, except that it logs to stdout when it is to derive a label."""

import sys

from communicator_impl.adapter import HELLO, OPERATIONS
from communicator_impl.adapter.lines import Call, serve


def _chatty(call: Call) -> object:
    print("deriving a label", flush=True)
    return OPERATIONS["label.derive"](call)


serve(sys.stdin.buffer, sys.stdout.buffer, HELLO, {**OPERATIONS, "label.derive": _chatty})
