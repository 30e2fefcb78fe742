"""The OpenAPI files are generated, well-formed, and say what chapter 8 says."""

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pycddl
import pytest

from communicator_spec.clauses import load_clauses
from communicator_spec.errors import ErrorClass
from communicator_spec.openapi import SERVICES, load_openapi
from communicator_spec.openapi.__main__ import render
from communicator_spec.openapi.parts import STATUS

ROOT = Path(__file__).parents[2]
CHAPTER = (ROOT / "spec/08-services.md").read_text(encoding="utf-8")
CDDL = (ROOT / "spec/communicator_spec/communicator.cddl").read_text(encoding="utf-8")
METHODS = {"get", "put", "post", "delete"}
AUTHORITY = {"none": "", "token": "token", "access key": "key"}


def walk(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from walk(child)


def operations(service: str) -> dict[tuple[str, str], dict[str, Any]]:
    paths = load_openapi(service)["paths"]
    return {(method.upper(), path): op for path, item in paths.items() for method, op in item.items()}


ALL = [(s, *place, op) for s in SERVICES for place, op in operations(s).items()]
NAMES = [f"{method} {path} ({service})" for service, method, path, _ in ALL]


def test_services_of_one_origin_share_no_path_but_that_of_the_document() -> None:
    """Paths with a name in them are compared as what they match: any segment may stand for any other."""

    def overlap(one: str, other: str) -> bool:
        first, second = one.split("/"), other.split("/")
        pairs = zip(first, second, strict=False)
        return len(first) == len(second) and all(a == b or "{" in a + b for a, b in pairs)

    places = [(s, path) for s in SERVICES for path in load_openapi(s)["paths"]]
    found = {(p, q) for s, p in places for t, q in places if s != t and overlap(p, q)}
    assert found == {("/.well-known/communicator.json",) * 2}


def test_files_are_what_the_generator_writes() -> None:
    folder = ROOT / "spec/communicator_spec/openapi"
    assert {path.name: path.read_bytes() for path in folder.glob("*.json")} == render()


@pytest.mark.parametrize("service", SERVICES)
def test_structure(service: str) -> None:
    doc = load_openapi(service)
    assert set(doc) == {"openapi", "info", "jsonSchemaDialect", "servers", "paths", "components"}
    assert doc["openapi"] == "3.1.0"
    assert {"title", "version"} <= set(doc["info"])
    assert all(path.startswith("/") and set(item) <= METHODS for path, item in doc["paths"].items())
    names = [op["operationId"] for op in operations(service).values()]
    assert len(names) == len(set(names))
    for node in walk(doc):
        if "$ref" in node:
            where = doc
            for part in node["$ref"].removeprefix("#/").split("/"):
                where = where[part]


@pytest.mark.parametrize(("service", "method", "path", "op"), ALL, ids=NAMES)
def test_operation(service: str, method: str, path: str, op: dict[str, Any]) -> None:
    doc = load_openapi(service)
    assert op["summary"].endswith(".")
    assert {name for node in op["security"] for name in node} <= set(doc["components"]["securitySchemes"])
    declared = {p["name"] for p in op.get("parameters", ()) if p["in"] == "path"}
    assert declared == set(re.findall(r"\{(\w+)\}", path))
    codes = [int(code) for code in op["responses"]]
    assert sum(100 <= code < 300 for code in codes) == 1
    assert all(code in STATUS.values() for code in codes if code >= 300)
    assert ("requestBody" in op) <= (method in {"POST", "PUT"})
    forgets = op["operationId"] in {"revoke", "deleteUpload"}  # it has happened already
    assert (401 in codes) == (bool(op["security"]) and not forgets)


@pytest.mark.parametrize("service", SERVICES)
def test_schemas_are_schemas_and_examples_follow_them(service: str) -> None:
    for node in walk(load_openapi(service)):
        if "schema" in node:
            schema = node["schema"]
            jsonschema.Draft202012Validator.check_schema(schema)
            for inner in walk(schema):
                for example in inner.get("examples", ()):
                    jsonschema.Draft202012Validator(inner).validate(example)


@pytest.mark.parametrize("service", SERVICES)
def test_binary_examples_are_real_bytes(service: str) -> None:
    for node in walk(load_openapi(service)):
        if "x-cddl" in node:
            schema = pycddl.Schema(f"start = {node['x-cddl']}\n{CDDL}")
            if "x-example-base64" in node:
                data = base64.b64decode(node["x-example-base64"])
                assert len(data) <= node["maxLength"]
                schema.validate_cbor(data)


@pytest.mark.parametrize("service", SERVICES)
def test_json_requests_are_strict(service: str) -> None:
    for op in operations(service).values():
        for media in op.get("requestBody", {}).get("content", {}).items():
            if media[0] == "application/json":
                assert media[1]["schema"]["additionalProperties"] is False


def test_they_cite_clauses_that_exist() -> None:
    known = {clause.id for clause in load_clauses()}
    assert {c for _, _, _, op in ALL for c in op.get("x-clauses", ())} <= known


def test_every_class_has_its_status_in_the_chapter() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| `(\d+)` \|", CHAPTER, re.M)
    assert [(ErrorClass(name), int(status)) for name, status in rows] == list(STATUS.items())


@pytest.mark.parametrize("service", SERVICES)
def test_endpoints_are_those_of_the_chapter(service: str) -> None:
    section = re.split(r"^## 8\.\d ", CHAPTER, flags=re.M)[2 + SERVICES.index(service)]
    rows = re.findall(r"^\| `(\w+) (/\S+)` \| ([^|]+) \|([^|]*)\| `(\d+)`", section, re.M)
    said = {
        (m, p): (AUTHORITY[re.split(r":| `| of", a)[0]], int(code)) for m, p, a, _, code in rows if p != "/v1/notify"
    }
    found = operations(service)
    document = found.pop(("GET", "/.well-known/communicator.json"))
    assert document["security"] == []
    assert found.pop(("GET", "/v1/notify"), {"security": [{"key": []}]})["security"] == [{"key": []}]
    assert said == {
        place: ("".join(n for node in op["security"] for n in node), min(map(int, op["responses"])))
        for place, op in found.items()
    }
