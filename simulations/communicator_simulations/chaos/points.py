"""Crash points: every place of the client and the services that makes something durable, asks somebody, or answers.

Theory. A list that people keep is a list of what they thought of. So the points are read out of the source: each call
that ends a transaction, writes into one, flushes or replaces a file, asks a service, or is an endpoint that answers. At
run time the few functions through which all of these go are watched (`instruments`), and what goes through is named by
the nearest frame that is in the list. ::

    client.device:Device.take:1        the first such place of a function
    services.sending:submit            an endpoint, by its name

Rules:

1. A place is a line span of a function; what runs in another thread is named by the function that made the work.
2. `UNREACHED` says why a point is not met in a run of chaos. A point that is neither met nor excused fails the run, and
   so does an excuse that excuses nothing.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import communicator_impl

__all__ = ["PHASES", "RARE", "UNREACHED", "Point", "excuse", "is_rare", "located", "scan"]

PHASES: Final = ("before", "after")
_ROOT: Final = Path(communicator_impl.__file__).parent
_SCANNED: Final = ("client", "services", "relationship_manager.py")
_COMMITS: Final = frozenset(("_step", "step", "together", "transact", "writing"))
_VAULTS: Final = frozenset(("vault", "_vault", "storage", "_storage"))
_ASKS: Final = frozenset(("_ask", "_post"))
_OUTWARD: Final = frozenset(("post", "get", "stream"))
_FILES: Final = frozenset(("fsync", "replace", "rename"))
_WAYS: Final = (
    "client.vault:Vault.save",
    "client.vault:Vault.delete",
    "client.vault:Vault.together",
    "client.device:Device._step",
    "client.device:Device.step",
    "client.courier:Courier._post",
    "services.database:Database.transact",
    "services.database:Database.look",
    "services.outward:Outward.",
)
"""Through these the others go: they name nobody."""

_OF_ONE: Final = {
    "services.resolver:Resolver.step": "postgresql",
    "services.resolver:Resolver.decide": "sqlite",
    "services.sending_part:SendingPart.__init__:2": "sqlite",
}
"""Points of one kind of database."""

RARE: Final[dict[str, str]] = {
    "client.post:Post.hand_over": "somebody is silent for two days of a clock that runs fast",
    "client.post:Post.asked_after": "the same",
    "client.uploads:Uploads.fail": "a file cannot be stored before its relationship ends, or comes from a backup",
    "client.history:History._save_person": "a name or a mark is written outside of a step",
    "client.post:Post._hand_over": "a service refuses a parcel",
    "services.attachments:AttachmentEndpoints._drop": "an upload broke off",
    "services.proxy": "a proxy reaches the file: loopback addresses are refused to it",
    "services.receiving:ReceivingEndpoints._fetch": "a device asks without waiting, and its class has changed",
    "client.device:Device.forgotten": "a service has forgotten a device",
    "client.ledger:Ledger.note:2": "an address has ended so long ago that it is forgotten",
    "client.device:Device._ask_after:3": "a service is silent for so long that it is told",
    "services.forwarder:Forwarder._bring_back": "a pause makes the clock of a process look as if it had gone back",
}
"""What has to happen for points that a run may meet or not."""

UNREACHED: Final[dict[str, str]] = {
    "services.authorization": "no issuer runs: tokens are judged by tests/services/killing",
    "services.directory": "no directory runs: judged by tests/services/killing",
    "services.issuers": "no issuer runs",
    "services.attachments:delete": "the client deletes no file",
    "client.finding": "no directory runs: tests/client judges what devices ask one",
    "client.names": "the same",
    "client.purses": "no issuer runs",
    "client.strangers": "no directory runs",
    "relationship_manager:RelationshipManager.withdraw": "no directory runs",
    "client.uploads:Uploads.plan": "inside the transaction of Device.attach",
    "client.uploads:Uploads.forget:1": "inside the transaction of Device._submit_draft",
    "services.receiving:latency": "the client leaves the class at `immediate`",
    "services.receiving:notify": "the client polls, and opens no WebSocket",
}
"""Why points whose names begin so are not met."""


class Point(NamedTuple):
    """One place: what kind it is, its module below `communicator_impl`, its function, and the lines that it spans."""

    name: str
    kind: str
    file: str
    function: str
    first: int
    last: int


def excuse(point: Point, database: str) -> str:
    """Return why a point is not met in a run over one kind of database; empty if it has to be."""
    for name, kind in _OF_ONE.items():
        if point.name.startswith(name) and kind != database:
            return f"{kind} alone does that"
    return next((why for prefix, why in UNREACHED.items() if point.name.startswith(prefix)), "")


def is_rare(point: Point) -> bool:
    """Tell whether a run may meet a point or not."""
    return point.name.startswith(tuple(RARE))


@cache
def scan() -> tuple[Point, ...]:
    """Return all points, in the order of modules and lines."""
    return tuple(point for path in _paths() for point in _of_module(path))


@cache
def located() -> dict[tuple[str, str], tuple[tuple[int, Point], ...]]:
    """Return points with their numbers by (file, function), as frames name these."""
    found: dict[tuple[str, str], list[tuple[int, Point]]] = {}
    for number, point in enumerate(scan()):
        found.setdefault((point.file, point.function), []).append((number, point))
    return {key: tuple(points) for key, points in found.items()}


def _paths() -> Iterator[Path]:
    for name in _SCANNED:
        path = _ROOT / name
        yield from sorted(path.glob("*.py")) if path.is_dir() else (path,)


def _of_module(path: Path) -> Iterator[Point]:
    module = ".".join(path.relative_to(_ROOT).with_suffix("").parts)
    for function, body in _functions(ast.parse(path.read_text("utf-8")), ""):
        prefix, count = f"{module}:{function}", 0
        if prefix.startswith(_WAYS):
            continue
        for first, last, kind, name in sorted(_places(body, module)):
            count += not name
            whole = f"{module}:{name}" if name else f"{prefix}:{count}"
            yield Point(whole, kind, str(path), function, first, last)


def _functions(tree: ast.AST, prefix: str) -> Iterator[tuple[str, list[ast.AST]]]:
    """Return each function by its qualified name, with what is in it and in no function inside it."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            name = f"{prefix}{node.name}"
            yield name, list(_own(node))
            yield from _functions(node, f"{name}.<locals>.")
        else:
            yield from _functions(node, prefix)


