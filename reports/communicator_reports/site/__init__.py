"""The documentation as a site: the project's own Markdown, the standard, and published studies, as pages to browse.

Theory. The texts are written where they belong, beside what they speak of, and are read there by whoever has the
sources. The site adds what a reader from outside needs: an order by who one is, a search through all of them, and
links that work. `make docs` writes it; nothing on it comes from the network.

Rules:

1. `PAGES` has the order of the contents; texts of `docs/` that it does not name come last. Nothing is written here that
   the texts do not say.
2. A link to a text of the site leads to its page, a link to a picture takes the picture along, and what else a link
   names (a module, a folder) must be there: it is shown as a name.
3. A link that leads nowhere, an anchor or a picture that there is not: each is an error.
"""

import html
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath
from typing import Final, NamedTuple

import jinja2
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from communicator_spec.html import render_standard

__all__ = ["PAGES", "SiteError", "build"]

PAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "Start": ("README.md", "CHANGELOG.md"),
    "For implementers": (
        "conformance/README.md", "spec/README.md", "conformance/testees/README.md", "impl/README.md",
    ),
    "For operators": (
        "docs/services.md", "docs/capacity.md", "docs/chaos.md", "docs/scenarios.md", "deploy/README.md",
        "simulations/README.md",
    ),
    "For researchers": (
        "reports/README.md", "reports/published/README.md", "docs/adversaries.md", "spec/formal/README.md",
        "model/README.md",
    ),
    "For people": ("docs/client.md",),
    "Reference": ("docs/benchmarks.md", "CONTRIBUTING.md", "docs/adr/README.md"),
}  # fmt: skip
"""Headings of the contents, and the texts below them; those that are not there are left out."""

_PICTURES: Final = frozenset({".svg", ".png"})
_STANDARD: Final = "standard.html"


class SiteError(ValueError):
    """What is wrong with the texts, a line each."""


class _Page(NamedTuple):
    """One text: its path in the project, that of its page, its title, and the ids of its headings."""

    source: str
    path: str
    title: str
    body: str
    anchors: frozenset[str]


def build(root: Path, out: Path) -> list[Path]:
    """Write the site of the project at `root` into a folder and return its files.

    Raises `SiteError` with everything that is wrong; nothing is written then.
    """
    contents = _contents(root)
    sources = [name for names in contents.values() for name in names]
    sources += sorted(str(p.relative_to(root)) for p in (root / "docs" / "adr").glob("0*.md"))
    pages = {name: _read(root, name) for name in sources}
    wrong: list[str] = []
    made: dict[str, str] = {}
    pictures: set[str] = set()
    for page in pages.values():
        linker = _Linker(root, page, pages)
        made[page.path] = _rendered(page, linker.linked(), pages, contents)
        wrong += linker.wrong
        pictures |= linker.pictures
    if wrong:
        raise SiteError("\n".join(wrong))
    texts = {**made, _STANDARD: render_standard(root), "index.html": made["README.html"]}
    written = [_write(out / path, text.encode()) for path, text in texts.items()]
    written += [_write(out / path, (root / path).read_bytes()) for path in sorted(pictures)]
    published = root / "reports" / "published"
    for path in sorted(published.glob("*/*")):
        if path.is_file():
            written.append(_write(out / path.relative_to(root), path.read_bytes()))
    return written


def _contents(root: Path) -> dict[str, list[str]]:
    """Return the headings with the texts that there are."""
    found = {heading: [name for name in names if (root / name).is_file()] for heading, names in PAGES.items()}
    named = {name for names in found.values() for name in names}
    rest = (str(path.relative_to(root)) for path in sorted((root / "docs").glob("*.md")))
    found["Reference"] += [name for name in rest if name not in named]
    return found


def _read(root: Path, name: str) -> _Page:
    markdown = MarkdownIt("commonmark").enable("table")
    tokens = markdown.parse((root / name).read_text("utf-8"))
    anchors: dict[str, int] = {}
    title = ""
    for at, token in enumerate(tokens):
        if token.type == "heading_open":
            words = _plain(tokens[at + 1])
            title = title or words
            token.attrSet("id", _slug(words, anchors))
    body = str(markdown.renderer.render(tokens, markdown.options, {}))
    return _Page(name, str(PurePosixPath(name).with_suffix(".html")), title or name, body, frozenset(anchors))


