"""`conform init`: a first adapter that runs, to be changed from there.

Theory. Whoever starts from something that works learns the protocol by changing it. The templates are whole programs of
fewer than 150 lines on nothing but what the language comes with; each runs in this project's own tests.

Rules:

1. Nothing is overwritten, and nothing is left behind if a file cannot be written.
"""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final, NamedTuple

from communicator_conformance.errors import ConformanceError

__all__ = ["LANGUAGES", "Begun", "StartError", "begin"]

_RUN: Final = {"python": "python3 adapter.py", "javascript": "node adapter.js", "shell": "bash adapter.sh"}
LANGUAGES: Final = tuple(sorted(_RUN))


class StartError(ConformanceError):
    """A language without a template, or a folder that has files of these names already."""


class Begun(NamedTuple):
    """The files that were written, and the command that plays the vectors with them."""

    files: tuple[Path, ...]
    command: str


def begin(language: str, folder: Path) -> Begun:
    """Write a first adapter and its list of known failures into a folder, which is made if need be."""
    if language not in _RUN:
        raise StartError(f"no template for {language!r}; there is {', '.join(LANGUAGES)}: take the nearest")
    templates = sorted(_templates(language), key=lambda f: f.name)
    targets = tuple(folder / template.name for template in templates)
    for target in targets:
        if target.exists():
            raise StartError(f"{target} is there already; give another folder with --folder")
    folder.mkdir(parents=True, exist_ok=True)
    for template, target in zip(templates, targets, strict=True):
        target.write_bytes(template.read_bytes())
    return Begun(targets, f"communicator conform --expectations known.txt -- {_RUN[language]}")


def _templates(language: str) -> list[Traversable]:
    return [f for f in files("communicator_conformance").joinpath("templates", language).iterdir() if f.is_file()]
