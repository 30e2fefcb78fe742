"""Cases of suite 2 (4.5, and 12.6 with a restart key): packages, openings, secrets, and sessions that begin anew.

What a suite-1 program would send, or what one sends that left a part of suite 2 out, is forged here: each of these is a
downgrade that must not happen. Randomness of ML-KEM comes from `ml_kem`, so the same bytes come out everywhere.
"""

import hashlib

import msgspec

from communicator_impl import hpke, ratchet, session, wire, xwing
from communicator_impl.agreement import Opening
from communicator_impl.entropy import SeededEntropy
from communicator_impl.kdf import hkdf
from communicator_impl.keys import Identity, KeyPackage, make_package
from communicator_impl.ratchet import SharedSecrets
from communicator_impl.session import Session
from communicator_impl.suite import Suite
from communicator_impl.vectors.session_cases import ALICE, SIZE, own
from communicator_impl.vectors.story import NOW, Case, Step, named_bytes
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["DANA", "HYBRID_PACKAGE", "hybrid_cases", "hybrid_first", "hybrid_opening", "taking", "taking_opening"]

_P, _H = PARAMETERS.session, PARAMETERS.hybrid
DANA = Identity.generate(SeededEntropy(named_bytes("Dana")))
_SECRET = make_package(DANA, NOW, 30 * 86_400, SeededEntropy(named_bytes("Dana's package")), suite=Suite.HYBRID)
HYBRID_PACKAGE = _SECRET.package
_ROOM = SIZE - _H.opening_sealed_bytes - _P.overhead_bytes - _P.length_prefix_bytes
_KEY = named_bytes("a restart key")
_FORGED, _MALFORMED = ErrorClass.FORGED, ErrorClass.MALFORMED


def hybrid_cases() -> list[Case]:
    """Return all cases of suite 2."""
    return [*_seal_cases(), *_package_cases(), *_talk_cases(), *_opening_cases(), *_further_cases(), *_restart_cases()]


def taking(ciphertext: object) -> Step:
    """Return the step in which the owner of the package takes a first ciphertext."""
    more = {"package": HYBRID_PACKAGE.encode(), "made_s": NOW, "prekey_secret": _SECRET.prekey.secret}
    return Step("accept", "hybrid.accept", {**own(DANA), **more, "ciphertext": ciphertext})


def taking_opening(data: bytes) -> Step:
    """Return the step in which the owner takes a first ciphertext whose opening has these 208 bytes."""
    begun = _started()
    opening = hybrid_opening()
    initiator = msgspec.structs.replace(opening.initiator, sign=data[16:48], agree=data[48:80], binding=data[80:144])
    changed = Opening(data[:16], initiator, data[144:176], data[176:])
    return taking(hybrid_first(msgspec.structs.replace(begun, opening=changed)))


def hybrid_opening() -> Opening:
    """Return the opening of a session that Alice has just begun."""
    opening = _started().opening
    assert opening is not None
    return opening


def hybrid_first(begun: Session | None = None, body: bytes = b"hello") -> bytes:
    """Return the first ciphertext of a session."""
    return session.seal(begun or _started(), body, SeededEntropy(named_bytes("Alice seals to Dana")))[1]


def _started(package: KeyPackage = HYBRID_PACKAGE) -> Session:
    return session.start(ALICE, package, NOW, SeededEntropy(named_bytes("Alice starts with Dana")))


def _step(name: str, op: str, on: str, **args: object) -> Step:
    return Step(name, f"session.{op}", {"session": f"${on}.handle", **args})


# -------------------------------------------------------------------- the seal underneath


