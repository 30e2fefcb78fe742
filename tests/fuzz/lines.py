"""Targets whose bytes come from a testee or a suite: lines of the line protocol, vectors, lists, schemas, tables."""

import io
from collections.abc import Iterable
from functools import cache
from typing import Annotated, Final

import msgspec
from tests.fuzz import seeds
from tests.fuzz.target import Find, Form, Target

from communicator_conformance import expectations, forms, operations, vectors
from communicator_conformance.errors import Garbage, ListError, VectorError
from communicator_conformance.protocol import decode_answer, decode_hello
from communicator_conformance.services import interface
from communicator_conformance.services.outcomes import Failed
from communicator_impl import adapter
from communicator_impl.adapter.lines import serve
from communicator_impl.client import contact_of, link_of
from communicator_impl.client.records import Ticket, packed, unpacked
from communicator_impl.errors import InputError, OwnError
from communicator_spec import schema
from communicator_spec.origin import is_origin

__all__ = ["TARGETS"]

_RULES: Final = ("body", "address-set", "service-config", "two-layer-request", "delivery", "rdas", "wire")


@cache
def _published() -> tuple[vectors.Vector, ...]:
    return tuple(v for name, v in sorted(vectors.published().items()))[::12]


def _vector(data: bytes) -> None:
    read = vectors.parse(data, "body/message")
    if vectors.parse(msgspec.json.encode(read), "body/message") != read:
        raise Find("a vector that is written in another way than it was read")


def _vectors() -> Iterable[bytes]:
    chosen = (v for v in vectors.published().values() if len(v.steps) <= 3)
    for vector in sorted(chosen, key=lambda v: v.id)[::20]:
        yield msgspec.json.encode(msgspec.structs.replace(vector, id="body/message"))


class _Request(msgspec.Struct):
    """What a suite sends; with another frame the adapter ends, as its rule 2 says."""

    id: int
    op: str
    now: Annotated[int, msgspec.Meta(ge=0, lt=1 << 48)] = 0
    entropy: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")] = ""
    args: dict[str, object] = {}


def _line(data: bytes) -> None:
    """Ask the reference adapter one line: one answer in one line, with the id of the request."""
    try:
        asked = msgspec.json.decode(data, type=_Request)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return
    if asked.args.get("count", 0) not in range(100):  # it may be told to lose two thousand messages
        return
    out = io.BytesIO()
    serve([msgspec.json.encode(asked)], out, adapter.HELLO, adapter.OPERATIONS)
    lines = out.getvalue().splitlines()
    if len(lines) != 1:
        raise Find("not one answer to one line")
    decode_answer(lines[0], asked.id)


def _asked() -> Iterable[bytes]:
    hello = {"id": 1, "op": "hello", "protocol": 1}
    yield msgspec.json.encode(hello)
    for vector in _published():
        step = vector.steps[0]
        if all(not str(value).startswith("$") for value in step.args.values()):
            entropy = vectors.step_entropy(vector, step.name)
            yield msgspec.json.encode(
                {"id": 2, "op": step.op, "now": vector.now, "entropy": entropy, "args": step.args}
            )


def _answer(data: bytes) -> None:
    decode_answer(data, 2)


def _hello(data: bytes) -> None:
    decode_hello(data, 2)


def _fits(data: bytes) -> None:
    for rule in _RULES:
        why = schema.validate(rule, data)
        if why is not None and not why:
            raise Find("a reason that says nothing")


def _misfit(data: bytes) -> None:
    """Hold any text against every form that an argument may have."""
    text = data.decode("latin-1")
    for operation in operations.OPERATIONS.values():
        operations.misfit(operation.taken, dict.fromkeys(operation.taken, text))


def _origin(data: bytes) -> None:
    text = data.decode("utf-8", "surrogatepass") if data.isascii() else data.decode("latin-1")
    if is_origin(text) and (not text.isascii() or text != text.lower() or "/" in text[8:]):
        raise Find("an origin in another form")


