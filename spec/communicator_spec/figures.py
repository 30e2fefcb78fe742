"""Numbers and labels in the chapters, held against the table of parameters: `python -m communicator_spec.figures`.

Theory. A number that stands in a text and in a table parts from one of them some day. So a chapter writes a number of
the table as a link whose target is the parameter's name, `[4,096][envelope.request_bytes_max]`: readers see the number
and can follow it to `parameters.md`; this program rewrites it when the table changes. Clauses are read without the
marks, so a changed number is a changed clause.

What is rewritten:

1. the text of each mark: a number with separators, a number of days, hours, minutes or seconds, a range `8 to 15`
2. the link definitions at the end of each chapter
3. `parameters.md`, the table for readers

What `faults` finds besides:

1. a name in a code span that looks like a parameter and is none
2. a sum that is wrong
3. a quoted label of the protocol that is not in the table; `unnamed` finds what the table has and no chapter says
4. a number with a unit, or of three digits and more, that has no mark and is not part of a sum
"""

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from communicator_spec.parameters import PARAMETERS

__all__ = ["MARK", "FigureFault", "faults", "render_table", "rewrite", "shown", "unmarked", "unnamed"]

MARK: Final = re.compile(r"\[(?P<text>[^\[\]]+)\]\[(?P<name>[a-z]+\.[a-z0-9_]+)\]")

_TABLE: Final[dict[str, dict[str, object]]] = msgspec.to_builtins(PARAMETERS)
_UNITS_S: Final = {"day": 86_400, "hour": 3600, "minute": 60, "second": 1}
_UNIT_WORDS: Final = (
    "bytes?|days?|hours?|minutes?|seconds?|levels|entries|messages|digits|hashes|chunks|epochs|tokens|indices|ranges"
    "|random|others|stored|receiving|deliveries|numbers|contacts"
)
_DEFINITIONS: Final = re.compile(r"\n*(?:^\[[a-z]+\.[a-z0-9_]+\]: \S+\n)+\Z", re.M)
_FENCE: Final = re.compile(r"^```.*?^```$", re.M | re.S)
_SPAN: Final = re.compile(r"`[^`\n]*`")
_NAME: Final = re.compile(rf"`((?:{'|'.join(_TABLE)})\.[a-z0-9_]+)`")
_UNNAMED: Final = frozenset({"suite"})  # lengths and identifiers of algorithms, which their own standards fix
_LABEL: Final = re.compile(r'"(communicator [^"]+)"')
_TERM: Final = r"(?:\d[\d,]*|\([\d,+×−\s]+\))"
_SUM: Final = re.compile(rf"{_TERM}(?:\s[+×−]\s{_TERM})+(?:\s=\s(?P<total>[\d,]+))?")
_NUMBER: Final = re.compile(
    rf"(?<![\w.,^×§/-])(?:\d{{1,3}}(?:,\d{{3}})+|\d{{3,}}|\d+(?= (?:{_UNIT_WORDS})\b))(?![\w,]*\d)"
)
_PLAIN: Final = re.compile(
    r"RFC \d+|FIPS \d+|SHA-\d+|revision \d+|X25519|0x[0-9a-f]+|\d{4}-\d\d-\d\dT[\d:]+Z|T1–T18|ids?\s+[A-Z]+-\d+|2\^\d+"
    r"|14 steps|23,000 runs|docs/adr/\S+|12 groups of 5 decimal digits|2048(?:-bit| bits)|modulo 100,000|chapter \d+"
    r"|first\s+(?:12|16|30) bytes|at most 8 entries|that 3,600 divides|have 1, 2 and 4 bytes|URIs of 64 bytes"
    r"|ML-KEM-\d+|the first\s+30 bytes|32 × 0x[0-9a-f]+"
)


class FigureFault(NamedTuple):
    """What is wrong, and in which line."""

    line: int
    detail: str


def unmarked(text: str) -> str:
    """Return text without marks: what a reader sees."""
    return MARK.sub(r"\g<text>", text)


def shown(name: str, text: str) -> str:
    """Return what the text of a mark has to be, in the form that it has; raises KeyError or ValueError."""
    section, _, field = name.partition(".")
    value = _TABLE[section][field]
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)):
        return " to ".join(f"{v:,}" for v in value) if " to " in text else " and ".join(f"{v:,}" for v in value)
    assert isinstance(value, int)
    match = re.fullmatch(r"[\d,]+ (day|hour|minute|second)s?", text)
    if match is None:
        return f"{value:,}"
    count, rest = divmod(value, _UNITS_S[match[1]])
    if rest:
        raise ValueError(f"{name} is no whole number of {match[1]}s")
    return f"{count:,} {match[1]}{'' if count == 1 else 's'}"


def rewrite(text: str) -> str:
    """Return a chapter with its marks and link definitions as they should be."""
    body = _DEFINITIONS.sub("\n", text).rstrip("\n") + "\n"
    body = MARK.sub(lambda m: f"[{shown(m['name'], m['text'])}][{m['name']}]", body)
    names = sorted({m["name"] for m in MARK.finditer(body)})
    definitions = "".join(f"[{name}]: parameters.md#{name}\n" for name in names)
    return f"{body}\n{definitions}" if names else body


