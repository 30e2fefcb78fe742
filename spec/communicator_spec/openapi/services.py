"""Receiving, sending and directory services, endpoint by endpoint, in the order of chapter 8."""

from communicator_spec.errors import ErrorClass
from communicator_spec.examples import DIRECTORY, RECEIVING, SENDING
from communicator_spec.openapi.parts import (
    CBOR,
    CBOR_SEQUENCE,
    JSON,
    OCTETS,
    Json,
    binary,
    date,
    document_path,
    empty,
    interface,
    linked,
    octets,
    operation,
    query,
    record,
    reply,
    uint,
    uri,
)
from communicator_spec.origin import ORIGIN_PATTERN
from communicator_spec.parameters import PARAMETERS

__all__ = ["directory", "receiving", "sending"]

_P = PARAMETERS
_A, _D, _E, _F, _T, _V = _P.address, _P.directory, _P.envelope, _P.attachment, _P.token, _P.service
_E_ = ErrorClass
_CONTROL = (_E_.MALFORMED, _E_.FORGED, _E_.REFUSED, _E_.TOO_LARGE, _E_.LIMIT)
_PAID = (*_CONTROL, _E_.REPLAYED)
_FILE_MAX = _F.chunk_bytes * _F.chunks_max
_TOKENS = {"type": "object", "additionalProperties": {"type": "array", "items": uri()}}
_SUITE = {"const": _P.suite.number}


def _wait() -> Json:
    return query("wait", uint(_V.long_poll_s_max))


# -------------------------------------------------------------------- receiving service


def receiving() -> Json:
    """Return the interface of a receiving service (8.2)."""
    paths = {
        **document_path({"receiving": _receiving_member()}),
        "/v1/accept": {"post": _accept()},
        "/v1/roots": {"post": _roots()},
        "/v1/epochs": {"post": _epochs()},
        "/v1/revoke": {"post": _revoke()},
        "/v1/latency": {"post": _latency()},
        "/v1/messages": {"get": _messages()},
        "/v1/confirm": {"post": _confirm()},
        "/v1/notify": {"get": _notify()},
        "/v1/fetch": {"post": _fetch()},
    }
    return interface("Receiving service", "Takes messages from anyone, for whoever owns the root.", paths, RECEIVING)


def _receiving_member() -> Json:
    generation = record(
        {
            **{"generation": uint(_A.generation_max), "key": octets(_P.suite.public_key_bytes, "outer")},
            **{"not_before": date(), "not_after": date()},
        }
    )
    keys = {"type": "array", "items": generation, "maxItems": _A.generations_max}
    profiles = {"type": "array", "items": uint(_A.label_profile, _A.two_layer_profile), "uniqueItems": True}
    latency = {"type": "array", "items": _latency_class(), "uniqueItems": True}
    return record(
        {
            **{"uri": uri(), "suite": _SUITE, "profiles": profiles, "outer": keys, "inner": keys},
            **{"request_bytes_max": uint(_E.request_bytes_max)},
            **{"ciphertext_classes_bytes": {"type": "array", "items": uint()}},
            **{"latency": latency, "proxy": {"type": "boolean"}, "tokens": _TOKENS},
        },
        strict=False,
    )


def _accept() -> Json:
    body = (CBOR, binary("request", _E.request_bytes_max, "two-layer-request"))
    taken = (202, reply("Taken: the bytes, whatever they are.", revision=False))
    return operation(
        "accept",
        "Take one request from a stranger; the answer depends on its outer form only.",
        taken,
        (_E_.MALFORMED, _E_.TOO_LARGE, _E_.LIMIT),
        body=body,
        clauses=("ENV-8", "ENV-12", "RECV-1", "RECV-3"),
    )


def _roots() -> Json:
    keys = {"access_key": octets(_V.access_key_bytes, "access key")}
    members = {"root": octets(_A.root_bytes, "root"), "profile": uint(_A.label_profile, _A.two_layer_profile), **keys}
    verify_key = {"verify_key": octets(_P.suite.public_key_bytes, "verify key")}
    return operation(
        "registerRoot",
        "Register a root; in two-layer/1 with the key that verifies its addresses.",
        (204, empty("Registered, now or before.")),
        _PAID,
        authority="token",
        body=(JSON, record(members, verify_key)),
        clauses=("RECV-5", "RECV-6"),
    )


