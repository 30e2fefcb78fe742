"""The page of a run says what the verdict says, stands alone, and takes nothing that a testee says for markup."""

import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as Xml

import msgspec
import pytest

from communicator_conformance import Digests, Fault, Result, Status, Verdict, Witness, report
from communicator_conformance.errors import ListError
from communicator_conformance.matrix import Cell
from communicator_conformance.scripts import published_scripts, scripts_of
from communicator_conformance.vectors import Vector, published
from communicator_reports.conformance_page import render_badge, render_matrix, render_run, standing
from communicator_reports.conformance_page.tests import Budget
from communicator_spec.clauses import load_clauses

HOSTILE = (
    "<script>x()</script>\"'><img src=x onerror=x()>\u202eright\u2066 \u05e9\u05dc\u05d5\u05dd \x1b[31m\x00"
    " &amp; {{ 7 * 7 }}"
)
DIGESTS = Digests("a" * 64, "b" * 64, "c" * 64, "d" * 64)
ALL_FOUR = ("rm-rm", "ssa-rsa", "rm-ssa", "rm-rsa")
WITNESS = Witness("submission 3", "submission 9", "00" * 40 + "ab" * 16 + "11" * 40, "ab" * 16 + "22" * 4, 40, 0, 16)


def verdict(*results: Result, name: str = "mine 1", select: str = "*", offers: tuple[str, ...] = ("rm",)) -> Verdict:
    return Verdict(name, DIGESTS, results, 7, select, offers)


def passed(name: str = "label/grant", clause: str = "KNOW-1") -> Result:
    return Result(name, Status.PASSED, (clause,))


def failed(detail: str = "resolve: taken", **more: object) -> Result:
    return msgspec.structs.replace(Result("label/late", Status.FAILED, ("KNOW-2",), Fault.ACCEPTED, detail), **more)


