"""The reference adapter's operations for what messages carry: contents, attachments, the digits that people compare.

Theory. As in `adapter`: one request, one call, one answer. A ciphertext of an attachment is long, so files and
plaintexts are given by their first bytes, with zeros after them, and chunks travel as a list that later steps refer to.
"""

import hashlib
from collections.abc import Iterator

from communicator_impl import attachment, content
from communicator_impl.adapter.lines import Call, Operation
from communicator_impl.errors import InputError
from communicator_impl.fingerprint import fingerprint
from communicator_impl.keys import IdentityKey
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["CONTENT_OPERATIONS"]

_A = PARAMETERS.attachment


def _key(c: Call) -> bytes:
    return c.raw("key", _A.key_bytes)


def _list(c: Call, name: str) -> list[bytes]:
    found = c[name]
    if not isinstance(found, list):
        raise InputError(ErrorClass.MALFORMED, f"{name} is no list")
    return [Call({name: item}, c.now, c.entropy, c.held).raw(name) for item in found]


def _file(c: Call) -> Iterator[bytes]:
    """Yield the file: its first bytes, and zeros up to its length."""
    start, left = c.raw("file"), c.number("length")
    yield start
    left -= len(start)
    while left > 0:
        yield bytes(min(left, _A.chunk_bytes))
        left -= _A.chunk_bytes


def _encrypt(c: Call) -> object:
    chunks: list[bytes] = []
    digest = attachment.encrypt_with(_key(c), _file(c), c.number("length"), chunks.append)
    return {"digest": digest, "chunks": chunks}


def _seal(c: Call) -> object:
    """Encrypt chunks as somebody might who does not keep to the rules."""
    key, count, last = _key(c), c.number("count"), c.number("last")
    if count >= 1 << 32:
        raise InputError(ErrorClass.MALFORMED, "count")
    plaintexts = (start.ljust(_A.chunk_plain_bytes, b"\0") for start in _list(c, "plaintexts"))
    return {"chunks": [attachment.seal_chunk(key, i, i == last, count, p) for i, p in enumerate(plaintexts)]}


def _decrypt(c: Call) -> object:
    chunks, shelf = _list(c, "chunks"), attachment.MemoryShelf()
    given = c.args.get("digest") is not None
    digest = c.raw("digest", _A.digest_bytes) if given else hashlib.sha256(b"".join(chunks)).digest()
    attachment.decrypt(chunks, attachment.Sealed(_key(c), digest), c.number("length"), shelf)
    return {"file_hash": hashlib.sha256(shelf.file or b"").digest()}


def _attachment(c: Call) -> dict[int, object]:
    """Return the wire form of what a request says of a file."""
    rows = c["locations"]
    if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) == 4 for row in rows):
        raise InputError(ErrorClass.MALFORMED, "locations")
    named = {} if c.args.get("name") is None else {3: c["name"]}
    places = [[uri, *_raw(c, key, digest), until_s] for uri, key, digest, until_s in rows]
    return {0: c["length"], 1: places, 2: c["type"], **named}


def _raw(c: Call, *items: object) -> list[bytes]:
    return [Call({"item": item}, c.now, c.entropy, c.held).raw("item") for item in items]


def _encode(c: Call) -> object:
    files = tuple(content.Attachment.from_wire(_attachment(row)) for row in c.rows("attachments"))
    if not isinstance(c["type"], str):
        raise InputError(ErrorClass.MALFORMED, "type")
    return {"content": content.encode_content(content.Content(c["type"], c.raw("data"), files))}


def _decode(c: Call) -> object:
    read = content.decode_content(c.raw("content"))
    return {"type": read.type, "data": read.data, "attachments": [_shown(a) for a in read.attachments]}


def _shown(a: content.Attachment) -> dict[str, object]:
    locations = [[x.uri, x.key, x.digest, x.valid_until_s] for x in a.locations]
    return {"length": a.length, "locations": locations, "type": a.type, "name": a.name}


CONTENT_OPERATIONS: dict[str, Operation] = {
    "attachment.size": lambda c: {"count": attachment.chunks_of(c.number("length"))},
    "attachment.encrypt": _encrypt,
    "attachment.seal": _seal,
    "attachment.decrypt": _decrypt,
    "content.encode": _encode,
    "content.decode": _decode,
    "identity.fingerprint": lambda c: {
        "groups": fingerprint(IdentityKey.from_bytes(c.raw("own")), IdentityKey.from_bytes(c.raw("peer")))
    },
}