def _list(data: bytes) -> None:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    rows = expectations.read(text)
    if expectations.read(expectations.render(rows)) != tuple(sorted(rows, key=lambda r: r.id)):
        raise Find("a list that is written in another way than it was read")


def _answers() -> Iterable[bytes]:
    yield b'{"id":2,"ok":{"a":"00"}}'
    yield b'{"id":2,"ok":{"ignored":true}}'
    yield b'{"id":2,"error":{"class":"expired","detail":"late"}}'
    yield b'{"id":2,"unsupported":true}'


def _unfit(data: bytes) -> None:
    """Hold any JSON against every form of an argument or a result."""
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        value = data.decode("latin-1")
    for form in forms.FORMS.values():
        why = forms.unfit(form, value)
        if why is not None and not why:
            raise Find("a reason that says nothing")


def _record(data: bytes) -> None:
    unpacked(data, Ticket)


def _json(data: bytes) -> None:
    interface.json_of("an answer", data)


def _items(data: bytes) -> None:
    interface.items_of("an answer", data)


def _link(data: bytes) -> None:
    found = contact_of(data.decode("latin-1"))
    if contact_of(link_of(found)) != found:
        raise Find("another contact")


TARGETS: Final = (
    Target(
        "vector",
        _vector,
        ("communicator_conformance.vectors:parse",),
        _vectors,
        Form.JSON,
        VectorError,
    ),
    Target(
        "answer-line",
        _answer,
        ("communicator_conformance.protocol:decode_answer",),
        _answers,
        Form.JSON,
        Garbage,
    ),
    Target(
        "hello-line",
        _hello,
        ("communicator_conformance.protocol:decode_hello",),
        lambda: (msgspec.json.encode({"id": 2, "ok": adapter.HELLO}), *_answers()),
        Form.JSON,
        Garbage,
    ),
    Target("line", _line, ("adapter.lines:serve",), _asked, Form.JSON, Garbage),
    Target(
        "schema",
        _fits,
        ("communicator_spec.schema:validate",),
        lambda: seeds.vectors("body.decode.body", "config.decode.config"),
    ),
    Target(
        "misfit",
        _misfit,
        ("communicator_conformance.operations:misfit",),
        lambda: (b"00ff", b"https://a.example", b"$x.y", b""),
        Form.TEXT,
    ),
    Target(
        "origin",
        _origin,
        ("communicator_spec.origin:is_origin",),
        lambda: (
            b"https://post.example",
            b"http://127.0.0.1:8420",
            b"https://[2001:db8::1]:8443",
            b"https://a.example\n",
        ),
        Form.TEXT,
    ),
    Target(
        "expectations",
        _list,
        ("communicator_conformance.expectations:read",),
        lambda: (b"# list\nbody/message  accepted  not yet\n", b""),
        Form.TEXT,
        ListError,
    ),
    Target(
        "form",
        _unfit,
        ("communicator_conformance.forms:unfit",),
        lambda: (b'"00ff"', b"7", b'[{"kind":"sent"}]', b"null", b'{"a":[1,2]}'),
        Form.JSON,
    ),
    Target(
        "service-json",
        _json,
        ("communicator_conformance.services.interface:json_of",),
        lambda: (b'{"class":"limit"}', b'{"a":1,"a":2}', b"[]", b'{"ticket":"AAAA"}'),
        Form.JSON,
        Failed,
    ),
    Target(
        "service-items",
        _items,
        ("communicator_conformance.services.interface:items_of",),
        lambda: (b"\x00\x01", b"\xa1\x00\x41\x00" * 2, b""),
        refusal=Failed,
    ),
    Target(
        "client-record",
        _record,
        ("client.records:unpacked",),
        lambda: (packed(Ticket(0, 1, bytes(16), 1 << 40, 2, 3)),),
        Form.RAW,
        OwnError,
    ),
    Target(
        "link",
        _link,
        ("client.links:contact_of",),
        lambda: (link_of(bytes(40)).encode(), b"communicator:contact/!"),
        Form.TEXT,
        InputError,
    ),
)