def _seal_cases() -> list[Case]:
    pair, info, text = xwing.key_pair(named_bytes("x-wing key")), b"what the seal is bound to", b"a plaintext"
    box = xwing.seal(pair.public, info, text, SeededEntropy(named_bytes("x-wing seal")), "hpke")

    def opening(sealed: object) -> Step:
        return Step("open", "hybrid.open", {"secret_key": pair.secret, "info": info, "sealed": sealed})

    own_box = Step("seal", "hybrid.seal", {"public_key": pair.public, "info": info, "plaintext": text})
    opened = Case("hybrid/open", "a sealed box", ("SES-9",), (opening(box),))

    def wrong(case: str, title: str, refusal: ErrorClass, **args: object) -> Case:
        return opened.refused(case, title, ("SES-9",), refusal).changed("open", None, **args)

    return [
        Case("hybrid/seal", "seal with the seed's randomness", ("SES-9",), (own_box,)),
        Case("hybrid/round-trip", "seal and open", ("SES-9",), (own_box, opening("$seal.sealed"))),
        opened,
        wrong("other-info", "bound to something else", _FORGED, info=info + b"!"),
        wrong("ml-kem-tampered", "one bit of the ML-KEM ciphertext", _FORGED, sealed=_flipped(box, 40)),
        wrong("x25519-tampered", "one bit of the X25519 key", _FORGED, sealed=_flipped(box, 1100)),
        wrong("truncated", "shorter than any box", _MALFORMED, sealed=box[: _H.encapsulated_key_bytes + 15]),
    ]


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


# -------------------------------------------------------------------- packages


def _package_cases() -> list[Case]:
    good = HYBRID_PACKAGE.encode()
    decode = Case(
        "hybrid/package", "a good package", ("SES-4", "SES-29"), (Step("decode", "hybrid.decode", {"package": good}),)
    )
    large = b"\xff" * 3 + HYBRID_PACKAGE.prekey[3:]  # two coefficients of 4095

    def wrong(case: str, title: str, clause: str, refusal: ErrorClass, package: bytes) -> Case:
        return decode.refused(f"package-{case}", title, (clause,), refusal).changed("decode", package=package)

    unsigned = msgspec.structs.replace(HYBRID_PACKAGE, reusable=True).encode()
    mine = msgspec.structs.replace(DANA.public, agree=ALICE.public.agree)
    return [
        decode,
        wrong("tampered", "the owner never signed it", "SES-4", _FORGED, unsigned),
        wrong("unbound", "the agreement key of somebody else", "SES-2", _FORGED, _signed(identity=mine)),
        wrong("swapped-prekey", "the prekey of another package", "SES-4", _FORGED, _swapped()),
        wrong("not-reduced", "a coefficient that is too large", "SES-29", _MALFORMED, _signed(prekey=large)),
        wrong("not-yet", "it begins tomorrow", "SES-5", ErrorClass.EXPIRED, _signed(not_before_s=NOW + 86_400)),
        wrong("ended", "it has ended", "SES-5", ErrorClass.EXPIRED, _signed(not_before_s=NOW - 7200, not_after_s=NOW)),
        wrong("classical", "suite 1 with this prekey", "SES-29", _MALFORMED, _signed(suite=Suite.CLASSICAL)),
    ]


def _swapped() -> bytes:
    other = xwing.key_pair(named_bytes("another prekey")).public
    return msgspec.structs.replace(HYBRID_PACKAGE, prekey=other).encode()


def _signed(**changes: object) -> bytes:
    """Return a package with other fields, signed by its owner."""
    draft = msgspec.structs.replace(HYBRID_PACKAGE, **changes)
    fields = wire.decode(draft.encode(), 2048)
    assert isinstance(fields, dict)
    signed = wire.encode({name: value for name, value in fields.items() if name != 9})
    return msgspec.structs.replace(draft, signature=DANA.sign(_P.package_label, signed)).encode()


# -------------------------------------------------------------------- sessions


def _start() -> Step:
    return Step("start", "hybrid.start", {**own(ALICE), "package": HYBRID_PACKAGE.encode()})


def _talk_cases() -> list[Case]:
    talk = (
        _start(),
        _step("first", "seal", "start", body=b"hello"),
        taking("$first.ciphertext"),
        _step("answer", "seal", "accept", body=b"good to hear from you"),
        _step("read", "open", "start", ciphertext="$answer.ciphertext"),
        _step("second", "seal", "start", body=bytes(SIZE - _P.overhead_bytes - _P.length_prefix_bytes)),
        _step("open", "open", "accept", ciphertext="$second.ciphertext"),
    )
    clauses = ("SES-30", "EXT-5")
    seal = Case("hybrid/first", "the fullest first message", ("ENV-11",),
                (_start(), _step("seal", "seal", "start", body=bytes(_ROOM))))  # fmt: skip
    full = seal.refused("body-too-large", "one byte more than there is room for", ("ENV-11",), ErrorClass.TOO_LARGE)
    return [
        Case("hybrid/conversation", "two ends, both by the testee", clauses, talk),
        seal,
        full.changed("seal", body=bytes(_ROOM + 1)),
    ]


