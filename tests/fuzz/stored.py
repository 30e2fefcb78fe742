"""Targets whose bytes lie on one's own disk, or in a file that a person brings: state, backups.

What was stored and does not decode is our own fault, or the disk's: `OwnError`, and never a guess at a state.
"""

from collections.abc import Iterable
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from tests.fuzz import seeds
from tests.fuzz.target import Find, Target

from communicator_impl import backup, session, session_state, wire
from communicator_impl.addresses import KeySchedule, Profile
from communicator_impl.addresses.values import root
from communicator_impl.authorization_service import OwnKey, _Account
from communicator_impl.backup import RecoveryKey
from communicator_impl.contact_stock import StoredContact, read_deposited
from communicator_impl.directory import Entry
from communicator_impl.directory_monitor import _Position
from communicator_impl.doors import Door, Doors
from communicator_impl.errors import OwnError
from communicator_impl.issuer_keys import epoch_begin_s, epoch_of
from communicator_impl.latency import Latency, Notice
from communicator_impl.log_tree import Peaks
from communicator_impl.particle import Particle
from communicator_impl.queue_entry import Entry as Queued
from communicator_impl.root_owners import _Owner
from communicator_impl.root_record import RootRecord
from communicator_impl.submission import Submission
from communicator_impl.tokens import Purpose, request
from communicator_impl.wallet import _Held, _State

__all__ = ["TARGETS"]

_KEY: Final = RecoveryKey(b"\x0c" * 32)
_SALT, _NONCE = bytes(16), bytes(12)


def _owner(data: bytes) -> bytes:
    return _Owner.from_bytes(bytes(32), data).to_bytes()


def _backup(data: bytes) -> None:
    backup.restore(data, _KEY)


def _backup_inside(data: bytes) -> None:
    """Encrypt any plaintext as the values of a backup, under the recovery key, and restore it."""
    head = backup._Head(0, _SALT, _NONCE)
    sealed = ChaCha20Poly1305(backup._key(_KEY, head)).encrypt(_NONCE, backup._padded(data), head.encode())
    backup.restore(wire.encode([1, *head, sealed]), _KEY)


def _sessions() -> Iterable[bytes]:
    yield from map(session_state.session_to_bytes, seeds.sessions())
    for p in range(2):
        held = seeds.town().particle(p).session
        if held is not None:
            yield session_state.session_to_bytes(held)


def _doors() -> Iterable[bytes]:
    secret, way = seeds.package(), seeds.package().package.identifier()
    open_door = Doors().give_out(way, Door.DIRECTORY)
    yield open_door.to_bytes()
    begun = session.start(seeds.identity("peer"), secret.package, seeds.NOW_S, seeds.ENTROPY)
    _, first = session.seal(begun, b"hello", seeds.ENTROPY)
    yield open_door.knock(first, secret, seeds.identity(), seeds.NOW_S, seeds.ENTROPY).to_bytes()


def _queue() -> Iterable[bytes]:
    wanted = Submission("https://rs.example", b"request", 1_000)
    yield Queued(wanted.uri, wanted.request, 1_000, 1, 1, bytes(32), wanted.digest()).to_bytes()
    yield from seeds.stored("queue/")


def _purses() -> Iterable[bytes]:
    public = seeds.issuer_key(Purpose.CONTACT)
    pending = request(public.key, bytes(32), seeds.ENTROPY)
    held = _Held(seeds.tokens()[0], 1_000, b"")
    yield _State((held,), 1, 2, (pending,), 3).to_bytes()
    yield _State().to_bytes()


def _accounts() -> Iterable[bytes]:
    yield from (_Account().to_bytes(), _Account(3, answered=(bytes(32),)).to_bytes())


def _own_keys() -> Iterable[bytes]:
    epoch = epoch_of(epoch_begin_s(2900))
    made = OwnKey.made(Purpose.SUBMIT, epoch, 5, seeds.signer("issuer"))
    return made.to_bytes(), OwnKey(made.public, 5, None).to_bytes()


