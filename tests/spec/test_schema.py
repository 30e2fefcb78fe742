"""The wire schema judges bytes at run time: one answer for each, with a reason."""

import json
import re

import cbor2
import pytest

from communicator_conformance.operations import OPERATIONS
from communicator_spec.examples import examples
from communicator_spec.openapi import SERVICES, load_openapi
from communicator_spec.schema import RULES, source, validate

BINARY = {name: example for name, example in examples().items() if example.rule}


@pytest.mark.parametrize("name", BINARY)
def test_real_bytes_fit_their_rule(name: str) -> None:
    assert validate(BINARY[name].rule, BINARY[name].data) is None


@pytest.mark.parametrize("name", BINARY)
def test_bytes_fit_no_rule_of_another_shape(name: str) -> None:
    others = {e.rule for e in BINARY.values()} - {BINARY[name].rule}
    for rule in sorted(others):
        assert validate(rule, BINARY[name].data) is not None


@pytest.mark.parametrize("name", BINARY)
def test_a_byte_more_or_less_and_another_encoding_do_not_fit(name: str) -> None:
    rule, data, _ = BINARY[name]
    reversed_keys = dict(reversed(cbor2.loads(data).items())) if data[0] >> 5 == 5 else None
    for wrong in (b"", data[:-1], data + b"\0", b"\xff", b"\xc1" + data, cbor2.dumps(reversed_keys)):
        reason = validate(rule, wrong)
        assert reason is not None
        assert reason.startswith(f"{rule}: ")


def test_a_reason_names_the_deepest_place() -> None:
    content = {0: 1, 1: "text/plain", 2: b"", 3: [{0: 1, 1: [], 2: "image/png"}]}
    reason = validate("content", cbor2.dumps(content, canonical=True))
    assert reason is not None
    assert reason.startswith("content: /3/0")


def test_a_rule_that_is_a_byte_string_judges_bytes_without_a_head() -> None:
    assert RULES["rdas"]
    assert not RULES["body"]
    assert validate("rdas", bytes(137)) is None
    assert validate("rdas", bytes(136)) is not None
    assert validate("rdas", cbor2.dumps(bytes(137))) is not None


def test_tags_and_repeated_keys_do_not_fit_where_the_rest_does() -> None:
    assert validate("resync", bytes.fromhex("a10005")) is None
    for wrong in ("a100c105", "a200050005", "bf0005ff", "a1001805"):
        assert validate("resync", bytes.fromhex(wrong)) is not None


@pytest.mark.parametrize(
    ("rule", "right", "wrong"),
    [
        ("log-path", [bytes(32)], ["x" * 32]),
        ("service-uri", "https://receiving.example", 25),
        ("service-uri", "https://receiving.example", b"https://receiving.example"),
        ("log-leaf", {0: bytes(32), 1: 5, 2: bytes(32)}, {0: bytes(32), 1: -5, 2: bytes(32)}),
        ("log-leaf", {0: bytes(32), 1: 5, 2: bytes(32)}, {0: bytes(32), 1: b"five", 2: bytes(32)}),
    ],
)
def test_a_value_of_the_right_length_and_another_type_does_not_fit(rule: str, right: object, wrong: object) -> None:
    assert validate(rule, cbor2.dumps(right)) is None
    assert validate(rule, cbor2.dumps(wrong)) is not None


def test_an_unknown_rule_is_an_error_of_the_caller() -> None:
    with pytest.raises(KeyError):
        validate("bodies", b"\xa0")


def test_every_rule_is_found_and_compiles() -> None:
    assert len(RULES) == sum(" = " in line and not line.startswith((";", " ")) for line in source().splitlines())
    for rule in RULES:
        validate(rule, b"\x00")


def test_every_rule_stands_in_another_or_judges_something_by_itself() -> None:
    text = "\n".join(line.partition(";")[0] for line in source().splitlines())
    alone = {rule for rule in RULES if len(re.findall(rf"(?<![\w-]){rule}(?![\w-])", text)) == 1}
    ruled = {rule for o in OPERATIONS.values() for rule in (*o.taken.values(), *o.given.values())}
    carried = {"person", "resync"}  # inside contents: of messages, and of the command RESYNC
    assert alone - ruled - carried - bodies() == {"wire"}  # the root of the schema


def bodies() -> set[str]:
    """Return the rules of bodies over HTTP."""
    return set(re.findall(r'"x-cddl": "([\w-]+)"', json.dumps([load_openapi(service) for service in SERVICES])))
