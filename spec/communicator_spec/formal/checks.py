"""What is checked of the model: `spec/formal/checks.toml`, read strictly and written back only where it counts.

Four kinds of check. An *instance* is searched to its end: its invariants hold, its witnesses are reached, and the
numbers of states and transitions are those that are committed, so that nobody narrows the model unseen. A *fault* is a
wrong model: the property that it breaks must be found broken, in a run of the committed length. *Liveness* says whether
one thing leads to another under which fairness. *Walks* go far at random. A check is of the tier `ci` or `nightly`.
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from communicator_spec.formal.toolchain import FOLDER

CHECKS = FOLDER / "checks.toml"

Tier: TypeAlias = Literal["ci", "nightly"]
Overrides: TypeAlias = dict[str, object]


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is not known is refused."""


class TextCheck(_Strict, frozen=True, kw_only=True):
    """The file with the instances, those with stories, what is only observed, and where a world has its fault."""

    main: str
    stories: tuple[str, ...] = ()
    observed: tuple[str, ...] = ()
    fault: str = "fault"


class InstanceCheck(_Strict, frozen=True, kw_only=True):
    """A world searched to its end. `instance` is the Quint module, if it has another name; `set` changes its world."""

    name: str
    tier: Tier = "ci"
    instance: str = ""
    set: Overrides = {}
    invariants: tuple[str, ...]
    witnesses: tuple[str, ...] = ()
    states: int = 0
    transitions: int = 0
    depth: int = 0
    dead_ends: int = 0
    referee: Tier | None = None  # in which tier Quint's own evaluator counts again


class FaultCheck(_Strict, frozen=True, kw_only=True):
    """A seeded fault: it must break a property, in a shortest run of `steps` steps; `found` is what it once taught.

    With `walks`, it is looked for by the walks of that name, and `steps` is the length of the walk that shows it.
    """

    fault: str
    tier: Tier = "ci"
    instance: str = ""
    walks: str = ""
    set: Overrides = {}
    breaks: str
    steps: int = 0
    found: str = ""

    @property
    def name(self) -> str:
        """Its name is the fault's."""
        return self.fault


class LivenessCheck(_Strict, frozen=True, kw_only=True):
    """Whether `start` leads to `goal` in a world, given which classes of steps are strongly fair."""

    name: str
    tier: Tier = "ci"
    instance: str
    fault: str = ""
    set: Overrides = {}
    start: str
    goal: str
    fair: tuple[str, ...]
    holds: bool = True
    states: int = 0
    found: str = ""


class WalksCheck(_Strict, frozen=True, kw_only=True):
    """Random walks: how many, how long, with which weights by action. Each witness must be met at least once."""

    name: str
    tier: Tier = "ci"
    instance: str = ""
    set: Overrides = {}
    count: int
    depth: int
    seed: int = 1
    weights: dict[str, int] = {}
    never: tuple[str, ...] = ()  # actions that this world cannot take; every other must be taken
    invariants: tuple[str, ...]
    witnesses: tuple[str, ...] = ()


Check: TypeAlias = InstanceCheck | FaultCheck | LivenessCheck | WalksCheck


class Checks(_Strict, frozen=True, kw_only=True):
    """Everything in the file, in its order."""

    text: TextCheck
    instance: tuple[InstanceCheck, ...] = ()
    fault: tuple[FaultCheck, ...] = ()
    liveness: tuple[LivenessCheck, ...] = ()
    walks: tuple[WalksCheck, ...] = ()

    def all(self) -> list[Check]:
        """Return the checks kind by kind."""
        return [*self.instance, *self.fault, *self.liveness, *self.walks]


def load(path: Path = CHECKS) -> Checks:
    """Read the file; `msgspec.ValidationError` if it says what is not known, `ValueError` if a name is used twice."""
    found = msgspec.convert(tomllib.loads(path.read_text()), Checks)
    for kind in (found.instance, found.fault, found.liveness, found.walks):
        names = [(check.name, getattr(check, "instance", "")) for check in kind]
        if len(names) != len(set(names)):
            raise ValueError(f"{path.name} names a check twice: {sorted(n for n in names if names.count(n) > 1)[0]}")
    return found


def seeded(folder: Path = FOLDER) -> set[str]:
    """Return the faults that the text can have: what it compares `fault` with."""
    texts = (path.read_text() for path in sorted(folder.glob("*.qnt")))
    return {name for text in texts for name in re.findall(r'\bfault (?:==|!=) "([^"]+)"', text)} - {"none"}


def rewritten(text: str, kind: str, key: str, name: str, counts: Mapping[str, int]) -> str:
    """Return the file's text with other numbers in the table `[[kind]]` whose `key` is `name`.

    A number that is not there yet is put at the table's end. `KeyError`: no such table.
    """
    tables = re.split(r"(?m)^(?=\[)", text)
    for i, table in enumerate(tables):
        if table.startswith(f"[[{kind}]]") and re.search(rf"(?m)^{key} = {re.escape(json_text(name))}\s*$", table):
            for field, number in counts.items():
                line = f"{field} = {number}"
                if re.search(rf"(?m)^{field} = ", table):
                    table = re.sub(rf"(?m)^{field} = .*$", line, table)
                else:
                    rest = re.search(r"(?m)(^\s*(#.*)?$\n?)*\Z", table)
                    end = rest.start() if rest else len(table)
                    table = f"{table[:end]}{line}\n{table[end:]}"
            tables[i] = table
            return "".join(tables)
    raise KeyError(f"no [[{kind}]] with {key} = {name}")


def json_text(value: str) -> str:
    """Return a text as TOML writes it."""
    return msgspec.json.encode(value).decode()
