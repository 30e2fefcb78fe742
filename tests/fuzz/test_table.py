"""The table is complete: a parser that nobody fuzzes fails here, and so does an entry of which there is no parser."""

import re
from pathlib import Path

import pytest
from tests.fuzz.parsers import excluded, parsers
from tests.fuzz.services import BODIES
from tests.fuzz.table import TARGETS, covered

SERVICES = Path(__file__).parents[2] / "impl" / "communicator_impl" / "services"
BESIDE = {  # no rule finds them by their signatures, and each has a target
    "communicator_conformance.operations:misfit",
    "communicator_impl.body:resync_of",
    "communicator_impl.client.links:contact_of",
    "communicator_impl.export:export",
    "communicator_impl.relationship_manager:RelationshipManager.receive",
    "communicator_impl.services.attachments:_decimal",
    "communicator_impl.services.http:octets",
    "communicator_impl.services.outward:is_public",
    "communicator_impl.services.proxy:_check_length",
    "communicator_spec.origin:is_origin",
}


def test_every_parser_is_fuzzed_or_excluded_for_a_reason() -> None:
    known = set(parsers())
    assert len(known) > 300  # the rule still finds what it found
    assert known - covered() - excluded().keys() == set()
    assert covered() - BESIDE <= known
    assert excluded().keys() <= known
    assert not covered() & excluded().keys()


def test_a_new_parser_would_be_missed_by_the_table() -> None:
    found = set(parsers())
    for name in ("body:decode_body", "particle:Particle.from_bytes", "services.http:access_key", "wire:uint"):
        assert f"communicator_impl.{name}" in found


def test_every_json_body_of_the_services_is_a_target() -> None:
    asked = {
        name for path in SERVICES.glob("*.py") for name in re.findall(r"json_of\(request, (\w+)\)", path.read_text())
    }
    assert asked == {kind.__name__ for kind, _ in BODIES.values()}


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_has_seeds(name: str) -> None:
    assert any(True for _ in TARGETS[name].seeds())