class Page(HTMLParser):
    """Collects tags, anchors, links and text; complains about tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.anchors: list[str] = []
        self.targets: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in {"meta", "link", "input", "rect"}:
            self.open.append(tag)
        self.attributes |= {name for name, _ in attrs}
        given = dict(attrs)
        self.anchors += [str(given["id"])] if "id" in given else []
        self.targets += [str(given["href"])] if tag == "a" else []

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag != "rect":
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def vectors() -> dict[str, Vector]:
    return published()


def everything(vectors: dict[str, Vector]) -> Verdict:
    """Return the verdict on a program that passes every vector and every script."""
    plays = [
        Result(test, Status.PASSED, script.clauses, met=ALL_FOUR)
        for name, script in published_scripts().items()
        for test, _ in scripts_of(script, name)
    ]
    return verdict(*(Result(v.id, Status.PASSED, v.clauses) for v in vectors.values()), *plays)


def test_a_full_run_is_small_complete_and_the_same_each_time(vectors: dict[str, Vector]) -> None:
    whole = everything(vectors)
    text = render_run(whole, "communicator conform reference", vectors)
    assert len(text.encode()) < 1_500_000
    assert render_run(whole, "communicator conform reference", vectors) == text
    page = Page(text)
    assert page.open == []
    assert len(page.anchors) == len(set(page.anchors))
    assert {target[1:] for target in page.targets} <= set(page.anchors)
    assert {clause.id for clause in load_clauses()} <= set(page.anchors)
    assert all(r.id in page.anchors for r in whole.results[:20])
    for said in (*msgspec.structs.astuple(DIGESTS), "mine 1", "from seed 7", "communicator conform reference"):
        assert said in page.text


def test_a_clause_has_what_its_tests_say_or_why_there_are_none() -> None:
    text = render_run(verdict(passed(), failed(), Result("label/x", Status.SKIPPED, ("KNOW-3",))), "", {})
    boxes = dict(re.findall(r'<div class="clause [A-Z]+" id="([A-Z]+-\d+)" data-status="([a-z]+)"', text))
    assert (boxes["KNOW-1"], boxes["KNOW-2"], boxes["KNOW-3"]) == ("passed", "failed", "skipped")
    untestable = {c.id for c in load_clauses() if c.disposition.startswith("not testable")}
    assert untestable == {name for name, status in boxes.items() if status == "untestable"}
    assert {status for name, status in boxes.items() if name not in untestable} == {
        "passed", "failed", "skipped", "none",
    }  # fmt: skip
    reason = next(c for c in load_clauses() if c.id in untestable).disposition.removeprefix("not testable: ")
    assert reason in Page(text).text


@pytest.mark.parametrize("place", ["name", "detail", "line", "offer", "command", "witness"])
def test_what_a_testee_says_stays_text(place: str) -> None:
    lines = ("→ {}", f"← {HOSTILE}</pre>") if place == "line" else ()
    seen = WITNESS if place != "witness" else msgspec.structs.replace(WITNESS, left_name=HOSTILE, right_name=HOSTILE)
    result = failed(HOSTILE if place == "detail" else "why", lines=lines, witness=seen)
    whole = verdict(
        passed(), result, name=HOSTILE if place == "name" else "mine 1", offers=(HOSTILE if place == "offer" else "rm",)
    )
    text = render_run(whole, HOSTILE if place == "command" else "", {})
    page = Page(text)
    assert page.tags.count("script") == 1
    assert "img" not in page.tags
    assert not {name for name in page.attributes if name.startswith("on")}
    assert not set(text) & set("\u202e\u2066\x1b\x00")
    assert "\\u202eright" in page.text
    assert "{{ 7 * 7 }}" in page.text
    Xml.fromstring(render_badge(whole))


def test_a_megabyte_of_detail_is_cut_and_says_so() -> None:
    text = render_run(verdict(passed(), failed("x" * 1_000_000)), "", {})
    assert len(text) < 400_000
    assert "… (1,000,000 characters)" in text


def test_the_lines_of_a_page_have_a_budget() -> None:
    budget = Budget(25)
    assert budget.take(["→ 12345678", "← 12345678"]) == ("→ 12345678", "← 12345678")
    assert budget.take(["→ 12345678"]) == ()
    many = failed(lines=tuple(f"→ {{{n}}}" for n in range(100)))
    text = render_run(verdict(many), "", {})
    assert "36 earlier lines are in the results" in text
    assert "→ {99}" in text


def test_a_failed_vector_shows_what_was_expected_at_the_step_where_it_ended(vectors: dict[str, Vector]) -> None:
    vector = vectors["address/expired"]
    asked = tuple(
        line for n, step in enumerate(vector.steps) for line in (f'→ {{"id":{n},"op":"{step.op}"}}', f'← {{"id":{n}}}')
    )
    result = Result(vector.id, Status.FAILED, vector.clauses, Fault.ACCEPTED, "taken", asked)
    page = Page(render_run(verdict(passed(), result), "", vectors))
    assert f"{vector.expect.phase} is refused as expired" in page.text
    assert f"{vector.steps[0].name} · {vector.steps[0].op}" in page.text
    assert page.text.count("the test ended here") == 1


def test_a_witness_shows_the_shared_bytes_marked_with_their_offsets() -> None:
    text = render_run(verdict(passed(), failed(witness=WITNESS)), "", {})
    assert text.count(f"<mark>{' '.join(['ab'] * 16)}</mark>") == 2
    assert "submission 3: from byte 40 of the 96 given" in text
    assert "submission 9: from byte 0 of the 20 given" in text
    assert "<i>24 bytes</i>" in text


@pytest.mark.parametrize(
    ("results", "select", "words", "why"),
    [
        ([passed()], "*", "conforms", "1 test"),
        ([passed(), failed()], "*", "does not conform", "1 failed"),
        ([passed(), Result("a/b", Status.SKIPPED)], "*", "partial", "roles rm"),
        ([passed()], "label/*", "partial", "1 selected test"),
        ([passed(), Result("a/b", Status.EXPECTED)], "*", "partial", "1 known failure"),
        ([Result("a/b", Status.SKIPPED)], "*", "not tested", "nothing passed"),
    ],
)
def test_only_a_whole_run_conforms(results: list[Result], select: str, words: str, why: str) -> None:
    said = standing(verdict(*results, select=select))
    assert (said.words, said.why) == (words, why)
    badge = Xml.fromstring(render_badge(verdict(*results, select=select)))
    assert badge.attrib["aria-label"] == f"communicator 0.1: {words} · {why}"


def test_a_run_of_other_tests_does_not_conform(tmp_path: Path) -> None:
    others = msgspec.structs.replace(verdict(passed()), whole=False)
    assert standing(others).words == "partial"
    report.write(others, tmp_path)
    results = tmp_path / "results.jsonl"
    assert standing(report.read(results, tmp_path / "summary.json")).words == "partial"
    assert standing(report.read(results, None)).words == "partial"


def test_a_service_has_an_area_for_each_of_its_parts() -> None:
    names = ("service/load", "service/receiving/register/again", "service/receiving/late", "label/grant", "service/x")
    text = render_run(verdict(*(passed(name) for name in names)), "", {})
    assert re.findall(r'<details class="group" id="area-([^"]+)"', text) == ["service", "service/receiving", "label"]
    assert "<code>register/again</code>" in text


def test_every_fault_has_a_meaning() -> None:
    assert len({fault.meaning for fault in Fault}) == len(Fault)
    text = render_run(verdict(passed(), failed()), "", {})
    assert "Took what must be refused." in text


def test_the_matrix_says_for_each_pair_which_roles_worked() -> None:
    good = Result("script/a:label", Status.PASSED, met=ALL_FOUR)
    half = Result("script/b:label", Status.PASSED, met=("rm-rm",))
    bad = Result("script/c:label", Status.FAILED, (), Fault.LOST, met=("rm-rm", "ssa-rsa"))
    away = Result("script/a:label", Status.SKIPPED)
    cells = [
        Cell("x", "x", (good, half)), Cell("x", HOSTILE, (good, half, bad)),
        Cell(HOSTILE, "x", (away,)), Cell(HOSTILE, HOSTILE, (good,)),
    ]  # fmt: skip
    text = render_matrix(cells, {"x": "reference", HOSTILE: HOSTILE}, "communicator conform matrix")
    page = Page(text)
    assert page.tags.count("script") == 1
    assert {target[1:] for target in page.targets} <= set(page.anchors)
    said = re.sub(r"\s+", "", page.text)
    assert "✓2of2RM↔RM✓2/2SSA→RSA✓1/1" in said
    assert "✗2of3RM↔RM✗2/3SSA→RSA✗1/2RM↔SSA✓1/1" in said
    assert "·nopartRM↔RM–" in said
    assert "1of3pairsdonotworktogether" in said


def test_a_page_is_drawn_again_from_the_files_of_a_run(tmp_path: Path) -> None:
    whole = verdict(passed(), failed(lines=("→ {}", "← {}"), witness=WITNESS), select="label/*")
    report.write(whole, tmp_path)
    assert report.read(tmp_path / "results.jsonl", tmp_path / "summary.json") == whole
    bare = report.read(tmp_path / "results.jsonl", None)
    assert bare.results == whole.results
    assert "not stated" in render_run(bare, "", {})
    (tmp_path / "results.jsonl").write_text("{")
    with pytest.raises(ListError, match="is not what a run has written"):
        report.read(tmp_path / "results.jsonl", None)
