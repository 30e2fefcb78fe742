"""The devices of one implementation work with the services of the other, in both directions and both profiles.

Where `make typescript` has built it, that is the reference and the testee in TypeScript, which share no line; elsewhere
the reference in two processes, which share no state.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from communicator_conformance.operations import OPERATIONS, unfit_result
from communicator_conformance.protocol import Accepted, Rejected
from communicator_conformance.testee import Testee
from communicator_conformance.vectors import published
from communicator_spec.errors import ErrorClass

TESTEE = Path(__file__).parents[2] / "conformance" / "testees" / "typescript" / "dist" / "testee.js"
NODE = shutil.which("node")
COMMANDS = {"reference": ["reference"], "other": [NODE, str(TESTEE)] if NODE and TESTEE.is_file() else ["reference"]}
PAIRS = [("reference", "other"), ("other", "reference"), ("other", "other")]
ROUND_TRIPS = ("address/round-trip", "label/round-trip", "envelope/round-trip")


@pytest.fixture(scope="module")
def programs() -> Iterator[dict[str, Testee]]:
    with Testee(COMMANDS["reference"], 30.0) as reference, Testee(COMMANDS["other"], 30.0) as other:
        yield {"reference": reference, "other": other}


def ask(program: Testee, op: str, now: int, entropy: str, **args: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    answer = program.ask(op, now, entropy, args)
    assert isinstance(answer, Accepted), (op, answer)
    assert unfit_result(op, answer.result) is None
    return answer.result


@pytest.mark.parametrize(("device", "service"), PAIRS)
@pytest.mark.parametrize("name", ROUND_TRIPS)
def test_a_device_of_one_and_a_service_of_the_other(
    programs: dict[str, Testee], name: str, device: str, service: str
) -> None:  # ROLE-1
    vector, given = published()[name], dict[str, dict[str, Any]]()
    for step in vector.steps:
        role = service if "rsa" in OPERATIONS[step.op].needs else device
        args = {key: resolved(value, given) for key, value in step.args.items()}
        given[step.name] = ask(programs[role], step.op, step.now or vector.now, "5e" * 32, **args)
        assert {k: given[step.name][k] for k in step.result} == {
            k: resolved(value, given) for k, value in step.result.items()
        }


def resolved(value: object, given: dict[str, dict[str, Any]]) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, list):
        return [resolved(item, given) for item in value]
    if not isinstance(value, str) or not value.startswith("$"):
        return value
    name, field, *index = value[1:].split(".")
    found = given[name][field]
    return found[int(index[0])] if index else found


@pytest.mark.parametrize(("device", "service"), PAIRS)
def test_what_one_sealed_for_one_service_another_service_refuses(
    programs: dict[str, Testee], device: str, service: str
) -> None:
    vector = published()["label/round-trip"]
    load = next(step for step in vector.steps if step.op == "service.load")
    seal = next(step for step in vector.steps if step.op == "label.seal")
    config = ask(programs[service], "service.load", vector.now, "01" * 32, **load.args)["config"]
    elsewhere = load.args | {"uri": "https://elsewhere.example"}
    handle = ask(programs[service], "service.load", vector.now, "02" * 32, **elsewhere)["handle"]
    args = {"label": "07" * 16, "ciphertext": "00" * 2800, "config": config}
    sealed = ask(programs[device], seal.op, vector.now, "03" * 32, **args)["sealed"]
    answer = programs[service].ask("label.resolve", vector.now, "04" * 32, {"service": handle, "sealed": sealed})
    assert isinstance(answer, Rejected)
    assert answer.error_class is ErrorClass.FORGED