def _opening_cases() -> list[Case]:
    good, begun, opening = hybrid_first(), _started(), hybrid_opening()
    accept = Case("hybrid/accept", "a first message", ("SES-30",), (taking(good),))

    def wrong(case: str, title: str, clause: str, ciphertext: bytes) -> Case:
        return accept.refused(case, title, (clause,), _FORGED).changed("accept", ciphertext=ciphertext)

    def opened(**changes: object) -> bytes:
        return hybrid_first(msgspec.structs.replace(begun, opening=msgspec.structs.replace(opening, **changes)))

    n = _H.opening_sealed_bytes
    message = good[n:]
    other = msgspec.structs.replace(opening.initiator, agree=DANA.public.agree)
    begun_again = session.again(ALICE, _started(), NOW, SeededEntropy(named_bytes("Alice begins again")))
    again = Case(
        "hybrid/accept-again", "begun again with the package", ("PORT-31",), (taking(hybrid_first(begun_again)),)
    )
    by_hand = Case("hybrid/accept-derived", "a first message, derived by hand", ("SES-30",), (taking(_derived()),))
    return [
        accept,
        by_hand,
        again,
        wrong("opening-ml-kem", "one bit of the ML-KEM ciphertext", "SES-9", _flipped(good, 500)),
        wrong(
            "opening-moved", "the opening of another message", "SES-9", good[:n] + hybrid_first(begun, b"hello!")[n:]
        ),
        wrong("opening-unbound", "the agreement key of somebody else", "SES-2", opened(initiator=other)),
        wrong(
            "opening-other-package",
            "it names another package",
            "SES-25",
            opened(package_id=named_bytes("a package", 16)),
        ),
        wrong("opening-classical", "an opening of suite 1, sealed with X25519", "SES-32", _classical()),
        wrong("opening-other-label", "sealed with X-Wing under the label of suite 1", "SES-32", _relabelled(message)),
        wrong("secret-other", "another secret than the agreement was made with", "SES-30", opened(secret=bytes(32))),
        wrong("secret-left-out", "an agreement without the secret", "SES-30", _derived(secret=b"")),
        wrong("package-left-out", "AD without the package", "SES-30", _derived(package=b"")),
        wrong("hollow", "an ephemeral key that agrees on zeros", "SES-21", _derived(ephemeral=bytes(32))),
    ]


def _classical() -> bytes:
    """Return what a program would send that takes the X25519 part of the prekey for one of suite 1."""
    part = msgspec.structs.replace(HYBRID_PACKAGE, prekey=HYBRID_PACKAGE.agreement_key(), suite=Suite.CLASSICAL)
    fields = wire.decode(part.encode(), 2048)
    assert isinstance(fields, dict)
    signed = wire.encode({name: value for name, value in fields.items() if name != 9})
    taken = msgspec.structs.replace(part, signature=DANA.sign(_P.package_label, signed))
    begun = _started(taken)
    assert begun.opening is not None
    named = msgspec.structs.replace(begun.opening, package_id=HYBRID_PACKAGE.identifier())
    return hybrid_first(msgspec.structs.replace(begun, opening=named))


def _relabelled(message: bytes) -> bytes:
    info = _P.opening_label.encode() + b"\0\0\1" + hashlib.sha256(message).digest()
    entropy = SeededEntropy(named_bytes("under another label"))
    return xwing.seal(HYBRID_PACKAGE.prekey, info, hybrid_opening().to_bytes(), entropy, "opening.seal") + message


