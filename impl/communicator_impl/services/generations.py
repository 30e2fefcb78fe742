"""The keys of a receiving service by generation, as stored: rotated when it is time, erased when no longer needed.

Rules:

1. A new key is durable before the document names it: both are written in one transaction.
2. What has ended is erased, but never a key or a mark that a request which waits to be resolved may still need.
"""

from typing import Final

from sqlalchemy import Connection, func, select

from communicator_impl.addresses import KeySchedule, Profile
from communicator_impl.addresses.schedule import BACKDATE_S
from communicator_impl.entropy import Entropy
from communicator_impl.receiving_service import KeyLifetimes
from communicator_impl.services.kept import change, held_secret
from communicator_impl.services.schema import accepted, kept
from communicator_impl.services.sealing import opened, sealed

__all__ = ["current_schedule", "stored_schedule"]

_SCHEDULE: Final = "schedule"


def stored_schedule(connection: Connection) -> bytes:
    """Return the schedule as it is stored now: what a resolver opens with."""
    value: bytes = connection.execute(select(kept.c.value).where(kept.c.name == _SCHEDULE)).scalar_one()
    return opened(connection, _SCHEDULE, value)


def current_schedule(
    connection: Connection, uri: str, profiles: tuple[Profile, ...], rotate_s: int, now_s: int, entropy: Entropy
) -> KeySchedule:
    """Return the schedule for now; rotates after `rotate_s`, and erases what is due (ADDR-27)."""
    lifetimes = KeyLifetimes()
    first = KeySchedule(uri, profiles, ())
    if connection.execute(select(kept.c.name).where(kept.c.name == _SCHEDULE)).first() is None:
        first = first.rotated(now_s, entropy, lifetimes.outer_s, lifetimes.inner_s)
    stored = held_secret(connection, _SCHEDULE, first.to_bytes())
    before = KeySchedule.from_bytes(stored)
    schedule = KeySchedule(uri, profiles, before.outer, before.inner).erased(_settled_s(connection, now_s))  # ADDR-27
    newest_s = max((g.public.not_before_s + BACKDATE_S for g in schedule.outer), default=0)
    if now_s - newest_s >= rotate_s:
        schedule = schedule.rotated(now_s, entropy, lifetimes.outer_s, lifetimes.inner_s)
    if schedule.to_bytes() != stored:
        change(connection, _SCHEDULE, sealed(connection, _SCHEDULE, schedule.to_bytes()))
    return schedule


def _settled_s(connection: Connection, now_s: int) -> int:
    """Return the time before which nothing waits to be resolved: what ended before it is needed by nobody (rule 2)."""
    oldest_ms: int | None = connection.execute(select(func.min(accepted.c.at_ms))).scalar()
    return now_s if oldest_ms is None else min(now_s, oldest_ms // 1000)
