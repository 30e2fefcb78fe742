"""What leaves one relationship: messages and their escalation, announcements, receipts, renewals.

Theory. At-least-once over unreliable services: a message stays in the outbox until a cumulative receipt covers it, and
is sent again over another path, as new bytes to a fresh address, when the wait grows longer than the slowest receipt
of a reachable peer (DELIV-9). Every transmission carries the receipt, the version of the peer's set that is held, and
the complete own set until the peer confirmed it; so whatever gets through repairs everything that was lost before.

The parts of a wake, in the order of the population model: messages, announcement of a move, receipt, renewal, request.

Rules:

1. People cause traffic: an automated command spends credit, a receipt answers only what people caused (STATE-12).
2. The ratchet, the position and the turn are advanced in the working copy; the manager makes it durable before the
   bytes leave (SES-15).
3. Whatever travels carries the own set until that is confirmed (STATE-15). Departure: a long content beside batches of
   two-layer/1 can leave no room; then the digests stay behind, and if need be the set, which goes with what follows.
   Before the first reply a content that has no room beside the set waits for that reply: whom nobody knows yet, nobody
   can answer.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from communicator_impl import session as sessions
from communicator_impl.body import Body, Received, encode_body, encode_read, encode_resync
from communicator_impl.body import Kind as BodyKind
from communicator_impl.entropy import Entropy
from communicator_impl.errors import InputError, OwnError
from communicator_impl.own_addresses import OwnAddresses
from communicator_impl.particle import Particle
from communicator_impl.particle_fields import NEVER, Queued
from communicator_impl.peer_addresses import PeerAddresses
from communicator_impl.ratchet import MESSAGE_OVERHEAD
from communicator_impl.session import Session
from communicator_impl.turn import Outgoing, Turn
from communicator_spec import (
    NONE,
    Command,
    ErrorClass,
    Grant,
    Kind,
    Path,
    Terms,
    apart_from,
    choose_path,
    escalation_ms,
    ranges,
    usable,
)
from communicator_spec.parameters import PARAMETERS

__all__ = ["CONTENT_BYTES_MAX", "Outbox"]

_E, _S = PARAMETERS.envelope, PARAMETERS.session
_RANGE_BYTES: Final = 19  # two numbers of at most 9 bytes, and the array around them
_REST_BYTES: Final = 64  # the other fields of a body
_FIRST_ROOM: Final = max(_E.ciphertext_classes_bytes) - _S.opening_sealed_bytes - MESSAGE_OVERHEAD
CONTENT_BYTES_MAX: Final = _FIRST_ROOM - _S.length_prefix_bytes - _E.received_ranges_max * _RANGE_BYTES - _REST_BYTES
"""The longest content that fits any body, that of a first message with a full receipt included."""

_ATTEMPT_SLOTS: Final = 64
_CONTROL_DRAWS: Final = 1 << 32


class Outbox:
    """What leaves, for all relationships of one person."""

    def __init__(self, terms: Terms, own: OwnAddresses, peer: PeerAddresses, entropy: Entropy) -> None:
        self._terms = terms
        self._own = own
        self._peer = peer
        self._entropy = entropy

    def submit(self, turn: Turn, content: bytes) -> int:
        """Take a message from the application; return its number."""
        if len(content) > CONTENT_BYTES_MAX:  # ENV-11
            raise InputError(ErrorClass.TOO_LARGE, f"content of {len(content)} bytes")
        p = turn.particle
        number = p.next_number
        p.next_number += 1  # ENV-17
        turn.report(Kind.ACCEPTED, message=number, value=0)
        if p.ended:  # PORT-12, PORT-13: nobody will hear it
            turn.report(Kind.FAILED, message=number)
        else:
            p.outbox[number] = Queued(content, turn.now_ms, turn.now_ms)
            p.credit += 1
        return number

    def rewind(self, turn: Turn) -> None:
        """Take what was accepted at a time that has not come as accepted now."""
        outbox = turn.particle.outbox
        for number, entry in outbox.items():
            if entry.accepted_ms > turn.now_ms:
                outbox[number] = msgspec.structs.replace(entry, accepted_ms=turn.now_ms, due_ms=turn.now_ms)

    def send_messages(self, turn: Turn) -> None:
        """Send or escalate what is due."""
        p = turn.particle
        for number, entry in list(p.outbox.items()):
            if entry.due_ms > turn.now_ms:
                continue
            last_ms = entry.accepted_ms + self._terms.message_lifetime_ms
            if turn.now_ms >= last_ms:  # DELIV-10
                del p.outbox[number]
                turn.report(Kind.FAILED, message=number)
                continue
            self._own.refresh(turn, in_conversation=True)
            p.outbox[number] = self._send_message(turn, number, entry, last_ms)

    def _send_message(self, turn: Turn, number: int, entry: Queued, last_ms: int) -> Queued:
        p, terms = turn.particle, self._terms
        if self._waits_for_room(p, number):  # SES-33
            return self._send_set_first(turn, entry, last_ms)
        senders = self._senders(turn)
        offers = self._peer.offers(turn)
        attempt, news = number + entry.attempts, p.confirmed < p.version
        path = self._choose(turn, offers, senders, attempt, news=news)
        if path is None:
            # no sending service: soon again; no usable address: when the peer's next set arrives
            due_ms = last_ms if senders else min(turn.now_ms + terms.retry_max_ms, last_ms)
            return msgspec.structs.replace(entry, due_ms=due_ms, service=NONE)
        self._transmit(turn, path, Command.MESSAGE, number, number * _ATTEMPT_SLOTS + entry.attempts)
        attempts = entry.attempts + 1
        due_ms = min(turn.now_ms + escalation_ms(attempts, terms), last_ms)
        return msgspec.structs.replace(entry, attempts=attempts, service=path.grant.service, due_ms=due_ms)

    def _send_set_first(self, turn: Turn, entry: Queued, last_ms: int) -> Queued:
        """Tell the peer where to answer, in the place of a message that waits for the answer."""
        p, attempts = turn.particle, entry.attempts + 1
        if p.credit > 0 and not turn.out:
            p.credit -= self._send_control(turn, Command.UPDATE, 1)
        due_ms = min(turn.now_ms + escalation_ms(attempts, self._terms), last_ms)
        return msgspec.structs.replace(entry, attempts=attempts, due_ms=due_ms, service=NONE)

    def _waits_for_room(self, p: Particle, number: int) -> bool:
        """Tell whether a content has to wait for the first reply, because it and the set do not fit an opening."""
        session = _session_of(p)
        if not session.awaits_reply:
            return False
        news = self._own.complete_set(p) if p.confirmed < p.version and p.mine else None
        body = Body(BodyKind.MESSAGE, self._receipt(p), p.held_version, number, news)
        whole = msgspec.structs.replace(body, content=p.outbox[number].content)
        return _encode_within(whole, sessions.room(session)) is None

    def send_notice(self, turn: Turn) -> None:
        """Announce a move to all of the peer's services, later attempts to one."""
        p = turn.particle
        self._own.refresh(turn, in_conversation=False)
        if p.version < max(p.moved.values(), default=0):  # the replacement is out of reach: nothing to announce yet
            p.notice_due = turn.now_ms + self._terms.retry_max_ms
            return
        most = 1 if p.notice_attempts else len(p.held)
        self._send_control(turn, Command.MOVED, most)
        p.notice_attempts += 1
        p.notice_due = turn.now_ms + escalation_ms(p.notice_attempts, self._terms)

    def send_receipt(self, turn: Turn) -> None:
        """Send a receipt by itself, if nothing carried it so far and people caused as much."""
        p = turn.particle
        if p.credit <= 0:  # STATE-12
            p.receipt_due = NEVER
            return
        self._own.refresh(turn, in_conversation=True)
        p.credit -= self._send_control(turn, Command.RECEIPT, 1, apart=p.receipt_from)
        p.receipt_due = NEVER

    def send_update(self, turn: Turn) -> None:
        """Renew a long-term address of an idle relationship, and tell the peer."""
        p = turn.particle
        self._own.refresh(turn, in_conversation=False)
        if p.update_due > turn.now_ms and p.confirmed < p.version and p.credit > 0:  # STATE-12
            p.credit -= self._send_control(turn, Command.UPDATE, p.credit)
        elif p.update_due <= turn.now_ms:
            p.update_due = turn.now_ms + self._terms.retry_max_ms

    def send_request(self, turn: Turn) -> None:
        """Ask for the peer's set, because all its long-term grants are about to end (STATE-29)."""
        p = turn.particle
        p.request_due = NEVER
        if p.credit > 0:  # STATE-12
            self._own.refresh(turn, in_conversation=False)
            p.credit -= self._send_control(turn, Command.REQUEST_UPDATE, 1)

    def send_end(self, turn: Turn) -> None:
        """Tell the peer of the end, once at each of its services (DELIV-31)."""
        self._send_control(turn, Command.END, len(turn.particle.held))

    def send_read(self, turn: Turn) -> None:
        """Tell which messages the person has seen, if people caused as much (CONT-11)."""
        p = turn.particle
        p.read_due = NEVER
        if p.credit > 0 and p.tells_read:  # CONT-9
            self._own.refresh(turn, in_conversation=True)
            p.credit -= self._send_control(turn, Command.READ, 1)

    def send_resync(self, turn: Turn) -> None:
        """Begin anew at each of the peer's services, at its long-term address if that is usable (12.6, step 3)."""
        p = turn.particle
        if not p.roots:  # PORT-32: who has never had a set makes the first one
            self._own.refresh(turn, in_conversation=True, everywhere=True)
        senders = self._senders(turn)
        for service in sorted({grant.service for grant in p.held}):
            offers = tuple(g for g in self._peer.offers(turn) if g.service == service)
            lasting = tuple(g for g in offers if g.long_term and usable(g, p.used.get(g[:2], 0), turn.now_ms))
            path = self._choose(turn, lasting or offers, senders, p.automated, news=True)
            if path is not None:
                self._transmit(turn, path, Command.RESYNC, NONE, _CONTROL_DRAWS + p.automated)
                p.automated += 1

    def _choose(
        self, turn: Turn, offers: Sequence[Grant], senders: Sequence[int], attempt: int, *, news: bool
    ) -> Path | None:
        """Choose how the next transmission travels to one of these grants."""
        p = turn.particle
        held = [(grant, p.used.get(grant[:2], 0)) for grant in offers]
        return choose_path(turn.now_ms, held, senders, lambda via: p.turns.get(via, 0), attempt, p.suspects, news)

    def _send_control(self, turn: Turn, command: Command, most: int, apart: int = NONE) -> int:
        """Send a command to at most `most` of the peer's receiving services; return to how many (DELIV-15).

        Sending services whose operator runs `apart` come last.
        """
        p = turn.particle
        senders = apart_from(self._senders(turn), apart)
        sent = 0
        for service in sorted({grant.service for grant in p.held}):
            if sent == most:
                break
            held = self._peer.offers(turn)
            offers = held if most == 1 else tuple(g for g in held if g.service == service)
            news = p.confirmed < p.version
            path = self._choose(turn, offers, senders, p.automated, news=news)
            if path is not None:
                self._transmit(turn, path, command, NONE, _CONTROL_DRAWS + p.automated)
                p.automated += 1
                sent += 1
        return sent

    def suspect(self, turn: Turn, service: int, reference: int) -> None:
        """Avoid a service that does not answer; its message escalates at once if there is another one (DELIV-6)."""
        p, now_ms = turn.particle, turn.now_ms
        p.suspects[service] = now_ms + self._terms.suspect_ms
        entry = p.outbox.get(reference)
        others = any(p.suspects.get(g.service, 0) <= now_ms and g.valid_until_ms > now_ms for g in p.held)
        if entry is not None and entry.service == service and others:
            p.outbox[reference] = msgspec.structs.replace(entry, due_ms=now_ms)

    def _senders(self, turn: Turn) -> list[int]:
        up = turn.reach.sending
        return [sender for sender in turn.particle.senders if up[sender]]

    # ---------------------------------------------------------------- one transmission

    def _transmit(self, turn: Turn, path: Path, command: Command, number: int, draw_index: int) -> None:
        """Seal a body to one address and gather the hand-over.

        1. take a position of the grant
        2. build the body; whatever travels carries the receipt
        3. encrypt it in the session, seal it to the address
        """
        p, via, grant = turn.particle, path.via, path.grant
        position = self._peer.take(p, grant)  # 1
        p.turns[via] = p.turns.get(via, 0) + 1
        p.receipt_due = NEVER
        if p.previous is not None:  # PORT-27
            p.cutoff = min(p.cutoff, max(p.beyond, default=p.floor - 1) + 1)
        plain = self._body(p, command, number)  # 2
        p.session, ciphertext = sessions.seal(_session_of(p), plain, self._entropy)  # 3
        request = self._peer.seal(turn, grant, position, ciphertext)
        turn.report(Kind.SENT, number, grant.service, grant.serial, position, via, command)
        # DELIV-22
        not_after_ms = min(turn.now_ms + self._terms.queue_lifetime_ms, grant.valid_until_ms)
        out = Outgoing(via, grant.service, not_after_ms, request, turn.relationship, number, draw_index)
        turn.out.append(out)

    def _body(self, p: Particle, command: Command, number: int) -> bytes:
        """Return the plaintext: the command, and always the state of the relationship."""
        is_message = command is Command.MESSAGE
        body = Body(
            BodyKind(command),
            self._receipt(p),  # DELIV-17
            p.held_version,  # STATE-16
            number=number if is_message else None,
        )
        content = p.outbox[number].content if is_message else self._content(p, command, body.received)
        return self._attach_set(p, msgspec.structs.replace(body, content=content))

    def _content(self, p: Particle, command: Command, received: Received) -> bytes | None:
        if command is Command.RESYNC:
            return encode_resync(p.next_number)
        if command is Command.READ:
            above = [n for n in p.read_beyond if n in received]  # CONT-12
            return encode_read(Received(p.read_floor, ranges(above, self._terms.ranges_max)))
        return None

    def _receipt(self, p: Particle) -> Received:
        return Received(p.floor, ranges(p.beyond, self._terms.ranges_max) if p.beyond else ())

    def _attach_set(self, p: Particle, body: Body) -> bytes:
        """Encode a body with the own set in it, until the peer confirmed that (STATE-15)."""
        if p.confirmed >= p.version or not p.mine:  # 12.6: none that is fresh, and no service in reach
            return encode_body(body)
        news = msgspec.structs.replace(body, addresses=self._own.complete_set(p))
        checked = msgspec.structs.replace(news, digests=self._own.digests(p))
        for form in (checked, news):
            plain = _encode_within(form, sessions.room(_session_of(p)))
            if plain is not None:
                return plain
        return encode_body(body)


def _encode_within(body: Body, room: int) -> bytes | None:
    """Encode a body if it fits; one that no device would take does not fit either (ENV-7)."""
    try:
        plain = encode_body(body)
    except InputError as error:
        if error.error_class is not ErrorClass.TOO_LARGE:
            raise
        return None
    return plain if len(plain) <= room else None


def _session_of(p: Particle) -> Session:
    if p.session is None:
        raise OwnError(ErrorClass.REFUSED, "no session yet")
    return p.session
