"""The clauses of the standard, taken from its Markdown by code.

Theory. A clause is the unit that everything else cites: the formal model, the code that enforces it, the vector, the
property, the mutant and the report. It is written once, in a chapter, as a paragraph of a block quote::

    > **STATE-3** (relationship manager, receiving service · property) An address MUST NOT be used at or after …

Who it binds, how it is judged, and one sentence or two with exactly one keyword. The chapters are the source;
`clauses.json` is generated from them, committed, and shipped with the package, so that tools know the clauses where
there is no Markdown. `published.json` remembers the digest that each clause had when it was first published.

Rules:

1. An id is never used twice, never changed and never given to another clause.
2. One keyword a clause: MUST, SHOULD or MAY, each also with NOT. Other words of RFC 2119 are not used at all, and none
   of them stands outside a clause.
3. The id's prefix belongs to the chapter that it stands in.
4. Everything wrong is reported with file and line, all of it at once.

`python -m communicator_spec.clauses` writes `clauses.json`; with `--publish` it also records the clauses that are new.
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from communicator_spec.errors import Explained

__all__ = [
    "DISPOSITIONS",
    "PREFIXES",
    "ROLES",
    "Clause",
    "ClauseError",
    "Fault",
    "Level",
    "extract",
    "load_clauses",
    "render",
    "scan",
    "standard_digest",
    "write",
]

PREFIXES: Final = {
    **{"ROLE": 1, "ERR": 1, "ADDR": 2, "ENV": 3, "SES": 4, "STATE": 5, "DELIV": 6, "KNOW": 7},
    **{"SVC": 8, "RECV": 8, "SEND": 8, "DIR": 8, "AUTH": 8, "TOK": 9, "ATT": 10, "CONT": 11},
    **{"PORT": 12, "EXT": 13, "SEC": 14},
}
"""Which prefix belongs to which chapter."""

ROLES: Final = frozenset(
    {"relationship manager", "sending service", "receiving service", "directory service", "authorization service"}
)
"""Whom a clause can bind."""

DISPOSITIONS: Final = frozenset({"vector", "script", "property", "service", "privacy game"})
"""How a clause is judged; the other possibility is `not testable: reason`."""

_CLAUSE: Final = re.compile(r"\*\*(?P<id>[A-Z]+-[1-9]\d*)\*\* \((?P<roles>[^()·]+) · (?P<how>[^()]+)\) (?P<text>\S.*)")
_KEYWORD: Final = re.compile(r"\b(MUST|SHOULD|MAY|SHALL|REQUIRED|RECOMMENDED|OPTIONAL)\b")
_CODE: Final = re.compile(r"`[^`]*`")
_MARK: Final = re.compile(r"\[([^\[\]]+)\]\[[a-z]+\.[a-z0-9_]+\]")
"""A number with the parameter that it comes from (`figures`); a clause has the number only."""


class Level(StrEnum):
    """How binding a clause is (RFC 2119)."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    MAY = "MAY"


