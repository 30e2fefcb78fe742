"""Terms: what bytes are when cryptography is perfect (Dolev and Yao, 1983), and the equations between them.

A term is a name, which nobody guesses, a constant, which everybody knows, or a constructor applied to terms. Two terms
are equal exactly when they are built in the same way, so a test of bytes is a test of terms. Whoever holds terms can
apply every constructor, and every destructor of `RULES`:

    fst(pair(x, y)) = x                               snd(pair(x, y)) = y
    open(aead(m, k, n, a), k, n, a) = m               unseal(hpke(m, pk(s), i, r), s, i) = m
    verify(sign(m, s), m, pk(s)) = ok                 verify(rsign(m, s), m, pk(s)) = ok
    recover(rsign(m, s), m) = pk(s)                   verify(bsign(m, s), m, pk(s)) = ok
    unblind(blind(m, r), r) = m                       unblind(bsign(blind(m, r), s), r) = bsign(m, s)

`hash`, `kdf`, `mac` and `next` (the number after a number) have constructors only. `rsign` is a signature from which
the public key can be computed, as from ECDSA; `bsign` signs what it does not see (RFC 9474). Rules:

1. Terms are interned: equal terms are one object, and comparing costs nothing, however deep they are.
2. A destructor that does not fit fails, and that it fails is seen. Nothing else is seen: no lengths, no times.
3. A seal hides its recipient (key privacy), an encryption its key, a signature without recovery its signer.
"""

from collections.abc import Callable
from typing import Final, NamedTuple
from weakref import WeakValueDictionary

__all__ = [
    "OK",
    "RULES",
    "Rule",
    "Term",
    "aead",
    "apply",
    "blind",
    "bsign",
    "constant",
    "digest",
    "hpke",
    "kdf",
    "mac",
    "name",
    "number",
    "pair",
    "pk",
    "rsign",
    "sign",
    "unpack",
]

NAME: Final = "name"
CONSTANT: Final = "constant"


class Term:
    """A name or constant with its text, or a constructor with its parts. Made by the functions below only."""

    __slots__ = ("__weakref__", "head", "parts", "text")

    def __init__(self, head: str, text: str, parts: tuple["Term", ...]) -> None:
        self.head, self.text, self.parts = head, text, parts

    def __repr__(self) -> str:
        return self.text if not self.parts else f"{self.head}({', '.join(map(repr, self.parts))})"


_INTERNED: Final[WeakValueDictionary[tuple[object, ...], Term]] = (
    WeakValueDictionary()
)  # by head, text, identities of parts


def _interned(head: str, text: str, parts: tuple[Term, ...]) -> Term:
    key = (head, text, *map(id, parts))
    found = _INTERNED.get(key)
    if found is None:
        found = _INTERNED[key] = Term(head, text, parts)
    return found


def name(text: str) -> Term:
    """Return a name: a random value. The same text is the same value."""
    return _interned(NAME, text, ())


def constant(text: str) -> Term:
    """Return a value that everybody knows."""
    return _interned(CONSTANT, text, ())


def apply(head: str, *parts: Term) -> Term:
    """Return a constructor applied to terms."""
    return _interned(head, "", parts)


OK: Final = constant("ok")


def pair(first: Term, *rest: Term) -> Term:
    """Return terms side by side, as nested pairs to the right; one term stands for itself."""
    return first if not rest else apply("pair", first, pair(*rest))


def unpack(term: Term, count: int) -> tuple[Term, ...] | None:
    """Return the parts of nested pairs, the last one whole; None if there are fewer."""
    if count == 1:
        return (term,)
    if term.head != "pair":
        return None
    rest = unpack(term.parts[1], count - 1)
    return None if rest is None else (term.parts[0], *rest)


def pk(secret: Term) -> Term:
    """Return the public key of a secret key."""
    return apply("pk", secret)


def digest(term: Term) -> Term:
    """Return a hash."""
    return apply("hash", term)


def kdf(key: Term, info: Term) -> Term:
    """Return a derived key."""
    return apply("kdf", key, info)


def mac(key: Term, message: Term) -> Term:
    """Return a MAC or the value of a pseudorandom function."""
    return apply("mac", key, message)


def aead(message: Term, key: Term, nonce: Term, data: Term) -> Term:
    """Return an authenticated encryption; it hides its key."""
    return apply("aead", message, key, nonce, data)


def hpke(message: Term, public: Term, info: Term, randomness: Term) -> Term:
    """Return a seal to a public key, bound to `info`; it hides its recipient."""
    return apply("hpke", message, public, info, randomness)


def sign(message: Term, secret: Term) -> Term:
    """Return a signature that says nothing about its key (Ed25519)."""
    return apply("sign", message, secret)


def rsign(message: Term, secret: Term) -> Term:
    """Return a signature from which anybody computes the public key (ECDSA)."""
    return apply("rsign", message, secret)


def blind(message: Term, factor: Term) -> Term:
    """Return a message that is ready to be signed unseen."""
    return apply("blind", message, factor)


def bsign(message: Term, secret: Term) -> Term:
    """Return the signature of somebody who may have signed unseen."""
    return apply("bsign", message, secret)


def number(zero: Term, n: int) -> Term:
    """Return the n-th number after `zero`: who sees two numbers of one count can tell by counting."""
    for _ in range(n):
        zero = apply("next", zero)
    return zero


class Rule(NamedTuple):
    """A destructor: of which constructor, what it takes beside the term (None: it does not fit), and what comes out."""

    name: str
    head: str
    needs: Callable[[Term], tuple[Term, ...] | None]
    result: Callable[[Term], Term]


def _blinded(t: Term) -> tuple[Term, ...] | None:
    return (t.parts[0].parts[1],) if t.parts[0].head == "blind" else None


def _signer(t: Term) -> tuple[Term, ...]:
    return (t.parts[0], pk(t.parts[1]))


def _sealed(t: Term) -> tuple[Term, ...] | None:
    return (t.parts[1].parts[0], t.parts[2]) if t.parts[1].head == "pk" else None


RULES: Final[tuple[Rule, ...]] = (
    Rule("fst", "pair", lambda t: (), lambda t: t.parts[0]),
    Rule("snd", "pair", lambda t: (), lambda t: t.parts[1]),
    Rule("open", "aead", lambda t: t.parts[1:], lambda t: t.parts[0]),
    Rule("unseal", "hpke", _sealed, lambda t: t.parts[0]),
    Rule("verify", "sign", _signer, lambda t: OK),
    Rule("verify", "rsign", _signer, lambda t: OK),
    Rule("verify", "bsign", _signer, lambda t: OK),
    Rule("recover", "rsign", lambda t: t.parts[:1], lambda t: pk(t.parts[1])),
    Rule("unblind", "blind", lambda t: t.parts[1:], lambda t: t.parts[0]),
    Rule("unblind", "bsign", _blinded, lambda t: bsign(t.parts[0].parts[0], t.parts[1])),
)
"""All destructors; `head` and what a rule needs decide whether it fits."""
