"""What a role shows and lets itself be told when it walks in step with the formal model.

Theory. A walk decides what happens next, and asks each role after each step what it keeps. So it needs terms of its
own, an attempt when it says so, an address in a stranger's hands, and the whole of what a device keeps.

Rules:

1. Terms have the names of the policies' (`communicator_spec.policies.Terms`), in seconds.
2. A role with terms of its own draws the shortest of every delay.
3. What is shown is read from the disk, so that what is not durable differs.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from communicator_impl import wire
from communicator_impl.adapter.lines import Call
from communicator_impl.adapter.live import seconds
from communicator_impl.addresses import SealingKey, derive_label
from communicator_impl.entropy import Entropy
from communicator_impl.envelope import label_request, two_layer_request
from communicator_impl.errors import InputError
from communicator_impl.particle import Particle
from communicator_impl.particle_fields import NEVER
from communicator_impl.relationship_manager import RelationshipManager
from communicator_spec import NONE, Grant, Terms
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS
from communicator_spec.terms import standard_terms

__all__ = ["shown", "stray", "terms_of"]

_MS: Final = "_ms"
_DATES: Final = ("renew_at", "update_due", "notice_due", "request_due", "receipt_due")
_NUMBERS: Final = ("version", "confirmed", "notice_attempts", "held_version", "next_number", "floor", "credit",
                   "automated", "ended")  # fmt: skip


def terms_of(c: Call, profile: str = "label/1") -> Terms:
    """Return the terms that a request states, or else the standard's."""
    if c.args.get("terms") is None:
        return standard_terms(profile)
    given = msgspec.structs.replace(c, args=c.table("terms"))
    return msgspec.convert({name: _term(given, name) for name in Terms.__struct_fields__}, Terms)


def _term(c: Call, name: str) -> int:
    if name == "announces":
        return c.flag(name)
    return c.number(name.replace(_MS, "_s")) * 1000 if name.endswith(_MS) else c.number(name)


def shown(p: Particle, uri: Callable[[int], str]) -> dict[str, object]:
    """Return all that a device keeps of a relationship and the model knows, with names in the place of numbers."""

    def by_service(table: dict[int, int]) -> list[object]:
        return [[uri(service), value] for service, value in sorted(table.items())]

    def by_grant(table: dict[tuple[int, int], int]) -> list[object]:
        return [[uri(service), serial, value] for (service, serial), value in sorted(table.items())]

    def until(table: dict[int, int]) -> list[object]:
        return [[uri(service), _date(value)] for service, value in sorted(table.items())]

    return {
        **{name: getattr(p, name) for name in _NUMBERS},
        **{name: _date(getattr(p, name)) for name in _DATES},
        "services": [uri(service) for service in p.services],
        "senders": [uri(service) for service in p.senders],
        "mine": [_grant(grant, uri) for grant in p.mine],
        "held": [_grant(grant, uri) for grant in p.held],
        "serials": by_service(p.serials),
        "moved": by_service(p.moved),
        "turns": by_service(p.turns),
        "last_until": until(p.last_until),
        "release_due": until(p.release_due),
        "suspects": until(p.suspects),
        "spent": by_grant(p.spent),
        "used": by_grant(p.used),
        "outbox": [
            [number, _date(e.accepted_ms), _date(e.due_ms), e.attempts, None if e.service == NONE else uri(e.service)]
            for number, e in sorted(p.outbox.items())
        ],
        "beyond": sorted(p.beyond),
        "receipt_from": None if p.receipt_from == NONE else uri(p.receipt_from),
    }


def _grant(grant: Grant, uri: Callable[[int], str]) -> list[object]:
    service, serial, long_term, until_ms, capacity = grant
    return [uri(service), serial, long_term, _date(until_ms), capacity]


def _date(ms: int) -> int | None:
    return None if ms >= NEVER else seconds(ms)


def stray(core: RelationshipManager, relationship: int, uri: str, serial: int, position: int, key: SealingKey,
          entropy: Entropy) -> bytes:  # fmt: skip
    """Return random bytes for one address of the peer's, as from somebody to whom its holder gave it."""
    held = core.peer_set(relationship)
    found = [grant.secret for entry in (held.services if held else ()) if entry.uri == uri
             for grant in entry.grants if grant.serial == serial]  # fmt: skip
    if not found:
        raise InputError(ErrorClass.UNKNOWN, "grant")
    junk = entropy.draw("junk", max(PARAMETERS.envelope.ciphertext_classes_bytes))
    secret: Any = found[0]
    if isinstance(secret, tuple):
        return two_layer_request(secret[wire.uint(position)], key, junk, entropy)
    return label_request(derive_label(secret, 0, position), key, junk, entropy)
