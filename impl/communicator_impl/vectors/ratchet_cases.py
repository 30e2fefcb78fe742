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

__all__ = ["decrypting", "first_sent", "ratchet_cases", "responding", "shortest"]

AD = named_bytes("associated data")
OWN = derive_key_pair(named_bytes("ratchet key of B"))
SECRETS = SharedSecrets(named_bytes("root key"), named_bytes("header key of A"), named_bytes("header key of B"))
_P = PARAMETERS.session
SKIP = _P.skip_max
CHAINS, CHAIN_KEYS, STORED_KEYS = _P.receiving_chains_max, _P.chain_keys_max, _P.stored_keys_max
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


def _marked() -> RatchetState:
    """Return an A who sends the same ratchet key with its highest bit set."""
    state = _initiator()
    public = state.dhs.public[:-1] + bytes([state.dhs.public[-1] | 0x80])
    return msgspec.structs.replace(state, dhs=KeyPair(state.dhs.secret, public))


def _messages(count: int, state: RatchetState | None = None) -> list[bytes]:
    """Return the first messages of A."""
    out, entropy, state = [], SeededEntropy(named_bytes("A's salts")), state or _initiator()
    for number in range(count):
        state, message = ratchet.encrypt(state, f"message {number}".encode(), AD, entropy)
        out.append(message)
    return out


def first_sent() -> bytes:
    """Return the first message of A."""
    return _messages(1)[0]


def shortest() -> bytes:
    """Return a first message of A without a byte in it."""
    return ratchet.encrypt(_initiator(), b"", AD, SeededEntropy(named_bytes("A's salts")))[1]


def responding() -> Step:
    """Return the step in which B waits."""
    return _respond()


def decrypting(message: bytes) -> Step:
    """Return the step in which B reads a message."""
    return _decrypt("decrypt", message)


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
    areas = _conversation_cases, _tampering_cases, _order_cases, _skip_cases, _turn_cases, _kept_cases, _first_cases
    return [case for area in areas for case in area()]


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
    messages = _messages(SKIP + 3)
    steps = (_respond(), _decrypt("decrypt", messages[SKIP]))
    most = Case("ratchet/skip-most", "1,000 messages are missing", ("SES-18",), steps, post=_state())
    too_many = most.refused("skip-too-many", "1,001 messages are missing", ("SES-18",), ErrorClass.LIMIT)
    begun = (_respond(), _decrypt("first", messages[0]), _decrypt("decrypt", messages[SKIP + 1]))
    later = Case("ratchet/skip-most-later", "1,000 are missing in a chain under way", ("SES-18",), begun)
    over = later.refused("skip-too-many-later", "1,001 are missing in a chain under way", ("SES-18",), ErrorClass.LIMIT)
    return [
        most,
        too_many.changed("decrypt", message=messages[SKIP + 1]),
        later,
        over.changed("decrypt", message=messages[SKIP + 2]),
    ]


def _lose(name: str, count: int) -> Step:
    return Step(name, "ratchet.lose", {"ratchet": "$initiate.handle", "count": count})


def _initiate() -> Step:
    return Step("initiate", "ratchet.initiate", {**_SHARED, "peer_key": OWN.public})


def _sent(name: str) -> tuple[Step, Step]:
    """A says something, and B reads it."""
    return _encrypt(name, "initiate", name), _decrypt(f"read-{name}", f"${name}.message")


def _answered(name: str) -> tuple[Step, Step]:
    """B answers, and A reads it: A's next message begins a chain."""
    return _encrypt(name, "respond", name), _decrypt(f"read-{name}", f"${name}.message", "initiate")


