"""Ways to falsify a history: each yields what was falsified and where its first wrong line is.

A corruption must not yield another behaviour by accident. So what may well have been otherwise is not touched: a fault
that nobody met, a leave that a person may put off, a last step that need not have happened yet. That is said where it
is so.
"""

from collections.abc import Callable, Iterator
from typing import Final

from communicator_spec import Command, Kind, Row
from communicator_spec.events import NONE, Event
from communicator_spec.formal.histories import FAULTS, History, Note, Said

Falsified = tuple[int, History]
Corruption = Callable[[History], Iterator[Falsified]]
DAY_MS: Final = 86_400_000
HOUR_MS: Final = 3_600_000


def rows(history: History, *kinds: Kind) -> list[tuple[int, Event]]:
    """Return the rows of some kinds (all, if none is named), with their places."""
    listed = ((i, Event(*line)) for i, line in enumerate(history.lines) if not isinstance(line, Note))
    return [(i, row) for i, row in listed if not kinds or row.kind in kinds]


def replaced(history: History, place: int, *lines: Row | Note, gone: int = 1) -> History:
    """Return the history with other lines in the place of `gone` of its own."""
    return history._replace(lines=(*history.lines[:place], *lines, *history.lines[place + gone :]))


def _when(line: Row | Note) -> int:
    return line.t_ms if isinstance(line, Note) else line[0]


def moved(history: History, place: int, t_ms: int) -> Falsified:
    """Return the history with one row at an earlier time, before everything later than that."""
    event = Event(*history.lines[place])
    rest = replaced(history, place)
    earlier = next(i for i, line in enumerate(rest.lines) if _when(line) > t_ms)
    return earlier, replaced(rest, earlier, event._replace(t_ms=t_ms), gone=0)


# ---------------------------------------------------------------------- corruptions


def a_row_is_dropped(history: History) -> Iterator[Falsified]:
    """Not a fault, which this relationship may not have met; not LEFT; nothing after the last message that came in."""
    last = max((i for i, _ in rows(history, Kind.CONFIRMED)), default=0)
    for place, row in rows(history):
        if place < last and row.kind not in FAULTS and row.kind != Kind.LEFT:
            yield place, replaced(history, place)


def a_row_is_repeated(history: History) -> Iterator[Falsified]:
    """Each row stands for one thing that happened."""
    for place, row in rows(history):
        yield place + 1, replaced(history, place, row, row)


def a_message_goes_to_another_service(history: History) -> Iterator[Falsified]:
    """DELIV-8 says to which."""
    for place, row in rows(history, Kind.SENT):
        yield place, replaced(history, place, row._replace(service=row.service + 1))


def a_position_is_skipped(history: History) -> Iterator[Falsified]:
    """ADDR-25: addresses are used in order."""
    for place, row in rows(history, Kind.SENT):
        yield place, replaced(history, place, row._replace(position=row.position + 1))


def a_message_goes_through_a_service_that_is_not_used(history: History) -> Iterator[Falsified]:
    """Nobody uses provider 90."""
    for place, row in rows(history, Kind.SENT):
        yield place, replaced(history, place, row._replace(via=90))


def a_serial_is_given_twice(history: History) -> Iterator[Falsified]:
    """STATE-18: serials rise."""
    for place, row in rows(history, Kind.ISSUED):
        if row.serial > 1:
            yield place, replaced(history, place, row._replace(serial=row.serial - 1))


def an_address_lives_longer(history: History) -> Iterator[Falsified]:
    """STATE-2 says how long."""
    for place, row in rows(history, Kind.ISSUED):
        yield place, replaced(history, place, row._replace(value=row.value + HOUR_MS))


def a_version_is_lowered(history: History) -> Iterator[Falsified]:
    """STATE-14: versions rise."""
    for place, row in rows(history, Kind.ISSUED):
        yield place, replaced(history, place, row._replace(message=row.message - 1))
    for place, row in rows(history, Kind.UPDATED, Kind.MOVED):
        yield place, replaced(history, place, row._replace(value=row.value - 1))