def _contacts() -> Iterable[bytes]:
    of = Entry.decode(seeds.entries()[0])
    for data in seeds.contacts():
        yield read_deposited(data, seeds.NOW_S, of).to_bytes()
        yield StoredContact(data, 1, 2, b"", 3, "spent/000000000001/aa/bb").to_bytes()


def _packed(data: bytes) -> bytes:
    held = RootRecord.from_bytes(data)
    if held.erased(1 << 40).epochs:
        raise Find("an epoch without an end")
    return held.to_bytes()


TARGETS: Final = (
    Target(
        "session-stored",
        lambda data: session_state.session_to_bytes(session_state.session_from_bytes(data)),
        ("session_state:session_from_bytes",),
        _sessions,
        refusal=OwnError,
    ),
    Target(
        "ratchet-stored",
        lambda data: session_state.ratchet_to_bytes(session_state.ratchet_from_bytes(data)),
        ("session_state:ratchet_from_bytes",),
        lambda: map(session_state.ratchet_to_bytes, seeds.ratchets()),
        refusal=OwnError,
    ),
    Target(
        "particle",
        lambda data: Particle.from_bytes(data).to_bytes(),
        ("particle:Particle.from_bytes",),
        seeds.disk,
        refusal=OwnError,
    ),
    Target(
        "schedule",
        lambda data: KeySchedule.from_bytes(data).to_bytes(),
        ("addresses.schedule:KeySchedule.from_bytes",),
        lambda: (seeds.schedule().to_bytes(),),
        refusal=OwnError,
    ),
    Target(
        "queue",
        lambda data: Queued.from_bytes(data).to_bytes(),
        ("queue_entry:Entry.from_bytes",),
        _queue,
        refusal=OwnError,
    ),
    Target("root", _packed, ("root_record:RootRecord.from_bytes",), lambda: seeds.stored("root/"), refusal=OwnError),
    Target("owner", _owner, ("root_owners:_Owner.from_bytes",), lambda: (_an_owner(),), refusal=OwnError),
    Target(
        "doors",
        lambda data: Doors.from_bytes(data).to_bytes(),
        ("doors:Doors.from_bytes",),
        _doors,
        refusal=OwnError,
    ),
    Target(
        "purse",
        lambda data: _State.from_bytes(data).to_bytes(),
        ("wallet:_State.from_bytes",),
        _purses,
        refusal=OwnError,
    ),
    Target(
        "account",
        lambda data: _Account.from_bytes(data).to_bytes(),
        ("authorization_service:_Account.from_bytes",),
        _accounts,
        refusal=OwnError,
    ),
    Target(
        "own-key",
        lambda data: OwnKey.from_bytes(data).to_bytes(),
        ("authorization_service:OwnKey.from_bytes",),
        _own_keys,
        refusal=OwnError,
    ),
    Target(
        "contact-stored",
        lambda data: StoredContact.from_bytes(data).to_bytes(),
        ("contact_stock:StoredContact.from_bytes",),
        _contacts,
        refusal=OwnError,
    ),
    Target(
        "position",
        lambda data: _Position.from_bytes(data).to_bytes(),
        ("directory_monitor:_Position.from_bytes",),
        lambda: (_Position().to_bytes(), _Position(Peaks().extended([bytes(32)] * 5), (b"leaf",)).to_bytes()),
        refusal=OwnError,
    ),
    Target("backup", _backup, ("backup:restore",), lambda: (_a_backup(),)),
    Target(
        "backup-inside",
        _backup_inside,
        ("backup:restore",),
        lambda: (wire.encode([["a", b"1"], ["particle/1", bytes(40)]]),),
    ),
)


def _an_owner() -> bytes:
    held = _Owner(bytes(32), root(bytes(16)), Profile.LABEL, 3, Latency.PULL, ((1, Latency.BATCHED),), Notice(4, 5))
    return held.to_bytes()


def _a_backup() -> bytes:
    return backup.make({"particle/1": bytes(100)}, _KEY, seeds.SeededEntropy(b"backup"))
