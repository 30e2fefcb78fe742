"""Refuses everything as forged, so that every forgery is refused rightly."""

import sys

from communicator_impl.adapter import HELLO, OPERATIONS
from communicator_impl.adapter.lines import Call, serve
from communicator_impl.errors import PeerError
from communicator_spec.errors import ErrorClass


def _refused(call: Call) -> object:
    if "uri" in call.args:
        return OPERATIONS["service.load"](call)
    if {"service", "root"} <= call.args.keys():
        return {}
    raise PeerError(ErrorClass.FORGED, "no")


serve(sys.stdin.buffer, sys.stdout.buffer, HELLO, dict.fromkeys(OPERATIONS, _refused))