def what_nobody_received_is_acknowledged(history: History) -> Iterator[Falsified]:
    """With the next thing that comes in, also the newest message of this end, which it does not acknowledge."""
    for place, row in rows(history, Kind.DELIVERED, Kind.RECEIVED):
        before = replaced(history, place, gone=len(history.lines) - place)
        accepted = {r.message for _, r in rows(before, Kind.ACCEPTED) if r.end == row.end}
        open_ = accepted - {r.message for _, r in rows(before, Kind.ACKNOWLEDGED, Kind.FAILED) if r.end == row.end}
        if open_:
            false = row._replace(kind=Kind.ACKNOWLEDGED, message=max(open_), service=NONE, value=NONE)
            yield place, replaced(history, place, false, row)


def it_is_stored_before_it_is_sent(history: History) -> Iterator[Falsified]:
    """At the same instant, but the other way round."""
    for place, row in rows(history, Kind.STORED):
        sent = next(i for i, r in rows(history, Kind.SENT) if r.end == 1 - row.end and r[4:7] == row[4:7])
        said = row._replace(t_ms=_when(history.lines[sent]))
        yield sent, replaced(replaced(history, place), sent, said, gone=0)


def it_is_stored_where_nobody_answers(history: History) -> Iterator[Falsified]:
    """The service has just gone out of reach."""
    for place, row in rows(history, Kind.STORED):
        yield place + 1, replaced(history, place, Event(row.t_ms, Kind.CRASHED, service=row.service), row)


def it_is_delivered_twice(history: History) -> Iterator[Falsified]:
    """DELIV-2: a copy is dropped."""
    for place, row in rows(history, Kind.DUPLICATE):
        yield place, replaced(history, place, row._replace(kind=Kind.DELIVERED))


def it_is_confirmed_before_it_is_held(history: History) -> Iterator[Falsified]:
    """DELIV-27: the device confirms what it holds."""
    for place, row in rows(history, Kind.CONFIRMED):
        before = history.lines[place - 1]
        if not isinstance(before, Note) and before[1] != Kind.CONFIRMED:
            yield place - 1, replaced(history, place - 1, row, before, gone=2)


def it_is_sent_again_at_once(history: History) -> Iterator[Falsified]:
    """DELIV-9 says after how long; this is a millisecond after the first time."""
    first: dict[tuple[int, int], int] = {}
    for place, row in rows(history, Kind.SENT):
        if row.value == Command.MESSAGE and first.setdefault((row.end, row.message), row.t_ms) < row.t_ms:
            yield moved(history, place, first[row.end, row.message] + 1)


def a_receipt_is_not_held_back(history: History) -> Iterator[Falsified]:
    """A millisecond before the delay that was drawn is over. (Any time after it would be another behaviour.)"""
    due: dict[int, int] = {}
    for place, line in enumerate(history.lines):
        if isinstance(line, Note):
            due |= {line.end: line.t_ms + line.values[0]} if line.said == Said.HOLDS else {}
        elif line[1] == Kind.SENT and line[8] == Command.RECEIPT and line[2] in due:
            yield moved(history, place, due[line[2]] - 1)


def a_service_is_released_a_day_early(history: History) -> Iterator[Falsified]:
    """STATE-10: something may still be on its way there."""
    for place, row in rows(history, Kind.RELEASED):
        yield moved(history, place, row.t_ms - DAY_MS)


def a_message_fails_early(history: History) -> Iterator[Falsified]:
    """DELIV-10: a millisecond before its time is over. (Any time after it would be another behaviour.)"""
    for place, row in rows(history, Kind.FAILED):
        accepted = next(r.t_ms for _, r in rows(history, Kind.ACCEPTED) if r[2:4] == row[2:4])
        if row.t_ms >= accepted + 3 * DAY_MS:  # what is written after the end fails at once
            yield moved(history, place, accepted + 3 * DAY_MS - 1)


