"""What directories and their readers exchange: entries, leaves, heads, proofs and contacts (chapter 8.4).

Theory. An entry says which identity a name has, signed by that identity, and by the one before it where its owner still
holds it. Every entry is a leaf of one log; the directory signs the tree of that log, so that it cannot show two people
two answers without signing two logs. ::

    Entry      {0: version, 1: name, 2: sequence, 3: identity, 4: date, 5: own signature, 6: by the one before}
    leaf       {0: hash of the name, 1: sequence, 2: SHA-256(encoding of the entry)}
    Head       {0: version, 1: uri, 2: size, 3: tree hash, 4: date, 5: signature of the directory}
    Proof      {0: entry, 1: index, 2: inclusion path, 3: head}
    Contact    {0: version, 1: key package, 2: address set}

Rules:

1. `decode` reads and checks all that the bytes alone can show; what needs another value (the entry before, the
   directory's key, the date) is a `check…` of its own.
2. One value has one encoding (ENV-1), so a digest of an entry is a digest of what it says.
3. Class by cause: `MALFORMED`, `TOO_LARGE` the bytes; `FORGED` a signature or a proof; `EXPIRED` a date.
"""

import hashlib
import unicodedata
from collections.abc import Sequence
from typing import Final, Self

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from communicator_impl import wire
from communicator_impl.address_set import WireSet
from communicator_impl.addresses.config import service_uri
from communicator_impl.errors import PeerError
from communicator_impl.keys import Identity, IdentityKey, KeyPackage
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS
from communicator_spec.transparency import leaf_hash, verify_inclusion

__all__ = [
    "Contact",
    "Entry",
    "Head",
    "Leaf",
    "Proof",
    "checked_name",
    "make_entry",
    "name_hash",
    "read_path",
    "write_path",
]

_D: Final = PARAMETERS.directory
_HASH: Final = PARAMETERS.suite.hash_bytes
_SIGNATURE: Final = PARAMETERS.suite.signature_bytes
_ENTRY, _LEAF, _HEAD, _PROOF, _CONTACT = (frozenset(range(n)) for n in (6, 3, 6, 4, 3))
_BEFORE: Final = frozenset({6})
_SEQUENCE_MAX: Final = (1 << 32) - 1
_SIZE_MAX: Final = (1 << 48) - 1
_PATH_BYTES_MAX: Final = 2 + _D.proof_hashes_max * 34
_PROOF_BYTES_MAX: Final = 2 * _D.entry_bytes_max + _PATH_BYTES_MAX


def checked_name(value: object) -> str:
    """Read a name: 1 to 128 bytes of UTF-8 in normalization form C; raises `MALFORMED`."""
    try:
        name = wire.text(value, _D.name_bytes_max)
    except UnicodeEncodeError as error:
        raise wire.wrong("name is not Unicode") from error
    if not unicodedata.is_normalized("NFC", name):
        raise wire.wrong("name is not in normalization form C")  # DIR-21
    return name


def name_hash(name: str) -> bytes:
    """Return what stands for a name in the log."""
    return hashlib.sha256(_D.name_label.encode() + b"\0" + name.encode()).digest()


