"""Implementations that are wrong in one place each: what the machine has to find.

Theory. A machine that never fails proves little until it has failed on purpose. Each fault here is the smallest change
of one part that breaks one promise, put into the town through the same injection as any other implementation. All are
mistakes that somebody could make in good faith.

Rules:

1. One fault, one promise: `FAULTS` says which part is wrong, what is broken by it, and in which town it can show.
2. A fault changes one method and calls the rest of its base.
"""

from typing import Final, NamedTuple

from tests.properties.viewpoints import Transport

from communicator_impl.addresses import LabelResolution, Position, Profile, SpentBlock
from communicator_impl.body import WireSet
from communicator_impl.core_event import Emit
from communicator_impl.entropy import Entropy
from communicator_impl.envelope import Arrival
from communicator_impl.inbox import Inbox
from communicator_impl.outbox import Outbox
from communicator_impl.own_addresses import OwnAddresses
from communicator_impl.particle import Particle
from communicator_impl.particle_fields import Queued, Setting
from communicator_impl.peer_addresses import PeerAddresses
from communicator_impl.receiving_service import ReceivingService
from communicator_impl.relationship_manager import RelationshipManager, Step
from communicator_impl.storage import Storage
from communicator_impl.turn import NOTHING_REACHABLE, Outgoing, Reach, ServiceBook, Turn
from communicator_simulations.real import Parts
from communicator_spec import NONE, Command, Grant, Kind, Path, Terms
from communicator_spec.views import outside

__all__ = ["FAULTS", "Fault"]

_YEARS_MS: Final = 1 << 40


class ForgetsWhatItReceived(Inbox):
    """Takes every message for a new one."""

    def _is_duplicate(self, p: Particle, number: int) -> bool:
        return False


class AcknowledgesEverything(Inbox):
    """Answers receipts with receipts."""

    def _plan_receipt(self, turn: Turn, service: int, command: Command) -> None:
        super()._plan_receipt(turn, service, Command.MESSAGE)


class IgnoresCredit(Outbox):
    """Sends a receipt whether or not people caused as much."""

    def send_receipt(self, turn: Turn) -> None:
        turn.particle.credit = max(turn.particle.credit, 1)
        super().send_receipt(turn)


class DropsWithoutAPath(Outbox):
    """Forgets a message for which there is no way at the moment."""

    def send_messages(self, turn: Turn) -> None:
        super().send_messages(turn)
        kept: dict[int, Queued] = {n: e for n, e in turn.particle.outbox.items() if e.service != NONE}
        turn.particle.outbox = kept


class SendsTheSameBytesAgain(Outbox):
    """Keeps a sealed request and hands it to the next sending service when it escalates."""

    _kept: dict[tuple[int, int], bytes]

    def _transmit(self, turn: Turn, path: Path, command: Command, number: int, draw_index: int) -> None:
        super()._transmit(turn, path, command, number, draw_index)
        out: Outgoing = turn.out[-1]
        self._kept = getattr(self, "_kept", {})
        if number != NONE:
            turn.out[-1] = out._replace(request=self._kept.setdefault((turn.relationship, number), out.request))


class ReleasesAtOnce(OwnAddresses):
    """Takes a service for left as soon as the person has decided to."""

    def _may_release(self, turn: Turn, due_ms: int) -> bool:
        return True


class StaysWhereItWas(OwnAddresses):
    """Tells that it moves, and goes on issuing at the service that it leaves."""

    def replace(self, turn: Turn, old: int, setting: Setting, announce_ms: int, *, leave: bool) -> None:
        services = turn.particle.services
        super().replace(turn, old, setting, announce_ms, leave=leave)
        turn.particle.services = services


class Repeating:
    """Gives the first draw of some labels again and again."""

    real = False

    def __init__(self, entropy: Entropy, *labels: str) -> None:
        self._entropy = entropy
        self._labels = labels
        self._drawn: dict[str, bytes] = {}

    def draw(self, label: str, n: int) -> bytes:
        """Return fresh bytes, except for the labels that repeat."""
        if label not in self._labels:
            return self._entropy.draw(label, n)
        return self._drawn.setdefault(label, self._entropy.draw(label, n))

    def fraction(self, label: str, entity: int, index: int) -> float:
        """Return what the source says."""
        return self._entropy.fraction(label, entity, index)


