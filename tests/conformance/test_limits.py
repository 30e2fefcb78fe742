"""Limits at the limit and one beyond, dates at three seconds, layouts field by field: each has its vectors.

The table of parameters is walked: a number has two vectors in `left_out.toml`, or a reason. A limit that is added to
the table fails here until somebody has thought of it.
"""

import tomllib
from pathlib import Path

import msgspec
import pytest

from communicator_conformance.vectors import published
from communicator_spec.grammar import places
from communicator_spec.parameters import PARAMETERS as P

VECTORS = published()
TABLES = tomllib.loads(Path(__file__).with_name("left_out.toml").read_text("utf-8"))
LIMITS: dict[str, list[str]] = TABLES["limits"]
REASONS: dict[str, str] = TABLES["parameters"]


def _numbers() -> set[str]:
    """Return every parameter that is a number or a list of numbers; labels and paths have no limit."""
    sections = msgspec.to_builtins(P)
    return {f"{s}.{name}" for s, values in sections.items() for name, v in values.items() if not isinstance(v, str)}


def test_every_number_of_the_table_has_its_vectors_or_a_reason() -> None:
    def excused(name: str) -> bool:
        return name in REASONS or f"{name.partition('.')[0]}.*" in REASONS

    assert sorted(name for name in _numbers() - LIMITS.keys() if not excused(name)) == []


def test_no_row_is_left_that_the_table_does_not_have() -> None:
    assert sorted(LIMITS.keys() - _numbers()) == []
    assert sorted({n for n in REASONS if not n.endswith(".*")} - _numbers()) == []
    assert sorted(LIMITS.keys() & REASONS.keys()) == []


@pytest.mark.parametrize("name", LIMITS)
def test_the_limit_is_taken_and_one_beyond_is_refused(name: str) -> None:
    at, beyond = LIMITS[name]
    assert not VECTORS[at].negative
    assert VECTORS[beyond].negative


DATES = {
    **dict.fromkeys(("address", "epoch", "package-grace"), "+--"),
    **dict.fromkeys(("head", "proof", "resync"), "++-"),
    "resync-early": "-++",
    **dict.fromkeys(("package-begins", "start-begins", "contact-begins", "seal-begins", "label-seal-begins"), "-++"),
    **dict.fromkeys(("package-ends", "start-ends", "contact-ends", "seal-ends", "label-seal-ends"), "+--"),
    **dict.fromkeys(("outer-begins", "outer-of-label-begins", "inner-begins", "issue-begins"), "-++"),
    **dict.fromkeys(("outer-ends", "outer-of-label-ends", "inner-ends", "issue-ends"), "+--"),
}
JUDGED = {
    "grant.2": "what the service is told and resolves by: date/epoch and date/address",
    "generation.not-before": "date/outer-begins, date/inner-begins, date/seal-begins, date/issue-begins",
    "generation.not-after": "date/outer-ends, date/inner-ends, date/seal-ends, date/issue-ends",
    "key-package.6": "date/package-begins, date/start-begins, date/contact-begins",
    "key-package.7": "date/package-ends, date/start-ends, date/contact-ends",
    "hybrid-package.6": "hybrid/package-not-yet; read as key-package.6",
    "hybrid-package.7": "hybrid/package-ended; read as key-package.7",
    "log-head.4": "date/head, date/proof",
    "submission.3": "a sending service gives up in its own time: scripts and services",
    "directory-entry.4": "a date that people are shown; nothing is refused by it",
    "location.valid-until": "until when a file is stored; judged with services",
}
TIMELESS = ("delivery.1",)


@pytest.mark.parametrize("name", DATES)
def test_a_date_is_judged_one_second_before_at_it_and_one_second_after(name: str) -> None:
    sides = [VECTORS[f"date/{name}-{side}"] for side in ("before", "at", "after")]
    assert "".join("-" if v.negative else "+" for v in sides) == DATES[name]
    times = [v.steps[-1].now for v in sides]
    assert times[0] is not None
    assert times == [times[0], times[0] + 1, times[0] + 2]


def test_every_date_of_the_wire_schema_is_thought_of() -> None:
    unbounded = {p.name for p in places().values() if p.form.kind == "uint" and p.form.high == (1 << 64) - 1}
    assert unbounded - set(TIMELESS) == JUDGED.keys()


LAYOUTS = {
    "sda": ({"generation": 1, "encapsulated-key": 32, "rdas": P.address.rdas_bytes, "tag": 16}, P.address.sda_bytes),
    "rdas": (
        {"generation": 1, "encapsulated-key": 32, "inner": P.sizes.inner_bytes, "tag": 16, "signature": 64},
        P.address.rdas_bytes,
    ),
    "label": ({"label": 16}, P.address.label_bytes),
    "identity": ({"signing-key": 32, "agreement-key": 32, "binding": 64}, P.sizes.identity_bytes),
    "first": (
        {"encapsulated-key": 32, "opening": P.session.opening_bytes, "opening-tag": 16, "message": 2576},
        P.envelope.ciphertext_classes_bytes[0],
    ),
    "token": (
        {"type": 2, "nonce": 32, "challenge-digest": 32, "key-id": 32, "authenticator": 256},
        P.token.token_bytes,
    ),
    "token-request": ({"type": 2, "key-id": 1, "blinded": 256}, P.token.request_bytes),
    "token-answer": ({"signature": 256}, P.token.authenticator_bytes),
}
ALTERED = {
    "sda": tuple(LAYOUTS["sda"][0]),
    "rdas-sealed": tuple(LAYOUTS["rdas"][0]),
    "labelled": ("generation", "encapsulated-key", "label", "ciphertext", "tag"),
    "identity": tuple(LAYOUTS["identity"][0]),
    "opening": ("package", "signing-key", "agreement-key", "binding", "ephemeral-key"),
    "first": tuple(LAYOUTS["first"][0]),
    "ratchet": ("salt", "header", "header-tag", "body", "body-tag"),
    "token": tuple(LAYOUTS["token"][0]),
    "token-answer": tuple(LAYOUTS["token-answer"][0]),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_each_field_of_a_layout_is_missing_twice_short_and_long(name: str) -> None:
    fields, length = LAYOUTS[name]
    assert sum(fields.values()) == length
    assert not VECTORS[f"layout/{name}"].negative
    for field, size in fields.items():
        for defect in ("missing", "twice", "short", "long") if size > 1 else ("missing", "twice", "long"):
            assert VECTORS[f"layout/{name}.{field}-{defect}"].negative


@pytest.mark.parametrize("name", ALTERED)
def test_each_field_of_a_layout_is_altered(name: str) -> None:
    assert all(VECTORS[f"layout/{name}.{field}-altered"].negative for field in ALTERED[name])


def test_generations_are_unknown_retired_and_to_come() -> None:
    wanted = ("address/unknown-generation", "date/outer-ends-after", "date/outer-begins-before")
    assert all(VECTORS[name].negative and "ADDR-14" in VECTORS[name].clauses for name in wanted)


def test_messages_are_skipped_and_replayed() -> None:
    assert not VECTORS["ratchet/out-of-order"].negative
    assert all(VECTORS[f"ratchet/{name}"].negative for name in ("replayed", "replayed-skipped", "turn-replayed"))
