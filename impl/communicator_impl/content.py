"""What a message carries: a type, data, and the attachments beside it (chapters 10.3 and 11).

Theory. New kinds of messages are new types of content, so everybody reads the frame and only applications read the
data. Two types belong to the standard: plain text, and the profile by which a person says who he is in a relationship.
Contents arrive in any order; of two profiles the one with the higher message number counts.

::

    content     {0: 1, 1: type, 2: data, ?3: [attachment …]}
    attachment  {0: length, 1: [[URI, key, digest, valid until] …], 2: type, ?3: name}
    profile     {0: name, ?1: pronouns, ?2: picture}               data of the type of profiles

Rules:

1. `decode_content` accepts exactly what `encode_content` writes, and gives frozen values. Anything else is
   `MALFORMED`, data of the two types of the standard included.
2. A type is compared byte for byte, and never looked into.
3. What a peer sends as a file's name never leads out of a folder: no slash, no backslash, no control character, and
   neither `.` nor `..`.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from communicator_impl import wire
from communicator_impl.errors import InputError, PeerError
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = [
    "Attachment",
    "Content",
    "Location",
    "NameChange",
    "Profile",
    "Told",
    "decode_content",
    "decode_profile",
    "encode_content",
    "encode_profile",
    "latest",
    "name_change",
]

_A, _C = PARAMETERS.attachment, PARAMETERS.content
_BYTES_MAX: Final = PARAMETERS.envelope.device_bytes_max  # no body is longer
_REQUIRED, _OPTIONAL = frozenset({0, 1, 2}), frozenset({3})
_NAMED, _MORE = frozenset({0}), frozenset({1, 2})
_NO_NAMES: Final = frozenset({".", ".."})


class Location(msgspec.Struct, frozen=True):
    """Where one upload of a file is, its key and digest (32 bytes each), and until when it is stored, in seconds."""

    uri: str
    key: bytes
    digest: bytes
    valid_until_s: int


class Attachment(msgspec.Struct, frozen=True):
    """A file beside a message; `length` in bytes."""

    length: int
    locations: tuple[Location, ...]
    type: str
    name: str | None = None

    def to_wire(self) -> dict[int, object]:
        """Return the wire form."""
        where = [[x.uri, x.key, x.digest, x.valid_until_s] for x in self.locations]
        named: dict[int, object] = {} if self.name is None else {3: self.name}
        return {0: self.length, 1: where, 2: self.type, **named}

    @classmethod
    def from_wire(cls, value: object) -> "Attachment":
        """Read the wire form (ATT-18)."""
        f = wire.fields(value, _REQUIRED, _OPTIONAL)
        locations = _some(f[1], _A.locations_max)
        name = _file_name(f[3]) if 3 in f else None
        length = wire.uint(f[0], _A.file_bytes_max)
        return cls(length, tuple(map(_location, locations)), wire.text(f[2], _C.type_bytes_max), name)


class Content(msgspec.Struct, frozen=True):
    """The content of one message."""

    type: str
    data: bytes
    attachments: tuple[Attachment, ...] = ()


class Profile(msgspec.Struct, frozen=True):
    """What a person is called in one relationship."""

    name: str
    pronouns: str | None = None
    picture: Attachment | None = None


class Told(NamedTuple):
    """A profile, and the number of the message that told it."""

    number: int
    profile: Profile


class NameChange(NamedTuple):
    """What the person is shown: the peer, who is the same as before, is called otherwise now (CONT-7)."""

    before: str
    after: str


def encode_content(content: Content) -> bytes:
    """Encode a content; what the schema does not allow raises `InputError`."""
    value: dict[int, object] = {0: _C.version, 1: content.type, 2: content.data}
    if content.attachments:
        value[3] = [a.to_wire() for a in content.attachments]
    return _checked(value, decode_content)


def decode_content(data: bytes) -> Content:
    """Decode a content strictly; `MALFORMED`, or `TOO_LARGE` beyond what any body holds."""
    f = wire.fields(wire.decode(data, _BYTES_MAX), _REQUIRED, _OPTIONAL)
    if wire.uint(f[0]) != _C.version:
        raise wire.wrong("unknown content version")  # ENV-5
    kind, inside = wire.text(f[1], _C.type_bytes_max), wire.octets(f[2])  # CONT-1
    attachments = _some(f[3], _A.per_message_max) if 3 in f else []  # ATT-12
    if kind == _C.text_type:
        _utf8(inside)
    elif kind == _C.profile_type:
        decode_profile(inside)
    return Content(kind, inside, tuple(map(Attachment.from_wire, attachments)))


def encode_profile(profile: Profile) -> bytes:
    """Encode the data of a profile; what the schema does not allow raises `InputError`."""
    value: dict[int, object] = {0: profile.name}
    if profile.pronouns is not None:
        value[1] = profile.pronouns
    if profile.picture is not None:
        value[2] = profile.picture.to_wire()
    return _checked(value, decode_profile)


def decode_profile(data: bytes) -> Profile:
    """Decode the data of a profile strictly."""
    f = wire.fields(wire.decode(data, _BYTES_MAX), _NAMED, _MORE)
    name = wire.text(f[0], _C.profile_name_bytes_max)
    pronouns = wire.text(f[1], _C.profile_pronouns_bytes_max) if 1 in f else None
    return Profile(name, pronouns, Attachment.from_wire(f[2]) if 2 in f else None)


def latest(held: Told | None, told: Told) -> Told:
    """Return the profile that counts, in whatever order they arrive (CONT-6)."""
    return told if held is None or told.number > held.number else held


def name_change(held: Told | None, told: Told) -> NameChange | None:
    """Return what the person is shown when a profile arrives: nothing if the name that counts stays (CONT-7)."""
    now = latest(held, told).profile.name
    return None if held is None or held.profile.name == now else NameChange(held.profile.name, now)


def _checked(value: object, read: Callable[[bytes], object]) -> bytes:
    """Encode and read again: the encoder never writes what a peer would refuse."""
    try:
        data = wire.encode(value)
        read(data)
    except UnicodeEncodeError as error:
        raise InputError(ErrorClass.MALFORMED, "text that is not UTF-8") from error
    except PeerError as error:
        raise InputError(error.error_class, error.detail) from error
    return data


def _location(value: object) -> Location:
    uri, key, digest, until_s = wire.array(value, 4, size=4)
    secret, hashed = wire.octets(key, _A.key_bytes), wire.octets(digest, _A.digest_bytes)
    return Location(wire.text(uri, _A.uri_bytes_max), secret, hashed, wire.uint(until_s))


def _file_name(value: object) -> str:
    name = wire.text(value, _A.name_bytes_max)
    if name in _NO_NAMES or any(c in "/\\" or ord(c) < 0x20 or ord(c) == 0x7F for c in name):
        raise wire.wrong("a file name that is none")
    return name


def _some(value: object, most: int) -> list[object]:
    found = wire.array(value, most)
    if not found:
        raise wire.wrong("an empty array")
    return found


def _utf8(data: bytes) -> None:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise wire.wrong("text that is not UTF-8") from error
