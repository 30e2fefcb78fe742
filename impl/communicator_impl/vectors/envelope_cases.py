"""Cases of requests and deliveries (chapter 3): one encoding, one layout, one length.

Faults of the outer form are made on a request whose address is good, so that nothing but the form
can be the reason to refuse it.
"""

import cbor2

from communicator_impl import envelope, wire
from communicator_impl.addresses import diversify, seal_labelled
from communicator_impl.entropy import SeededEntropy
from communicator_impl.vectors.address_cases import issued, keys, load, register
from communicator_impl.vectors.label_cases import label, register_epoch
from communicator_impl.vectors.story import NOW, Case, Step, named_bytes
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["TEXT", "envelope_cases", "label_request", "two_layer_request"]

SIZE = PARAMETERS.envelope.ciphertext_classes_bytes[0]
MOST = PARAMETERS.envelope.request_bytes_max
TEXT = (named_bytes("envelope text") * (SIZE // 32 + 1))[:SIZE]
MALFORMED = ErrorClass.MALFORMED


def two_layer_request(text: bytes = TEXT) -> bytes:
    """Return a request of two-layer/1 for a text of any length."""
    key, entropy = keys().config().sealing_key(NOW), SeededEntropy(named_bytes("envelope"))
    return wire.encode({0: 1, 1: 1, 2: diversify(issued(50), key, text, entropy), 3: text})


def label_request(text: bytes = TEXT, index: int = 8) -> bytes:
    """Return a request of label/1 for a text of any length."""
    key, entropy = keys().config().sealing_key(NOW), SeededEntropy(named_bytes(f"labelled envelope {index}"))
    return wire.encode({0: 1, 1: 2, 2: seal_labelled(label(index), text, key, entropy)})


def _take(name: str, data: object, op: str = "resolve") -> Step:
    return Step(name, f"envelope.{op}", {"service": "$service.handle", "envelope": data})


def _seal(address: bytes, config: object, name: str = "seal") -> Step:
    return Step(name, "envelope.seal", {"address": address, "config": config, "ciphertext": TEXT})


def envelope_cases() -> list[Case]:
    """Return all cases of requests and deliveries."""
    return [*_sender_cases(), *_form_cases(), *_label_cases(), *_delivery_cases()]


def _sender_cases() -> list[Case]:
    config = keys().config().encode()
    signed = Case("envelope/seal-two-layer", "a request by two-layer/1", ("ENV-6",), (_seal(issued(50), config),))
    labelled = Case("envelope/seal-label", "a request by label/1", ("ENV-6",), (_seal(label(8), config),))

    def wrong(of: Case, case: str, title: str, clause: str, **args: object) -> Case:
        return of.refused(case, title, (clause,), MALFORMED).changed("seal", None, **args)

    odd = "a ciphertext of no size class"
    return [
        signed,
        wrong(signed, "seal-odd-size", odd, "ENV-9", ciphertext=TEXT[:-1]),
        wrong(signed, "seal-no-address", "an address of no bytes", "ENV-6", address=b""),
        wrong(signed, "seal-long-address", "a byte more than an RDAS", "ENV-6", address=issued(50) + b"\0"),
        labelled,
        wrong(labelled, "seal-label-odd-size", odd, "ENV-9", ciphertext=TEXT + b"\0"),
        wrong(labelled, "seal-short-label", "a byte less than a label", "ENV-6", address=label(8)[:-1]),
        wrong(labelled, "seal-long-label", "a byte more than a label", "ENV-6", address=label(8) + b"\0"),
        Case(
            "envelope/round-trip",
            "requests of both profiles, sealed and spent by the testee",
            ("ENV-6", "ADDR-15", "ADDR-21"),
            (
                load(),
                register(),
                register_epoch("register-epoch"),
                _seal(issued(50), "$service.config", "first"),
                _seal(label(8), "$service.config", "second"),
                _take("spend-first", "$first.envelope", "spend"),
                _take("spend-second", "$second.envelope", "spend"),
            ),
        ),
    ]


def _form_cases() -> list[Case]:
    good = two_layer_request()
    steps = (load(), register(), _take("resolve", good))
    resolve = Case("envelope/two-layer", "a request of two-layer/1", ("ENV-6",), steps)
    fields = cbor2.loads(good)
    address, ahead = fields[2], good[:-SIZE]

    def wrong(case: str, title: str, clause: str, data: bytes, refusal: ErrorClass = MALFORMED) -> Case:
        return resolve.refused(case, title, (clause,), refusal).changed("resolve", envelope=data)

    def other(**changes: object) -> bytes:
        return wire.encode(fields | {int(name[1:]): value for name, value in changes.items()})

    unordered = b"\xa4" + b"\x01\x01" + b"\x00\x01" + good[5:]
    repeated = b"\xa5" + b"\x00\x01" + good[1:]
    endless = b"\xbf" + good[1:] + b"\xff"
    deep = b"\x81" * 9 + b"\x00"
    larger = wire.encode({0: 1, 1: 1, 2: address, 3: bytes(MOST)})
    without = wire.encode({name: value for name, value in fields.items() if name != 3})
    return [
        resolve,
        wrong("unknown-field", "one more field", "ENV-3", other(_4=0)),
        wrong("missing-field", "no ciphertext", "ENV-3", without),
        wrong("mistyped-field", "text where bytes belong", "ENV-3", other(_2="x" * 186)),
        wrong("unknown-version", "version 2", "ENV-5", other(_0=2)),
        wrong("unknown-profile", "profile 3", "ENV-5", other(_1=3)),
        wrong("trailing-bytes", "one byte after the request", "ENV-1", good + b"\0"),
        wrong("truncated", "one byte short", "ENV-1", good[:-1]),
        wrong("not-shortest", "an integer in two bytes", "ENV-1", good[:2] + b"\x18\x01" + good[3:]),
        wrong("unordered-keys", "keys in another order", "ENV-1", unordered),
        wrong("repeated-key", "one key twice", "ENV-1", repeated),
        wrong("indefinite-length", "a map without a length", "ENV-1", endless),
        wrong("tagged", "a tag in front", "ENV-1", b"\xd9\xd9\xf7" + good),
        wrong("nested", "nine containers deep", "ENV-4", b"\xa5" + good[1:] + b"\x04" + deep),
        wrong("oversize", "more than 4,096 bytes", "ENV-2", larger, ErrorClass.TOO_LARGE),
        wrong("odd-size", "a ciphertext of no size class", "ENV-9", two_layer_request(TEXT[:-1])),
        wrong("lifted", "the address of another ciphertext (T3)", "ADDR-12", ahead + bytes(SIZE), ErrorClass.FORGED),
    ]


def _label_cases() -> list[Case]:
    good = label_request()
    steps = (load(), register_epoch(), _take("spend", good, "spend"))
    spend = Case("envelope/label", "a request of label/1", ("ENV-6", "ADDR-20"), steps)
    before, fresh = _take("before", good, "spend"), _take("probe", label_request(index=9), "spend")
    return [
        spend,
        spend.refused("label-odd-size", "a ciphertext of no size class inside", ("ENV-9",), MALFORMED).changed(
            "spend", envelope=label_request(TEXT[:-1])
        ),
        spend.refused("label-replayed", "the same request a second time", ("ADDR-22",), ErrorClass.UNKNOWN)
        .preceded(before)
        .probed(fresh),
    ]


def _delivery_cases() -> list[Case]:
    good = envelope.Delivery(1 << 40, TEXT, 70_000).encode()
    labelled = envelope.Delivery(1 << 40, TEXT, 260, 5).encode()
    decode = Case(
        "envelope/delivery",
        "what reaches the device",
        ("ENV-7", "ENV-21"),
        (Step("decode", "delivery.decode", {"delivery": good}),),
    )
    fields = {0: 1, 1: 1 << 40, 2: TEXT, 3: 70_000}
    large = wire.encode(fields | {2: bytes(PARAMETERS.envelope.device_bytes_max)})
    odd = wire.encode(fields | {2: TEXT[:-1]})

    def misplaced(case: str, title: str, changed: dict[int, object]) -> Case:
        return decode.refused(case, title, ("ENV-21",), MALFORMED).changed("decode", delivery=wire.encode(changed))

    return [
        decode,
        decode.refused("delivery-oversize", "more than 2,900 bytes", ("ENV-7",), ErrorClass.TOO_LARGE).changed(
            "decode", delivery=large
        ),
        decode.refused("delivery-odd-size", "a ciphertext of no size class", ("ENV-9",), MALFORMED).changed(
            "decode", delivery=odd
        ),
        decode.refused("delivery-unknown-field", "one more field", ("ENV-3",), MALFORMED).changed(
            "decode", delivery=wire.encode(fields | {5: 0})
        ),
        misplaced("delivery-no-index", "no index", {key: value for key, value in fields.items() if key != 3}),
        misplaced("delivery-index-beyond", "an index beyond the largest", fields | {3: 1 << 32}),
        misplaced("delivery-epoch-beyond", "an epoch beyond the largest", fields | {4: 1 << 32}),
        Case(
            "envelope/delivery-epoch",
            "what reaches the device of an owner of label/1",
            ("ENV-7", "ENV-21"),
            (Step("decode", "delivery.decode", {"delivery": labelled}),),
        ),
    ]
