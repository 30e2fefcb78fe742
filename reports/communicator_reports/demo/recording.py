"""Records a demonstration for the README: a part of what it printed as text, and all of it as a picture.

    python -m communicator_reports.demo.recording

The text stands between two markers, and a test holds its shape against what the program prints (`shape`): times, counts
and ports differ from run to run, headings and sentences do not.
"""

import io
import re
import sys
import tempfile
from pathlib import Path
from typing import Final

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console

from communicator_reports.demo.play import play
from communicator_reports.demo.telling import WIDTH, Teller

__all__ = ["BEGIN", "END", "SHOWN", "block", "excerpt", "recorded", "shape"]

BEGIN: Final = "<!-- recorded by python -m communicator_reports.demo.recording -->"
END: Final = "<!-- end of the recording -->"
SHOWN: Final = ("A receiving service dies", "A client is killed in mid-send", "The judges")
"""The scenes whose text is in the README."""
_TITLE: Final = re.compile(r"^\d+  (.+?) ─+ day", re.MULTILINE)
_FONTS: Final = re.compile(r"@font-face \{\{.*?\}\}\s*", re.DOTALL)


def recorded(readme: Path, picture: Path) -> bool:
    """Play once, and write both; nothing is written if something did not hold."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, highlight=False)
    with tempfile.TemporaryDirectory(prefix="communicator-") as folder:
        holds = play(Path(folder), Teller(console)).holds
    if holds:
        fonts = _FONTS.sub("", CONSOLE_SVG_FORMAT)  # nothing is fetched from anywhere
        svg = console.export_svg(title="communicator demo", clear=False, code_format=fonts)
        picture.write_text("".join(f"{line.rstrip()}\n" for line in svg.splitlines()), "utf-8")
        text = readme.read_text("utf-8")
        readme.write_text(text.replace(block(text), f"{BEGIN}\n\n{excerpt(console.export_text())}\n\n{END}"), "utf-8")
    return holds


def block(text: str) -> str:
    """Return what stands in a text between the markers, with them."""
    return text[text.index(BEGIN) : text.index(END) + len(END)]


def excerpt(printed: str) -> str:
    """Return the first line and the scenes that are shown, as a block of code."""
    lines = [f"    {line}".rstrip() for line in printed.strip().splitlines()]
    scenes = "\n".join(lines).split("\n\n")
    shown = [scene for scene in scenes[1:] if title_of(scene) in SHOWN]
    return "\n\n".join((lines[0], *shown))


def title_of(scene: str) -> str:
    """Return the title of a scene, empty if it has none."""
    found = _TITLE.search(re.sub(r"^ {4}", "", scene, flags=re.MULTILINE))
    return found[1] if found else ""


def shape(text: str) -> list[str]:
    """Return what is alike in every run: what stands at the beginning of a line, without numbers."""
    spoken = (line.removeprefix("    ") for line in text.splitlines())
    return [re.sub(r"[\d,.─]+", "#", line) for line in spoken if line[:1].strip()]


if __name__ == "__main__":
    _root = Path(__file__).parents[3]
    sys.exit(0 if recorded(_root / "README.md", _root / "docs/figures/demo.svg") else 1)
