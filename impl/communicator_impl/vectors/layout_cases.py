"""Cases of every field of every layout of fixed length (chapters 2, 4 and 9): addresses, identities, openings, tokens.

Theory. A layout has no names and no types: a field is so many bytes at its place. It can be missing, stand twice, be a
byte short or a byte long, and then the whole has another length; or it is another value of the right length, `altered`
here in one bit. What a seal or a signature covers is `forged` then, and what names a key is `unknown`.

Rules:

1. `layout/NAME.FIELD-DEFECT`; the fields of a layout add up to its length in the table of parameters.
2. Where a layout travels inside a seal, the alteration is made before it is sealed, so that the seal opens.
"""

from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from communicator_impl.addresses.values import rdas
from communicator_impl.agreement import Opening
from communicator_impl.entropy import SeededEntropy
from communicator_impl.keys import Identity, IdentityKey
from communicator_impl.tokens import TokenKey
from communicator_impl.vectors.address_cases import TEXT, issued, keys, load, register, sda
from communicator_impl.vectors.hybrid_cases import hybrid_first, hybrid_opening, taking, taking_opening
from communicator_impl.vectors.label_cases import label, labelled, register_epoch
from communicator_impl.vectors.ratchet_cases import decrypting, first_sent, responding
from communicator_impl.vectors.session_cases import BOB, accepting, first_message, started
from communicator_impl.vectors.story import Case, Step, named_bytes
from communicator_impl.vectors.token_cases import (
    DIGEST,
    answer_bytes,
    beginning,
    blinded_bytes,
    key_bytes,
    primes,
    shown,
)
from communicator_spec.errors import ErrorClass

__all__ = ["layout_cases"]

_MALFORMED, _FORGED, _UNKNOWN = ErrorClass.MALFORMED, ErrorClass.FORGED, ErrorClass.UNKNOWN
_LENGTHS: Final = {
    "missing": "is missing",
    "twice": "stands twice",
    "short": "is a byte short",
    "long": "is a byte long",
}


class _Layout(msgspec.Struct, frozen=True):
    """A layout: its fields with their lengths, who reads it, and what is said of another length and another value."""

    name: str
    fields: dict[str, int]
    data: bytes
    ask: Callable[[bytes], Step]
    of_length: str
    """The clause of the length; without one, the length is not fixed or is that of what is around it."""
    of_value: str
    """The clause of the values; without one, no value can be wrong here."""
    before: tuple[Step, ...] = ()
    classes: dict[str, ErrorClass] = {}
    """The class of an altered field where it is not `forged`."""
    clauses: dict[str, str] = {}
    """The clause of an altered field where it is not that of the others."""


def layout_cases() -> list[Case]:
    """Return all cases of all layouts."""
    layouts = (*_addresses(), *_sessions(), *_tokens())
    return [case for layout in layouts for case in _cases(layout)]


def _cases(layout: _Layout) -> Iterator[Case]:
    assert sum(layout.fields.values()) == len(layout.data), layout.name
    clauses = tuple(clause for clause in (layout.of_length, layout.of_value) if clause)
    steps = (*layout.before, layout.ask(layout.data))
    good = Case(f"layout/{layout.name}", f"{layout.name}, as it is", clauses, steps)
    yield good
    begin = 0
    for field, length in layout.fields.items():
        end = begin + length
        for name, said, clause, refusal, data in _defects(layout, field, begin, end):
            title = f"{layout.name}: {field} {said}"
            wrong = good.refused(f"{layout.name}.{field}-{name}", title, (clause,), refusal)
            step = layout.ask(data)
            yield wrong.changed(step.name, None, **step.args)
        begin = end


def _defects(layout: _Layout, field: str, begin: int, end: int) -> Iterator[tuple[str, str, str, ErrorClass, bytes]]:
    data = layout.data
    head, value, tail = data[:begin], data[begin:end], data[end:]
    if layout.of_length:
        values = {"missing": b"", "twice": value * 2, "short": value[:-1], "long": value + b"\0"}
        for name, wrong in values.items():
            if name != "short" or len(value) > 1:
                yield name, _LENGTHS[name], layout.of_length, _MALFORMED, head + wrong + tail
    if layout.of_value:
        altered = value[:-1] + bytes([value[-1] ^ 1])
        refusal = layout.classes.get(field, _FORGED)
        yield "altered", "is another", layout.clauses.get(field, layout.of_value), refusal, head + altered + tail


def _asks(op: str, argument: str, **more: object) -> Callable[[bytes], Step]:
    return lambda data: Step("take", op, {argument: data, **more})


# -------------------------------------------------------------------- addresses (2.3, 2.5)


