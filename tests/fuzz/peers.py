"""Targets whose bytes a correspondent or a stranger made: CBOR, contents, addresses, sessions, contacts.

What travels sealed is sealed here, with keys that the reader holds, so that a search reaches what is inside.
"""

import hashlib
from collections.abc import Callable, Iterable
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from tests.fuzz import seeds
from tests.fuzz.seeds import ENTROPY, NOW_S
from tests.fuzz.target import Find, Form, Target

from communicator_impl import (
    address_set,
    agreement,
    attachment,
    body,
    content,
    doors,
    envelope,
    hpke,
    ratchet,
    routing,
    wire,
    xwing,
)
from communicator_impl import session as sessions
from communicator_impl.addresses import KeySchedule, ServiceConfig, TwoLayerTable, two_layer, values
from communicator_impl.addresses.config import Generation, read_generations
from communicator_impl.addresses.label import open_labelled
from communicator_impl.addresses.values import Profile, seal_info
from communicator_impl.client.courier import class_of
from communicator_impl.entropy import SeededEntropy
from communicator_impl.errors import CommunicatorError, PeerError
from communicator_impl.export import Kept, Relationship, export
from communicator_impl.keys import IdentityKey, KeyPackage
from communicator_impl.relationship_manager import RelationshipManager
from communicator_impl.root_record import Item
from communicator_impl.storage import MemoryStorage
from communicator_spec.parameters import PARAMETERS

__all__ = ["TARGETS"]

_A, _E, _P, _LIMIT = PARAMETERS.address, PARAMETERS.envelope, PARAMETERS.session, 4096
_SIZE: Final = _E.ciphertext_classes_bytes[0]
_CIPHERTEXT: Final = bytes(_SIZE)
_OWNER: Final = Ed25519PrivateKey.from_private_bytes(b"\x09" * 32)
_ROOT: Final = values.root(b"\x0a" * 16)
_HYBRID: Final = xwing.key_pair(b"\x0b" * PARAMETERS.hybrid.secret_key_bytes)


def _sequence(data: bytes) -> bytes:
    return b"".join(wire.sequence(data, 64, 512))


def _hybrid_key(data: bytes) -> None:
    """Check a key of the right length: what is too short is filled up."""
    xwing.check_public(data.ljust(len(_HYBRID.public), b"\0")[: len(_HYBRID.public)])


def _hybrid_sealed(data: bytes) -> None:
    xwing.open_sealed(_HYBRID.secret, b"fuzz", data)


def _refusal(data: bytes) -> None:
    class_of(data)


def _body(data: bytes) -> bytes:
    read = body.decode_body(data)
    if read.kind is body.Kind.READ:
        body.read_of(read)
    elif read.kind is body.Kind.RESYNC:
        body.resync_of(read)
    return body.encode_body(read)


def _content(data: bytes) -> bytes:
    """Read a content, and everything that a client does with one that it has read or has not."""
    routing.Routes("a", (("x", "b"),)).offers(0, 1, data)
    export((Relationship((Kept(False, 1, 0, data), Kept(True, 1, 0, data))),), lambda file: bytes(file.length % 8))
    return content.encode_content(content.decode_content(data))


def _request(data: bytes) -> bytes:
    request = envelope.decode_request(data)
    if isinstance(request, envelope.LabelRequest):
        return wire.encode({0: 1, 1: int(Profile.LABEL), 2: request.sealed})
    return wire.encode({0: 1, 1: int(Profile.TWO_LAYER), 2: request.address, 3: request.ciphertext})


def _accepted(data: bytes) -> None:
    """Bring bytes to a receiving service; whatever they are, it answers (ENV-8), and it is another one each time."""
    seeds.town().rsa[0].accept(seeds.town().now, data)


def _identity(data: bytes) -> bytes:
    return IdentityKey.from_bytes(data).to_bytes()


def _package(data: bytes) -> bytes:
    return KeyPackage.decode(data, NOW_S).encode()


