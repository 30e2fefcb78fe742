"""Mutants drawn from source by rules: every check, every durable write, every bound field and every limit.

Theory. Whoever writes mutants by hand thinks of what the tests think of. So the source itself is asked: wherever it
checks, stores, binds or limits, one small edit makes a program that does so no longer. An edit replaces one piece of
text, so a reader sees what was there and what is there now.

| operator | what it does |
|---|---|
| `check-dropped` | the condition of an `if` that only raises is false |
| `check-negated` | the condition of an `if` that only raises is its opposite |
| `boundary-moved` | `<` for `<=`, `>` for `>=`, and back |
| `call-dropped` | a call for its effect alone, such as `verify(…)`, is left out |
| `write-dropped` | a call that stores is left out |
| `write-delayed` | a call that stores comes after the one that tells of it |
| `operand-dropped` | a part of a concatenation of bytes is left out |
| `limit-raised`, `limit-lowered` | a limit is one more, one less |

Rules:

1. A name is module, function, operator and ordinal within that function, so that an edit elsewhere renames nothing.
2. The clause of a mutant is the one cited nearest above its end, within its function; the empty text if none is.
3. What is drawn depends on the source alone.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Final

from communicator_conformance.mutants.values import Edit, Mutant
from communicator_spec.clauses import PREFIXES

__all__ = ["OPERATORS", "draw", "enclosing"]

OPERATORS: Final = (
    "check-dropped",
    "check-negated",
    "boundary-moved",
    "call-dropped",
    "write-dropped",
    "write-delayed",
    "operand-dropped",
    "limit-raised",
    "limit-lowered",
)
_CLAUSE: Final = re.compile(rf"\b(?:{'|'.join(PREFIXES)})-\d+\b")
_WRITES: Final = frozenset({"save", "put", "delete", "execute", "write", "commit", "store", "persist"})
_LIMIT: Final = re.compile(r"_(max|min|s|ms|bytes|max_s|s_max)$")
_BYTES_CALLS: Final = frozenset({"encode", "to_bytes", "pack", "digest", "bytes", "prf", "urandom", "bytearray"})
_MOVED: Final[dict[type[ast.cmpop], str]] = {ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">"}
_TOKENS: Final = re.compile(rb"<=|>=|<|>")

Function = ast.FunctionDef | ast.AsyncFunctionDef
Found = tuple[str, Edit]


class _Text:
    """A module's source, with places in it as offsets of bytes."""

    def __init__(self, source: bytes) -> None:
        self.source = source
        self.lines = source.split(b"\n")
        self._starts = [0]
        for line in self.lines:
            self._starts.append(self._starts[-1] + len(line) + 1)

    def begin(self, node: ast.expr | ast.stmt) -> int:
        return self._starts[node.lineno - 1] + node.col_offset

    def end(self, node: ast.expr | ast.stmt) -> int:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._starts[node.end_lineno - 1] + node.end_col_offset

    def of(self, node: ast.expr | ast.stmt) -> bytes:
        return self.source[self.begin(node) : self.end(node)]

    def replaced(self, node: ast.expr | ast.stmt, now: bytes) -> Edit:
        return Edit(self.begin(node), self.of(node), now)

    def line_of(self, offset: int) -> int:
        return self.source.count(b"\n", 0, offset)


def draw(module: str, source: bytes) -> list[Mutant]:
    """Return every mutant of one module, in the order of its source."""
    text, tree = _Text(source), ast.parse(source)
    found: list[Mutant] = []
    for name, function in _functions(tree, ""):
        count: Counter[str] = Counter()
        for operator, edit in _edits(text, function):
            count[operator] += 1
            whole = f"{module}.{name}:{operator}:{count[operator]}"
            found.append(Mutant(whole, module, name, _clause(text, function, edit), operator, edit))
    return found


def enclosing(source: bytes, offset: int) -> str:
    """Return the qualified name of the innermost function around a place; the empty text outside of all."""
    return next((name for begin, end, name in reversed(_spans(source)) if begin <= offset < end), "")


@cache
def _spans(source: bytes) -> tuple[tuple[int, int, str], ...]:
    """Return where the body of each function begins and ends, the outer ones first."""
    text = _Text(source)
    functions = _functions(ast.parse(source), "")
    return tuple((text.begin(function.body[0]), text.end(function), name) for name, function in functions)


