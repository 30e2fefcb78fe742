"""Cases of the ratchet (chapter 4, section 4): order, loss, repetition, tampering, and what a failure leaves behind.

The end under test is B, who waits with an explicit key; the messages of A are bytes, so these cases
need no randomness of the testee. Each negative goes on with a message that must still decrypt: a
failure that spoils the state is found there (SES-16).
"""

import msgspec

from communicator_impl import ratchet
from communicator_impl.entropy import SeededEntropy
from communicator_impl.hpke import KeyPair, derive_key_pair
from communicator_impl.kdf import hkdf
from communicator_impl.ratchet import RatchetState, SharedSecrets
from communicator_impl.vectors.story import Case, Step, named_bytes
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["ratchet_cases"]

AD = named_bytes("associated data")
OWN = derive_key_pair(named_bytes("ratchet key of B"))
SECRETS = SharedSecrets(named_bytes("root key"), named_bytes("header key of A"), named_bytes("header key of B"))
SKIP = PARAMETERS.session.skip_max
_SHARED = {
    "shared": SECRETS.root,
    "header_initiator": SECRETS.header_initiator,
    "header_responder": SECRETS.header_responder,
}


def _initiator() -> RatchetState:
    return ratchet.start_initiator(SECRETS, OWN.public, SeededEntropy(named_bytes("A")))


def _hollow() -> RatchetState:
    """Return an A whose ratchet key is zeros, and whose chain is what then comes out: right but for the key."""
    info = PARAMETERS.session.root_label.encode()
    chain = hkdf(SECRETS.root, bytes(32), info, 96)[32:64]
    return msgspec.structs.replace(_initiator(), dhs=KeyPair(bytes(32), bytes(32)), cks=chain)


def _messages(count: int, state: RatchetState | None = None) -> list[bytes]:
    """Return the first messages of A."""
    out, entropy, state = [], SeededEntropy(named_bytes("A's salts")), state or _initiator()
    for number in range(count):
        state, message = ratchet.encrypt(state, f"message {number}".encode(), AD, entropy)
        out.append(message)
    return out


def _respond() -> Step:
    return Step("respond", "ratchet.respond", {**_SHARED, "secret": OWN.secret})


def _decrypt(name: str, message: object, on: str = "respond", associated: bytes = AD) -> Step:
    args = {"ratchet": f"${on}.handle", "message": message, "associated": associated}
    return Step(name, "ratchet.decrypt", args)


def _encrypt(name: str, on: str, text: str) -> Step:
    args = {"ratchet": f"${on}.handle", "plaintext": text.encode(), "associated": AD}
    return Step(name, "ratchet.encrypt", args)


def _state(on: str = "respond") -> Step:
    return Step("post", "ratchet.state", {"ratchet": f"${on}.handle"})


def ratchet_cases() -> list[Case]:
    """Return all cases of the ratchet."""
    return [*_conversation_cases(), *_tampering_cases(), *_order_cases(), *_skip_cases(), *_first_cases()]


def _conversation_cases() -> list[Case]:
    initiate = Step("initiate", "ratchet.initiate", {**_SHARED, "peer_key": OWN.public})
    talk = (
        _respond(),
        initiate,
        _encrypt("one", "initiate", "one"),
        _decrypt("read-one", "$one.message"),
        _encrypt("two", "respond", "two"),
        _decrypt("read-two", "$two.message", "initiate"),
        _encrypt("three", "initiate", "three"),
        _decrypt("read-three", "$three.message"),
    )
    encrypt = (initiate, _encrypt("encrypt", "initiate", "hello"))
    clauses = ("SES-12", "SES-13")
    return [
        Case("ratchet/encrypt", "the first message", (*clauses, "SES-14"), encrypt, post=_state("initiate")),
        Case("ratchet/conversation", "three turns between two ends", clauses, talk, post=_state()),
    ]