def _epochs() -> Json:
    members = {
        **{"epoch": uint(_A.epoch_max), "key": octets(_A.epoch_key_bytes, "epoch key")},
        **{"valid_until": date(multiple_of_s=_A.date_granularity_s), "capacity": uint(_A.grant_capacity_max, 1)},
    }
    return operation(
        "registerEpoch",
        "Register an epoch of label/1: its labels resolve from now on.",
        (204, empty("Registered, now or before.")),
        _CONTROL,
        authority="key",
        body=(JSON, record(members, {"lanes": uint(_A.lane_max, 1)})),
        clauses=("RECV-6", "RECV-7"),
    )


def _revoke() -> Json:
    return operation(
        "revoke",
        "Forget an epoch, or without one the root and all that is stored for it.",
        (204, empty("There is nothing any more.")),
        (_E_.MALFORMED, _E_.TOO_LARGE, _E_.LIMIT),
        authority="key",
        body=(JSON, record({}, {"epoch": uint(_A.epoch_max)})),
        clauses=("ADDR-24", "RECV-8", "SVC-12"),
    )


def _latency_class() -> Json:
    return {"enum": ["immediate", "batched", "pull"]}


def _latency() -> Json:
    return operation(
        "setLatency",
        "Choose how soon a device learns of messages to the root, or to one epoch.",
        (204, empty("From now on.")),
        (_E_.MALFORMED, _E_.FORGED, _E_.TOO_LARGE, _E_.LIMIT),
        authority="key",
        body=(JSON, record({"latency": _latency_class()}, {"epoch": uint(_A.epoch_max)})),
        clauses=("RECV-13",),
    )


def _messages() -> Json:
    most = _V.fetch_messages_max * _E.device_bytes_max
    found = reply(
        "What is stored, oldest first; empty if nothing is.", CBOR_SEQUENCE, binary("delivery", most, "delivery")
    )
    return operation(
        "messages",
        "Return what is stored for the root; nothing is deleted.",
        (200, found),
        (_E_.MALFORMED, _E_.FORGED, _E_.LIMIT),
        authority="key",
        parameters=(_wait(),),
        clauses=("DELIV-28", "RECV-11", "SVC-12"),
    )


def _confirm() -> Json:
    numbers = {"type": "array", "items": uint(), "minItems": 1, "maxItems": _V.confirm_numbers_max}
    return operation(
        "confirm",
        "Delete messages that the device holds durably; others are ignored.",
        (204, empty("None of them is stored any more.")),
        (_E_.MALFORMED, _E_.FORGED, _E_.TOO_LARGE, _E_.LIMIT),
        authority="key",
        body=(JSON, record({"numbers": numbers})),
        clauses=("DELIV-26", "SVC-12"),
    )


def _notify() -> Json:
    return operation(
        "notify",
        "Become a WebSocket on which every stored message comes as one binary frame.",
        (101, reply("Switching protocols; one frame is one delivery.", revision=False)),
        (_E_.MALFORMED, _E_.FORGED, _E_.LIMIT),
        authority="key",
        clauses=("RECV-12", "SVC-12"),
    )


def _fetch() -> Json:
    found = reply("The ciphertext.", OCTETS, {"type": "string", "format": "binary", "maxLength": _FILE_MAX})
    place = {"type": "string", "format": "uri", "pattern": "^https://", "maxLength": 1024}
    return operation(
        "fetchAttachment",
        "Fetch an attachment in the device's place.",
        (200, found),
        (*_PAID, _E_.UNKNOWN),
        authority="token",
        body=(JSON, record({"uri": place})),
        clauses=("RECV-14", "RECV-15", "RECV-16", "RECV-17"),
    )


# -------------------------------------------------------------------- sending service


