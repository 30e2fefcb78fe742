"""The reference implementation: sans-IO cores, services, adapter.

The names below are what a host needs to run the cores: a person's relationship manager, an operator's receiving and
sending service, the ports they ask for, and the values that pass between them. The cryptography underneath is in
modules of its own.
"""

from communicator_impl.addresses import KeySchedule, LabelGrant, Profile, Root, ServiceConfig
from communicator_impl.core_event import CoreEvent, Emit
from communicator_impl.entropy import Entropy, Fractions, SeededEntropy, SystemEntropy
from communicator_impl.envelope import Delivery
from communicator_impl.errors import CommunicatorError, InputError, OwnError, PeerError, ServiceError
from communicator_impl.inbox import Inbox, Received
from communicator_impl.latency import Latency
from communicator_impl.outbox import CONTENT_BYTES_MAX, Outbox
from communicator_impl.own_addresses import OwnAddresses
from communicator_impl.particle import Particle
from communicator_impl.particle_fields import (
    Delivered,
    IssueGrant,
    RegisterRoot,
    Request,
    RevokeRoot,
    Setting,
)
from communicator_impl.peer_addresses import PeerAddresses
from communicator_impl.receiving_service import Acceptance, Answer, KeyLifetimes, ReceivingService
from communicator_impl.relationship_manager import RelationshipManager, Step, pair
from communicator_impl.root_owners import EpochRegistration, RootOwners, RootRegistration, Told
from communicator_impl.root_record import Item
from communicator_impl.sending_service import (
    Attempt,
    Forwarded,
    GaveUp,
    Level,
    Offer,
    Outcome,
    RetryAt,
    SendingService,
    Status,
    Ticket,
    TurnedDown,
)
from communicator_impl.storage import MemoryStorage, Storage
from communicator_impl.submission import Submission
from communicator_impl.turn import Outgoing, Reach, ServiceBook

__all__ = [
    "CONTENT_BYTES_MAX",
    "Acceptance",
    "Answer",
    "Attempt",
    "CommunicatorError",
    "CoreEvent",
    "Delivered",
    "Delivery",
    "Emit",
    "Entropy",
    "EpochRegistration",
    "Forwarded",
    "Fractions",
    "GaveUp",
    "Inbox",
    "InputError",
    "IssueGrant",
    "Item",
    "KeyLifetimes",
    "KeySchedule",
    "LabelGrant",
    "Latency",
    "Level",
    "MemoryStorage",
    "Offer",
    "Outbox",
    "Outcome",
    "Outgoing",
    "OwnAddresses",
    "OwnError",
    "Particle",
    "PeerAddresses",
    "PeerError",
    "Profile",
    "Reach",
    "Received",
    "ReceivingService",
    "RegisterRoot",
    "RelationshipManager",
    "Request",
    "RetryAt",
    "RevokeRoot",
    "Root",
    "RootOwners",
    "RootRegistration",
    "SeededEntropy",
    "SendingService",
    "ServiceBook",
    "ServiceConfig",
    "ServiceError",
    "Setting",
    "Status",
    "Step",
    "Storage",
    "Submission",
    "SystemEntropy",
    "Ticket",
    "Told",
    "TurnedDown",
    "pair",
]
