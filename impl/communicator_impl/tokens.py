"""Tokens of RFC 9577 and RFC 9578, type 2, with what chapter 9 fixes: challenge, request, answer, token, headers.

Theory. A token is a signature over a nonce that its issuer never saw, bound to one service by the digest of that
service's challenge and to one purpose and epoch by the issuer's key. It shows that its holder had a right, and not who
the holder is. ::

    challenge   type ‖ len ‖ issuer ‖ 0x00 ‖ len ‖ origin              one for a service, always the same (TOK-5)
    input       type ‖ nonce ‖ SHA-256(challenge) ‖ SHA-256(key)       what is signed
    request     type ‖ last byte of the key's id ‖ blinded input       259 bytes
    token       input ‖ signature                                      354 bytes

Rules:

1. A key has one encoding: SubjectPublicKeyInfo of RSASSA-PSS with SHA-384 and a salt of 48 bytes, 2,048 bits, exponent
   65,537 (TOK-21).
2. `finish` verifies; nothing that is not a token comes out of it (TOK-7).
3. Everything drawn has a label of its own: `token.nonce`, `token.salt`, `token.blind` (TOK-8).
"""

import base64
import binascii
import hashlib
import re
from enum import StrEnum
from typing import Final, NamedTuple, Self

import msgspec

from communicator_impl import wire
from communicator_impl.blind_rsa import Blinded, BlindingKey, blind, blind_with, finalize
from communicator_impl.entropy import Entropy
from communicator_impl.errors import InputError, PeerError
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = [
    "Asked",
    "Pending",
    "Purpose",
    "Token",
    "TokenKey",
    "authorization",
    "challenge",
    "challenge_digest",
    "challenge_header",
    "finish",
    "read_authorization",
    "read_requests",
    "request",
    "request_with",
]

_T: Final = PARAMETERS.token
_TYPE: Final = _T.type.to_bytes(2)
_SPKI: Final = bytes.fromhex(
    "30820152"  # SubjectPublicKeyInfo
    "303d06092a864886f70d01010a3030"  # RSASSA-PSS with parameters:
    "a00d300b0609608648016503040202"  # SHA-384
    "a11a301806092a864886f70d010108300b0609608648016503040202"  # MGF1 with SHA-384
    "a203020130"  # salt of 48 bytes
    "0382010f00"  # and the key itself:
    "3082010a0282010100"  # modulus of 256 bytes
)
_EXPONENT: Final = bytes.fromhex("0203010001")
_HOST: Final = re.compile(r"([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:]{2,39}\])(:[1-9][0-9]{0,4})?")
_SCHEME: Final = "privatetoken"
_HEADER: Final = re.compile(r' +token="?([A-Za-z0-9_=-]+)"?')


class Purpose(StrEnum):
    """What a token is spent on (the table of 9.1)."""

    SUBMIT = "submit"
    UPLOAD = "upload"
    REGISTER = "register"
    FETCH = "fetch"
    QUERY = "query"
    CONTACT = "contact"


class TokenKey(msgspec.Struct, frozen=True):
    """An issuer's public key in its one encoding (RFC 9578 §6.5), and the id that names it."""

    key: BlindingKey

    def encode(self) -> bytes:
        """Return the 342 bytes that everybody sees."""
        return _SPKI + self.key.n.to_bytes(_T.authenticator_bytes) + _EXPONENT

    def identifier(self) -> bytes:
        """Return the SHA-256 of the encoding."""
        return hashlib.sha256(self.encode()).digest()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a key; any other encoding, length or exponent raises `MALFORMED` (TOK-21)."""
        end = len(_SPKI) + _T.authenticator_bytes
        n = int.from_bytes(data[len(_SPKI) : end])
        if data[: len(_SPKI)] != _SPKI or data[end:] != _EXPONENT or n >> 2047 != 1 or not n & 1:
            raise PeerError(ErrorClass.MALFORMED, "token key")
        return cls(BlindingKey(n))


class Token(msgspec.Struct, frozen=True):
    """A token as it is shown (RFC 9577 §2.2)."""

    nonce: bytes
    challenge_digest: bytes
    key_id: bytes
    authenticator: bytes

    def signed(self) -> bytes:
        """Return what the authenticator signs."""
        return _TYPE + self.nonce + self.challenge_digest + self.key_id

    def encode(self) -> bytes:
        """Return the 354 bytes of the token."""
        return self.signed() + self.authenticator

    def verify(self, key: TokenKey) -> None:
        """Check the signature; raises `FORGED`."""
        key.key.verify(self.signed(), self.authenticator)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read the layout; a wrong length or type raises `MALFORMED`."""
        if len(data) != _T.token_bytes or data[:2] != _TYPE:
            raise PeerError(ErrorClass.MALFORMED, "token layout")
        digests = 2 + _T.nonce_bytes
        key_id, rest = digests + _T.challenge_digest_bytes, len(data) - _T.authenticator_bytes
        return cls(data[2:digests], data[digests:key_id], data[key_id:rest], data[rest:])


