"""Holds every answer of a service against the OpenAPI files, and remembers what was answered."""

import json
import re
from functools import cache
from typing import Any

import httpx
import jsonschema

from communicator_spec.openapi import SERVICES, load_openapi

Node = dict[str, Any]
LARGE = 1 << 20


@cache
def _operations(service: str) -> tuple[tuple[re.Pattern[str], str, Node, Node], ...]:
    """Return pattern of the path, method, operation, and the document that its references are in."""
    document = load_openapi(service)
    return tuple(
        (re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), method.upper(), operation, document)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    )


class Interface:
    """The operations of some services, or of all four; `seen`: pairs of operation and status that were answered."""

    def __init__(self, *services: str) -> None:
        self._operations = [one for service in services or SERVICES for one in _operations(service)]
        self.seen: set[tuple[str, int]] = set()

    @property
    def documented(self) -> set[tuple[str, int]]:
        operations = (operation for _, _, operation, _ in self._operations)
        return {(one["operationId"], int(status)) for one in operations for status in one["responses"]}

    def client(self, base: str, timeout_s: float = 120) -> httpx.Client:
        """Return a client that asserts of each answer that a file describes it."""
        return httpx.Client(base_url=base, timeout=timeout_s, event_hooks={"response": [self.check]})

    def check(self, answer: httpx.Response) -> None:
        """Assert that the status is there, and that body and headers are of the kind that the file says."""
        path = answer.request.url.raw_path.partition(b"?")[0].decode()
        called = f"{answer.request.method} {path}: {answer.status_code}"
        verb = answer.request.method
        found = [of for pattern, method, *of in self._operations if method == verb and pattern.fullmatch(path)]
        if not found:
            assert answer.status_code == 404, called
            assert answer.headers["content-type"] == "application/problem+json", called
            return
        assert "set-cookie" not in answer.headers  # SVC-10
        for last, (operation, document) in zip((False,) * (len(found) - 1) + (True,), found, strict=True):
            try:
                assert str(answer.status_code) in operation["responses"], called
                described = _resolved(operation["responses"][str(answer.status_code)], document)
                self._check_answer(answer, described, document)
            except (AssertionError, jsonschema.ValidationError):
                if last:  # the document of an origin is in four files, and some of the services are here
                    raise
            else:
                self.seen.add((operation["operationId"], answer.status_code))
                return

    def _check_answer(self, answer: httpx.Response, described: Node, document: Node) -> None:
        for name, header in described.get("headers", {}).items():  # SVC-5, SVC-18
            assert name in answer.headers or not _resolved(header, document).get("required"), name
        kind = answer.headers.get("content-type", "")
        if "content" not in described:
            assert (kind, answer.headers.get("content-length", "0")) == ("", "0")
            return
        assert kind in described["content"], kind
        schema = described["content"][kind]["schema"]
        if kind.endswith("json"):
            data = answer.read().replace(b"http://127.0.0.1", b"https://127.0.0.1")  # for tests they are the same (8.1)
            whole = {**schema, "components": document["components"]}
            jsonschema.Draft202012Validator(whole).validate(json.loads(data))
        elif int(answer.headers.get("content-length", 0)) < LARGE:
            assert len(answer.read()) <= schema.get("maxLength", LARGE)


def _resolved(node: Node, document: Node) -> Node:
    found: Any = node
    if "$ref" in node:
        found = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
    resolved: Node = found
    return resolved