class Leaf(msgspec.Struct, frozen=True):
    """One leaf of the log."""

    name: bytes
    sequence: int
    digest: bytes

    def encode(self) -> bytes:
        """Return the encoding of which the tree is made."""
        return wire.encode({0: self.name, 1: self.sequence, 2: self.digest})

    def hash(self) -> bytes:
        """Return the hash of the leaf in the tree."""
        return leaf_hash(self.encode())  # DIR-12

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a leaf."""
        f = wire.fields(wire.decode(data, _D.entry_bytes_max), _LEAF)
        return cls(wire.octets(f[0], _HASH), wire.uint(f[1], _SEQUENCE_MAX), wire.octets(f[2], _HASH))


class Entry(msgspec.Struct, frozen=True):
    """Which identity a name has, from a sequence number on."""

    name: str
    sequence: int
    identity: IdentityKey
    date_s: int
    signature: bytes
    before: bytes | None = None

    def encode(self) -> bytes:
        """Return the one encoding."""
        return wire.encode(self.to_wire())

    def to_wire(self) -> dict[int, object]:
        """Return the wire form."""
        signed = {**self._signed_fields(), 5: self.signature}
        return signed if self.before is None else {**signed, 6: self.before}

    def leaf(self) -> Leaf:
        """Return the leaf of this entry."""
        return Leaf(name_hash(self.name), self.sequence, hashlib.sha256(self.encode()).digest())

    def check(self) -> None:
        """Check the signature of the entry's own identity; the first entry has no other one. `FORGED` (DIR-1)."""
        self.identity.verify(_D.entry_label, self._message(), self.signature)
        if self.sequence == 0 and self.before is not None:
            raise PeerError(ErrorClass.FORGED, "signature of an identity before the first")

    def check_after(self, last: "Entry") -> None:
        """Check field 6, if there is one, under the identity of the entry before; raises `FORGED` (DIR-1)."""
        if self.before is None:
            return
        last.identity.verify(_D.entry_label, self._message(), self.before)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read an entry and check its own signature."""
        return cls.from_wire(wire.decode(data, _D.entry_bytes_max))  # DIR-20

    @classmethod
    def from_wire(cls, value: object) -> Self:
        """Read the wire form and check its own signature."""
        f = wire.fields(value, _ENTRY, _BEFORE)
        if wire.uint(f[0]) != _D.version:
            raise wire.wrong("version of an entry")  # ENV-5
        name, sequence = checked_name(f[1]), wire.uint(f[2], _SEQUENCE_MAX)
        before = None if 6 not in f else wire.octets(f[6], _SIGNATURE)
        identity = wire.octets(f[3], PARAMETERS.sizes.identity_bytes)
        date_s, signature = wire.uint(f[4]), wire.octets(f[5], _SIGNATURE)
        entry = cls(name, sequence, IdentityKey.from_bytes(identity), date_s, signature, before)
        entry.check()
        return entry

    def _signed_fields(self) -> dict[int, object]:
        return {0: _D.version, 1: self.name, 2: self.sequence, 3: self.identity.to_bytes(), 4: self.date_s}

    def _message(self) -> bytes:
        return wire.encode(self._signed_fields())


def make_entry(name: str, sequence: int, identity: Identity, now_s: int, before: Identity | None = None) -> Entry:
    """Sign an entry; `before`: the identity of the entry before it, if its owner still holds it."""
    draft = Entry(checked_name(name), wire.uint(sequence, _SEQUENCE_MAX), identity.public, now_s, b"")
    message = draft._message()
    earlier = before.sign(_D.entry_label, message) if before else None
    return msgspec.structs.replace(draft, signature=identity.sign(_D.entry_label, message), before=earlier)


class Head(msgspec.Struct, frozen=True):
    """The tree of a directory's log at a date, signed by the directory."""

    uri: str
    size: int
    tree: bytes
    date_s: int
    signature: bytes

    @classmethod
    def sign(cls, seed: bytes, uri: str, size: int, tree: bytes, date_s: int) -> Self:
        """Sign the tree with the directory's key."""
        draft = cls(service_uri(uri), wire.uint(size, _SIZE_MAX), wire.octets(tree, _HASH), date_s, b"")
        signature = Ed25519PrivateKey.from_private_bytes(seed).sign(draft._message())
        return msgspec.structs.replace(draft, signature=signature)

    def encode(self) -> bytes:
        """Return the one encoding."""
        return wire.encode(self.to_wire())

    def to_wire(self) -> dict[int, object]:
        """Return the wire form."""
        return {**self._signed_fields(), 5: self.signature}

    def check(self, uri: str, key: bytes) -> None:
        """Check that this directory signed it; raises `FORGED`."""
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(self.signature, self._message())
        except (InvalidSignature, ValueError) as error:
            raise PeerError(ErrorClass.FORGED, "signature of a head") from error
        if self.uri != uri:
            raise PeerError(ErrorClass.FORGED, "head of another directory")

    def check_date(self, now_s: int) -> None:
        """Check that it is not so old that the directory must have signed a newer one; raises `EXPIRED` (DIR-18)."""
        if now_s - self.date_s > 2 * _D.head_max_age_s:
            raise PeerError(ErrorClass.EXPIRED, "head")

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a head; whose it is shows `check`."""
        return cls.from_wire(wire.decode(data, _D.entry_bytes_max))

    @classmethod
    def from_wire(cls, value: object) -> Self:
        """Read the wire form."""
        f = wire.fields(value, _HEAD)
        if wire.uint(f[0]) != _D.version:
            raise wire.wrong("version of a head")  # ENV-5
        uri, size = service_uri(f[1]), wire.uint(f[2], _SIZE_MAX)
        return cls(uri, size, wire.octets(f[3], _HASH), wire.uint(f[4]), wire.octets(f[5], _SIGNATURE))

    def _signed_fields(self) -> dict[int, object]:
        return {0: _D.version, 1: self.uri, 2: self.size, 3: self.tree, 4: self.date_s}

    def _message(self) -> bytes:
        return _D.head_label.encode() + b"\0" + wire.encode(self._signed_fields())


class Proof(msgspec.Struct, frozen=True):
    """An entry, and that it is in the log of a head."""

    entry: Entry
    index: int
    path: tuple[bytes, ...]
    head: Head

    def encode(self) -> bytes:
        """Return the one encoding."""
        return wire.encode({0: self.entry.to_wire(), 1: self.index, 2: list(self.path), 3: self.head.to_wire()})

    def check(self, now_s: int, uri: str, key: bytes, name: str) -> None:
        """Check head, date, name and inclusion: `FORGED`, `EXPIRED` (DIR-14)."""
        self.head.check(uri, key)
        self.head.check_date(now_s)
        if self.entry.name != name:
            raise PeerError(ErrorClass.FORGED, "entry of another name")
        if not verify_inclusion(self.entry.leaf().hash(), self.index, self.head.size, self.path, self.head.tree):
            raise PeerError(ErrorClass.FORGED, "entry that is not in the log")

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a proof and check the entry's own signature."""
        f = wire.fields(wire.decode(data, _PROOF_BYTES_MAX), _PROOF)
        return cls(Entry.from_wire(f[0]), wire.uint(f[1], _SIZE_MAX), _path(f[2]), Head.from_wire(f[3]))