class OneSecretForAll(OwnAddresses):
    """Makes the roots of all relationships from one secret of the person."""

    def __init__(self, terms: Terms, book: ServiceBook, entropy: Entropy, profiles: tuple[Profile, ...]) -> None:
        super().__init__(terms, book, Repeating(entropy, "label.secret", "two-layer.signing"), profiles)


class StaysAtOnePosition(PeerAddresses):
    """Uses an address again."""

    def _advance_position(self, p: Particle, name: tuple[int, int], position: int) -> None:
        return


class TrustsExpiredGrants(PeerAddresses):
    """Offers every grant that it ever got."""

    def offers(self, turn: Turn) -> tuple[Grant, ...]:
        return tuple(grant._replace(valid_until_ms=_YEARS_MS) for grant in super().offers(turn))


class AdoptsAnySet(PeerAddresses):
    """Takes whatever set came last for the newest."""

    def is_newer(self, p: Particle, addresses: WireSet) -> bool:
        return True


class NeverExpires(ReceivingService):
    """Checks addresses against the time of the town's first day."""

    def _check_expiry(self, now_ms: int) -> int:
        return min(super()._check_expiry(now_ms), 2 * 86_400)


class NeverSpends(ReceivingService):
    """Stores a message and leaves its address as it was."""

    def _spend(self, arrival: Arrival) -> Position | SpentBlock:
        found = arrival.resolution
        if isinstance(found, LabelResolution):
            return Position(found.lane, 0, 0)
        return SpentBlock(found.index >> 8, 0, found.valid_until_s)


class RefusesInWordsOnly(RelationshipManager):
    """Says that a relationship has ended, and takes what comes."""

    def refuse(self, now_ms: int, relationship: int, *, tell: bool = False, reach: Reach = NOTHING_REACHABLE) -> Step:
        turn = self._turn(now_ms, relationship)
        turn.report(Kind.ENDED)
        return self._finish(turn)


class HasOneIdentity(RelationshipManager):
    """Shows everybody the same identity."""

    def __init__(
        self,
        person: int,
        terms: Terms,
        book: ServiceBook,
        storage: Storage,
        entropy: Entropy,
        emit: Emit,
        profiles: tuple[Profile, ...],
    ) -> None:
        one = Repeating(entropy, "identity.sign", "identity.agree")
        super().__init__(person, terms, book, storage, one, emit, profiles)


class PoolOfKeys:
    """Keeps the signing keys that it made, and hands one of them out again when an identity needs one."""

    real = False

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._pool: list[bytes] = []

    def draw(self, label: str, n: int) -> bytes:
        """Return fresh bytes, except for an identity while there is a key in the pool."""
        if label == "identity.sign" and self._pool:
            return self._pool.pop()
        drawn = self._entropy.draw(label, n)
        if label == "two-layer.signing":
            self._pool.append(drawn)
        return drawn

    def fraction(self, label: str, entity: int, index: int) -> float:
        """Return what the source says."""
        return self._entropy.fraction(label, entity, index)


class TakesIdentitiesFromAPool(RelationshipManager):
    """Signs as itself, in a new relationship, with the key that signs the addresses of another."""

    def __init__(
        self,
        person: int,
        terms: Terms,
        book: ServiceBook,
        storage: Storage,
        entropy: Entropy,
        emit: Emit,
        profiles: tuple[Profile, ...],
    ) -> None:
        super().__init__(person, terms, book, storage, PoolOfKeys(entropy), emit, profiles)


class WritesOneByteMore(Outbox):
    """Puts a byte behind what it hands to a sending service."""

    def _transmit(self, turn: Turn, path: Path, command: Command, number: int, draw_index: int) -> None:
        super()._transmit(turn, path, command, number, draw_index)
        out: Outgoing = turn.out[-1]
        turn.out[-1] = out._replace(request=out.request + b"\0")


