"""The services keep what their interfaces say, whatever is asked; and a service that does not is found."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import settings
from tests.services.described.faults import FAULTS, Fault, wrong_in_one_way
from tests.services.described.search import NOT_REACHED, Effort, search
from tests.services.described.world import MAKERS, World, unharmed, worlds
from tests.services.websocket import Frames

from communicator_spec.openapi import SERVICES, load_openapi

EXAMPLES = {25: 4, 100: 4}
"""Examples for each operation, by those of the profile; what is at the bounds comes on top, always."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with worlds(tmp_path_factory.mktemp("described")) as found:
        yield found


def operations(service: str) -> list[str]:
    paths = load_openapi(service)["paths"].values()
    return [operation["operationId"] for path in paths for operation in path.values()]


@pytest.mark.slow
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_keeps_what_its_interface_says(world: World, service: str) -> None:  # SVC-4, SVC-10, SVC-22
    found = search(world, service, Effort(EXAMPLES.get(settings().max_examples, 100)))
    assert found.wrong == ()
    never = [name for name in operations(service) if not found.reached(name) and name not in NOT_REACHED]
    assert never == [], f"never succeeded: {found.answers}"
    unharmed(world)


def test_every_operation_has_a_request_that_succeeds() -> None:
    named = {name for service in SERVICES for name in operations(service)}
    assert set(MAKERS) == named
    assert set(NOT_REACHED) < named


def test_a_websocket_opens_for_who_has_the_key(world: World) -> None:
    authority = MAKERS["notify"](world, "").authority
    with Frames(int(world.services["receiving"].base.rpartition(":")[2]), {"Authorization": str(authority)}) as frames:
        assert frames.status == 101


@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
def test_a_service_that_is_wrong_in_one_way_is_found(world: World, fault: Fault) -> None:
    service = world.services["authorization"]
    authority = str(MAKERS["allowance"](world, "").authority)
    with wrong_in_one_way(service.base, fault, authority) as base:
        found = search(world, "authorization", Effort(2), base, fault.operation)
    assert any(f": {fault.check}:" in text for text in found.wrong), found.wrong


def test_a_front_without_a_fault_is_found_to_be_right(world: World) -> None:
    with wrong_in_one_way(world.services["authorization"].base, Fault("", ""), "") as base:
        found = search(world, "authorization", Effort(2), base)
    assert found.wrong == ()


@pytest.mark.parametrize("what", ["secret", "failure"])
def test_what_a_log_must_not_hold_is_found(world: World, what: str) -> None:
    log = world.services["authorization"].log
    before = log.read_text()
    key = world.keys[world.known.name].removeprefix("Bearer ")
    told = {"event": "started", "key": key} if what == "secret" else {"event": "issue failed"}
    log.write_text(f"{before}{json.dumps(told)}\n")
    try:
        with pytest.raises(AssertionError, match="authorization logged"):
            unharmed(world)
    finally:
        log.write_text(before)
