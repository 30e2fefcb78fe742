"""Works, except that it never answers when it is to derive a label."""

import sys
import time

from communicator_impl.adapter import HELLO, OPERATIONS
from communicator_impl.adapter.lines import Call, serve


def _hang(_: Call) -> object:
    time.sleep(3600)
    return {}


serve(sys.stdin.buffer, sys.stdout.buffer, HELLO, {**OPERATIONS, "label.derive": _hang})
