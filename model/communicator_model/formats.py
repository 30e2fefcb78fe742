"""Message traces in the formats in which they are published or lie about, cut to what the model needs.

    format         recognised by              one message is
    snap           anything else              `src dst unix_seconds` (CollegeMsg, e-mail and forums at SNAP)
    copenhagen     `timestamp,from,to`        an SMS of the Copenhagen Networks Study, seconds since it began
    mail-csv       `from,to,date`             who to whom and when: `to` may name several, with `;`; ISO 8601 or seconds
    mbox           `From ` at the beginning   the headers of a mail; what it says is never read

Only who, to whom and when is kept. Names and addresses become numbers while they are read, and are kept nowhere.

Rules:

1. A file is wrong or right as a whole: the first line that is no message of its format is named, with what is wrong.
2. What is a message, but not one between two people, is dropped and counted by reason (`Trace.dropped`): to oneself, to
   nobody, to more people than a conversation has, without a date that can be read, a copy of a mail that was read.
3. A mail to several people is one message to each.
"""

import csv
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email import policy
from email.parser import BytesHeaderParser
from email.utils import getaddresses, parsedate_to_datetime
from pathlib import Path
from typing import Final

import numpy as np

from communicator_model.traces import TIME_S_MAX, Trace, TraceError, file_bytes, load_trace

__all__ = ["FORMATS", "RECIPIENTS_MAX", "format_of", "open_trace"]

RECIPIENTS_MAX: Final = 10
"""A mail to more people is an announcement and no conversation."""

_SELF: Final = "to oneself"
_NOBODY: Final = "to nobody"
_MANY: Final = f"to more than {RECIPIENTS_MAX} people"
_UNDATED: Final = "without a date that can be read"
_COPY: Final = "a copy of a mail that was read"

Row = tuple[int, int, int]
"""Sender, receiver, second."""