class Pending(msgspec.Struct, frozen=True):
    """A token that was asked for: the request, and what turns the answer into a token; its holder keeps it secret."""

    key: TokenKey
    nonce: bytes
    challenge_digest: bytes
    blinded: bytes
    inverse: int

    def request(self) -> bytes:
        """Return the 259 bytes for the issuer (RFC 9578 §6.1)."""
        return _TYPE + self.key.identifier()[-1:] + self.blinded

    def signed(self) -> bytes:
        """Return what the issuer signs without seeing it."""
        return _TYPE + self.nonce + self.challenge_digest + self.key.identifier()


class Asked(NamedTuple):
    """One token request as an issuer reads it."""

    key_byte: int
    blinded: bytes


def challenge(issuer: str, origin: str) -> bytes:
    """Return the TokenChallenge of a service for an issuer (TOK-5); what is no host raises `InputError`."""
    parts = []
    for host in (issuer, origin):
        if not _HOST.fullmatch(host):
            raise InputError(ErrorClass.MALFORMED, "host name of a challenge")
        parts.append(len(host).to_bytes(2) + host.encode())
    return _TYPE + parts[0] + b"\x00" + parts[1]  # the redemption context is empty


def challenge_digest(issuer: str, origin: str) -> bytes:
    """Return the SHA-256 of a challenge: what binds a token to one service."""
    return hashlib.sha256(challenge(issuer, origin)).digest()


def request(key: TokenKey, digest: bytes, entropy: Entropy) -> Pending:
    """Begin one token with a fresh nonce and a fresh blind (TOK-8)."""
    nonce = entropy.draw("token.nonce", _T.nonce_bytes)
    return _pending(key, digest, nonce, blind(key.key, _signed(key, digest, nonce), entropy))


def request_with(key: TokenKey, digest: bytes, nonce: bytes, salt: bytes, factor: int) -> Pending:
    """Begin one token with what is given: for vectors."""
    return _pending(key, digest, nonce, blind_with(key.key, _signed(key, digest, nonce), salt, factor))


def finish(pending: Pending, answer: bytes) -> Token:
    """Return the token in an issuer's answer of 256 bytes, verified (TOK-7): `MALFORMED`, `FORGED`."""
    signature = finalize(pending.key.key, pending.signed(), answer, pending.inverse)
    return Token(pending.nonce, pending.challenge_digest, pending.key.identifier(), signature)


def read_requests(body: bytes) -> tuple[Asked, ...]:
    """Read token requests, one after the other: `TOO_LARGE` beyond a batch, `MALFORMED` for another layout."""
    size = _T.request_bytes
    if len(body) > size * _T.batch:
        raise PeerError(ErrorClass.TOO_LARGE, "more token requests than a batch")
    rows = [body[i : i + size] for i in range(0, len(body), size)]
    if not rows or len(rows[-1]) != size or any(row[:2] != _TYPE for row in rows):
        raise PeerError(ErrorClass.MALFORMED, "token requests")
    return tuple(Asked(row[2], row[3:]) for row in rows)


# -------------------------------------------------------------------- headers


def challenge_header(issuer: str, origin: str, key: TokenKey) -> str:
    """Return the value of `WWW-Authenticate` that asks for a token (RFC 9577 §2.1; TOK-6)."""
    return f'PrivateToken challenge="{_padded(challenge(issuer, origin))}", token-key="{_padded(key.encode())}"'


def authorization(token: Token) -> str:
    """Return the value of `Authorization` that shows a token (RFC 9577 §2.2)."""
    return f'PrivateToken token="{_padded(token.encode())}"'


def read_authorization(header: str) -> bytes:
    """Return the token's bytes in the value of `Authorization`; `FORGED` without a token, `MALFORMED` if unreadable."""
    if header[: len(_SCHEME)].lower() != _SCHEME:
        raise PeerError(ErrorClass.FORGED, "no token")  # TOK-6
    found = _HEADER.fullmatch(header, len(_SCHEME))
    if found is None:
        raise wire.wrong("header with a token")
    try:
        data = base64.b64decode(found[1], altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise wire.wrong("base64 of a token") from error
    if _padded(data) != found[1]:
        raise wire.wrong("base64 of a token")
    return data


def _padded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()


def _signed(key: TokenKey, digest: bytes, nonce: bytes) -> bytes:
    lengths = (len(digest), len(nonce))
    if lengths != (_T.challenge_digest_bytes, _T.nonce_bytes):
        raise InputError(ErrorClass.MALFORMED, "digest or nonce of a token")
    return _TYPE + nonce + digest + key.identifier()


def _pending(key: TokenKey, digest: bytes, nonce: bytes, blinded: Blinded) -> Pending:
    return Pending(key, nonce, digest, blinded.message, blinded.inverse)
