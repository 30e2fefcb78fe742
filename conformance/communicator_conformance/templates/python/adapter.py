"""A first adapter, from nothing but Python's standard library: the keys and labels of profile label/1.

    communicator conform --expectations known.txt -- python3 adapter.py

It offers one role and one profile, has two of the three operations that these need, and says so in
its list of known failures, `known.txt`.
"""

import hashlib
import hmac
import json
import re
import sys
from typing import Any

HELLO = {
    "name": "first-verdict-python",
    "version": "1",
    "language": "Python",
    "roles": ["rm"],
    "profiles": ["label/1"],
    "suites": [1],
    "features": [],
}
YEAR_S = 396 * 86_400


class Refused(Exception):
    """A refusal with its normative class."""


def raw(args: dict[str, Any], name: str) -> bytes:
    """Bytes from hex in lower case."""
    text = args.get(name)
    if not isinstance(text, str) or not re.fullmatch("([0-9a-f]{2})*", text):
        raise Refused("malformed")
    return bytes.fromhex(text)


def number(args: dict[str, Any], name: str, size: int) -> int:
    """An unsigned integer of at most so many bytes."""
    value = args.get(name)
    if type(value) is not int or value < 0:
        raise Refused("malformed")
    if value >= 1 << 8 * size:
        raise Refused("limit")
    return value


def grant(args: dict[str, Any], now: int) -> dict[str, str]:
    """HKDF-Expand(root secret, label ‖ 0 ‖ epoch, 32), for at most 396 days of whole hours."""
    secret, epoch, until = raw(args, "secret"), number(args, "epoch", 4), number(args, "valid_until_s", 8)
    if until % 3600:
        raise Refused("malformed")
    if until - now > YEAR_S:
        raise Refused("limit")
    info = b"communicator label/1 epoch\0" + epoch.to_bytes(4, "big")
    return {"key": hmac.digest(secret, info + b"\1", hashlib.sha256).hex()}


def derive(args: dict[str, Any], _now: int) -> dict[str, str]:
    """HMAC(epoch key, lane ‖ index), the first 16 bytes."""
    key, lane, index = raw(args, "key"), number(args, "lane", 2), number(args, "index", 4)
    place = lane.to_bytes(2, "big") + index.to_bytes(4, "big")
    return {"label": hmac.digest(key, place, hashlib.sha256)[:16].hex()}


OPERATIONS = {"label.grant": grant, "label.derive": derive}


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Answer one request."""
    if request["op"] == "hello":
        return {"ok": HELLO}
    operation = OPERATIONS.get(request["op"])
    if operation is None:
        return {"unsupported": True}
    try:
        return {"ok": operation(request["args"], request["now"])}
    except Refused as refusal:
        return {"error": {"class": str(refusal)}}


for line in sys.stdin:
    asked = json.loads(line)
    print(json.dumps({"id": asked["id"], **answer(asked)}), flush=True)
