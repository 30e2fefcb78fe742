"""What an origin publishes, and the secret keys behind it: the same for all instances, because it is in the database.

Theory. Correspondents compare the digest of a configuration inside messages, so two instances that published different
keys would look like an attack. So there is one schedule and one document in the database; whoever changes them does it
under the lock of their row, and the revision rises with each change (SVC-18).

Rules:

1. A new key is durable before the document names it.
2. What has ended is erased, but never a key or a mark that a request which waits to be resolved may still need.
3. The secret of the service makes what has to be made again alike: the keys that delete uploads.
"""

import hashlib
from collections.abc import Mapping
from typing import Final, NamedTuple

from sqlalchemy import Connection, func, select

from communicator_impl.addresses import KeySchedule, Profile
from communicator_impl.document import Document, Issuers, Receiving, Sending
from communicator_impl.entropy import Entropy
from communicator_impl.receiving_service import KeyLifetimes
from communicator_impl.services.database import insert_new
from communicator_impl.services.schema import accepted, kept
from communicator_impl.services.settings import Settings
from communicator_spec.parameters import PARAMETERS

__all__ = ["UPLOAD_TOKENS", "Published", "publish", "stored_schedule"]

_E: Final = PARAMETERS.envelope
_SCHEDULE: Final = "schedule"
_SECRET: Final = "secret"
_CLASSES: Final = ("immediate", "batched", "pull")
_SECRET_BYTES: Final = 32
UPLOAD_TOKENS: Final = ((1, 1), (2, 1), (4, 1), (8, 1), (16, 2), (32, 3), (64, 5))
"""Tokens of an upload by its number of chunks (ATT-9); what is not listed is not offered."""


class Published(NamedTuple):
    """The document as it is served, its revision, the keys behind it, and the secret of the service."""

    document: bytes
    revision: int
    schedule: KeySchedule
    secret: bytes


def publish(connection: Connection, settings: Settings, now_s: int, entropy: Entropy) -> Published:
    """Return what the origin publishes now: rotates and erases keys that are due, and counts the revision up."""
    schedule = _schedule(connection, settings, now_s, entropy)
    secret = _kept(connection, _SECRET, entropy.draw("service.secret", _SECRET_BYTES))[1]
    name = "document " + hashlib.sha256(f"{settings.service.uri} {settings.service.run}".encode()).hexdigest()[:16]
    plain = _document(settings, schedule, 0)
    digest = hashlib.sha256(plain.encode()).digest()
    revision, known = _kept(connection, name, digest, revision=1)
    if known != digest:
        revision += 1
        connection.execute(kept.update().where(kept.c.name == name).values(revision=revision, value=digest))
    return Published(_document(settings, schedule, revision).encode(), revision, schedule, secret)


def stored_schedule(connection: Connection) -> bytes:
    """Return the schedule as it is stored now: what a resolver opens with."""
    value: bytes = connection.execute(select(kept.c.value).where(kept.c.name == _SCHEDULE)).scalar_one()
    return value


def _schedule(connection: Connection, settings: Settings, now_s: int, entropy: Entropy) -> KeySchedule:
    profiles = tuple(Profile(number) for number in settings.receiving.profiles)
    lifetimes = KeyLifetimes()
    first = KeySchedule(settings.service.uri, profiles, ())
    if connection.execute(select(kept.c.name).where(kept.c.name == _SCHEDULE)).first() is None:
        first = first.rotated(now_s, entropy, lifetimes.outer_s, lifetimes.inner_s)
    _, stored = _kept(connection, _SCHEDULE, first.to_bytes())
    held = KeySchedule.from_bytes(stored)
    settled_s = _settled_s(connection, now_s)
    schedule = KeySchedule(settings.service.uri, profiles, held.outer, held.inner).erased(settled_s)  # ADDR-27
    newest = max((g.public.not_before_s for g in schedule.outer), default=0)
    if now_s - newest >= settings.receiving.rotate_s:
        schedule = schedule.rotated(now_s, entropy, lifetimes.outer_s, lifetimes.inner_s)
    if schedule.to_bytes() != stored:
        changed = kept.update().where(kept.c.name == _SCHEDULE)
        connection.execute(changed.values(revision=kept.c.revision + 1, value=schedule.to_bytes()))
    return schedule


def _settled_s(connection: Connection, now_s: int) -> int:
    """Return the time before which nothing waits to be resolved: what ended before it is needed by nobody (rule 2)."""
    oldest_ms: int | None = connection.execute(select(func.min(accepted.c.at_ms))).scalar()
    return now_s if oldest_ms is None else min(now_s, oldest_ms // 1000)


def _kept(connection: Connection, name: str, first: bytes, revision: int = 0) -> tuple[int, bytes]:
    """Return what is kept under a name, under its lock; `first` if there was nothing."""
    insert_new(connection, kept, {"name": name, "revision": revision, "value": first})
    found = connection.execute(select(kept.c.revision, kept.c.value).where(kept.c.name == name).with_for_update())
    row = found.one()
    return row.revision, row.value


def _document(settings: Settings, schedule: KeySchedule, revision: int) -> Document:
    receiving = Receiving(
        schedule.config(),
        _E.request_bytes_max,
        tuple(_E.ciphertext_classes_bytes),
        _CLASSES,
        proxy=True,
        tokens=_issuers(settings.receiving.tokens),
    )
    sending = Sending(
        settings.service.uri,
        _E.request_bytes_max,
        settings.sending.delay_mean_s,
        PARAMETERS.delivery.queue_lifetime_s,
        UPLOAD_TOKENS,
        _issuers(settings.sending.tokens),
    )
    return Document(
        revision,
        settings.service.operator,
        receiving if settings.receives else None,
        sending if settings.sends else None,
    )


def _issuers(tokens: Mapping[str, tuple[str, ...]]) -> Issuers:
    return tuple(sorted(tokens.items()))
