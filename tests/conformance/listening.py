"""Hears every line of a run, holds it against the schema of the line protocol, and keeps the first of each kind."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jsonschema_rs
import pytest

from communicator_conformance.line_schema import line_schema, names
from communicator_conformance.testee import Testee

__all__ = ["ANSWERS", "LINE", "REQUEST", "Heard", "listening"]

WHOLE = line_schema()


def _validator(name: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator({**WHOLE, "$ref": f"#/$defs/{name}"})


ANSWERS = {op: _validator(f"{op}.answer") for op in names()}
REQUEST, LINE = _validator("request"), _validator("line")


class Heard:
    """What was said: the first question of each operation that was taken, and its answer; and all that does not fit."""

    def __init__(self) -> None:
        self.first: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
        self.unfit: list[tuple[dict[str, Any], dict[str, Any]]] = []

    def hear(self, line: bytes, said: bytes) -> None:
        """Judge one question and its answer."""
        question, answer = json.loads(line), json.loads(said)
        judge = ANSWERS.get(question["op"])
        fits = judge.is_valid(answer) if judge else answer == {"id": question["id"], "unsupported": True}
        if not fits or not REQUEST.is_valid(question):
            self.unfit.append((question, answer))
        if "ok" in answer:
            self.first.setdefault(question["op"], (question, answer))


@contextmanager
def listening() -> Iterator[Heard]:
    """Hear every line that any testee exchanges meanwhile."""
    heard, exchange = Heard(), Testee._exchange

    def hear(self: Testee, line: bytes, timeout_s: float) -> bytes:
        answer = exchange(self, line, timeout_s)
        heard.hear(line, answer)
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Testee, "_exchange", hear)
        yield heard