def _turn_cases() -> list[Case]:
    """What is missing when a chain ends, and what comes of a chain that has ended."""
    begun = (_respond(), _initiate(), *_sent("first"), _encrypt("late", "initiate", "late"))
    late = _decrypt("decrypt", "$late.message")
    turned = (*_answered("answer"), _encrypt("second", "initiate", "second"), _decrypt("decrypt", "$second.message"))
    ends = Case(
        "ratchet/turn-skip-most",
        "1,000 are missing at the end of the chain before, and 1,000 at the beginning of the next",
        ("SES-18",),
        (*begun, _lose("lost", SKIP - 1), *turned[:2], _lose("begin", SKIP), *turned[2:]),
        post=_state(),
    )
    whole = Case("ratchet/turn", "a chain has ended, and a message of it arrives", ("SES-18",), (*begun, *turned[:3]))
    over = _decrypt("decrypt", _beyond(2))
    read = _decrypt("read-second", "$second.message")
    after = msgspec.structs.replace(whole, steps=(*whole.steps, read, late), post=_state())

    def wrong(of: Case, case: str, title: str, clause: str, refusal: ErrorClass) -> Case:
        probe = late.renamed("probe")
        return of.refused(case, title, (clause,), refusal).probed(probe)

    return [
        ends,
        wrong(ends, "turn-skip-too-many", "1,001 of the chain before", "SES-18", ErrorClass.LIMIT).changed(
            "lost", count=SKIP
        ),
        wrong(ends, "turn-skip-too-many-next", "1,001 of the next chain", "SES-18", ErrorClass.LIMIT).changed(
            "begin", count=SKIP + 1
        ),
        after,
        wrong(after, "turn-beyond-end", "a number that the ended chain never had", "SES-16", ErrorClass.FORGED).changed(
            "decrypt", message=over.args["message"]
        ),
        wrong(
            after, "turn-replayed", "a message of the ended chain that was read", "SES-20", ErrorClass.REPLAYED
        ).changed("decrypt", message="$first.message"),
    ]


def _beyond(number: int) -> bytes:
    """Return a message of A's first chain with a number; only its header opens."""
    state = msgspec.structs.replace(_initiator(), cks=named_bytes("another chain"), ns=number)
    return ratchet.encrypt(state, b"beyond the end", AD, SeededEntropy(named_bytes("beyond")))[1]


def _kept_cases() -> list[Case]:
    """Which key is forgotten as the oldest: in one chain, over all, and with its chain."""
    messages = _messages(CHAIN_KEYS + 3)
    one = (_respond(), _decrypt("first", messages[CHAIN_KEYS]), _decrypt("more", messages[CHAIN_KEYS + 2]))
    chain = _forgets("chain-keys", "1,001 keys of one chain: the lowest number goes", one, messages[0], messages[1])
    return [*chain, *_stored_cases(), *_chains_cases()]


def _forgets(
    case: str,
    title: str,
    steps: tuple[Step, ...],
    oldest: object,
    kept: object,
    refusal: ErrorClass = ErrorClass.REPLAYED,
) -> list[Case]:
    """Return the case that reads a message whose key is still there, and that of the oldest, whose key is not."""
    good = Case(f"ratchet/{case}", title, ("SES-19",), (*steps, _decrypt("decrypt", kept)), post=_state())
    return [
        good,
        good.refused(f"{case}-oldest", f"{title}, and does not decrypt", ("SES-19",), refusal).changed(
            "decrypt", message=oldest
        ),
    ]


def _stored_cases() -> list[Case]:
    """Two chains with 1,000 kept keys each, and one key more."""
    steps = (
        *(_respond(), _initiate(), _encrypt("oldest", "initiate", "oldest"), _encrypt("next", "initiate", "next")),
        *(_lose("lost-1", CHAIN_KEYS - 2), *_sent("first"), *_answered("answer-1")),
        *(_lose("lost-2", STORED_KEYS - CHAIN_KEYS), *_sent("second"), *_answered("answer-2")),
        *(_lose("lost-3", 1), *_sent("third")),
    )
    return _forgets(
        "stored-keys", "2,001 keys in all: one of the oldest chain goes", steps, "$oldest.message", "$next.message"
    )


def _chains_cases() -> list[Case]:
    """A chain more than are kept, with one key each; the youngest of them is the current one."""
    steps = [_respond(), _initiate()]
    for number in range(CHAINS + 1):
        lost = _encrypt(f"lost-{number}", "initiate", "lost")
        steps += [*(_answered(f"answer-{number}") if number else ()), lost, *_sent(f"sent-{number}")]
    title = "33 chains of which a key is kept: the oldest goes"
    return _forgets("chains", title, tuple(steps), "$lost-0.message", "$lost-1.message", ErrorClass.FORGED)


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
    marked = _messages(1, _marked())[0]
    return [
        real,
        Case(
            "ratchet/key-top-bit",
            "a ratchet key with its highest bit set, which RFC 7748 leaves out of account",
            ("SES-13",),
            (_respond(), _decrypt("decrypt", marked), _encrypt("encrypt", "respond", "an answer")),
        ),
        real.refused("small-order-key", "a key that agrees on zeros", ("SES-21",), ErrorClass.MALFORMED).changed(
            "decrypt", message=hollow
        ),
        after,
        early.probed(answer[1], answer[2].renamed("probe")),
    ]