def sending() -> Json:
    """Return the interface of a sending service (8.3)."""
    member = record(
        {
            **{"uri": uri(), "request_bytes_max": uint(_E.request_bytes_max)},
            **{"delay_mean_s": {"type": "array", "items": uint(_V.delay_mean_s_max)}},
            **{"queue_lifetime_s": uint(_P.delivery.queue_lifetime_s)},
            **{"upload": {"type": "object", "additionalProperties": uint(least=1)}, "tokens": _TOKENS},
        },
        strict=False,
    )
    paths = {
        **document_path({"sending": member}),
        "/v1/submit": {"post": _submit()},
        "/v1/submissions/{ticket}": {"get": _submission()},
        "/v1/state": {"get": _state()},
        "/v1/attachments": {"post": _upload()},
        "/v1/attachments/{id}": {"get": _download(), "delete": _delete()},
    }
    return interface("Sending service", "Brings sealed requests to receiving services.", paths, SENDING)


def _submit() -> Json:
    ticket = record({"ticket": octets(_V.ticket_bytes, "ticket")})
    asks = {"ticket": "$response.body#/ticket"}
    return operation(
        "submit",
        "Take one request for a receiving service; a repetition gets the same ticket.",
        (202, linked(reply("Kept until it was taken or its time has come.", JSON, ticket), submission=asks)),
        (*_PAID, _E_.EXPIRED),
        authority="token",
        body=(CBOR, binary("submission", _V.submission_bytes_max, "submission")),
        clauses=("DELIV-21", "DELIV-25", "SEND-1", "SEND-2", "SEND-4", "SEND-5", "SEND-6"),
    )


def _submission() -> Json:
    states = {"enum": ["queued", "forwarded", "refused", "expired"]}
    found = record({"state": states, "unreachable": {"type": "boolean"}})
    return operation(
        "submission",
        "Say what became of a submission; of one that is not known, that it expired.",
        (200, reply("Its state.", JSON, found)),
        (_E_.MALFORMED, _E_.LIMIT),
        parameters=(query("ticket", octets(_V.ticket_bytes, "ticket"), place="path"), _wait()),
        clauses=("DELIV-24", "SEND-13"),
    )


def _state() -> Json:
    level = {"enum": ["open", "busy", "closed"]}
    found = record({"submit": level, "upload": level, "retry_after_s": uint()})
    return operation(
        "state", "Say what the service can take now.", (200, reply("Its state.", JSON, found)), (_E_.LIMIT,)
    )


def _identifier() -> Json:
    what = "the end of the URI of an upload; any other text is the id of one that is not there"
    return query("id", {"type": "string", "minLength": 1, "description": what}, place="path")


def _upload() -> Json:
    lifetime = query("lifetime", uint(_F.lifetime_s_max, _F.lifetime_s_min), required=True)
    more = {"type": "string", "description": "further tokens, at most seven, separated by commas (ATT-9)"}
    place = {"type": "string", "pattern": ORIGIN_PATTERN.removesuffix("$") + "/v1/attachments/[A-Za-z0-9_-]{22,86}$"}
    stored = record({"uri": place, "valid_until": date(), "delete_key": octets(_V.access_key_bytes, "delete key")})
    return operation(
        "upload",
        "Store a ciphertext; its length is a power of two times the chunk.",
        (201, reply("Stored.", JSON, stored)),
        _PAID,
        authority="token",
        body=(OCTETS, {"type": "string", "format": "binary", "maxLength": _FILE_MAX}),
        parameters=(lifetime, query("Communicator-Tokens", more, place="header")),
        clauses=("ATT-5", "ATT-6", "ATT-7"),
    )


def _download() -> Json:
    found = reply(
        "The ciphertext.", OCTETS, {"type": "string", "format": "binary", "maxLength": _FILE_MAX}, revision=False
    )
    refusals = (_E_.UNKNOWN, _E_.LIMIT)
    return operation(
        "download", "Return a ciphertext.", (200, found), refusals, parameters=(_identifier(),), clauses=("ATT-8",)
    )


def _delete() -> Json:
    return operation(
        "deleteUpload",
        "Delete an upload.",
        (204, empty("It is not there any more.")),
        (_E_.MALFORMED, _E_.LIMIT),
        authority="key",
        parameters=(_identifier(),),
        clauses=("SVC-12",),
    )


# -------------------------------------------------------------------- directory service


