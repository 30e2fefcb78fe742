"""The site has every text, links that lead somewhere, and commands that there are."""

import html
import re
import shlex
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
import typer

from communicator_reports.commands.later import loaded
from communicator_reports.site import PAGES, SiteError, build

ROOT = Path(__file__).parents[2]
_PAGES = sorted({name for names in PAGES.values() for name in names if (ROOT / name).is_file()} - {"CHANGELOG.md"})
_NOT_THERE = re.compile(r"No such (option|command)|unexpected extra argument|Missing (argument|option|command)")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    build(ROOT, out)
    return out


def test_every_link_of_the_site_leads_to_a_file_and_a_heading(site: Path) -> None:
    texts = {path: path.read_text("utf-8") for path in site.rglob("*.html") if "published" not in path.parts}
    assert len(texts) > 25
    count = 0
    for path, text in texts.items():
        for link in re.findall(r'(?:href|src)="([^"#:]*)(#[^"]*)?"', text):
            target = path if not link[0] else (path.parent / html.unescape(link[0])).resolve()
            assert target.is_file(), f"{path}: {link}"
            if link[1] and target in texts:
                assert f'id="{link[1][1:]}"' in texts[target], f"{path}: {link}"
            count += 1
    assert count > 300


def test_what_is_wrong_with_texts_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "new.md").write_text("# New\n[x](../README.md#b)")
    (tmp_path / "README.md").write_text("# A\n[x](gone.md) [y](#none) ![z](gone.svg) [a](#a) [web](https://e.example)")
    with pytest.raises(SiteError) as caught:
        build(tmp_path, tmp_path / "out")
    assert str(caught.value).splitlines() == [
        "README.md: gone.md: leads nowhere",
        "README.md: #none: there is no such heading",
        "README.md: gone.svg: is not there",
        "docs/new.md: ../README.md#b: there is no such heading",
    ]
    assert not (tmp_path / "out").exists()


def commands(text: str) -> Iterator[str]:
    """Yield the command lines of the code blocks of a text."""
    fenced = re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S)
    indented = re.findall(r"(?:^(?: {4}|\t).*\n)+", text, re.M)
    for block in chain(fenced, indented):
        for line in block.replace("\\\n", " ").splitlines():
            found = re.match(r"\s*(?:\$ )?communicator ([a-z].*)", line)
            if found:
                yield found[1]


@pytest.mark.parametrize("name", _PAGES)
def test_every_command_that_is_shown_can_be_given(name: str) -> None:
    for line in commands((ROOT / name).read_text("utf-8")):
        for one in re.split(r" \| | > | && ", line)[:1]:
            words = shlex.split(one, comments=True)
            words = words[: words.index("--") + 2] if "--" in words else words
            if not {"…", "..."} & set(words) and "[" not in one:
                assert refused(words) is None, f"{name}: communicator {line}"


def test_a_command_that_there_is_not_is_noticed() -> None:
    assert "No such option" in (refused(["study", "migration", "--speed", "3"]) or "")
    assert "No such command" in (refused(["report", "draw", "out"]) or "")
    assert "Missing argument" in (refused(["report", "build"]) or "")
    assert refused(["report", "diff", "a", "b", "--json"]) is None
    shown = [line for name in _PAGES for line in commands((ROOT / name).read_text("utf-8"))]
    assert len(shown) > 80


def refused(words: list[str]) -> str | None:
    """Read a command line as the program does, and run nothing: why it cannot be given; None: it can."""
    command, given, context = loaded(words[0]), words[1:], None
    try:
        context = command.make_context(words[0], list(given))
        while hasattr(command, "resolve_command"):
            name, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
            context = command.make_context(name, rest, parent=context)
    except (typer.Exit, RuntimeError):
        return None  # --help and --list
    except Exception as error:
        said = getattr(error, "format_message", None)  # Typer has a Click of its own, and does not show its errors
        if said is None:
            raise
        return said() if _NOT_THERE.search(said()) else None
    return None
