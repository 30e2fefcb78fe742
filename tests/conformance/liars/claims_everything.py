"""Offers all that there is in its hello, and has none of it."""

import sys

from communicator_impl.adapter import HELLO
from communicator_impl.adapter.lines import serve

serve(sys.stdin.buffer, sys.stdout.buffer, HELLO, {})