def _derived(secret: bytes | None = None, package: bytes | None = None, ephemeral: bytes | None = None) -> bytes:
    """Return a first ciphertext of an agreement that was made otherwise; zeros agree on zeros."""
    own_secret = hpke.KeyPair.generate(SeededEntropy(named_bytes("Alice derives")), "agreement.ephemeral")
    shown = own_secret.public if ephemeral is None else ephemeral
    mine, passing = ALICE.agreement.private_key(), own_secret.private_key()
    part, peer = hpke.public_key(HYBRID_PACKAGE.agreement_key()), hpke.public_key(DANA.public.agree)
    rest = bytes(64) if ephemeral is not None else passing.exchange(peer) + passing.exchange(part)
    opening = msgspec.structs.replace(hybrid_opening(), ephemeral=shown)
    label = _P.agreement_label.encode() + b"\0\0\2"
    shared = mine.exchange(part) + rest + (opening.secret if secret is None else secret)
    out = hkdf(bytes(32), b"\xff" * 32 + shared, label, 128)
    names = ALICE.public.to_bytes() + DANA.public.to_bytes() + (HYBRID_PACKAGE.digest() if package is None else package)
    entropy = SeededEntropy(named_bytes("derived otherwise"))
    secrets = SharedSecrets(out[:32], out[32:64], out[64:96])
    state = ratchet.start_initiator(secrets, HYBRID_PACKAGE.agreement_key(), entropy)
    associated = hashlib.sha256(label + names).digest()
    return hybrid_first(msgspec.structs.replace(_started(), ratchet=state, associated=associated, opening=opening))


def _further_cases() -> list[Case]:
    """B takes openings of this session until the first message without one, and then erases the seed."""
    entropy, state = SeededEntropy(named_bytes("Alice goes on with Dana")), _started()
    state, first = session.seal(state, b"first", entropy)
    after, second = session.seal(state, b"second", entropy)
    silent = msgspec.structs.replace(after, opening=None, peer_prekey=None)
    silent, third = session.seal(silent, b"third", entropy)
    _, fourth = session.seal(silent, b"fourth", entropy)

    def opened(name: str, ciphertext: bytes) -> Step:
        return _step(name, "open", "accept", ciphertext=ciphertext)

    further = Case(
        "hybrid/further-opening", "another message with an opening", ("SES-9",), (taking(first), opened("open", second))
    )
    late = further.refused("further-opening-late", "after a message without an opening", ("SES-11",), _FORGED)
    return [further, late.preceded(opened("bare", third)).probed(opened("probe", fourth))]


# -------------------------------------------------------------------- restarts


def _known(identity: Identity, peer: Identity, key: bytes = _KEY) -> dict[str, object]:
    return {**own(identity), "peer": peer.public.to_bytes(), "restart_key": key}


def _answer(ciphertext: object) -> Step:
    args = {**_known(DANA, ALICE), "newest_s": NOW - 1, "ciphertext": ciphertext}
    return Step("answer", "hybrid.answer", args)


def _anew(key: bytes = _KEY) -> Session:
    return session.restart(ALICE, DANA.public, NOW, SeededEntropy(named_bytes("Alice begins anew with Dana")), key)


def _sealed(begun: Session) -> bytes:
    return session.seal(begun, b"RESYNC", SeededEntropy(named_bytes("Alice seals anew to Dana")))[1]


def _restart_cases() -> list[Case]:
    talk = (
        Step("restart", "hybrid.restart", _known(ALICE, DANA)),
        _step("first", "seal", "restart", body=b"RESYNC"),
        _answer("$first.ciphertext"),
        _step("receipt", "seal", "answer", body=b"what I have seen"),
        _step("read", "open", "restart", ciphertext="$receipt.ciphertext"),
    )
    answer = Case("hybrid/answer", "a session that begins anew", ("PORT-28",), (_answer(_sealed(_anew())),))

    def wrong(case: str, title: str, begun: Session) -> Case:
        refused = answer.refused(case, title, ("PORT-28",), _FORGED)
        return refused.changed("answer", ciphertext=_sealed(begun))

    of_other = _anew(named_bytes("another restart key"))
    unkeyed = msgspec.structs.replace(_anew(b""), restart_key=_KEY)
    unsealed = msgspec.structs.replace(_anew(), restart_key=b"")
    return [
        Case("hybrid/resync-conversation", "two ends begin anew, both by the testee", ("PORT-28",), talk),
        answer,
        wrong("restart-other-key", "with another restart key", of_other),
        wrong("restart-classical", "in suite 1", _anew(b"")),
        wrong("restart-key-left-out", "an agreement of suite 1 in a seal of suite 2", unkeyed),
        wrong("restart-key-not-in-seal", "a seal of suite 1 around an agreement of suite 2", unsealed),
    ]
