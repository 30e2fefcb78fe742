"""The wire schema at run time: does a byte string fit a rule of `communicator.cddl`?

Theory. A schema that only tests read is a second description that may be wrong without anybody noticing. The judges ask
it while they run: what a testee produces, and what a role sees on the wire, fits the rule of its place or is a finding.
A decoder is no such judge, because it may share the mistake of the encoder beside it.

Rules:

1. What is judged is one item of deterministic CBOR and nothing after it (ENV-1); CDDL cannot say that, so it is
   compared with its own encoding first.
2. A rule that is nothing but a byte string (`rdas`, `public-key`) describes the bytes themselves, without a head.
3. A reason is for people. It names the deepest place that does not fit; nothing compares it.
4. An unknown rule is an error of the caller, a `KeyError`.
5. The library checks a `.size` and forgets the type before it: a text of 16 bytes passes for `bstr .size 16`. So each
   rule is compiled twice, as it stands and without sizes, and bytes have to fit both.

Cost: a rule is compiled once, 1 ms; then about 0.05 ms for an envelope, 0.5 ms for a body with a set.
"""

import re
from functools import cache
from importlib.resources import files
from typing import Final

import cbor2
import pycddl

__all__ = ["RULES", "size_of", "source", "validate"]

_RULE: Final = re.compile(r"^([a-z][a-z0-9-]*) *= *(.*)$", re.MULTILINE)
_SIZE: Final = re.compile(r" \.size (\d+|\(\d+\.\.\d+\))")
_STRING: Final = re.compile(rf"bstr({_SIZE.pattern})?( *;.*)?")
_PLACE: Final = re.compile(r"at cbor location (\S*) ?: (.*)")
_TYPES: Final = (int, bytes, str, bool, type(None))


def source() -> str:
    """Return the text of the wire schema (RFC 8610)."""
    return files("communicator_spec").joinpath("communicator.cddl").read_text(encoding="utf-8")


def _rules() -> dict[str, bool]:
    return {name: _STRING.fullmatch(body.strip()) is not None for name, body in _RULE.findall(source())}


RULES: Final = _rules()
"""Every rule by name; true where it is a byte string without a head (rule 2)."""


def size_of(rule: str) -> int | None:
    """Return how many bytes a rule demands that is a byte string of one size; None for any other rule."""
    body = dict(_RULE.findall(source()))[rule]
    size = _SIZE.search(body) if RULES[rule] else None
    return int(size[1]) if size and size[1].isdecimal() else None


@cache
def _compiled(rule: str) -> tuple[pycddl.Schema, ...]:
    text = f"start = {rule}\n{source()}"
    return pycddl.Schema(text), pycddl.Schema(_SIZE.sub("", text))  # rule 5


def validate(rule: str, data: bytes) -> str | None:
    """Return why `data` does not fit a rule; None if it does. Raises KeyError for a rule that does not exist."""
    if RULES[rule]:  # rule 2
        data = cbor2.dumps(data)
    try:
        if not _is_deterministic(data):  # rule 1
            return f"{rule}: not one item of deterministic CBOR"
        for schema in _compiled(rule):
            schema.validate_cbor(data)
    except pycddl.ValidationError as error:
        return f"{rule}: {_deepest(str(error))}"
    except (cbor2.CBORError, ValueError, TypeError, OverflowError, RecursionError):
        return f"{rule}: not CBOR"
    return None


def _is_deterministic(data: bytes) -> bool:
    value = cbor2.loads(data, allow_indefinite=False, allow_duplicate_keys=False)
    return _is_plain(value) and cbor2.dumps(value, canonical=True) == data


def _is_plain(value: object) -> bool:
    """Tell whether a value has no tag in it, which the library would interpret by itself."""
    if isinstance(value, dict):
        return all(_is_plain(k) and _is_plain(v) for k, v in value.items())
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return isinstance(value, _TYPES)


def _deepest(error: str) -> str:
    """Return the first complaint about the deepest place (rule 3)."""
    found = [(path, " ".join(what.split())) for path, what in _PLACE.findall(error)]
    if not found:
        return " ".join(error.split())[:160]
    path, what = max(found, key=lambda complaint: complaint[0].count("/"))
    return f"{path or '/'}: {what[:160]}"
