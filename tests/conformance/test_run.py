"""A run against the reference, and what it leaves behind."""

import json
import sys
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest
from rich.console import Console
from tests.conformance.listening import listening

import communicator_conformance
from communicator_conformance import Status, Verdict, run
from communicator_conformance.doctor import State, examine
from communicator_conformance.errors import ConformanceError
from communicator_conformance.expectations import read_file
from communicator_conformance.kinds import KINDS
from communicator_conformance.line_schema import names
from communicator_conformance.operations import OPERATIONS
from communicator_conformance.runner import PROTOCOL_TESTS
from communicator_conformance.starting import begin
from communicator_conformance.testee import Testee
from communicator_conformance.vectors import published

HALF = """
import sys
from communicator_impl.adapter import HELLO, OPERATIONS
from communicator_impl.adapter.lines import serve
serve(sys.stdin.buffer, sys.stdout.buffer, {**HELLO, %s}, OPERATIONS)
"""

LYING = """
import sys
from communicator_impl.adapter import HELLO, OPERATIONS
from communicator_impl.adapter.lines import serve
serve(sys.stdin.buffer, sys.stdout.buffer, HELLO, {**OPERATIONS, "label.derive": lambda c: {"label": "00"}})
"""

DRAWING = """
import sys
from communicator_impl.adapter import HELLO, OPERATIONS
from communicator_impl.adapter.lines import serve
from communicator_impl.entropy import SystemEntropy
def drawing(operation):
    def drawn(call):
        call.entropy = SystemEntropy()
        return operation(call)
    return drawn
hello = {**HELLO, "features": sorted(set(HELLO["features"]) - {"derandomized"})}
serve(sys.stdin.buffer, sys.stdout.buffer, hello, {name: drawing(op) for name, op in OPERATIONS.items()})
"""
VECTORS = Path(communicator_conformance.__file__).parent / "vectors"
"""The published ones: a run with a folder plays nothing else."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("out")


@pytest.fixture(scope="module")
def verdict(folder: Path) -> Verdict:
    return run(["reference"], out=folder)


EXPECTED = {"label/seal", "label/seal-no-key", "label/seal-odd-label"}


def _half(hello: str, select: str = "*") -> Verdict:
    return run([sys.executable, "-c", HALF % hello], select=select, vectors=VECTORS)


def test_the_reference_passes_everything(verdict: Verdict) -> None:
    assert verdict.ok
    assert verdict.failures == ()
    others = sum(len(kind.tests()) for kind in KINDS)
    assert verdict.count(Status.PASSED) == len(published()) + len(PROTOCOL_TESTS) + others


def test_the_files_agree_with_the_verdict(verdict: Verdict, folder: Path) -> None:
    lines = [json.loads(line) for line in (folder / "results.jsonl").read_bytes().splitlines()]
    suite = Xml.parse(folder / "junit.xml").getroot()[0]
    whole = json.loads((folder / "summary.json").read_bytes())
    assert [line["id"] for line in lines] == [r.id for r in verdict.results]
    assert suite.attrib["tests"] == str(len(lines))
    assert whole["ok"] is True
    assert set(whole["clauses"].values()) == {"passed"}
    assert all(len(whole["digests"][name]) == 64 for name in ("suite", "spec", "vectors", "testee"))


def test_a_second_run_writes_the_same_bytes_and_every_line_fits_the_schema(
    verdict: Verdict, folder: Path, tmp_path: Path
) -> None:
    with listening() as heard:
        assert run(["reference"], out=tmp_path) == verdict
    assert heard.unfit == []
    assert heard.first.keys() == set(names())  # nothing of the schema is out of use
    for name in ("results.jsonl", "junit.xml", "summary.json"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_a_trace_keeps_the_lines_of_what_passed() -> None:
    assert {r.lines for r in run(["reference"], select="label/grant").results} == {()}
    traced = {r.id: r for r in run(["reference"], select="label/grant", trace=True).results}
    assert traced["label/grant"].status is Status.PASSED
    assert [line[:2] for line in traced["label/grant"].lines] == ["→ ", "← "]
    assert '"op":"label.grant"' in traced["label/grant"].lines[0]


def test_a_client_without_a_service_is_tested_for_its_half() -> None:
    verdict = _half('"roles": ["rm"]')
    assert verdict.ok
    skipped = {r.id for r in verdict.results if r.status is Status.SKIPPED}
    assert "address/resolve" in skipped
    assert "address/diversify" not in skipped


def test_one_profile_is_tested_by_itself() -> None:
    verdict = _half('"profiles": ["two-layer/1"]', "label/*")
    assert {r.status for r in verdict.results[2:]} == {Status.SKIPPED}
    assert not verdict.ok


def test_a_run_in_which_no_vector_passed_is_no_success() -> None:
    verdict = run(["reference"], select="no/such")
    assert verdict.failures == ()
    assert not verdict.ok


def test_a_testee_that_draws_for_itself_is_checked_by_opening() -> None:
    verdict = run([sys.executable, "-c", DRAWING], vectors=VECTORS)
    assert verdict.ok
    assert verdict.count(Status.SKIPPED) == 0
    assert run([sys.executable, "-c", DRAWING], select="script/conversation:*").ok


def test_a_selection_brings_the_twins_along() -> None:
    verdict = run(["reference"], select="address/expired")
    assert [r.id for r in verdict.results[2:]] == ["address/expired", "address/last-second"]


def test_the_table_names_failures_and_counts() -> None:
    console = Console(record=True, width=160, file=StringIO())
    run([sys.executable, "-c", LYING], select="label/derive", console=console)
    shown = console.export_text()
    assert "label/derive" in shown
    assert "mismatch" in shown
    assert "DOES NOT CONFORM: 2 passed, 1 failed" in shown


def test_all_names_of_the_package_exist() -> None:
    assert all(hasattr(communicator_conformance, name) for name in communicator_conformance.__all__)


@pytest.mark.parametrize(
    ("language", "command"),
    [
        ("python", [sys.executable, "adapter.py"]),
        ("javascript", ["node", "adapter.js"]),
        ("shell", ["bash", "adapter.sh"]),
    ],
)
def test_each_first_adapter_conforms_but_for_what_it_lists(language: str, command: list[str], tmp_path: Path) -> None:
    begun = begin(language, tmp_path / "adapter")
    program, known = begun.files
    assert len(program.read_text("utf-8").splitlines()) <= 150
    select = "*" if language == "python" else "label/*"  # the list is the same for all
    verdict = run([*command[:-1], str(program)], select=select, expectations=known)
    assert verdict.ok
    expected = {r.id for r in verdict.results if r.status is Status.EXPECTED}
    assert expected >= EXPECTED if select == "*" else expected == EXPECTED
    passed = {r.id for r in verdict.results if r.status is Status.PASSED}
    assert {
        "label/grant",
        "label/derive",
        "label/derive-lane-beyond",
        "label/grant-too-long",
        "label/grant-odd-date",
    } <= passed


def test_beginning_overwrites_nothing(tmp_path: Path) -> None:
    begin("python", tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    (tmp_path / "adapter.py").unlink()
    with pytest.raises(ConformanceError, match=r"known\.txt is there already"):
        begin("python", tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == before.keys() - {"adapter.py"}
    with pytest.raises(ConformanceError, match="javascript, python, shell"):
        begin("cobol", tmp_path)


DOCTORED = {
    "says_nothing": ("hello", "died"),
    "prints_garbage": ("label.derive", "garbage"),
    "hangs": ("label.derive", "no answer"),
    "always_accepts": ("an input that must be refused", "accepted"),
    "knows_any_name": ("an operation that does not exist", "dishonest"),
}


@pytest.mark.parametrize("liar", DOCTORED)
def test_the_doctor_finds_what_is_wrong_and_shows_the_lines(liar: str) -> None:
    with Testee([sys.executable, str(Path(__file__).parent / "liars" / f"{liar}.py")], 5.0) as program:
        ill = [finding for finding in examine(program, published()) if finding.state is State.ILL]
    what, detail = DOCTORED[liar]
    (found,) = [finding for finding in ill if finding.what == what]
    assert detail in found.detail
    assert found.hint
    assert found.lines[-1].startswith(("→ ", "← ", "! "))


def test_the_doctor_knows_what_is_on_the_list_and_no_other_name(tmp_path: Path) -> None:
    program, known = begin("python", tmp_path).files
    program.write_text(program.read_text("utf-8").replace('"features": []', '"features": ["sesion"]'), "utf-8")
    with Testee([sys.executable, str(program)]) as testee:
        found = list(examine(testee, published(), read_file(known)))
    assert [(f.what, f.state) for f in found if f.state is not State.UNOFFERED][1:] == [
        ("hello", State.ILL),
        ("an operation that does not exist", State.WELL),
        ("an input that must be refused", State.WELL),
        ("label.grant", State.WELL),
        ("label.derive", State.WELL),
        ("label.seal", State.KNOWN),
    ]
    assert found[1].hint == "session may be meant"


def test_the_doctor_finds_the_reference_well() -> None:
    with Testee(["reference"]) as program:
        findings = list(examine(program, published()))
    assert [finding.what for finding in findings[3:]] == list(OPERATIONS)
    assert {finding.state for finding in findings} == {State.WELL}
