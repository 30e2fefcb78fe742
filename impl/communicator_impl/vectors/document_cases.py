"""Cases of documents (chapter 8): what an origin publishes, and the digest that correspondents compare.

The document is the one that the chapter shows. It may grow, so the positive cases have members that nobody knows; each
negative changes one member that everybody knows.
"""

import copy
import json
from collections.abc import Callable
from typing import Any

from communicator_impl.vectors.story import Case, Step
from communicator_spec.errors import ErrorClass
from communicator_spec.examples import document

__all__ = ["ORIGIN", "SHOWN", "document_cases"]

ORIGIN = "https://receiving.example"
SHOWN = document("receiving", "sending")
Change = Callable[[dict[str, Any]], object]


def _first_key(d: dict[str, Any]) -> dict[str, Any]:
    key: dict[str, Any] = d["receiving"]["outer"][0]
    return key


FAULTS: dict[str, tuple[str, Change]] = {
    "unknown-version": ("version 2", lambda d: d.update(version=2)),
    "no-revision": ("no revision", lambda d: d.pop("revision")),
    "revision-text": ("a revision in quotation marks", lambda d: d.update(revision="31")),
    "revision-beyond": ("a revision of 2^53", lambda d: d.update(revision=1 << 53)),
    "other-origin": ("a service of another origin", lambda d: d["sending"].update(uri="https://sending.example")),
    "no-uri": ("a service without a URI", lambda d: d["receiving"].pop("uri")),
    "service-null": ("a service that is null", lambda d: d.update(sending=None)),
    "unknown-suite": ("suite 2", lambda d: d["receiving"].update(suite=2)),
    "unknown-profile": ("profile 3", lambda d: d["receiving"].update(profiles=[1, 2, 3])),
    "profiles-number": ("a number where a list belongs", lambda d: d["receiving"].update(profiles=1)),
    "no-profile": ("inner keys without their profile", lambda d: d["receiving"].update(profiles=[2])),
    "repeats-outer": ("one outer key twice", lambda d: d["receiving"].update(outer=d["receiving"]["outer"] * 2)),
    "short-key": ("a key of 31 bytes", lambda d: _first_key(d).update(key=_first_key(d)["key"][:-2] + "A")),
    "padded-key": ("a key with padding", lambda d: _first_key(d).update(key=_first_key(d)["key"] + "=")),
    "loose-key": ("a key with bits left over", lambda d: _first_key(d).update(key="A" * 42 + "B")),
    "proxy-number": ("a number where a truth value belongs", lambda d: d["receiving"].update(proxy=1)),
    "tokens-list": ("tokens that name no purpose", lambda d: d["receiving"].update(tokens=[])),
    "issuer-host": ("an issuer that is no URI", lambda d: d["sending"].update(tokens={"submit": ["issuer.example"]})),
    "no-delay-zero": ("the delay 0 is not offered", lambda d: d["sending"].update(delay_mean_s=[60])),
}


def _bytes(change: Change | None = None) -> bytes:
    changed = copy.deepcopy(SHOWN)
    if change is not None:
        change(changed)
    return json.dumps(changed).encode()


def _decode(data: bytes) -> Step:
    return Step("decode", "document.decode", {"document": data, "origin": ORIGIN})


def _grown(d: dict[str, Any]) -> None:
    later: dict[str, object] = {"later": [None, 1.5, {"version": "…"}]}
    d["quantum"] = later
    d["receiving"].update(later)
    d["sending"].update(later)
    for generation in d["receiving"]["inner"]:
        generation.update(later)


def document_cases() -> list[Case]:
    """Return all cases of documents."""
    shown = Case("document/decode", "the document of the chapter", ("SVC-17", "SVC-21"), (_decode(_bytes()),))
    grown = Case("document/grown", "members that nobody knows", ("SVC-15",), (_decode(_bytes(_grown)),))
    spaced = _decode(json.dumps(SHOWN, indent=4).encode() + b"\n")
    other = Case("document/spaced", "another layout, the same digest", ("SVC-17",), (spaced,))

    def wrong(case: str, title: str, data: bytes) -> Case:
        return shown.refused(case, title, ("SVC-21",), ErrorClass.MALFORMED).changed("decode", document=data)

    return [
        shown,
        grown,
        other,
        *(wrong(case, title, _bytes(change)) for case, (title, change) in FAULTS.items()),
        wrong("truncated", "one byte short", _bytes()[:-1]),
        wrong("list", "a list around it", b"[" + _bytes() + b"]"),
        wrong("not-utf-8", "a byte that is no UTF-8", _bytes().replace(b"Example Post", b"Example \xff")),
    ]
