"""One good example of every structure of the wire schema, as a value that can be broken at any place, and who reads it.

Theory. A structure is judged where a message brings it: a grant inside a body, a location inside a content. An example
has every optional field, so that each can be broken; where its limit needs more than one field to change (a range needs
a floor below it), the example at the limit, and beyond it, is written out here.

Rules:

1. Every example is taken as it stands; the generator stops otherwise.
2. `limits` names a field with two values of the whole message: at its limit (None: nothing there can be good, or the
   example is there already) and one beyond it (None: as the schema's number says).
3. Signatures are made by `sign` over what the message says then.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from communicator_impl import wire
from communicator_impl.addresses import KeySchedule
from communicator_impl.keys import Identity
from communicator_impl.vectors.address_cases import DAY, HOUR, OUTER, URI, generation, issued, keys, load, register
from communicator_impl.vectors.directory_cases import (
    ALEX,
    BLAIR,
    KEY,
    LOG,
    NEW,
    SECOND,
    SEED,
    contact_of,
    head_of,
    proof_of,
)
from communicator_impl.vectors.directory_cases import URI as DIRECTORY
from communicator_impl.vectors.envelope_cases import TEXT, label_request, two_layer_request
from communicator_impl.vectors.forms import Path, encode, put
from communicator_impl.vectors.hybrid_cases import DANA, HYBRID_PACKAGE
from communicator_impl.vectors.label_cases import register_epoch
from communicator_impl.vectors.session_cases import BOB, PACKAGE
from communicator_impl.vectors.story import NOW, Step, named_bytes
from communicator_spec.parameters import PARAMETERS

__all__ = ["Message", "messages"]

Value = object
Limits = Mapping[str, tuple[Value | None, Value | None]]
_P: Final = PARAMETERS
_U48, _U64 = (1 << 48) - 1, (1 << 64) - 1
_FULL: Final = "https://" + ".".join(["a" * 59, "b" * 60])
"""The URI of a service at its limit of 128 bytes."""


def _same(value: Value) -> Value:
    return value


class Message(msgspec.Struct, frozen=True):
    """One structure in one message: what is asked about its bytes, and where in the message it stands."""

    label: str
    rule: str
    ask: Callable[[bytes], Step]
    value: Value
    at: Path = ()
    before: tuple[Step, ...] = ()
    sign: Callable[[Value], Value] = _same
    limits: Limits = {}
    required: frozenset[str] = frozenset()
    """Optional fields that this message must have all the same."""
    too_large: Mapping[str, str] = {}
    """Defects after which the whole message is beyond its limit, with the clause that says so."""


def _asks(op: str, argument: str, **more: object) -> Callable[[bytes], Step]:
    return lambda data: Step(op.split(".")[1], op, {argument: data, **more})


# -------------------------------------------------------------------- requests and deliveries


def _decoded(data: bytes) -> dict[int, object]:
    value = wire.decode(data, _P.envelope.request_bytes_max)
    assert isinstance(value, dict)
    return value


def _requests() -> list[Message]:
    ask = _asks("envelope.resolve", "envelope", service="$service.handle")
    labelled = _decoded(label_request())
    longest = {**labelled, 2: bytes(4088)}
    submission: dict[object, object] = {0: 1, 1: URI, 2: b"a request", 3: NOW + DAY, 4: 60}
    delivery: dict[object, object] = {0: 1, 1: 1 << 20, 2: TEXT, 3: 260, 4: 5}
    return [
        Message("two-layer-request", "two-layer-request", ask, _decoded(two_layer_request()), (), (load(), register()),
                limits={"1": (None, {**_decoded(two_layer_request()), 1: 3})}, too_large={"3-twice": "ENV-2"}),
        Message("label-request", "label-request", ask, labelled, (), (load(), register_epoch()),
                limits={"1": (None, {**labelled, 1: 3}), "2": (None, longest)},
                too_large={"2-twice": "ENV-2", "2-over": "ENV-2"}),
        Message("submission", "submission", _asks("submission.decode", "submission"), submission,
                limits={"1": ({**submission, 1: _FULL}, {**submission, 1: _FULL + "b"})},
                too_large={"2-over": "ENV-2"}),
        Message("delivery", "delivery", _asks("delivery.decode", "delivery"), delivery,
                too_large={"2-twice": "ENV-7"}),
    ]  # fmt: skip


# -------------------------------------------------------------------- bodies, and what stands in them

_GRANT: Final[dict[object, object]] = {0: 5, 1: True, 2: NOW + 30 * DAY, 3: 64, 4: named_bytes("granted key")}
_KEYS: Final[dict[object, object]] = {0: 1, 1: [OUTER.public.to_wire()]}


def _entry(uri: str = URI, profile: int = 2, **more: object) -> dict[object, object]:
    entry: dict[object, object] = {0: uri, 1: profile, 2: _KEYS, 3: [_GRANT]}
    return {**entry, **{int(name[1:]): value for name, value in more.items()}}


def _places(count: int) -> list[str]:
    return [f"https://s{i}.example" for i in range(count)]


def _digests(count: int) -> dict[object, object]:
    return {uri: named_bytes(f"digest {uri}", 16) for uri in _places(count)}


_SET: Final[dict[object, object]] = {0: 4, 1: [_entry()]}
_MORE: Final[dict[object, object]] = {4: 3, 5: _SET, 6: _digests(2)}
_RECEIVED: Final = [12, [[13, 14], [16, 16]]]
_MESSAGE: Final[dict[object, object]] = {0: 1, 1: 0, 2: 17, 3: _RECEIVED, **_MORE, 7: b"good morning"}
_KINDS: Final = {
    "receipt": (1, b"x"), "update": (2, b"x"), "request-update": (3, b"x"), "end": (4, b"x"), "moved": (5, b"x"),
    "read": (6, wire.encode([12, [[13, 13]]])), "resync": (7, wire.encode({0: 41})),
}  # fmt: skip
_BODY: Final = _asks("body.decode", "body")


def _bodies() -> list[Message]:
    made = [_body("message-body", "message-body", _MESSAGE)]
    for label, (kind, content) in _KINDS.items():
        value: dict[object, object] = {0: 1, 1: kind, 3: _RECEIVED, **_MORE, 7: content}
        needed = frozenset(("7",)) if label in ("read", "resync") else frozenset[str]()
        made.append(msgspec.structs.replace(_body(label, "state-body", value), required=needed))
    return made


def _body(label: str, rule: str, value: dict[object, object]) -> Message:
    bare = {key: item for key, item in value.items() if key != 5}
    most = _P.envelope.services_max
    digests = {**bare, 6: _digests(most)}, {**bare, 6: _digests(most + 1)}
    kinds = (None, {**value, 1: 8}) if rule == "state-body" else (None, {**value, 1: 32})
    return Message(label, rule, _BODY, value, limits={"1": kinds, "6": digests})


def _received() -> list[Message]:
    def at(floor: int, *ranges: tuple[int, int]) -> dict[object, object]:
        return {**_MESSAGE, 3: [floor, [list(r) for r in ranges]]}

    def many(count: int) -> dict[object, object]:
        return at(10, *((n, n) for n in range(12, 12 + 2 * count, 2)))

    most = _P.envelope.received_ranges_max
    limits = {
        "floor": (at(_U48), at(_U48 + 1)),
        "ranges": (many(most), many(most + 1)),
        "ranges.from": (at(12, (_U48, _U48)), at(12, (_U48 + 1, _U48 + 1))),
        "ranges.to": (at(12, (14, _U48)), at(12, (14, _U48 + 1))),
    }
    return [Message("received", "received", _BODY, _MESSAGE, (3,), limits=limits)]


def _sets() -> list[Message]:
    update: dict[object, object] = {0: 1, 1: 2, 3: _RECEIVED, 4: 3, 5: _SET}

    def told(*entries: object) -> dict[object, object]:
        return {**update, 5: {0: 4, 1: list(entries)}}

    def granted(until_s: int) -> dict[object, object]:
        return told(_entry(_3=[put(_GRANT, (2,), until_s)]))

    def grants(count: int) -> dict[object, object]:
        return told(_entry(_3=[put(_GRANT, (0,), serial) for serial in range(count)]))

    def numbered(count: int) -> dict[object, object]:
        rows = [generation(f"of set {n}", n).public.to_wire() for n in range(count)]
        return told(_entry(_2=put(_KEYS, (1,), rows)))

    e, a = _P.envelope, _P.address
    services = [told(*(_entry(uri) for uri in _places(n))) for n in (e.services_max, e.services_max + 1)]
    last = a.hours_max * HOUR
    stock = told(_entry(profile=1, _3=[{**_GRANT, 3: 1, 4: [issued(60)]}]))
    entry, in_set = (5, 1, 0), partial(Message, ask=_BODY, value=update)
    return [
        in_set("address-set", "address-set", at=(5,), limits={"1": (services[0], services[1])}),
        in_set("service-entry", "service-entry", at=entry, limits={
            "0": (told(_entry(_FULL)), told(_entry(_FULL + "b"))),
            "1": (None, told(_entry(profile=3))),
            "3": (grants(e.grants_max), grants(e.grants_max + 1)),
        }),
        in_set("sealing-keys", "sealing-keys", at=(*entry, 2), limits={
            "0": (None, None), "1": (numbered(a.generations_max), numbered(a.generations_max + 1)),
        }),
        in_set("grant", "grant", at=(*entry, 3, 0), limits={"2": (granted(last), granted(last + HOUR))}),
        Message("secret", "secret", _BODY, stock, (*entry, 3, 0, 4)),
    ]  # fmt: skip


# -------------------------------------------------------------------- what services and owners publish


def _config(schedule: KeySchedule | None = None) -> dict[int, object]:
    return _decoded((schedule or keys()).config().encode())


def _configs() -> list[Message]:
    ask, most = _asks("config.decode", "config"), _P.address.generations_max
    value = _config()
    many = tuple(generation(f"one of many {n}", n) for n in range(most + 1))
    rows = [[g.public.to_wire() for g in many[:count]] for count in (most, most + 1)]
    begins = put(value, (3, 0), [7, OUTER.public.public, _U64 - 1, _U64])
    limits: Limits = {
        "0": ({**value, 0: _FULL}, {**value, 0: _FULL + "b"}),
        "2": (None, {**value, 2: [1, 2, 2]}),
        "2.item": (None, None),
        "3": ({**value, 3: rows[0]}, {**value, 3: rows[1]}),
        "4": ({**value, 4: rows[0]}, {**value, 4: rows[1]}),
    }
    return [
        Message("service-config", "service-config", ask, value, limits=limits),
        Message("generation", "generation", ask, value, (3, 0), limits={"not-before": (begins, None)}),
    ]


def _signs(owner: Identity, label: str, field: int, upto: int) -> Callable[[Value], Value]:
    """Return what signs the fields below `upto` of a message again, if there is something to sign."""

    def sign(value: Value) -> Value:
        if not isinstance(value, dict) or field not in value or not isinstance(value[field], bytes):
            return value
        said = {key: item for key, item in value.items() if isinstance(key, int) and key < upto}
        good = len(value[field]) == _P.suite.signature_bytes
        return {**value, field: owner.sign(label, encode(said))} if good else value

    return sign


def _packages() -> list[Message]:
    value = _decoded(PACKAGE.encode())
    sign = _signs(BOB, _P.session.package_label, 9, 9)
    ask = _asks("package.decode", "package")
    none = {"6": (None, None), "7": (None, None)}
    other = _signs(DANA, _P.session.package_label, 9, 9)
    ask_hybrid, hybrid = _asks("hybrid.decode", "package"), wire.decode(HYBRID_PACKAGE.encode(), 2048)
    return [
        Message("key-package", "key-package", ask, value, sign=sign, limits=none),
        Message("hybrid-package", "hybrid-package", ask_hybrid, hybrid, sign=other, limits=none),
    ]


# -------------------------------------------------------------------- directories


def _directories() -> list[Message]:
    entry, head = SECOND.to_wire(), head_of(LOG).to_wire()
    own = _signs(NEW, _P.directory.entry_label, 5, 5)
    by_both = _signs(ALEX, _P.directory.entry_label, 6, 5)
    keyed = {"uri": DIRECTORY, "key": KEY}
    leaves = [e.leaf().encode() for e in LOG[:2]]
    proof, contact = _decoded(proof_of(1).encode()), _decoded(contact_of(BLAIR).encode())
    long_path = {**proof, 2: [bytes(32)] * (_P.directory.proof_hashes_max + 1)}
    ask_proof = _asks("proof.check", "proof", **keyed, name="blair")
    return [
        Message("directory-entry", "directory-entry", _asks("entry.decode", "entry"), entry,
                sign=lambda value: by_both(own(value))),
        Message("contact", "contact", _asks("contact.decode", "contact", entry=LOG[1].encode()), contact),
        Message("log-leaf", "log-leaf",
                lambda data: Step("hash", "tree.hash", {"leaves": [leaves[0], data]}), _decoded(leaves[1])),
        Message("log-head", "log-head", _asks("head.check", "head", **keyed), head, sign=_signed_head,
                limits={"1": (None, {**head, 1: _FULL + "b"})}),
        Message("directory-proof", "directory-proof", ask_proof, proof,
                limits={"1": (None, {**proof, 1: _U48 + 1}), "2": (None, long_path)}),
        Message("log-path", "log-path", ask_proof, proof, (2,)),
    ]  # fmt: skip


def _signed_head(value: Value) -> Value:
    if not isinstance(value, dict) or not isinstance(value.get(5), bytes) or len(value[5]) != 64:
        return value
    said = {key: item for key, item in value.items() if isinstance(key, int) and key < 5}
    signature = Ed25519PrivateKey.from_private_bytes(SEED).sign(_P.directory.head_label.encode() + b"\0" + encode(said))
    return {**value, 5: signature}


# -------------------------------------------------------------------- contents

_LOCATION: Final[list[object]] = ["https://sending.example/v1/attachments/x", named_bytes("upload key"),
                                  named_bytes("digest"), NOW + 14 * DAY]  # fmt: skip
_FILE: Final[dict[object, object]] = {0: 48_213, 1: [_LOCATION], 2: "image/jpeg", 3: "lake.jpg"}
_CONTENT: Final[dict[object, object]] = {0: 1, 1: "a/b", 2: b"any bytes", 3: [_FILE]}


def _contents() -> list[Message]:
    ask = _asks("content.decode", "content")
    person: dict[object, object] = {0: "Alex", 1: "they", 2: _FILE}

    def told(data: bytes) -> Step:
        profile = {0: 1, 1: _P.content.profile_type, 2: data}
        return Step("decode", "content.decode", {"content": wire.encode(profile)})

    def again(data: bytes) -> Step:
        body = {0: 1, 1: 7, 3: [12, []], 4: 3, 7: data}
        return Step("decode", "body.decode", {"body": wire.encode(body)})

    return [
        Message("content", "content", ask, _CONTENT),
        Message("person", "person", told, person),
        Message("attachment", "attachment", ask, _CONTENT, (3, 0)),
        Message("location", "location", ask, _CONTENT, (3, 0, 1, 0)),
        Message("resync-content", "resync", again, {0: 41}),
    ]


def messages() -> tuple[Message, ...]:
    """Return every message."""
    areas = (_requests, _bodies, _received, _sets, _configs, _packages, _directories, _contents)
    return tuple(message for area in areas for message in area())