def read_path(data: bytes) -> tuple[bytes, ...]:
    """Read a path of at most 64 hashes."""
    return _path(wire.decode(data, _PATH_BYTES_MAX))


def write_path(path: Sequence[bytes]) -> bytes:
    """Return the encoding of a path."""
    return wire.encode(list(path))


def _path(value: object) -> tuple[bytes, ...]:
    return tuple(wire.octets(item, _HASH) for item in wire.array(value, _D.proof_hashes_max))


class Contact(msgspec.Struct, frozen=True):
    """All that one stranger needs to write a first message."""

    package: KeyPackage
    addresses: WireSet

    def encode(self) -> bytes:
        """Return the one encoding; more than 2,900 bytes raise `TOO_LARGE`."""
        package = wire.decode(self.package.encode(), _D.contact_bytes_max)
        data = wire.encode({0: _D.version, 1: package, 2: self.addresses.to_wire()})
        if len(data) > _D.contact_bytes_max:
            raise PeerError(ErrorClass.TOO_LARGE, "contact")
        return data

    def check(self, entry: Entry) -> None:
        """Check that the package carries the identity of the entry; raises `FORGED` (DIR-6)."""
        if self.package.identity != entry.identity:
            raise PeerError(ErrorClass.FORGED, "contact of another identity")

    @classmethod
    def decode(cls, data: bytes, now_s: int) -> Self:
        """Read a contact and check its package as chapter 4 says, dates included."""
        f = wire.fields(wire.decode(data, _D.contact_bytes_max), _CONTACT)  # DIR-20
        if wire.uint(f[0]) != _D.version:
            raise wire.wrong("version of a contact")  # ENV-5
        addresses = WireSet.from_wire(f[2])
        return cls(KeyPackage.decode(wire.encode(f[1]), now_s), addresses)  # DIR-6