def in_the_clear(connection: int, data: bytes) -> bytes:
    """Show the network everything."""
    return data


class Fault(NamedTuple):
    """A wrong implementation, and the promise that it breaks."""

    broken: str
    parts: Parts
    profile: Profile = Profile.LABEL
    likely: tuple[str, ...] = ()  # rules that are worth trying more often
    people: int = 2
    shows_at_the_end: bool = False
    transport: Transport = outside


_R, _S = "unlinkability: receiving service", "unlinkability: sending service"
_C = "unlinkability: correspondent + correspondent"
_CR, _N = "unlinkability: correspondent + receiving service", "unlinkability: network"
_MOVE: Final = ("somebody_moves", "somebody_writes", "a_device_wakes")
_LATE: Final = (
    "somebody_writes",
    "a_device_wakes",
    "a_request_hangs_in_the_network",
    "time_passes",
    "a_late_request_arrives",
)
_LOSS: Final = ("somebody_writes", "a_device_wakes", "time_passes", "a_service_goes_down")
_REPLAY: Final = ("somebody_writes", "a_device_wakes", "an_answer_is_lost")
_MEET: Final = ("two_people_meet",)
_DEATH: Final = ("somebody_writes", "a_device_wakes", "a_provider_dies", "a_service_goes_down")
_SEND: Final = ("somebody_writes", "a_device_wakes")
_TWO_LAYER: Final = Profile.TWO_LAYER

FAULTS: Final = {
    "forgets what it received": Fault(
        "exactly-once", Parts(inbox=ForgetsWhatItReceived), likely=(*_MOVE, "hours_pass_calmly")
    ),
    "drops without a path": Fault(
        "nothing-lost", Parts(outbox=DropsWithoutAPath), likely=_DEATH, shows_at_the_end=True
    ),
    "uses a position twice": Fault("single-use", Parts(peer=StaysAtOnePosition), likely=_SEND),
    "uses expired grants": Fault("no-expired-address", Parts(peer=TrustsExpiredGrants), likely=(*_SEND, "time_passes")),
    "takes expired addresses": Fault("no-expired-address", Parts(receiving=NeverExpires), likely=_LATE),
    "takes addresses twice": Fault("only-peers", Parts(receiving=NeverSpends), likely=_REPLAY),
    "takes addresses twice, two-layer/1": Fault("only-peers", Parts(receiving=NeverSpends), _TWO_LAYER, _REPLAY),
    "refuses in words only": Fault("only-peers", Parts(manager=RefusesInWordsOnly), likely=("somebody_refuses",)),
    "acknowledges acknowledgements": Fault("human-rate", Parts(inbox=AcknowledgesEverything, outbox=IgnoresCredit)),
    "adopts older sets": Fault("sets-only-grow", Parts(peer=AdoptsAnySet), likely=_MOVE),
    "stays where it was": Fault("no-return", Parts(own=StaysWhereItWas), likely=_MOVE),
    "leaves at once": Fault("safe-departure", Parts(own=ReleasesAtOnce), likely=_MOVE),
    "one secret for all": Fault(_R, Parts(own=OneSecretForAll), likely=_MEET, people=3),
    "one secret for all, two-layer/1": Fault(_R, Parts(own=OneSecretForAll), _TWO_LAYER, _MEET, people=3),
    "one identity for all": Fault(_C, Parts(manager=HasOneIdentity), likely=_MEET, people=3),
    "identities from a pool of keys": Fault(_CR, Parts(manager=TakesIdentitiesFromAPool), _TWO_LAYER, _MEET, people=3),
    "connections in the clear": Fault(_N, Parts(), likely=_SEND, transport=in_the_clear),
    "writes a byte more": Fault("wire schema", Parts(outbox=WritesOneByteMore), likely=_SEND),
    "sends the same bytes again": Fault(_S, Parts(outbox=SendsTheSameBytesAgain), likely=_LOSS),
}
