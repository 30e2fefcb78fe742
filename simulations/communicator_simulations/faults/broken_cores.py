"""Parts of the real cores that do wrong: each overrides one small method of the reference implementation.

The names say what a part does wrong; which clause it breaks stands in the table of mutants
(tests), and which seeded fault of the formal model it is in `planted`.
"""

from collections.abc import Callable, Sequence

import msgspec

from communicator_impl.addresses import Position, Root, SpentBlock
from communicator_impl.body import Body, ServiceEntry, WireGrant, WireSet, encode_body
from communicator_impl.body import Received as Receipt
from communicator_impl.envelope import Arrival
from communicator_impl.inbox import Inbox
from communicator_impl.outbox import Outbox
from communicator_impl.own_addresses import OwnAddresses
from communicator_impl.particle import Particle
from communicator_impl.particle_fields import NEVER, Queued, Setting
from communicator_impl.peer_addresses import PeerAddresses
from communicator_impl.queue_entry import Entry
from communicator_impl.receiving_service import ReceivingService
from communicator_impl.relationship_manager import RelationshipManager, Step
from communicator_impl.root_record import Item
from communicator_impl.sending_service import Outcome, SendingService, Ticket
from communicator_impl.turn import Reach, Turn
from communicator_spec import NONE, Command, ErrorClass, Grant, Kind, Path


class AdoptsNothing(PeerAddresses):
    def is_newer(self, p: Particle, addresses: WireSet) -> bool:
        return False


class AdoptsAnything(PeerAddresses):
    def is_newer(self, p: Particle, addresses: WireSet) -> bool:
        return True


class NeverAdvances(PeerAddresses):
    def _advance_position(self, p: Particle, name: tuple[int, int], position: int) -> None:
        """The next transmission goes to the same address."""


class IgnoresDates(PeerAddresses):
    def _grant(self, entry: ServiceEntry, grant: WireGrant) -> Grant:
        return super()._grant(entry, grant)._replace(valid_until_ms=NEVER)


class PrefersLongTerm(PeerAddresses):
    def offers(self, turn: Turn) -> tuple[Grant, ...]:
        offers = super().offers(turn)
        return tuple(grant for grant in offers if grant.long_term) or offers


class AttachesNoSet(Outbox):
    def _attach_set(self, p: Particle, body: Body) -> bytes:
        return encode_body(body)


class ClaimsTooMuch(Outbox):
    def _receipt(self, p: Particle) -> Receipt:
        floor, _ = msgspec.structs.astuple(super()._receipt(p))
        return Receipt(floor + 1, ())


class NeverEscalates(Outbox):
    def _send_message(self, turn: Turn, number: int, entry: Queued, last_ms: int) -> Queued:
        return msgspec.structs.replace(super()._send_message(turn, number, entry, last_ms), due_ms=last_ms)


class FailsInSilence(Outbox):
    def send_messages(self, turn: Turn) -> None:
        super().send_messages(turn)
        turn.events = [event for event in turn.events if event.kind is not Kind.FAILED]


class ForgetsWhatItSent(Outbox):
    def send_messages(self, turn: Turn) -> None:
        super().send_messages(turn)
        turn.particle.outbox = {n: entry for n, entry in turn.particle.outbox.items() if not entry.attempts}


class CountsNoCredit(Outbox):
    def _send_control(self, turn: Turn, command: Command, most: int, apart: int = NONE) -> int:
        super()._send_control(turn, command, most, apart)
        return 0


class AnnouncesNothing(Outbox):
    def send_notice(self, turn: Turn) -> None:
        turn.particle.notice_due = NEVER


class TellsOneServiceOnly(Outbox):
    def _send_control(self, turn: Turn, command: Command, most: int, apart: int = NONE) -> int:
        return super()._send_control(turn, command, min(most, 1), apart)


class TrustsSilentServices(Outbox):
    def suspect(self, turn: Turn, service: int, reference: int) -> None:
        """A notice changes nothing."""


