"""Cases of key packages and sessions (chapter 4, sections 1 to 3, and the padding of chapter 3).

The end under test is the owner of a package, with explicit keys; what a correspondent sent is
bytes. One round trip lets the testee play both ends.
"""

import msgspec

from communicator_impl import ratchet, session, wire
from communicator_impl.agreement import seal_opening
from communicator_impl.entropy import SeededEntropy
from communicator_impl.hpke import public_key
from communicator_impl.kdf import hkdf
from communicator_impl.keys import Identity, make_package
from communicator_impl.ratchet import SharedSecrets
from communicator_impl.session import Session
from communicator_impl.vectors.address_cases import DAY
from communicator_impl.vectors.story import NOW, Case, Step, named_bytes
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = [
    *("ALICE", "BOB", "PACKAGE", "ROOM", "accepting", "conversing", "dated", "first_message", "own"),
    *("session_cases", "started"),
]

_P = PARAMETERS.session
ALICE, BOB = (Identity.generate(SeededEntropy(named_bytes(name))) for name in ("Alice", "Bob"))
LIFETIME_S = 30 * DAY
SECRET = make_package(BOB, NOW, LIFETIME_S, SeededEntropy(named_bytes("Bob's package")))
PACKAGE = SECRET.package
SIZE = PARAMETERS.envelope.ciphertext_classes_bytes[0]
ROOM = SIZE - _P.opening_sealed_bytes - _P.overhead_bytes - _P.length_prefix_bytes


def own(identity: Identity) -> dict[str, object]:
    """Return the secrets of an identity, as arguments."""
    return {
        "signing_seed": identity.signing_seed,
        "verify_key": identity.public.sign,
        "agreement_secret": identity.agreement.secret,
    }


def _start() -> Step:
    return Step("start", "session.start", {**own(ALICE), "package": PACKAGE.encode()})


def _accept(ciphertext: object, now: int | None = None) -> Step:
    more = {"package": PACKAGE.encode(), "made_s": NOW, "prekey_secret": SECRET.prekey.secret, "ciphertext": ciphertext}
    return Step("accept", "session.accept", {**own(BOB), **more}, now)


def accepting(ciphertext: bytes | None = None) -> Step:
    """Return the step in which the owner of the package takes a first ciphertext."""
    return _accept(first_message() if ciphertext is None else ciphertext)


def conversing(body: bytes) -> tuple[Step, ...]:
    """Return the steps of two ends up to the second message of the one that began, which has this body."""
    return (
        *(_start(), _step("first", "seal", "start", body=b"hello"), _accept("$first.ciphertext")),
        *(
            _step("answer", "seal", "accept", body=b"yes"),
            _step("read", "open", "start", ciphertext="$answer.ciphertext"),
        ),
        _step("seal", "seal", "start", body=body),
    )


def dated(lifetime_s: int) -> bytes:
    """Return a package of Bob's that is good for so long."""
    return _signed(not_after_s=PACKAGE.not_before_s + lifetime_s)


def _step(name: str, op: str, on: str, **args: object) -> Step:
    return Step(name, f"session.{op}", {"session": f"${on}.handle", **args})


def started() -> Session:
    """Return Alice's end of a session that she has just begun."""
    return session.start(ALICE, PACKAGE, NOW, SeededEntropy(named_bytes("Alice starts")))


def first_message(begun: Session | None = None, body: bytes = b"hello") -> bytes:
    """Return the first ciphertext of a session."""
    return session.seal(begun or started(), body, SeededEntropy(named_bytes("Alice seals")))[1]


def _padded(plain: bytes) -> bytes:
    """Return a first ciphertext whose padding is given."""
    begun, entropy = started(), SeededEntropy(named_bytes("Alice pads"))
    assert begun.opening is not None
    _, message = ratchet.encrypt(begun.ratchet, plain, begun.associated, entropy)
    return seal_opening(begun.opening, PACKAGE.prekey, message, entropy) + message


def session_cases() -> list[Case]:
    """Return all cases of packages and sessions."""
    return [*_package_cases(), *_conversation_cases(), *_opening_cases(), *_further_cases(), *_padding_cases()]


def _signed(**changes: object) -> bytes:
    """Return a package with other fields, signed by its owner."""
    draft = msgspec.structs.replace(PACKAGE, **changes)
    fields = wire.decode(msgspec.structs.replace(draft, signature=bytes(64)).encode(), 512)
    assert isinstance(fields, dict)
    signed = wire.encode({name: value for name, value in fields.items() if name != 9})
    return msgspec.structs.replace(draft, signature=BOB.sign(_P.package_label, signed)).encode()


