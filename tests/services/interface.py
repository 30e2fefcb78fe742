"""Holds every answer of a service against its OpenAPI file, and remembers what was answered."""

import json
import re
from typing import Any

import httpx
import jsonschema  # type: ignore[import-untyped]
from tests.services.lone import Service

from communicator_spec.openapi import load_openapi


class Interface:
    """The operations of one service; `seen`: pairs of operation and status that were answered."""

    def __init__(self, service: str) -> None:
        self._document = load_openapi(service)
        self._paths = [
            (re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), operations)
            for path, operations in self._document["paths"].items()
        ]
        self.seen: set[tuple[str, int]] = set()

    @property
    def documented(self) -> set[tuple[str, int]]:
        operations = (one for path in self._document["paths"].values() for one in path.values())
        return {(one["operationId"], int(status)) for one in operations for status in one["responses"]}

    def client(self, service: Service) -> httpx.Client:
        """Return a client that asserts of each answer that its file describes it."""
        return httpx.Client(base_url=service.base, timeout=30, event_hooks={"response": [self._check]})

    def _check(self, answer: httpx.Response) -> None:
        operation = self._operation(answer.request)
        if operation is None:
            assert (answer.status_code, answer.read() != b"") == (404, True), answer.request.url
            return
        described = operation["responses"][str(answer.status_code)]
        self.seen.add((operation["operationId"], answer.status_code))
        described = self._resolved(described)
        kind = answer.headers.get("content-type", "")
        schema = described["content"][kind]["schema"]
        data = answer.read()
        if kind.endswith("json"):
            jsonschema.Draft202012Validator(schema).validate(json.loads(data))
        else:
            assert len(data) <= schema.get("maxLength", 1 << 20)
        for name, header in described.get("headers", {}).items():
            assert name in answer.headers or not self._resolved(header).get("required"), name
        assert answer.headers["communicator-revision"].isdigit()  # SVC-18
        assert "set-cookie" not in answer.headers  # SVC-10

    def _operation(self, request: httpx.Request) -> dict[str, Any] | None:
        path = request.url.raw_path.partition(b"?")[0].decode()
        for pattern, operations in self._paths:
            if pattern.fullmatch(path) and request.method.lower() in operations:
                found: dict[str, Any] = operations[request.method.lower()]
                return found
        return None

    def _resolved(self, node: dict[str, Any]) -> dict[str, Any]:
        found: Any = node
        if "$ref" in node:
            found = self._document
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part]
        resolved: dict[str, Any] = found
        return resolved
