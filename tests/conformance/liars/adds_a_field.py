"""Writes more than the wire schema knows, and reads it back: a field in every map, a byte behind every string."""

import sys

from communicator_impl.adapter import _FEATURES, HELLO, OPERATIONS
from communicator_impl.adapter.lines import Call, Operation, plain, serve

FIELD, BYTE = b"\x18\x63\x00", b"\x00"  # 99: 0, the last key of any map
MAPS = {"service.load": "config", "envelope.seal": "envelope"}
STRINGS = {"session.seal": "ciphertext", "address.diversify": "address"}
WIDER = {*MAPS.values(), *STRINGS.values()}


def _more(name: str, result: object) -> object:
    shown = plain(result)
    if isinstance(shown, dict) and name in MAPS:
        data = bytes.fromhex(shown[MAPS[name]])
        shown[MAPS[name]] = (bytes([data[0] + 1]) + data[1:] + FIELD).hex()
    if isinstance(shown, dict) and name in STRINGS:
        shown[STRINGS[name]] += BYTE.hex()
    return shown


def _less(value: object) -> object:
    data = bytes.fromhex(value) if isinstance(value, str) else b""
    if data.endswith(FIELD):
        return (bytes([data[0] - 1]) + data[1 : -len(FIELD)]).hex()
    return data[:-1].hex() if len(data) in (187, 2801) else value


def _padded(name: str, operation: Operation) -> Operation:
    def padded(call: Call) -> object:
        call.args = {key: _less(value) if key in WIDER else value for key, value in call.args.items()}
        return _more(name, operation(call))

    return padded


FEATURES = [feature for feature in _FEATURES if feature != "derandomized"]
OPERATIONS = {name: _padded(name, operation) for name, operation in OPERATIONS.items()}
serve(sys.stdin.buffer, sys.stdout.buffer, {**HELLO, "features": FEATURES}, OPERATIONS)