class Clause(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One clause of the standard."""

    id: str
    chapter: int
    roles: tuple[str, ...]
    disposition: str
    level: Level
    text: str
    digest: str


class Fault(NamedTuple):
    """What is wrong, and where."""

    path: Path
    line: int
    detail: str


class ClauseError(Explained, ValueError):
    """The Markdown breaks the rules above; names every place."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(f"{path}:{line}: {detail}" for path, line, detail in faults))
        self.faults = faults


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `clauses.json` holds."""

    format: int
    clauses: tuple[Clause, ...]


def load_clauses() -> tuple[Clause, ...]:
    """Return the clauses that this package was shipped with, in the order of the chapters."""
    data = files("communicator_spec").joinpath("clauses.json").read_bytes()
    return msgspec.json.decode(data, type=_Document).clauses


def standard_digest(clauses: tuple[Clause, ...] | None = None) -> str:
    """Return the digest of all clauses: what a vector or a report states as the standard that it is about."""
    listed = load_clauses() if clauses is None else clauses
    return _digest("\n".join(f"{clause.id} {clause.digest}" for clause in listed))


def extract(folder: Path) -> tuple[Clause, ...]:
    """Read all chapters in a folder; raises ClauseError."""
    clauses: dict[str, Clause] = {}
    faults: list[Fault] = []
    for path in sorted(folder.glob("[0-9][0-9]-*.md")):
        found, wrong = scan(path)
        faults += wrong
        faults += [Fault(path, n, f"{c.id} is in another chapter too") for n, c in found.items() if c.id in clauses]
        clauses |= {clause.id: clause for clause in found.values()}
    if not clauses and not faults:
        faults.append(Fault(folder, 0, "no chapter here has a clause"))
    if faults:
        raise ClauseError(tuple(faults))
    return tuple(clauses.values())


def scan(path: Path) -> tuple[dict[int, Clause], list[Fault]]:
    """Read one chapter: its clauses by line, and everything that is wrong with them."""
    chapter = int(path.name[:2])
    clauses: dict[int, Clause] = {}
    faults: list[Fault] = []
    for line, quoted, text in _paragraphs(_MARK.sub(r"\1", path.read_text(encoding="utf-8"))):
        keywords = _KEYWORD.findall(_CODE.sub("", text))
        if quoted and (keywords or text.startswith("**")):
            found = _parse(text, chapter, keywords)
            if isinstance(found, str):
                faults.append(Fault(path, line, found))
            elif any(found.id == other.id for other in clauses.values()):
                faults.append(Fault(path, line, f"{found.id} is used twice"))
            else:
                clauses[line] = found
        elif keywords:
            faults.append(Fault(path, line, f"{keywords[0]} outside a clause"))
    return clauses, faults


def _paragraphs(text: str) -> Iterator[tuple[int, bool, str]]:
    """Yield (first line, quoted?, text on one line) of every paragraph outside fenced code."""
    start, quoted, words, fenced = 0, False, list[str](), False
    for number, raw in enumerate([*text.splitlines(), ""], start=1):
        line = raw.strip()
        is_quote = line.startswith(">")
        content = line.removeprefix(">").strip()
        fence = line.startswith("```")
        fenced ^= fence
        if words and (fenced or fence or not content or is_quote != quoted):
            yield start, quoted, " ".join(words)
            words = []
        if content and not fenced and not fence:
            if not words:
                start, quoted = number, is_quote
            words.append(content)


def _parse(text: str, chapter: int, keywords: list[str]) -> Clause | str:
    match = _CLAUSE.fullmatch(text)
    if match is None:
        return "a clause reads: **ID** (roles · disposition) text"
    name, how, words = match["id"], match["how"], match["text"]
    roles = tuple(role.strip() for role in match["roles"].split(","))
    strange = [role for role in roles if role not in ROLES]
    if PREFIXES.get(name.rpartition("-")[0]) != chapter:
        return f"{name}: the prefix does not belong to chapter {chapter}"
    if strange:
        return f"{name}: unknown role {strange[0]!r}"
    if how not in DISPOSITIONS and not re.fullmatch(r"not testable: \S.*", how):
        return f"{name}: unknown disposition {how!r}"
    if len(keywords) != 1:
        return f"{name}: {len(keywords)} keywords ({', '.join(keywords) or 'none'}), and a clause has one"
    if keywords[0] not in Level.__members__:
        return f"{name}: unknown level {keywords[0]}"
    return Clause(name, chapter, roles, how, Level(keywords[0]), words, _digest(f"{', '.join(roles)}\n{words}"))


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]


def render(clauses: tuple[Clause, ...]) -> bytes:
    """Return the bytes of `clauses.json`."""
    return msgspec.json.format(msgspec.json.encode(_Document(1, clauses)), indent=1) + b"\n"


def write(folder: Path, *, publish: bool = False) -> int:
    """Regenerate `clauses.json` from the chapters in `folder`; return how many clauses there are."""
    clauses = extract(folder)
    package = folder / "communicator_spec"
    (package / "clauses.json").write_bytes(render(clauses))
    if publish:
        path = package / "published.json"
        known: dict[str, str] = msgspec.json.decode(path.read_bytes()) if path.exists() else {}
        known = {clause.id: clause.digest for clause in clauses} | known  # what was published stays
        path.write_bytes(msgspec.json.format(msgspec.json.encode(dict(sorted(known.items()))), indent=1) + b"\n")
    return len(clauses)