def faults(text: str) -> Iterator[FigureFault]:
    """Yield what is wrong with the figures of a chapter."""
    prose = _FENCE.sub(_blank, _DEFINITIONS.sub(_blank, text))
    for match in MARK.finditer(prose):
        yield from _mark(prose, match)
    for match in _NAME.finditer(prose):
        section, _, field = match[1].partition(".")
        if field not in _TABLE[section]:
            yield _fault(prose, match, f"there is no parameter {match[1]}")
    for match in _LABEL.finditer(text):
        if " ".join(match[1].split()) not in _labels():
            yield _fault(text, match, f"{match[1]!r} is no label of the table")
    yield from _sums_and_numbers(prose)


def _mark(prose: str, match: re.Match[str]) -> Iterator[FigureFault]:
    try:
        wanted = shown(match["name"], match["text"])
    except (KeyError, ValueError) as error:
        yield _fault(prose, match, f"{match['name']}: {error}")
    else:
        if wanted != match["text"]:
            yield _fault(prose, match, f"{match['name']} is {wanted}, not {match['text']}")


def _sums_and_numbers(prose: str) -> Iterator[FigureFault]:
    plain = unmarked(_SPAN.sub(_blank, prose))
    for match in _SUM.finditer(plain):
        terms, _, total = " ".join(match[0].split()).partition(" = ")
        if total and _value(terms) != _value(total):
            yield _fault(plain, match, f"{terms} = {total} is {_value(terms):,}")
    bare = _SPAN.sub(_blank, MARK.sub(_blank, prose))
    for pattern in (_PLAIN, _SUM):
        bare = pattern.sub(_blank, bare)
    for match in _NUMBER.finditer(bare):
        yield _fault(bare, match, f"{match[0]} has no mark")


def _value(expression: str) -> int:
    """Evaluate a sum; the pattern lets only digits, signs and brackets through."""
    terms = re.sub(r"\(([^()]+)\)", lambda m: str(_value(m[1])), expression)
    total, sign = 0, 1
    for part in re.split(r" ([+−]) ", terms):
        if part in "+−":
            sign = 1 if part == "+" else -1
        else:
            product = 1
            for factor in part.split(" × "):
                product *= int(factor.replace(",", ""))
            total += sign * product
    return total


def _labels() -> set[str]:
    """Return the labels that go into keys and signatures."""
    values = {value for fields in _TABLE.values() for value in fields.values() if isinstance(value, str)}
    return {value for value in values if value.startswith("communicator ")}


def unnamed(texts: list[str]) -> set[str]:
    """Return the parameters that no chapter names or, if they are text, quotes."""
    whole = " ".join("\n".join(texts).split())
    named = {match["name"] for match in MARK.finditer(whole)} | set(_NAME.findall(whole))
    return {
        f"{section}.{field}"
        for section, fields in _TABLE.items()
        for field, value in fields.items()
        if section not in _UNNAMED
        and f"{section}.{field}" not in named
        and not (isinstance(value, str) and value in whole)
    }


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match[0])


def _fault(text: str, match: re.Match[str], detail: str) -> FigureFault:
    return FigureFault(text.count("\n", 0, match.start()) + 1, detail)


def render_table() -> str:
    """Return `parameters.md`: every parameter with its value and the remark that stands beside it in the table."""
    source = files("communicator_spec").joinpath("parameters.toml").read_text()
    lines = [
        "# Parameters",
        "",
        "Written by `python -m communicator_spec.figures` from `parameters.toml`; do not edit.",
        "",
    ]
    section = ""
    for raw in source.splitlines()[3:]:
        if match := re.fullmatch(r"\[(\w+)\]", raw):
            section = match[1]
            lines += ["", f"## {section}", "", "| parameter | value | |", "|---|---|---|"]
        elif match := re.fullmatch(r"(\w+) = (.+?)(?:\s+# (.*))?", raw):
            lines.append(_row(section, match[1], match[3] or ""))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)) + "\n"


def _row(section: str, field: str, remark: str) -> str:
    value = _TABLE[section][field]
    if isinstance(value, int):
        text = f"{value:,}"
    elif isinstance(value, (list, tuple)):
        text = ", ".join(f"{v:,}" for v in value)
    else:
        text = f'"{value}"'
    return f'| <a id="{section}.{field}"></a>`{section}.{field}` | {text} | {remark} |'


def main() -> None:
    """Rewrite the chapters and `parameters.md` of this checkout, and print what only a person can mend."""
    folder = Path(__file__).parents[1]
    for path in sorted(folder.glob("[0-9][0-9]-*.md")):
        path.write_text(rewrite(path.read_text(encoding="utf-8")), encoding="utf-8")
        for line, detail in faults(path.read_text(encoding="utf-8")):
            print(f"{path.name}:{line}: {detail}")
    (folder / "parameters.md").write_text(render_table(), encoding="utf-8")


if __name__ == "__main__":
    main()
