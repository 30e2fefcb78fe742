"""What stands where: people, a conversation, the path of a message, addresses and services, as lines of a given width.

Theory. Each page is a function of values and a width, so it can be read in a test without a terminal. A state is always
a mark and a word, or a mark that no other state has: nothing depends on colours.

::

    ·  kept here     →  sent     ✓  delivered     ✓✓  read     ✗  failed, silent
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Final

from rich.cells import cell_len

from communicator_impl.client.ledger import Standing as Given
from communicator_reports.terminal.desk import (
    Address,
    Attempt,
    Desk,
    Opened,
    Said,
    Service,
    Someone,
    Standing,
)
from communicator_reports.terminal.typesetting import Block, Line, Span, block, cut, fitted, line, pair, rule, wrapped

__all__ = ["MARKS", "addresses", "conversation", "heading", "host", "path", "people", "services", "summary"]

MARKS: Final = {
    Standing.WRITING: "…",
    Standing.KEPT: "·",
    Standing.SENT: "→",
    Standing.DELIVERED: "✓",
    Standing.READ: "✓✓",
    Standing.FAILED: "✗",
    Standing.CAME: "",
}
_ROLES: Final = {Standing.FAILED: "bad", Standing.READ: "good", Standing.DELIVERED: "good"}
_CAME_OF_IT: Final = {
    "": ("·", "not taken yet", "warn"),
    "not taken": ("✗", "not taken: silent", "bad"),
    "taken": ("→", "taken, on its way", ""),
    "queued": ("→", "taken, on its way", ""),
    "forwarded": ("✓", "stored there", "good"),
    "unreachable": ("✗", "silent; tried again", "bad"),
    "refused": ("✗", "refused there", "bad"),
    "expired": ("✗", "given up", "bad"),
}
_ADDRESSES: Final = {Given.EXPIRED: "dim", Given.STANDBY: "dim", Given.DRAINING: "warn", Given.SPENT: "warn"}
_WIDE: Final = 58
"""From here on a conversation has columns for names and for states in words."""
_NAME_MAX: Final = 10
_STATE: Final = 12  # two marks, a space, the longest word


def host(uri: str) -> str:
    """Return a service as people call it."""
    return uri.partition("://")[2] or uri


# -------------------------------------------------------------------- people


def people(desk: Desk, width: int) -> list[Block]:
    """Return the list of relationships: name, how much is unread, state."""
    if not desk.people:
        words = "Nobody yet. i invites somebody, a accepts a link that somebody made for you."
        return [block(*_paragraph(words, width, "dim"))]
    return [block(_person(one, width - 1), key=one.number) for one in desk.people]


def _person(one: Someone, width: int) -> Line:
    news = f"{one.unread:>3} new" if one.unread else ""
    state = news or one.state
    role = "news" if one.unread else "warn" if one.state in ("invited", "joining", "syncing") else "dim"
    name = "dim" if one.is_over else "strong" if one.unread else ""
    return pair(Span(one.name, name), Span(fitted(state, 7, right=True), role), width)


def heading(one: Someone | None, width: int) -> Line:
    """Return the head of a conversation."""
    if one is None:
        return line(Span("", ""))
    marks = (("verified", one.verified), (one.suite, one.suite), ("read is told", one.tells_read))
    words = [one.state, *(word for word, holds in marks if holds)]
    return pair(Span(f" {one.name}", "strong"), Span(cut(" · ".join(words), width * 2 // 3), "dim"), width)


# -------------------------------------------------------------------- conversation


def conversation(opened: Opened | None, one: Someone | None, unread: int | None, width: int) -> list[Block]:
    """Return a conversation with a line for each date, and one before message number `unread` of the peer."""
    if opened is None or one is None:
        return []
    if not opened.messages:
        return [block(*_paragraph(_empty(one), width, "dim"))]
    name = min(_NAME_MAX, max(2, cell_len(one.name))) if width >= _WIDE else 0
    return [*_blocks(opened.messages, one.name, unread, width, name)]


def _empty(one: Someone) -> str:
    if one.state == "invited":
        return f"{one.name} has not used the link yet. It is shown again with l."
    return "The conversation is over." if one.is_over else "Nothing was written yet."


def _blocks(messages: Sequence[Said], peer: str, unread: int | None, width: int, name: int) -> Iterator[Block]:
    day, author = "", None
    for said in messages:
        at = datetime.fromtimestamp(said.date_s)
        if (today := f"{at:%A} {at.day} {at:%B %Y}") != day:
            day, author = today, None
            yield block(rule(day, width, "rule"))
        if not said.own and said.number == unread:
            author = None
            yield block(rule("new", width, "news"))
        shown = "" if author is said.own else "me" if said.own else peer
        author = said.own
        yield block(*_message(said, f"{at:%H:%M}", shown, width - 1, name), key=said.key)


def _message(said: Said, at: str, author: str, width: int, name: int) -> Iterator[Line]:
    """One message: time, author, text, state; narrow ones say who by an arrow, and the state by its mark."""
    state = _state(said, in_words=bool(name))
    who = Span(fitted(author, name), "dim" if said.own else "accent") if name else Span("›" if said.own else "‹", "dim")
    head = line(Span(at, "dim"), " ", who, " ")
    indent = 7 + (name or 1)
    room = max(4, width - indent - 1 - (_STATE if name else 2))
    first, *rest = wrapped(said.text, room)
    role = "dim" if said.standing in (Standing.WRITING, Standing.KEPT) else ""
    yield (*head, Span(fitted(first, room), role), Span(" "), state)
    for part in rest:
        yield line(" " * indent, Span(part, role))


def _state(said: Said, *, in_words: bool) -> Span:
    mark, role = MARKS[said.standing], _ROLES.get(said.standing, "dim")
    if not in_words or not said.own:
        return Span(fitted(mark, 2), role)
    return Span(f"{fitted(mark, 2)} {fitted(said.standing.value, _STATE - 3)}", role)


# -------------------------------------------------------------------- the path of a message


def path(said: Said | None, width: int) -> list[Block]:
    """Return every attempt to bring a message: when, from where to where, and what came of it."""
    head = block(rule("path of the message", width, "rule"))
    if said is None:
        return [head, block(*_paragraph("Select a message to see how it travelled.", width, "dim"))]
    facts = [*_facts(said)]
    lines = [line(" ", Span(fitted(word, 10), "dim"), Span(cut(when, max(0, width - 12)))) for word, when in facts]
    if not said.own:
        return [head, block(*lines, *_paragraph("Its path is known to the sender alone.", width, "dim"))]
    if not said.attempts:
        words = "It is kept here. No sending service has it yet."
        return [head, block(*lines, *_paragraph(words, width, "dim"))]
    tries = [block(*_attempt(n, attempt, width)) for n, attempt in enumerate(said.attempts, 1)]
    return [head, block(*lines, line("")), *tries]


def _facts(said: Said) -> Iterator[tuple[str, str]]:
    yield ("written" if said.own else "came"), _moment(said.date_s)
    if said.own:
        settled = f" {_moment(said.settled_s)}" if said.settled_s else ""
        yield "now", f"{MARKS[said.standing]} {said.standing.value}{settled}"


def _attempt(number: int, attempt: Attempt, width: int) -> Iterator[Line]:
    mark, words, role = _CAME_OF_IT.get(attempt.came_of_it, ("·", attempt.came_of_it, ""))
    at = datetime.fromtimestamp(attempt.at_ms / 1000)
    via, service = host(attempt.via), host(attempt.service)
    yield line(" ", Span(f"{number:>2}", "strong"), " ", Span(f"{at:%H:%M:%S}", "dim"), " ", Span(f"{mark} ", role),
               Span(cut(words, max(0, width - 16)), role))  # fmt: skip
    if attempt.without:
        yield from _paragraph(f"passed over, silent: {', '.join(map(host, attempt.without))}", width, "dim", indent=4)
    if cell_len(via) + cell_len(service) + 7 <= width:
        yield line("    ", via, Span(" → ", "dim"), service)
        return
    for arrow, uri in (("  ", via), ("→ ", service)):
        parts = wrapped(uri, width - 6)
        yield line("    ", Span(arrow, "dim"), parts[0])
        yield from (line("      ", part) for part in parts[1:])


def _moment(at_s: int) -> str:
    at = datetime.fromtimestamp(at_s)
    return f"{at.day} {at:%b %H:%M:%S}"


# -------------------------------------------------------------------- addresses and services


def addresses(opened: Opened | None, one: Someone | None, silent: Sequence[str], width: int) -> list[Block]:
    """Return the addresses of both directions of a relationship, by service: kind, state, use, and until when."""
    if opened is None or one is None:
        return []
    short = cut(one.name, max(4, width - 20))
    own = _direction(f"{short} reaches you at", opened.own, silent, width)
    return [*own, *_direction(f"you reach {short} at", opened.peer, silent, width)]


def _direction(title: str, rows: Sequence[Address], silent: Sequence[str], width: int) -> Iterator[Block]:
    yield block(line(""), rule(title, width, "rule"))
    if not rows:
        yield block(line(" ", Span("no address", "dim")))
    for service, held in groupby(rows, key=lambda row: row.service):
        is_silent = service in silent
        name = Span(" " + host(service))
        mark = Span("✗ silent" if is_silent else "", "bad")
        yield block(pair(name, mark, width), *(_address(row, width) for row in held))


def _address(row: Address, width: int) -> Line:
    """One grant; what does not fit into the width is left out from the right, the state never."""
    until = datetime.fromtimestamp(row.until_s)
    kind = "long-term" if row.long_term else "short-lived"
    role = _ADDRESSES.get(row.standing, "")
    used = f"{row.used} used" if row.capacity else ""
    date = f"{until.day:>2} {until:%b %y}"
    left = f"   {kind:<11}  {row.standing.value:<8} "
    more = f"{used:>9}  {date}" if width >= 44 else f" {date}"
    return line(Span(fitted(left + more, width).rstrip(), role))


def services(desk: Desk, width: int) -> list[Block]:
    """Return the services in use and those that are being left."""
    rows = [block(*_service(one, width)) for one in desk.services]
    return [block(line(""), rule("services", width, "rule")), *rows]


def _service(one: Service, width: int) -> Iterator[Line]:
    mark = Span("✗ silent", "bad") if one.is_silent else Span("✓ answers", "good")
    yield pair(Span(f" {host(one.uri)}"), mark, width)
    uses = ["receives"] * one.receives + ["sends"] * one.sends
    if one.is_left and not one.left_by:
        uses.append("being left")
    elif one.left_by:
        until = datetime.fromtimestamp(one.until_s)
        uses.append(f"being left by {one.left_by}, until {until.day} {until:%b %y} at the latest")
    yield from _paragraph(", ".join(uses), width, "warn" if one.is_left else "dim", indent=3)


def summary(desk: Desk, width: int) -> Span:
    """Say in a few words which services answer."""
    if not desk.services:
        return Span("", "dim")
    count, silent = len(desk.services), desk.silent
    if not silent:
        return Span(cut(f"✓ {count} services answer" if count > 1 else "✓ the service answers", width), "dim")
    words = "✗ no service answers" if len(silent) == count else f"✗ {len(silent)} of {count} services silent"
    return Span(words if len(words) <= width else f"✗ {len(silent)} of {count} silent", "bad")


def _paragraph(words: str, width: int, role: str, indent: int = 1) -> Iterable[Line]:
    return [line(" " * indent, Span(part, role)) for part in wrapped(words, width - indent - 1)]