def directory() -> Json:
    """Return the interface of a directory service (8.4)."""
    member = record(
        {
            **{"uri": uri(), "mode": {"enum": ["brokered", "attesting"]}, "namespace": {"type": "string"}},
            **{"key": octets(_P.suite.public_key_bytes, "head key"), "tokens": _TOKENS},
        },
        strict=False,
    )
    paths = {
        **document_path({"directory": member}),
        "/v1/names/{name}": {"put": _register(), "get": _lookup()},
        "/v1/names/{name}/stock": {"get": _stock()},
        "/v1/names/{name}/contacts": {"post": _deposit()},
        "/v1/names/{name}/contact": {"post": _contact()},
        "/v1/log/head": {"get": _head()},
        "/v1/log/leaves": {"get": _leaves()},
        "/v1/log/consistency": {"get": _consistency()},
    }
    return interface(
        "Directory service", "Answers for names, and proves that everybody gets one answer.", paths, DIRECTORY
    )


def _name() -> Json:
    return query("name", {"type": "string", "minLength": 1, "maxLength": _D.name_bytes_max}, place="path")


def _proof() -> Json:
    most = _D.entry_bytes_max * 2 + _D.proof_hashes_max * 34
    return reply("The entry, with the proof that it is in the log.", CBOR, binary("directory-proof", most, "proof"))


def _register() -> Json:
    named = {"name": "$request.path.name"}
    return operation(
        "register",
        "Register the identity of a name, or replace it.",
        (200, linked(_proof(), lookup=named, stock=named)),
        _CONTROL,
        authority="key",
        body=(CBOR, binary("directory-entry", _D.entry_bytes_max, "entry")),
        parameters=(_name(),),
        clauses=("DIR-1", "DIR-2", "DIR-13", "DIR-20", "DIR-21"),
    )


def _lookup() -> Json:
    return operation(
        "lookup",
        "Return the identity of a name.",
        (200, _proof()),
        (*_PAID, _E_.UNKNOWN),
        authority="token",
        parameters=(_name(),),
        clauses=("DIR-13",),
    )


def _count() -> Json:
    return reply("How many there are.", JSON, record({"contacts": uint(_D.contacts_stored_max)}))


def _stock() -> Json:
    return operation(
        "stock",
        "Count the contacts.",
        (200, _count()),
        _CONTROL,
        authority="key",
        parameters=(_name(),),
        clauses=("DIR-8",),
    )


def _deposit() -> Json:
    body = binary("contact", _D.contact_bytes_max * _D.contacts_upload_max, "contact")
    return operation(
        "deposit",
        "Add contacts, each for one stranger.",
        (200, _count()),
        (*_CONTROL, _E_.EXPIRED),
        authority="key",
        body=(CBOR_SEQUENCE, body),
        parameters=(_name(),),
        clauses=("DIR-6", "DIR-8", "DIR-20"),
    )


def _contact() -> Json:
    found = reply("One contact; nobody else gets it.", CBOR, binary("contact", _D.contact_bytes_max, "contact"))
    return operation(
        "contact",
        "Ask for what is needed to write a first message.",
        (200, found),
        _PAID,
        authority="token",
        parameters=(_name(),),
        clauses=("DIR-5", "DIR-9", "DIR-10"),
    )


def _head() -> Json:
    found = reply("The newest head.", CBOR, binary("log-head", _D.entry_bytes_max, "head"))
    return operation(
        "head", "Return the signed head of the log.", (200, found), (_E_.LIMIT,), clauses=("DIR-16", "DIR-18")
    )


def _leaves() -> Json:
    found = reply("Leaves in order.", CBOR_SEQUENCE, binary("log-leaf", _D.leaves_max * 80, "leaf"))
    return operation(
        "leaves",
        "Return the leaves from the first index up to, not including, the second.",
        (200, found),
        (_E_.MALFORMED, _E_.LIMIT),
        parameters=(query("from", uint(), required=True), query("to", uint(), required=True)),
        clauses=("DIR-12", "DIR-17"),
    )


def _consistency() -> Json:
    found = reply("The consistency path.", CBOR, binary("log-path", 2 + _D.proof_hashes_max * 34))
    return operation(
        "consistency",
        "Prove that one tree is the beginning of another.",
        (200, found),
        (_E_.MALFORMED, _E_.UNKNOWN, _E_.LIMIT),
        parameters=(query("first", uint(least=1), required=True), query("second", uint(least=1), required=True)),
        clauses=("DIR-12", "DIR-15"),
    )


# -------------------------------------------------------------------- authorization service
