"""The reference implementation: sans-IO cores, services, adapter.

The names below are what a host needs to run the cores: a person's relationship manager, wallet and view of a directory,
an operator's services, the ports they ask for, and the values that pass between them. The cryptography underneath is in
modules of its own.
"""

from communicator_impl.addresses import KeySchedule, LabelGrant, Profile, Root, ServiceConfig
from communicator_impl.authorization_service import AuthorizationService, MakeKey
from communicator_impl.core_event import CoreEvent, Emit
from communicator_impl.directory import Contact, Entry, Head, Leaf, Proof, make_entry
from communicator_impl.directory_monitor import DirectoryMonitor
from communicator_impl.directory_reader import DirectoryReader, Finding, SplitView, Succession
from communicator_impl.directory_service import DirectoryRules, DirectoryService, Mode
from communicator_impl.entropy import Entropy, Fractions, SeededEntropy, SystemEntropy
from communicator_impl.envelope import Delivery
from communicator_impl.errors import CommunicatorError, InputError, OwnError, PeerError, ServiceError
from communicator_impl.inbox import Inbox, Received
from communicator_impl.issuer_keys import IssuerKey, read_issuer_document
from communicator_impl.latency import Latency
from communicator_impl.outbox import CONTENT_BYTES_MAX, Outbox
from communicator_impl.own_addresses import OwnAddresses
from communicator_impl.pairing import pair
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
from communicator_impl.redemption import Redeemed, Redemption, request_digest
from communicator_impl.relationship_manager import RelationshipManager, Step
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
from communicator_impl.tokens import Purpose, Token, authorization, read_authorization
from communicator_impl.turn import Outgoing, Reach, ServiceBook
from communicator_impl.wallet import Purse, Wallet

__all__ = [
    "CONTENT_BYTES_MAX",
    "Acceptance",
    "Answer",
    "Attempt",
    "AuthorizationService",
    "CommunicatorError",
    "Contact",
    "CoreEvent",
    "Delivered",
    "Delivery",
    "DirectoryMonitor",
    "DirectoryReader",
    "DirectoryRules",
    "DirectoryService",
    "Emit",
    "Entropy",
    "Entry",
    "EpochRegistration",
    "Finding",
    "Forwarded",
    "Fractions",
    "GaveUp",
    "Head",
    "Inbox",
    "InputError",
    "IssueGrant",
    "IssuerKey",
    "Item",
    "KeyLifetimes",
    "KeySchedule",
    "LabelGrant",
    "Latency",
    "Leaf",
    "Level",
    "MakeKey",
    "MemoryStorage",
    "Mode",
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
    "Proof",
    "Purpose",
    "Purse",
    "Reach",
    "Received",
    "ReceivingService",
    "Redeemed",
    "Redemption",
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
    "SplitView",
    "Status",
    "Step",
    "Storage",
    "Submission",
    "Succession",
    "SystemEntropy",
    "Ticket",
    "Token",
    "Told",
    "TurnedDown",
    "Wallet",
    "authorization",
    "make_entry",
    "pair",
    "read_authorization",
    "read_issuer_document",
    "request_digest",
]
