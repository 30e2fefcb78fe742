"""Which functions are parsers, by a rule that a machine applies.

Rule. In the implementation, the suite and the standard's package, a function or method is a parser if it is public, or
a private one of a service that takes a request or an answer, and

- its name begins with one of `VERBS`, or
- a parameter is annotated with bytes, with a value of no type yet (`value: object`), or with what came over HTTP.

Each is in the table of targets, or in `excluded.toml`. Generators of vectors, migrations, the formal model and what
writes the standard read nothing that somebody else made.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

__all__ = ["excluded", "parsers"]

VERBS: Final = ("decode", "parse", "read", "open", "restore", "from_", "load", "unbase64", "verify", "check")
_ROOT: Final = Path(__file__).parents[2]
_PACKAGES: Final = ("impl/communicator_impl", "conformance/communicator_conformance", "spec/communicator_spec")
_SKIPPED: Final = frozenset({"vectors", "migrations", "formal", "openapi", "clauses", "invariants"})
_BYTES: Final = re.compile(r"\b(bytes|Request|HTTPConnection|Headers|Answer|WebSocket)\b")
_OUTSIDE: Final = re.compile(r"\b(Request|HTTPConnection|Headers|Answer)\b")


def parsers() -> Iterator[str]:
    """Yield every parser as `package.module:qualified name`."""
    for package in _PACKAGES:
        for path in sorted((_ROOT / package).rglob("*.py")):
            place = path.relative_to(_ROOT / package).with_suffix("")
            if not _SKIPPED & set(place.parts[:-1] if place.name != "__init__" else place.parts):
                module = ".".join((Path(package).name, *place.parts)).removesuffix(".__init__")
                tree = ast.parse(path.read_text("utf-8"))
                yield from (f"{module}:{name}" for name in _named(tree.body, "", "services" in place.parts))


def _named(body: list[ast.stmt], prefix: str, service: bool) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _named(node.body, f"{prefix}{node.name}.", service)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and _is_parser(node, service):
            yield prefix + node.name


def _is_parser(node: ast.FunctionDef | ast.AsyncFunctionDef, service: bool) -> bool:
    args = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
    kinds = [(a.arg, ast.unparse(a.annotation)) for a in args if a.annotation is not None]
    if node.name.startswith("_"):
        return service and any(_OUTSIDE.search(kind) for _, kind in kinds)
    untyped = any(pair == ("value", "object") for pair in kinds)
    return node.name.startswith(VERBS) or untyped or any(_BYTES.search(kind) for _, kind in kinds)


def excluded() -> dict[str, str]:
    """Return the parsers that need no target, each with its reason; one that stands there twice raises."""
    table = tomllib.loads(Path(__file__).with_name("excluded.toml").read_text("utf-8"))
    rows = [(_long(name), reason) for reason, found in table.items() for name in found["of"]]
    if len(dict(rows)) != len(rows):
        raise ValueError("a parser is excluded twice")
    return dict(rows)


def _long(name: str) -> str:
    return f"communicator_impl{name[1:]}" if name.startswith("m.") else name
