"""Weakenings that must be found: each takes one thing out of the scheme, and somebody can link, or forge.

A game that finds nothing shows something only if it would have found it. Each entry says in which profile one thing is
changed, and what must come of it: a relation that a party of the table then tells, although its row forbids it, or a
forgery, or nothing that the table forbids. The last is as telling: a change that needs a second one to do harm.
"""

from typing import Final, NamedTuple

from communicator_spec.formal.unlinkability.things import Scheme
from communicator_spec.views import Relation, Role

__all__ = ["WEAKENINGS", "Weakening"]

_S, _R, _C, _N = Role.SENDING, Role.RECEIVING, Role.CORRESPONDENT, Role.NETWORK
_D, _A = Role.DIRECTORY, Role.AUTHORIZATION
_MESSAGE, _RELATIONSHIP, _PERSON = Relation.SAME_MESSAGE, Relation.SAME_RELATIONSHIP, Relation.SAME_PERSON
_TRANSMISSION, _TOKEN = Relation.SAME_TRANSMISSION, Relation.SAME_TOKEN


class Weakening(NamedTuple):
    """What is taken out, in which profile; the clause that demands it; who then tells what, by the smallest party."""

    name: str
    profile: str
    faults: frozenset[str]
    clause: str
    breaches: frozenset[tuple[tuple[Role, ...], Relation]] = frozenset()
    forges: bool = False

    @property
    def scheme(self) -> Scheme:
        """The weakened scheme."""
        return Scheme(f"{self.profile}, {self.name}", self.profile, self.faults)


def _weak(
    name: str,
    profile: str,
    faults: tuple[str, ...],
    clause: str,
    *breaches: tuple[tuple[Role, ...], Relation],
    forges: bool = False,
) -> Weakening:
    return Weakening(name, profile, frozenset(faults), clause, frozenset(breaches), forges)


_TWO, _LABEL = "two-layer/1", "label/1"

WEAKENINGS: Final[tuple[Weakening, ...]] = (
    _weak(
        "one long-term address for all",
        _TWO,
        ("one address for all",),
        "ADDR-5",
        ((_R,), _PERSON),
        ((_C, _C), _PERSON),
        forges=True,
    ),
    _weak(
        "one long-term address for all",
        _LABEL,
        ("one address for all",),
        "ADDR-5",
        ((_R,), _PERSON),
        ((_C, _C), _PERSON),
        forges=True,
    ),
    _weak("addresses used again", _TWO, ("addresses used again",), "ADDR-25"),
    _weak("address in clear", _TWO, ("address in clear",), "ADDR-12", forges=True),
    _weak("address in clear", _LABEL, ("address in clear",), "ADDR-20", forges=True),
    _weak(
        "addresses used again, in clear",
        _TWO,
        ("addresses used again", "address in clear"),
        "ADDR-11",
        ((_S,), _RELATIONSHIP),
        forges=True,
    ),
    _weak(
        "addresses used again, in clear",
        _LABEL,
        ("addresses used again", "address in clear"),
        "ADDR-20",
        ((_S,), _RELATIONSHIP),
        forges=True,
    ),
    _weak(
        "signature that gives its key away, in clear",
        _TWO,
        ("recoverable signature", "address in clear"),
        "ADDR-7",
        ((_S,), _RELATIONSHIP),
        forges=True,
    ),
    _weak("address not bound to the bytes", _TWO, ("address not bound",), "ADDR-12", forges=True),
    _weak("address not bound to the bytes", _LABEL, ("address not bound",), "ADDR-20", forges=True),
    _weak(
        "same bytes on two paths",
        _TWO,
        ("same bytes again",),
        "SES-23",
        ((_S,), _MESSAGE),
        ((_S,), _RELATIONSHIP),
        ((_R,), _MESSAGE),
    ),
    _weak("same bytes on two paths", _LABEL, ("same bytes again",), "SES-23", ((_R,), _MESSAGE)),
    _weak("one root for two relationships", _TWO, ("one root",), "ADDR-5", ((_R,), _PERSON)),
    _weak("one root for two relationships", _LABEL, ("one root",), "ADDR-5", ((_R,), _PERSON)),
    _weak(
        "one root secret for two relationships",
        _LABEL,
        ("one root secret",),
        "ADDR-18",
        ((_R,), _PERSON),
        ((_C, _C), _PERSON),
    ),
    _weak("one verification key for all peers", _TWO, ("one verification key",), "ADDR-8", ((_R,), _PERSON)),
    _weak("recoverable signature", _TWO, ("recoverable signature",), "ADDR-7"),
    _weak(
        "recoverable signature of one key",
        _TWO,
        ("recoverable signature", "one verification key"),
        "ADDR-7",
        ((_R,), _PERSON),
        ((_C, _C), _PERSON),
    ),
    _weak("one access key for all roots", _TWO, ("one access key",), "SVC-11", ((_R,), _PERSON)),
    _weak("one connection for all roots", _TWO, ("one connection",), "KNOW-10", ((_R,), _PERSON)),
    _weak("mailbox known to the receiving service", _LABEL, ("mailbox known",), "KNOW-12", ((_R,), _PERSON)),
    _weak("exact dates", _LABEL, ("exact dates",), "ADDR-4", ((_R,), _PERSON), ((_C, _C), _PERSON)),
    _weak("account at the sending service", _LABEL, ("sending account",), "KNOW-2", ((_S,), _PERSON)),
    _weak("position visible to the sending service", _LABEL, ("position visible",), "ADDR-20", ((_S,), _RELATIONSHIP)),
    _weak(
        "message id visible to the sending service",
        _LABEL,
        ("message id visible",),
        "KNOW-2",
        ((_S,), _MESSAGE),
        ((_S,), _RELATIONSHIP),
    ),
    _weak("header in clear", _TWO, ("header in clear",), "SES-12", ((_S,), _RELATIONSHIP)),
    _weak("header in clear", _LABEL, ("header in clear",), "SES-12"),
    _weak("opening in clear", _TWO, ("opening in clear",), "SES-9", ((_S,), _RELATIONSHIP)),
    _weak("opening repeated", _TWO, ("opening repeated",), "SES-9", ((_S,), _RELATIONSHIP)),
    _weak("one identity for all", _TWO, ("one identity",), "SES-1", ((_C, _C), _PERSON)),
    _weak("numbers counted across relationships", _LABEL, ("one numbering",), "KNOW-4", ((_C, _C), _PERSON)),
    _weak("receipt that names a global number", _LABEL, ("one receipt",), "KNOW-4", ((_C, _C), _PERSON)),
    _weak(
        "token not blinded",
        _LABEL,
        ("token not blinded",),
        "TOK-10",
        ((_A, _S), _TOKEN),
        ((_A, _R), _TOKEN),
        ((_A, _S), _PERSON),
        ((_A, _R), _PERSON),
    ),
    _weak("deposit root used on", _LABEL, ("deposit root used on",), "KNOW-15", ((_R,), _PERSON), ((_C, _C), _PERSON)),
    _weak(
        "no TLS",
        _LABEL,
        ("no TLS",),
        "KNOW-6",
        ((_N,), _TRANSMISSION),
        ((_N,), Relation.SAME_ACCOUNT),
        ((_N,), Relation.SAME_NAME),
    ),
)
"""All of them. `breaches` has exactly these; a party is named if no smaller one does it."""
