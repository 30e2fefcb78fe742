"""The reference adapter's operations for tokens (chapter 9): the holder's half and the issuer's."""

from communicator_impl import tokens, wire
from communicator_impl.adapter.lines import Call, Operation
from communicator_impl.blind_rsa import SigningKey
from communicator_impl.errors import InputError, PeerError
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["TOKEN_OPERATIONS"]

_T = PARAMETERS.token
_HOST_BYTES_MAX = 255


def _challenge(c: Call) -> object:
    hosts = (wire.text(c[name], _HOST_BYTES_MAX) for name in ("issuer", "origin"))
    issuer, origin = hosts
    return {"challenge": tokens.challenge(issuer, origin), "digest": tokens.challenge_digest(issuer, origin)}


def _key(c: Call) -> tokens.TokenKey:
    return tokens.TokenKey.decode(c.raw("key"))


def _request(c: Call) -> object:
    pending = tokens.request(_key(c), c.raw("digest"), c.entropy)
    return c.keep(pending, request=pending.request())


def _begin(c: Call) -> object:
    factor = int.from_bytes(c.raw("blind", _T.authenticator_bytes))
    salt = c.raw("salt", _T.salt_bytes)
    pending = tokens.request_with(_key(c), c.raw("digest"), c.raw("nonce"), salt, factor)
    return c.keep(pending, request=pending.request())


def _signer(c: Call) -> SigningKey:
    """Read an issuer's primes; what is no key of 2,048 bits is malformed."""
    p, q = (int.from_bytes(c.raw(name, _T.authenticator_bytes // 2)) for name in ("p", "q"))
    made = SigningKey(p, q)
    if tokens.TokenKey.decode(tokens.TokenKey(made.public).encode()).key != made.public:
        raise InputError(ErrorClass.MALFORMED, "primes")
    return made


def _check(c: Call) -> object:
    """Check a token as a service does, in the order of TOK-13, but for what it remembers."""
    token, key = tokens.Token.decode(c.raw("token")), _key(c)
    if token.challenge_digest != c.raw("digest", _T.challenge_digest_bytes) or token.key_id != key.identifier():
        raise PeerError(ErrorClass.FORGED, "token of another challenge or key")
    token.verify(key)
    return {"nonce": token.nonce}


def _sign(c: Call) -> object:
    signer, (asked, *more) = _signer(c), tokens.read_requests(c.raw("request"))
    if more:
        raise wire.wrong("more than one token request")
    if asked.key_byte != tokens.TokenKey(signer.public).identifier()[-1]:
        raise PeerError(ErrorClass.REFUSED, "no key with this id issues now")
    try:
        return {"answer": signer.sign_blinded(asked.blinded, c.entropy)}
    except ValueError as error:  # numbers that are no primes
        raise InputError(ErrorClass.MALFORMED, "primes") from error


TOKEN_OPERATIONS: dict[str, Operation] = {
    "token.challenge": _challenge,
    "token.key": lambda c: {"identifier": _key(c).identifier()},
    "token.begin": _begin,
    "token.request": _request,
    "token.finish": lambda c: {"token": tokens.finish(c.of("pending", tokens.Pending), c.raw("answer")).encode()},
    "token.check": _check,
    "token.sign": _sign,
}
