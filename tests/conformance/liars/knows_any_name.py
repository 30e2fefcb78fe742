"""Answers every operation that it has never heard of with success."""

import sys
from collections import UserDict

from communicator_impl.adapter import HELLO, OPERATIONS
from communicator_impl.adapter.lines import Operation, serve


class _Everything(UserDict[str, Operation]):
    def get(self, key: str, default: object = None) -> Operation:
        return self.data.get(key, lambda _: {})


serve(sys.stdin.buffer, sys.stdout.buffer, HELLO, _Everything(OPERATIONS))
