"""Cases of tokens (chapter 9): challenge, key, request, token, and what an issuer signs."""

import hashlib
from functools import cache

from communicator_impl.blind_rsa import SigningKey
from communicator_impl.entropy import SeededEntropy
from communicator_impl.tokens import TokenKey, challenge_digest, finish, request_with
from communicator_impl.vectors.story import Case, Step, named_bytes
from communicator_spec.errors import ErrorClass

__all__ = ["DIGEST", "answer_bytes", "beginning", "blinded_bytes", "key_bytes", "primes", "shown", "token_cases"]

HOSTS = {"issuer": "authorization.example", "origin": "sending.example"}
DIGEST = challenge_digest(**HOSTS)
NONCE = named_bytes("token nonce")
SALT = hashlib.sha384(b"token salt").digest()
FORGED, MALFORMED, REFUSED = ErrorClass.FORGED, ErrorClass.MALFORMED, ErrorClass.REFUSED


@cache
def issuer(name: str = "issuer") -> SigningKey:
    """Return the signing key of an issuer."""
    return SigningKey.generate(SeededEntropy(named_bytes(name)))


def primes(name: str = "issuer") -> dict[str, object]:
    """Return its primes, as arguments."""
    signer = issuer(name)
    return {"p": signer.p.to_bytes(128), "q": signer.q.to_bytes(128)}


def key_bytes(name: str = "issuer") -> bytes:
    """Return its key in its one encoding."""
    return TokenKey(issuer(name).public).encode()


def _blind(name: str = "token blind") -> int:
    return int.from_bytes(b"\x01" + b"".join(named_bytes(f"{name} {i}") for i in range(8))[:254])


def beginning() -> Step:
    """Return the step that begins a token with everything given."""
    given = {"key": key_bytes(), "digest": DIGEST, "nonce": NONCE, "salt": SALT, "blind": _blind().to_bytes(256)}
    return Step("begin", "token.begin", given)


def blinded_bytes() -> bytes:
    """Return the blinded message, 256 bytes."""
    return request_with(TokenKey(issuer().public), DIGEST, NONCE, SALT, _blind()).blinded


def answer_bytes(name: str = "issuer") -> bytes:
    """Return what an issuer answers."""
    signer = issuer(name)
    value = int.from_bytes(blinded_bytes()) % signer.public.n
    return signer.sign_blinded(value.to_bytes(256), SeededEntropy(b"answer"))


def shown() -> bytes:
    """Return a token, 354 bytes."""
    pending = request_with(TokenKey(issuer().public), DIGEST, NONCE, SALT, _blind())
    return finish(pending, answer_bytes()).encode()


def token_cases() -> list[Case]:
    """Return all cases of tokens."""
    return [*_challenge_cases(), *_key_cases(), *_holder_cases(), *_issuer_cases()]


def _challenge_cases() -> list[Case]:
    step = Step("challenge", "token.challenge", HOSTS)
    good = Case("token/challenge", "the challenge of a sending service", ("TOK-5",), (step,))
    ported = Step("challenge", "token.challenge", {**HOSTS, "origin": "sending.example:8443"})

    def wrong(case: str, title: str, origin: str) -> Case:
        return good.refused(case, title, ("TOK-5",), MALFORMED).changed("challenge", None, origin=origin)

    return [
        good,
        Case("token/challenge-with-port", "a service at a port of its own", ("TOK-5",), (ported,)),
        wrong("challenge-upper-case", "a host in upper case", "Sending.example"),
        wrong("challenge-many-origins", "a list of services", "sending.example,receiving.example"),
        wrong("challenge-without-origin", "no service at all", ""),
    ]


def _key_cases() -> list[Case]:
    data = key_bytes()
    good = Case("token/key", "an issuer's key", ("TOK-21",), (Step("key", "token.key", {"key": data}),))

    def wrong(case: str, title: str, key: bytes) -> Case:
        return good.refused(case, title, ("TOK-21",), MALFORMED).changed("key", None, key=key)

    bare = bytes.fromhex("30820122300d06092a864886f70d01010105000382010f00") + data[72:]
    return [
        good,
        wrong("key-other-algorithm", "the same key, said to be for any RSA scheme", bare),
        wrong("key-other-exponent", "exponent 3, in an encoding of the same length", data[:-3] + b"\0\0\x03"),
        wrong(
            "key-short-modulus", "a modulus of less than 2,048 bits", data[:81] + bytes([data[81] & 127]) + data[82:]
        ),
        wrong("key-other-salt", "a salt of 32 bytes", data.replace(b"\xa2\x03\x02\x01\x30", b"\xa2\x03\x02\x01\x20")),
        wrong("key-trailing-bytes", "one byte after the key", data + b"\0"),
    ]


def _holder_cases() -> list[Case]:
    finish = Step("finish", "token.finish", {"pending": "$begin.handle", "answer": answer_bytes()})
    good = Case("token/finish", "an answer becomes a token", ("TOK-7",), (beginning(), finish))
    ask = Step("request", "token.request", {"key": key_bytes(), "digest": DIGEST})
    sign = Step("sign", "token.sign", {**primes(), "request": "$request.request"})
    end = Step("finish", "token.finish", {"pending": "$request.handle", "answer": "$sign.answer"})
    bits = bytearray(answer_bytes())
    bits[100] ^= 1

    def wrong(case: str, title: str, refusal: ErrorClass, answer: bytes) -> Case:
        return good.refused(case, title, ("TOK-7",), refusal).changed("finish", None, answer=answer)

    begin = Case("token/begin", "a request with everything given", ("TOK-7",), (beginning(),))
    return [
        begin,
        begin.refused("begin-without-inverse", "a blind of zero", ("TOK-8",), MALFORMED).changed(
            "begin", None, blind=bytes(256)
        ),
        Case("token/request", "a request with everything drawn", ("TOK-8",), (ask,)),
        Case("token/round-trip", "asked for, signed and finished", ("TOK-7", "TOK-8"), (ask, sign, end)),
        good,
        wrong("finish-tampered", "one bit of the answer", FORGED, bytes(bits)),
        wrong("finish-other-key", "the answer of another issuer", FORGED, answer_bytes("other issuer")),
        wrong("finish-unblinded", "the request itself for an answer", FORGED, blinded_bytes()),
        wrong("finish-truncated", "an answer of 255 bytes", MALFORMED, answer_bytes()[:-1]),
        wrong("finish-trailing-bytes", "one byte after the answer", MALFORMED, answer_bytes() + b"\0"),
    ]


def _issuer_cases() -> list[Case]:
    asked = b"\x00\x02" + TokenKey(issuer().public).identifier()[-1:] + blinded_bytes()
    step = Step("sign", "token.sign", {**primes(), "request": asked})
    good = Case("token/sign", "what an issuer signs", ("TOK-23",), (step,))
    most = issuer().public.n.to_bytes(256)

    def wrong(case: str, title: str, clause: str, refusal: ErrorClass, request: bytes) -> Case:
        return good.refused(case, title, (clause,), refusal).changed("sign", None, request=request)

    return [
        good,
        wrong("sign-other-key", "another last byte", "TOK-23", REFUSED, asked[:2] + bytes([asked[2] ^ 1]) + asked[3:]),
        wrong("sign-other-type", "a token of type 1", "TOK-23", MALFORMED, b"\x00\x01" + asked[2:]),
        wrong("sign-beyond-modulus", "a number that is not below the modulus", "TOK-23", MALFORMED, asked[:3] + most),
        wrong("sign-truncated", "a request of 258 bytes", "TOK-23", MALFORMED, asked[:-1]),
    ]