def _functions(tree: ast.AST, inside: str) -> Iterator[tuple[str, Function]]:
    """Return all functions with their qualified names, the outer ones first."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function):
            yield inside + node.name, node
            yield from _functions(node, f"{inside}{node.name}.<locals>.")
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{inside}{node.name}.")
        else:
            yield from _functions(node, inside)


def _own(function: Function) -> Iterator[ast.AST]:
    """Return what stands in a function and in none inside it, in the order of the source."""
    todo: list[ast.AST] = list(reversed(function.body))
    while todo:
        node = todo.pop()
        if isinstance(node, Function | ast.ClassDef):
            continue
        yield node
        todo.extend(reversed(list(ast.iter_child_nodes(node))))


def _clause(text: _Text, function: Function, edit: Edit) -> str:
    last = text.line_of(edit.at + len(edit.was))
    for number in range(last, function.lineno - 2, -1):
        cited = _CLAUSE.findall(text.lines[number].decode())
        if cited:
            return str(cited[-1])
    return ""


# -------------------------------------------------------------------- operators


def _edits(text: _Text, function: Function) -> Iterator[Found]:
    inner: set[int] = set()  # concatenations within concatenations
    for node in _own(function):
        if isinstance(node, ast.If):
            yield from _checks(text, node)
        elif isinstance(node, ast.Compare):
            yield from _boundaries(text, node)
            yield from _limits(text, [node.left, *node.comparators])
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and id(node) not in inner:
            chain = list(_chain(node, inner))
            yield from _operands(text, node, chain) if any(map(_is_bytes, chain)) else _limits(text, chain)
        elif isinstance(node, ast.BinOp):
            yield from _limits(text, [node.left, node.right])
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("min", "max", "range"):
            yield from _limits(text, node.args)
        elif isinstance(node, ast.Slice):
            yield from _limits(text, [part for part in (node.lower, node.upper) if part is not None])
        for block in _blocks(node):
            yield from _statements(text, block)
    yield from _statements(text, function.body)


def _checks(text: _Text, node: ast.If) -> Iterator[Found]:
    if isinstance(node.body[-1], ast.Raise) and len(node.body) == 1:
        condition = text.of(node.test)
        yield "check-dropped", text.replaced(node.test, b"False")
        yield "check-negated", text.replaced(node.test, b"not (" + condition + b")")


def _boundaries(text: _Text, node: ast.Compare) -> Iterator[Found]:
    sides = [node.left, *node.comparators]
    for left, op, right in zip(sides, node.ops, sides[1:], strict=False):
        if type(op) in _MOVED:
            between = text.source[text.end(left) : text.begin(right)]
            token = _TOKENS.search(between)
            assert token is not None
            yield "boundary-moved", Edit(text.end(left) + token.start(), token[0], _MOVED[type(op)].encode())


def _limits(text: _Text, parts: list[ast.expr]) -> Iterator[Found]:
    for part in parts:
        if isinstance(part, ast.UnaryOp):
            part = part.operand
        if _is_limit(part):
            yield "limit-raised", text.replaced(part, b"(" + text.of(part) + b" + 1)")
            yield "limit-lowered", text.replaced(part, b"(" + text.of(part) + b" - 1)")


def _is_limit(part: ast.expr) -> bool:
    """Tell whether this is a constant with the name of a limit: `_P.skip_max`, `LINE_BYTES_MAX`."""
    if isinstance(part, ast.Attribute):
        root = part.value
        while isinstance(root, ast.Attribute):
            root = root.value
        return isinstance(root, ast.Name) and root.id.isupper() and bool(_LIMIT.search(part.attr))
    return isinstance(part, ast.Name) and part.id.isupper() and bool(_LIMIT.search(part.id.lower()))


def _chain(node: ast.expr, inner: set[int]) -> Iterator[ast.expr]:
    """Return the operands of `a + b + c`, from left to right."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        inner.add(id(node))
        yield from _chain(node.left, inner)
        yield from _chain(node.right, inner)
    else:
        yield node


def _is_bytes(node: ast.expr) -> bool:
    """Tell whether an operand shows that bytes are joined here."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, bytes)
    if isinstance(node, ast.Call):
        called = node.func
        name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
        return name in _BYTES_CALLS
    return isinstance(node, ast.Name) and node.id.isupper() and node.id.endswith(("LABEL", "INFO", "SIGNED", "DOMAIN"))


def _operands(text: _Text, node: ast.expr, chain: list[ast.expr]) -> Iterator[Found]:
    for part in chain:
        if not (isinstance(part, ast.Constant) and part.value == b""):
            rest = b" + ".join(text.of(other) for other in chain if other is not part)
            yield "operand-dropped", text.replaced(node, b"(" + rest + b")")


def _blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list):
            yield block


def _statements(text: _Text, block: list[ast.stmt]) -> Iterator[Found]:
    for at, node in enumerate(block):
        if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
            continue
        stores = _stores(node.value)
        yield "write-dropped" if stores else "call-dropped", text.replaced(node, b"pass")
        if stores and at + 1 < len(block) and not isinstance(block[at + 1], ast.Return):
            yield "write-delayed", _swapped(text, node, block[at + 1])


def _stores(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    return any(word in _WRITES for word in name.split("_"))


def _swapped(text: _Text, first: ast.stmt, second: ast.stmt) -> Edit:
    was = text.source[text.begin(first) : text.end(second)]
    between = text.source[text.end(first) : text.begin(second)]
    return Edit(text.begin(first), was, text.of(second) + between + text.of(first))