class UsesOneSender(Outbox):
    def _senders(self, turn: Turn) -> list[int]:
        return super()._senders(turn)[:1]


class TakesNoTurns(Outbox):
    def _transmit(self, turn: Turn, path: Path, command: Command, number: int, draw_index: int) -> None:
        super()._transmit(turn, path, command, number, draw_index)
        turn.particle.turns[path.via] -= 1


class UsesANumberTwice(Outbox):
    def submit(self, turn: Turn, content: bytes) -> int:
        number = super().submit(turn, content)
        turn.particle.next_number = max(number, 1)
        return number


class IgnoresReceipts(Inbox):
    def _acknowledge(self, turn: Turn, body: Body) -> None:
        """The outbox keeps what the peer has."""


class SuspectsNothing(Inbox):
    def _is_sign(self, p: Particle, body: Body) -> bool:
        return False


class ReceiptsAtOnce(Inbox):
    def _receipt_delay_ms(self, turn: Turn) -> int:
        return 0


class ReceiptsForEverything(Inbox):
    def _plan_receipt(self, turn: Turn, service: int, command: Command) -> None:
        super()._plan_receipt(turn, service, Command.MESSAGE)


class DeliversCopies(Inbox):
    def _is_duplicate(self, p: Particle, number: int) -> bool:
        return False

    def _note_received(self, p: Particle, number: int) -> None:
        if not super()._is_duplicate(p, number):
            super()._note_received(p, number)


class WaitsForTheNextPause(Inbox):
    def _redirect(self, turn: Turn) -> None:
        """What last went to a service that is gone waits for its turn."""


class ListensAfterTheEnd(Inbox):
    def take(self, turn: Turn, service: int, item: Item) -> tuple[int, ...]:
        turn.particle.ended = False
        return super().take(turn, service, item)


class KeepsItsKeys(OwnAddresses):
    def _forget(self, p: Particle) -> None:
        """The keys of an ended relationship stay."""


class NeverRenews(OwnAddresses):
    def refresh(self, turn: Turn, *, in_conversation: bool, everywhere: bool = False) -> None:
        if everywhere:
            super().refresh(turn, in_conversation=in_conversation, everywhere=True)


class StaysWhereItWas(OwnAddresses):
    def replace(self, turn: Turn, old: int, setting: Setting, announce_ms: int, *, leave: bool) -> None:
        services = turn.particle.services
        super().replace(turn, old, setting, announce_ms, leave=leave)
        turn.particle.services = services


class ReleasesAtOnce(OwnAddresses):
    def _may_release(self, turn: Turn, due_ms: int) -> bool:
        return True


class LeavesAtOnce(RelationshipManager):
    def _may_leave(self, p: Particle, now_ms: int, service: int, is_empty: Callable[[Root], bool]) -> bool:
        return True


class ForgetsWhatIsSpent(ReceivingService):
    def _spend(self, arrival: Arrival) -> Position | SpentBlock:
        labels = self._tables.label._labels
        before = dict(labels)
        spent = super()._spend(arrival)
        labels.update(before)
        return spent


class RevokesNothing(ReceivingService):
    def revoke(self, root: Root, epoch: int | None = None) -> None:
        """The owner's wish has no effect."""


class KeepsWhatIsConfirmed(ReceivingService):
    def confirm(self, now_ms: int, root: Root, numbers: frozenset[int]) -> None:
        """What the device has stays in the store."""


class NeverGivesUp(SendingService):
    def _keep(self, ticket: Ticket, entry: Entry) -> None:
        super()._keep(ticket, msgspec.structs.replace(entry, not_after_ms=1 << 62))


class GivesUpEarly(SendingService):
    def _keep(self, ticket: Ticket, entry: Entry) -> None:
        early_ms = min(entry.not_after_ms, entry.silent_ms + 3_600_000)
        super()._keep(ticket, msgspec.structs.replace(entry, not_after_ms=early_ms))