class _People:
    """Numbers for names, in the order in which they appear; the names go no further."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def __getitem__(self, name: str) -> int:
        return self._numbers.setdefault(name, len(self._numbers))


def open_trace(path: Path) -> Trace:
    """Read a trace of any known format; raises `TraceError` with file, line and reason."""
    data = file_bytes(path)
    kind = format_of(data)
    if kind == "snap":
        return load_trace(path, drops_loops=True)
    dropped: Counter[str] = Counter()
    rows = list(FORMATS[kind](path, data, dropped))
    if not rows:
        what = ", ".join(f"{count:,} {reason}" for reason, count in sorted(dropped.items()))
        raise TraceError(f"{path}: no message between two people in it" + (f"; dropped: {what}" if what else ""))
    sender, receiver, time_s = np.array(rows, dtype=np.int64).T
    trace = Trace.of(path.name, hashlib.sha256(data).hexdigest(), time_s, sender, receiver)
    return replace(trace, dropped=tuple(sorted(dropped.items())))


def format_of(data: bytes) -> str:
    """Return the format of a file by how it begins."""
    if data.startswith(b"From "):
        return "mbox"
    head = data[:200].split(b"\n", 1)[0].strip().lstrip(b"\xef\xbb\xbf").lower().replace(b" ", b"").replace(b'"', b"")
    names = set(head.split(b","))
    if {b"timestamp", b"from", b"to"} <= names:
        return "copenhagen"
    if {b"from", b"to", b"date"} <= names:
        return "mail-csv"
    return "snap"


def _copenhagen(path: Path, data: bytes, dropped: Counter[str]) -> Iterator[Row]:
    """SMS: three whole numbers a line. Calls have a fourth column, and are no messages."""
    for number, line in enumerate(data.splitlines()[1:], 2):
        if not line.strip():
            continue
        parts = line.split(b",")
        if len(parts) != 3:
            more = "; calls are no messages" if len(parts) == 4 else ""
            raise TraceError(f"{path}, line {number}: {len(parts)} fields instead of 3 (`timestamp,from,to`){more}")
        values = [_whole(path, number, part) for part in parts]
        if values[1] == values[2]:
            dropped[_SELF] += 1
        else:
            yield values[1], values[2], values[0]


def _whole(path: Path, number: int, part: bytes) -> int:
    text = part.strip()
    if not text.isdigit() or len(text) > 18:
        shown = text[:30].decode("ascii", "replace")
        raise TraceError(f"{path}, line {number}: {shown!r} is not a whole number from 0")
    return int(text)


def _mail_csv(path: Path, data: bytes, dropped: Counter[str]) -> Iterator[Row]:
    """Mails as a table. Other columns are not looked at."""
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise TraceError(f"{path}, line {number}: not UTF-8") from None
    rows = csv.reader(lines, strict=True)
    people = _People()
    try:
        names = [name.strip().lower() for name in next(rows)]
        columns = [names.index(name) for name in ("from", "to", "date")]
        for row in rows:
            if not row:
                continue
            if len(row) != len(names):
                raise TraceError(f"{path}, line {rows.line_num}: {len(row)} fields instead of {len(names)}")
            sender, to, date = (row[column].strip() for column in columns)
            if not sender:
                raise TraceError(f"{path}, line {rows.line_num}: no sender")
            receivers = [name.strip().lower() for name in to.split(";") if name.strip()]
            time_s = _seconds(date)
            if time_s is None:
                raise TraceError(f"{path}, line {rows.line_num}: {date[:30]!r} is no date: ISO 8601, or unix seconds")
            yield from _each(people, sender.lower(), receivers, time_s, dropped)
    except csv.Error as error:
        raise TraceError(f"{path}, line {rows.line_num}: {error}") from None


def _seconds(date: str) -> int | None:
    """Read a date; without a zone it is UTC."""
    try:
        if date.isdigit():
            time_s = int(date[:20])
        else:
            when = datetime.fromisoformat(date)
            time_s = int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None
    return time_s if 0 <= time_s <= TIME_S_MAX else None


def _each(people: _People, sender: str, receivers: list[str], time_s: int, dropped: Counter[str]) -> Iterator[Row]:
    """Yield one message for each receiver, or say why there is none."""
    others = [name for name in dict.fromkeys(receivers) if name != sender]
    if not receivers:
        dropped[_NOBODY] += 1
    elif len(others) > RECIPIENTS_MAX:
        dropped[_MANY] += 1
    else:
        if sender in receivers:
            dropped[_SELF] += 1
        for name in others:
            yield people[sender], people[name], time_s


def _mbox(path: Path, data: bytes, dropped: Counter[str]) -> Iterator[Row]:
    """Mails of a mailbox (RFC 4155): each begins with a line `From `, after an empty one."""
    parser, people, seen = BytesHeaderParser(policy=policy.compat32), _People(), set[str]()
    for number, head in _heads(data):
        mail = parser.parsebytes(head)
        if mail.defects or not mail.keys():
            raise TraceError(f"{path}, line {number}: no headers of a mail")
        name = str(mail.get("Message-ID", ""))
        if name and name in seen:
            dropped[_COPY] += 1
            continue
        seen.add(name)
        senders = _addresses(mail.get_all("From", []))
        if len(senders) != 1:
            raise TraceError(f"{path}, line {number}: {len(senders)} senders instead of 1")
        time_s = _when(str(mail.get("Date", "")))
        if time_s is None:
            dropped[_UNDATED] += 1
            continue
        receivers = _addresses([value for field in ("To", "Cc", "Bcc") for value in mail.get_all(field, [])])
        yield from _each(people, senders[0], receivers, time_s, dropped)


def _heads(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the headers of each mail, and the line at which it begins; bodies are passed over."""
    head: list[bytes] = []
    begun, inside, empty = 0, False, True
    for number, line in enumerate(data.splitlines(keepends=True), 1):
        is_empty = not line.strip(b"\r\n")
        if empty and line.startswith(b"From "):
            if inside:
                yield begun, b"".join(head)
            head, begun, inside = [], number, True
        elif inside and is_empty:
            yield begun, b"".join(head)
            inside = False
        elif inside:
            head.append(line)
        empty = is_empty
    if inside:
        yield begun, b"".join(head)


def _addresses(fields: Sequence[object]) -> list[str]:
    return [address.lower() for _, address in getaddresses([str(field) for field in fields]) if "@" in address]


def _when(date: str) -> int | None:
    try:
        when = parsedate_to_datetime(date)
    except (ValueError, TypeError, IndexError):
        return None
    time_s = int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp())
    return time_s if 0 <= time_s <= TIME_S_MAX else None


FORMATS: Final[dict[str, Callable[[Path, bytes, Counter[str]], Iterator[Row]]]] = {
    "copenhagen": _copenhagen,
    "mail-csv": _mail_csv,
    "mbox": _mbox,
}
"""The formats beside SNAP's, and what reads them."""
