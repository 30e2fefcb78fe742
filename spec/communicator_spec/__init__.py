"""The standard as data and pure functions: clauses, parameters, events, policies, invariants."""

from communicator_spec.clauses import Clause, load_clauses, standard_digest
from communicator_spec.errors import ErrorClass
from communicator_spec.events import (
    NONE,
    VOCABULARY,
    Command,
    Event,
    Kind,
    Row,
    end_of,
    peer_of,
)
from communicator_spec.invariants import Monitors
from communicator_spec.monitors import Invariant, Violation
from communicator_spec.policies import (
    HOUR_MS,
    Grant,
    Path,
    Terms,
    apart_from,
    backoff_ms,
    choose_path,
    covers,
    escalation_ms,
    ranges,
    receipt_delay_ms,
    release_at,
    renew,
    request_at,
    round_up_to_hour,
    usable,
)

__all__ = [
    "HOUR_MS",
    "NONE",
    "VOCABULARY",
    "Clause",
    "Command",
    "ErrorClass",
    "Event",
    "Grant",
    "Invariant",
    "Kind",
    "Monitors",
    "Path",
    "Row",
    "Terms",
    "Violation",
    "apart_from",
    "backoff_ms",
    "choose_path",
    "covers",
    "end_of",
    "escalation_ms",
    "load_clauses",
    "peer_of",
    "ranges",
    "receipt_delay_ms",
    "release_at",
    "renew",
    "request_at",
    "round_up_to_hour",
    "standard_digest",
    "usable",
]