def _signed_package(data: bytes) -> bytes | None:
    """Sign what is there as the reader's package, and read that."""
    value = wire.decode(data, 512)
    if not isinstance(value, dict):
        return None
    public = seeds.identity().public
    named = {**value, 2: public.sign, 3: public.agree, 4: public.binding}
    unsigned = wire.encode({k: v for k, v in named.items() if k != 9})
    whole = wire.encode({**named, 9: seeds.identity().sign(_P.package_label, unsigned)})
    if KeyPackage.decode(whole, NOW_S).encode() != whole:
        raise Find("a package that is written in another way than it was read")
    begun = sessions.start(seeds.identity("peer"), KeyPackage.decode(whole, NOW_S), NOW_S, ENTROPY)
    sessions.seal(begun, b"hello", ENTROPY)
    return None


def _opening(data: bytes) -> bytes:
    return agreement.Opening.from_bytes(data).to_bytes()


# -------------------------------------------------------------------- sessions


def _sized(data: bytes, size: int = _SIZE) -> bytes:
    return data[:size].ljust(size, b"\0")


def _first(data: bytes) -> None:
    sessions.accept(seeds.identity(), [seeds.package()], _sized(data), NOW_S, ENTROPY)


def _first_sealed(data: bytes) -> None:
    """Seal an opening of our own making to the reader's package, before a message that nobody wrote."""
    message = bytes(_SIZE - _P.opening_sealed_bytes)
    key, bound = hpke.public_key(seeds.package().package.prekey), agreement._bound(message)
    sealed = hpke.seal(key, bound, _sized(data, _P.opening_bytes), ENTROPY, "fuzz")
    sessions.accept(seeds.identity(), [seeds.package()], sealed + message, NOW_S, ENTROPY)


def _restarted(data: bytes) -> None:
    message = bytes(_SIZE - _P.opening_sealed_bytes)
    own, peer = seeds.identity(), seeds.identity("peer").public
    plain = bytes(8) + NOW_S.to_bytes(8) + peer.to_bytes() + _sized(data, 32)
    sealed = hpke.seal(hpke.public_key(own.public.agree), agreement._bound(message), plain, ENTROPY, "fuzz")
    sessions.accept_restart(own, peer, sealed + message, NOW_S, 0, ENTROPY)


def _begun_again(data: bytes) -> None:
    """Seal an opening of the peer to the prekey that a session still has."""
    begun, message = seeds.accepted(), bytes(_SIZE - _P.opening_sealed_bytes)
    assert begun.own_prekey is not None
    plain = bytes(8) + NOW_S.to_bytes(8) + begun.peer.to_bytes() + _sized(data, 32)
    sealed = hpke.seal(hpke.public_key(begun.own_prekey.public), agreement._bound(message), plain, ENTROPY, "fuzz")
    sessions.accept_anew(seeds.identity(), begun, sealed + message, NOW_S, 0, ENTROPY)


def _opened(data: bytes) -> None:
    sessions.open_message(seeds.sessions()[1], _sized(data), ENTROPY)


def _padded(data: bytes) -> bytes | None:
    """Encrypt a padded plaintext as a peer would, and open it; the body is written again as it was padded."""
    one, other = seeds.sessions()
    plain = _sized(data, _SIZE - ratchet.MESSAGE_OVERHEAD)
    _, message = ratchet.encrypt(one.ratchet, plain, one.associated, ENTROPY)
    _, read = sessions.open_message(other, message, ENTROPY)
    if sessions._pad(read, ratchet.MESSAGE_OVERHEAD + _P.length_prefix_bytes) != plain:
        raise Find("a body that was not the whole plaintext")
    return None


def _ratcheted(data: bytes) -> None:
    ratchet.decrypt(seeds.ratchets()[1], data, b"", ENTROPY)


def _header(data: bytes) -> None:
    """Seal any header under the key of the chain in use (an odd first byte) or of the next one."""
    _, other = seeds.ratchets()
    key = other.hkr if data[:1] and data[0] & 1 else other.nhkr
    salt, header = bytes(_P.salt_bytes), _sized(data[1:], _P.header_bytes)
    sealed = ChaCha20Poly1305(key or b"").encrypt(salt[:12], header, b"")
    ratchet.decrypt(other, salt + sealed + data[1 + _P.header_bytes :].ljust(16, b"\0"), b"", ENTROPY)


def _knock(data: bytes) -> None:
    made = doors.Doors().give_out(seeds.package().package.identifier(), doors.Door.DIRECTORY)
    made.knock(_sized(data), seeds.package(), seeds.identity(), NOW_S, ENTROPY)


def _quiet(_event: object) -> None:
    """Hear nothing."""


