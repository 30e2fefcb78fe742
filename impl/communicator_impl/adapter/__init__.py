"""The reference implementation's adapter: what each operation of the conformance suite calls.

Theory. An adapter translates and decides nothing: one request, one call, one answer. The suite
starts `python -m communicator_impl.adapter` as it starts any other testee. This half is the
relationship manager's; `adapter/service.py` is the receiving service's, `adapter/lines.py` the loop.
"""

import sys
from collections.abc import Callable

from communicator_impl import addresses as a
from communicator_impl import body, envelope, hpke, ratchet, session
from communicator_impl.adapter.content import CONTENT_OPERATIONS
from communicator_impl.adapter.directory import DIRECTORY_OPERATIONS
from communicator_impl.adapter.document import DOCUMENT_OPERATIONS
from communicator_impl.adapter.hybrid import HYBRID_OPERATIONS
from communicator_impl.adapter.identities import identity_of, pair_of, private_of
from communicator_impl.adapter.lines import Call, Operation, serve
from communicator_impl.adapter.person import PERSON_OPERATIONS
from communicator_impl.adapter.service import SERVICE_OPERATIONS
from communicator_impl.adapter.services import RECEIVER_OPERATIONS, SENDER_OPERATIONS
from communicator_impl.adapter.tokens import TOKEN_OPERATIONS
from communicator_impl.addresses import values
from communicator_impl.errors import InputError
from communicator_impl.keys import IdentityKey, KeyPackage, PackageSecret
from communicator_impl.submission import Submission
from communicator_impl.suite import Suite
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["HELLO", "OPERATIONS", "main"]

_ABOUT = {"name": "communicator-reference", "version": "0.1.0", "language": "Python"}
_ROLES, _PROFILES = ["rm", "ssa", "rsa", "ds", "as"], ["two-layer/1", "label/1"]
_OFFERS = {"roles": _ROLES, "profiles": _PROFILES, "suites": [int(suite) for suite in Suite]}
_AREAS = ["attachment", "body", "config", "content", "directory", "document", "envelope", "fingerprint", "hpke"]
_FEATURES = [*_AREAS, "live", "events", "formal", "opened", "ratchet", "resync", "session", "token"]
_FEATURES += ["derandomized", "hybrid", "projection"]
_LOST_MAX = 2 * PARAMETERS.session.skip_max
HELLO = {**_ABOUT, **_OFFERS, "features": _FEATURES}


def _config(c: Call) -> a.ServiceConfig:
    return a.ServiceConfig.decode(c.raw("config"))


def _key(c: Call) -> a.SealingKey:
    return _config(c).sealing_key(c.now)


def _issue(c: Call) -> object:
    owner = a.TwoLayerRoot(values.root(c.raw("root")), c.secret("signing_seed"))
    first, count, until_s = map(c.number, ("first", "count", "valid_until_s"))
    return {"addresses": owner.issue(_config(c), range(first, first + count), until_s, c.now, c.entropy)}


def _seal_envelope(c: Call) -> bytes:
    address, text = c.raw("address"), c.raw("ciphertext")
    if len(address) == PARAMETERS.address.label_bytes:
        return envelope.label_request(a.Label(address), _key(c), text, c.entropy)
    return envelope.two_layer_request(a.Rdas(address), _key(c), text, c.entropy)


def _encode_body(c: Call) -> bytes:
    kind, received = body.kind_of(c["kind"]), body.Received.from_wire(c["received"])
    content = None if c["content"] is None else c.raw("content")
    return body.encode_body(body.Body(kind, received, c.number("holds"), c.optional("number"), content=content))


