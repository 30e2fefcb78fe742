"""What the model says of a device and of a step, in the units and shapes of the fidelities.

The names differ only in their spelling: the model has those of Quint, the fidelities those of Python, both those of the
policies. One unit of the model is one hour; a date that never comes stays what it is.
"""

from collections.abc import Mapping
from typing import Any, Final

from communicator_spec import Grant, Kind, Row, Terms
from communicator_spec.formal import generated as model
from communicator_spec.nodes import KEPT
from communicator_spec.policies import HOUR_MS

__all__ = ["FIELDS", "OF_GRANTS", "current", "kept_plainly", "row_of", "terms_of", "told_of"]

NEVER: Final = 1 << 62


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


FIELDS: Final = {_camel(name): name for name in KEPT}
OF_GRANTS: Final = {"spent": "mine", "used": "held"}
"""Fields that note something of grants, and the set that names these."""

_DATES: Final = {"renewAt", "updateDue", "noticeDue", "requestDue", "receiptDue"}
_DATED: Final = {"lastUntil", "releaseDue", "suspects"}


def told_of(device: model.Device) -> dict[str, object]:
    """Return what the model says of a device, in the fidelities' units; of one that has ended, only that."""
    if device.ended:
        return {"ended": True, "nextNumber": device.nextNumber}
    return {name: _converted(name, getattr(device, name)) for name in FIELDS}


def _converted(name: str, value: Any) -> object:  # noqa: ANN401  # a field of a device, of any type
    if name in _DATES:
        return _ms(value)
    if name in _DATED:
        return {key: _ms(t) for key, t in value.items()}
    if name in ("mine", "held"):
        return tuple(Grant(g.service, g.serial, g.longTerm, _ms(g.until), g.capacity) for g in value)
    if name == "outbox":
        return {n: (_ms(e.accepted), _ms(e.due), e.attempts, e.service) for n, e in value.items()}
    if isinstance(value, frozenset):
        return set(value)
    return dict(value) if isinstance(value, Mapping) else value


def current(name: str, notes: Any, told: Mapping[str, Any]) -> object:  # noqa: ANN401  # a field of a device
    """Return what is noted of the grants of a set: a device may forget what no set names any more."""
    names = {grant[:2] for grant in told[OF_GRANTS[name]]}
    return {key: value for key, value in notes.items() if key in names}


def kept_plainly(value: object) -> object:
    """Return a kept value without its class, where fidelities differ in classes."""
    if isinstance(value, dict):
        return {key: _entry(item) for key, item in value.items()}
    return tuple(value) if isinstance(value, list) else value


def _entry(value: object) -> object:
    if isinstance(value, int):
        return value
    return tuple(getattr(value, name) for name in ("accepted_ms", "due_ms", "attempts", "service"))


def _ms(t: int) -> int:
    return NEVER if t == NEVER else t * HOUR_MS


def row_of(row: model.Row, now_ms: int) -> Row:
    """Return a row of the model as the log has it; one kind holds a date."""
    value = _ms(row.value) if row.kind == Kind.ISSUED else row.value
    return (now_ms, row.kind, row.end, row.message, row.service, row.serial, row.position, row.via, value)


def terms_of(terms: model.Terms) -> Terms:
    """Return the policies' terms for those of a world of the model."""
    return Terms(
        receiving_services=2, sending_services=2,
        long_term_lifetime_ms=terms.longTermLifetime * HOUR_MS, long_term_refresh_ms=terms.longTermRefresh * HOUR_MS,
        ephemeral_lifetime_ms=terms.ephemeralLifetime * HOUR_MS, ephemeral_refresh_ms=terms.ephemeralRefresh * HOUR_MS,
        long_term_capacity=terms.longTermCapacity, ephemeral_capacity=terms.ephemeralCapacity,
        ranges_max=terms.rangesMax, announces=terms.announces,
        receipt_delay_min_ms=terms.receiptDelayMin * HOUR_MS, receipt_delay_max_ms=terms.receiptDelayMax * HOUR_MS,
        escalate_after_ms=terms.escalateAfter * HOUR_MS, message_lifetime_ms=terms.messageLifetime * HOUR_MS,
        queue_lifetime_ms=terms.queueLifetime * HOUR_MS, retry_min_ms=terms.retryMin * HOUR_MS,
        retry_max_ms=terms.retryMax * HOUR_MS, unreachable_notice_ms=terms.unreachableNotice * HOUR_MS,
        suspect_ms=terms.suspect * HOUR_MS, dead_after_ms=HOUR_MS, announce_spread_ms=0,
    )  # fmt: skip
