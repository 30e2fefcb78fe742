"""What tests of tokens share: an issuer's keys, made once, and tokens that it really signed."""

import json
from functools import cache
from pathlib import Path

from communicator_impl.authorization_service import AuthorizationService
from communicator_impl.blind_rsa import SigningKey
from communicator_impl.entropy import Entropy, SeededEntropy
from communicator_impl.issuer_keys import IssuerKey, epoch_begin_s, epoch_of
from communicator_impl.storage import MemoryStorage, Storage
from communicator_impl.tokens import Purpose, Token, TokenKey, challenge_digest, finish, request

ISSUER, ORIGIN = "authorization.example", "directory.example"
NOW = epoch_begin_s(epoch_of(1_767_225_600)) * 1000
"""The begin of an epoch, in milliseconds."""
EPOCH_MS = 7 * 86_400_000


PAIRS = json.loads((Path(__file__).parent / "data" / "primes.json").read_text())["pairs"]
NAMES = ("issuer", "issuer next", "contact", "other", "unknown", *Purpose)


@cache
def signer(name: str | int) -> SigningKey:
    """Return the key of a name, or of a number below 40."""
    row = name if isinstance(name, int) else 40 + NAMES.index(name)
    p, q = (int(prime, 16) for prime in PAIRS[row])
    return SigningKey(p, q)


class RepeatsKeys:
    """Makes the keys of a service from a list that is drawn once for all tests."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self, entropy: Entropy) -> SigningKey:
        self.made += 1
        return signer(self.made % 40)


def issuer_key(purpose: Purpose, epoch: int | None = None, name: str = "issuer") -> IssuerKey:
    return IssuerKey(purpose, epoch_of(NOW // 1000) if epoch is None else epoch, TokenKey(signer(name).public))


def token(seed: str, name: str = "issuer", origin: str = ORIGIN, issuer: str = ISSUER) -> Token:
    """Let an issuer sign one token."""
    entropy, key = SeededEntropy(seed.encode()), TokenKey(signer(name).public)
    pending = request(key, challenge_digest(issuer, origin), entropy)
    return finish(pending, signer(name).sign_blinded(pending.blinded, entropy))


def issuing_service(storage: Storage | None = None, now_ms: int = NOW, per_epoch: int = 200) -> AuthorizationService:
    allowances = dict.fromkeys(Purpose, per_epoch)
    entropy = SeededEntropy(b"issuing")
    return AuthorizationService(now_ms, allowances, storage or MemoryStorage(), entropy, RepeatsKeys())
