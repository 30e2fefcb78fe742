"""Python source under construction: expressions with their precedence, blocks of statements, fresh names."""

from collections.abc import Iterable
from typing import NamedTuple

from communicator_spec.formal.resolve import RESERVED

# How tightly Python binds, loosest first.
TERNARY, OR, AND, NOT, COMPARED, UNION, INTERSECTION, SUM, PRODUCT, SIGN, ATOM = range(11)

LINE_MAX = 100


class Text(NamedTuple):
    """An expression, and how tightly its outermost operator binds."""

    text: str
    level: int = ATOM

    def at(self, level: int) -> str:
        """Return the expression as an operand that must bind at least so tightly."""
        return self.text if self.level >= level else f"({self.text})"


class Block:
    """Statements in order; a nested block is indented once more."""

    def __init__(self) -> None:
        self._parts: list[str | Block] = []

    def __bool__(self) -> bool:
        return bool(self._parts)

    def add(self, line: str) -> None:
        """Append a statement."""
        self._parts.append(line)

    def nest(self, head: str) -> "Block":
        """Append a compound statement; return the block under it."""
        self._parts.append(head)
        inner = Block()
        self._parts.append(inner)
        return inner

    def extend(self, other: "Block") -> None:
        """Append the statements of another block."""
        self._parts.extend(other._parts)

    def lines(self, depth: int = 0) -> list[str]:
        """Return the source, a line each; an empty nested block becomes `pass`."""
        if not self._parts:
            return ["    " * depth + "pass"]
        found: list[str] = []
        for part in self._parts:
            found.extend(part.lines(depth + 1) if isinstance(part, Block) else ["    " * depth + part])
        return found


class Names:
    """Names of one function: every local of the text gets a name that no other has."""

    def __init__(self, taken: frozenset[str]) -> None:
        self._taken = set(taken | RESERVED)

    def copy(self) -> "Names":
        """Return names from which the same ones are taken."""
        return Names(frozenset(self._taken))

    def release(self, names: Iterable[str]) -> None:
        """Let others have the names of what has ended: the parameters of a lambda or a comprehension."""
        self._taken.difference_update(names)

    def fresh(self, wish: str) -> str:
        """Return `wish`, or `wish_2` and so on if it is taken."""
        plain = wish.split("::")[-1].lstrip("_") or "unused"
        name, n = plain, 1
        while name in self._taken:
            n += 1
            name = f"{plain}_{n}"
        self._taken.add(name)
        return name


class Target(NamedTuple):
    """Where a value goes: to a local, or, without a name, to the caller."""

    name: str | None = None

    def line(self, value: str) -> str:
        """Return the statement that delivers a value."""
        return f"return {value}" if self.name is None else f"{self.name} = {value}"
