"""Cases of bodies (chapter 3): what one relationship manager tells another inside the ratchet."""

from typing import cast

from cbor2 import CBORSimpleValue

from communicator_impl import wire
from communicator_impl.vectors.address_cases import DAY, HOUR, OUTER, URI, generation, issued
from communicator_impl.vectors.story import NOW, Case, Step, named_bytes
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["body_cases"]

MOST = PARAMETERS.envelope.device_bytes_max
LAST_DATE = PARAMETERS.address.hours_max * HOUR
MESSAGE = {0: 1, 1: 0, 2: 17, 3: [12, [[13, 14], [16, 16]]], 4: 3, 7: b"good morning"}
EPOCH_GRANT = {0: 5, 1: True, 2: NOW + 30 * DAY, 3: 64, 4: named_bytes("granted key")}


def _decode(fields: dict[int, object]) -> Step:
    return Step("decode", "body.decode", {"body": wire.encode(fields)})


def _encode(fields: dict[str, object]) -> Step:
    return Step("encode", "body.encode", fields)


def _entry(grant: dict[int, object], *numbers: int) -> dict[int, object]:
    """Return an entry with one generation, or with those of these numbers."""
    keys = [generation(f"outer {n} at {i}", n) for i, n in enumerate(numbers)] or [OUTER]
    return {0: URI, 1: 2, 2: {0: 1, 1: [g.public.to_wire() for g in keys]}, 3: [grant]}


def _with_suite(entry: dict[int, object], suite: object) -> dict[int, object]:
    keys = entry[2]
    assert isinstance(keys, dict)
    return entry | {2: keys | {0: suite}}


def _update(*entries: dict[int, object]) -> dict[int, object]:
    return {0: 1, 1: 2, 3: [18, []], 4: 3, 5: {0: 4, 1: list(entries)}}


def body_cases() -> list[Case]:
    """Return all cases of bodies."""
    return [*_message_cases(), *_command_cases(), *_encoding_cases(), *_set_cases()]


def _renamed(name: int, other: object) -> dict[int, object]:
    rest: dict[object, object] = {key: value for key, value in MESSAGE.items() if key != name}
    return cast("dict[int, object]", rest | {other: MESSAGE[name]})


def _message_cases() -> list[Case]:
    message = Case("body/message", "a message with a receipt", ("ENV-14", "ENV-15"), (_decode(MESSAGE),))
    receipt: dict[int, object] = {0: 1, 1: 1, 3: [18, []], 4: 3}
    bare = Case("body/receipt", "a receipt by itself", ("ENV-14",), (_decode(receipt),))

    def wrong(case: str, title: str, clause: str, body: dict[int, object]) -> Case:
        refused = message.refused(case, title, (clause,), ErrorClass.MALFORMED)
        return refused.changed("decode", body=wire.encode(body))

    moved = Case("body/moved", "an update that a person caused", ("ENV-14",), (_decode(receipt | {1: 5}),))
    unknown = moved.refused("unknown-kind", "kind 8", ("EXT-9",), ErrorClass.MALFORMED)
    without = {name: value for name, value in MESSAGE.items() if name != 2}
    many = [[2 * n, 2 * n] for n in range(10, 43)]
    return [
        message,
        wrong("message-without-id", "a message has an id", "ENV-14", without),
        bare,
        bare.refused("receipt-with-id", "nothing but a message has an id", ("ENV-14",), ErrorClass.MALFORMED).changed(
            "decode", body=wire.encode(receipt | {2: 17})
        ),
        moved,
        unknown.changed("decode", body=wire.encode(receipt | {1: 8})),
        wrong("unknown-version", "version 2", "ENV-5", MESSAGE | {0: 2}),
        wrong("unknown-field", "one more field", "ENV-3", MESSAGE | {8: 0}),
        wrong("mistyped-content", "text where bytes belong", "ENV-3", MESSAGE | {7: "good morning"}),
        wrong("float-key", "a field named by a number that equals its own", "ENV-3", _renamed(1, 1.0)),
        wrong("simple-key", "a field named by a simple value", "ENV-3", _renamed(4, CBORSimpleValue(4))),
        wrong("ranges-touch", "no missing id between two ranges", "ENV-15", MESSAGE | {3: [12, [[13, 14], [15, 16]]]}),
        wrong("ranges-unordered", "ranges in another order", "ENV-15", MESSAGE | {3: [12, [[16, 16], [13, 14]]]}),
        wrong("ranges-many", "33 ranges", "ENV-15", MESSAGE | {3: [12, many]}),
    ]


