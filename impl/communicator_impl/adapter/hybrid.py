"""Operations of suite 2: packages, sessions that begin with them, and sessions that begin anew."""

from communicator_impl import session, xwing
from communicator_impl.adapter.identities import identity_of
from communicator_impl.adapter.lines import Call, Operation
from communicator_impl.errors import PeerError
from communicator_impl.keys import IdentityKey, KeyPackage, PackageSecret
from communicator_impl.suite import Suite
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["HYBRID_OPERATIONS"]

_H = PARAMETERS.hybrid


def _package(c: Call, now: int) -> KeyPackage:
    package = KeyPackage.decode(c.raw("package"), now)
    if package.suite is not Suite.HYBRID:
        raise PeerError(ErrorClass.MALFORMED, "package of another suite")
    return package


def _start(c: Call) -> object:
    begun = session.start(identity_of(c), _package(c, c.now), c.now, c.entropy)
    return c.keep(begun, restart_key=begun.restart_key)


def _accept(c: Call) -> object:
    package = _package(c, c.number("made_s"))
    secret = PackageSecret(package, xwing.key_pair(c.raw("prekey_secret", _H.secret_key_bytes)))
    begun, first, _ = session.accept(identity_of(c), [secret], c.raw("ciphertext"), c.now, c.entropy)
    return c.keep(begun, body=first, restart_key=begun.restart_key)


def _restart(c: Call) -> object:
    peer, key = IdentityKey.from_bytes(c.raw("peer")), c.raw("restart_key", _H.restart_key_bytes)
    return c.keep(session.restart(identity_of(c), peer, c.now, c.entropy, key))


def _answer(c: Call) -> object:
    peer, key = IdentityKey.from_bytes(c.raw("peer")), c.raw("restart_key", _H.restart_key_bytes)
    own, newest_s = identity_of(c), c.number("newest_s")
    begun, first = session.accept_restart(own, peer, c.raw("ciphertext"), c.now, newest_s, c.entropy, key)
    return c.keep(begun, body=first)


HYBRID_OPERATIONS: dict[str, Operation] = {
    "hybrid.decode": lambda c: {"identifier": _package(c, c.now).identifier()},
    "hybrid.start": _start,
    "hybrid.accept": _accept,
    "hybrid.restart": _restart,
    "hybrid.answer": _answer,
    "hybrid.seal": lambda c: {
        "sealed": xwing.seal(c.raw("public_key"), c.raw("info"), c.raw("plaintext"), c.entropy, "hpke")
    },
    "hybrid.open": lambda c: {
        "plaintext": xwing.open_sealed(c.raw("secret_key", _H.secret_key_bytes), c.raw("info"), c.raw("sealed"))
    },
}
