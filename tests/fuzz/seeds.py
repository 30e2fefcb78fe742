"""Bytes to begin with: what the vectors carry, what two people and their services wrote in a small town, documents.

Theory. A search that begins with valid bytes is inside the parser at its first step. The vectors have valid and invalid
bytes of every kind that crosses a wire; what lies on disks comes from a town in which two people have talked for days.

Rules:

1. Everything is made from seeds: the same bytes everywhere.
2. Secrets that a target needs to seal or sign are here too, so that seeds and targets agree.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Final

from tests.impl.issuing import NOW, issuer_key, signer, token
from tests.impl.naming import NOW_S, contact, directory, entry, peopled
from tests.impl.small_town import DAY, HOUR, OPERATORS, Town

from communicator_conformance.vectors import published
from communicator_impl import ratchet, session
from communicator_impl.addresses import KeySchedule, Profile, ServiceConfig
from communicator_impl.directory import Proof
from communicator_impl.entropy import SeededEntropy
from communicator_impl.issuer_keys import write_issuer_document
from communicator_impl.keys import Identity, PackageSecret, make_package
from communicator_impl.storage import MemoryStorage
from communicator_impl.tokens import Purpose

__all__ = [
    "ENTROPY",
    "NOW",
    "NOW_S",
    "Book",
    "SeededEntropy",
    "contacts",
    "disk",
    "entries",
    "identity",
    "issuer_document",
    "issuer_key",
    "package",
    "proof",
    "ratchets",
    "schedule",
    "sessions",
    "signer",
    "stored",
    "tokens",
    "town",
    "vectors",
]

ENTROPY: Final = SeededEntropy(b"fuzz")
_SEEDS_MAX: Final = 40


@cache
def _carried() -> Mapping[str, frozenset[bytes]]:
    """Return every byte string of the vectors by `operation.argument` and `operation=result`."""
    found: dict[str, set[bytes]] = {}
    for vector in published().values():
        for step in (*vector.steps, *vector.probe):
            for mark, values in ((".", step.args), ("=", {**step.result, **step.drawn})):
                for name, value in values.items():
                    found.setdefault(f"{step.op}{mark}{name}", set()).update(_hex(value))
    return {name: frozenset(values) for name, values in found.items()}


def _hex(value: object) -> Iterator[bytes]:
    if isinstance(value, list):
        for item in value:
            yield from _hex(item)
    elif isinstance(value, str) and not value.startswith("$"):
        try:
            yield bytes.fromhex(value)
        except ValueError:
            return


def vectors(*names: str) -> tuple[bytes, ...]:
    """Return what vectors carry at these places, the shortest first; a place that no vector has raises KeyError."""
    found = frozenset[bytes]().union(*(_carried()[name] for name in names))
    return tuple(sorted(found, key=lambda data: (len(data), data)))[:_SEEDS_MAX]


@cache
def identity(name: str = "reader") -> Identity:
    """Return a person's identity."""
    return Identity.generate(SeededEntropy(name.encode()))


@cache
def package() -> PackageSecret:
    """Return a package that the reader gave out."""
    return make_package(identity(), NOW_S, 7 * 86_400, SeededEntropy(b"package"))


@cache
def schedule() -> KeySchedule:
    """Return the keys of a receiving service."""
    return KeySchedule.generate("https://rs.example", tuple(Profile), NOW_S, SeededEntropy(b"schedule"))


@cache
def sessions() -> tuple[session.Session, session.Session]:
    """Return the two ends of a session of people who met."""
    return session.pair(NOW_S, SeededEntropy(b"one end"), SeededEntropy(b"other end"))


@cache
def accepted() -> session.Session:
    """Return the session of the package's owner, whom the other end has not heard yet."""
    begun = session.start(identity("peer"), package().package, NOW_S, SeededEntropy(b"beginning"))
    first = session.seal(begun, b"", SeededEntropy(b"first"))[1]
    return session.accept(identity(), [package()], first, NOW_S, SeededEntropy(b"answer"))[0]


@cache
def ratchets() -> tuple[ratchet.RatchetState, ratchet.RatchetState]:
    """Return the two ends of a ratchet; the second one has read a message and missed one."""
    one, other = (end.ratchet for end in sessions())
    entropy = SeededEntropy(b"ratchets")
    one, _ = ratchet.encrypt(one, b"lost", b"", entropy)
    one, message = ratchet.encrypt(one, b"read", b"", entropy)
    other, _ = ratchet.decrypt(other, message, b"", entropy)
    return one, other


@cache
def town(profile: Profile = Profile.LABEL) -> Town:
    """Return a town in which two people have talked."""
    made = Town(profile)
    for turn in range(4):
        made.submit(turn % 2, b"message %d" % turn)
        made.run(2 * HOUR)
    made.people[1].tell_read(made.now, 1, on=True)
    made.people[1].read(made.now, 1, frozenset({0}))
    made.submit(0, b"not fetched yet")
    made.wake(0)
    made.post()
    return made


class Book:
    """Numbers whatever URI a peer names, and knows what the town knows."""

    def __init__(self, people: Town) -> None:
        self._town = people
        self._more: list[str] = []

    def number(self, uri: str) -> int:
        known = [k for k in range(OPERATORS) if self._town.uri(k) == uri]
        self._more += [] if known or uri in self._more else [uri]
        return known[0] if known else OPERATORS + self._more.index(uri)

    def uri(self, number: int) -> str:
        return self._town.uri(number) if number < OPERATORS else self._more[number - OPERATORS]

    def config(self, number: int) -> ServiceConfig | None:
        return self._town.config(number) if number < OPERATORS else None


def disk() -> Iterable[bytes]:
    """Return Particles as they lie on disks: of both profiles, in and out of contact, restored, ended."""
    for profile in (Profile.LABEL, Profile.TWO_LAYER):
        people = town(profile)
        yield from (d.values[f"particle/{p}"] for p, d in enumerate(people.disks))
    other = Town(Profile.LABEL)
    other.submit(0, b"before the end")
    other.people[1].restored(other.now + DAY)
    other.people[0].refuse(other.now, 0, tell=True, reach=other)
    yield from (d.values[f"particle/{p}"] for p, d in enumerate(other.disks))


def stored(prefix: str) -> tuple[bytes, ...]:
    """Return what the services of both towns keep under a prefix."""
    found: list[bytes] = []
    for profile in (Profile.LABEL, Profile.TWO_LAYER):
        kept = (*(rsa._storage for rsa in town(profile).rsa), *(ssa._storage for ssa in town(profile).ssa))
        for values in kept:
            assert isinstance(values, MemoryStorage)
            found += [data for key, data in sorted(values.values.items()) if key.startswith(prefix)]
    return tuple(dict.fromkeys(found))[:_SEEDS_MAX]


@cache
def proof() -> Proof:
    """Return a proof of a directory in which three people are entered."""
    service = peopled(directory(MemoryStorage()), "alex", "blair", "casey")
    return Proof.decode(service.lookup(NOW, "blair", None))


@cache
def issuer_document() -> bytes:
    """Return the document of an issuer with a key for each purpose."""
    return write_issuer_document(issuer_key(purpose, name=purpose) for purpose in Purpose)


def contacts() -> tuple[bytes, ...]:
    """Return contacts of one person."""
    return tuple(contact("alex", number).encode() for number in range(2))


def entries() -> tuple[bytes, ...]:
    """Return a first entry and one with a new key."""
    return entry("alex").encode(), entry("alex", 1, "alex new", "alex").encode()


def tokens() -> tuple[bytes, ...]:
    """Return a token that an issuer signed."""
    return (token("fuzz").encode(),)
