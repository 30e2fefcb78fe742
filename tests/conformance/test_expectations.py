"""Expectation lists are strict: every surprise fails the run until the list is rewritten."""

from pathlib import Path

import pytest

from communicator_conformance import Fault, ListError, Result, Status, run
from communicator_conformance.expectations import (
    UNEXPLAINED,
    Expectation,
    apply,
    hold,
    read,
    read_file,
    render,
    rewrite,
)

FAILED = Result("a/one", Status.FAILED, fault=Fault.ACCEPTED, detail="x")
PASSED = Result("a/two", Status.PASSED)
SKIPPED = Result("a/three", Status.SKIPPED)


def _listed(name: str, fault: Fault = Fault.ACCEPTED) -> tuple[Expectation, ...]:
    return (Expectation(name, fault, "our issue 12"),)


def test_a_listed_failure_is_expected() -> None:
    (result,) = apply(_listed("a/one"), [FAILED])
    assert result.status is Status.EXPECTED
    assert result.detail == "our issue 12"


def test_every_fault_is_explained_in_the_readme() -> None:
    readme = (Path(__file__).parents[2] / "conformance/README.md").read_text("utf-8")
    assert [fault.value for fault in Fault if f"| `{fault.value}` | {fault.meaning} |" not in readme] == []


def test_an_unlisted_failure_stays_a_failure() -> None:
    assert apply((), [FAILED]) == (FAILED,)


@pytest.mark.parametrize(
    ("name", "fault", "surprise"),
    [
        ("a/one", Fault.WRONG_CLASS, Fault.ACCEPTED),  # fails in another way
        ("a/two", Fault.ACCEPTED, Fault.LISTED_BUT_PASSING),
        ("a/three", Fault.ACCEPTED, Fault.LISTED_BUT_SKIPPED),
        ("a/four", Fault.ACCEPTED, Fault.LISTED_BUT_UNKNOWN),
    ],
)
def test_a_surprise_fails(name: str, fault: Fault, surprise: Fault) -> None:
    judged = {r.id: r for r in apply(_listed(name, fault), [FAILED, PASSED, SKIPPED])}
    assert judged[name].status is Status.FAILED
    assert judged[name].fault is surprise


def test_rewriting_keeps_reasons_and_marks_news() -> None:
    other = Result("a/zero", Status.FAILED, fault=Fault.HUNG)
    rows = rewrite((*_listed("a/one"), *_listed("a/two")), [FAILED, PASSED, other])
    assert rows == (*_listed("a/one"), Expectation("a/zero", Fault.HUNG, UNEXPLAINED))
    assert all(r.status is Status.EXPECTED for r in apply(rows, [FAILED, other]))


def test_what_a_run_does_not_judge_stays_on_the_list(tmp_path: Path) -> None:
    known = tmp_path / "known.txt"
    known.write_text(render((*_listed("a/one"), *_listed("b/elsewhere"))), "utf-8")
    results = hold(known, (PASSED, FAILED), lambda test: test.startswith("a/"), update=True)
    assert [r.status for r in results] == [Status.PASSED, Status.EXPECTED]
    assert read_file(known) == (*_listed("a/one"), *_listed("b/elsewhere"))


def test_a_program_without_a_hello_leaves_the_list_alone(tmp_path: Path) -> None:
    known = tmp_path / "known.txt"
    known.write_text(render(_listed("label/derive")), "utf-8")
    verdict = run([str(tmp_path / "missing")], select="label/derive", expectations=known, update=True)
    assert [(r.id, r.fault) for r in verdict.failures] == [("protocol/hello", Fault.DIED)]
    assert read_file(known) == _listed("label/derive")


def test_a_list_reads_as_it_is_written() -> None:
    rows = (*_listed("a/one"), *_listed("a/two", Fault.NOT_LIVE))
    assert read(render(rows)) == rows


@pytest.mark.parametrize(
    "text", ["a/one\n", "a/one accepted\n", "a/one sometimes why\n", "a/one hung x\na/one died y\n"]
)
def test_a_line_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ListError):
        read(text)


def test_a_run_rewrites_its_list_and_then_holds_by_it(tmp_path: Path) -> None:
    path = tmp_path / "known.txt"
    path.write_text("label/grant accepted it is fine by now\n")
    stale = run(["reference"], select="label/grant*", expectations=path)
    assert {r.fault for r in stale.failures} == {Fault.LISTED_BUT_PASSING}
    assert run(["reference"], select="label/grant*", expectations=path, update=True).ok
    assert read(path.read_text()) == ()


def test_what_was_not_selected_is_not_judged_and_stays_on_the_list(tmp_path: Path) -> None:
    path = tmp_path / "known.txt"
    beyond = _listed("script/first-contact:label", Fault.LOST)
    path.write_text(render((*_listed("label/grant"), *beyond)))
    stale = run(["reference"], select="label/grant", expectations=path)
    assert [(r.id, r.fault) for r in stale.failures] == [("label/grant", Fault.LISTED_BUT_PASSING)]
    assert run(["reference"], select="label/grant", expectations=path, update=True).ok
    assert read(path.read_text()) == beyond


@pytest.mark.parametrize("test", ["protocol/honesty", "script/first-contact:label"])
def test_an_unexpected_pass_fails_in_every_kind(test: str, tmp_path: Path) -> None:
    path = tmp_path / "known.txt"
    path.write_text(render(_listed(test)))
    judged = {r.id: r for r in run(["reference"], select=test, expectations=path).failures}
    assert judged[test].fault is Fault.LISTED_BUT_PASSING