def _package_cases() -> list[Case]:
    good = PACKAGE.encode()
    step = Step("decode", "package.decode", {"package": good})
    decode = Case("session/package", "a good package", ("SES-4", "SES-5"), (step,))
    last = Case("session/package-last-second", "in its last second", ("SES-5",), (_at(step, PACKAGE.not_after_s - 1),))
    forged, malformed, expired = ErrorClass.FORGED, ErrorClass.MALFORMED, ErrorClass.EXPIRED
    mine = msgspec.structs.replace(BOB.public, agree=ALICE.public.agree)
    unlabelled = msgspec.structs.replace(PACKAGE, signature=BOB.sign(_P.binding_label, good))

    def wrong(case: str, title: str, clause: str, refusal: ErrorClass, package: bytes) -> Case:
        return decode.refused(f"package-{case}", title, (clause,), refusal).changed("decode", package=package)

    return [
        decode,
        wrong("tampered", "the owner never signed it", "SES-4", forged, _unsigned(reusable=True)),
        wrong("unbound", "the agreement key of somebody else", "SES-2", forged, _signed(identity=mine)),
        wrong("other-label", "a signature of another kind", "SES-3", forged, unlabelled.encode()),
        wrong("too-long", "397 days", "SES-22", malformed, _signed(not_after_s=PACKAGE.not_before_s + 397 * DAY)),
        wrong("trailing-bytes", "one byte after the package", "ENV-1", malformed, good + b"\0"),
        wrong("unknown-suite", "suite 9", "ENV-5", malformed, _field(1, 9)),
        wrong("suite-true", "true where suite 1 belongs", "ENV-3", malformed, _field(1, True)),
        wrong("not-yet", "it begins tomorrow", "SES-5", expired, _signed(not_before_s=NOW + DAY)),
        last,
        last.refused("package-expired", "at its not-after date", ("SES-5",), expired)
        .changed("decode", now=PACKAGE.not_after_s)
        .probed(Step("probe", "package.decode", {"package": _later()}, PACKAGE.not_after_s)),
    ]


def _at(step: Step, now: int) -> Step:
    return msgspec.structs.replace(step, now=now)


def _unsigned(**changes: object) -> bytes:
    return msgspec.structs.replace(PACKAGE, **changes).encode()


def _field(number: int, value: object) -> bytes:
    fields = wire.decode(PACKAGE.encode(), 512)
    assert isinstance(fields, dict)
    return wire.encode(fields | {number: value})


def _later() -> bytes:
    return make_package(BOB, NOW, 2 * LIFETIME_S, SeededEntropy(named_bytes("later"))).package.encode()


def _conversation_cases() -> list[Case]:
    talk = (
        _start(),
        _step("first", "seal", "start", body=b"hello"),
        _accept("$first.ciphertext"),
        _step("answer", "seal", "accept", body=b"good to hear from you"),
        _step("read", "open", "start", ciphertext="$answer.ciphertext"),
        _step("second", "seal", "start", body=b"and now without an opening"),
        _step("open", "open", "accept", ciphertext="$second.ciphertext"),
    )
    seal = Case(
        "session/seal",
        "the fullest first message",
        ("ENV-11",),
        (*talk[:1], _step("seal", "seal", "start", body=bytes(ROOM))),
    )
    full = seal.refused("body-too-large", "one byte more than there is room for", ("ENV-11",), ErrorClass.TOO_LARGE)
    return [
        Case("session/conversation", "two ends, both by the testee", ("SES-7", "SES-8", "SES-12"), talk),
        seal,
        full.changed("seal", body=bytes(ROOM + 1)),
    ]


def _opening_cases() -> list[Case]:
    good = first_message()
    accept = Case("session/accept", "a first message", ("SES-7", "SES-8"), (_accept(good),))
    grace_ends = PACKAGE.not_after_s + _P.package_grace_s
    late = Case(
        "session/accept-late", "the last second in which it may start", ("SES-10",), (_accept(good, grace_ends - 1),)
    )
    begun = started()
    assert begun.opening is not None
    other = msgspec.structs.replace(begun.opening.initiator, agree=BOB.public.agree)
    unbound = msgspec.structs.replace(begun, opening=msgspec.structs.replace(begun.opening, initiator=other))
    forged = ErrorClass.FORGED
    flipped = good[:40] + bytes([good[40] ^ 1]) + good[41:]
    moved = good[: _P.opening_sealed_bytes] + first_message(begun, b"hello!")[_P.opening_sealed_bytes :]

    def wrong(case: str, title: str, clause: str, ciphertext: bytes, refusal: ErrorClass = forged) -> Case:
        return accept.refused(case, title, (clause,), refusal).changed("accept", ciphertext=ciphertext)

    unlike = msgspec.structs.replace(begun.opening, package_id=named_bytes("another package", _P.package_id_bytes))
    named = msgspec.structs.replace(begun, opening=unlike)
    again = Step("probe", "session.accept", _accept(good).args)
    return [
        accept,
        wrong("opening-tampered", "one bit of the sealed opening", "SES-9", flipped),
        wrong("opening-moved", "the opening of another message", "SES-9", moved),
        wrong("opening-unbound", "the agreement key of somebody else", "SES-2", first_message(unbound)),
        wrong("opening-other-package", "the opening names another package", "SES-25", first_message(named)),
        wrong("opening-hollow", "an ephemeral key that agrees on zeros", "SES-21", _hollow()),
        wrong("first-odd-size", "a ciphertext of no size class", "ENV-9", good[:-1], ErrorClass.MALFORMED),
        late,
        late.refused("opening-too-late", "31 days after its not-after date", ("SES-10",), forged)
        .changed("accept", now=grace_ends)
        .probed(again),
    ]


