"""Studies as files: what is run, what is said about it, and what must be true of it.

A study is a folder with two files. `study.toml` says which programs, scenarios and games are run, at which size, and
which sources are cited. `prose.md` is the whole text of the report. Its numbers are slots that are filled from results:

`{{ name }}`
    a number or a name out of the results (`communicator_reports.slots` has them all)
`{% if … %}`, `{% for … %}`, `{% macro … %}`
    what is said depends on what was found (Jinja)
`{{ claim(name) }}`
    the sentence of a claim, if the results bear it out; otherwise that they do not
`{figure: name}`, `{table: name}`
    a figure or table stands here, if the results have what it shows

Rules:

1. A digit outside a slot, a code mark or a name is an error: no number is typed.
2. The two files are copied into the folder of results, so that a report is drawn from that folder alone.
"""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

import msgspec

from communicator_simulations.conclusions import Conclusion
from communicator_spec.errors import Explained

__all__ = ["PROSE", "STUDY", "Claim", "Quick", "Source", "Study", "StudyError", "copy_study", "find_study",
           "load_study", "study_names", "study_of", "usual_study"]  # fmt: skip

STUDY: Final = "study.toml"
PROSE: Final = "prose.md"
_DEFAULT: Final = "migration"


class StudyError(Explained, ValueError):
    """A study is missing or malformed, or says what its results do not have."""


class Quick(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `--quick` asks for where nothing else was asked for."""

    people: int
    days: float
    replications: int
    game_rounds: int


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of the bibliography; `cite` stands in the text."""

    name: str
    cite: str
    text: str
    url: str


class Claim(Conclusion, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A sentence of the report and the comparison of runs that it stands on; the text says it by its name."""

    name: str


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A small run whose event log is kept, to be looked into (`communicator explore`) and drawn."""

    policy: str
    fault: str
    people: int
    days: float


class Study(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is run: a scenario, and beside it what else the report shows (empty, 0 or false: it does not)."""

    scenario: str
    quick: Quick
    vectors: str = ""
    game_rounds: int = 0
    knowledge: bool = False
    kept: Kept | None = None
    claim: tuple[Claim, ...] = ()
    source: tuple[Source, ...] = ()


def study_names() -> list[str]:
    """Return the names of the studies that come with the package."""
    return sorted(entry.name for entry in _packaged().iterdir() if (entry / STUDY).is_file())


def load_study(folder: Path | Traversable) -> tuple[Study, str]:
    """Read a study and its prose.

    Raises `StudyError` if one of the files is missing or malformed.
    """
    try:
        study = msgspec.toml.decode((folder / STUDY).read_bytes(), type=Study)
        return study, (folder / PROSE).read_text("utf-8")
    except OSError as error:
        raise StudyError(f"{folder}: holds no study ({error.strerror}: {STUDY}, {PROSE})") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StudyError(f"{folder / STUDY}: {error}") from None


def find_study(name: str) -> Path | Traversable | None:
    """Return the folder of a study by its name or path; None if there is none."""
    if name in study_names():
        return _packaged() / name
    return Path(name) if (Path(name) / STUDY).is_file() else None


def study_of(results: Path) -> tuple[Study, str]:
    """Return the study that a folder of results belongs to; a bare simulation is told in the words of the usual one."""
    return load_study(results if (results / STUDY).is_file() else usual_study())


def copy_study(source: Path | Traversable, results: Path) -> None:
    """Copy the files of a study into a folder of results."""
    for name in (STUDY, PROSE):
        (results / name).write_bytes((source / name).read_bytes())


def usual_study() -> Traversable:
    """Return the folder of the study in whose words any scenario can be told."""
    return _packaged() / _DEFAULT


def _packaged() -> Traversable:
    return files("communicator_reports") / "studies"