def _received(data: bytes) -> None:
    """Let a device fetch a body that its peer really sealed; the device takes it, or drops it, and goes on."""
    people = seeds.town()
    particle = people.particle(0)
    assert particle.session is not None
    try:
        _, sealed = sessions.seal(particle.session, data, ENTROPY)
    except CommunicatorError:
        return  # longer than any body
    disk, entropy = MemoryStorage(), SeededEntropy(b"fuzz")
    disk.values.update(people.disks[1].values)
    manager = RelationshipManager(1, people.terms, seeds.Book(people), disk, entropy, _quiet, people.profiles)
    manager.receive(people.now, 1, 2, (Item(0, 1, 0, sealed), Item(1, 1, 1, _sized(data))))


# -------------------------------------------------------------------- addresses


def _outer(data: bytes) -> None:
    """Seal anything of an address's length to the service, for a ciphertext."""
    key = seeds.schedule().config().sealing_key(NOW_S)
    bound = values.ciphertext_digest(_CIPHERTEXT)
    info = seal_info(_A.outer_label, Profile.TWO_LAYER, key.generation, key.uri, bound)
    box = hpke.seal(hpke.public_key(key.public), info, _sized(data, _A.rdas_bytes), ENTROPY, "fuzz")
    two_layer.open_address(values.sda(bytes((key.generation,)) + box), _CIPHERTEXT, seeds.schedule(), NOW_S)


def _inner(data: bytes) -> None:
    """Seal and sign any root, index and date as an owner would, and resolve the address."""
    config = seeds.schedule().config()
    key = config.inner[0]
    info = seal_info(_A.inner_label, Profile.TWO_LAYER, key.number, config.uri)
    plain = _sized(data, _A.root_bytes + 8)
    rda = bytes((key.number,)) + hpke.seal(hpke.public_key(key.public), info, plain, ENTROPY, "fuzz")
    signed = values.rdas(rda + _OWNER.sign(two_layer._SIGNED + rda))
    table = TwoLayerTable()
    table.register(two_layer.TwoLayerRegistration(_ROOT, _OWNER.public_key().public_bytes_raw()))
    sealed = two_layer.diversify(signed, config.sealing_key(NOW_S), _CIPHERTEXT, ENTROPY)
    table.spend(table.resolve(sealed, _CIPHERTEXT, seeds.schedule(), NOW_S))


def _labelled(data: bytes) -> None:
    """Seal any plaintext to the service as profile label/1 does, and open it."""
    key = seeds.schedule().config().sealing_key(NOW_S)
    info = seal_info(_A.seal_label, Profile.LABEL, key.generation, key.uri)
    sealed = bytes((key.generation,)) + hpke.seal(hpke.public_key(key.public), info, data, ENTROPY, "fuzz")
    opened = open_labelled(sealed, seeds.schedule(), NOW_S)
    if opened.label + opened.ciphertext != data:
        raise Find("an envelope with another inside")


def _sealed(data: bytes) -> None:
    schedule: KeySchedule = seeds.schedule()
    for opened in (open_labelled, lambda d, s, n: two_layer.open_address(values.Sda(d), _CIPHERTEXT, s, n)):
        _tolerant(opened, data, schedule, NOW_S)


def _tolerant(call: Callable[..., object], *args: object) -> None:
    """Call something that may refuse like any other reader; go on."""
    try:
        call(*args)
    except PeerError:
        return


def _values(data: bytes) -> bytes:
    makers = (values.root, values.rdas, values.sda, values.epoch_key, values.label, hpke.public_key)
    for make in makers:
        _tolerant(make, data)
    return values.root(data)


def _generations(data: bytes) -> bytes:
    read: tuple[Generation, ...] = read_generations(wire.decode(data, _LIMIT))
    return wire.encode([g.to_wire() for g in read])


# -------------------------------------------------------------------- files


def _chunk(data: bytes) -> None:
    """Encrypt any plaintext as the one chunk of a file, and decrypt it as a file of the length that it states."""
    key = hashlib.sha256(b"fuzz").digest()
    chunk = attachment.seal_chunk(key, 0, True, 1, _sized(data, PARAMETERS.attachment.chunk_plain_bytes))
    sealed = attachment.Sealed(key, hashlib.sha256(chunk).digest())
    length = min(int.from_bytes(data[:8]), PARAMETERS.attachment.chunk_plain_bytes)
    shelf = attachment.MemoryShelf()
    attachment.decrypt(iter((chunk[:7], chunk[7:])), sealed, length, shelf)
    if shelf.file is None or len(shelf.file) != length:
        raise Find("a file of another length than the message states")