def _plain(token: Token) -> str:
    return "".join(child.content for child in token.children or () if child.type in ("text", "code_inline"))


def _slug(words: str, taken: dict[str, int]) -> str:
    """Return the id of a heading as code hosts make it, so that links between the texts work there, too."""
    slug = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
    taken[slug] = number = taken.get(slug, -1) + 1
    return slug if number == 0 else f"{slug}-{number}"


class _Linker:
    """Turns the links of one text into those of its page, and notes what is wrong with them."""

    def __init__(self, root: Path, page: _Page, pages: Mapping[str, _Page]) -> None:
        self._root, self._page, self._pages = root, page, pages
        self.wrong: list[str] = []
        self.pictures: set[str] = set()

    def linked(self) -> Markup:
        """Return the body with its links."""
        body = re.sub(r'<a href="([^"]*)">(.*?)</a>', self._link, self._page.body, flags=re.S)
        body = re.sub(r'(<img src=")([^"]*)(")', self._picture, body)
        body = re.sub(r"<table>.*?</table>", r'<div class="scroll" tabindex="0">\g<0></div>', body, flags=re.S)
        return Markup(body)

    def _target(self, link: str) -> str:
        return normpath(str(PurePosixPath(self._page.source).parent / link))

    def _link(self, found: re.Match[str]) -> str:
        address, words = html.unescape(found[1]), found[2]
        if re.match(r"[a-z]+:", address):
            return found[0]
        path, _, anchor = address.partition("#")
        name = self._target(path) if path else self._page.source
        if (self._root / name).is_dir() and f"{name}/README.md" in self._pages:
            name = f"{name}/README.md"
        if name in self._pages:
            page = self._pages[name]
            if anchor and anchor not in page.anchors:
                self.wrong.append(f"{self._page.source}: {address}: there is no such heading")
            return f'<a href="{self._relative(page.path)}{"#" * bool(anchor)}{anchor}">{words}</a>'
        if re.fullmatch(r"spec/(\d\d-.*|parameters)\.md", name) and (self._root / name).is_file():
            return f'<a href="{self._relative(_STANDARD)}">{words}</a>'
        if (self._root / name).suffix in _PICTURES and (self._root / name).is_file():
            self.pictures.add(name)
            return f'<a href="{self._relative(name)}">{words}</a>'
        if name.startswith("reports/published/") and (self._root / name).exists():
            return f'<a href="{self._relative(name)}">{words}</a>'
        if not (self._root / name).exists():
            self.wrong.append(f"{self._page.source}: {address}: leads nowhere")
        return words

    def _picture(self, found: re.Match[str]) -> str:
        name = self._target(html.unescape(found[2]))
        if not (self._root / name).is_file():
            self.wrong.append(f"{self._page.source}: {found[2]}: is not there")
        self.pictures.add(name)
        return f"{found[1]}{self._relative(name)}{found[3]}"

    def _relative(self, path: str) -> str:
        return relpath(path, PurePosixPath(self._page.path).parent)


def _rendered(page: _Page, body: Markup, pages: Mapping[str, _Page], order: Mapping[str, list[str]]) -> str:
    folder = files("communicator_reports.site") / "page"
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True).from_string(
        (folder / "site.html").read_text("utf-8")
    )

    def relative(path: str) -> str:
        return relpath(path, PurePosixPath(page.path).parent)

    contents: dict[str, list[tuple[str, str, bool]]] = {}
    for heading, names in order.items():
        listed = [pages[name] for name in names]
        contents[heading] = [(_short(one.title), relative(one.path), one is page) for one in listed]
    contents["For implementers"].insert(0, ("The standard, all chapters", relative(_STANDARD), False))
    return template.render(
        title=page.title, body=body, contents=contents, style=Markup((folder / "site.css").read_text("utf-8"))
    )


def _short(title: str) -> str:
    """Return the part of a title that stands in the contents."""
    name = title.partition(":")[0]
    return name[:1].upper() + name[1:]


def _write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
