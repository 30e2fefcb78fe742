"""The JSON form of every argument and every result: one table, from which answers are judged and the schema is made.

Theory. An adapter fails first on form: a number where a handle stands, bytes in base64, a field left out. So what a
name means in the line protocol is said once, as a type; `msgspec` holds an answer against it and names the place that
does not fit, and writes the same types down as JSON Schema for people who use another language.

A name has one form wherever it stands; where that is not so, the operation says `name=form`. `?` behind a form says
that there may be null.

Rules:

1. Questions always have their form: what is wrong in a vector is wrong in bytes and in values, and never in JSON.
2. Bytes of a question have any length, because that may be what is wrong with them.
3. An answer may have more fields than are named; nobody looks at them. A question has no more.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from communicator_spec.errors import ErrorClass

__all__ = ["FORMS", "Bytes", "Event", "Form", "form_of", "sized", "structure", "unfit"]

Form = Any
"""A type, as `msgspec` reads it."""

Bytes = Annotated[str, Meta(pattern=r"^([0-9a-f]{2})*$(?!\n)", description="bytes, as hex in lower case")]
Number = Annotated[int, Meta(ge=0, extra_json_schema={"maximum": (1 << 64) - 1})]
Text = Annotated[str, Meta()]
Handle = Annotated[str, Meta(description="a handle, text of the testee's choice")]
Range = tuple[Number, Number]
Received = tuple[Number, list[Range]]
Location = tuple[Text, Bytes, Bytes, Number]


class _Answered(msgspec.Struct, frozen=True):
    pass


class _Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class Generation(_Asked, frozen=True):
    """A pair of keys of a receiving service."""

    number: Number
    secret: Bytes
    public: Bytes
    from_s: Number
    until_s: Number


class File(_Answered, frozen=True):
    """What a content says of a file."""

    length: Number
    locations: list[Location]
    type: Text
    name: Text | None


class Register(_Answered, frozen=True, tag_field="op", tag="register"):
    """A device asks its receiving service to register a root."""

    uri: Text
    root: Bytes
    verify_key: Bytes | UnsetType | None = UNSET


class Issue(_Answered, frozen=True, tag_field="op", tag="issue"):
    """A device asks its receiving service to register an epoch."""

    uri: Text
    root: Bytes
    epoch: Number
    key: Bytes
    valid_until_s: Number
    capacity: Number
    lanes: Number


class Revoke(_Answered, frozen=True, tag_field="op", tag="revoke"):
    """A device asks its receiving service to end a root, or one epoch of it."""

    uri: Text
    root: Bytes
    epoch: Number | UnsetType | None = UNSET


class Transmission(_Answered, frozen=True):
    """What a device hands over to a sending service."""

    via: Text
    uri: Text
    submission: Bytes
    reference: int | Text


class Attempt(_Answered, frozen=True):
    """What a sending service tries to hand over now."""

    ticket: Text
    uri: Text
    request: Bytes


class Message(_Answered, frozen=True):
    """A message for the application."""

    number: Number
    content: Bytes


class Loss(_Answered, frozen=True):
    """What an end knows to be lost."""

    own: Number
    peer: Number
    numbers: list[Range]


class Event(_Answered, frozen=True):
    """What a role reports: its kind, and columns of the common log."""

    kind: Text


FORMS: Final[dict[str, Form]] = {
    "bytes": Bytes,
    "number": Number,
    "text": Text,
    "handle": Handle,
    "flag": bool,
    "class": ErrorClass,
    "reference": int | Text,
    "byte strings": list[Bytes],
    "numbers": list[Number],
    "texts": list[Text],
    "received": Received,
    "generations": list[Generation],
    "files": list[File],
    "requests": list[Register | Issue | Revoke],
    "transmissions": list[Transmission],
    "attempts": list[Attempt],
    "messages": list[Message],
    "losses": list[Loss],
    "grants": list[tuple[Text, Number, bool, Number | None, Number]],
    "counts": list[tuple[Text, Number]],
    "dates": list[tuple[Text, Number | None]],
    "places": list[tuple[Text, Number, Number]],
    "outbox": list[tuple[Number, Number | None, Number | None, Number, Text | None]],
    "terms": dict[str, Number | bool],
}

_PATTERN: Final = re.compile(r"`str` matching regex '.*?'(?= - at |$)")
_NAMES: Final = {
    "bytes": "address agreement_secret answer associated before before_seed blind body challenge ciphertext config"
    " contact content data delivery digest document entry envelope file file_hash greeting hash head"
    " header_initiator header_responder identifier identity info key label leaf message new nonce old own"
    " p package peer peer_key plaintext prekey_secret proof public_key q request restart_key root salt sealed secret"
    " secret_key seed shared signing_seed submission token tree verify_key",
    "number": "announce_s automated capacity confirmed count credit delay_mean_s epoch first floor"
    " held_version holds index kind lane lanes last length made_s newest_s next next_number not_after_s"
    " notice_attempts number position previous relationship revision sent sequence serial size suite"
    " valid_until_s version",
    "number?": "deadline_s next_s notice_due receipt_due renew_at request_due update_due",
    "text": "issuer name origin profile state ticket type uri",
    "handle": "handle pending person ratchet receiver sender service session snapshot",
    "flag": "answered ended leave left notice released synchronised tell unreachable",
    "class": "refusal",
    "reference": "reference",
    "byte strings": "addresses chunks deliveries empty leaves path plaintexts",
    "numbers": "beyond confirm delays kept numbers waiting",
    "texts": "groups receiving senders sending services silent silent_receiving silent_sending",
    "received": "received seen",
    "generations": "inner outer",
    "files": "attachments",
    "requests": "requests",
    "transmissions": "transmissions",
    "attempts": "attempts",
    "messages": "messages",
    "losses": "losses",
    "text?": "receipt_from",
    "grants": "held mine",
    "counts": "moved serials turns",
    "dates": "last_until release_due suspects",
    "places": "spent used",
    "outbox": "outbox",
    "terms": "terms",
}
_OF: Final = {name: form for form, names in _NAMES.items() for name in names.split()}


def form_of(name: str, said: str = "") -> Form:
    """Return the form of a name, or the one that an operation says; a name without any raises `KeyError`."""
    word = said or _OF[name]
    return FORMS[word.removesuffix("?")] | None if word.endswith("?") else FORMS[word]


def sized(form: Form, size: int) -> Form:
    """Return the form of bytes, or of a list of them, that are `size` bytes long."""
    exact = Annotated[Bytes, Meta(min_length=2 * size, max_length=2 * size)]
    return list[exact] if form == FORMS["byte strings"] else exact


def structure(name: str, fields: Mapping[str, Form], optional: Mapping[str, Form], *, exact: bool) -> type:
    """Return the form of an object: its fields, those that may be missing, and whether there may be no others."""
    rows = [(field, form) for field, form in fields.items()]
    more = [(field, form | UnsetType, UNSET) for field, form in optional.items()]
    return msgspec.defstruct(name, [*rows, *more], frozen=True, kw_only=True, forbid_unknown_fields=exact)


def unfit(form: Form, value: object) -> str | None:
    """Return which place of a value does not fit its form, and why; None if it fits."""
    try:
        msgspec.convert(value, form)
    except msgspec.ValidationError as error:
        return _PATTERN.sub("bytes as hex in lower case", str(error))
    return None
