"""Cases of limits that no field of the wire schema states: the largest numbers, and the fullest messages.

Theory. A limit is tested by two inputs that differ by one: the last that is taken and the first that is not. Limits of
fields are in `field_cases`, those of chapters with their areas; here are the rest. A test holds the table of parameters
against all of them.
"""

import json

from communicator_impl import wire
from communicator_impl.addresses import KeySchedule, Profile
from communicator_impl.vectors.address_cases import DAY, HOUR, OUTER, URI, generation, keys, load, register
from communicator_impl.vectors.directory_cases import BLAIR, LOG, contact_of
from communicator_impl.vectors.document_cases import ORIGIN, SHOWN
from communicator_impl.vectors.forms import encode
from communicator_impl.vectors.label_cases import register_epoch
from communicator_impl.vectors.ratchet_cases import decrypting, responding, shortest
from communicator_impl.vectors.session_cases import ROOM, conversing, dated
from communicator_impl.vectors.story import NOW, Case, Step, named_bytes
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = ["limit_cases"]

_A, _S = PARAMETERS.address, PARAMETERS.session
_LIMIT, _LARGE, _MALFORMED = ErrorClass.LIMIT, ErrorClass.TOO_LARGE, ErrorClass.MALFORMED


def limit_cases() -> list[Case]:
    """Return the cases of all these limits, each at it and one beyond."""
    return [*_number_cases(), *_registration_cases(), *_session_cases(), *_size_cases()]


def _pair(
    case: str, title: str, clause: str, refusal: ErrorClass, good: tuple[Step, ...], **beyond: object
) -> list[Case]:
    """Return the case at a limit, and that whose last step has other arguments."""
    at = Case(f"limit/{case}", f"{title}, at the limit", (clause,), good)
    wrong = at.refused(f"{case}-beyond", f"{title}, one beyond the limit", (clause,), refusal)
    return [at, wrong.changed(good[-1].name, None, **beyond)]


def _number_cases() -> list[Case]:
    config, late = keys().config().encode(), NOW + _A.lifetime_long_term_s_max + HOUR
    owner = {"root": named_bytes("root", 16), "signing_seed": named_bytes("signing"), "config": config}
    issue = Step("issue", "address.issue", {**owner, "first": _A.index_max, "count": 1, "valid_until_s": NOW + DAY})
    grant = {"secret": named_bytes("label secret"), "epoch": _A.epoch_max, "valid_until_s": late - HOUR}
    place = {"key": named_bytes("epoch key"), "lane": _A.lane_max, "index": _A.index_max}
    made, derived = Step("grant", "label.grant", grant), Step("derive", "label.derive", place)
    return [
        *_pair("issue-index", "the largest index", "ADDR-34", _LIMIT, (issue,), first=_A.index_max + 1),
        *_pair("grant-epoch", "the largest epoch", "ADDR-34", _LIMIT, (made,), epoch=_A.epoch_max + 1),
        *_pair("derive-index", "the largest index", "ADDR-34", _LIMIT, (derived,), index=_A.index_max + 1),
        *_pair("derive-lane", "the largest lane", "ADDR-34", _LIMIT, (derived,), lane=_A.lane_max + 1),
        *_pair(
            "grant-lifetime", "an epoch of 396 days", "ADDR-29", _LIMIT, (made,), valid_until_s=NOW + 396 * DAY + HOUR
        ),
    ]


def _registration_cases() -> list[Case]:
    root = named_bytes("root", 16)
    lanes = register_epoch(lanes=_A.lane_max, capacity=1)
    epoch = register_epoch(epoch=_A.epoch_max, key=named_bytes("epoch key"))
    full = KeySchedule(URI, tuple(Profile), (OUTER,), (generation("inner of limits", 2),))
    return [
        *_pair("root-bytes", "a root of 16 bytes", "ADDR-15", _MALFORMED, (load(full), register()), root=root + b"\0"),
        *_pair("register-lanes", "65,535 lanes", "ADDR-33", _LIMIT, (load(), lanes), lanes=_A.lane_max + 1),
        *_pair("register-epoch", "the largest epoch", "ADDR-34", _LIMIT, (load(), epoch), epoch=_A.epoch_max + 1),
    ]


def _session_cases() -> list[Case]:
    longest, longer = dated(_S.package_lifetime_s_max), dated(_S.package_lifetime_s_max + 1)
    decode = Step("decode", "package.decode", {"package": longest})
    room = ROOM + _S.opening_sealed_bytes
    talk = conversing(bytes(room))
    message = shortest()
    return [
        *_pair("package-lifetime", "a package of 396 days", "SES-22", _MALFORMED, (decode,), package=longer),
        *_pair("room", "the fullest message after an answer", "ENV-11", _LARGE, talk, body=bytes(room + 1)),
        *_pair("ratchet-empty", "a message without a byte in it", "SES-12", _MALFORMED,
               (responding(), decrypting(message)), message=message[:-1]),
    ]  # fmt: skip


def _size_cases() -> list[Case]:
    most = PARAMETERS.envelope.request_bytes_max
    fields = {0: 1, 1: "https://" + ".".join(["a" * 59, "b" * 60]), 2: bytes(most), 3: 1 << 40, 4: 3600}
    submitted = Step("decode", "submission.decode", {"submission": encode(fields)})
    assert len(encode(fields)) == PARAMETERS.service.submission_bytes_max
    document = json.dumps(SHOWN).encode().ljust(PARAMETERS.service.document_bytes_max)
    published = Step("decode", "document.decode", {"document": document, "origin": ORIGIN})
    contact = Step("decode", "contact.decode", {"contact": _contact(0), "entry": LOG[1].encode()})
    return [
        *_pair("submission-bytes", "the longest submission", "ENV-2", _LARGE, (submitted,),
               submission=encode({**fields, 2: bytes(most + 1)})),
        *_pair("document-bytes", "a document of 65,536 bytes", "SVC-21", _LARGE, (published,),
               document=document + b" "),
        *_pair("contact-bytes", "a contact of 2,900 bytes", "DIR-20", _LARGE, (contact,), contact=_contact(1)),
    ]  # fmt: skip


def _contact(beyond: int) -> bytes:
    """Return a contact that is as long as it may be, or longer by some bytes: the URIs of its services fill it up."""
    value = wire.decode(contact_of(BLAIR).encode(), PARAMETERS.directory.contact_bytes_max)
    assert isinstance(value, dict)
    long = [f"https://{'a' * 54}.{'b' * 50}.example{i}" for i in range(7)]
    entries = [_entry(uri, 2 + (i < 5)) for i, uri in enumerate(long)]
    short = PARAMETERS.directory.contact_bytes_max + beyond - len(encode(_with(value, entries, "c")))
    return encode(_with(value, entries, "c" * (1 + short)))


def _entry(uri: str, grants: int) -> dict[object, object]:
    grant = {1: True, 2: NOW + 30 * DAY, 3: 64, 4: named_bytes("granted key")}
    keys_there = {0: 1, 1: [OUTER.public.to_wire()]}
    return {0: uri, 1: 2, 2: keys_there, 3: [{0: serial, **grant} for serial in range(grants)]}


def _with(contact: dict[object, object], entries: list[dict[object, object]], host: str) -> dict[object, object]:
    """Return a contact with a set of these services, and one whose name begins so."""
    return {**contact, 2: {0: 1, 1: [*entries, _entry(f"https://receiving.{host}.example", 6)]}}
