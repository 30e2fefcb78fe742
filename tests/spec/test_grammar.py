"""The wire schema read as places says what the schema says as a judge."""

import pytest

from communicator_spec import grammar
from communicator_spec.grammar import places, rule
from communicator_spec.parameters import PARAMETERS
from communicator_spec.schema import RULES


def test_every_rule_is_read() -> None:
    assert all(rule(name).kind for name in RULES)
    with pytest.raises(KeyError):
        rule("nobody")


@pytest.mark.parametrize(
    ("name", "around", "optional", "kind", "low", "high"),
    [
        ("delivery.4", "map", True, "uint", 0, (1 << 32) - 1),
        ("key-package.8", "map", False, "bool", 0, 1 << 64),
        ("received.ranges.from", "row", False, "uint", 0, PARAMETERS.envelope.number_max),
        ("service-entry.0", "map", False, "text", 1, PARAMETERS.address.uri_bytes_max),
        ("state-body.1", "map", False, "uint", 1, PARAMETERS.extension.command_resync),
        ("message-body.6", "map", True, "table", 0, 1 << 64),
        ("message-body.6.value", "table", False, "bytes", 16, 16),
        ("content.3", "map", True, "list", 1, PARAMETERS.attachment.per_message_max),
        ("location.key", "row", False, "bytes", 32, 32),
        ("secret.item", "list", False, "bytes", 137, 137),
    ],
)
def test_a_place_says_what_stands_there(name: str, around: str, optional: bool, kind: str, low: int, high: int) -> None:
    place = places()[name]
    assert (place.around, place.optional) == (around, optional)
    assert (place.form.kind, place.form.low, place.form.high) == (kind, low, high)


def test_a_structure_with_a_name_is_described_once() -> None:
    assert [field.form.rule for field in places()["contact.1"].form.inside] == ["key-package", "hybrid-package"]
    assert not any(name.startswith("contact.1.") for name in places())


@pytest.mark.parametrize("text", ["a = { 0 => uint .le 4 }", "a = [ uint", "a = < 1 >", "a = { 0 = 1 }"])
def test_what_it_does_not_read_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="the wire schema has"):
        grammar.read(text)
