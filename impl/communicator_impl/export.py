"""What a person takes along to another relationship manager: messages, and never a key (chapter 12.3).

Theory. Messages belong to the person; keys belong to a device, and whoever can export them can be talked into it. So
an export is made from messages alone: no Particle comes near it. What a message says of an attachment holds the key and
the place of an upload, so the export names the file, carries its bytes if the device has them, and leaves key and place
behind. It is JSON that any program can read, with the members that chapter 12 lists.

Rules:

1. The same messages give the same bytes, in whatever order they come: by date, then direction, then number.
2. A content that cannot be read is exported as it came (PORT-6): it is all that the person has of it.
3. Nothing outside this module decides what is left out.
"""

import base64
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec

from communicator_impl.content import Attachment, Profile, Told, decode_content, decode_profile, latest
from communicator_impl.errors import InputError, PeerError
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["FORMAT", "Fetch", "Kept", "Relationship", "export"]

FORMAT: Final = "communicator export"
_VERSION: Final = 1
_C: Final = PARAMETERS.content
_DATE_MAX: Final = 253_402_300_799  # the last second of the year 9999


class Kept(NamedTuple):
    """One message as the relationship manager keeps it; `date_s` is when it was written or arrived."""

    sent: bool
    number: int
    date_s: int
    content: bytes


class Relationship(NamedTuple):
    """All messages that are left of one relationship; `ended` if it has ended."""

    messages: tuple[Kept, ...]
    ended: bool = False


Fetch = Callable[[Attachment], bytes | None]
"""The bytes of a file, if the device has them."""

Json = dict[str, object]


def export(relationships: Iterable[Relationship], fetched: Fetch = lambda _: None) -> bytes:
    """Return the file, JSON in UTF-8 (PORT-8); a number that stands twice, or a date beyond the year 9999, raises."""
    rows = [_relationship(relationship, fetched) for relationship in relationships]
    whole = {"format": FORMAT, "version": _VERSION, "relationships": rows}
    return msgspec.json.format(msgspec.json.encode(whole), indent=1) + b"\n"


def _relationship(relationship: Relationship, fetched: Fetch) -> Json:
    messages = sorted(relationship.messages, key=lambda m: (m.date_s, m.sent, m.number))
    names = {(m.sent, m.number) for m in messages}
    if len(names) != len(messages):
        raise InputError(ErrorClass.MALFORMED, "one number for two messages")
    people = {"me": _in_use(messages, sent=True), "peer": _in_use(messages, sent=False)}
    profiles = {name: _profile(told.profile, fetched) for name, told in people.items() if told}
    return {"ended": relationship.ended, **profiles, "messages": [_message(m, fetched) for m in messages]}


def _in_use(messages: Iterable[Kept], *, sent: bool) -> Told | None:
    """Return the profile that counts of one end."""
    held = None
    for message in messages:
        profile = _told(message) if message.sent == sent else None
        if profile is not None:
            held = latest(held, Told(message.number, profile))
    return held


def _told(message: Kept) -> Profile | None:
    try:
        content = decode_content(message.content)
    except PeerError:
        return None
    return decode_profile(content.data) if content.type == _C.profile_type else None


def _message(message: Kept, fetched: Fetch) -> Json:
    """Return direction, number, date, type and content (PORT-6)."""
    head: Json = {"from": "me" if message.sent else "peer", "number": message.number, "date": _date(message.date_s)}
    try:
        content = decode_content(message.content)
    except PeerError:
        return {**head, "unreadable": _base64(message.content)}
    files = [_file(a, fetched) for a in content.attachments]
    return {**head, "type": content.type, **_data(content.type, content.data, fetched), "attachments": files}


def _data(kind: str, data: bytes, fetched: Fetch) -> Json:
    if kind == _C.text_type:
        return {"text": data.decode()}
    if kind == _C.profile_type:  # its bytes hold the key of the picture
        return {"profile": _profile(decode_profile(data), fetched)}
    return {"data": _base64(data)}


def _profile(profile: Profile, fetched: Fetch) -> Json:
    picture = {} if profile.picture is None else {"picture": _file(profile.picture, fetched)}
    pronouns = {} if profile.pronouns is None else {"pronouns": profile.pronouns}
    return {"name": profile.name, **pronouns, **picture}


def _file(attachment: Attachment, fetched: Fetch) -> Json:
    """Return what an export says of a file: no key, no digest, no location (PORT-7)."""
    named = {} if attachment.name is None else {"name": attachment.name}
    data = fetched(attachment)
    inside = {} if data is None else {"data": _base64(data)}
    return {"type": attachment.type, **named, "length": attachment.length, **inside}


def _date(date_s: int) -> str:
    if not 0 <= date_s <= _DATE_MAX:
        raise InputError(ErrorClass.MALFORMED, "date")
    return datetime.fromtimestamp(date_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
