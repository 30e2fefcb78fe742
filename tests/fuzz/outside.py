"""Targets whose bytes come from services, issuers and directories, or go to them: tokens, documents, entries, heads."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.fuzz import seeds
from tests.fuzz.seeds import ENTROPY, NOW_S
from tests.fuzz.target import Find, Form, Target

from communicator_impl import tokens, wire
from communicator_impl.blind_rsa import PSS_DETERMINISTIC, finalize
from communicator_impl.contact_stock import read_deposited
from communicator_impl.directory import Contact, Entry, Head, Leaf, Proof, checked_name, read_path, write_path
from communicator_impl.directory_monitor import DirectoryMonitor
from communicator_impl.document import Document, base64url, unbase64url
from communicator_impl.errors import PeerError
from communicator_impl.issuer_keys import read_issuer_document, write_issuer_document
from communicator_impl.storage import MemoryStorage
from communicator_impl.submission import Submission, checked_request
from communicator_spec.examples import document
from communicator_spec.parameters import PARAMETERS
from communicator_spec.transparency import verify_consistency, verify_inclusion

__all__ = ["TARGETS"]

_D, _T = PARAMETERS.directory, PARAMETERS.token
_SEED: Final = b"\x07" * 32
_KEY: Final = Ed25519PrivateKey.from_private_bytes(_SEED).public_key().public_bytes_raw()
_ORIGIN: Final = "https://rs.example"
_M: Final = "communicator_impl."


def _text(data: bytes) -> str:
    """Return text as a header or a path carries it: one character a byte."""
    return data.decode("latin-1")


# -------------------------------------------------------------------- tokens


def _token(data: bytes) -> bytes:
    read = tokens.Token.decode(data)
    try:
        read.verify(seeds.issuer_key(tokens.Purpose.CONTACT).key)
    except PeerError:
        return read.encode()
    return read.encode()


def _requests(data: bytes) -> bytes:
    asked = tokens.read_requests(data)
    return b"".join(_T.type.to_bytes(2) + bytes((one.key_byte,)) + one.blinded for one in asked)


def _authorization(data: bytes) -> None:
    read = tokens.read_authorization(_text(data))
    if tokens.read_authorization('PrivateToken token="' + tokens._padded(read) + '"') != read:
        raise Find("a token that is written in another way than it was read")


def _answer(data: bytes) -> None:
    key = seeds.issuer_key(tokens.Purpose.CONTACT).key
    pending = tokens.request_with(key, bytes(32), bytes(32), bytes(_T.salt_bytes), 3)
    tokens.finish(pending, data)


def _signature(data: bytes) -> None:
    key = seeds.issuer_key(tokens.Purpose.CONTACT).key.key
    finalize(key, b"message", data, 3, PSS_DETERMINISTIC)


def _blinded(data: bytes) -> None:
    answer = seeds.signer("contact").sign_blinded(data, ENTROPY)
    if len(answer) != _T.authenticator_bytes:
        raise Find("length of a blind signature")


def _issuer(data: bytes) -> None:
    keys = read_issuer_document(data)
    if read_issuer_document(write_issuer_document(keys)) != keys:
        raise Find("an issuer's document that is written in another way than it was read")


# -------------------------------------------------------------------- documents


def _document(data: bytes) -> None:
    read = Document.decode(data, _ORIGIN)
    if Document.decode(read.encode(), _ORIGIN) != read:
        raise Find("a document that is written in another way than it was read")


def _documents() -> Iterable[bytes]:
    yield from seeds.vectors("document.decode.document")
    yield msgspec.json.encode(document("receiving", "sending", "directory", "authorization"))
    for data in seeds.vectors("document.decode.document"):
        yield data.replace(b"receiving.example", b"rs.example")


def _base64url(data: bytes) -> bytes:
    return base64url(unbase64url(_text(data))).encode()


# -------------------------------------------------------------------- directories


def _signed_entry(data: bytes) -> None:
    """Sign what is there as an entry of the reader, and of one before, and read that."""
    value = wire.decode(data, _D.entry_bytes_max)
    if not isinstance(value, dict):
        return
    own = seeds.identity()
    named = {**value, 3: own.public.to_bytes()}
    unsigned = wire.encode({k: v for k, v in named.items() if k not in (5, 6)})
    more = {6: own.sign(_D.entry_label, unsigned)} if 6 in value else {}
    entry = Entry.decode(wire.encode({**named, 5: own.sign(_D.entry_label, unsigned), **more}))
    entry.check_after(entry)
    entry.leaf()


def _head(data: bytes) -> bytes:
    """Read a head; who signed it, and when, is asked of each."""
    head = Head.decode(data)
    with suppress(PeerError):
        head.check(_ORIGIN, _KEY)
    with suppress(PeerError):
        head.check_date(NOW_S)
    return head.encode()


def _proof(data: bytes) -> bytes:
    proof = Proof.decode(data)
    try:
        proof.check(NOW_S, proof.head.uri, _KEY, proof.entry.name)
    except PeerError:
        return proof.encode()
    return proof.encode()


def _proof_of(data: bytes) -> None:
    """Put any index and path beside an entry and a head that are right: it is the right place, or `FORGED`."""
    rows, right = wire.array(wire.decode(data, 4096), 2, size=2), seeds.proof()
    index, path = wire.uint(rows[0]), read_path(wire.encode(rows[1]))
    Proof(right.entry, index, path, right.head).check(NOW_S, right.head.uri, _KEY, right.entry.name)
    if (index, path) != (right.index, right.path):
        raise Find("another place in the log")


def _proofs() -> Iterable[bytes]:
    right = seeds.proof()
    yield wire.encode([right.index, list(right.path)])
    yield wire.encode([0, []])


def _paths(data: bytes) -> None:
    """Verify any path for any sizes: a truth value, and never an error (rule 1 of the module)."""
    first, second, path = (int.from_bytes(data[i : i + 6]) for i in (0, 6)), data[12:44], data[44:]
    one, other = first
    hashes = tuple(path[i : i + 32] for i in range(0, len(path), 32))
    for found in (
        verify_inclusion(second, one, other, hashes, second),
        verify_consistency(one, other, hashes, second, bytes(32)),
    ):
        if found not in (True, False):
            raise Find("no truth value")


def _leaves(data: bytes) -> None:
    """Let an owner read any leaves of a log whose head is signed."""
    head = Head.sign(_SEED, "https://directory.example", 3, bytes(32), NOW_S)
    monitor = DirectoryMonitor(head.uri, "alex", MemoryStorage())
    monitor.read(head, wire.sequence(data, 3, _D.entry_bytes_max))


def _deposited(data: bytes) -> None:
    read_deposited(data, NOW_S, Entry.decode(seeds.entries()[0]))


def _name(data: bytes) -> bytes:
    try:
        text = data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        text = _text(data)
        checked_name(text)
        return data
    return checked_name(text).encode()


def _v(*names: str) -> Callable[[], Iterable[bytes]]:
    return lambda: seeds.vectors(*names)


_HEADERS: Final = (b'PrivateToken token="AAAA"', b"privatetoken  token=AA==", b"Bearer x", b"PrivateToken token=x")

TARGETS: Final = (
    Target(
        "token-key",
        lambda data: tokens.TokenKey.decode(data).encode(),
        ("tokens:TokenKey.decode",),
        _v("token.key.key"),
        Form.RAW,
    ),
    Target("token", _token, ("tokens:Token.decode", "blind_rsa:BlindingKey.verify"), seeds.tokens, Form.RAW),
    Target("requests", _requests, ("tokens:read_requests",), _v("token.sign.request"), Form.RAW),
    Target(
        "authorization",
        _authorization,
        ("tokens:read_authorization",),
        lambda: (*_HEADERS, *(tokens.authorization(tokens.Token.decode(t)).encode() for t in seeds.tokens())),
        Form.TEXT,
    ),
    Target("answer", _answer, ("tokens:finish",), _v("token.finish.answer"), Form.RAW),
    Target("signature", _signature, ("blind_rsa:finalize",), _v("token.finish.answer"), Form.RAW),
    Target(
        "blinded",
        _blinded,
        ("blind_rsa:SigningKey.sign_blinded",),
        lambda: (data[3:] for data in seeds.vectors("token.sign.request")),
        Form.RAW,
    ),
    Target(
        "issuer",
        _issuer,
        ("issuer_keys:read_issuer_document",),
        lambda: (seeds.issuer_document(),),
        Form.JSON,
    ),
    Target("document", _document, ("document:Document.decode",), _documents, Form.JSON),
    Target(
        "base64url",
        _base64url,
        ("document:unbase64url",),
        lambda: (b"", b"AA", b"AAA", b"AAAA", b"-_-_", b"AB"),
        Form.TEXT,
    ),
    Target(
        "submission",
        lambda data: Submission.decode(data).encode(),
        ("submission:Submission.decode",),
        lambda: (Submission(_ORIGIN, b"request", 1000, 60).encode(), Submission(_ORIGIN, bytes(2900), 0).encode()),
    ),
    Target("request-checked", checked_request, ("submission:checked_request",), lambda: (b"", b"a"), Form.RAW),
    Target(
        "leaf",
        lambda data: Leaf.decode(data).encode(),
        ("directory:Leaf.decode",),
        _v("entry.leaf=leaf"),
    ),
    Target(
        "entry",
        lambda data: Entry.decode(data).encode(),
        ("directory:Entry.decode",),
        lambda: (*seeds.entries(), *seeds.vectors("entry.decode.entry")),
    ),
    Target("entry-signed", _signed_entry, ("directory:Entry.from_wire",), seeds.entries),
    Target(
        "head",
        _head,
        ("directory:Head.decode", "directory:Head.from_wire", "directory:Head.check"),
        _v("head.check.head"),
    ),
    Target(
        "proof",
        _proof,
        ("directory:Proof.decode",),
        lambda: (seeds.proof().encode(), *seeds.vectors("proof.check.proof")),
    ),
    Target("proof-of", _proof_of, ("directory:Proof.check",), _proofs),
    Target(
        "path",
        lambda data: write_path(read_path(data)),
        ("directory:read_path",),
        lambda: (write_path([bytes(32)] * 3), write_path(())),
    ),
    Target(
        "paths",
        _paths,
        ("communicator_spec.transparency:verify_inclusion", "communicator_spec.transparency:verify_consistency"),
        lambda: (bytes(5) + b"\2" + bytes(5) + b"\5" + bytes(96),),
        Form.RAW,
    ),
    Target(
        "leaves",
        _leaves,
        ("directory_monitor:DirectoryMonitor.read",),
        lambda: (b"".join(Entry.decode(e).leaf().encode() for e in seeds.entries()),),
    ),
    Target(
        "contact",
        lambda data: Contact.decode(data, NOW_S).encode(),
        ("directory:Contact.decode",),
        lambda: (*seeds.contacts(), *seeds.vectors("contact.decode.contact")),
    ),
    Target("deposited", _deposited, ("contact_stock:read_deposited",), seeds.contacts),
    Target("name", _name, ("directory:checked_name",), lambda: (b"alex", "å".encode(), b"e\xcc\x81"), Form.TEXT),
)