def _command_cases() -> list[Case]:
    read = {0: 1, 1: 6, 3: [12, [[13, 14], [16, 16]]], 4: 3, 7: wire.encode([12, [[13, 13], [16, 16]]])}
    resync = {0: 1, 1: 7, 3: [12, []], 4: 3, 7: wire.encode({0: 41})}
    clauses = ("CONT-15", "DELIV-32")
    seen = Case("body/read", "what a person has seen", clauses, (_decode(read),))
    again = Case("body/resync", "a device that was restored begins anew", clauses, (_decode(resync),))

    def wrong(of: Case, case: str, title: str, body: dict[int, object]) -> Case:
        return of.refused(case, title, ("CONT-15",), ErrorClass.MALFORMED).changed("decode", body=wire.encode(body))

    return [
        seen,
        wrong(seen, "read-beyond", "seen, and not received", read | {7: wire.encode([12, [[13, 15]]])}),
        wrong(seen, "read-floor-beyond", "a floor beyond the receipt's", read | {7: wire.encode([14, []])}),
        wrong(seen, "read-at-floor", "the first number not received", read | {7: wire.encode([13, []])}),
        wrong(seen, "read-bare", "READ without content", {key: read[key] for key in (0, 1, 3, 4)}),
        again,
        wrong(again, "resync-bare", "RESYNC without content", {key: resync[key] for key in (0, 1, 3, 4)}),
        wrong(again, "resync-field", "one more field in the content", resync | {7: wire.encode({0: 41, 1: 0})}),
    ]


def _encoding_cases() -> list[Case]:
    fields = {"kind": 0, "number": 17, "received": [12, [[13, 14], [16, 16]]], "holds": 3, "content": b"good morning"}
    receipt = {"kind": 1, "received": [18, []], "holds": 3, "content": None}
    bare = Case("body/encode-receipt", "a body without content", ("ENV-1",), (_encode(receipt),))
    around = len(wire.encode(MESSAGE | {7: bytes(256)})) - 256
    full, over = bytes(MOST - around), bytes(MOST - around + 1)
    encode = Case("body/encode-fullest", "a body of 2,900 bytes", ("ENV-20",), (_encode(fields | {"content": full}),))
    decode = Case("body/fullest", "2,900 bytes of a body", ("ENV-20",), (_decode(MESSAGE | {7: full}),))
    return [
        Case("body/encode", "the one encoding of a message", ("ENV-1",), (_encode(fields),)),
        bare,
        bare.refused("encode-unknown-kind", "kind 8", ("EXT-9",), ErrorClass.MALFORMED).changed("encode", kind=8),
        encode,
        encode.refused("encode-too-large", "one byte more", ("ENV-20",), ErrorClass.TOO_LARGE).changed(
            "encode", content=over
        ),
        decode,
        decode.refused("too-large", "one byte more", ("ENV-20",), ErrorClass.TOO_LARGE).changed(
            "decode", body=wire.encode(MESSAGE | {7: over})
        ),
    ]


def _set_cases() -> list[Case]:
    decode = Case("body/update", "an update with a complete set", ("ENV-19",), (_decode(_update(_entry(EPOCH_GRANT))),))

    def wrong(case: str, title: str, clause: str, *entries: dict[int, object]) -> Case:
        refused = decode.refused(case, title, (clause,), ErrorClass.MALFORMED)
        return refused.changed("decode", body=wire.encode(_update(*entries)))

    stock = EPOCH_GRANT | {4: [issued(60)]}
    good = _entry(EPOCH_GRANT)

    def rule(case: str, title: str, entry: dict[int, object]) -> Case:
        return Case(f"body/{case}", title, ("ENV-3",), (_decode(_update(entry)),))

    def broken(of: Case, case: str, title: str, entry: dict[int, object]) -> Case:
        refused = of.refused(case, title, ("ENV-3",), ErrorClass.MALFORMED)
        return refused.changed("decode", body=wire.encode(_update(entry)))

    two = rule("set-two-generations", "two generations of one service", _entry(EPOCH_GRANT, 7, 8))
    eight = rule("set-eight-generations", "eight generations of one service", _entry(EPOCH_GRANT, *range(8)))
    last = rule("set-last-date", "the largest date", _entry(EPOCH_GRANT | {2: LAST_DATE}))
    return [
        decode,
        two,
        broken(two, "set-repeats-generation", "one number for two generations", _entry(EPOCH_GRANT, 7, 7)),
        eight,
        broken(eight, "set-nine-generations", "nine generations", _entry(EPOCH_GRANT, *range(9))),
        last,
        broken(last, "set-date-beyond", "an hour after the largest date", _entry(EPOCH_GRANT | {2: LAST_DATE + HOUR})),
        wrong("set-repeats-service", "one service twice", "ENV-13", good, good),
        wrong("set-wrong-secret", "signed addresses for label/1", "ENV-19", _entry(stock)),
        wrong("set-odd-date", "a date that is not a whole hour", "ADDR-4", _entry(EPOCH_GRANT | {2: NOW + 1})),
        wrong("set-unknown-profile", "profile 3", "ENV-5", good | {1: 3}),
        wrong("set-suite-true", "true where suite 1 belongs", "ENV-3", _with_suite(good, True)),
        wrong("set-suite-simple", "a simple value that equals suite 1", "ENV-3", _with_suite(good, CBORSimpleValue(1))),
    ]