def _decode_submission(c: Call) -> object:
    s = Submission.decode(c.raw("submission"))
    dated = {"not_after_s": s.not_after_ms // 1000, "delay_mean_s": s.delay_mean_s}
    return {"uri": s.uri, "request": s.request, **dated}


def _decode_body(c: Call) -> object:
    b = body.decode_body(c.raw("body"))
    received = [b.received.floor, b.received.ranges]
    return {"kind": int(b.kind), "number": b.number, "received": received, "holds": b.holds, "content": b.content}


def _shared(c: Call) -> ratchet.SharedSecrets:
    return ratchet.SharedSecrets(*map(c.secret, ("shared", "header_initiator", "header_responder")))


def _step(c: Call, step: Callable[..., tuple[object, bytes]], takes: str) -> bytes:
    state, out = step(c.of("ratchet", ratchet.RatchetState), c.raw(takes), c.raw("associated"), c.entropy)
    c.put("ratchet", state)
    return out


def _lose(c: Call) -> None:
    """Encrypt messages that nobody gets."""
    state, count = c.of("ratchet", ratchet.RatchetState), c.number("count")
    if count > _LOST_MAX:
        raise InputError(ErrorClass.MALFORMED, "count")
    for _ in range(count):
        state, _message = ratchet.encrypt(state, b"", b"", c.entropy)
    c.put("ratchet", state)


def _state(state: ratchet.RatchetState) -> object:
    return {"sent": state.ns, "received": state.nr, "previous": state.pn, "kept": [len(k.keys) for k in state.skipped]}


def _start(c: Call) -> object:
    return c.keep(session.start(identity_of(c), KeyPackage.decode(c.raw("package"), c.now), c.now, c.entropy))


def _accept(c: Call) -> object:
    package = KeyPackage.decode(c.raw("package"), c.number("made_s"))  # one's own, checked when it was made
    secret = PackageSecret(package, pair_of(c, "prekey_secret"))
    begun, first, _ = session.accept(identity_of(c), [secret], c.raw("ciphertext"), c.now, c.entropy)
    return c.keep(begun, body=first)


def _restart(c: Call) -> object:
    return c.keep(session.restart(identity_of(c), IdentityKey.from_bytes(c.raw("peer")), c.now, c.entropy))


def _answer(c: Call) -> object:
    peer, newest_s = IdentityKey.from_bytes(c.raw("peer")), c.number("newest_s")
    begun, first = session.accept_restart(identity_of(c), peer, c.raw("ciphertext"), c.now, newest_s, c.entropy)
    return c.keep(begun, body=first)


def _turn(c: Call, step: Callable[..., tuple[object, bytes]], takes: str) -> bytes:
    state, out = step(c.of("session", session.Session), c.raw(takes), c.entropy)
    c.put("session", state)
    return out


OPERATIONS: dict[str, Operation] = {
    **SERVICE_OPERATIONS,
    **CONTENT_OPERATIONS,
    **DOCUMENT_OPERATIONS,
    **TOKEN_OPERATIONS,
    **DIRECTORY_OPERATIONS,
    **HYBRID_OPERATIONS,
    **PERSON_OPERATIONS,
    **SENDER_OPERATIONS,
    **RECEIVER_OPERATIONS,
    "config.decode": lambda c: {"uri": _config(c).uri, "digest": _config(c).digest()},
    "address.issue": _issue,
    "address.diversify": lambda c: {
        "address": a.diversify(a.Rdas(c.raw("address")), _key(c), c.raw("ciphertext"), c.entropy)
    },
    "label.grant": lambda c: {
        "key": a.LabelRoot(a.Root(b""), c.raw("secret", PARAMETERS.address.epoch_key_bytes))
        .grant(c.number("epoch"), c.number("valid_until_s"), 1, c.now)
        .key
    },
    "label.derive": lambda c: {
        "label": a.derive_label(values.epoch_key(c.raw("key")), c.number("lane"), c.number("index"))
    },
    "label.seal": lambda c: {
        "sealed": a.seal_labelled(a.Label(c.raw("label")), c.raw("ciphertext"), _key(c), c.entropy)
    },
    "envelope.seal": lambda c: {"envelope": _seal_envelope(c)},
    "submission.decode": _decode_submission,
    "delivery.decode": lambda c: envelope.Delivery.decode(c.raw("delivery")),
    "package.decode": lambda c: {"identifier": KeyPackage.decode(c.raw("package"), c.now).identifier()},
    "body.decode": _decode_body,
    "body.encode": lambda c: {"body": _encode_body(c)},
    "session.start": _start,
    "session.accept": _accept,
    "session.restart": _restart,
    "session.answer": _answer,
    "session.seal": lambda c: {"ciphertext": _turn(c, session.seal, "body")},
    "session.open": lambda c: {"body": _turn(c, session.open_message, "ciphertext")},
    "ratchet.initiate": lambda c: c.keep(ratchet.start_initiator(_shared(c), c.raw("peer_key"), c.entropy)),
    "ratchet.respond": lambda c: c.keep(ratchet.start_responder(_shared(c), pair_of(c, "secret"))),
    "ratchet.encrypt": lambda c: {"message": _step(c, ratchet.encrypt, "plaintext")},
    "ratchet.lose": _lose,
    "ratchet.decrypt": lambda c: {"plaintext": _step(c, ratchet.decrypt, "message")},
    "ratchet.state": lambda c: _state(c.of("ratchet", ratchet.RatchetState)),
    "hpke.seal": lambda c: {
        "sealed": hpke.seal(hpke.public_key(c.raw("public_key")), c.raw("info"), c.raw("plaintext"), c.entropy, "hpke")
    },
    "hpke.open": lambda c: {"plaintext": hpke.open_sealed(private_of(c), c.raw("info"), c.raw("sealed"))},
}


def main() -> None:
    """Serve until stdin ends."""
    serve(sys.stdin.buffer, sys.stdout.buffer, HELLO, OPERATIONS)