def _tampering_cases() -> list[Case]:
    good = _messages(1)[0]
    steps = (_respond(), _decrypt("decrypt", good))
    decrypt = Case("ratchet/decrypt", "the first message", ("SES-12", "SES-13"), steps, post=_state())
    forged = ErrorClass.FORGED

    def flipped(case: str, title: str, at: int, clause: str = "SES-16") -> Case:
        message = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
        return decrypt.refused(case, title, (clause,), forged).changed("decrypt", message=message)

    return [
        decrypt,
        flipped("tampered-salt", "the salt's last byte, which the header does not use", 15),
        flipped("tampered-header", "one bit of the sealed header", 20),
        flipped("tampered-body", "one bit of the sealed body", 75),
        flipped("tampered-tag", "one bit of the last tag", len(good) - 1),
        decrypt.refused("truncated", "shorter than any message", ("SES-12",), ErrorClass.MALFORMED).changed(
            "decrypt", message=good[:87]
        ),
        decrypt.refused("wrong-associated-data", "another session's", ("SES-8",), forged).changed(
            "decrypt", associated=named_bytes("associated data of others")
        ),
    ]


def _order_cases() -> list[Case]:
    first, second, third = _messages(3)
    ahead = (_respond(), _decrypt("third", third))
    late = Case("ratchet/out-of-order", "the third, then the first", ("SES-13",), (*ahead, _decrypt("decrypt", first)))
    once = Case("ratchet/in-order", "one message", ("SES-20",), (_respond(), _decrypt("decrypt", first)))
    replayed = ErrorClass.REPLAYED
    late = msgspec.structs.replace(late, post=_state())
    spoilt = first[:-1] + bytes([first[-1] ^ 1])
    return [
        once,
        once.refused("replayed", "a message a second time", ("SES-20",), replayed)
        .preceded(_decrypt("before", first))
        .probed(_decrypt("probe", second)),
        late,
        late.refused("replayed-skipped", "a skipped message a second time", ("SES-20",), replayed)
        .preceded(_decrypt("before", first))
        .probed(_decrypt("probe", second)),
        late.refused("tampered-skipped", "a kept key survives a forgery", ("SES-16",), ErrorClass.FORGED).changed(
            "decrypt", message=spoilt
        ),
    ]


def _skip_cases() -> list[Case]:
    messages = _messages(SKIP + 2)
    steps = (_respond(), _decrypt("decrypt", messages[SKIP]))
    most = Case("ratchet/skip-most", "1,000 messages are missing", ("SES-18",), steps, post=_state())
    too_many = most.refused("skip-too-many", "1,001 messages are missing", ("SES-18",), ErrorClass.LIMIT)
    begun = (_respond(), _decrypt("first", messages[0]), _decrypt("decrypt", messages[SKIP + 1]))
    later = Case("ratchet/skip-most-later", "1,000 are missing in a chain under way", ("SES-18",), begun)
    return [most, too_many.changed("decrypt", message=messages[SKIP + 1]), later]


def _first_cases() -> list[Case]:
    """B speaks only after A, and takes no key that fixes the agreed secret."""
    good = _messages(1)[0]
    hollow = _messages(1, _hollow())[0]
    steps = (_respond(), _decrypt("decrypt", good))
    real = Case("ratchet/real-key", "a ratchet key that is a point", ("SES-21",), steps)
    answer = (_respond(), _decrypt("first", good), _encrypt("encrypt", "respond", "an answer"))
    after = Case("ratchet/answer", "B answers", ("SES-17",), answer)
    silent = after.refused("answer-too-early", "B speaks first", ("SES-17",), ErrorClass.REFUSED)
    early = msgspec.structs.replace(silent, steps=(answer[0], answer[2]))
    return [
        real,
        real.refused("small-order-key", "a key that agrees on zeros", ("SES-21",), ErrorClass.MALFORMED).changed(
            "decrypt", message=hollow
        ),
        after,
        early.probed(answer[1], answer[2].renamed("probe")),
    ]
