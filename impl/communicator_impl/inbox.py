"""What arrives in one relationship: opening it, applying it, and handing it to the application once.

Theory. Whatever got through is trusted for what it says about its sender's state, in any order and any number of
times: a set counts if it is newer, a confirmation if it is higher, a receipt adds up, and a message is delivered if
its number is new. So loss, duplicates and reordering need no treatment of their own.

Applying a body, in the order of the population model:

1. adopt a newer set, and send again at once what last went to a service that it does not contain
2. note which version of the own set the peer holds
3. drop what the receipt covers from the outbox
4. deliver a message, or note an automated command
5. plan a receipt, if a person caused this

What the session does not open may be of the one before, or begin a new one: `resynchronisation` has the rules.

Rules:

1. Bytes that do not open change nothing but the count of spent addresses, and nobody learns of it.
2. Automated commands cause no automated command (STATE-13): only a message and an announcement of a move are
   answered by a receipt. A request for an update makes the own set travel with whatever goes next.
3. A delivered message stays in the Particle's inbox until the application has confirmed its number; a crash in
   between shows it to the application again under the same number.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from communicator_impl import session as sessions
from communicator_impl.body import Body, decode_body, read_of
from communicator_impl.body import Kind as BodyKind
from communicator_impl.entropy import Entropy
from communicator_impl.errors import InputError, PeerError
from communicator_impl.introduction import Introduction
from communicator_impl.own_addresses import OwnAddresses
from communicator_impl.particle import Particle
from communicator_impl.particle_fields import NEVER, Delivered, Request
from communicator_impl.peer_addresses import PeerAddresses
from communicator_impl.resynchronisation import Resynchronisation, is_sign
from communicator_impl.root_record import Item
from communicator_impl.turn import ServiceBook, Turn
from communicator_spec import Command, ErrorClass, Kind, Terms, covers, receipt_delay_ms

__all__ = ["Inbox", "Received"]


_ANSWERED: Final = (Command.MESSAGE, Command.MOVED, Command.RESYNC)


class Received(NamedTuple):
    """What a host does after `receive`: hand over, carry out, then confirm at the receiving service.

    `differing` names services whose configuration the peer sees otherwise than we do (T8). A rotation of keys does that
    too while messages are under way: the host fetches the configuration anew, and warns if a later message differs.
    """

    deliveries: tuple[Delivered, ...]
    confirm: frozenset[int]
    requests: tuple[Request, ...] = ()
    differing: tuple[int, ...] = ()


class Inbox:
    """What arrives, for all relationships of one person."""

    def __init__(
        self,
        terms: Terms,
        book: ServiceBook,
        own: OwnAddresses,
        peer: PeerAddresses,
        entropy: Entropy,
        introduction: Introduction,
    ) -> None:
        self._terms = terms
        self._book = book
        self._own = own
        self._peer = peer
        self._entropy = entropy
        self._resync = Resynchronisation(terms, peer, entropy)
        self._introduction = introduction

    def take(self, turn: Turn, service: int, item: Item) -> tuple[int, ...]:
        """Open and apply one item; return the services whose configuration differs."""
        if turn.particle.ended:
            return ()
        self._own.note_spent(turn, service, item.serial, item.position)
        if turn.particle.session is None:
            return self._take_first(turn, service, item.body, turn.now_s)
        try:
            body = self._open(turn.particle, item.body)
        except PeerError:
            return self._take_otherwise(turn, service, item.body)
        if turn.particle.asked:
            return self._go_on(turn, service, body)
        if not turn.particle.restored and self._is_sign(turn.particle, body):  # PORT-18
            self._resync.expect(turn, suspected=True)
        return self._apply(turn, service, body)

    def _is_sign(self, p: Particle, body: Body) -> bool:
        return is_sign(p, body)

    def admit(self, turn: Turn, service: int, item: Item, came_s: int) -> None:
        """Take a first message that waited for the person since `came_s` (DIR-11)."""
        self._own.note_spent(turn, service, item.serial, item.position)
        self._take_first(turn, service, item.body, came_s)

    def _take_first(self, turn: Turn, service: int, ciphertext: bytes, came_s: int) -> tuple[int, ...]:
        """Take what a stranger wrote to a contact; what does not open changes nothing (SES-28)."""
        before = turn.particle.session
        try:
            body = self._introduction.welcome(turn, ciphertext, came_s)
        except PeerError:
            turn.particle.session = before  # SES-16
            return ()
        if turn.particle.restart_s:  # PORT-31
            return self._go_on(turn, service, body)
        return self._apply(turn, service, body)

    def _take_otherwise(self, turn: Turn, service: int, ciphertext: bytes) -> tuple[int, ...]:
        """Take what the peer sent in the session before, or to begin a new one; of the first, only what people did."""
        try:
            body = self._resync.read_old(turn, ciphertext)
        except PeerError:
            return self._take_restart(turn, service, ciphertext)
        if body.number is not None:
            self._deliver(turn, service, body.number, body.content or b"")
            self._plan_receipt(turn, service, Command.MESSAGE)
        elif body.kind is BodyKind.END:
            turn.report(Kind.RECEIVED, service=service, value=Command.END)
            self._end(turn)
        return ()

    def _take_restart(self, turn: Turn, service: int, ciphertext: bytes) -> tuple[int, ...]:
        try:
            body = self._resync.answer(turn, ciphertext)
        except PeerError:
            return ()  # SES-16: nothing happened
        differing = self._go_on(turn, service, body)
        if not turn.particle.ended:
            self._plan_receipt(turn, service, Command.RESYNC)
        return differing

    def _go_on(self, turn: Turn, service: int, body: Body) -> tuple[int, ...]:
        """Apply the first body of a new session, and continue from it."""
        p = turn.particle
        restored = p.restored
        differing = self._apply(turn, service, body)
        if not p.ended:
            self._resync.conclude(turn, body)
            if restored:
                self._acknowledge(turn, body)
        return differing

    def note_read(self, turn: Turn, numbers: Iterable[int]) -> None:
        """Take what the person has seen, and plan to tell the peer, if the person wants that (CONT-9, CONT-10)."""
        p = turn.particle
        for number in numbers:
            if not self._is_duplicate(p, number):
                raise InputError(ErrorClass.UNKNOWN, f"no message {number} was received")
            if p.tells_read and number >= p.read_floor:
                p.read_beyond.add(number)
                p.read_due = min(p.read_due, turn.now_ms + self._receipt_delay_ms(turn))
        p.read_floor = _absorbed(p.read_floor, p.read_beyond)

    def _open(self, p: Particle, ciphertext: bytes) -> Body:
        """Decrypt and parse; only then does the session move on (SES-16)."""
        if p.session is None:
            raise PeerError(ErrorClass.UNKNOWN, "no session yet")
        session, plain = sessions.open_message(p.session, ciphertext, self._entropy)
        body = decode_body(plain)
        p.session = session
        return body

    def _apply(self, turn: Turn, service: int, body: Body) -> tuple[int, ...]:
        p, command = turn.particle, Command(body.kind)
        if body.addresses is not None and self._peer.is_newer(p, body.addresses):  # 1, STATE-17
            self._peer.adopt(p, body.addresses)
            p.credit += command is Command.MOVED  # the peer's person decided
            turn.report(Kind.UPDATED, value=p.held_version)
            self._redirect(turn)
        if not p.restored:  # else the peer speaks of what this end does not remember
            if body.holds > p.confirmed:  # 2
                self._own.confirm(turn, min(body.holds, p.version))
                self._own.close_contact(turn)
            self._acknowledge(turn, body)  # 3
        if body.number is not None:  # 4, CONT-13
            self._deliver(turn, service, body.number, body.content or b"")
        else:
            turn.report(Kind.RECEIVED, service=service, value=command)
            self._obey(turn, body)
        if command is not Command.RESYNC:  # which is acknowledged once, where it begins a session
            self._plan_receipt(turn, service, command)  # 5
        return self._differing(body)

    def _redirect(self, turn: Turn) -> None:
        """Send again at once what last went nowhere, or to a service that the newer set does not contain (DELIV-19)."""
        p = turn.particle
        present = {grant.service for grant in p.held}
        for number, entry in p.outbox.items():
            if entry.service not in present:
                p.outbox[number] = msgspec.structs.replace(entry, due_ms=turn.now_ms)

    def _acknowledge(self, turn: Turn, body: Body) -> None:
        p = turn.particle
        floor, above = body.received.floor, body.received.ranges
        for number in [n for n in p.outbox if covers(floor, above, n)]:
            del p.outbox[number]
            turn.report(Kind.ACKNOWLEDGED, message=number)

    def _deliver(self, turn: Turn, service: int, number: int, content: bytes) -> None:
        p = turn.particle
        if self._is_duplicate(p, number):  # DELIV-2
            turn.report(Kind.DUPLICATE, message=number, service=service)
            return
        self._note_received(p, number)  # DELIV-16: nothing waits for a lower number
        p.credit += 1
        p.inbox = (*p.inbox, Delivered(number, content))
        turn.report(Kind.DELIVERED, message=number, service=service)

    def _is_duplicate(self, p: Particle, number: int) -> bool:
        return number < p.floor or number in p.beyond

    def _note_received(self, p: Particle, number: int) -> None:
        p.beyond.add(number)
        p.floor = _absorbed(p.floor, p.beyond)

    def _obey(self, turn: Turn, body: Body) -> None:
        """Follow a command in its own relationship, as far as it asks for more than the state says (DELIV-33)."""
        p = turn.particle
        if body.kind is BodyKind.REQUEST_UPDATE:
            p.confirmed = 0  # STATE-30
        elif body.kind is BodyKind.END:
            self._end(turn)
        elif body.kind is BodyKind.READ:
            p.seen = max(p.seen, read_of(body), key=lambda seen: (seen.floor, seen.ranges[-1:]))  # each says all

    def _end(self, turn: Turn) -> None:
        """The peer ended the relationship: nothing more is sent, and the application learns what was not (PORT-12)."""
        for number in turn.particle.outbox:
            turn.report(Kind.FAILED, message=number)
        turn.particle.outbox.clear()
        self._own.end(turn)

    def _plan_receipt(self, turn: Turn, service: int, command: Command) -> None:
        p = turn.particle
        if command in _ANSWERED and p.receipt_due == NEVER:  # DELIV-13: only what people caused
            p.receipt_due = turn.now_ms + self._receipt_delay_ms(turn)
            p.receipt_from = service
            p.receipts += 1

    def _receipt_delay_ms(self, turn: Turn) -> int:
        """Hold a receipt back, by a draw for this relationship and the number of its receipts (DELIV-14)."""
        draw = self._entropy.fraction("receipt-delay", turn.relationship, turn.particle.receipts)
        return receipt_delay_ms(draw, self._terms)

    def _differing(self, body: Body) -> tuple[int, ...]:
        found = []
        for uri, digest in body.digests or ():
            service = self._book.number(uri)
            config = self._book.config(service)
            if config is not None and config.digest() != digest:  # T8
                found.append(service)
        return tuple(found)


def _absorbed(floor: int, beyond: set[int]) -> int:
    """Take what follows the floor out of the numbers above it; return the new floor."""
    while floor in beyond:
        beyond.remove(floor)
        floor += 1
    return floor
