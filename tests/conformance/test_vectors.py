"""Vectors keep their rules, and are what their generator writes today."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from communicator_conformance.errors import VectorError
from communicator_conformance.operations import LIVE_OPERATIONS, OPERATIONS
from communicator_conformance.vectors import Ruling, load_folder, parse, published
from communicator_impl.adapter import OPERATIONS as OFFERED
from communicator_impl.vectors import files
from communicator_spec.clauses import extract
from communicator_spec.schema import RULES

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "conformance" / "communicator_conformance" / "vectors"
VECTORS = published()


def test_the_committed_files_are_what_the_generator_writes() -> None:
    committed = {f"{p.parent.name}/{p.name}": p.read_bytes() for p in FOLDER.glob("*/*.json")}
    made = files()
    assert committed.keys() == made.keys()
    assert [name for name in made if committed[name] != made[name]] == []


def test_two_in_five_are_negative_and_each_has_a_positive_twin() -> None:
    negatives = [v for v in VECTORS.values() if v.negative]
    assert len(VECTORS) >= 400
    assert len(negatives) / len(VECTORS) >= 0.4
    assert all(v.twin is not None and not VECTORS[v.twin].negative for v in negatives)
    assert all(v.probe for v in negatives)


def test_they_cite_clauses_that_exist() -> None:
    known = {clause.id for clause in extract(ROOT / "spec")}
    assert {c for v in VECTORS.values() for c in v.clauses} <= known


def test_they_cover_every_clause_of_addresses_envelopes_and_sessions_that_is_judged_by_vectors() -> None:
    judged = {c.id for c in extract(ROOT / "spec") if c.disposition == "vector" and c.chapter in (2, 3, 4)}
    assert judged - {c for v in VECTORS.values() for c in v.clauses} == set()


def test_the_reference_offers_every_operation_of_the_table() -> None:
    assert OFFERED.keys() == OPERATIONS.keys() | LIVE_OPERATIONS.keys()


def test_the_rules_of_the_operations_exist_and_judge_bytes_of_a_positive_vector() -> None:
    assert {rule for o in OPERATIONS.values() for rule in (*o.taken.values(), *o.given.values())} <= RULES.keys()
    judged = {(s.op, name) for v in VECTORS.values() if not v.negative for s in v.steps for name in s.args}
    assert {(op, name) for op, o in OPERATIONS.items() for name in o.taken} - judged == set()


def test_every_operation_is_used_by_a_vector() -> None:
    used = {s.op for v in VECTORS.values() for s in (*v.steps, *v.probe)}
    used |= {v.post.op for v in VECTORS.values() if v.post}
    assert OPERATIONS.keys() - used == set()


def _broken(change: Callable[[dict[str, Any]], object], name: str = "address/expired") -> bytes:
    vector = json.loads((FOLDER / f"{name}.json").read_bytes())
    change(vector)
    return json.dumps(vector).encode()


BREAKS: dict[str, Callable[[dict[str, Any]], object]] = {
    "unknown key": lambda v: v.update(note="x"),
    "unknown key in a step": lambda v: v["steps"][0].update(note="x"),
    "unknown key in the expectation": lambda v: v["expect"].update(reason="x"),
    "unknown operation": lambda v: v["steps"][0].update(op="service.lod"),
    "unknown argument": lambda v: v["steps"][0]["args"].update(port=1),
    "missing argument": lambda v: v["steps"][0]["args"].pop("uri"),
    "unknown result": lambda v: v["probe"][0]["result"].update(colour="red"),
    "reference to nothing": lambda v: v["steps"][1]["args"].update(service="$servant.handle"),
    "one name twice": lambda v: v["steps"][1].update(name="service"),
    "phase before the end": lambda v: v["expect"].update(phase="service"),
    "refusal without a class": lambda v: v["expect"].pop("class"),
    "no such class": lambda v: v["expect"].update({"class": "bad"}),
    "no such verdict": lambda v: v["expect"].update(verdict="perhaps"),
    "negative without a twin": lambda v: v.pop("twin"),
    "negative without a probe": lambda v: v.pop("probe"),
    "no clauses": lambda v: v.update(clauses=[]),
    "another format": lambda v: v.update(format=2),
    "another standard": lambda v: v.update(spec="00" * 32),
    "another place": lambda v: v.update(id="address/stale"),
}


@pytest.mark.parametrize("what", BREAKS)
def test_a_broken_vector_is_refused(what: str) -> None:
    with pytest.raises(VectorError):
        parse(_broken(BREAKS[what]), "address/expired")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("body/message", lambda v: v["steps"][0]["args"].update(body="a0")),
        ("body/message", lambda v: v["steps"][0]["args"].update(body="A0")),
        ("body/encode", lambda v: v["steps"][0]["result"].update(body="a0")),
        ("envelope/seal-label", lambda v: v["steps"][-1]["drawn"].update(envelope="a0")),
        ("address/issue", lambda v: v["steps"][0]["drawn"]["addresses"].append("00")),
        ("body/unknown-field", lambda v: v["probe"][0]["args"].update(body="a0")),
    ],
)
def test_bytes_that_are_to_be_taken_fit_the_wire_schema(name: str, change: Callable[[dict[str, Any]], object]) -> None:
    assert parse(_broken(lambda _: None, name), name).id == name
    with pytest.raises(VectorError, match="is no"):
        parse(_broken(change, name), name)


def test_a_commitment_that_does_not_fit_its_state_is_refused() -> None:
    data = _broken(lambda v: v["post"]["state"].update(sent=9), "ratchet/encrypt")
    with pytest.raises(VectorError):
        parse(data, "ratchet/encrypt")


def _folder(tmp_path: Path, twin: Callable[[dict[str, Any]], object]) -> Path:
    (tmp_path / "address").mkdir()
    (tmp_path / "address" / "expired.json").write_bytes(_broken(lambda _: None))
    (tmp_path / "address" / "last-second.json").write_bytes(_broken(twin, "address/last-second"))
    return tmp_path


def test_a_negative_differs_from_its_twin_in_exactly_one_step(tmp_path: Path) -> None:
    other_root = _folder(tmp_path, lambda v: v["steps"][1]["args"].update(root="00" * 16))
    with pytest.raises(VectorError, match="exactly one step"):
        load_folder(other_root)


def test_a_negative_is_no_twin(tmp_path: Path) -> None:
    (tmp_path / "address").mkdir()
    data = _broken(lambda v: v.update(twin="address/expired"))
    (tmp_path / "address" / "expired.json").write_bytes(data)
    with pytest.raises(VectorError, match="twin"):
        load_folder(tmp_path)


def test_a_verdict_of_either_kind_needs_a_class_when_it_allows_refusal() -> None:
    def either(vector: dict[str, Any]) -> None:
        del vector["twin"], vector["probe"]
        vector["expect"]["verdict"] = "may-reject"

    assert parse(_broken(either), "address/expired").expect.verdict is Ruling.MAY_REJECT


def test_the_readme_lists_the_operations_as_they_are() -> None:
    rows = (ROOT / "conformance" / "README.md").read_text("utf-8").splitlines()
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows if row.startswith("| `")]
    listed = {row[0].strip("`"): row[1:] for row in cells if "." in row[0] and len(row) == 4}
    offered = OPERATIONS | LIVE_OPERATIONS
    for name, operation in offered.items():
        words = [set(cell.split()) - {"–"} for cell in listed[name]]
        optional = {f"[{word}]" for word in operation.optional}
        assert words == [set(operation.needs), operation.takes | optional, set(operation.gives)], name
    assert listed.keys() == offered.keys()