def _addresses() -> list[_Layout]:
    address, config = issued(90), keys().config().encode()
    resolve = _asks("address.resolve", "address", service="$service.handle", ciphertext=TEXT)
    take = _asks("label.resolve", "sealed", service="$service.handle")
    again = _asks("address.diversify", "address", config=config, ciphertext=TEXT)
    seal = _asks("label.seal", "label", ciphertext=TEXT, config=config)
    first_two, sealed = (load(), register()), labelled(label(6))
    parts = {"generation": 1, "encapsulated-key": 32}
    outside = {**parts, "rdas": 137, "tag": 16}
    inside = {**parts, "inner": 24, "tag": 16, "signature": 64}
    opens = {"generation": 1, "encapsulated-key": 32, "label": 16, "ciphertext": len(TEXT), "tag": 16}
    unknown = {"generation": _UNKNOWN}
    return [
        _Layout("sda", outside, sda(address), resolve, "ADDR-15", "ADDR-15", first_two, unknown),
        _Layout("rdas", inside, address, again, "ADDR-7", ""),
        _Layout("rdas-sealed", inside, address, lambda data: resolve(sda(rdas(data))), "", "ADDR-15", first_two,
                unknown),
        _Layout("label", {"label": 16}, label(6), seal, "ADDR-20", ""),
        _Layout("labelled", opens, sealed, take, "", "ADDR-21", (load(), register_epoch()), unknown),
    ]  # fmt: skip


# -------------------------------------------------------------------- identities, openings and messages (4)


def _sessions() -> list[_Layout]:
    owner = Identity.generate(SeededEntropy(named_bytes("laid out"))).public.to_bytes()
    identity = {"signing-key": 32, "agreement-key": 32, "binding": 64}
    compared = _asks("identity.fingerprint", "peer", own=BOB.public.to_bytes())
    opening = {"package": 16, "signing-key": 32, "agreement-key": 32, "binding": 64, "ephemeral-key": 32}
    message = first_sent()
    rest = len(message) - 16 - 40 - 16 - 16
    ratchet = {"salt": 16, "header": 40, "header-tag": 16, "body": rest, "body-tag": 16}
    ciphertext = first_message()
    whole = {"encapsulated-key": 32, "opening": 176, "opening-tag": 16, "message": len(ciphertext) - 224}
    first = {"ml-kem-ciphertext": 1088, "encapsulated-key": 32, "opening": 208, "opening-tag": 16, "message": 1456}
    return [
        _Layout("identity", identity, owner, compared, "SES-2", "SES-2"),
        _Layout("opening", opening, _opening().to_bytes(), lambda data: accepting(_opened(data)), "", "SES-2",
                clauses={"package": "SES-25", "ephemeral-key": "SES-8"}),
        _Layout("first", whole, ciphertext, accepting, "ENV-9", "SES-9"),
        _Layout("hybrid-opening", opening | {"secret": 32}, hybrid_opening().to_bytes(), taking_opening, "", "SES-2",
                clauses={"package": "SES-25", "ephemeral-key": "SES-30", "secret": "SES-30"}),
        _Layout("hybrid-first", first, hybrid_first(), taking, "ENV-9", "SES-9"),
        _Layout("ratchet", ratchet, message, decrypting, "", "SES-16", (responding(),)),
    ]  # fmt: skip


def _opening() -> Opening:
    opening = started().opening
    assert opening is not None
    return opening


def _opened(data: bytes) -> bytes:
    """Return a first ciphertext whose opening has these 176 bytes."""
    identity = IdentityKey(data[16:48], data[48:80], data[80:144])
    return first_message(msgspec.structs.replace(started(), opening=Opening(data[:16], identity, data[144:])))


# -------------------------------------------------------------------- tokens (9)


def _tokens() -> list[_Layout]:
    asked = b"\0\2" + TokenKey.decode(key_bytes()).identifier()[-1:] + blinded_bytes()
    token = {"type": 2, "nonce": 32, "challenge-digest": 32, "key-id": 32, "authenticator": 256}
    check = _asks("token.check", "token", key=key_bytes(), digest=DIGEST)
    sign, finish = _asks("token.sign", "request", **primes()), _asks("token.finish", "answer", pending="$begin.handle")
    return [
        _Layout("token", token, shown(), check, "TOK-13", "TOK-13", (), {"type": _MALFORMED}),
        _Layout("token-request", {"type": 2, "key-id": 1, "blinded": 256}, asked, sign, "TOK-23", ""),
        _Layout("token-answer", {"signature": 256}, answer_bytes(), finish, "TOK-7", "TOK-7", (beginning(),)),
    ]