def _further_cases() -> list[Case]:
    """How long A sends openings, and which of them B takes."""
    lost = (_start(), _step("lost", "seal", "start", body=b"lost"))
    again = (*lost, _step("seal", "seal", "start", body=bytes(ROOM)))
    second = Case("session/opening-again", "the fullest second message before an answer", ("SES-7",), again)
    full = second.refused("opening-again-too-large", "one byte more", ("ENV-11",), ErrorClass.TOO_LARGE)
    accepted = Case(
        "session/accept-second",
        "the first message is lost, the second begins",
        ("SES-7",),
        (*again, _accept("$seal.ciphertext")),
    )
    answered = (
        *conversing(bytes(ROOM + _P.opening_sealed_bytes)),
        _step("open", "open", "accept", ciphertext="$seal.ciphertext"),
    )
    return [
        second,
        full.changed("seal", body=bytes(ROOM + 1)),
        accepted,
        Case(
            "session/opening-no-longer", "after an answer a message has no opening, and more room", ("SES-7",), answered
        ),
        *_taken_cases(),
    ]


def _taken_cases() -> list[Case]:
    """B takes openings of this session until the first message without one."""
    ciphertexts, stranger, bare = _ciphertexts()
    first = _accept(ciphertexts[0])

    def opened(name: str, ciphertext: bytes) -> Step:
        return _step(name, "open", "accept", ciphertext=ciphertext)

    further = Case(
        "session/further-opening",
        "another message with an opening",
        ("SES-9",),
        (first, opened("open", ciphertexts[1])),
    )
    plain = Case(
        "session/first-bare", "the first message without an opening", ("SES-11",), (first, opened("open", bare[0]))
    )
    forged = ErrorClass.FORGED
    spoilt = bare[0][:-1] + bytes([bare[0][-1] ^ 1])
    after = further.refused("further-opening-late", "after a message without an opening", ("SES-11",), forged)
    return [
        further,
        further.refused("further-opening-other", "with another ephemeral key", ("SES-9",), forged).changed(
            "open", ciphertext=stranger
        ),
        after.preceded(opened("bare", bare[0])).probed(opened("probe", bare[1])),
        plain,
        plain.refused("first-bare-tampered", "one bit of it: openings are still taken", ("SES-11",), forged)
        .changed("open", ciphertext=spoilt)
        .probed(opened("probe", ciphertexts[1])),
    ]


def _ciphertexts() -> tuple[list[bytes], bytes, list[bytes]]:
    """Return two messages of A with openings, the second one under another opening, and two without."""
    entropy, state, begun = SeededEntropy(named_bytes("Alice goes on")), started(), started()
    state, first = session.seal(state, b"first", entropy)
    after, second = session.seal(state, b"second", entropy)
    assert begun.opening is not None
    message = second[_P.opening_sealed_bytes :]
    other = msgspec.structs.replace(begun.opening, ephemeral=PACKAGE.prekey)
    stranger = seal_opening(other, PACKAGE.prekey, message, entropy) + message
    silent = msgspec.structs.replace(after, opening=None, peer_prekey=None)
    silent, third = session.seal(silent, b"third", entropy)
    _, fourth = session.seal(silent, b"fourth", entropy)
    return [first, second], stranger, [third, fourth]


def _hollow() -> bytes:
    """Return a first ciphertext with an ephemeral key of zeros, and right but for that: DH2 and DH3 are zeros."""
    begun = started()
    assert begun.opening is not None
    opening = msgspec.structs.replace(begun.opening, ephemeral=bytes(32))
    label = _P.agreement_label.encode() + b"\0" + PARAMETERS.suite.number.to_bytes(2)
    first = ALICE.agreement.private_key().exchange(public_key(PACKAGE.prekey))
    out = hkdf(bytes(32), b"\xff" * 32 + first + bytes(64), label, 96)
    secrets = SharedSecrets(out[:32], out[32:64], out[64:])
    state = ratchet.start_initiator(secrets, PACKAGE.prekey, SeededEntropy(named_bytes("hollow")))
    return first_message(msgspec.structs.replace(begun, opening=opening, ratchet=state))


def _padding_cases() -> list[Case]:
    plain = b"\0\5hello" + bytes(ROOM - 5)
    padded = Case("session/padding", "a body and zeros", ("ENV-10",), (_accept(_padded(plain)),))

    def wrong(case: str, title: str, plain: bytes) -> Case:
        refused = padded.refused(case, title, ("ENV-10",), ErrorClass.MALFORMED)
        return refused.changed("accept", ciphertext=_padded(plain))

    return [
        padded,
        wrong("padding-not-zeros", "the last byte is no zero", plain[:-1] + b"\1"),
        wrong("padding-length", "a length beyond the end", (ROOM + 1).to_bytes(2) + plain[2:]),
    ]
