"""What the help screen says: keys, and what the marks mean."""

from typing import Final

from rich.cells import cell_len

from communicator_reports.terminal.typesetting import Block, Line, Span, block, fitted, line, rule, wrapped

__all__ = ["page"]

Row = tuple[str, str]

_KEYS: Final[dict[str, tuple[Row, ...]]] = {
    "everywhere but in writing": (
        ("i", "invite somebody"),
        ("a", "accept a link"),
        ("l", "show a link again"),
        ("f", "compare fingerprints"),
        ("r", "tell what you read"),
        ("m", "receive at another service"),
        ("e", "end a relationship"),
        ("d", "path, addresses, services"),
        ("t", "light or dark"),
        ("? f1", "this help"),
        ("q ctrl+c", "leave"),
    ),
    "people and conversation": (
        ("↑ ↓", "another one"),
        ("pgup pgdn", "further"),
        ("home end", "first, last"),
        ("enter", "write; see a path"),
        ("w", "write"),
        ("esc", "out"),
    ),
    "writing": (
        ("enter", "send"),
        ("ctrl+j", "begin a new line"),
        ("esc", "out; the text stays"),
        ("pgup pgdn", "scroll"),
    ),
}
_MARKS: Final[dict[str, tuple[Row, ...]]] = {
    "your messages": (
        ("· kept", "no service has it yet"),
        ("→ sent", "a service has it"),
        ("✓ delivered", "it is there"),
        ("✓✓ read", "it was seen"),
        ("✗ failed", "given up"),
    ),
    "addresses": (
        ("in use", "the next message takes it"),
        ("standby", "long-term, in reserve"),
        ("spent", "all of it was used"),
        ("draining", "replaced, ends soon"),
        ("expired", "of no use any more"),
    ),
}
_TWO_COLUMNS: Final = 60


def page(width: int) -> list[Block]:
    """Return the help, in two columns where there is room."""
    if width < _TWO_COLUMNS:
        return [block(*_column(_KEYS, width)), block(*_column(_MARKS, width))]
    half = (width - 3) // 2
    head, *tail = _KEYS.items()
    left = _column(dict([head]), half) + _column({"your messages": _MARKS["your messages"]}, half)
    right = _column(dict(tail), half) + _column({"addresses": _MARKS["addresses"]}, half)
    rows = max(len(left), len(right))
    return [block(*((*_at(left, n, half), Span("   "), *_at(right, n, half)) for n in range(rows)))]


def _column(parts: dict[str, tuple[Row, ...]], width: int) -> list[Line]:
    lines: list[Line] = []
    edge = 2 + max(cell_len(key) for rows in parts.values() for key, _ in rows)
    for title, rows in parts.items():
        lines += [line(Span(" " * width)), rule(title, width, "rule")] if lines else [rule(title, width, "rule")]
        for key, words in rows:
            first, *rest = wrapped(words, width - edge)
            lines.append(line(Span(f" {fitted(key, edge - 1)}", "key"), Span(fitted(first, width - edge))))
            lines += [line(Span(" " * edge + fitted(part, width - edge))) for part in rest]
    return [*lines, line(Span(" " * width))]


def _at(lines: list[Line], number: int, width: int) -> Line:
    return lines[number] if number < len(lines) else line(Span(" " * width))
