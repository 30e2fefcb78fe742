"""Keys and identities among the arguments of a request."""

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from communicator_impl.adapter.lines import Call
from communicator_impl.hpke import KeyPair
from communicator_impl.keys import Identity, IdentityKey
from communicator_spec.parameters import PARAMETERS

__all__ = ["identity_of", "pair_of", "private_of"]


def private_of(c: Call, name: str = "secret_key") -> X25519PrivateKey:
    """Return a private key among the arguments."""
    return X25519PrivateKey.from_private_bytes(c.secret(name))


def pair_of(c: Call, name: str) -> KeyPair:
    """Return the key pair of a private key among the arguments."""
    return KeyPair(c.raw(name), private_of(c, name).public_key().public_bytes_raw())


def identity_of(c: Call) -> Identity:
    """Return the identity whose secrets are among the arguments."""
    seed, agreement = c.secret("signing_seed"), pair_of(c, "agreement_secret")
    verify_key = c.raw("verify_key", PARAMETERS.suite.public_key_bytes)
    unbound = Identity(seed, agreement, IdentityKey(verify_key, agreement.public, b""))
    binding = unbound.sign(PARAMETERS.session.binding_label, agreement.public)
    return Identity(seed, agreement, IdentityKey(verify_key, agreement.public, binding))
