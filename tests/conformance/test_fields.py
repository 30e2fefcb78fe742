"""Every field of every message is broken in every way: the wire schema is walked, and each combination has its vector.

What is expected of a place is written down here a second time, from its kind alone, so that a defect which the
generator forgets is missed. What has no vector has a reason in `left_out.toml`.
"""

import tomllib
from pathlib import Path

import pytest

from communicator_conformance.vectors import published
from communicator_spec.grammar import Form, Place, places, rule
from communicator_spec.schema import RULES

VECTORS = published()
LEFT_OUT: dict[str, str] = tomllib.loads(Path(__file__).with_name("left_out.toml").read_text("utf-8"))["fields"]
KINDS = ("receipt", "update", "request-update", "end", "moved", "read", "resync")
LABELS = {"state-body": KINDS, "resync": ("resync-content",)}
BODIES = ("message-body", *KINDS)
TOP = (
    *("two-layer-request", "label-request", "delivery", *BODIES, "service-config", "key-package", "submission"),
    *(
        "hybrid-package",
        "directory-entry",
        "contact",
        "log-leaf",
        "log-head",
        "directory-proof",
        "content",
        "person",
        "resync-content",
    ),
)
VALUE = {
    "uint": ("mistyped", "long-head", "negative", "float", "over"),
    "bytes": ("mistyped", "long-head", "endless"),
    "text": ("mistyped", "long-head", "endless", "not-utf8"),
    "bool": ("mistyped", "long-head"),
    "map": ("mistyped", "long-head", "endless", "unsorted", "unknown", "empty"),
    "row": ("mistyped", "long-head", "endless", "empty"),
    "list": ("mistyped", "long-head", "endless", "over"),
    "table": ("mistyped", "long-head", "endless", "over", "unsorted", "key-twice", "key-mistyped"),
}
AROUND = {
    "map": ("twice", "long-key", "null"),
    "row": ("missing", "twice", "null"),
    "list": ("null",),
    "table": ("null",),
}
PARTS = ("map", "row", "list", "table")


def _of_value(form: Form, named: bool) -> list[str]:
    if form.kind == "choice":
        form = form.inside[-1].form
    if named and form.kind in PARTS:  # broken at its own rule
        return ["mistyped"]
    found = list(VALUE[form.kind])
    if form.kind in ("bytes", "text") and form.high < 1 << 64:
        found.append("over")
    if "over" in found and form.low != form.high:
        found.append("most")
    if form.low and form.kind in ("uint", "bytes", "text", "list"):
        found.append("under")
    return [*found, "empty"] if form.low > 1 and form.kind in ("bytes", "text") else found


def _of_place(place: Place) -> list[str]:
    if not place.around:
        return _of_value(place.form, named=False)
    found = [*AROUND[place.around], *_of_value(place.form, bool(place.form.rule))]
    return [*found, "without" if place.optional else "missing"] if place.around == "map" else found


def _expected() -> set[str]:
    wanted = {f"{label}-{name}" for label in TOP for name in ("trailing", "cut", "no-bytes", "tagged")}
    for place in places().values():
        first, _, rest = place.name.partition(".")
        for label in LABELS.get(first, (first,)):
            wanted |= {f"{label}{'.' + rest if rest else ''}-{name}" for name in _of_place(place)}
    return wanted


def test_every_rule_of_the_schema_is_walked() -> None:
    walked = {name.partition(".")[0] for name in places()}
    whole = {name for name in RULES if rule(name).kind in PARTS} | {"secret"}
    assert walked == whole


def test_every_field_is_broken_in_every_way_or_a_reason_is_stated() -> None:
    made = {name.removeprefix("field/") for name in VECTORS if name.startswith("field/")}
    assert sorted(_expected() - made - LEFT_OUT.keys()) == []


def test_no_reason_is_stated_without_need() -> None:
    made = {name.removeprefix("field/") for name in VECTORS}
    assert sorted(LEFT_OUT.keys() - _expected()) == []
    assert sorted(LEFT_OUT.keys() & made) == []
    assert all(len(reason) > 20 for reason in LEFT_OUT.values())


@pytest.mark.parametrize("name", ["most", "without"])
def test_what_is_at_its_limit_or_may_be_missing_is_taken(name: str) -> None:
    good = [v for v in VECTORS.values() if v.id.startswith("field/") and v.id.endswith(f"-{name}")]
    assert good
    assert all(not v.negative for v in good)


def test_a_field_beyond_its_limit_stands_beside_the_one_at_its_limit() -> None:
    over = [v for v in VECTORS.values() if v.id.startswith("field/") and v.id.endswith("-over")]
    assert over
    for vector in over:
        place = vector.id.removesuffix("-over")
        most = f"{place}-most"
        assert vector.twin == (most if most in VECTORS else place.partition(".")[0])