def _pieces(data: bytes) -> None:
    size, key = PARAMETERS.attachment.chunk_bytes, bytes(32)
    pieces = (data[i : i + 1000] for i in range(0, len(data), 1000))
    attachment.decrypt(pieces, attachment.Sealed(key, key), size, attachment.MemoryShelf())


def _examples(*rows: bytes) -> Callable[[], Iterable[bytes]]:
    return lambda: rows


def _v(*names: str) -> Callable[[], Iterable[bytes]]:
    return lambda: seeds.vectors(*names)


_ALL: Final = ("body.decode.body", "config.decode.config", "content.decode.content", "delivery.decode.delivery")
_MESSAGE: Final = (0).to_bytes(4) + (5).to_bytes(4)
_M = "communicator_impl."
_WIRE: Final = tuple(f"wire:{name}" for name in ("decode", "fields", "uint", "octets", "text", "text_map", "array"))
_READERS: Final = ("wire:boolean", "addresses.config:service_uri")
_BODIES: Final = ("body:decode_body", "body:read_of", "body:resync_of", "body:kind_of", "body:Received.from_wire")
_SETS: Final = tuple(f"address_set:{n}" for n in ("WireGrant.from_wire", "ServiceEntry.from_wire", "WireSet.from_wire"))
_ACCEPTING: Final = ("receiving_service:ReceivingService.accept",)
_VALUES: Final = tuple(f"addresses.values:{name}" for name in ("root", "rdas", "sda", "epoch_key", "label"))
_OPENERS: Final = ("addresses.schedule:KeySchedule.open_outer", "addresses.schedule:KeySchedule.open_inner")
_LABELS: Final = ("addresses.label:open_labelled", "addresses.label:LabelTable.resolve")
_ADDRESSES: Final = ("addresses.two_layer:open_address", "addresses.two_layer:TwoLayerTable.resolve")
_CONTENTS: Final = ("content:decode_content", "content:Attachment.from_wire", "routing:Routes.offers", "export:export")
_MANAGER: Final = ("relationship_manager:RelationshipManager.receive", "resynchronisation:Resynchronisation.read_old")

