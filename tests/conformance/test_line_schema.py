"""The schema of the line protocol says what a run does: it fits every line, and none with a place of another form."""

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import jsonschema_rs
import pytest
from tests.conformance.listening import ANSWERS, LINE, REQUEST, listening
from tests.conformance.spoiling import MISSING, spoilt

from communicator_conformance import run
from communicator_conformance.errors import Garbage
from communicator_conformance.forms import unfit
from communicator_conformance.line_schema import FILE, line_schema, names, schema_of, text
from communicator_conformance.operations import form_of_result, unfit_result
from communicator_conformance.protocol import Accepted, decode_answer, decode_hello

JUNK: tuple[object, ...] = (MISSING, None, True, -1, 1.5, "zz", "A0", "0", "00\n", [], {}, [[]], [{}])


def test_the_committed_file_is_what_the_command_prints() -> None:
    committed = files("communicator_conformance").joinpath(FILE).read_text("utf-8")
    assert committed == text(line_schema()), (
        "communicator conform schema > conformance/communicator_conformance/" + FILE
    )


def test_it_is_a_schema_and_so_is_each_part() -> None:
    for schema in (line_schema(), *map(schema_of, names())):
        assert jsonschema_rs.meta.is_valid(schema)
        assert not jsonschema_rs.Draft202012Validator(schema).is_valid(JUNK)


def _spoilt(line: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a line with one place changed or missing at a time, and with one too many."""
    yield {**line, "took_ms": 3}
    yield from spoilt(line, JUNK, items=1)


def _is_taken(op: str, line: dict[str, Any]) -> bool:
    """Tell whether the suite takes a line for an answer to request 7, as far as its form goes."""
    data = json.dumps(line).encode()
    try:
        if op == "hello":
            decode_hello(data, 7)
            return True
        answer = decode_answer(data, 7)
    except Garbage:
        return False
    return not isinstance(answer, Accepted) or unfit(form_of_result(op), answer.result) is None


def test_no_spoilt_line_fits_and_the_suite_takes_none() -> None:
    with listening() as heard:
        assert all(run(["reference"], select=some).ok for some in ("[a-ceh-kr]*", "script/standby:*"))
    assert heard.unfit == []
    assert len(heard.first) > 50
    for op, (question, answer) in heard.first.items():
        refused = [line for line in _spoilt(question) if not REQUEST.is_valid(line)]
        assert len(refused) > 3 * len(question.get("args", "id")), op
        for line in _spoilt(answer | {"id": 7}):
            if line.get("id") == 7:  # which number it is, a schema cannot say
                assert ANSWERS[op].is_valid(line) == _is_taken(op, line), line


def test_a_refusal_fits_and_no_spoilt_one_does() -> None:
    refusal = {"id": 7, "error": {"class": "expired", "detail": "since yesterday"}}
    for line in (refusal, {"id": 7, "unsupported": True}, {"id": 7, "ok": {"ignored": True}}):
        assert ANSWERS["label.derive"].is_valid(line)
        judged = [
            (ANSWERS["label.derive"].is_valid(other), _is_taken("label.derive", other)) for other in _spoilt(line)
        ]
        assert all(of_schema == of_run for of_schema, of_run in judged)
        assert (False, False) in judged


def test_a_question_about_nothing_fits_and_says_what_it_may_be() -> None:
    probe = {"id": 2, "op": "probe.8f03", "now": 0, "entropy": "", "args": {}}
    assert REQUEST.is_valid(probe)
    assert not REQUEST.is_valid(probe | {"op": "label.derive"})
    assert LINE.is_valid(probe)


UNFIT: dict[str, tuple[str, dict[str, object], str]] = {
    "a number as handle": ("session.start", {"handle": 7}, "Expected `str`, got `int` - at `ok.handle`"),
    "bytes in capitals": ("label.derive", {"label": "AB"}, "at `ok.label`"),
    "a digest too short": ("token.key", {"identifier": "00" * 31}, "at `ok.identifier`"),
    "a row that lacks a field": (
        "sender.due",
        {"attempts": [{"ticket": "1", "uri": "u"}], "next_s": None},
        "missing required field `request` - at `ok.attempts[0]`",
    ),
    "bytes of another schema": ("body.encode", {"body": "00"}, "body is no body"),
}


@pytest.mark.parametrize("what", UNFIT)
def test_what_does_not_fit_is_named_by_its_place(what: str) -> None:
    op, result, place = UNFIT[what]
    why = unfit_result(op, result)
    assert why is not None
    assert place in why
