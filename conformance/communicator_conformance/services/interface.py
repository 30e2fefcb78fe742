"""The interfaces of chapter 8 as a judge: every answer of a run is held against the committed OpenAPI files.

Theory. An OpenAPI file says for each operation which statuses it has, and for each status which headers, media type and
body. So whatever a test asks for, its answer is judged twice: here by its form, there by its meaning. Bodies in CBOR
are judged by the rule of the wire schema that the file names.

Rules:

1. A status that an operation does not have, a body of another form or a header that is missing is a `SCHEMA` fault.
2. From 500 on there was no answer in the sense of the standard (SVC-6), so there is nothing to judge.
3. No answer sets a cookie or leads elsewhere (SVC-10), and every `429` says when to ask again (SVC-5).
"""

import io
import json
from collections.abc import Iterator
from functools import cache
from typing import Any, Final, NamedTuple

import cbor2
from jsonschema import Draft202012Validator

from communicator_conformance.services.outcomes import Failed
from communicator_conformance.verdicts import Fault
from communicator_spec.errors import STATUS, ErrorClass
from communicator_spec.openapi import SERVICES, load_openapi
from communicator_spec.schema import validate

__all__ = ["OPERATIONS", "Operation", "Reply", "items_of", "json_of", "judge", "judge_body", "judge_frame"]

PROBLEM: Final = "application/problem+json"
REVISION: Final = "communicator-revision"
_REFERENCE: Final = "#/components/"
_BY_STATUS: Final = {status: error_class for error_class, status in STATUS.items()}


class Reply(NamedTuple):
    """What came back: status, headers with names in lower case, body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the first header of a name."""
        return next((value for key, value in self.headers if key == name), None)


class Operation(NamedTuple):
    """One operation of one interface."""

    name: str
    method: str
    path: str
    responses: dict[str, Any]


def _operations() -> Iterator[Operation]:
    for service in SERVICES:
        interface = load_openapi(service)
        for path, methods in interface["paths"].items():
            for method, found in methods.items():
                responses = {status: _resolved(one, interface) for status, one in found["responses"].items()}
                yield Operation(f"{service}.{found['operationId']}", method.upper(), path, responses)


def _resolved(value: Any, interface: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    """Put what a reference names in its place."""
    if isinstance(value, list):
        return [_resolved(item, interface) for item in value]
    if not isinstance(value, dict):
        return value
    reference = value.get("$ref")
    if isinstance(reference, str) and reference.startswith(_REFERENCE):
        kind, _, name = reference.removeprefix(_REFERENCE).partition("/")
        return _resolved(interface["components"][kind][name], interface)
    return {key: _resolved(item, interface) for key, item in value.items() if key != "examples"}


OPERATIONS: Final = {operation.name: operation for operation in _operations()}
"""Every operation by `service.name`."""


def judge(operation: Operation, reply: Reply) -> None:
    """Hold an answer against the interface; raises `Failed`."""
    judge_frame(operation.name, reply)
    response = operation.responses.get(str(reply.status))
    if response is None:  # rule 1
        raise _unfit(operation.name, f"status {reply.status} is not in its interface")
    for name, header in response.get("headers", {}).items():
        _judge_header(operation.name, reply, name, header)
    judge_body(operation, reply)


def judge_body(operation: Operation, reply: Reply) -> None:
    """Hold the body of an answer against the interface; raises `Failed`."""
    content = operation.responses[str(reply.status)].get("content", {})
    kind = _media(reply)
    if not content and reply.body:
        raise _unfit(operation.name, f"{reply.status} has a body, and its interface names none")
    if content and kind not in content:
        raise _unfit(operation.name, f"{reply.status} as {kind or 'no media type'}, not {' or '.join(content)}")
    if content:
        _judge_body(f"{operation.name}: {reply.status}", kind, content[kind]["schema"], reply.body)


def judge_frame(what: str, reply: Reply) -> None:
    """Hold an answer against what chapter 8.1 asks of all of them; raises `Failed`."""
    if reply.header("set-cookie") is not None:  # SVC-10
        raise _unfit(what, "sets a cookie")
    if 300 <= reply.status < 400:
        raise _unfit(what, f"{reply.status} leads elsewhere")
    if reply.status < 400 or reply.status >= 500:  # rule 2
        return
    if reply.status not in _BY_STATUS:
        raise _unfit(what, f"{reply.status} is the status of no class")
    if _media(reply) != PROBLEM:  # SVC-4
        raise _unfit(what, f"{reply.status} as {_media(reply) or 'no media type'}, not {PROBLEM}")
    found = json_of(what, reply.body)
    if not {"class"} <= set(found) <= {"class", "detail"}:
        raise _unfit(what, f"a refusal has the members {', '.join(sorted(found)) or 'none'}, not class and detail")
    if found["class"] != _BY_STATUS[reply.status]:
        raise _unfit(what, f"class {found['class']} with status {reply.status}")
    if reply.status == STATUS[ErrorClass.LIMIT] and not (reply.header("retry-after") or "").isdecimal():  # SVC-5
        raise _unfit(what, "429 without Retry-After in seconds")


def json_of(what: str, body: bytes) -> dict[str, Any]:
    """Read one JSON object that names no member twice; raises `Failed`."""
    try:
        found = json.loads(body, object_pairs_hook=_members)
    except (ValueError, RecursionError) as error:
        raise _unfit(what, f"no JSON: {error}") from error
    if not isinstance(found, dict):
        raise _unfit(what, "JSON that is no object")
    return found


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a member is named twice")
    return dict(pairs)


def items_of(what: str, body: bytes) -> list[Any]:
    """Read a CBOR sequence; raises `Failed`."""
    source, found = io.BytesIO(body), []
    try:
        while source.tell() < len(body):
            found.append(cbor2.load(source))
    except (cbor2.CBORError, ValueError, RecursionError) as error:
        raise _unfit(what, "not CBOR") from error
    return found


def _judge_header(what: str, reply: Reply, name: str, header: dict[str, Any]) -> None:
    """A header that a success names is there; one that a refusal names, where it is required."""
    value = reply.header(name.lower())
    if value is None:
        if reply.status < 400 or header.get("required"):  # SVC-18
            raise _unfit(what, f"{reply.status} without {name}")
        return
    if header["schema"].get("type") == "integer" and not value.isdecimal():
        raise _unfit(what, f"{name} is no number")


def _judge_body(what: str, kind: str, schema: dict[str, Any], body: bytes) -> None:
    if len(body) > schema.get("maxLength", len(body)):
        raise _unfit(what, f"{len(body)} bytes, at most {schema['maxLength']}")
    if kind.endswith("json"):
        error = next(iter(_validator(json.dumps(schema)).iter_errors(json_of(what, body))), None)
        if error is not None:
            place = "/".join(map(str, error.absolute_path)) or "the whole"
            raise _unfit(what, f"{place} breaks {error.validator} of its schema")
    elif "x-cddl" in schema:
        parts = items_of(what, body) if kind.endswith("-seq") else None
        for part in [body] if parts is None else [cbor2.dumps(item, canonical=True) for item in parts]:
            why = validate(schema["x-cddl"], part)
            if why is not None:
                raise _unfit(what, f"no {why}")


@cache
def _validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads(schema))


def _media(reply: Reply) -> str:
    return (reply.header("content-type") or "").partition(";")[0].strip().lower()


def _unfit(what: str, detail: str) -> Failed:
    return Failed(Fault.SCHEMA, f"{what}: {detail}")
