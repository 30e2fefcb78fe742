"""The standard as one page to browse: chapters, parameters, and beside each clause where it is cited.

Theory. The Markdown is the text; this adds what a reader would otherwise have to search for. Each clause becomes a box
with an anchor, whom it binds, how it is judged, and the places in code, tests, vectors and mutants that name it. Ids
and parameters in the text become links. The page is self-contained: no file beside it, no network; it reads on a phone,
in the dark and on paper.

Rules:

1. Nothing is written here that the chapters do not say, except coverage.
2. A clause that nothing cites says so, with the reason from `uncited.toml` or from its disposition.
"""

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec
from jinja2 import Environment, StrictUndefined
from markdown_it import MarkdownIt
from markdown_it.token import Token

from communicator_spec.clauses import PREFIXES, Clause, Level, extract, standard_digest
from communicator_spec.coverage import Citation, Place, Uncited, coverage, uncited
from communicator_spec.parameters import PARAMETERS

__all__ = ["render_standard"]

_CHAPTERS: Final = "[0-9][0-9]-*.md"
_CLAUSE: Final = re.compile(r"\*\*([A-Z]+-\d+)\*\*\s\([^()]+\)\s(.*)", re.S)
_ID: Final = re.compile(rf"\b(?:{'|'.join(PREFIXES)})-\d+\b")
_PARAMETER: Final = re.compile(r"<code>([a-z]+)\.([a-z0-9_]+)</code>")
_LINK: Final = re.compile(r'<a href="([^"]*)"([^>]*)>(.*?)</a>', re.S)
_WORD: Final = re.compile(r"\b(MUST|SHOULD|MAY)( NOT)?\b")
_TAG: Final = re.compile(r"(<a [^>]*>.*?</a>|<code>.*?</code>|<[^>]*>)", re.S)
_KINDS: Final = ("code", "tests", "vectors", "mutants", "text")


class _Chapter(msgspec.Struct):
    anchor: str
    title: str
    body: str
    sections: list[tuple[str, str]]
    clauses: int = 0
    cited: int = 0


class _Known(msgspec.Struct, frozen=True):
    """What is known about all clauses."""

    clauses: Mapping[str, Clause]
    cited: Mapping[str, Mapping[Place, Sequence[Citation]]]
    listed: Mapping[str, Uncited]

    def is_cited(self, name: str) -> bool:
        """Tell whether code, a test or a vector cites a clause."""
        return any(found for place, found in self.cited[name].items() if place is not Place.STANDARD)


def render_standard(root: Path) -> str:
    """Return the page for the standard below the project's root; raises ClauseError if a chapter is malformed."""
    spec = root / "spec"
    clauses = {clause.id: clause for clause in extract(spec)}
    known = _Known(clauses, coverage(root), {entry.clause: entry for entry in uncited(root)})
    chapters = [_chapter(path, known) for path in (*sorted(spec.glob(_CHAPTERS)), spec / "parameters.md")]
    page = files("communicator_spec").joinpath("page")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=False)
    template = environment.from_string(page.joinpath("standard.html").read_text(encoding="utf-8"))
    css = page.joinpath("standard.css").read_text(encoding="utf-8")
    digest = standard_digest(tuple(clauses.values()))
    return template.render(css=css, chapters=chapters, counts=_counts(known), digest=digest) + "\n"


def _counts(known: _Known) -> dict[str, int]:
    cited = {name for name in known.clauses if known.is_cited(name)}
    rest = [clause for name, clause in known.clauses.items() if name not in cited]
    untestable = [clause for clause in rest if clause.disposition.startswith("not testable")]
    listed = [clause for clause in rest if clause.id in known.listed]
    return {
        "clauses": len(known.clauses),
        "cited": len(cited),
        "listed": len(listed),
        "untestable": len(untestable),
        "open": len(rest) - len(untestable) - len(listed),
    }


# -------------------------------------------------------------------- one chapter


def _chapter(path: Path, known: _Known) -> _Chapter:
    """Render one chapter; headings get anchors, clauses their boxes."""
    markdown = MarkdownIt("commonmark", {"html": True}).enable("table")
    tokens = markdown.parse(path.read_text(encoding="utf-8"))
    anchor = f"chapter-{int(path.name[:2])}" if path.name[:2].isdigit() else path.stem
    chapter = _Chapter(anchor, "", "", [])
    parts = [
        _clause(_CLAUSE.fullmatch(text), known, markdown) if text else _linked(_drawn(markdown, run), known)
        for text, run in _runs(_headed(tokens, chapter))
    ]
    own = [clause for clause in known.clauses.values() if f"chapter-{clause.chapter}" == anchor]
    chapter.clauses, chapter.cited = len(own), sum(known.is_cited(clause.id) for clause in own)
    chapter.body = "\n".join(parts)
    return chapter


def _headed(tokens: list[Token], chapter: _Chapter) -> list[Token]:
    """Give headings anchors, and note them for the contents."""
    for token, inner in pairwise(tokens):
        if token.type == "heading_open" and token.tag == "h1":
            chapter.title = inner.content
        elif token.type == "heading_open":
            name = f"{chapter.anchor}-{re.sub(r'[^a-z0-9]+', '-', inner.content.lower()).strip('-')}"
            token.attrSet("id", name)
            if token.tag == "h2":
                chapter.sections.append((name, inner.content))
    return [token for token in tokens if token.type != "html_block"]


