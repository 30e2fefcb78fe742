"""The partner program, asked by name: it seals, derives and checks what the suite has no cryptography for.

Theory. Whoever tests a service plays the device, and a device seals. The suite has no code for that; it asks a program
that speaks the line protocol, the reference by default. So what a service is held against comes from the standard's
operations, and another implementation can take the partner's place.

Rules:

1. A partner that refuses or does not know an operation is no fault of the service: that is a `PartnerError`, and it
   ends the run.
2. `checked` is for what the service made: there a refusal is the service's fault.
"""

import hashlib
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from communicator_conformance.errors import PartnerError
from communicator_conformance.protocol import Accepted, Rejected
from communicator_conformance.services.outcomes import Failed
from communicator_conformance.testee import Testee
from communicator_conformance.verdicts import Fault
from communicator_spec.parameters import PARAMETERS

__all__ = ["Partner", "agreement_public", "identity", "sign", "verify_key"]

_NEEDED: Final = frozenset({"rm", "two-layer/1", "label/1", "envelope", "document", "directory", "token"})


def verify_key(seed: bytes) -> bytes:
    """Return the public key of a signing seed."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def sign(seed: bytes, label: str, message: bytes) -> bytes:
    """Sign label ‖ 0 ‖ message, as everything of the standard is signed."""
    return Ed25519PrivateKey.from_private_bytes(seed).sign(label.encode() + b"\0" + message)


def agreement_public(secret: bytes) -> bytes:
    """Return the public key of a secret for agreement."""
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


class Partner:
    """A program of the line protocol."""

    def __init__(self, program: Testee, seed: bytes) -> None:
        self._program, self._seed, self._steps = program, seed, 0

    def check(self) -> None:
        """Raise `PartnerError` unless the program offers what tests of services need."""
        missing = _NEEDED - self._program.hello.offers
        if missing:
            raise PartnerError(f"the partner program does not offer {', '.join(sorted(missing))}")

    def ask(self, op: str, now: int, **args: object) -> dict[str, Any]:
        """Return the result of an operation; byte strings go in and come out as hex."""
        answer = self._asked(op, now, args)
        if not isinstance(answer, Accepted):
            raise PartnerError(f"the partner program did not do {op}: {answer}")
        return answer.result

    def checked(self, what: str, op: str, now: int, **args: object) -> dict[str, Any]:
        """Return the result of an operation on what the service made; a refusal is a fault of the service."""
        answer = self._asked(op, now, args)
        if isinstance(answer, Rejected):
            raise Failed(Fault.MISMATCH, f"{what}: refused as {answer.error_class} by who reads it")
        if not isinstance(answer, Accepted):
            raise PartnerError(f"the partner program did not do {op}: {answer}")
        return answer.result

    def _asked(self, op: str, now: int, args: dict[str, object]) -> object:
        self._steps += 1
        entropy = hashlib.sha256(self._seed + self._steps.to_bytes(8)).hexdigest()
        given = {name: value.hex() if isinstance(value, bytes) else value for name, value in args.items()}
        return self._program.ask(op, now, entropy, given)


def identity(seed: bytes, agreement: bytes) -> bytes:
    """Return the public identity of a signing seed and a secret for agreement: sign ‖ agree ‖ binding."""
    public = agreement_public(agreement)
    return verify_key(seed) + public + sign(seed, PARAMETERS.session.binding_label, public)
