"""How messages, files and ways are shown: as lines for a person, and as rows for a program.

Rules:

1. What a peer wrote is shown as text and nothing else: what a terminal would obey is replaced.
2. A row has the same members whatever happened; a program need not ask which are there.
"""

from datetime import datetime

from communicator_impl.client.files import Listed, listed
from communicator_impl.client.records import Message, State, Way
from communicator_impl.client.uploads import Waiting
from communicator_impl.content import decode_content, decode_profile
from communicator_impl.errors import PeerError
from communicator_spec.parameters import PARAMETERS

__all__ = ["day", "draft_row", "file_row", "message_row", "minute", "plain", "said", "size", "state_of", "way_lines"]

_C = PARAMETERS.content
_KEPT = "\n\t\u200c\u200d"  # joiners: emoji of several parts, and Persian, need them
_FAILED = {"not taken", "unreachable", "refused", "expired"}


def plain(text: str) -> str:
    """Return a text that does nothing to a terminal."""
    return "".join(c if c.isprintable() or c in _KEPT else "\N{REPLACEMENT CHARACTER}" for c in text)


def minute(date_s: float) -> str:
    """Return a date and time."""
    return datetime.fromtimestamp(date_s).strftime("%Y-%m-%d %H:%M")


def day(date_s: float) -> str:
    """Return a date."""
    return datetime.fromtimestamp(date_s).strftime("%Y-%m-%d")


def size(length: int) -> str:
    """Return a length as a person says it."""
    if length < 1000:
        return f"{length} bytes"
    return f"{length / 1000:.0f} KB" if length < 1_000_000 else f"{length / 1_000_000:.1f} MB"


def said(message: Message) -> str:
    """Return the text of a message."""
    return said_of(message.content)


def said_of(data: bytes) -> str:
    """Return the text of a content."""
    try:
        content = decode_content(data)
    except PeerError:
        return "(a message that cannot be read)"
    if content.type == _C.text_type:
        return plain(content.data.decode())
    if content.type == _C.profile_type:
        told = decode_profile(content.data)
        return plain(f"(is called {told.name}{f', {told.pronouns}' if told.pronouns else ''})")
    return plain(f"(a message of type {content.type})")


def state_of(message: Message) -> str:
    """Return what became of an own message, in a word."""
    return "read" if message.state is State.SEEN else message.state.value


# -------------------------------------------------------------------- ways


def way_lines(message: Message) -> list[str]:
    """Return which ways a message took: which failed, and which came next."""
    lines = []
    for number, way in enumerate(message.ways, 1):
        passed = f" ({', '.join(way.without)} did not answer)" if way.without else ""
        is_last = number == len(message.ways)
        lines.append(f"{number}. via {way.via} to {way.service}{passed}: {_became(way, is_last, message.state)}")
    return lines


def _became(way: Way, is_last: bool, state: State) -> str:
    failures = {
        "not taken": f"failed, {way.via} does not answer",
        "unreachable": f"failed, {way.service} does not answer; {way.via} goes on trying",
        "refused": f"failed, {way.service} refused it",
        "expired": "failed, nobody took it in time",
    }
    if way.said in failures:
        return failures[way.said]
    if not is_last:
        return "failed, no receipt in time"
    if state in (State.DELIVERED, State.SEEN):
        return "delivered"
    became = {"": "not handed over yet", "taken": f"waits at {way.via}", "queued": f"waits at {way.via}"}
    return became.get(way.said, f"stored at {way.service}")


# -------------------------------------------------------------------- rows


def message_row(own: bool, number: int, message: Message) -> dict[str, object]:
    """Return a message as a row."""
    last = len(message.ways) - 1
    ways = [
        {
            "via": w.via,
            "service": w.service,
            "at_ms": w.at_ms,
            "said": w.said,
            "failed": w.said in _FAILED or n < last,
            "without": list(w.without),
        }
        for n, w in enumerate(message.ways)
    ]
    files = [file_row(file) for file in listed([(own, number, message)])]
    head = {"from": "me" if own else "peer", "number": number, "date_s": message.date_s}
    return {**head, "text": said(message), "state": state_of(message), "ways": ways, "files": files}


def file_row(file: Listed) -> dict[str, object]:
    """Return a file as a row; no key and no digest is in it."""
    a = file.attachment
    return {
        "file": file.reference,
        "from": "me" if file.own else "peer",
        "name": plain(a.name or ""),
        "type": plain(a.type),
        "length": a.length,
        "picture": file.is_picture,
        "date_s": file.date_s,
        "places": [{"uri": plain(place.uri), "valid_until_s": place.valid_until_s} for place in a.locations],
    }


def draft_row(draft: int, waiting: Waiting) -> dict[str, object]:
    """Return a message that waits for its files as a row."""
    files = [
        {"name": f.file.name, "length": f.file.length, "type": f.file.type, "stored": len(f.places)}
        for f in waiting.draft.files
    ]
    is_text = waiting.draft.type == _C.text_type
    text = plain(waiting.draft.data.decode()) if is_text else "(a profile with a picture)"
    state = "failed" if waiting.error else "storing"
    head = {"from": "me", "draft": draft, "date_s": waiting.began_ms // 1000, "text": text}
    return {**head, "state": state, "error": waiting.error, "files": files}