class RetriesWithoutJitter(SendingService):
    def outcome(
        self,
        now_ms: int,
        ticket: Ticket,
        *,
        answered: bool,
        draw: float,
        refusal: ErrorClass | None = None,
        retry_after_ms: int = 0,
    ) -> Outcome:
        return super().outcome(now_ms, ticket, answered=answered, draw=0.0)


class ReportsNoSilence(SendingService):
    def _keep(self, ticket: Ticket, entry: Entry) -> None:
        super()._keep(ticket, msgspec.structs.replace(entry, noticed=True))


class IgnoresExpiry(ReceivingService):
    def _check_expiry(self, now_ms: int) -> int:
        return 0


class ReusesAVersion(OwnAddresses):
    def refresh(self, turn: Turn, *, in_conversation: bool, everywhere: bool = False) -> None:
        p, before = turn.particle, turn.particle.version
        super().refresh(turn, in_conversation=in_conversation, everywhere=everywhere)
        p.version = before or p.version


class LeavesEarly(RelationshipManager):
    def _may_leave(self, p: Particle, now_ms: int, service: int, is_empty: Callable[[Root], bool]) -> bool:
        early = p.copy()
        early.release_due.pop(service, None)
        return super()._may_leave(early, now_ms, service, is_empty)


class LeavesWhatIsStored(RelationshipManager):
    def _may_leave(self, p: Particle, now_ms: int, service: int, is_empty: Callable[[Root], bool]) -> bool:
        return super()._may_leave(p, now_ms, service, lambda root: True)


class BelievesStrangers(Inbox):
    def _take_restart(self, turn: Turn, service: int, ciphertext: bytes) -> tuple[int, ...]:
        known = len(turn.events)
        found = super()._take_restart(turn, service, ciphertext)
        if len(turn.events) == known:
            self._deliver(turn, service, 1 << 20, ciphertext[:16])
        return found


class IgnoresTheHumanRate(Outbox):
    def send_receipt(self, turn: Turn) -> None:
        turn.particle.credit = max(turn.particle.credit, 1)
        super().send_receipt(turn)

    def send_update(self, turn: Turn) -> None:
        turn.particle.credit = max(turn.particle.credit, 1)
        super().send_update(turn)

    def send_request(self, turn: Turn) -> None:
        turn.particle.credit = max(turn.particle.credit, 1)
        super().send_request(turn)


class WritesAfterTheEnd(RelationshipManager):
    def deadline_ms(self, relationship: int) -> int:
        p = self._of(relationship).copy()
        p.ended = False
        return p.deadline_ms()

    def wake(self, now_ms: int, relationship: int, reach: Reach) -> Step:
        ended = self._of(relationship).ended
        self._of(relationship).ended = False
        step = super().wake(now_ms, relationship, reach)
        self._of(relationship).ended = ended
        return step


class SpendsTheLast(Outbox):
    def _choose(
        self, turn: Turn, offers: Sequence[Grant], senders: Sequence[int], attempt: int, *, news: bool
    ) -> Path | None:
        return super()._choose(turn, offers, senders, attempt, news=True)


class TakesOneRound(Outbox):
    def _choose(
        self, turn: Turn, offers: Sequence[Grant], senders: Sequence[int], attempt: int, *, news: bool
    ) -> Path | None:
        p, turns = turn.particle, turn.particle.turns
        p.turns = dict.fromkeys([*turns, *senders], sum(turns.values()))
        path = super()._choose(turn, offers, senders, attempt, news=news)
        p.turns = turns
        return path


class ChoosesFreely(Outbox):
    def _choose(
        self, turn: Turn, offers: Sequence[Grant], senders: Sequence[int], attempt: int, *, news: bool
    ) -> Path | None:
        p, turns = turn.particle, turn.particle.turns
        p.turns = dict.fromkeys(senders, (turn.now_ms // 60_000) * 0x9E3779B1 >> 7 & 1)
        path = super()._choose(turn, offers, senders, attempt, news=news)
        p.turns = turns
        return path