def _runs(tokens: list[Token]) -> Iterator[tuple[str, list[Token]]]:
    """Yield the text of each clause, and everything between clauses as it is."""
    run: list[Token] = []
    place = 0
    while place < len(tokens):
        inner = tokens[place + 2] if tokens[place].type == "blockquote_open" else None
        if inner is not None and _CLAUSE.fullmatch(inner.content):
            yield "", run
            yield inner.content, []
            run, place = [], place + 5  # quote, paragraph, inline, and both ends
        else:
            run.append(tokens[place])
            place += 1
    yield "", run


def _drawn(markdown: MarkdownIt, tokens: list[Token]) -> str:
    text: str = markdown.renderer.render(tokens, markdown.options, {})
    return text.replace("<table>", '<div class="scroll"><table>').replace("</table>", "</table></div>")


# -------------------------------------------------------------------- links


def _linked(text: str, known: _Known) -> str:
    """Turn parameters and ids into links, and links between files into links on this page."""
    text = _LINK.sub(_relinked, text)
    text = _PARAMETER.sub(_parameter, text)
    parts = _TAG.split(text)
    parts[::2] = [_ID.sub(lambda m: _id(m[0], known), part) for part in parts[::2]]
    return "".join(parts)


def _relinked(match: re.Match[str]) -> str:
    target, rest, text = match.groups()
    if target.startswith("parameters.md#"):
        name = target.partition("#")[2]
        return f'<a class="figure" href="#{name}" title="{name}">{text}</a>'
    if found := re.fullmatch(r"(\d\d)-[a-z-]+\.md", target):
        return f'<a href="#chapter-{int(found[1])}">{text}</a>'
    if re.match(r"https?://", target):
        return f'<a href="{target}"{rest}>{text}</a>'
    return f"{text} (<code>{target}</code>)" if "/" in target else text


def _parameter(match: re.Match[str]) -> str:
    section, field = match.groups()
    value = getattr(getattr(PARAMETERS, section, None), field, None)
    if value is None:
        return match[0]
    said = f"{value:,}" if isinstance(value, int) else str(value)
    return f'<a href="#{section}.{field}" title="{html.escape(said)}">{match[0]}</a>'


def _id(name: str, known: _Known) -> str:
    return f'<a class="ref" href="#{name}">{name}</a>' if name in known.clauses else name


# -------------------------------------------------------------------- clauses


def _clause(match: re.Match[str] | None, known: _Known, markdown: MarkdownIt) -> str:
    """Return the box of one clause."""
    assert match is not None
    clause = known.clauses[match[1]]
    body = _linked(markdown.renderInline(clause.text), known)
    body = _WORD.sub(r'<span class="word">\g<0></span>', body, count=1)
    return (
        f'<div class="clause {clause.level}" id="{clause.id}"><div class="head">'
        f'<a class="id" href="#{clause.id}">{clause.id}</a><span>{", ".join(clause.roles)}</span>'
        f"<span>{_judged(clause)}</span></div><p>{body}</p>{_coverage(clause, known)}</div>"
    )


def _judged(clause: Clause) -> str:
    testable = not clause.disposition.startswith("not testable")
    return html.escape(f"judged by {clause.disposition}" if testable else clause.disposition)


def _coverage(clause: Clause, known: _Known) -> str:
    """Say where a clause is cited, or why not."""
    places = _places(known.cited[clause.id])
    counts = " · ".join(f"{kind} {len(found)}" for kind, found in places.items())
    status = f'<span class="yes">cited</span> {counts}' if known.is_cited(clause.id) else _excuse(clause, known)
    if not places:
        return f'<div class="cited">{status}</div>'
    lists = "".join(
        f"<h4>{kind}</h4><ul>{''.join(f'<li>{html.escape(where)}</li>' for where in found)}</ul>"
        for kind, found in places.items()
    )
    return f'<details class="cited"><summary>{status}</summary>{lists}</details>'


def _excuse(clause: Clause, known: _Known) -> str:
    entry = known.listed.get(clause.id)
    if entry is not None:
        why = html.escape(f"{entry.reason}; to be covered by: {entry.covered_by}")
        return f'<span class="no">not cited yet</span> {why}'
    if clause.disposition.startswith("not testable"):
        return "not testable"
    return "not cited" if clause.level is not Level.MUST else '<span class="no">not cited</span>'


def _places(cited: Mapping[Place, Sequence[Citation]]) -> dict[str, list[str]]:
    """Sort citations into what readers look for: a file once, with its lines."""
    sorted_out: dict[str, dict[str, list[int]]] = {kind: {} for kind in _KINDS}
    for place, found in cited.items():
        for citation in found:
            kind = "mutants" if "mutant" in citation.path.name else "text" if place is Place.STANDARD else place.value
            sorted_out[kind].setdefault(citation.path.as_posix(), []).append(citation.line)
    return {kind: [_where(kind, p, lines) for p, lines in found.items()] for kind, found in sorted_out.items() if found}


def _where(kind: str, path: str, lines: list[int]) -> str:
    return path if kind == "vectors" else f"{path}: {', '.join(map(str, lines))}"
