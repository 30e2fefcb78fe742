"""The policies' terms, taken from the table of parameters.

A relationship manager runs on the standard's terms unless a scenario says otherwise; what a scenario changes is named
one by one and checked here, so that an impossible policy is refused before anything runs.
"""

from typing import Final

import msgspec

from communicator_spec.errors import Explained
from communicator_spec.parameters import PARAMETERS, Parameters
from communicator_spec.policies import HOUR_MS, Terms

__all__ = ["TermsError", "changed", "check_terms", "standard_terms"]

_MS: Final = 1000
_A: Final = PARAMETERS.address


class TermsError(Explained, ValueError):
    """The terms contradict each other or the standard."""


def standard_terms(profile: str = "label/1", parameters: Parameters = PARAMETERS) -> Terms:
    """Return what the standard tells every relationship manager to do, for one address profile."""
    state, delivery, address = parameters.state, parameters.delivery, parameters.address
    two_layer = profile == "two-layer/1"
    return Terms(
        receiving_services=state.receiving_services_min,
        sending_services=state.sending_services_min,
        long_term_lifetime_ms=state.long_term_lifetime_s * _MS,
        long_term_refresh_ms=state.long_term_refresh_s * _MS,
        ephemeral_lifetime_ms=state.ephemeral_lifetime_s * _MS,
        ephemeral_refresh_ms=state.ephemeral_refresh_s * _MS,
        long_term_capacity=address.batch_long_term if two_layer else state.label_capacity,
        ephemeral_capacity=address.batch_ephemeral if two_layer else state.label_capacity,
        ranges_max=parameters.envelope.received_ranges_max,
        announces=True,
        receipt_delay_min_ms=delivery.receipt_delay_s_min * _MS,
        receipt_delay_max_ms=delivery.receipt_delay_s_max * _MS,
        escalate_after_ms=delivery.escalate_after_s * _MS,
        message_lifetime_ms=delivery.message_lifetime_s * _MS,
        queue_lifetime_ms=delivery.queue_lifetime_s * _MS,
        retry_min_ms=delivery.retry_s_min * _MS,
        retry_max_ms=delivery.retry_s_max * _MS,
        unreachable_notice_ms=delivery.unreachable_notice_s * _MS,
        suspect_ms=delivery.suspect_s * _MS,
        dead_after_ms=state.dead_after_s * _MS,
        announce_spread_ms=state.announce_spread_s * _MS,
    )


def check_terms(terms: Terms) -> Terms:
    """Return `terms`, or raise `TermsError` that says which two contradict each other and what would do."""
    for name in ("receiving_services", "sending_services", "ranges_max"):
        _require(getattr(terms, name) >= 1, f"{name} must be at least 1, not {getattr(terms, name)}")
    for name in Terms.__struct_fields__:
        _require(getattr(terms, name) >= 0, f"{name} must not be negative, but is {getattr(terms, name)}")
    _require(terms.long_term_lifetime_ms > 0, "long_term_lifetime must be positive: it is what recovery hangs on")
    _shorter(terms, "long_term_refresh_ms", "long_term_lifetime_ms")
    if terms.ephemeral_lifetime_ms:
        _shorter(terms, "ephemeral_refresh_ms", "ephemeral_lifetime_ms")
        _shorter(terms, "ephemeral_lifetime_ms", "long_term_lifetime_ms")
    _at_most(terms, "ephemeral_lifetime_ms", _A.lifetime_ephemeral_s_max * _MS)  # STATE-31
    _at_most(terms, "long_term_lifetime_ms", _A.lifetime_long_term_s_max * _MS - HOUR_MS)  # ADDR-29, rounded up
    _shorter(terms, "receipt_delay_max_ms", "escalate_after_ms")
    _shorter(terms, "escalate_after_ms", "message_lifetime_ms")
    _require(terms.receipt_delay_min_ms <= terms.receipt_delay_max_ms, "receipt_delay_min exceeds receipt_delay_max")
    _require(0 < terms.retry_min_ms <= terms.retry_max_ms, "retry_min must be positive and at most retry_max")
    return terms


def _shorter(terms: Terms, shorter: str, longer: str) -> None:
    a, b = getattr(terms, shorter), getattr(terms, longer)
    names = shorter.removesuffix("_ms"), longer.removesuffix("_ms")
    _require(a < b, f"{names[0]} ({_hours(a)}) must be shorter than {names[1]} ({_hours(b)})")


def _at_most(terms: Terms, name: str, most: int) -> None:
    value = getattr(terms, name)
    _require(value <= most, f"{name.removesuffix('_ms')} ({_hours(value)}) must be at most {_hours(most)}")


def _hours(ms: int) -> str:
    return f"{ms / 3_600_000:g} h"


def _require(condition: bool, complaint: str) -> None:
    if not condition:
        raise TermsError(complaint)


def changed(terms: Terms, **changes: int | bool) -> Terms:
    """Return `terms` with some of them changed, checked."""
    return check_terms(msgspec.structs.replace(terms, **changes))
