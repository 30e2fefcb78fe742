"""The page of the standard has every clause with its coverage, and stands alone."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from communicator_spec.clauses import ClauseError, load_clauses
from communicator_spec.html import render_standard
from communicator_spec.parameters import PARAMETERS

ROOT = Path(__file__).parents[2]
PREFIX = "STATE"  # ids are put together here, so that this file cites nothing
VOID = {"meta", "br", "hr", "img", "link", "input"}


class Page(HTMLParser):
    """Collects anchors, links and whatever is loaded; complains about tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: list[str] = []
        self.targets: list[str] = []
        self.loaded: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        given = dict(attrs)
        if given.get("id"):
            self.anchors.append(str(given["id"]))
        if tag == "a" and given.get("href"):
            self.targets.append(str(given["href"]))
        self.loaded += [str(given[name]) for name in ("src", "srcset") if name in given]
        self.loaded += [str(given.get("href"))] if tag == "link" else []

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def text() -> str:
    return render_standard(ROOT)


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_tags_match(page: Page) -> None:
    assert page.open == []


def test_every_clause_and_parameter_has_one_anchor(page: Page) -> None:
    assert len(page.anchors) == len(set(page.anchors))
    assert {clause.id for clause in load_clauses()} <= set(page.anchors)
    assert {f"address.{name}" for name in PARAMETERS.address.__struct_fields__} <= set(page.anchors)


def test_every_link_leads_to_an_anchor(page: Page) -> None:
    inner = {target.removeprefix("#") for target in page.targets if target.startswith("#")}
    assert inner <= set(page.anchors)
    assert len(page.targets) > 500


def test_it_stands_alone(page: Page, text: str) -> None:
    assert page.loaded == []
    assert "url(" not in text
    assert not [target for target in page.targets if not target.startswith(("#", "https://"))]


def test_clauses_are_boxes_and_no_quotes(text: str) -> None:
    assert text.count('<div class="clause ') == len(load_clauses())
    assert "<blockquote>" not in text


def test_it_reads_in_the_dark_and_prints(text: str) -> None:
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


def test_it_is_the_same_each_time(text: str) -> None:
    assert render_standard(ROOT) == text


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A small project: one clause with citations of every kind, one that is listed, one that cannot be tested."""
    package = tmp_path / "spec/communicator_spec"
    package.mkdir(parents=True)
    one, two, three = (f"{PREFIX}-{n}" for n in (1, 2, 3))
    chapter = (
        f"# 5. Title\n\nSee {one} and `state.dead_after_s`, at [4,096][envelope.request_bytes_max].\n\n"
        f"> **{one}** (relationship manager · property) It MUST & `do`.\n\n"
        f"> **{two}** (relationship manager · script) It MUST wait.\n\n"
        f"> **{three}** (relationship manager · not testable: <nobody> looks) It SHOULD hide.\n\n"
        "[envelope.request_bytes_max]: parameters.md#envelope.request_bytes_max\n"
    )
    (tmp_path / "spec/05-title.md").write_text(chapter)
    (tmp_path / "spec/parameters.md").write_text('# Parameters\n\n<a id="envelope.request_bytes_max"></a>here\n')
    listed = f'[[uncited]]\nclause = "{two}"\nreason = "why"\ncovered_by = "who"\n'
    (package / "uncited.toml").write_text(listed)
    for place in ("impl/a.py", "tests/b.py", "tests/mutants.py", "conformance/vectors/c.json"):
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"x\n{one}\n")
    return tmp_path


def test_a_box_says_where_its_clause_is_cited(small: Path) -> None:
    text = render_standard(small)
    assert '<span class="yes">cited</span> code 1 · tests 1 · vectors 1 · mutants 1 · text 1' in text
    assert "<li>impl/a.py: 2</li>" in text
    assert "<li>conformance/vectors/c.json</li>" in text


def test_a_box_says_why_its_clause_is_not_cited(small: Path) -> None:
    text = render_standard(small)
    assert '<span class="no">not cited yet</span> why; to be covered by: who' in text
    assert "not testable: &lt;nobody&gt; looks" in text


def test_numbers_parameters_and_ids_are_links(small: Path) -> None:
    text = render_standard(small)
    assert '<a class="figure" href="#envelope.request_bytes_max" title="envelope.request_bytes_max">4,096</a>' in text
    assert f'<a class="ref" href="#{PREFIX}-1">{PREFIX}-1</a> and' in text
    assert '<a href="#state.dead_after_s" title="172,800">' in text
    assert '<span class="word">MUST</span> &amp; <code>do</code>' in text


def test_a_malformed_chapter_is_not_rendered(small: Path) -> None:
    path = small / "spec/05-title.md"
    path.write_text(path.read_text() + "\nIt MAY rain.\n")
    with pytest.raises(ClauseError):
        render_standard(small)


def test_endpoints_keep_their_braces(text: str) -> None:
    assert re.search(r"<code>GET /v1/submissions/\{ticket\}</code>", text)
