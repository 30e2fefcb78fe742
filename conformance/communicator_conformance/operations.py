"""The operations that a testee may offer: what each needs, takes and gives.

Theory. One table decides three things: whether a vector applies to a testee (the hello offers all
that its operations need), whether an `unsupported` is honest (it is not, when the hello offers it),
and what the README tells implementers. An operation does one thing of one role, so that a client
without a service, or a service without a client, is tested for its own half.

Rules:

1. Names are `area.verb`; an operation is never renamed and never changes its arguments; a new
   meaning gets a new name.
2. Byte strings are hex, dates are seconds since 1970-01-01T00:00Z, handles are the testee's own.
3. What is drawn at random is named under `drawn`: it is compared only when the testee declares
   `derandomized`, and otherwise checked by opening it.
"""

from collections.abc import Iterable

import msgspec

__all__ = ["OPERATIONS", "Operation", "needs_of"]


class Operation(msgspec.Struct, frozen=True):
    """One operation: the names of the hello that must offer it, its arguments and its results."""

    needs: frozenset[str]
    takes: frozenset[str]
    gives: frozenset[str]
    optional: frozenset[str] = frozenset()


def _op(needs: str, takes: str, gives: str = "", optional: str = "") -> Operation:
    return Operation(*(frozenset(words.split()) for words in (needs, takes, gives, optional)))


OPERATIONS: dict[str, Operation] = {
    # A receiving service: its keys by generation, whatever the profile.
    "service.load": _op("rsa", "uri outer inner", "handle config"),
    "service.erase": _op("rsa", "service"),
    "config.decode": _op("rm config", "config", "uri digest"),
    # two-layer/1, the recipient, the sender and the receiving service in turn.
    "address.issue": _op("rm two-layer/1", "root signing_seed config first count valid_until_s", "addresses"),
    "address.diversify": _op("rm two-layer/1", "address config ciphertext", "address"),
    "address.register": _op("rsa two-layer/1", "service root verify_key"),
    "address.resolve": _op("rsa two-layer/1", "service address ciphertext", "root index valid_until_s"),
    "address.spend": _op("rsa two-layer/1", "service address ciphertext", "root index valid_until_s"),
    "address.revoke": _op("rsa two-layer/1", "service root"),
    # label/1.
    "label.grant": _op("rm label/1", "secret epoch valid_until_s", "key"),
    "label.derive": _op("rm label/1", "key lane index", "label"),
    "label.seal": _op("rm label/1", "label ciphertext config", "sealed"),
    "label.register": _op("rsa label/1", "service root epoch key valid_until_s capacity lanes"),
    "label.resolve": _op("rsa label/1", "service sealed", "root epoch lane index valid_until_s ciphertext"),
    "label.spend": _op("rsa label/1", "service sealed", "root epoch lane index valid_until_s ciphertext"),
    "label.revoke": _op("rsa label/1", "service root", optional="epoch"),
    # Both profiles in the envelope.
    "envelope.seal": _op("rm envelope", "address config ciphertext", "envelope"),
    "envelope.resolve": _op("rsa envelope", "service envelope", "root ciphertext"),
    "envelope.spend": _op("rsa envelope", "service envelope", "root ciphertext"),
    "delivery.decode": _op("rm envelope", "delivery", "number ciphertext"),
    # The body inside the ratchet.
    "body.decode": _op("rm body", "body", "kind number received holds content"),
    "body.encode": _op("rm body", "kind received holds content", "body", "number"),
    # Sessions.
    "package.decode": _op("rm session", "package", "identifier"),
    "session.start": _op("rm session", "signing_seed verify_key agreement_secret package", "handle"),
    "session.accept": _op(
        "rm session",
        "signing_seed verify_key agreement_secret package made_s prekey_secret ciphertext",
        "handle body",
    ),
    "session.seal": _op("rm session", "session body", "ciphertext"),
    "session.open": _op("rm session", "session ciphertext", "body"),
    "ratchet.initiate": _op("rm ratchet", "shared header_initiator header_responder peer_key", "handle"),
    "ratchet.respond": _op("rm ratchet", "shared header_initiator header_responder secret", "handle"),
    "ratchet.encrypt": _op("rm ratchet", "ratchet plaintext associated", "message"),
    "ratchet.decrypt": _op("rm ratchet", "ratchet message associated", "plaintext"),
    "ratchet.state": _op("rm ratchet projection", "ratchet", "sent received previous kept"),
    # The encryption underneath.
    "hpke.seal": _op("hpke", "public_key info plaintext", "sealed"),
    "hpke.open": _op("hpke", "secret_key info sealed", "plaintext"),
}


def needs_of(ops: Iterable[str]) -> frozenset[str]:
    """Return everything that a hello must offer for all of these operations."""
    return frozenset().union(*(OPERATIONS[op].needs for op in ops))
