"""`conform init`: a first adapter that runs, to be changed from there.

Theory. Whoever starts from something that works learns the protocol by changing it. The templates are whole programs of
fewer than 150 lines on nothing but what the language comes with; each runs in this project's own tests.

Each offers one role and one profile and lacks one operation of these, so that its list of known failures has something
on it: every vector that asks for that operation, and that its hello does not excuse it from.

Rules:

1. Nothing is overwritten, and nothing is left behind if a file cannot be written.
2. The list is made of the vectors that there are, and so it is exact.
"""

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final, NamedTuple

from communicator_conformance.errors import ConformanceError
from communicator_conformance.expectations import Expectation, render
from communicator_conformance.vectors import published
from communicator_conformance.verdicts import Fault

__all__ = ["LANGUAGES", "Begun", "StartError", "begin"]

_RUN: Final = {"python": "python3 adapter.py", "javascript": "node adapter.js", "shell": "bash adapter.sh"}
LANGUAGES: Final = tuple(sorted(_RUN))
_OFFERED: Final = frozenset({"rm", "label/1"})
_LACKING: Final = "label.seal"
_WHY: Final = "sealing needs HPKE, which this adapter does not have yet"
_LIST: Final = "known.txt"


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
    contents = {template.name: template.read_bytes() for template in _templates(language)}
    contents[_LIST] = render(_known()).encode()
    targets = {folder / name: data for name, data in sorted(contents.items())}
    for target in targets:
        if target.exists():
            raise StartError(f"{target} is there already; give another folder with --folder")
    folder.mkdir(parents=True, exist_ok=True)
    for target, data in targets.items():
        target.write_bytes(data)
    return Begun(tuple(targets), f"communicator conform --expectations {_LIST} -- {_RUN[language]}")


def _known() -> Iterator[Expectation]:
    """Return what fails for want of the operation that the templates lack (rule 2)."""
    for name, vector in published().items():
        asked = {step.op for step in (*vector.steps, *vector.probe)}
        if _LACKING in asked and vector.needs <= _OFFERED:
            yield Expectation(name, Fault.UNSUPPORTED, _WHY)


def _templates(language: str) -> list[Traversable]:
    return [f for f in files("communicator_conformance").joinpath("templates", language).iterdir() if f.is_file()]