def _own(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield child
            yield from _own(child)


def _places(body: list[ast.AST], module: str) -> Iterator[tuple[int, int, str, str]]:
    """Return (first line, last line, kind, name) of the places in a function; most have no name of their own."""
    called = {node.func: node for node in body if isinstance(node, ast.Call)}
    for node in body:
        if not isinstance(node, ast.Attribute):
            continue
        call = called.get(node)
        spanned = call or node
        kind, name = _kind(node, call, module)
        if kind:
            yield spanned.lineno, spanned.end_lineno or spanned.lineno, kind, name


def _kind(node: ast.Attribute, call: ast.Call | None, module: str) -> tuple[str, str]:
    of, owner = node.attr, _last_name(node.value)
    if of in _COMMITS and (not of.endswith("step") or module.startswith("client.")):
        return "commit", ""
    if call is None:
        return "", ""
    if of == "look" and owner == "database":
        return "commit", ""
    if of in ("save", "delete") and owner in _VAULTS:
        return "write", ""
    if of in _FILES and owner in ("os", "part", "path"):
        return "file", ""
    if of in _ASKS and module == "client.courier":
        return "send", ""
    if of in _OUTWARD and owner == "_outward":
        return "send", ""
    if of == "endpoint" and call.args and isinstance(call.args[0], ast.Constant):
        return "answer", str(call.args[0].value)
    return "", ""


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
