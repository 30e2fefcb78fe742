"""The list of a package: its mutants by hand, what is drawn from, and which mutants may live.

Theory. Mutants belong to the implementation that they break, so a package ships its own list, `mutants.toml` beside its
code, and the suite knows none. The list is data: it is read without importing the package.

::

    package = "communicator_impl"
    program = ["communicator_impl.adapter"]     # what `python -m` starts
    draw = ["ratchet", "addresses.*"]           # modules of the package that mutants are drawn from

    [[beyond]]
    name = "addresses.label.Loaded*"            # a pattern of names of mutants that are not drawn
    why = "what a host with a database uses; no operation of the line protocol reaches it"

    [[mutant]]
    name = "takes_address_twice"
    clause = "…"                                # the one that it breaks
    module = "addresses.two_layer"
    was = "if block and block.bits"             # stands there exactly once
    now = "if False and block.bits"

    [[equivalent]]
    name = "ratchet._skip:boundary-moved:1"     # a pattern of names
    why = "at equality both ways do nothing"

    [[explained]]
    name = "storage.*"
    why = "what a disk holds is not seen by the line protocol"

Rules:

1. Unknown keys, a text that stands there never or twice, and a name that stands twice are errors of the list.
2. Names of modules are relative to the package.
3. What is `beyond` the tests is entered by none; what is `equivalent` nobody can tell from the sound program; what is
   `explained` could be told apart, and no test does.
"""

import importlib.util
import sys
import tomllib
from collections.abc import Collection, Iterator, Sequence
from fnmatch import filter as filter_names
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from communicator_conformance.mutants.operators import draw, enclosing
from communicator_conformance.mutants.values import Edit, Explained, Mutant, MutantError

__all__ = ["BY_HAND", "MutantList", "files_of", "folder_of", "read_list", "shipped"]

BY_HAND: Final = "by-hand"
_NAME: Final = "mutants.toml"


class _Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    clause: str
    module: str
    was: str
    now: str


class MutantList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One list as its file has it."""

    package: str
    program: tuple[str, ...]
    draw: tuple[str, ...] = ()
    beyond: tuple[Explained, ...] = ()
    mutant: tuple[_Row, ...] = ()
    equivalent: tuple[Explained, ...] = ()
    explained: tuple[Explained, ...] = ()

    def by_hand(self) -> list[Mutant]:
        """Return the mutants of the list, in its order."""
        return [self._read(row) for row in self.mutant]

    def drawn(self) -> list[Mutant]:
        """Return the whole population drawn from the package, module by module."""
        return [mutant for mutant in self._population() if not _why(self.beyond, mutant.name)]

    def wrongly_beyond(self, entered: Collection[str]) -> list[str]:
        """Return the patterns of what is out of reach, of which some test enters a function: `module function`."""
        reached = [m.name for m in self._population() if f"{m.module} {m.function}" in entered]
        return [row.name for row in self.beyond if filter_names(reached, row.name)]

    def _population(self) -> Iterator[Mutant]:
        for module in self._modules():
            yield from draw(module, self.source(module))

    def named(self, name: str) -> Mutant:
        """Return one mutant of either kind; raises `MutantError` for a name that none has."""
        rows = [row for row in self.mutant if row.name == name]
        if rows:
            return self._read(rows[0])
        modules = (m for m in self._modules() if name.startswith(m + "."))
        for mutant in (mutant for module in modules for mutant in draw(module, self.source(module))):
            if mutant.name == name:
                return mutant
        raise MutantError(f"no mutant is called {name!r}; communicator conform mutants --json names them all")

    def same(self, name: str) -> str:
        """Return why a mutant does what the sound program does; the empty text if it does not."""
        return _why(self.equivalent, name)

    def why(self, name: str) -> str:
        """Return why a mutant may live though it does something else; the empty text if it may not."""
        return _why(self.explained, name)

    def changed(self, mutant: Mutant) -> bytes:
        """Return the source of the module that a mutant changes, changed."""
        return mutant.edit.apply(self.source(mutant.module))

    def source(self, module: str) -> bytes:
        """Return the source of a module of the package."""
        folder = folder_of(self.package).joinpath(*module.split(".")) if module else folder_of(self.package)
        for path in (folder.with_suffix(".py"), folder / "__init__.py"):
            if path.is_file():
                return path.read_bytes()
        raise MutantError(f"{self.package} has no module {module}")

    def _modules(self) -> Iterator[str]:
        for module in sorted(files_of(self.package).values()):
            if any(fnmatch(module, pattern) for pattern in self.draw):
                yield module

    def _read(self, row: _Row) -> Mutant:
        source, was = self.source(row.module), row.was.encode()
        if source.count(was) != 1:  # rule 1
            raise MutantError(f"{row.name} fits {source.count(was)} places of {row.module}: {row.was}")
        edit = Edit(source.index(was), was, row.now.encode())
        return Mutant(row.name, row.module, enclosing(source, edit.at), row.clause, BY_HAND, edit)


def _why(rows: Sequence[Explained], name: str) -> str:
    return next((row.why for row in rows if fnmatch(name, row.name)), "")


def read_list(path: Path) -> MutantList:
    """Read a list; raises `MutantError` with the place that is wrong."""
    try:
        found = msgspec.convert(tomllib.loads(path.read_text("utf-8")), MutantList)
    except (OSError, ValueError, msgspec.ValidationError) as error:
        raise MutantError(f"{path}: {error}") from error
    names = [row.name for row in found.mutant]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or not found.program:
        raise MutantError(f"{path}: {twice[0]} stands twice" if twice else f"{path}: no program")
    return found


def shipped(package: str) -> Path:
    """Return where a package has its list, without importing it."""
    return folder_of(package) / _NAME


def files_of(package: str) -> dict[str, str]:
    """Return the modules of a package, relative to it, by their files."""
    folder, found = folder_of(package), dict[str, str]()
    for path in sorted(folder.rglob("*.py")):
        *parts, last = path.relative_to(folder).with_suffix("").parts
        found[str(path)] = ".".join(parts if last == "__init__" else (*parts, last))
    return found


@cache
def folder_of(package: str) -> Path:
    """Return where a package is, without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise MutantError(f"no package is called {package!r}: is it installed in {sys.prefix}?")
    return Path(spec.origin).parent