TARGETS: Final = (
    Target("cbor", lambda data: wire.encode(wire.decode(data, _LIMIT)), (*_WIRE, *_READERS), _v(*_ALL)),
    Target("sequence", _sequence, ("wire:sequence",), _v("entry.leaf=leaf", "proof.check=identity")),
    Target("body", _body, _BODIES, _v("body.decode.body", "body.encode=body")),
    Target("received", _received, _MANAGER, _v("body.decode.body"), refusal=PeerError),
    Target(
        "set",
        lambda data: address_set.encode_set(address_set.decode_set(data)),
        ("address_set:decode_set", *_SETS),
        lambda: (address_set.encode_set(s) for s in _sets()),
    ),
    Target(
        "config",
        lambda data: ServiceConfig.decode(data).encode(),
        ("addresses.config:ServiceConfig.decode",),
        _v("config.decode.config"),
    ),
    Target(
        "generations",
        _generations,
        ("addresses.config:read_generations", "addresses.config:Generation.from_wire"),
        lambda: (wire.encode([g.to_wire() for g in seeds.schedule().config().outer]),),
    ),
    Target(
        "request", _request, ("envelope:decode_request",), _v("envelope.resolve.envelope", "envelope.seal=envelope")
    ),
    Target("accept", _accepted, _ACCEPTING, _v("envelope.resolve.envelope")),
    Target(
        "delivery",
        lambda data: envelope.Delivery.decode(data).encode(),
        ("envelope:Delivery.decode",),
        _v("delivery.decode.delivery"),
    ),
    Target("content", _content, _CONTENTS, _v("content.decode.content", "content.encode=content")),
    Target(
        "profile",
        lambda data: content.encode_profile(content.decode_profile(data)),
        ("content:decode_profile",),
        _v("content.decode=data"),
    ),
    Target("identity", _identity, ("keys:IdentityKey.from_bytes",), _v("identity.fingerprint.own"), Form.RAW),
    Target("package", _package, ("keys:KeyPackage.decode",), _v("package.decode.package")),
    Target(
        "package-signed",
        _signed_package,
        ("ratchet:start_initiator", "agreement:seal_opening"),
        _v("package.decode.package"),
    ),
    Target("opening", _opening, ("agreement:Opening.from_bytes",), lambda: (_an_opening(),), Form.RAW),
    Target("hybrid-key", _hybrid_key, ("xwing:check_public",), lambda: (_HYBRID.public,), Form.RAW),
    Target(
        "hybrid-sealed",
        _hybrid_sealed,
        ("xwing:open_sealed",),
        lambda: (xwing.seal(_HYBRID.public, b"fuzz", b"text", ENTROPY, "fuzz.seal"),),
        Form.RAW,
    ),
    Target("refusal", _refusal, ("client.courier:class_of",), _examples(b'{"class": "replayed"}', b"[]"), Form.RAW),
    Target("first", _first, ("session:accept",), _v("session.accept.ciphertext"), Form.RAW),
    Target("first-sealed", _first_sealed, ("agreement:open_opening",), lambda: (_an_opening(),), Form.RAW),
    Target("restart", _restarted, ("session:accept_restart",), _examples(bytes(32), b"\x09" * 32), Form.RAW),
    Target("again", _begun_again, ("session:accept_anew",), _examples(bytes(32), b"\x09" * 32), Form.RAW),
    Target("message", _opened, ("session:open_message",), _v("session.open.ciphertext"), Form.RAW),
    Target("padding", _padded, ("session:open_message",), _examples(b"\0\4text", b"\x0a\xff"), Form.RAW),
    Target("ratchet", _ratcheted, ("ratchet:decrypt",), _v("ratchet.decrypt.message"), Form.RAW),
    Target(
        "header",
        _header,
        ("ratchet:decrypt",),
        _examples(b"\0" + b"\x09" * 32 + _MESSAGE, b"\1" + b"\x09" * 32 + bytes(7) + b"\xff"),
        Form.RAW,
    ),
    Target("knock", _knock, ("doors:Doors.knock",), _v("session.accept.ciphertext"), Form.RAW),
    Target("address", _sealed, (*_OPENERS, *_LABELS, *_ADDRESSES), _v("address.resolve.address"), Form.RAW),
    Target("address-outer", _outer, ("addresses.two_layer:open_address",), _v("address.issue=addresses"), Form.RAW),
    Target(
        "address-inner",
        _inner,
        ("addresses.two_layer:TwoLayerTable.resolve",),
        _examples(_ROOT + bytes(4) + b"\xff" * 4, _ROOT + b"\xff" * 8),
        Form.RAW,
    ),
    Target("address-label", _labelled, ("addresses.label:open_labelled",), _examples(bytes(16), bytes(40)), Form.RAW),
    Target("values", _values, (*_VALUES, "hpke:public_key"), _examples(bytes(16), bytes(32)), Form.RAW),
    Target("chunk", _chunk, ("attachment:decrypt",), _examples(bytes(7) + b"\4text", bytes(8)), Form.RAW),
    Target("pieces", _pieces, ("attachment:decrypt",), _v("attachment.encrypt.file"), Form.RAW),
    Target(
        "sealed",
        lambda data: _sealed_box(data),
        ("hpke:open_sealed", "hpke:open_by_hand"),
        _v("hpke.open.sealed", "hpke.seal=sealed"),
        Form.RAW,
    ),
)


def _sealed_box(data: bytes) -> None:
    """Open by the library and by hand: both take a box, or both refuse it."""
    key, found = seeds.package().prekey.private_key(), []
    for opened in (hpke.open_sealed, hpke.open_by_hand):
        try:
            found.append(opened(key, b"", data))
        except PeerError:
            found.append(b"refused")
    if found[0] != found[1]:
        raise Find("the library and the code beside it differ")


def _an_opening() -> bytes:
    peer = seeds.identity("peer").public
    return seeds.package().package.identifier() + peer.to_bytes() + hpke.derive_key_pair(b"\x0b" * 32).public


def _sets() -> Iterable[address_set.WireSet]:
    for profile in (Profile.LABEL, Profile.TWO_LAYER):
        people = seeds.town(profile)
        for p in range(2):
            held = people.people[p].peer_set(p)
            if held is not None:
                yield held
