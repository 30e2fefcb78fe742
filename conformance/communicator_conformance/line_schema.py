"""The line protocol as JSON Schema: every message that the suite writes, and every answer that it takes.

Theory. Who writes an adapter in a typed language wants types, and who debugs one wants to know which field of which
line does not fit. Both come from the tables that the suite itself judges by (`operations`, `forms`): the schema cannot
say anything else than what a run does.

==================  =============================================================================
definition          what it describes
==================  =============================================================================
`OP.request`        the question, one whole line
`OP.args`           its arguments
`OP.answer`         everything that may be answered: `OP.ok`, `error` or `unsupported`, whole lines
`OP.result`         what stands under `ok`
`unknown.request`   a question about an operation that does not exist
`request`, `line`   any question; any question and any answer
==================  =============================================================================

Rules:

1. The committed file is what `communicator conform schema` prints; a test compares them.
2. The schema speaks of form alone; a line that fits can still be a wrong answer.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from communicator_conformance.forms import Bytes, Handle, Number
from communicator_conformance.operations import LIVE_OPERATIONS, OPERATIONS, form_of_args, form_of_result
from communicator_conformance.protocol import PROTOCOL, Hello
from communicator_spec.errors import ErrorClass

__all__ = ["FILE", "line_schema", "names", "schema_of", "text"]

FILE: Final = f"schema/line-protocol-{PROTOCOL}.json"
HELLO: Final = "hello"

Schema = dict[str, Any]
_SHARED: Final = {"bytes": Bytes, "handle": Handle, "number": Number}
_NAMED: Final = {msgspec.json.encode(msgspec.json.schema(form)): name for name, form in _SHARED.items()}


def names() -> tuple[str, ...]:
    """Return hello and every operation, as `schema_of` takes them."""
    return (HELLO, *OPERATIONS, *LIVE_OPERATIONS)


def line_schema() -> Schema:
    """Return the whole schema: any line of the protocol, with a definition for each message."""
    operations = (*OPERATIONS, *LIVE_OPERATIONS)
    defs = {**_common(), **_forms(operations)}
    for op in operations:
        defs[f"{op}.request"] = _question({"const": op}, _ref(f"{op}.args"))
        defs[f"{op}.answer"] = _one_of(f"{op}.ok", "error", "unsupported")
        defs[f"{op}.ok"] = _answer(ok={"anyOf": [_ref(f"{op}.result"), _ref("ignored")]})
    defs["request"] = _one_of(*(f"{op}.request" for op in (*names(), "unknown")))
    defs["line"] = {"anyOf": [_ref("request"), *(_ref(f"{op}.answer") for op in names())]}
    return _headed(f"Line protocol {PROTOCOL}", "line", defs)


def schema_of(op: str) -> Schema:
    """Return the schema of one operation: its question, its answers, and what these refer to; raises `KeyError`."""
    defs = line_schema()["$defs"]
    wanted, found = [f"{op}.request", f"{op}.answer"], dict[str, Any]()
    while wanted:
        name = wanted.pop()
        found[name] = defs[name]
        wanted += [other for other in _referred(defs[name]) if other not in found]
    found["line"] = {"anyOf": [_ref(f"{op}.request"), _ref(f"{op}.answer")]}
    return _headed(f"{op} in line protocol {PROTOCOL}", "line", found)


def text(schema: Schema) -> str:
    """Return a schema as it is printed and committed."""
    return msgspec.json.format(msgspec.json.encode(schema), indent=1).decode() + "\n"


def _headed(title: str, whole: str, defs: Mapping[str, Any]) -> Schema:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        **_ref(whole),
        "$defs": dict(sorted(defs.items())),
    }


def _common() -> Schema:
    """Return what all operations share: hello, refusals, and what does not exist."""
    error = {"class": {"enum": [c.value for c in ErrorClass]}, "detail": {"type": "string"}}
    return {
        **{name: msgspec.json.schema(form) for name, form in _SHARED.items()},
        "hello.request": _object({"id": _ref("number"), "op": {"const": HELLO}, "protocol": {"const": PROTOCOL}}),
        "hello.answer": _answer(ok=_ref("Hello")),
        "unknown.request": _question({"type": "string", "not": {"enum": list(names())}}, {"type": "object"}),
        "error": _answer(error=_object(error, "detail")),
        "unsupported": _answer(unsupported={"const": True}),
        "ignored": _object({"ignored": {"const": True}}),
    }


def _forms(operations: tuple[str, ...]) -> Schema:
    """Return the definitions that come from the table of forms: arguments, results and what stands in them."""
    types = [Hello, *(form(op) for op in operations for form in (form_of_args, form_of_result))]
    _, found = msgspec.json.schema_components(types, ref_template="#/$defs/{name}")
    return {name: _bare(schema) for name, schema in found.items()}


def _bare(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Name what is shared, and leave out what is written for OpenAPI and titles that repeat the name."""
    if isinstance(value, list):
        return [_bare(item) for item in value]
    if not isinstance(value, dict):
        return value
    shared = _NAMED.get(msgspec.json.encode(value))
    left_out = {"discriminator", "title"} if "type" in value else {"discriminator"}
    return _ref(shared) if shared else {name: _bare(item) for name, item in value.items() if name not in left_out}


def _question(op: Schema, args: Schema) -> Schema:
    return _object({"id": _ref("number"), "op": op, "now": _ref("number"), "entropy": _ref("bytes"), "args": args})


def _answer(**kind: Schema) -> Schema:
    return _object({"id": _ref("number"), **kind})


def _object(properties: Schema, *optional: str) -> Schema:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _one_of(*names: str) -> Schema:
    return {"oneOf": [_ref(name) for name in names]}


def _referred(value: object) -> list[str]:
    """Return the names of the definitions that a schema refers to."""
    if isinstance(value, dict):
        own = [value["$ref"].removeprefix("#/$defs/")] if isinstance(value.get("$ref"), str) else []
        return own + [name for item in value.values() for name in _referred(item)]
    return [name for item in value for name in _referred(item)] if isinstance(value, list) else []