def a_service_is_left_before_it_is_released(history: History) -> Iterator[Falsified]:
    """STATE-11: at the same instant, but the other way round."""
    for place, row in rows(history, Kind.LEFT):
        for released, r in rows(history, Kind.RELEASED):
            if (r.end, r.service) == (row.value, row.service):
                said = row._replace(t_ms=r.t_ms)
                yield released, replaced(replaced(history, place), released, said, gone=0)


def something_is_delivered_to_who_has_refused(history: History) -> Iterator[Falsified]:
    """DELIV-23."""
    for place, ended in rows(history, Kind.ENDED):
        for before, row in rows(history, Kind.DELIVERED):
            if row.end == ended.end and before < place:
                yield place + 1, replaced(history, place, ended, row._replace(t_ms=ended.t_ms, message=row.message + 1))


def something_is_sent_after_the_end(history: History) -> Iterator[Falsified]:
    """PORT-13."""
    for place, ended in rows(history, Kind.ENDED):
        for before, row in rows(history, Kind.SENT):
            if row.end == ended.end and before < place:
                yield (
                    place + 1,
                    replaced(history, place, ended, row._replace(t_ms=ended.t_ms, position=row.position + 1)),
                )


# ---------------------------------------------------------------------- corruptions of the diary


def notes(history: History, said: Said) -> list[tuple[int, Note]]:
    """Return the notes that say one thing, with their places."""
    return [(i, line) for i, line in enumerate(history.lines) if isinstance(line, Note) and line.said == said]


def a_complaint_is_heard_that_nobody_made(history: History) -> Iterator[Falsified]:
    """Of a service that nobody uses, after each message."""
    for place, row in rows(history, Kind.SENT):
        yield place + 1, replaced(history, place, row, Note(0, row.t_ms, row.end, Said.HEARD, (90, row.message)))


def a_service_complains_too_soon(history: History) -> Iterator[Falsified]:
    """DELIV-24: when it has just taken the message. (It might complain of one of the same kind that it took before.)"""
    taken: set[tuple[int, ...]] = set()
    for place, row in rows(history, Kind.SENT):
        kind = (row.end, row.via, row.service, row.message)
        after = next((i for i, line in enumerate(history.lines) if i > place and _when(line) > row.t_ms), 0)
        if after and kind not in taken:
            yield after, replaced(history, after, Note(0, row.t_ms, row.end, Said.COMPLAINED, kind[1:]), gone=0)
        taken.add(kind)


def a_receipt_is_held_back_too_long(history: History) -> Iterator[Falsified]:
    """DELIV-14."""
    for place, note in notes(history, Said.HOLDS):
        yield place, replaced(history, place, note._replace(values=(HOUR_MS + 1,)))


def a_device_finds_a_way_and_says_it_found_none(history: History) -> Iterator[Falsified]:
    """In the place of what it sent."""
    for place, row in rows(history, Kind.SENT):
        yield place, replaced(history, place, Note(0, row.t_ms, row.end, Said.LOOKED), row)


CORRUPTIONS: Final[tuple[Corruption, ...]] = (
    a_row_is_dropped,
    a_row_is_repeated,
    a_message_goes_to_another_service,
    a_position_is_skipped,
    a_message_goes_through_a_service_that_is_not_used,
    a_serial_is_given_twice,
    an_address_lives_longer,
    a_version_is_lowered,
    what_nobody_received_is_acknowledged,
    it_is_stored_before_it_is_sent,
    it_is_stored_where_nobody_answers,
    it_is_delivered_twice,
    it_is_confirmed_before_it_is_held,
    it_is_sent_again_at_once,
    a_receipt_is_not_held_back,
    a_service_is_released_a_day_early,
    a_message_fails_early,
    a_service_is_left_before_it_is_released,
    something_is_delivered_to_who_has_refused,
    something_is_sent_after_the_end,
    a_complaint_is_heard_that_nobody_made,
    a_service_complains_too_soon,
    a_receipt_is_held_back_too_long,
    a_device_finds_a_way_and_says_it_found_none,
)
