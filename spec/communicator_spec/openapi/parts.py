"""What the four interfaces share: schemas, authorities, refusals, and how an operation is put together."""

import base64
from typing import Any, Final

from communicator_spec.errors import STATUS, ErrorClass
from communicator_spec.examples import base64url, document, examples, fill
from communicator_spec.origin import ORIGIN_PATTERN
from communicator_spec.parameters import PARAMETERS

__all__ = [
    "CBOR",
    "CBOR_SEQUENCE",
    "JSON",
    "OCTETS",
    "STATUS",
    "Json",
    "binary",
    "date",
    "document_path",
    "empty",
    "interface",
    "linked",
    "octets",
    "operation",
    "query",
    "record",
    "reply",
    "uint",
    "uri",
]

Json = dict[str, Any]

JSON: Final = "application/json"
CBOR: Final = "application/cbor"
CBOR_SEQUENCE: Final = "application/cbor-seq"
OCTETS: Final = "application/octet-stream"

_V = PARAMETERS.service
_INTEGER_MAX: Final = (1 << 53) - 1


# -------------------------------------------------------------------- schemas


def uint(most: int = _INTEGER_MAX, least: int = 0, **more: object) -> Json:
    """Return the schema of an unsigned integer."""
    return {"type": "integer", "minimum": least, "maximum": most, **more}


def date(*, multiple_of_s: int = 1) -> Json:
    """Return the schema of a date in whole seconds."""
    return uint(multipleOf=multiple_of_s, description="seconds since 1970-01-01T00:00Z")


def octets(size: int, label: str) -> Json:
    """Return the schema of exactly `size` bytes in base64url, with an example."""
    length = -(-size * 4 // 3)
    pattern = f"^[A-Za-z0-9_-]{{{length}}}$"
    return {
        **{"type": "string", "pattern": pattern, "contentEncoding": "base64url"},
        **{"description": f"{size} bytes, base64url without padding", "examples": [base64url(fill(label, size))]},
    }


def uri() -> Json:
    """Return the schema of a service's URI."""
    most = PARAMETERS.address.uri_bytes_max
    return {"type": "string", "pattern": ORIGIN_PATTERN, "maxLength": most}


def record(required: Json, optional: Json | None = None, *, strict: bool = True) -> Json:
    """Return the schema of an object; strict: other members are refused (SVC-3)."""
    members = {**required, **(optional or {})}
    return {
        **{"type": "object", "required": list(required), "properties": members},
        **({"additionalProperties": False} if strict else {}),
    }


def binary(rule: str, most: int, example: str = "") -> Json:
    """Return the content schema of bytes that follow a rule of the wire schema, with a whole example in base64."""
    schema: Json = {"type": "string", "format": "binary", "maxLength": most, "x-cddl": rule}
    if example:
        schema["x-example-base64"] = base64.b64encode(examples()[example].data).decode()
    return schema


# -------------------------------------------------------------------- operations


def query(name: str, schema: Json, *, required: bool = False, place: str = "query") -> Json:
    """Return a parameter of an operation."""
    return {"name": name, "in": place, "required": required or place == "path", "schema": schema}


def reply(what: str, media: str = "", schema: Json | None = None, *, revision: bool = True) -> Json:
    """Return a success; every answer to a device carries the revision of the document (SVC-18)."""
    answer: Json = {"description": what}
    if revision:
        answer["headers"] = {"Communicator-Revision": {"$ref": "#/components/headers/Revision"}}
    if media:
        answer["content"] = {media: {"schema": schema}}
    return answer


def linked(answer: Json, **operations: dict[str, str]) -> Json:
    """Return an answer that says which operations take what is in it: operation → parameter → expression."""
    links = {name: {"operationId": name, "parameters": parameters} for name, parameters in operations.items()}
    return {**answer, "links": links}


def empty(what: str) -> Json:
    """Return a success without a body."""
    return reply(what)


def operation(
    name: str,
    summary: str,
    success: tuple[int, Json],
    refusals: tuple[ErrorClass, ...],
    *,
    authority: str = "",
    body: tuple[str, Json] | None = None,
    parameters: tuple[Json, ...] = (),
    clauses: tuple[str, ...] = (),
) -> Json:
    """Return one operation: its name, what it does, how it ends, who may ask."""
    status, answer = success
    made: Json = {"operationId": name, "summary": summary}
    if clauses:
        made["x-clauses"] = list(clauses)
    if parameters:
        made["parameters"] = list(parameters)
    if body:
        made["requestBody"] = {"required": True, "content": {body[0]: {"schema": body[1]}}}
    made["security"] = [{authority: []}] if authority else []
    classes = sorted({STATUS[c]: c for c in refusals}.items())
    named = {str(s): {"$ref": f"#/components/responses/{c.name}"} for s, c in classes}
    made["responses"] = {str(status): answer, **named}
    return made


def document_path(member: Json) -> Json:
    """Return the path of the document (SVC-14), with the members that every origin has and one more."""
    required = {"version": {"const": _V.document_version}, "revision": uint(), "operator": {"type": "string"}}
    schema = {**record({**required, **member}, strict=False), "examples": [document(*member)]}
    got = operation(
        "document",
        "Read what the origin publishes.",
        (200, reply("The document.", JSON, schema)),
        (ErrorClass.LIMIT,),
        clauses=("SVC-14",),
    )
    return {_V.document_path: {"get": got}}


def interface(title: str, summary: str, paths: Json, origin: str) -> Json:
    """Return a whole OpenAPI document."""
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "summary": summary, "version": "1"},
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "servers": [{"url": origin}],
        "paths": paths,
        "components": {
            "responses": {c.name: _refusal(c, status) for c, status in STATUS.items()},
            "headers": {"Revision": {"description": "Revision of the document.", "schema": uint()}},
            "securitySchemes": {
                "token": {
                    **{"type": "http", "scheme": "PrivateToken"},
                    "description": "A token of chapter 9, for one use.",
                },
                "key": {
                    **{"type": "http", "scheme": "Bearer"},
                    "description": f"An access key: {_V.access_key_bytes} bytes, base64url without padding.",
                },
            },
        },
    }


def _refusal(error_class: ErrorClass, status: int) -> Json:
    schema = record({"class": {"const": error_class.value}}, {"detail": {"type": "string"}})
    answer: Json = {
        "description": f"Refused: {error_class.value}.",
        "content": {"application/problem+json": {"schema": schema}},
    }
    headers = {
        401: {"WWW-Authenticate": {"description": "The challenge (TOK-6).", "schema": {"type": "string"}}},
        429: {"Retry-After": {"description": "Seconds (SVC-5).", "required": True, "schema": uint(least=1)}},
    }
    return {**answer, "headers": headers[status]} if status in headers else answer
